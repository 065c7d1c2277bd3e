"""SQL of SKUs, their list prices and what was shown of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from inventory.model import SkuFilter
from inventory.tables import BaseStockRow, ItemVersionRow, ProductRow, SkuPriceRow, SkuRow
from keel.database import newest_first
from keel.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class ListPrice:
    """Minor units of a currency."""

    currency: str
    price: int


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A SKU with its product's title, the units on hand and today's list prices."""

    sku: SkuRow
    title: str
    on_hand: int
    prices: tuple[ListPrice, ...]


async def add_sku(session: AsyncSession, sku: dict[str, Any]) -> None:
    """A new SKU of a product. Raises Conflict when the merchant has a SKU with this code."""
    new = insert(SkuRow).values(**sku).on_conflict_do_nothing(index_elements=["merchant_id", "code"])
    if await session.scalar(new.returning(SkuRow.id)) is None:
        raise Conflict(detail=f"there is a SKU with the code {sku['code']}")


async def add_price(session: AsyncSession, **values: Any) -> None:
    """A list price from now on. Raises Conflict for a second one at the same moment."""
    new = insert(SkuPriceRow).values(**values).on_conflict_do_nothing()
    if await session.scalar(new.returning(SkuPriceRow.sku_id)) is None:
        raise Conflict(detail="the price was set at this very moment")


async def find_skus(session: AsyncSession, merchant_id: str, sku_ids: Sequence[str]) -> dict[str, tuple[SkuRow, str]]:
    """SKUs that can be sold, each with its product's title. Unknown and archived ones are left out."""
    page = (
        select(SkuRow, ProductRow.title)
        .join(ProductRow, ProductRow.id == SkuRow.product_id)
        .where(SkuRow.merchant_id == merchant_id, SkuRow.id.in_(sku_ids), SkuRow.archived_at.is_(None))
    )
    return {row[0].id: (row[0], row[1]) for row in await session.execute(page)}


async def require_sku(session: AsyncSession, merchant_id: str, sku_id: str) -> tuple[SkuRow, str]:
    """A SKU that can be sold, with its product's title. Raises NotFound."""
    found = await find_skus(session, merchant_id, [sku_id])
    if sku_id not in found:
        raise NotFound(what="sku")
    return found[sku_id]


async def lock_sku(session: AsyncSession, merchant_id: str, sku_id: str) -> SkuRow:
    """A SKU, archived or not, locked until the commit. Raises NotFound."""
    mine = SkuRow.merchant_id == merchant_id, SkuRow.id == sku_id
    row = await session.scalar(select(SkuRow).where(*mine).with_for_update(key_share=True))
    if row is None:
        raise NotFound(what="sku")
    return row


async def revise_sku(session: AsyncSession, sku_id: str, **values: Any) -> None:
    """Change columns of a locked SKU; its version counts it."""
    await session.execute(update(SkuRow).where(SkuRow.id == sku_id).values(**values, version=SkuRow.version + 1))


async def list_entries(
    session: AsyncSession, merchant_id: str, now: datetime, wanted: SkuFilter, *, below: str | None, count: int
) -> list[CatalogueEntry]:
    """A page of a merchant's catalogue, newest first, below an id."""
    page = _entries(merchant_id).where(*_conditions(wanted))
    return await _with_prices(session, newest_first(page, SkuRow.id, below=below, count=count), now)


async def next_entries(
    session: AsyncSession, merchant_id: str, now: datetime, *, above: str | None, count: int
) -> list[CatalogueEntry]:
    """A page of a merchant's catalogue, oldest first, above an id, without what is archived."""
    page = _entries(merchant_id).where(SkuRow.archived_at.is_(None))
    if above is not None:
        page = page.where(SkuRow.id > above)
    return await _with_prices(session, page.order_by(SkuRow.id).limit(count), now)


async def first_codes(session: AsyncSession, merchant_id: str, product_ids: Sequence[str]) -> dict[str, str]:
    """The code of each product's oldest SKU that is not archived."""
    mine = SkuRow.merchant_id == merchant_id, SkuRow.product_id.in_(product_ids), SkuRow.archived_at.is_(None)
    page = select(SkuRow.product_id, SkuRow.code).where(*mine).order_by(SkuRow.product_id, SkuRow.id)
    return {row[0]: row[1] for row in await session.execute(page.ext(distinct_on(SkuRow.product_id)))}


