"""What a refresh token is worth: once, a new pair; used again, the end of its sign-in."""

import hmac
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from accounts import store_sign_in
from accounts.people import IDLE_MAX, Kind, People
from accounts.refresh_tokens import RefreshToken, digest, new_salt, read_token
from accounts.tables import SignInRow

log = logging.getLogger(__name__)

# A client whose answer was lost, or that asked twice at once, is given the same new token again for this long.
SAME_AGAIN: Final = timedelta(seconds=30)


class Worth(Enum):
    """What a token is to the sign-in it names."""

    CURRENT = "current"
    SAME_AGAIN = "same again"
    USED = "used"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Renewed:
    """A sign-in that goes on, and its newest token."""

    row: SignInRow
    token: RefreshToken


def worth(row: SignInRow, token: RefreshToken, now: datetime) -> Worth:
    """What a token is worth now. A made-up one is worth nothing, and changes nothing."""
    if not hmac.compare_digest(digest(token.family), row.family_digest):
        return Worth.NOTHING
    if row.revoked_at is not None or row.expires_at <= now:
        return Worth.NOTHING
    presented = digest(token.secret)
    if hmac.compare_digest(presented, row.current_digest):
        return Worth.CURRENT
    is_previous = row.previous_digest is not None and hmac.compare_digest(presented, row.previous_digest)
    return Worth.SAME_AGAIN if is_previous and now - row.rotated_at <= SAME_AGAIN else Worth.USED


async def renew(people: People, session: AsyncSession, kind: Kind, text: str) -> Renewed | None:
    """The sign-in of a refresh token, locked, and its newest token; None where the token is not good.

    A token that was used before ends the sign-in: somebody has a copy, and nobody can say who is the right one. The
    caller commits in any case, for that has to stay.
    """
    token = read_token(text)
    row = None if token is None else await store_sign_in.lock_sign_in(session, token.sign_in_id, kind)
    if token is None or row is None:
        return None
    match worth(row, token, people.clock.now()):
        case Worth.CURRENT:
            return Renewed(row, await _rotate(people, session, row, token))
        case Worth.SAME_AGAIN:
            assert row.salt is not None
            return Renewed(row, token.next(row.salt))
        case Worth.USED:
            log.warning("a used refresh token came back: sign-in %s of merchant %s ends", row.id, row.merchant_id)
            await people.end(session, row.merchant_id, row.subject_id, only=row.id)
    return None


async def _rotate(people: People, session: AsyncSession, row: SignInRow, token: RefreshToken) -> RefreshToken:
    now, salt = people.clock.now(), new_salt()
    following = token.next(salt)
    await store_sign_in.rotate(
        session,
        row,
        current_digest=digest(following.secret),
        previous_digest=digest(token.secret),
        salt=salt,
        rotated_at=now,
        expires_at=now + IDLE_MAX[Kind(row.kind)],
    )
    return following


async def signed_in(people: People, session: AsyncSession, kind: Kind, text: str) -> SignInRow | None:
    """The sign-in that a refresh token is of, to end it. A used one will do: signing out is always safe."""
    token = read_token(text)
    row = None if token is None else await store_sign_in.find_sign_in(session, token.sign_in_id, kind)
    if token is None or row is None or worth(row, token, people.clock.now()) is Worth.NOTHING:
        return None
    return row
