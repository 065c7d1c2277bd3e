"""SQL of units: base stock, allocation, and the append-only movements between them. The caller locks the sale."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from inventory.errors import NotEnoughUnits
from inventory.model import rebuild_guard
from inventory.tables import BaseStockRow, StockMovementRow, StockRow
from keel.database import newest_first
from keel.errors import Unavailable

BASE_KINDS: Final = ("received", "adjusted", "allocated", "returned")  # movements with base stock on one side


async def lock_base(session: AsyncSession, merchant_id: str, sku_ids: Iterable[str]) -> dict[str, int]:
    """Units on hand of SKUs, locked in the order of their ids."""
    mine = BaseStockRow.merchant_id == merchant_id, BaseStockRow.sku_id.in_(sorted(sku_ids))
    page = select(BaseStockRow.sku_id, BaseStockRow.on_hand).where(*mine).order_by(BaseStockRow.sku_id)
    return {row[0]: row[1] for row in await session.execute(page.with_for_update())}


async def base_of(session: AsyncSession, merchant_id: str, sku_ids: Iterable[str]) -> dict[str, int]:
    """Units on hand of SKUs, as they are."""
    mine = BaseStockRow.merchant_id == merchant_id, BaseStockRow.sku_id.in_(sku_ids)
    return {
        row[0]: row[1] for row in await session.execute(select(BaseStockRow.sku_id, BaseStockRow.on_hand).where(*mine))
    }


async def add_base(session: AsyncSession, merchant_id: str, sku_id: str, units: int) -> None:
    """The base stock of a new SKU."""
    await session.execute(insert(BaseStockRow).values(merchant_id=merchant_id, sku_id=sku_id, on_hand=units))


async def change_base(session: AsyncSession, sku_id: str, units: int) -> int:
    """Put units on the shelf or (negative) take them off; what is on hand then. The row is locked by the caller."""
    change = update(BaseStockRow).where(BaseStockRow.sku_id == sku_id).values(on_hand=BaseStockRow.on_hand + units)
    on_hand: int | None = await session.scalar(change.returning(BaseStockRow.on_hand))
    assert on_hand is not None, "every SKU has its base stock"
    return on_hand


async def guarded_epoch(session: AsyncSession, sale_id: str, segment: int) -> int:
    """The epoch of a segment, which stays until the commit; 0 without stock. Raises Unavailable during a rebuild.

    A rebuild moves the epoch of the rows it sees. A row that enters beside it would stay in the old epoch, and the
    ledger would refuse its buyers; so this takes the rebuild's own guard.
    """
    guard = func.pg_try_advisory_xact_lock(func.hashtextextended(rebuild_guard(sale_id, segment), 0))
    if not await session.scalar(select(guard)):
        raise Unavailable(detail="the gate is being rebuilt")
    rows = StockRow.sale_id == sale_id, StockRow.segment == segment
    return await session.scalar(select(func.max(StockRow.epoch)).where(*rows)) or 0


async def add_stock(session: AsyncSession, lines: list[dict[str, Any]]) -> None:
    """Stock rows of items that enter a running sale."""
    await session.execute(insert(StockRow), lines)


async def allocate(session: AsyncSession, item_id: str, segment: int, units: int) -> int:
    """Add units to an item; its allocation then."""
    row = StockRow.item_id == item_id, StockRow.segment == segment
    change = update(StockRow).where(*row).values(allocated=StockRow.allocated + units).returning(StockRow.allocated)
    allocated: int | None = await session.scalar(change)
    assert allocated is not None, "an item of a running sale has its stock"
    return allocated


async def deallocate(session: AsyncSession, item_id: str, segment: int, units: int, *, epoch: int) -> int:
    """Take unsold units from an item; its allocation then. Raises NotEnoughUnits.

    Only in the epoch whose gate was told: a rebuild that has begun since may have read the old allocation, and its gate
    would give the units out again. Raises Unavailable then.
    """
    row = StockRow.item_id == item_id, StockRow.segment == segment
    change = update(StockRow).where(*row, StockRow.epoch == epoch, StockRow.allocated - units >= StockRow.sold)
    allocated: int | None = await session.scalar(
        change.values(allocated=StockRow.allocated - units).returning(StockRow.allocated)
    )
    if allocated is None:
        left, found = (
            await session.execute(select(StockRow.allocated - StockRow.sold, StockRow.epoch).where(*row))
        ).one()
        if found != epoch:
            raise Unavailable(detail="the sale is being restored")
        raise NotEnoughUnits(available=left)
    return allocated


async def add_movements(session: AsyncSession, movements: list[dict[str, Any]]) -> None:
    """Note movements of units; a list without any is fine."""
    if movements:
        await session.execute(insert(StockMovementRow), movements)


async def movement_of_key(session: AsyncSession, merchant_id: str, sku_id: str, key: str) -> StockMovementRow | None:
    """The movement of a SKU's base stock that a key stands for. The caller has its base stock locked."""
    mine = StockMovementRow.merchant_id == merchant_id, StockMovementRow.sku_id == sku_id, StockMovementRow.key == key
    row: StockMovementRow | None = await session.scalar(select(StockMovementRow).where(*mine))
    return row


async def list_movements(
    session: AsyncSession, merchant_id: str, sku_id: str, *, below: str | None, count: int
) -> Sequence[StockMovementRow]:
    """Movements of a SKU's base stock, the newest first, below an id."""
    mine = StockMovementRow.merchant_id == merchant_id, StockMovementRow.sku_id == sku_id
    page = select(StockMovementRow).where(*mine, StockMovementRow.kind.in_(BASE_KINDS))
    return (await session.scalars(newest_first(page, StockMovementRow.id, below=below, count=count))).all()
