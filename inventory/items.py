"""Use cases of a sale's items: what is sold, at which price, how many per buyer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from inventory import store, store_catalogue, store_stock
from inventory.model import ITEMS_PER_SALE_MAX, RUNNING, SaleState
from inventory.restock import take_from_base
from inventory.selling import Selling, locked, push, require_window
from inventory.sheet import SEGMENT
from inventory.tables import SaleItemRow, SaleRow, SkuRow
from inventory.versions import ledger_first
from keel.errors import Conflict
from keel.identity import Principal


@dataclass(frozen=True, slots=True)
class NewItem:
    """A SKU to sell at a price (minor units); in a draft the units are planned, in a running sale taken at once.

    A price of None is today's list price in the sale's currency.
    """

    sku_id: str
    price: int | None
    units: int
    limit_per_customer: int | None = None


async def add_item(
    selling: Selling, by: Principal, sale_id: str, new: NewItem, *, version: int | None = None
) -> SaleItemRow:
    """Put a SKU on sale under the next number. Raises NotFound and Conflict.

    In a running sale also NotEnoughUnits, and Unavailable while its gate is being rebuilt.
    """
    now = selling.clock.now()
    async with store.edge(selling.sessions) as session:
        sale = await locked(session, by, sale_id, version)
        _require_open_end(sale, now)
        item = await enter_item(selling, session, sale, await _next_no(session, sale_id, new.sku_id), new)
        if sale.state in RUNNING:
            await enter_stock(selling, session, by, [item])
        sale = await store.revise(session, sale_id, version=ledger_first(sale.version))
        selling.audit(session, by, "sale.add_item", sale_id, item_id=item.id, sku_id=new.sku_id, units=new.units)
    if sale.state in RUNNING:
        await push(selling, sale_id)
    return item


async def enter_item(selling: Selling, session: AsyncSession, sale: SaleRow, no: int, new: NewItem) -> SaleItemRow:
    """An item of a locked sale under this number, as it is shown now. Raises NotFound and Conflict."""
    sku, title = await store_catalogue.require_sku(session, sale.merchant_id, new.sku_id)
    price = await _list_price(selling, session, sale, sku) if new.price is None else new.price
    return await store.add_item(
        session,
        id=selling.ids.new(),
        merchant_id=sale.merchant_id,
        sale_id=sale.id,
        no=no,
        sku_id=new.sku_id,
        item_version_id=await _add_version(selling, session, sku, title, price=price, currency=sale.currency),
        limit_per_customer=new.limit_per_customer,
        planned=new.units,
    )


async def edit_item(
    selling: Selling,
    by: Principal,
    sale_id: str,
    item_id: str,
    changes: Mapping[str, Any],
    *,
    version: int | None = None,
) -> SaleRow:
    """Change an item's `price` or `limit_per_customer`. A new price is a new version of what is shown."""
    now = selling.clock.now()
    async with store.edge(selling.sessions) as session:
        sale = await locked(session, by, sale_id, version)
        _require_open_end(sale, now)
        item = await store.find_item(session, sale_id, item_id)
        values = {name: value for name, value in changes.items() if name == "limit_per_customer"}
        if "price" in changes:
            values["item_version_id"] = await _reprice(selling, session, item, changes["price"])
        if values:
            await store.revise_item(session, item_id, **values)
        sale = await store.revise(session, sale_id, version=ledger_first(sale.version))
        selling.audit(session, by, "sale.edit_item", sale_id, item_id=item_id, **changes)
    if sale.state in RUNNING:
        await push(selling, sale_id)
    return sale


async def enter_stock(selling: Selling, session: AsyncSession, by: Principal, items: list[SaleItemRow]) -> None:
    """Give items of a locked sale their stock, out of base stock: all or none. Raises NotEnoughUnits, Unavailable."""
    epoch = await store_stock.guarded_epoch(session, items[0].sale_id, SEGMENT)
    movements = await take_from_base(selling, session, by, {item.id: (item.sku_id, item.planned) for item in items})
    lines = [
        {
            "item_id": item.id,
            "segment": SEGMENT,
            "merchant_id": item.merchant_id,
            "sale_id": item.sale_id,
            "allocated": item.planned,
            "sold": 0,
            "epoch": epoch,
        }
        for item in sorted(items, key=lambda item: item.id)
    ]
    await store_stock.add_stock(session, lines)
    await store_stock.add_movements(session, movements)


async def _next_no(session: AsyncSession, sale_id: str, sku_id: str) -> int:
    items = await store.items(session, sale_id)
    if any(item.sku_id == sku_id for item in items):
        raise Conflict(detail="this SKU is in the sale already")
    if len(items) >= ITEMS_PER_SALE_MAX:
        raise Conflict(detail=f"a sale has at most {ITEMS_PER_SALE_MAX} items")
    return len(items) + 1


async def _list_price(selling: Selling, session: AsyncSession, sale: SaleRow, sku: SkuRow) -> int:
    prices = await store_catalogue.list_prices(session, [sku.id], selling.clock.now())
    for price in prices.get(sku.id, []):
        if price.currency == sale.currency:
            return price.price
    raise Conflict(detail=f"the SKU has no list price in {sale.currency}: give one")


async def _add_version(
    selling: Selling, session: AsyncSession, sku: SkuRow, title: str, *, price: int, currency: str
) -> str:
    version_id = selling.ids.new()
    shown = {
        "title": title,
        "specification": sku.specification,
        "picture_url": sku.picture_url,
        "needs_recipient": sku.needs_recipient,
    }
    born = {"id": version_id, "merchant_id": sku.merchant_id, "sku_id": sku.id, "created_at": selling.clock.now()}
    await store.add_version(session, **born, **shown, price=price, currency=currency)
    return version_id


async def _reprice(selling: Selling, session: AsyncSession, item: SaleItemRow, price: int) -> str:
    """A version that differs in its price only. Returns its id."""
    old = await store.find_version(session, item.item_version_id)
    shown = {
        name: getattr(old, name) for name in ("title", "specification", "picture_url", "needs_recipient", "currency")
    }
    born = {"merchant_id": old.merchant_id, "sku_id": old.sku_id, "created_at": selling.clock.now()}
    version_id = selling.ids.new()
    await store.add_version(session, id=version_id, **born, **shown, price=price)
    return version_id


def _require_open_end(sale: SaleRow, now: datetime) -> None:
    """Raises Conflict once a sale is closed or its window over; a draft's window can still change."""
    if sale.state == SaleState.CLOSED:
        raise Conflict(detail="the sale is closed")
    if sale.state != SaleState.DRAFT:
        require_window(sale, now)
