"""The catalogue over HTTP, for staff."""

from fastapi import APIRouter

from inventory import catalogue, views
from inventory.routes import Below, Count, Manager, PathId, Reader, Shop
from inventory.schemas import BaseStockWish, PriceWish, SkuWish
from inventory.schemas_shown import Created, OnHand, SkuPage

router = APIRouter(prefix="/v1/staff/skus", tags=["staff"])


@router.post("", status_code=201)
async def create(shop: Shop, by: Manager, wish: SkuWish) -> Created:
    """A product with one SKU, list price and units in one go."""
    return Created(id=await catalogue.create_sku(shop, by, catalogue.NewSku(**dict(wish))))


@router.get("")
async def list_all(shop: Shop, by: Reader, below: Below = None, count: Count = 20) -> SkuPage:
    """SKUs, newest first."""
    return await views.sku_page(shop, by, below=below, count=count)


@router.post("/{sku_id}/price", status_code=204)
async def set_price(shop: Shop, by: Manager, sku_id: PathId, wish: PriceWish) -> None:
    """A list price from now on."""
    await catalogue.set_list_price(shop, by, sku_id, price=wish.price, currency=wish.currency)


@router.post("/{sku_id}/stock")
async def move_stock(shop: Shop, by: Manager, sku_id: PathId, wish: BaseStockWish) -> OnHand:
    """Goods came in, or a count found more or fewer."""
    if wish.receive is not None:
        on_hand = await catalogue.receive_units(shop, by, sku_id, units=wish.receive, reason=wish.reason)
    else:
        assert wish.adjust is not None
        assert wish.reason is not None
        on_hand = await catalogue.adjust_units(shop, by, sku_id, units=wish.adjust, reason=wish.reason)
    return OnHand(on_hand=on_hand)
