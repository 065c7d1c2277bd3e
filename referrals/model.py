"""Pure values of shares and touches: what can be shared, where a share grows, and which visits are one."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from keel.ids import TICKS_PER_MS, text_of

# Letters and digits that nobody takes for others, all of them good in the `scene` of a mini-program's code.
ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
CODE_CHARS: Final = 9  # 52 bits: with a million shares, one guess in five thousand million finds one
CODE_CHARS_MIN: Final = 8
CODE_CHARS_MAX: Final = 10
CODE_SHAPE: Final = rf"^[2-9A-HJ-NP-Za-km-z]{{{CODE_CHARS_MIN},{CODE_CHARS_MAX}}}$"
DEPTH_MAX: Final = 30  # shares above a share; how far something spread, and never how far anybody is paid
PAGE_MAX: Final = 100
COMMUNITY_CHARS_MAX: Final = 128
ONE_VISIT_S: Final = 60  # a visitor's visits through one share within these parts of an hour are one
NAME_CHARS_MAX: Final = 40
_KNOWN: Final = frozenset(ALPHABET)
_COUNT_BITS: Final = 12
_TAIL_BITS: Final = 62


class TargetKind(StrEnum):
    """What can be shared."""

    ROOM = "room"
    SESSION = "session"
    PRODUCT = "product"
    CAMPAIGN = "campaign"


class Channel(StrEnum):
    """Where the visitor found the card, as his client learned it."""

    PRIVATE_CHAT = "private_chat"
    GROUP = "group"
    MOMENTS = "moments"
    POSTER = "poster"
    QR = "qr"
    OFFICIAL_ACCOUNT = "official_account"
    OFFLINE_STORE = "offline_store"
    UNKNOWN = "unknown"


_CHANNELS: Final = {channel.value: channel for channel in Channel}


@dataclass(frozen=True, slots=True)
class Target:
    """Something to share. The `family_id` is the room's of a room and of its sessions, else the target's own id.

    `campaign`: the name of the campaign, where the target is one.
    """

    kind: TargetKind
    id: str
    family_id: str
    title: str
    campaign: str | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A share's place in its tree: `path` are the ids above it, from the root down to the parent."""

    id: str
    sharer_id: str
    root_id: str
    path: tuple[str, ...] = ()

    @property
    def depth(self) -> int:
        """How many shares are above it."""
        return len(self.path)

    @property
    def parent_id(self) -> str | None:
        """The share right above it; None for a root."""
        return self.path[-1] if self.path else None


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody came through a code, where it is one of this merchant. `session_id`: the broadcast he came into."""

    merchant_id: str
    code: str
    visitor_id: str
    at_ms: int
    channel: Channel = Channel.UNKNOWN
    community: str | None = None
    session_id: str | None = None

    @property
    def id(self) -> str:
        """The touch's."""
        return touch_id(self.visitor_id, self.code, self.at_ms)

    def and_again(self, later: "Visit") -> "Visit":
        """Two visits that are one touch: the earlier time, and what only one of them knew."""
        return replace(
            self,
            at_ms=min(self.at_ms, later.at_ms),
            channel=later.channel if self.channel is Channel.UNKNOWN else self.channel,
            community=self.community or later.community,
            session_id=self.session_id or later.session_id,
        )


def new_code() -> str:
    """A code that nobody can guess."""
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_CHARS))


def is_code(text: str) -> bool:
    """Whether a text could be a code at all."""
    return CODE_CHARS_MIN <= len(text) <= CODE_CHARS_MAX and _KNOWN.issuperset(text)


def is_community(text: str) -> bool:
    """Whether a text may be the id of a group: opaque to us, but short and printable."""
    return 0 < len(text) <= COMMUNITY_CHARS_MAX and text.isascii() and text.isprintable() and " " not in text


def channel_of(text: str | None) -> Channel:
    """A channel by its name; what nobody knows is unknown."""
    return _CHANNELS.get(text or "", Channel.UNKNOWN)


def place_under(people: Sequence[str], line: Sequence[Node]) -> Node | None:
    """The share under which a person's own share grows; None makes it a root.

    `line`: the share that the person came through, with all above it, from the root down; empty where he came by
    himself. Who is in that line already grows beside himself, not below: two friends who go back and forth through each
    other's links make no deep tree. Below the greatest depth everybody grows on the last level that is left: nobody is
    refused a link for what he cannot see.
    """
    own = next((number for number, node in enumerate(line) if node.sharer_id in people), len(line))
    above = line[: min(own, DEPTH_MAX)]
    return above[-1] if above else None


def path_under(parent: Node | None) -> tuple[str, ...]:
    """The path of a share that grows under another, or as a root."""
    return () if parent is None else (*parent.path, parent.id)


def touch_id(visitor_id: str, code: str, at_ms: int) -> str:
    """The id of a visit, the same in every process for all visits that count as one.

    A UUIDv7 whose time is where the minute began and whose other bits are a digest, so that nothing has to be looked up
    to know a repetition. The broadcast is none of them: one opening is heard of over HTTP, which does not know it for
    every link, and over the socket, which does.
    """
    begun_ms = at_ms - at_ms % (ONE_VISIT_S * 1000)
    digest = hashlib.sha256(f"{visitor_id} {code} {begun_ms}".encode()).digest()
    bits = int.from_bytes(digest) >> (len(digest) * 8 - _COUNT_BITS - _TAIL_BITS)
    return text_of(begun_ms * TICKS_PER_MS + (bits >> _TAIL_BITS), bits & (1 << _TAIL_BITS) - 1)
