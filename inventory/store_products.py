"""SQL of products: what SKUs are variants of."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from inventory.tables import ProductRow, SkuRow
from keel.database import newest_first
from keel.errors import NotFound


async def add_product(session: AsyncSession, **values: Any) -> None:
    """A new product, without SKUs yet."""
    await session.execute(insert(ProductRow).values(**values))


async def find_product(session: AsyncSession, merchant_id: str, product_id: str) -> ProductRow:
    """A product, archived or not. Raises NotFound, for another merchant's as well."""
    return await _one(session, merchant_id, product_id, lock=False)


async def lock_product(session: AsyncSession, merchant_id: str, product_id: str) -> ProductRow:
    """The same, locked until the commit."""
    return await _one(session, merchant_id, product_id, lock=True)


async def revise_product(session: AsyncSession, product_id: str, **values: Any) -> None:
    """Change columns of a locked product; its version counts it."""
    change = update(ProductRow).where(ProductRow.id == product_id)
    await session.execute(change.values(**values, version=ProductRow.version + 1))


async def list_products(
    session: AsyncSession, merchant_id: str, *, title: str | None, archived: bool, below: str | None, count: int
) -> Sequence[ProductRow]:
    """A page of a merchant's products, newest first, below an id; `title` is a part of it, in capitals or not."""
    put_away = ProductRow.archived_at.is_not(None) if archived else ProductRow.archived_at.is_(None)
    page = select(ProductRow).where(ProductRow.merchant_id == merchant_id, put_away)
    if title is not None:
        page = page.where(ProductRow.title.icontains(title, autoescape=True))
    return (await session.scalars(newest_first(page, ProductRow.id, below=below, count=count))).all()


async def count_skus(session: AsyncSession, merchant_id: str, product_ids: Collection[str]) -> Mapping[str, int]:
    """How many SKUs each product has, archived ones too."""
    mine = SkuRow.merchant_id == merchant_id, SkuRow.product_id.in_(product_ids)
    page = select(SkuRow.product_id, func.count()).where(*mine).group_by(SkuRow.product_id)
    return Counter({row[0]: row[1] for row in await session.execute(page)})


async def archive_skus(session: AsyncSession, merchant_id: str, product_id: str, at: datetime) -> None:
    """Put away the SKUs of a product that are not yet."""
    mine = SkuRow.merchant_id == merchant_id, SkuRow.product_id == product_id, SkuRow.archived_at.is_(None)
    await session.execute(update(SkuRow).where(*mine).values(archived_at=at, version=SkuRow.version + 1))


async def restore_skus(session: AsyncSession, merchant_id: str, product_id: str, archived_at: datetime) -> None:
    """Bring back the SKUs that were put away together with their product."""
    mine = SkuRow.merchant_id == merchant_id, SkuRow.product_id == product_id, SkuRow.archived_at == archived_at
    await session.execute(update(SkuRow).where(*mine).values(archived_at=None, version=SkuRow.version + 1))


async def _one(session: AsyncSession, merchant_id: str, product_id: str, *, lock: bool) -> ProductRow:
    page = select(ProductRow).where(ProductRow.merchant_id == merchant_id, ProductRow.id == product_id)
    row: ProductRow | None = await session.scalar(page.with_for_update(key_share=True) if lock else page)
    if row is None:
        raise NotFound(what="product")
    return row
