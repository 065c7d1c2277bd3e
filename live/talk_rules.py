"""Who may say what in a room, decided from what is known at the moment. Pure: no engine, and time is an argument.

What must hold over several gateways (who spoke when, and what) is Redis's to say: live.gate_talk. What staff decided is
read from PostgreSQL: live.talk_book.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from keel.clock import rfc3339
from keel.errors import Malformed, Refusal
from live.errors_talk import Banned, CommentRefused, Muted, TalkClosed
from live.messages import COMMENT_CHARS_MAX
from live.word_filter import Action, WordFilter

ACCENTS_MAX: Final = 4  # on one letter; more of them climb over the lines above
NAME_CHARS_MAX: Final = 64
SLOW_MODE_S_MAX: Final = 3_600
SILENCE_S_MAX: Final = 365 * 86_400


class Silence(StrEnum):
    """Mute: may not speak. Ban: may not be here. Shadow: speaks, and only he reads it."""

    MUTE = "mute"
    BAN = "ban"
    SHADOW = "shadow"


class CommentState(StrEnum):
    """What became of a comment. Waiting ones are read by a moderator first; shadowed ones by their author alone."""

    SHOWN = "shown"
    WAITING = "waiting"
    SHADOWED = "shadowed"
    REJECTED = "rejected"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for everybody in a room who does not moderate it."""

    slow_mode_s: int = 0
    review: bool = False
    muted_all: bool = False

    def body(self) -> dict[str, Any]:
        """As the screens are told."""
        return {"slow_mode_s": self.slow_mode_s, "review": self.review, "muted_all": self.muted_all}


@dataclass(frozen=True, slots=True)
class Speaker:
    """Somebody in a room: a customer or a guest. `name` is what others read; `was`: ids that he had before."""

    viewer_id: str
    name: str | None = None
    moderates: bool = False
    was: tuple[str, ...] = ()

    @property
    def people(self) -> tuple[str, ...]:
        """Every id under which he may have been silenced."""
        return (self.viewer_id, *self.was)


@dataclass(frozen=True)
class RoomTalk:
    """What is known of the talk of a room. `silences`: until when (ms since 1970), by viewer and kind."""

    room_id: str
    merchant_id: str
    rules: Rules = Rules()
    silences: Mapping[tuple[str, Silence], int] = field(default_factory=dict)
    words: WordFilter = field(default_factory=WordFilter)

    def silenced_until(self, people: Iterable[str], kind: Silence, now_ms: int) -> int | None:
        """When a silence ends that runs now, of one person under any of these ids."""
        if not self.silences:
            return None
        until_ms = max((self.silences.get((viewer_id, kind), 0) for viewer_id in people), default=0)
        return until_ms if until_ms > now_ms else None

    @cached_property
    def banned_people(self) -> tuple[str, ...]:
        """Under which ids somebody is banned, or was until lately."""
        return tuple(person for person, kind in self.silences if kind is Silence.BAN)


def tidy(text: str) -> str:
    """A comment as it is kept: in one line, without what nobody sees at its ends. Raises Malformed."""
    if len(text) > COMMENT_CHARS_MAX:  # before anything is looked at sign by sign
        raise Malformed(detail=f"text: {len(text)} characters, {COMMENT_CHARS_MAX} at most")
    if any(unicodedata.category(sign) in {"Cc", "Cs", "Co", "Cn"} and sign not in "\n\t\r" for sign in text):
        raise Malformed(detail="text: holds control characters")
    tidied = " ".join(_few_accents(text).split())
    if not any(unicodedata.category(sign)[0] not in "ZC" for sign in tidied):
        raise Malformed(detail="text: is empty")
    return tidied


def _few_accents(text: str) -> str:
    kept: list[str] = []
    piled = 0
    for sign in text:
        piled = piled + 1 if unicodedata.category(sign) == "Mn" else 0
        if piled <= ACCENTS_MAX:
            kept.append(sign)
    return "".join(kept)


def banned(talk: RoomTalk, people: Iterable[str], now_ms: int) -> Banned | None:
    """Why a viewer with these ids may not come in, if so."""
    until_ms = talk.silenced_until(people, Silence.BAN, now_ms)
    return None if until_ms is None else Banned(until=rfc3339(until_ms))


def judge(talk: RoomTalk, speaker: Speaker, text: str, now_ms: int) -> CommentState | Refusal:
    """What becomes of a tidy comment, but for how often its author speaks. Moderators say what they like."""
    if speaker.moderates:
        return CommentState.SHOWN
    return _unheard(talk, speaker, now_ms) or _read(talk, speaker, text, now_ms)


def seems(talk: RoomTalk, speaker: Speaker, text: str) -> CommentState:
    """What an author is told of a comment that was taken: who is shadowed must not notice."""
    waits = not speaker.moderates and (talk.rules.review or talk.words.judge(text) is Action.REVIEW)
    return CommentState.WAITING if waits else CommentState.SHOWN


def _unheard(talk: RoomTalk, speaker: Speaker, now_ms: int) -> Refusal | None:
    is_banned = banned(talk, speaker.people, now_ms)
    if is_banned is not None:
        return is_banned
    until_ms = talk.silenced_until(speaker.people, Silence.MUTE, now_ms)
    if until_ms is not None:
        return Muted(until=rfc3339(until_ms))
    return TalkClosed() if talk.rules.muted_all else None


def _read(talk: RoomTalk, speaker: Speaker, text: str, now_ms: int) -> CommentState | Refusal:
    if talk.words.judge(text) is Action.REFUSE:
        return CommentRefused()
    if talk.silenced_until(speaker.people, Silence.SHADOW, now_ms) is not None:
        return CommentState.SHADOWED
    return seems(talk, speaker, text)
