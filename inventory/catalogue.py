"""Use cases of the catalogue: SKUs and their list prices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from inventory import store, store_catalogue, store_products, store_stock
from inventory.model import SkuFilter
from inventory.selling import Selling
from inventory.store_catalogue import CatalogueEntry
from keel.identity import Principal

PAGE_MAX: Final = 100
EVERY_SKU: Final = SkuFilter()


@dataclass(frozen=True, slots=True)
class NewVariant:
    """A SKU of a product; list `price` in minor units, `units` on the shelf, low at or below `low_stock` of them."""

    code: str
    price: int
    currency: str
    units: int = 0
    specification: Mapping[str, str] | None = None
    picture_url: str | None = None
    needs_recipient: bool = True
    low_stock: int | None = None


@dataclass(frozen=True, slots=True)
class NewSku(NewVariant):
    """The one SKU of a new product of that title."""

    title: str = field(kw_only=True)


async def create_sku(selling: Selling, by: Principal, new: NewSku) -> str:
    """Put a SKU into the catalogue, with its list price and first units. Returns its id. Raises Conflict."""
    product_id = selling.ids.new()
    product = {"id": product_id, "merchant_id": by.merchant_id, "title": new.title, "created_at": selling.clock.now()}
    async with store.edge(selling.sessions) as session:
        await store_products.add_product(session, **product)
        return await enter_sku(selling, session, by, product_id, new)


async def enter_sku(selling: Selling, session: AsyncSession, by: Principal, product_id: str, new: NewVariant) -> str:
    """A SKU of a product that is there, with its list price and first units. Returns its id. Raises Conflict."""
    now, sku_id = selling.clock.now(), selling.ids.new()
    mine = {"merchant_id": by.merchant_id}
    sku = mine | {
        "id": sku_id,
        "product_id": product_id,
        "code": new.code,
        "specification": dict(new.specification or {}),
        "picture_url": new.picture_url,
        "needs_recipient": new.needs_recipient,
        "low_stock": new.low_stock,
        "created_at": now,
    }
    await store_catalogue.add_sku(session, sku)
    await store_catalogue.add_price(session, **mine, sku_id=sku_id, since=now, price=new.price, currency=new.currency)
    await store_stock.add_base(session, by.merchant_id, sku_id, new.units)
    if new.units:
        await store_stock.add_movements(session, [selling.movement(by, "received", sku_id, new.units)])
    selling.audit(session, by, "sku.create", sku_id, code=new.code, units=new.units)
    return sku_id


async def set_list_price(selling: Selling, by: Principal, sku_id: str, *, price: int, currency: str) -> None:
    """A list price from now on; earlier ones stay as history. Running sales keep theirs."""
    now = selling.clock.now()
    async with store.edge(selling.sessions) as session:
        await store_catalogue.require_sku(session, by.merchant_id, sku_id)
        values = {"merchant_id": by.merchant_id, "sku_id": sku_id, "price": price, "currency": currency, "since": now}
        await store_catalogue.add_price(session, **values)
        selling.audit(session, by, "sku.price", sku_id, price=price, currency=currency)


async def list_skus(
    selling: Selling, by: Principal, wanted: SkuFilter = EVERY_SKU, *, below: str | None, count: int
) -> list[CatalogueEntry]:
    """A page of the catalogue, newest first, below an id."""
    now, count = selling.clock.now(), min(count, PAGE_MAX)
    async with store.edge(selling.sessions) as session:
        return await store_catalogue.list_entries(session, by.merchant_id, now, wanted, below=below, count=count)


async def find_sku(selling: Selling, by: Principal, sku_id: str) -> CatalogueEntry:
    """A SKU as the catalogue shows it, archived or not. Raises NotFound."""
    async with store.edge(selling.sessions) as session:
        return await store_catalogue.find_entry(session, by.merchant_id, selling.clock.now(), sku_id)
