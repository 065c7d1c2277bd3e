"""SQL of apps, customers and who providers say they are."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from accounts.tables import AppRow, CustomerGuestRow, CustomerRow, IdentityRow
from keel.database import Pool, newest_first
from keel.errors import Conflict, NotFound

_ENSURE_APP: Final = """
    INSERT INTO app (id, merchant_id, provider, app_id, created_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (merchant_id, provider, app_id) DO NOTHING
"""


async def ensure_app(pool: Pool, *, new_id: str, merchant_id: str, provider: str, app_id: str, at: datetime) -> None:
    """Create an app unless it is there. Safe to repeat."""
    await pool.execute(_ENSURE_APP, new_id, merchant_id, provider, app_id, at)


async def add_app(session: AsyncSession, **values: Any) -> AppRow:
    """A new app. Raises Conflict when the merchant has this one."""
    new = insert(AppRow).values(**values)
    new = new.on_conflict_do_nothing(index_elements=["merchant_id", "provider", "app_id"])
    row: AppRow | None = await session.scalar(new.returning(AppRow))
    if row is None:
        raise Conflict(detail="there is an app with this provider and app id")
    return row


async def public_app(session: AsyncSession, app_id: str) -> AppRow:
    """An app by its public id, which is how its visitors name the merchant. Raises NotFound."""
    row = await session.scalar(select(AppRow).where(AppRow.id == app_id, AppRow.archived_at.is_(None)))
    if row is None:
        raise NotFound(what="app")
    return row


async def list_apps(session: AsyncSession, merchant_id: str, *, below: str | None, count: int) -> Sequence[AppRow]:
    """A page of a merchant's apps, newest first, below an id."""
    page = select(AppRow).where(AppRow.merchant_id == merchant_id)
    return (await session.scalars(newest_first(page, AppRow.id, below=below, count=count))).all()


async def archive_app(session: AsyncSession, merchant_id: str, app_id: str, at: datetime) -> None:
    """Let nobody sign in through this app any more. Safe to repeat. Raises NotFound."""
    mine = AppRow.merchant_id == merchant_id, AppRow.id == app_id
    if await session.scalar(select(AppRow.id).where(*mine)) is None:
        raise NotFound(what="app")
    await session.execute(update(AppRow).where(*mine, AppRow.archived_at.is_(None)).values(archived_at=at))


async def add_customer(session: AsyncSession, **values: Any) -> None:
    """A new customer, a guest so far."""
    await session.execute(insert(CustomerRow).values(**values))


async def lock_customer(session: AsyncSession, merchant_id: str, customer_id: str, *, alone: bool) -> CustomerRow:
    """A customer, locked: `alone` to change it, else only against those who do. Raises NotFound."""
    mine = CustomerRow.merchant_id == merchant_id, CustomerRow.id == customer_id
    row = await session.scalar(select(CustomerRow).where(*mine).with_for_update(read=not alone, key_share=alone))
    if row is None:
        raise NotFound(what="customer")
    return row


async def find_customer(session: AsyncSession, merchant_id: str, customer_id: str) -> CustomerRow | None:
    """A customer as it is."""
    mine = CustomerRow.merchant_id == merchant_id, CustomerRow.id == customer_id
    row: CustomerRow | None = await session.scalar(select(CustomerRow).where(*mine))
    return row


async def set_blocked(session: AsyncSession, merchant_id: str, customer_id: str, at: datetime | None) -> None:
    """Block a customer who is locked, or let them in again."""
    mine = CustomerRow.merchant_id == merchant_id, CustomerRow.id == customer_id
    await session.execute(update(CustomerRow).where(*mine).values(blocked_at=at))


async def is_guest(session: AsyncSession, merchant_id: str, customer_id: str) -> bool:
    """Whether nobody signed in as this customer yet, nor was it taken over by one who did."""
    known = exists().where(IdentityRow.merchant_id == merchant_id, IdentityRow.customer_id == customer_id)
    taken = exists().where(CustomerGuestRow.merchant_id == merchant_id, CustomerGuestRow.guest_id == customer_id)
    mine = CustomerRow.merchant_id == merchant_id, CustomerRow.id == customer_id
    return await session.scalar(select(CustomerRow.id).where(*mine, ~known, ~taken)) is not None


async def identity(session: AsyncSession, app: AppRow, subject: str) -> IdentityRow | None:
    """Who this is, where the provider's subject was seen in this app before."""
    mine = IdentityRow.merchant_id == app.merchant_id, IdentityRow.app_id == app.id, IdentityRow.subject == subject
    row: IdentityRow | None = await session.scalar(select(IdentityRow).where(*mine))
    return row


async def customer_of_union(session: AsyncSession, app: AppRow, union_id: str) -> str | None:
    """The first customer whom this provider knows by this union id in another app of the merchant."""
    page = (
        select(IdentityRow.customer_id)
        .join(AppRow, (AppRow.merchant_id == IdentityRow.merchant_id) & (AppRow.id == IdentityRow.app_id))
        .where(IdentityRow.merchant_id == app.merchant_id, IdentityRow.union_id == union_id)
        .where(AppRow.provider == app.provider)
    )
    found: str | None = await session.scalar(page.order_by(IdentityRow.created_at, IdentityRow.customer_id).limit(1))
    return found


async def add_identity(session: AsyncSession, **values: Any) -> bool:
    """Note who somebody is. False when another process was faster."""
    new = insert(IdentityRow).values(**values).on_conflict_do_nothing(index_elements=["app_id", "subject"])
    return await session.scalar(new.returning(IdentityRow.customer_id)) is not None


async def see_union(session: AsyncSession, row: IdentityRow, union_id: str) -> None:
    """Note the union id that a provider began to send."""
    mine = IdentityRow.merchant_id == row.merchant_id, IdentityRow.app_id == row.app_id
    change = update(IdentityRow).where(*mine, IdentityRow.subject == row.subject, IdentityRow.union_id.is_(None))
    await session.execute(change.values(union_id=union_id))


async def add_guest(session: AsyncSession, **values: Any) -> None:
    """Note that a customer was this guest, too."""
    await session.execute(insert(CustomerGuestRow).values(**values).on_conflict_do_nothing())


async def person_of(session: AsyncSession, merchant_id: str, customer_id: str) -> str:
    """Who a guest became; anybody else is who they are."""
    mine = CustomerGuestRow.merchant_id == merchant_id, CustomerGuestRow.guest_id == customer_id
    person: str | None = await session.scalar(select(CustomerGuestRow.customer_id).where(*mine))
    return person or customer_id


async def guests_of(session: AsyncSession, merchant_id: str, customer_id: str, count: int) -> tuple[str, ...]:
    """The guests whom this customer was, newest first."""
    mine = CustomerGuestRow.merchant_id == merchant_id, CustomerGuestRow.customer_id == customer_id
    page = select(CustomerGuestRow.guest_id).where(*mine).order_by(CustomerGuestRow.guest_id.desc()).limit(count)
    return tuple(await session.scalars(page))