async def currencies(session: AsyncSession, merchant_id: str) -> list[str]:
    """Every currency that a list price was ever set in."""
    page = select(SkuPriceRow.currency).where(SkuPriceRow.merchant_id == merchant_id).distinct()
    return list(await session.scalars(page.order_by(SkuPriceRow.currency)))


async def find_entry(session: AsyncSession, merchant_id: str, now: datetime, sku_id: str) -> CatalogueEntry:
    """A SKU as the catalogue shows it, archived or not. Raises NotFound, for another merchant's as well."""
    found = await _with_prices(session, _entries(merchant_id).where(SkuRow.id == sku_id), now)
    if not found:
        raise NotFound(what="sku")
    return found[0]


async def entries_of(
    session: AsyncSession, merchant_id: str, now: datetime, product_ids: Sequence[str]
) -> list[CatalogueEntry]:
    """All SKUs of products, archived or not, the oldest first."""
    page = _entries(merchant_id).where(SkuRow.product_id.in_(product_ids)).order_by(SkuRow.id)
    return await _with_prices(session, page, now)


async def list_prices(session: AsyncSession, sku_ids: list[str], now: datetime) -> dict[str, list[ListPrice]]:
    """Today's list prices by SKU, one for each currency."""
    page = (
        select(SkuPriceRow.sku_id, SkuPriceRow.currency, SkuPriceRow.price)
        .where(SkuPriceRow.sku_id.in_(sku_ids), SkuPriceRow.since <= now)
        .order_by(SkuPriceRow.sku_id, SkuPriceRow.currency, SkuPriceRow.since.desc())
        .ext(distinct_on(SkuPriceRow.sku_id, SkuPriceRow.currency))
    )
    prices: dict[str, list[ListPrice]] = {}
    for sku_id, currency, price in await session.execute(page):
        prices.setdefault(sku_id, []).append(ListPrice(currency, price))
    return prices


async def price_history(
    session: AsyncSession, merchant_id: str, sku_id: str, currency: str, *, before: datetime | None, count: int
) -> Sequence[SkuPriceRow]:
    """List prices of one currency, the newest first, from before a moment."""
    mine = SkuPriceRow.merchant_id == merchant_id, SkuPriceRow.sku_id == sku_id, SkuPriceRow.currency == currency
    page = select(SkuPriceRow).where(*mine)
    if before is not None:
        page = page.where(SkuPriceRow.since < before)
    return (await session.scalars(page.order_by(SkuPriceRow.since.desc()).limit(count))).all()


async def item_versions(
    session: AsyncSession, merchant_id: str, sku_id: str, *, below: str | None, count: int
) -> Sequence[ItemVersionRow]:
    """What was shown of a SKU, the newest first, below an id."""
    page = select(ItemVersionRow).where(ItemVersionRow.merchant_id == merchant_id, ItemVersionRow.sku_id == sku_id)
    return (await session.scalars(newest_first(page, ItemVersionRow.id, below=below, count=count))).all()


def _entries(merchant_id: str) -> Select[SkuRow, str, int]:
    return (
        select(SkuRow, ProductRow.title, BaseStockRow.on_hand)
        .join(ProductRow, ProductRow.id == SkuRow.product_id)
        .join(BaseStockRow, BaseStockRow.sku_id == SkuRow.id)
        .where(SkuRow.merchant_id == merchant_id)
    )


def _conditions(wanted: SkuFilter) -> Iterator[ColumnElement[bool]]:
    yield SkuRow.archived_at.is_not(None) if wanted.archived else SkuRow.archived_at.is_(None)
    if wanted.code is not None:
        yield SkuRow.code.startswith(wanted.code, autoescape=True)
    if wanted.title is not None:
        yield ProductRow.title.icontains(wanted.title, autoescape=True)
    if wanted.product_id is not None:
        yield SkuRow.product_id == wanted.product_id
    if wanted.low:
        yield BaseStockRow.on_hand <= SkuRow.low_stock


async def _with_prices(session: AsyncSession, page: Select[SkuRow, str, int], now: datetime) -> list[CatalogueEntry]:
    rows = (await session.execute(page)).all()
    prices = await list_prices(session, [row[0].id for row in rows], now)
    return [CatalogueEntry(sku, title, on_hand, tuple(prices.get(sku.id, []))) for sku, title, on_hand in rows]
