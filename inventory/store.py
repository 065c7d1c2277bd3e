"""SQL of sales. Locks go in one order everywhere: the sale, base stock by SKU id, stock by segment and item id."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Final, cast

import asyncpg
from sqlalchemy import ColumnElement, func, insert, null, select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from inventory.ledger import SQL_COUNTS, SQL_SALE, config_of, counts_of
from inventory.model import SaleFilter, SaleState
from inventory.sheet import Move, SaleSheet
from inventory.tables import ItemVersionRow, SaleItemRow, SaleRow
from keel import database
from keel.database import newest_first
from keel.errors import Conflict, NotFound

EVERY_SALE: Final = SaleFilter()


def edge(sessions: async_sessionmaker[AsyncSession]) -> AbstractAsyncContextManager[AsyncSession]:
    """The transaction of one staff command. Raises Unavailable when locks or PostgreSQL cannot be had in time."""
    return database.edge(sessions, busy="the database is busy with this sale")


async def lock_sale(session: AsyncSession, merchant_id: str, sale_id: str) -> SaleRow:
    """The sale, locked until the commit. Raises NotFound, for another merchant's as well."""
    mine = SaleRow.id == sale_id, SaleRow.merchant_id == merchant_id, SaleRow.archived_at.is_(None)
    row = await session.scalar(select(SaleRow).where(*mine).with_for_update())
    if row is None:
        raise NotFound(what="sale")
    return row


async def find_sale(session: AsyncSession, merchant_id: str, sale_id: str) -> SaleRow:
    """The sale as it is. Raises NotFound, for another merchant's as well."""
    mine = SaleRow.id == sale_id, SaleRow.merchant_id == merchant_id, SaleRow.archived_at.is_(None)
    row = await session.scalar(select(SaleRow).where(*mine))
    if row is None:
        raise NotFound(what="sale")
    return row


async def move(session: AsyncSession, sale: SaleRow, step: Move, **values: Any) -> SaleRow:
    """Move a sale on, or refuse. Of two racing calls exactly one returns."""
    allowed = SaleRow.id == sale.id, SaleRow.state.in_(step.sources)
    change = update(SaleRow).where(*allowed).values(state=step.target, **values).returning(SaleRow)
    row = await session.scalar(change, execution_options={"populate_existing": True})
    if row is None:
        raise Conflict(detail=f"a sale that is {sale.state} cannot {step.name}")
    return row


async def revise(session: AsyncSession, sale_id: str, **values: Any) -> SaleRow:
    """Change columns of a sale that is locked."""
    change = update(SaleRow).where(SaleRow.id == sale_id).values(**values).returning(SaleRow)
    row: SaleRow | None = await session.scalar(change, execution_options={"populate_existing": True})
    assert row is not None, "a locked sale does not go away"
    return row


async def put_context(
    session: AsyncSession, sale_id: str, context: Mapping[str, Any] | None, *, version: int
) -> SaleRow:
    """Change what every verdict of a locked sale returns; None is SQL's null, not JSON's."""
    return await revise(session, sale_id, context=null() if context is None else dict(context), version=version)


async def sheet(session: AsyncSession, sale_id: str) -> SaleSheet:
    """Configuration and counters of a sale as this transaction sees them. The sale must exist."""
    connection = await session.connection()
    rows = (await connection.exec_driver_sql(SQL_SALE, (sale_id,))).mappings().all()
    config = config_of(cast("list[asyncpg.Record]", rows))
    counts = []
    for segment in range(config.segments):
        found = (await connection.exec_driver_sql(SQL_COUNTS, (sale_id, segment))).mappings().all()
        counts.append(tuple(counts_of(cast("list[asyncpg.Record]", found))))
    return SaleSheet(config, tuple(counts))


async def add_sale(session: AsyncSession, **values: Any) -> SaleRow:
    """A new sale."""
    row: SaleRow | None = await session.scalar(insert(SaleRow).values(**values).returning(SaleRow))
    assert row is not None
    return row


async def list_sales(
    session: AsyncSession, merchant_id: str, wanted: SaleFilter = EVERY_SALE, *, below: str | None, count: int
) -> Sequence[SaleRow]:
    """A page of a merchant's sales, newest first, below an id."""
    page = select(SaleRow).where(SaleRow.merchant_id == merchant_id, *_conditions(wanted))
    return (await session.scalars(newest_first(page, SaleRow.id, below=below, count=count))).all()


