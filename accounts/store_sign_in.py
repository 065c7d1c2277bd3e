"""SQL of sign-ins, their refresh tokens, and what is denied.

Locks go in one order: the person (staff or customer), then their sign-ins. A new token of a sign-in carries its id, so
whatever is signed while that sign-in is being revoked is refused with it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from accounts.tables import DenialRow, SignInRow
from keel.database import Pool, Row

PURGE_MAX: Final = 1_000
# A row is as old as its command when it is committed, and processes' clocks differ: who asks for new denials looks back
# further than both, and a denial is kept as long after its end, so that a process that reads slowly sees that it ended.
LOOK_BACK: Final = timedelta(seconds=60)

_DENIALS: Final = "SELECT id, until FROM denial WHERE until > $1"
_NEW_DENIALS: Final = "SELECT id, until FROM denial WHERE at > $1"
_PURGE: Final = """
    DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {column} <= $1 ORDER BY {column} LIMIT $2)
"""


async def denials_since(pool: Pool, since: datetime | None, now: datetime) -> list[Row]:
    """`id` and `until` of what was denied or allowed again after a moment; without one, of all that is denied."""
    rows = await (pool.fetch(_DENIALS, now) if since is None else pool.fetch(_NEW_DENIALS, since))
    return list(rows)


async def purge(pool: Pool, now: datetime) -> int:
    """Delete some of the sign-ins and denials that are over; how many."""
    deleted = 0
    for table, column, by in (("sign_in", "expires_at", now), ("denial", "until", now - LOOK_BACK)):
        status = await pool.execute(_PURGE.format(table=table, column=column), by, PURGE_MAX)
        deleted += int(status.rpartition(" ")[2])
    return deleted


async def add_sign_in(session: AsyncSession, **values: Any) -> None:
    """A new sign-in. The person must be locked, or a revocation could overlook it."""
    await session.execute(insert(SignInRow).values(**values))


async def lock_sign_in(session: AsyncSession, sign_in_id: str, kind: str) -> SignInRow | None:
    """A sign-in by the id in its refresh token, locked: until this is read, nobody knows the merchant."""
    mine = SignInRow.id == sign_in_id, SignInRow.kind == kind
    row: SignInRow | None = await session.scalar(select(SignInRow).where(*mine).with_for_update())
    return row


async def find_sign_in(session: AsyncSession, sign_in_id: str, kind: str) -> SignInRow | None:
    """The same, as it is."""
    mine = SignInRow.id == sign_in_id, SignInRow.kind == kind
    row: SignInRow | None = await session.scalar(select(SignInRow).where(*mine))
    return row


async def rotate(session: AsyncSession, row: SignInRow, **values: Any) -> None:
    """Change a sign-in that is locked."""
    mine = SignInRow.merchant_id == row.merchant_id, SignInRow.id == row.id
    await session.execute(update(SignInRow).where(*mine).values(**values))


async def revoke(
    session: AsyncSession, merchant_id: str, subject_id: str, *, at: datetime, only: str | None = None
) -> list[str]:
    """End all of a person's sign-ins, or only one; the ids of those that ended."""
    mine = [SignInRow.merchant_id == merchant_id, SignInRow.subject_id == subject_id, SignInRow.revoked_at.is_(None)]
    if only is not None:
        mine.append(SignInRow.id == only)
    change = update(SignInRow).where(*mine).values(revoked_at=at).returning(SignInRow.id)
    return list(await session.scalars(change))


async def deny(session: AsyncSession, merchant_id: str, names: Sequence[str], *, at: datetime, until: datetime) -> None:
    """Refuse the tokens of these sign-ins or people until then. With `until` = `at` they are good again."""
    if not names:
        return
    rows = [{"id": name, "merchant_id": merchant_id, "at": at, "until": until} for name in names]
    new = insert(DenialRow).values(rows)
    again = {"at": new.excluded.at, "until": new.excluded.until}
    mine = DenialRow.merchant_id == merchant_id
    await session.execute(new.on_conflict_do_update(index_elements=["id"], set_=again, where=mine))
