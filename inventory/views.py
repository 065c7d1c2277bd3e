"""What staff and viewers see of sales."""

from typing import Final

from inventory import store
from inventory.book import SaleBook
from inventory.faults import GateSilent
from inventory.gate import Gate
from inventory.model import ItemConfig, ItemCount, SaleState
from inventory.replies import GateItem
from inventory.schemas_shown import (
    ItemOut,
    PublicItem,
    PublicSale,
    SaleBrief,
    SaleOut,
    SalePage,
)
from inventory.selling import Selling
from inventory.sheet import SEGMENT, SaleSheet, state_at
from keel.clock import Clock
from keel.errors import NotFound
from keel.identity import Principal

_NOTHING: Final = ItemCount("", 0, 0, 0, 0)


async def sale_page(selling: Selling, by: Principal, *, below: str | None, count: int) -> SalePage:
    """A page of a merchant's sales."""
    async with store.edge(selling.sessions) as session:
        rows = await store.list_sales(session, by.merchant_id, below=below, count=count)
    return SalePage(
        sales=[SaleBrief.model_validate(row) for row in rows], next=rows[-1].id if len(rows) == count else None
    )


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


async def sale_for_viewers(book: SaleBook, clock: Clock, sale_id: str) -> PublicSale:
    """A sale from the process's memory: a crowd that looks does not touch the database.

    Drafts, rehearsals and what is archived are not shown. Raises NotFound and LedgerFault.
    """
    config = await book.get(sale_id)
    if config is None or config.state is SaleState.DRAFT or config.rehearsal or config.archived:
        raise NotFound(what="sale")
    now = clock.now()
    return PublicSale(
        id=config.id,
        title=config.title,
        kind=config.kind,
        state=state_at(config.state, now, opens_at=config.opens_at, closes_at=config.closes_at),
        currency=config.currency,
        opens_at=config.opens_at,
        closes_at=config.closes_at,
        hold_ttl_s=config.hold_ttl_s,
        limit_per_customer=config.limit or None,
        version=config.version,
        server_time=now,
        items=[_public(item) for item in config.items],
    )


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


def _public(item: ItemConfig) -> PublicItem:
    return PublicItem(
        id=item.id,
        no=item.no,
        title=item.title,
        price=item.price,
        limit_per_customer=item.limit or None,
        allocated=item.allocated,
    )
