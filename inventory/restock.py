"""Use cases that move units between base stock and a sale: added and taken while it runs, planned in a draft."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from inventory import store, store_stock
from inventory.errors import NotEnoughUnits
from inventory.model import ALLOCATION_MAX, SaleState
from inventory.selling import Selling, locked, push, require_running, tell_first
from inventory.sheet import SEGMENT
from inventory.tables import SaleItemRow, SaleRow
from inventory.versions import ledger_first
from keel.errors import Conflict, Unavailable
from keel.identity import Principal

NOT_LOADED: Final = "the gate is being rebuilt; nobody knows yet which units are free"


async def add_units(
    selling: Selling, by: Principal, sale_id: str, item_id: str, units: int, *, version: int | None = None
) -> SaleRow:
    """Move units from base stock into a sale; PostgreSQL first. Raises NotEnoughUnits, Conflict, NotFound."""
    async with store.edge(selling.sessions) as session:
        sale = await locked(session, by, sale_id, version)
        item = await store.find_item(session, sale_id, item_id)
        if sale.state == SaleState.DRAFT:
            return await _replan(selling, session, by, item, units)
        require_running(sale, selling.clock.now())
        selling.audit(session, by, "sale.add_units", sale_id, item_id=item_id, units=units)
        movements = await take_from_base(selling, session, by, {item_id: (item.sku_id, units)})
        await store_stock.add_movements(session, movements)
        sale = await store.revise(session, sale_id, version=ledger_first(sale.version))
        # Last of all: every buyer of the item waits while its stock row is locked.
        if await store_stock.allocate(session, item_id, SEGMENT, units) > ALLOCATION_MAX:
            raise Conflict(detail=f"an item has at most {ALLOCATION_MAX} units")
    await push(selling, sale_id)
    return sale


async def take_units(
    selling: Selling, by: Principal, sale_id: str, item_id: str, units: int, *, version: int | None = None
) -> SaleRow:
    """Move free units from a sale back to base stock; the gate first, for only it knows what is free.

    Raises NotEnoughUnits, Conflict, NotFound, and Unavailable without a gate that answers.
    """
    async with store.edge(selling.sessions) as session:
        sale = await locked(session, by, sale_id, version)
        item = await store.find_item(session, sale_id, item_id)
        if sale.state == SaleState.DRAFT:
            return await _replan(selling, session, by, item, -units)
        require_running(sale, selling.clock.now())
        selling.audit(session, by, "sale.take_units", sale_id, item_id=item_id, units=units)
        return await _take(selling, session, by, item, units)


async def _take(selling: Selling, session: AsyncSession, by: Principal, item: SaleItemRow, units: int) -> SaleRow:
    sheet = await store.sheet(session, item.sale_id)
    had = next(count for count in sheet.counts[SEGMENT] if count.item_id == item.id)
    if units > had.allocated:
        raise NotEnoughUnits(available=had.allocated)
    version, loaded = await tell_first(selling.gate, sheet.without(item.id, SEGMENT, units))
    if not loaded:
        raise Unavailable(detail=NOT_LOADED)
    await store_stock.lock_base(session, by.merchant_id, [item.sku_id])
    await store_stock.change_base(session, item.sku_id, units)
    movement = selling.movement(by, "returned", item.sku_id, units, at_item=(item.id, SEGMENT))
    await store_stock.add_movements(session, [movement])
    sale = await store.revise(session, item.sale_id, version=version)
    await store_stock.deallocate(session, item.id, SEGMENT, units, epoch=had.epoch)  # last of all, as above
    return sale


async def take_from_base(
    selling: Selling, session: AsyncSession, by: Principal, wanted: Mapping[str, tuple[str, int]]
) -> list[dict[str, Any]]:
    """Take units of SKUs off the shelf for items: {item id: (SKU id, units)}, all or none.

    Returns the movements, to be written once the stock is there. Raises NotEnoughUnits.
    """
    on_hand = await store_stock.lock_base(session, by.merchant_id, [sku_id for sku_id, _ in wanted.values()])
    for sku_id, units in wanted.values():
        if on_hand.get(sku_id, 0) < units:
            raise NotEnoughUnits(available=on_hand.get(sku_id, 0), sku_id=sku_id)
    for sku_id, units in sorted(wanted.values()):
        await store_stock.change_base(session, sku_id, -units)
    return [
        selling.movement(by, "allocated", sku_id, units, at_item=(item_id, SEGMENT))
        for item_id, (sku_id, units) in wanted.items()
        if units
    ]


async def _replan(selling: Selling, session: AsyncSession, by: Principal, item: SaleItemRow, units: int) -> SaleRow:
    """A draft has no units yet, only a plan of them."""
    if item.planned + units < 0:
        raise NotEnoughUnits(available=item.planned)
    if item.planned + units > ALLOCATION_MAX:
        raise Conflict(detail=f"an item has at most {ALLOCATION_MAX} units")
    await store.revise_item(session, item.id, planned=item.planned + units)
    selling.audit(session, by, "sale.plan_units", item.sale_id, item_id=item.id, units=units)
    sale = await store.find_sale(session, by.merchant_id, item.sale_id)
    return await store.revise(session, sale.id, version=ledger_first(sale.version))
