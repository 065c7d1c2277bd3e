"""SQL of merchants, their staff, and what staff did."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from accounts.tables import MerchantRow, StaffRow
from keel.database import Pool, newest_first
from keel.errors import Conflict, NotFound
from keel.identity import Role
from keel.tables import StaffAuditRow

_ENSURE_MERCHANT: Final = """
    INSERT INTO merchant (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING
"""


async def ensure_merchant(pool: Pool, merchant_id: str, name: str, at: datetime) -> None:
    """Create a merchant unless it is there. Safe to repeat."""
    await pool.execute(_ENSURE_MERCHANT, merchant_id, name, at)


async def find_merchant(session: AsyncSession, merchant_id: str) -> MerchantRow:
    """A merchant. Raises NotFound."""
    row = await session.get(MerchantRow, merchant_id)
    if row is None:
        raise NotFound(what="merchant")
    return row


async def lock_merchant(session: AsyncSession, merchant_id: str) -> None:
    """Let nobody else change who is an owner until the commit: two who remove each other would leave none.

    Rows that point at the merchant can be written meanwhile.
    """
    await session.execute(select(MerchantRow.id).where(MerchantRow.id == merchant_id).with_for_update(key_share=True))


async def add_staff(session: AsyncSession, **values: Any) -> StaffRow:
    """A new member of staff. Raises Conflict when this merchant has one with this e-mail."""
    new = insert(StaffRow).values(**values).on_conflict_do_nothing(index_elements=["merchant_id", "email"])
    row: StaffRow | None = await session.scalar(new.returning(StaffRow))
    if row is None:
        raise Conflict(detail="there is a member of staff with this e-mail")
    return row


async def lock_staff(session: AsyncSession, merchant_id: str, staff_id: str) -> StaffRow:
    """A member of staff, locked. Raises NotFound, for another merchant's as well."""
    mine = StaffRow.merchant_id == merchant_id, StaffRow.id == staff_id
    row = await session.scalar(select(StaffRow).where(*mine).with_for_update(key_share=True))
    if row is None:
        raise NotFound(what="member")
    return row


async def find_staff(session: AsyncSession, merchant_id: str, staff_id: str) -> StaffRow | None:
    """A member of staff as it is."""
    mine = StaffRow.merchant_id == merchant_id, StaffRow.id == staff_id
    row: StaffRow | None = await session.scalar(select(StaffRow).where(*mine))
    return row


async def staff_by_email(session: AsyncSession, email: str, merchant_id: str | None) -> StaffRow | None:
    """Who signs in with this e-mail: at the merchant named, else at the one where it has been known longest.

    Nobody can take a place in front of that by inviting somebody else's e-mail.
    """
    page = select(StaffRow).where(
        StaffRow.email == email, StaffRow.disabled_at.is_(None), StaffRow.password_hash.is_not(None)
    )
    if merchant_id is not None:
        page = page.where(StaffRow.merchant_id == merchant_id)
    row: StaffRow | None = await session.scalar(page.order_by(StaffRow.id).limit(1))
    return row


async def member_by_email(session: AsyncSession, merchant_id: str, email: str) -> StaffRow:
    """A merchant's member of staff, whether they can sign in or not. Raises NotFound."""
    mine = StaffRow.merchant_id == merchant_id, StaffRow.email == email
    row = await session.scalar(select(StaffRow).where(*mine))
    if row is None:
        raise NotFound(what="member")
    return row


async def staff_by_invitation(session: AsyncSession, digest: bytes) -> StaffRow | None:
    """Who was invited with this secret, locked: until this is read, nobody knows the merchant."""
    mine = select(StaffRow).where(StaffRow.invitation_digest == digest)
    row: StaffRow | None = await session.scalar(mine.with_for_update())
    return row


async def change_staff(session: AsyncSession, row: StaffRow, **values: Any) -> StaffRow:
    """Change columns of a member who is locked."""
    mine = StaffRow.merchant_id == row.merchant_id, StaffRow.id == row.id
    change = update(StaffRow).where(*mine).values(**values).returning(StaffRow)
    changed: StaffRow | None = await session.scalar(change, execution_options={"populate_existing": True})
    assert changed is not None, "a locked member does not go away"
    return changed


async def owners(session: AsyncSession, merchant_id: str) -> int:
    """How many owners can sign in."""
    able = StaffRow.disabled_at.is_(None), StaffRow.password_hash.is_not(None)
    count = select(func.count()).where(StaffRow.merchant_id == merchant_id, StaffRow.role == Role.OWNER, *able)
    return int(await session.scalar(count) or 0)


async def list_staff(session: AsyncSession, merchant_id: str, *, below: str | None, count: int) -> Sequence[StaffRow]:
    """A page of a merchant's staff, newest first, below an id."""
    page = select(StaffRow).where(StaffRow.merchant_id == merchant_id)
    return (await session.scalars(newest_first(page, StaffRow.id, below=below, count=count))).all()


async def list_audit(
    session: AsyncSession, merchant_id: str, *, below: str | None, count: int
) -> Sequence[StaffAuditRow]:
    """A page of what a merchant's staff did, newest first, below an id."""
    page = select(StaffAuditRow).where(StaffAuditRow.merchant_id == merchant_id)
    return (await session.scalars(newest_first(page, StaffAuditRow.id, below=below, count=count))).all()
