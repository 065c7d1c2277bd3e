"""What the use cases of people share, and the tokens that a sign-in is worth."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from accounts import store_sign_in
from accounts.passwords import Passwords
from accounts.providers import Provider
from accounts.refresh_tokens import RefreshToken, digest, first_token
from accounts.tokens import ACCESS_TTL_S, LEEWAY_S, Tokens
from keel.audit import Audited

HAND_MADE_TTL: Final = timedelta(days=1)  # the longest that a token of `millpond token` is good


class Kind(StrEnum):
    """Whose sign-in it is."""

    STAFF = "staff"
    CUSTOMER = "customer"


# A sign-in lasts while it is used at least this often.
IDLE_MAX: Final = {Kind.STAFF: timedelta(days=7), Kind.CUSTOMER: timedelta(days=90)}


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What somebody goes on with: `access` for requests, `refresh` for the next one. `role` of staff only."""

    access: str
    refresh: str
    merchant_id: str
    subject_id: str
    role: str | None = None
    expires_in_s: int = ACCESS_TTL_S


# Which of these customers (session, merchant id, ids) did anything here. Who knows is above this package.
WhoActed = Callable[[AsyncSession, str, Sequence[str]], Awaitable[Collection[str]]]


async def everybody(_session: AsyncSession, _merchant_id: str, customer_ids: Sequence[str]) -> Collection[str]:
    """The answer of a process in which nobody knows."""
    return customer_ids


@dataclass(frozen=True, slots=True)
class People(Audited):
    """What the use cases of people need. `providers` by name: who vouches for customers."""

    tokens: Tokens
    passwords: Passwords
    providers: dict[str, Provider]
    who_acted: WhoActed = everybody

    async def begin(self, session: AsyncSession, kind: Kind, merchant_id: str, subject_id: str) -> RefreshToken:
        """A new sign-in of a person who is locked; its first refresh token."""
        now = self.clock.now()
        token = first_token(self.ids.new())
        await store_sign_in.add_sign_in(
            session,
            id=token.sign_in_id,
            merchant_id=merchant_id,
            kind=kind,
            subject_id=subject_id,
            family_digest=digest(token.family),
            current_digest=digest(token.secret),
            rotated_at=now,
            created_at=now,
            expires_at=now + IDLE_MAX[kind],
        )
        return token

    async def end(self, session: AsyncSession, merchant_id: str, subject_id: str, *, only: str | None = None) -> int:
        """End a person's sign-ins, or one of them, and refuse their tokens from now on. How many ended.

        For all of them the person is locked, so that none begins meanwhile.
        """
        now = self.clock.now()
        ended = await store_sign_in.revoke(session, merchant_id, subject_id, at=now, only=only)
        await store_sign_in.deny(session, merchant_id, ended, at=now, until=forgotten_at(now))
        return len(ended)

    async def retire(self, session: AsyncSession, merchant_id: str, subject_id: str) -> None:
        """Renew a person's tokens no more. What they hold is good until it expires: a retry goes with what it began."""
        await store_sign_in.revoke(session, merchant_id, subject_id, at=self.clock.now())

    async def shut_out(self, session: AsyncSession, merchant_id: str, subject_id: str) -> None:
        """End all of a person's sign-ins, and refuse even tokens that came from none."""
        now = self.clock.now()
        await self.end(session, merchant_id, subject_id)
        await store_sign_in.deny(session, merchant_id, [subject_id], at=now, until=now + HAND_MADE_TTL)

    async def let_in(self, session: AsyncSession, merchant_id: str, subject_id: str) -> None:
        """Take back what `shut_out` says of the person as a whole. The sign-ins stay ended."""
        now = self.clock.now()
        await store_sign_in.deny(session, merchant_id, [subject_id], at=now, until=now)


def forgotten_at(now: datetime) -> datetime:
    """When every token that was signed by now has expired, on every process's clock."""
    return now + timedelta(seconds=ACCESS_TTL_S + 2 * LEEWAY_S)