def _conditions(wanted: SaleFilter) -> Iterator[ColumnElement[bool]]:
    yield SaleRow.archived_at.is_not(None) if wanted.archived else SaleRow.archived_at.is_(None)
    if wanted.states:
        yield SaleRow.state.in_(wanted.states)
    if wanted.kind is not None:
        yield SaleRow.kind == wanted.kind
    if wanted.opens_from is not None:
        yield SaleRow.opens_at >= wanted.opens_from
    if wanted.opens_before is not None:
        yield SaleRow.opens_at < wanted.opens_before


async def due_to_open(session: AsyncSession, now: datetime, *, count: int) -> Sequence[tuple[str, str]]:
    """(merchant id, sale id) of scheduled sales whose time has come, the longest due first."""
    due = SaleRow.state == SaleState.SCHEDULED, SaleRow.opens_at <= now, SaleRow.archived_at.is_(None)
    open_window = SaleRow.closes_at.is_(None) | (SaleRow.closes_at > now)
    page = select(SaleRow.merchant_id, SaleRow.id).where(*due, open_window).order_by(SaleRow.opens_at).limit(count)
    return [(row[0], row[1]) for row in await session.execute(page)]


async def due_to_close(session: AsyncSession, now: datetime, *, count: int) -> Sequence[tuple[str, str]]:
    """(merchant id, sale id) of running sales whose window is over, the longest due first."""
    running = SaleRow.state.in_([SaleState.SCHEDULED, SaleState.OPEN, SaleState.PAUSED])
    due = running, SaleRow.closes_at <= now, SaleRow.archived_at.is_(None)
    page = select(SaleRow.merchant_id, SaleRow.id).where(*due).order_by(SaleRow.closes_at).limit(count)
    return [(row[0], row[1]) for row in await session.execute(page)]


async def items(session: AsyncSession, sale_id: str) -> Sequence[SaleItemRow]:
    """A sale's items by their number."""
    page = select(SaleItemRow).where(SaleItemRow.sale_id == sale_id).order_by(SaleItemRow.no)
    return (await session.scalars(page, execution_options={"populate_existing": True})).all()


async def note_turned_away(session: AsyncSession, sale_id: str, refused_by_no: Mapping[int, int]) -> None:
    """Write down how many buyers were told "sold out", by item number; the sale is locked."""
    found = await items(session, sale_id)
    rows = [{"id": item.id, "turned_away": refused_by_no[item.no]} for item in found if item.no in refused_by_no]
    if rows:
        await session.execute(update(SaleItemRow), rows)


async def find_item(session: AsyncSession, sale_id: str, item_id: str) -> SaleItemRow:
    """An item of a sale. Raises NotFound."""
    row = await session.scalar(select(SaleItemRow).where(SaleItemRow.sale_id == sale_id, SaleItemRow.id == item_id))
    if row is None:
        raise NotFound(what="item")
    return row


async def last_no(session: AsyncSession, sale_id: str) -> int:
    """The highest item number of a sale, 0 without items."""
    found = await session.scalar(select(func.max(SaleItemRow.no)).where(SaleItemRow.sale_id == sale_id))
    return found or 0


async def add_version(session: AsyncSession, **values: Any) -> None:
    """A new version of what is shown; versions are never changed."""
    await session.execute(insert(ItemVersionRow).values(**values))


async def find_version(session: AsyncSession, version_id: str) -> ItemVersionRow:
    """What is shown under a version."""
    row = await session.get(ItemVersionRow, version_id)
    assert row is not None, "versions are never deleted"
    return row


async def add_item(session: AsyncSession, **values: Any) -> SaleItemRow:
    """A new item of a sale."""
    row: SaleItemRow | None = await session.scalar(insert(SaleItemRow).values(**values).returning(SaleItemRow))
    assert row is not None
    return row


async def revise_item(session: AsyncSession, item_id: str, **values: Any) -> None:
    """Change an item's columns; its sale is locked."""
    await session.execute(update(SaleItemRow).where(SaleItemRow.id == item_id).values(**values))
