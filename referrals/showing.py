"""Use cases of whoever has a code: what it leads to, and coming through it.

Codes that were never given out, that are another merchant's or that are none at all are answered alike, after the same
question to PostgreSQL: nobody learns from an answer, or from its time, that he is getting warm.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from accounts.tokens import Claims
from inventory.ledger import Ledger
from keel.errors import NotFound
from referrals import store_shares
from referrals.crawlers import is_nobody
from referrals.gathering import Touches
from referrals.limits import ShareLimits
from referrals.model import CODE_CHARS, Channel, is_code
from referrals.store_shares import Shown

NO_CODE: Final = "0" * CODE_CHARS  # of the length that codes have, and none can ever be this


@dataclass(frozen=True, slots=True)
class Doors:
    """What the use cases need."""

    ledger: Ledger
    touches: Touches
    limits: ShareLimits


@dataclass(frozen=True, slots=True)
class Found:
    """Where the visitor found the card, as his client says."""

    channel: Channel = Channel.UNKNOWN
    community: str | None = None


async def show(doors: Doors, code: str, address: str) -> Shown:
    """What a code leads to, for whoever has it. Raises NotFound, TooManyRequests and LedgerFault."""
    doors.limits.may_look_up(address)
    shown = await store_shares.show(doors.ledger, _asked_for(code))
    if shown is None:
        raise _missed(doors, address)
    return shown


async def visit(doors: Doors, who: Claims, code: str, found: Found, address: str) -> None:
    """Somebody came through a code. Raises NotFound, TooManyRequests and LedgerFault."""
    doors.limits.person(who.sub)
    doors.limits.may_look_up(address)
    opened = await store_shares.find(doors.ledger, who.mid, _asked_for(code))
    if opened is None:
        raise _missed(doors, address)
    known = {"community": found.community, "session_id": opened.session_id}
    doors.touches.visited(who.mid, code, who.sub, channel=found.channel, **known)


def counts(headers: Mapping[str, str]) -> bool:
    """Whether a request, by the names of its headers in lower case, is a person's."""
    return not is_nobody(headers)


def _asked_for(code: str) -> str:
    """What PostgreSQL is asked for."""
    return code if is_code(code) else NO_CODE


def _missed(doors: Doors, address: str) -> NotFound:
    doors.limits.missed(address)
    return NotFound(what="share")
