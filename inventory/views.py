"""What staff see of sales."""

from typing import Final

from inventory import store, store_stock
from inventory.faults import GateSilent
from inventory.gate import Gate
from inventory.model import ItemConfig, ItemCount, SaleFilter, SaleState
from inventory.replies import GateItem
from inventory.schemas_shown import (
    ItemDemand,
    ItemOut,
    SaleBrief,
    SaleDemand,
    SaleOut,
    SalePage,
)
from inventory.selling import Selling
from inventory.sheet import SEGMENT, SaleSheet
from inventory.store import EVERY_SALE
from keel.identity import Principal
from keel.paging import next_of

_NOTHING: Final = ItemCount("", 0, 0, 0, 0)


async def sale_page(
    selling: Selling, by: Principal, wanted: SaleFilter = EVERY_SALE, *, below: str | None, count: int
) -> SalePage:
    """A page of a merchant's sales."""
    async with store.edge(selling.sessions) as session:
        rows = await store.list_sales(session, by.merchant_id, wanted, below=below, count=count)
    return SalePage(sales=[SaleBrief.model_validate(row) for row in rows], next=next_of(rows, count))


async def sale_for_staff(selling: Selling, by: Principal, sale_id: str) -> SaleOut:
    """A sale with its units in the ledger, and what the gate says where it answers. Raises NotFound."""
    async with store.edge(selling.sessions) as session:
        sale = await store.find_sale(session, by.merchant_id, sale_id)
        planned = {item.id: item.planned for item in await store.items(session, sale_id)}
        sheet = await store.sheet(session, sale_id)
    counts = {count.item_id: count for count in sheet.counts[SEGMENT]}
    at_gate = await _at_gate(selling.gate, sheet)
    items = [
        _item(item, counts.get(item.id, _NOTHING), at_gate.get(item.no), planned=planned[item.id])
        for item in sheet.config.items
    ]
    return SaleOut(**SaleBrief.model_validate(sale).model_dump(), items=items)


async def sale_demand(selling: Selling, by: Principal, sale_id: str) -> SaleDemand:
    """What a restock would sell, per item: as the gate counts, or as noted when the sale closed. Raises NotFound."""
    async with store.edge(selling.sessions) as session:
        await store.find_sale(session, by.merchant_id, sale_id)
        noted = {item.id: item.turned_away for item in await store.items(session, sale_id)}
        sheet = await store.sheet(session, sale_id)
        on_hand = await store_stock.base_of(session, by.merchant_id, [item.sku_id for item in sheet.config.items])
    at_gate = await _at_gate(selling.gate, sheet)
    is_noted = any(count is not None for count in noted.values())
    turned_away = noted if is_noted else {item.id: at_gate[item.no].refused for item in sheet.config.items if at_gate}
    counts = {count.item_id: count for count in sheet.counts[SEGMENT]}
    items = [
        ItemDemand(
            item_id=item.id,
            no=item.no,
            sku_id=item.sku_id,
            title=item.title,
            price=item.price,
            free=counts.get(item.id, _NOTHING).allocated - counts.get(item.id, _NOTHING).sold,
            turned_away=turned_away.get(item.id),
            on_hand=on_hand[item.sku_id],
        )
        for item in sheet.config.items
    ]
    return SaleDemand(counted="at_close" if is_noted else "now" if at_gate else "unknown", items=items)


async def _at_gate(gate: Gate, sheet: SaleSheet) -> dict[int, GateItem]:
    """Counters by item number; nothing from a gate that is silent, or of another epoch."""
    if sheet.config.state is SaleState.DRAFT:
        return {}
    try:
        status = await gate.status(sheet.config.id, SEGMENT)
    except GateSilent:
        return {}
    current = status.loaded and status.epoch == sheet.epoch(SEGMENT)
    return {item.no: item for item in status.items} if current else {}


def _item(item: ItemConfig, count: ItemCount, at_gate: GateItem | None, *, planned: int) -> ItemOut:
    return ItemOut(
        id=item.id,
        no=item.no,
        sku_id=item.sku_id,
        version_id=item.version_id,
        title=item.title,
        price=item.price,
        limit_per_customer=item.limit or None,
        planned=planned,
        allocated=count.allocated,
        sold=count.sold,
        free=count.allocated - count.sold,
        held=at_gate.held if at_gate else None,
        refused=at_gate.refused if at_gate else None,
    )
