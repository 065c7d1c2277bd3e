"""Orders over HTTP, besides placement (see `orders.place_route`).

Ledger faults pass through: the application answers them in one place.
"""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from accounts.tokens import Claims, Tokens
from keel.ids import ID_PATTERN
from keel.paging import next_of
from orders import own
from orders.model import OrderState
from orders.recipients import Whom
from orders.schemas import OwnOrder
from orders.schemas_staff import RecipientWish
from orders.service import PAGE_MAX, Orders

OrderIdPath = Annotated[str, Path(pattern=ID_PATTERN)]

router = APIRouter(prefix="/v1/orders", tags=["orders"])


async def customer(request: Request) -> Claims:
    """Who asks. Raises NotSignedIn."""
    tokens: Tokens = request.app.state.tokens
    return tokens.check(request.headers.get("authorization", "").encode("latin-1"))


async def orders_of(request: Request) -> Orders:
    """The use cases this app was built with."""
    orders: Orders = request.app.state.orders
    return orders


Customer = Annotated[Claims, Depends(customer)]
OrdersHere = Annotated[Orders, Depends(orders_of)]


class CancelRequest(BaseModel):
    """Why, if the customer says so."""

    model_config = ConfigDict(extra="forbid", strict=True)
    reason: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] | None = None


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


@router.get("/{order_id}", response_model=None)
async def read_order(order_id: OrderIdPath, who: Customer, orders: OrdersHere) -> Response:
    """One of your orders."""
    return _json(await own.read(orders, who, order_id))


@router.get("", response_model=None)
async def list_orders(
    who: Customer,
    orders: OrdersHere,
    below: Annotated[str | None, Query(pattern=ID_PATTERN)] = None,
    count: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 20,
    state: OrderState | None = None,
) -> Response:
    """Your orders, newest first; `next` is the `below` of the next page, absent on the last."""
    page = await own.page(orders, who, below, count, state=state)
    return _json(Page(orders=page, next=next_of(page, count)))


@router.post("/{order_id}/cancel", response_model=None)
async def cancel_order(
    order_id: OrderIdPath, who: Customer, orders: OrdersHere, body: CancelRequest | None = None
) -> Response:
    """Cancel an order that awaits payment. Safe to repeat."""
    return _json(await own.cancel(orders, who, order_id, body.reason if body else None))


@router.put("/{order_id}/recipient", response_model=None)
async def put_recipient(order_id: OrderIdPath, who: Customer, orders: OrdersHere, wish: RecipientWish) -> Response:
    """Say whom one of your orders goes to, until it is paid. Safe to repeat."""
    whom = Whom(name=wish.name, phone=wish.phone, address=wish.address)
    return _json(await own.put_recipient(orders, who, order_id, whom))


class Page(msgspec.Struct, frozen=True, omit_defaults=True):
    """A page of orders."""

    orders: list[OwnOrder]
    next: str | None = None
