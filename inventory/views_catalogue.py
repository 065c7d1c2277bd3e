"""What staff see of the catalogue."""

from datetime import datetime

from inventory import catalogue, products, store, store_catalogue, store_stock
from inventory.model import SkuFilter
from inventory.schemas_catalogue import (
    ItemVersionOut,
    ItemVersionPage,
    ListPriceOut,
    MovementOut,
    MovementPage,
    PastPrice,
    PriceHistory,
    ProductOut,
    ProductPage,
    SkuOut,
    SkuPage,
)
from inventory.selling import Selling
from inventory.store_catalogue import CatalogueEntry
from inventory.tables import ProductRow
from keel.identity import Principal
from keel.paging import next_of


async def sku_page(selling: Selling, by: Principal, wanted: SkuFilter, *, below: str | None, count: int) -> SkuPage:
    """A page of the catalogue."""
    entries = await catalogue.list_skus(selling, by, wanted, below=below, count=count)
    shown = [_sku(entry) for entry in entries]
    return SkuPage(skus=shown, next=next_of(shown, count))


async def sku(selling: Selling, by: Principal, sku_id: str) -> SkuOut:
    """One SKU. Raises NotFound."""
    return _sku(await catalogue.find_sku(selling, by, sku_id))


async def product_page(
    selling: Selling, by: Principal, *, title: str | None, archived: bool, below: str | None, count: int
) -> ProductPage:
    """A page of products."""
    found = await products.list_products(selling, by, title=title, archived=archived, below=below, count=count)
    shown = [_product(row, entries) for row, entries in found]
    return ProductPage(products=shown, next=next_of(shown, count))


async def product(selling: Selling, by: Principal, product_id: str) -> ProductOut:
    """One product. Raises NotFound."""
    return _product(*await products.find_product(selling, by, product_id))


async def price_history(
    selling: Selling, by: Principal, sku_id: str, currency: str, *, before: datetime | None, count: int
) -> PriceHistory:
    """List prices of a SKU, now and before. Raises NotFound."""
    await catalogue.find_sku(selling, by, sku_id)
    async with store.edge(selling.sessions) as session:
        rows = await store_catalogue.price_history(
            session, by.merchant_id, sku_id, currency, before=before, count=count
        )
    prices = [PastPrice.model_validate(row) for row in rows]
    return PriceHistory(currency=currency, prices=prices, next=prices[-1].since if len(prices) == count else None)


async def movements(selling: Selling, by: Principal, sku_id: str, *, below: str | None, count: int) -> MovementPage:
    """What moved on the shelf of a SKU, by whom and why. Raises NotFound."""
    await catalogue.find_sku(selling, by, sku_id)
    async with store.edge(selling.sessions) as session:
        rows = await store_stock.list_movements(session, by.merchant_id, sku_id, below=below, count=count)
    return MovementPage(movements=[MovementOut.model_validate(row) for row in rows], next=next_of(rows, count))


async def versions(selling: Selling, by: Principal, sku_id: str, *, below: str | None, count: int) -> ItemVersionPage:
    """What was shown of a SKU in sales. Raises NotFound."""
    await catalogue.find_sku(selling, by, sku_id)
    async with store.edge(selling.sessions) as session:
        rows = await store_catalogue.item_versions(session, by.merchant_id, sku_id, below=below, count=count)
    return ItemVersionPage(versions=[ItemVersionOut.model_validate(row) for row in rows], next=next_of(rows, count))


def _product(row: ProductRow, entries: list[CatalogueEntry]) -> ProductOut:
    return ProductOut(
        id=row.id,
        title=row.title,
        version=row.version,
        created_at=row.created_at,
        archived_at=row.archived_at,
        skus=[_sku(entry) for entry in entries],
    )


def _sku(entry: CatalogueEntry) -> SkuOut:
    sku = entry.sku
    return SkuOut(
        id=sku.id,
        product_id=sku.product_id,
        title=entry.title,
        code=sku.code,
        specification=sku.specification,
        picture_url=sku.picture_url,
        needs_recipient=sku.needs_recipient,
        on_hand=entry.on_hand,
        low_stock=sku.low_stock,
        low=sku.low_stock is not None and entry.on_hand <= sku.low_stock,
        prices=[ListPriceOut.model_validate(price) for price in entry.prices],
        version=sku.version,
        archived_at=sku.archived_at,
    )
