"""SKUs over HTTP, for staff: what is sold, at which list price, and how many are on the shelf."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from inventory import archiving, catalogue, products, shelf, views_catalogue
from inventory.model import SkuFilter
from inventory.routes import Below, Count, Manager, PathId, Reader, Shop
from inventory.schemas import BaseStockWish, Moment, PriceWish, SkuChange, SkuWish
from inventory.schemas_catalogue import ItemVersionPage, MovementPage, PriceHistory, SkuOut, SkuPage
from inventory.schemas_shown import Created, OnHand
from keel.idempotency import OPTIONAL_KEY_PARAMETER
from keel.ids import ID_PATTERN
from keel.routes_jobs import REPLAYED, OptionalKey

router = APIRouter(prefix="/v1/staff/skus", tags=["staff"])

Text = Annotated[str | None, Query(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


async def filter_of(
    *,
    code: Text = None,
    title: Text = None,
    product_id: Annotated[str | None, Query(pattern=ID_PATTERN)] = None,
    archived: bool = False,
    low: bool = False,
) -> SkuFilter:
    """Which SKUs: `code` is how it begins, `title` a part of it; `low` those at or below their low-stock mark."""
    return SkuFilter(code=code, title=title, product_id=product_id, archived=archived, low=low)


@router.post("", status_code=201)
async def create(shop: Shop, by: Manager, wish: SkuWish) -> Created:
    """A product with one SKU, list price and units in one go."""
    return Created(id=await catalogue.create_sku(shop, by, catalogue.NewSku(**dict(wish))))


@router.get("")
async def list_all(
    shop: Shop,
    by: Reader,
    wanted: Annotated[SkuFilter, Depends(filter_of)],
    below: Below = None,
    count: Count = 20,
) -> SkuPage:
    """SKUs, newest first."""
    return await views_catalogue.sku_page(shop, by, wanted, below=below, count=count)


@router.get("/{sku_id}")
async def show(shop: Shop, by: Reader, sku_id: PathId) -> SkuOut:
    """One SKU, archived or not."""
    return await views_catalogue.sku(shop, by, sku_id)


@router.patch("/{sku_id}")
async def edit(shop: Shop, by: Manager, sku_id: PathId, change: SkuChange) -> SkuOut:
    """Change a SKU; sales that have it show what they showed."""
    changes = change.model_dump(exclude_unset=True, exclude={"version"})
    await products.edit_sku(shop, by, sku_id, changes, version=change.version)
    return await views_catalogue.sku(shop, by, sku_id)


@router.post("/{sku_id}/archive", status_code=204)
async def archive(shop: Shop, by: Manager, sku_id: PathId) -> None:
    """Put a SKU away; sales that have it keep it."""
    await archiving.archive_sku(shop, by, sku_id)


@router.post("/{sku_id}/restore", status_code=204)
async def restore(shop: Shop, by: Manager, sku_id: PathId) -> None:
    """Bring a SKU back."""
    await products.restore_sku(shop, by, sku_id)


@router.post("/{sku_id}/price", status_code=204)
async def set_price(shop: Shop, by: Manager, sku_id: PathId, wish: PriceWish) -> None:
    """A list price from now on."""
    await catalogue.set_list_price(shop, by, sku_id, price=wish.price, currency=wish.currency)


@router.get("/{sku_id}/prices")
async def prices(
    *,
    shop: Shop,
    by: Reader,
    sku_id: PathId,
    currency: Annotated[str, Query(pattern="^[A-Z]{3}$")],
    before: Annotated[Moment | None, Query()] = None,
    count: Count = 20,
) -> PriceHistory:
    """List prices in one currency, newest first."""
    return await views_catalogue.price_history(shop, by, sku_id, currency, before=before, count=count)


@router.get("/{sku_id}/movements")
async def movements(shop: Shop, by: Reader, sku_id: PathId, below: Below = None, count: Count = 20) -> MovementPage:
    """What moved on the shelf, newest first."""
    return await views_catalogue.movements(shop, by, sku_id, below=below, count=count)


@router.get("/{sku_id}/versions")
async def versions(shop: Shop, by: Reader, sku_id: PathId, below: Below = None, count: Count = 20) -> ItemVersionPage:
    """What was shown in sales, newest first."""
    return await views_catalogue.versions(shop, by, sku_id, below=below, count=count)


@router.post("/{sku_id}/stock", openapi_extra={"parameters": [OPTIONAL_KEY_PARAMETER]})
async def move_stock(
    *, shop: Shop, by: Manager, sku_id: PathId, key: OptionalKey, wish: BaseStockWish, response: Response
) -> OnHand:
    """Goods came in, or a count found more or fewer. Under an Idempotency-Key a retry moves nothing twice."""
    if wish.receive is not None:
        moved = await shelf.receive_units(shop, by, sku_id, units=wish.receive, reason=wish.reason, key=key)
    else:
        assert wish.adjust is not None
        assert wish.reason is not None
        moved = await shelf.adjust_units(shop, by, sku_id, units=wish.adjust, reason=wish.reason, key=key)
    if moved.replayed:
        response.headers[REPLAYED] = "true"
    return OnHand(on_hand=moved.on_hand)
