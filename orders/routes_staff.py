"""Orders over HTTP, for staff."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from keel.identity import EVERYBODY, MANAGERS, SELLERS, Principal, staff_as
from keel.ids import ID_PATTERN, ID_SHAPE
from orders import handling as use_cases
from orders.handling import Handling
from orders.listing import Place, list_orders
from orders.numbers import NUMBER_SHAPE
from orders.recipients import Whom
from orders.schemas_staff import CancelWish, NoteWish, OrderOut, OrderPage, PageWanted, RecipientWish


async def handling_of(request: Request) -> Handling:
    """What the use cases need, as wired by millpond."""
    handling: Handling = request.app.state.handling
    return handling


Here = Annotated[Handling, Depends(handling_of)]
Reader = Annotated[Principal, Depends(staff_as(EVERYBODY))]
Seller = Annotated[Principal, Depends(staff_as(SELLERS))]
Manager = Annotated[Principal, Depends(staff_as(MANAGERS))]
PathId = Annotated[str, Path(pattern=ID_PATTERN)]
IdOrNumber = Annotated[str, Path(pattern=rf"^(?:{ID_SHAPE}|{NUMBER_SHAPE})$", description="Its id, or its number.")]

router = APIRouter(prefix="/v1/staff/orders", tags=["staff"])


@router.get("")
async def list_all(here: Here, by: Reader, wanted: Annotated[PageWanted, Query()]) -> OrderPage:
    """Orders, newest first, by any filter."""
    place = Place(below=wanted.below, above=wanted.above)
    plain = wanted.recipients == "plain"
    return await list_orders(here, by, wanted.filter(), place, count=wanted.count, plain=plain)


@router.get("/{id_or_number}")
async def show(here: Here, by: Reader, id_or_number: IdOrNumber) -> OrderOut:
    """An order with its history and notes."""
    return await use_cases.read_order(here, by, id_or_number)


@router.post("/{order_id}/cancel")
async def cancel(here: Here, by: Manager, order_id: PathId, wish: CancelWish) -> OrderOut:
    """Cancel an order that awaits payment; its units are on sale again. Safe to repeat."""
    return await use_cases.cancel_order(here, by, order_id, wish.reason)


@router.put("/{order_id}/recipient")
async def put_recipient(here: Here, by: Manager, order_id: PathId, wish: RecipientWish) -> OrderOut:
    """Set or correct whom it goes to."""
    whom = Whom(name=wish.name, phone=wish.phone, address=wish.address)
    return await use_cases.set_recipient(here, by, order_id, whom)


@router.post("/{order_id}/notes", status_code=201)
async def add_note(here: Here, by: Seller, order_id: PathId, wish: NoteWish) -> OrderOut:
    """Write something down about an order. Notes are never changed."""
    return await use_cases.add_note(here, by, order_id, wish.text)
