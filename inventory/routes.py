"""Sales over HTTP: commands of staff, and what viewers see."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from inventory import archiving, drafting, items, restock, running, views, views_public
from inventory.catalogue import PAGE_MAX
from inventory.model import SaleFilter, SaleKind, SaleState
from inventory.schemas import Guarded, ItemChange, ItemWish, Moment, SaleChange, SaleWish, StockWish
from inventory.schemas_shown import Created, PublicSale, SaleBrief, SaleDemand, SaleOut, SalePage
from inventory.selling import Selling
from keel.clock import rfc3339, to_ms
from keel.identity import EVERYBODY, MANAGERS, SELLERS, Principal, staff_as
from keel.ids import ID_PATTERN


async def selling_of(request: Request) -> Selling:
    """What the use cases need, as wired by millpond."""
    selling: Selling = request.app.state.selling
    return selling


Shop = Annotated[Selling, Depends(selling_of)]
Reader = Annotated[Principal, Depends(staff_as(EVERYBODY))]
Seller = Annotated[Principal, Depends(staff_as(SELLERS))]
Manager = Annotated[Principal, Depends(staff_as(MANAGERS))]
PathId = Annotated[str, Path(pattern=ID_PATTERN)]
Below = Annotated[str | None, Query(pattern=ID_PATTERN)]
Count = Annotated[int, Query(ge=1, le=PAGE_MAX)]

VIEW_AGE_MAX_S: Final = 1
_UNCHANGED: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "What `If-None-Match` names is still shown"}}

router = APIRouter(prefix="/v1/staff/sales", tags=["staff"])
public = APIRouter(prefix="/v1/sales", tags=["viewers"])


async def filter_of(
    *,
    state: Annotated[list[SaleState], Query(max_length=len(SaleState))] = [],  # noqa: B006 - FastAPI copies it
    kind: SaleKind | None = None,
    opens_from: Annotated[Moment | None, Query()] = None,
    opens_before: Annotated[Moment | None, Query()] = None,
    archived: bool = False,
) -> SaleFilter:
    """Which sales: in one of the states, of a kind, with a window that opens from a time on or before one."""
    return SaleFilter(tuple(state), kind, opens_from, opens_before, archived)


@public.get("/{sale_id}", response_model=PublicSale, responses=_UNCHANGED)
async def show_to_viewers(request: Request, response: Response, sale_id: PathId) -> PublicSale | Response:
    """A sale as viewers see it. With `If-None-Match`, nothing but the server's time where it is still the same."""
    state = request.app.state
    sale = await views_public.sale_for_viewers(state.book, state.window, state.selling.clock, sale_id)
    tag = views_public.tag_of(sale)
    head = {"etag": tag, "cache-control": f"public, max-age={VIEW_AGE_MAX_S}"}
    head["server-time"] = rfc3339(to_ms(sale.server_time))
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=head)
    response.headers.update(head)
    return sale


@router.post("", status_code=201)
async def create(shop: Shop, by: Manager, wish: SaleWish) -> SaleBrief:
    """Begin a sale as a draft."""
    sale = await drafting.create_sale(shop, by, drafting.NewSale(**dict(wish)))
    return SaleBrief.model_validate(sale)


@router.get("")
async def list_all(
    shop: Shop, by: Reader, wanted: Annotated[SaleFilter, Depends(filter_of)], below: Below = None, count: Count = 20
) -> SalePage:
    """Sales, newest first."""
    return await views.sale_page(shop, by, wanted, below=below, count=count)


@router.get("/{sale_id}")
async def show(shop: Shop, by: Reader, sale_id: PathId) -> SaleOut:
    """A sale with its units."""
    return await views.sale_for_staff(shop, by, sale_id)


@router.patch("/{sale_id}")
async def edit(shop: Shop, by: Manager, sale_id: PathId, change: SaleChange) -> SaleBrief:
    """Change a sale's title, window, limit or hold time."""
    changes = change.model_dump(exclude_unset=True, exclude={"version"})
    sale = await drafting.edit_sale(shop, by, sale_id, changes, version=change.version)
    return SaleBrief.model_validate(sale)


@router.post("/{sale_id}/schedule")
async def schedule(shop: Shop, by: Seller, sale_id: PathId, guard: Guarded | None = None) -> SaleBrief:
    """Take the planned units from base stock and arm the sale."""
    sale = await running.schedule_sale(shop, by, sale_id, version=guard.version if guard else None)
    return SaleBrief.model_validate(sale)


@router.post("/{sale_id}/open")
async def open_now(shop: Shop, by: Seller, sale_id: PathId, guard: Guarded | None = None) -> SaleBrief:
    """Open by hand."""
    sale = await running.open_sale(shop, by, sale_id, version=guard.version if guard else None)
    return SaleBrief.model_validate(sale)


@router.post("/{sale_id}/pause")
async def pause(shop: Shop, by: Seller, sale_id: PathId, guard: Guarded | None = None) -> SaleBrief:
    """Stop giving out units for a while."""
    sale = await running.pause_sale(shop, by, sale_id, version=guard.version if guard else None)
    return SaleBrief.model_validate(sale)


@router.post("/{sale_id}/resume")
async def resume(shop: Shop, by: Seller, sale_id: PathId, guard: Guarded | None = None) -> SaleBrief:
    """Go on after a pause."""
    sale = await running.resume_sale(shop, by, sale_id, version=guard.version if guard else None)
    return SaleBrief.model_validate(sale)


@router.post("/{sale_id}/close")
async def close(shop: Shop, by: Seller, sale_id: PathId, guard: Guarded | None = None) -> SaleBrief:
    """End for good."""
    sale = await running.close_sale(shop, by, sale_id, version=guard.version if guard else None)
    return SaleBrief.model_validate(sale)


@router.post("/{sale_id}/archive", status_code=204)
async def archive(shop: Shop, by: Manager, sale_id: PathId) -> None:
    """Put a closed sale away, once what it had left is back in base stock."""
    await archiving.archive_sale(shop, by, sale_id)


@router.get("/{sale_id}/demand")
async def demand(shop: Shop, by: Reader, sale_id: PathId) -> SaleDemand:
    """What a restock would sell."""
    return await views.sale_demand(shop, by, sale_id)


@router.post("/{sale_id}/items", status_code=201)
async def add_item(shop: Shop, by: Manager, sale_id: PathId, wish: ItemWish) -> Created:
    """Put a SKU on sale."""
    new = items.NewItem(wish.sku_id, price=wish.price, units=wish.units, limit_per_customer=wish.limit_per_customer)
    item = await items.add_item(shop, by, sale_id, new, version=wish.version)
    return Created(id=item.id)


@router.patch("/{sale_id}/items/{item_id}")
async def edit_item(shop: Shop, by: Manager, sale_id: PathId, item_id: PathId, change: ItemChange) -> SaleBrief:
    """Change an item's price or limit."""
    changes = change.model_dump(exclude_unset=True, exclude={"version"})
    sale = await items.edit_item(shop, by, sale_id, item_id, changes, version=change.version)
    return SaleBrief.model_validate(sale)


@router.post("/{sale_id}/items/{item_id}/stock")
async def move_stock(shop: Shop, by: Seller, sale_id: PathId, item_id: PathId, wish: StockWish) -> SaleBrief:
    """Add units to an item, or take free ones away."""
    if wish.add is not None:
        sale = await restock.add_units(shop, by, sale_id, item_id, wish.add, version=wish.version)
    else:
        assert wish.take is not None
        sale = await restock.take_units(shop, by, sale_id, item_id, wish.take, version=wish.version)
    return SaleBrief.model_validate(sale)
