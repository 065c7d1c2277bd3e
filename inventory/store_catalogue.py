"""SQL of products, SKUs and their list prices."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from inventory.tables import BaseStockRow, ProductRow, SkuPriceRow, SkuRow
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


async def add_sku(session: AsyncSession, product: dict[str, Any], sku: dict[str, Any]) -> None:
    """A new product with one SKU. Raises Conflict when the merchant has a SKU with this code."""
    await session.execute(insert(ProductRow).values(**product))
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


async def archive_sku(session: AsyncSession, merchant_id: str, sku_id: str, at: datetime) -> None:
    """Put a SKU away."""
    mine = SkuRow.merchant_id == merchant_id, SkuRow.id == sku_id
    await session.execute(update(SkuRow).where(*mine).values(archived_at=at))


async def list_entries(
    session: AsyncSession, merchant_id: str, now: datetime, *, below: str | None, count: int
) -> list[CatalogueEntry]:
    """A page of a merchant's catalogue, newest first, below an id."""
    page = (
        select(SkuRow, ProductRow.title, BaseStockRow.on_hand)
        .join(ProductRow, ProductRow.id == SkuRow.product_id)
        .join(BaseStockRow, BaseStockRow.sku_id == SkuRow.id)
        .where(SkuRow.merchant_id == merchant_id, SkuRow.archived_at.is_(None))
    )
    if below is not None:
        page = page.where(SkuRow.id < below)
    rows = (await session.execute(page.order_by(SkuRow.id.desc()).limit(count))).all()
    prices = await _prices(session, [row[0].id for row in rows], now)
    return [CatalogueEntry(sku, title, on_hand, tuple(prices.get(sku.id, []))) for sku, title, on_hand in rows]


async def _prices(session: AsyncSession, sku_ids: list[str], now: datetime) -> dict[str, list[ListPrice]]:
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
