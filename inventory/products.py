"""Use cases of products, each with its SKUs: made, changed under a version, put away and brought back.

Nothing is deleted. What is put away is no longer listed or put on sale; sales that have it keep it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from inventory import store, store_catalogue, store_products
from inventory.catalogue import NewVariant, enter_sku
from inventory.model import SKUS_PER_PRODUCT_MAX
from inventory.selling import Selling
from inventory.store_catalogue import CatalogueEntry
from inventory.tables import ProductRow
from keel.errors import Conflict
from keel.identity import Principal


async def create_product(selling: Selling, by: Principal, title: str, variants: Sequence[NewVariant]) -> str:
    """A product with its SKUs, all or none. Returns its id. Raises Conflict for a code that is taken."""
    product_id, now = selling.ids.new(), selling.clock.now()
    async with store.edge(selling.sessions) as session:
        await store_products.add_product(
            session, id=product_id, merchant_id=by.merchant_id, title=title, created_at=now
        )
        for new in variants:
            await enter_sku(selling, session, by, product_id, new)
        selling.audit(session, by, "product.create", product_id, skus=len(variants))
    return product_id


async def add_variant(selling: Selling, by: Principal, product_id: str, new: NewVariant) -> str:
    """One more SKU of a product. Returns its id. Raises NotFound and Conflict."""
    async with store.edge(selling.sessions) as session:
        product = await store_products.lock_product(session, by.merchant_id, product_id)
        if product.archived_at is not None:
            raise Conflict(detail="the product is archived: bring it back first")
        counts = await store_products.count_skus(session, by.merchant_id, [product_id])
        if counts[product_id] >= SKUS_PER_PRODUCT_MAX:
            raise Conflict(detail=f"a product has at most {SKUS_PER_PRODUCT_MAX} SKUs")
        return await enter_sku(selling, session, by, product_id, new)


async def edit_product(
    selling: Selling, by: Principal, product_id: str, changes: Mapping[str, Any], *, version: int | None = None
) -> None:
    """Change a product's `title`. What was shown on air stays as it was. Raises NotFound and Conflict."""
    async with store.edge(selling.sessions) as session:
        product = await store_products.lock_product(session, by.merchant_id, product_id)
        _require_version("product", product.version, version)
        if changes:
            await store_products.revise_product(session, product_id, **changes)
        selling.audit(session, by, "product.edit", product_id, fields=sorted(changes))


async def edit_sku(
    selling: Selling, by: Principal, sku_id: str, changes: Mapping[str, Any], *, version: int | None = None
) -> None:
    """Change a SKU's specification, picture, need of a recipient or low-stock mark. Raises NotFound and Conflict."""
    async with store.edge(selling.sessions) as session:
        sku = await store_catalogue.lock_sku(session, by.merchant_id, sku_id)
        _require_version("SKU", sku.version, version)
        if changes:
            await store_catalogue.revise_sku(session, sku_id, **changes)
        selling.audit(session, by, "sku.edit", sku_id, fields=sorted(changes))


async def archive_product(selling: Selling, by: Principal, product_id: str) -> None:
    """Put a product away, with all its SKUs. Raises NotFound and Conflict."""
    now = selling.clock.now()
    async with store.edge(selling.sessions) as session:
        product = await store_products.lock_product(session, by.merchant_id, product_id)
        if product.archived_at is not None:
            raise Conflict(detail="the product is archived")
        await store_products.archive_skus(session, by.merchant_id, product_id, now)
        await store_products.revise_product(session, product_id, archived_at=now)
        selling.audit(session, by, "product.archive", product_id)


async def restore_product(selling: Selling, by: Principal, product_id: str) -> None:
    """Bring a product back, with the SKUs that were put away together with it. Raises NotFound and Conflict."""
    async with store.edge(selling.sessions) as session:
        product = await store_products.lock_product(session, by.merchant_id, product_id)
        if product.archived_at is None:
            raise Conflict(detail="the product is not archived")
        await store_products.restore_skus(session, by.merchant_id, product_id, product.archived_at)
        await store_products.revise_product(session, product_id, archived_at=None)
        selling.audit(session, by, "product.restore", product_id)


async def restore_sku(selling: Selling, by: Principal, sku_id: str) -> None:
    """Bring a SKU back into the catalogue. Raises NotFound and Conflict."""
    async with store.edge(selling.sessions) as session:
        sku = await store_catalogue.lock_sku(session, by.merchant_id, sku_id)
        product = await store_products.find_product(session, by.merchant_id, sku.product_id)
        if sku.archived_at is None:
            raise Conflict(detail="the SKU is not archived")
        if product.archived_at is not None:
            raise Conflict(detail="its product is archived: bring that back")
        await store_catalogue.revise_sku(session, sku_id, archived_at=None)
        selling.audit(session, by, "sku.restore", sku_id)


async def list_products(
    selling: Selling, by: Principal, *, title: str | None, archived: bool, below: str | None, count: int
) -> list[tuple[ProductRow, list[CatalogueEntry]]]:
    """A page of products with all their SKUs, newest first, below an id."""
    async with store.edge(selling.sessions) as session:
        products = await store_products.list_products(
            session, by.merchant_id, title=title, archived=archived, below=below, count=count
        )
        return await _with_skus(selling, session, by, products)


async def find_product(selling: Selling, by: Principal, product_id: str) -> tuple[ProductRow, list[CatalogueEntry]]:
    """A product with all its SKUs, archived or not. Raises NotFound."""
    async with store.edge(selling.sessions) as session:
        product = await store_products.find_product(session, by.merchant_id, product_id)
        return (await _with_skus(selling, session, by, [product]))[0]


async def _with_skus(
    selling: Selling, session: AsyncSession, by: Principal, products: Sequence[ProductRow]
) -> list[tuple[ProductRow, list[CatalogueEntry]]]:
    by_product: dict[str, list[CatalogueEntry]] = {product.id: [] for product in products}
    for entry in await store_catalogue.entries_of(session, by.merchant_id, selling.clock.now(), list(by_product)):
        by_product[entry.sku.product_id].append(entry)
    return [(product, by_product[product.id]) for product in products]


def _require_version(what: str, standing: int, known: int | None) -> None:
    if known is not None and known != standing:
        raise Conflict(detail=f"the {what} is at version {standing}")
