"""Orders over the socket: the same steps as over HTTP, into the same batch, without a task of their own."""

import asyncio
from typing import Annotated, Final

from msgspec import Meta

from inventory.faults import LedgerFault
from keel.buckets import TokenBuckets, address_key, spend
from keel.errors import Unavailable
from keel.idempotency import KEY_CHARS_MAX
from live.messages import Answer, Id, Request
from live.registry import Registry, Reply
from live.viewers import Caller
from orders import own
from orders.attempt import Answer as PlacementAnswer
from orders.attempt import Placed, Standing
from orders.desk import NO_LEDGER
from orders.placement import Buyer, Placement
from orders.responses import document_of
from orders.schemas import OrderDocument, OrderRequest, known
from orders.service import Orders

_KEY: Final = r"^[\x20-\x7e]+\Z"


class OrderPlace(Request, tag="order.place", frozen=True, kw_only=True):
    """Place an order in a sale. The same key again gives the same order, here and over HTTP, now and later."""

    sale_id: Id
    key: Annotated[str, Meta(max_length=KEY_CHARS_MAX, pattern=_KEY, description="The Idempotency-Key.")]
    order: OrderRequest


class OrderStatus(Request, tag="order.status", frozen=True, kw_only=True):
    """Read one of one's own orders."""

    order_id: Id


class Ordered(Answer, tag="order", frozen=True, kw_only=True, omit_defaults=True):
    """An order that is committed. `key` and `replayed` in answers to order.place; replayed: it stood already."""

    order: OrderDocument
    ref: str | None = None
    key: str | None = None
    replayed: bool = False


class SocketOrders:
    """What `order.place` and `order.status` do."""

    def __init__(
        self, placement: Placement, orders: Orders, *, customers: TokenBuckets, addresses: TokenBuckets
    ) -> None:
        self._placement, self._orders = placement, orders
        self._customers, self._addresses = customers, addresses

    def register(self, registry: Registry) -> None:
        """Make them known."""
        registry.customers(OrderPlace, self.place, answer=Ordered)
        registry.customers(OrderStatus, self.status, answer=Ordered)

    def place(self, caller: Caller, message: OrderPlace, reply: Reply) -> None:
        """Start a placement; `reply` is called when it is committed or refused. Raises Refusal."""
        claims = caller.claims
        spend(self._addresses, address_key(caller.address))
        spend(self._customers, claims.sub)
        buyer = Buyer(claims.mid, claims.sub, claims.was)
        pending = self._placement.start(message.sale_id, buyer, message.key, known(message.order))
        pending.add_done_callback(lambda done: self._settle(done, caller, message, reply))

    def status(self, caller: Caller, message: OrderStatus, reply: Reply) -> None:
        """Read an order. Raises TooManyRequests."""
        spend(self._addresses, address_key(caller.address))
        reply(self._read(caller, message))

    def _settle(
        self, done: "asyncio.Future[PlacementAnswer]", caller: Caller, message: OrderPlace, reply: Reply
    ) -> None:
        error = done.exception()
        if error is not None:
            reply(error)
            return
        match done.result():
            case Placed() as placed:
                reply(Ordered(order=document_of(placed), ref=message.ref, key=message.key))
            case Standing(order_id=order_id):
                reply(self._standing(caller, message, order_id))
            case refusal:
                reply(refusal)

    async def _standing(self, caller: Caller, message: OrderPlace, order_id: str) -> Ordered:
        claims = caller.claims
        try:
            order = await self._orders.read(claims.mid, claims.sub, order_id)
        except LedgerFault as fault:
            raise Unavailable(detail=NO_LEDGER) from fault
        return Ordered(order=order, ref=message.ref, key=message.key, replayed=True)

    async def _read(self, caller: Caller, message: OrderStatus) -> Ordered:
        try:
            return Ordered(order=await own.read(self._orders, caller.claims, message.order_id), ref=message.ref)
        except LedgerFault as fault:
            raise Unavailable(detail=NO_LEDGER) from fault
