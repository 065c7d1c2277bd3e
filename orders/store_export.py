"""SQL of files of orders: asked for by staff, made by whichever worker holds the lease."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from keel.errors import NotFound
from orders.tables import OrderExportChunkRow, OrderExportRow

OPEN: Final = ("waiting", "running")
_FRESH: Final = {"populate_existing": True}


async def counts(session: AsyncSession, merchant_id: str, asked_by: str) -> tuple[int, int]:
    """How many exports somebody has that are not ready, and how many that are; nobody else adds one meanwhile."""
    await session.execute(_ONE_AT_A_TIME, {"merchant": merchant_id})
    still_open = func.count().filter(OrderExportRow.state.in_(OPEN))
    ready = func.count().filter(OrderExportRow.state == "done")
    mine = OrderExportRow.merchant_id == merchant_id, OrderExportRow.asked_by == asked_by
    row = (await session.execute(select(still_open, ready).select_from(OrderExportRow).where(*mine))).one()
    return row[0], row[1]


async def add(session: AsyncSession, **values: Any) -> OrderExportRow:
    """A new export, which waits for a worker."""
    new = insert(OrderExportRow).values(**values, state="waiting").returning(OrderExportRow)
    row: OrderExportRow | None = await session.scalar(new)
    assert row is not None
    return row


async def find(session: AsyncSession, merchant_id: str, export_id: str) -> OrderExportRow:
    """An export of this merchant. Raises NotFound, for another merchant's as well."""
    mine = OrderExportRow.merchant_id == merchant_id, OrderExportRow.id == export_id
    row: OrderExportRow | None = await session.scalar(select(OrderExportRow).where(*mine))
    if row is None:
        raise NotFound(what="export")
    return row


async def recent(session: AsyncSession, merchant_id: str, count: int) -> Sequence[OrderExportRow]:
    """The newest exports of this merchant."""
    mine = select(OrderExportRow).where(OrderExportRow.merchant_id == merchant_id)
    return (await session.scalars(mine.order_by(OrderExportRow.id.desc()).limit(count))).all()


async def chunk(session: AsyncSession, export_id: str, no: int) -> bytes | None:
    """A piece of a file, None where the file was deleted."""
    one = OrderExportChunkRow.export_id == export_id, OrderExportChunkRow.no == no
    found: bytes | None = await session.scalar(select(OrderExportChunkRow.content).where(*one))
    return found


async def take(session: AsyncSession, now: datetime, lease_until: datetime) -> OrderExportRow | None:
    """The oldest export that nobody works on, under a new lease; None without any."""
    idle = or_(OrderExportRow.state == "waiting", OrderExportRow.lease_until <= now)
    first = select(OrderExportRow.id).where(OrderExportRow.state.in_(OPEN), idle).order_by(OrderExportRow.id).limit(1)
    export_id = await session.scalar(first.with_for_update(skip_locked=True))
    if export_id is None:
        return None
    counters = {"lease_no": OrderExportRow.lease_no + 1, "tries": OrderExportRow.tries + 1}
    change = update(OrderExportRow).where(OrderExportRow.id == export_id)
    change = change.values(state="running", lease_until=lease_until, **counters)
    row: OrderExportRow | None = await session.scalar(change.returning(OrderExportRow), execution_options=_FRESH)
    return row


async def write(session: AsyncSession, export: OrderExportRow, **values: Any) -> OrderExportRow | None:
    """Change a running export under one's own lease; None where somebody else has taken it over."""
    ours = (
        OrderExportRow.id == export.id,
        OrderExportRow.lease_no == export.lease_no,
        OrderExportRow.state == "running",
    )
    change = update(OrderExportRow).where(*ours).values(**values).returning(OrderExportRow)
    row: OrderExportRow | None = await session.scalar(change, execution_options=_FRESH)
    return row


async def add_chunk(session: AsyncSession, export_id: str, no: int, content: bytes) -> None:
    """Store a piece of a file; its export is locked by the write before."""
    await session.execute(insert(OrderExportChunkRow).values(export_id=export_id, no=no, content=content))


async def drop_chunks(session: AsyncSession, export_id: str) -> None:
    """Let go of what a file that failed has so far."""
    await session.execute(delete(OrderExportChunkRow).where(OrderExportChunkRow.export_id == export_id))


async def remove(session: AsyncSession, merchant_id: str, export_id: str, *, asked_by: str | None) -> OrderExportRow:
    """Delete an export of this merchant, one that this person asked for where one is named; with its file.

    Raises NotFound. A worker that makes it finds out at its next piece.
    """
    wanted = delete(OrderExportRow).where(OrderExportRow.merchant_id == merchant_id, OrderExportRow.id == export_id)
    if asked_by is not None:
        wanted = wanted.where(OrderExportRow.asked_by == asked_by)
    row: OrderExportRow | None = await session.scalar(wanted.returning(OrderExportRow))
    if row is None:
        raise NotFound(what="export")
    return row


async def purge(session: AsyncSession, *, ended_before: datetime, plain_ended_before: datetime) -> None:
    """Delete files, and what is known of them, that ended so long ago; those with plain recipients sooner."""
    plain_ones = OrderExportRow.plain & (OrderExportRow.ended_at < plain_ended_before)
    await session.execute(delete(OrderExportRow).where(or_(OrderExportRow.ended_at < ended_before, plain_ones)))


_ONE_AT_A_TIME: Final = text("SELECT 1 FROM merchant WHERE id = :merchant FOR NO KEY UPDATE")
