"""Products over HTTP, for staff: a title, and the SKUs that are its variants."""

from fastapi import APIRouter

from inventory import catalogue, products, views_catalogue
from inventory.routes import Below, Count, Manager, PathId, Reader, Shop
from inventory.routes_catalogue import Text
from inventory.schemas import ProductChange, ProductWish, VariantWish
from inventory.schemas_catalogue import ProductOut, ProductPage
from inventory.schemas_shown import Created

router = APIRouter(prefix="/v1/staff/products", tags=["staff"])


@router.post("", status_code=201)
async def create(shop: Shop, by: Manager, wish: ProductWish) -> ProductOut:
    """A product with its SKUs, all or none."""
    variants = [catalogue.NewVariant(**dict(variant)) for variant in wish.skus]
    product_id = await products.create_product(shop, by, wish.title, variants)
    return await views_catalogue.product(shop, by, product_id)


@router.get("")
async def list_all(
    *,
    shop: Shop,
    by: Reader,
    title: Text = None,
    archived: bool = False,
    below: Below = None,
    count: Count = 20,
) -> ProductPage:
    """Products with their SKUs, newest first."""
    return await views_catalogue.product_page(shop, by, title=title, archived=archived, below=below, count=count)


@router.get("/{product_id}")
async def show(shop: Shop, by: Reader, product_id: PathId) -> ProductOut:
    """A product with its SKUs."""
    return await views_catalogue.product(shop, by, product_id)


@router.patch("/{product_id}")
async def edit(shop: Shop, by: Manager, product_id: PathId, change: ProductChange) -> ProductOut:
    """Change a product's title; sales show what they showed."""
    changes = change.model_dump(exclude_unset=True, exclude={"version"})
    await products.edit_product(shop, by, product_id, changes, version=change.version)
    return await views_catalogue.product(shop, by, product_id)


@router.post("/{product_id}/skus", status_code=201)
async def add_sku(shop: Shop, by: Manager, product_id: PathId, wish: VariantWish) -> Created:
    """One more SKU."""
    return Created(id=await products.add_variant(shop, by, product_id, catalogue.NewVariant(**dict(wish))))


@router.post("/{product_id}/archive", status_code=204)
async def archive(shop: Shop, by: Manager, product_id: PathId) -> None:
    """Put a product away with its SKUs; sales that have them keep them."""
    await products.archive_product(shop, by, product_id)


@router.post("/{product_id}/restore", status_code=204)
async def restore(shop: Shop, by: Manager, product_id: PathId) -> None:
    """Bring a product back with the SKUs that were put away with it."""
    await products.restore_product(shop, by, product_id)
