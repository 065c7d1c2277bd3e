"""`POST /v1/sales/{id}/orders` as a plain ASGI application in front of the rest: parse, place, answer.

No framework on this path because it was measured: a FastAPI endpoint takes three times the CPU of everything else that
a placement needs. Its part of the OpenAPI document is `orders.openapi`.
"""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from accounts.tokens import Tokens
from inventory.faults import LedgerFault
from keel.buckets import TokenBuckets, address_key
from keel.clock import rfc3339
from keel.errors import (
    PROBLEM_MEDIA_TYPE,
    Internal,
    MethodNotAllowed,
    NotFound,
    Refusal,
    TooLarge,
    TooManyRequests,
    Unavailable,
    WrongMediaType,
)
from keel.ids import is_id
from orders.attempt import Placed, Standing
from orders.desk import NO_LEDGER
from orders.errors import IdempotencyKeyMissing
from orders.model import KEY_CHARS_MAX, OrderState, order_number
from orders.placement import Buyer, Placement
from orders.schemas import BODY_BYTES_MAX, OrderDocument, Receipt, ReceiptLine, encode, read_order
from orders.service import Orders

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_HEAD: Final = "/v1/sales/"
_TAIL: Final = "/orders"
_JSON: Final = (b"content-type", b"application/json")
_PROBLEM: Final = (b"content-type", PROBLEM_MEDIA_TYPE.encode())
_REPLAYED: Final = (b"idempotency-replayed", b"true")


class ClientGone(Exception):
    """The client closed the connection before its request was whole."""


class PlaceRoute:
    """Takes the one route it knows, and passes everything else on to `app`."""

    def __init__(
        self,
        app: App,
        *,
        placement: Placement,
        orders: Orders,
        tokens: Tokens,
        customers: TokenBuckets,
        addresses: TokenBuckets,
    ) -> None:
        self._app, self._placement, self._orders, self._tokens = app, placement, orders, tokens
        self._customers, self._addresses = customers, addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path: str = scope["path"]
            if path.startswith(_HEAD) and path.endswith(_TAIL):
                sale_id = path[len(_HEAD) : -len(_TAIL)]
                await self._respond(sale_id, scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def drained(self) -> None:
        """Return once every order that was taken on is answered and confirmed."""
        await self._placement.drained()

    async def _respond(self, sale_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            status, headers, body = await self._place(sale_id, scope, receive)
        except Refusal as refusal:
            status, headers, body = _refused(refusal)
        except ClientGone:
            return
        except Exception:  # house: broad-except because this is the connection's outermost frame
            log.exception("placement failed")
            status, headers, body = _refused(Internal())
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _place(
        self, sale_id: str, scope: Scope, receive: Receive
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        self._take(self._addresses, address_key(scope["client"][0]) if scope.get("client") else "")
        if scope["method"] != "POST":
            raise MethodNotAllowed(allow="POST")
        headers = dict(scope["headers"])
        claims = self._tokens.check(headers.get(b"authorization", b""))
        self._take(self._customers, claims.sub)
        if not is_id(sale_id):
            raise NotFound(what="sale")
        key = _key(scope["headers"])
        request = read_order(await _body(headers, receive))
        buyer = Buyer(claims.mid, claims.sub)
        answer = await self._placement.place(sale_id, buyer, key, request)
        match answer:
            case Placed():
                return 201, [_JSON], encode(_document(answer))
            case Standing(order_id):
                return 200, [_JSON, _REPLAYED], encode(await self._standing(buyer, order_id))
            case _:
                return _refused(answer)

    async def _standing(self, buyer: Buyer, order_id: str) -> OrderDocument:
        try:
            return await self._orders.read(buyer.merchant_id, buyer.customer_id, order_id)
        except LedgerFault as fault:
            raise Unavailable(detail=NO_LEDGER) from fault

    @staticmethod
    def _take(buckets: TokenBuckets, key: str) -> None:
        wait_s = buckets.take(key)
        if wait_s:
            raise TooManyRequests(retry_after_s=round(wait_s, 3))


def _key(headers: list[tuple[bytes, bytes]]) -> str:
    sent = [value for name, value in headers if name == b"idempotency-key"]
    if len(sent) != 1 or not 0 < len(sent[0]) <= KEY_CHARS_MAX or not sent[0].isascii():
        raise IdempotencyKeyMissing  # two keys are none: whoever stands between may have gone by the other one
    key = sent[0].decode()
    if not key.isprintable():
        raise IdempotencyKeyMissing
    return key


async def _body(headers: dict[bytes, bytes], receive: Receive) -> bytes:
    media_type = headers.get(b"content-type", b"application/json").partition(b";")[0].strip().lower()
    if media_type != b"application/json":
        raise WrongMediaType
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length) > BODY_BYTES_MAX:
        raise TooLarge(bytes_max=BODY_BYTES_MAX)
    return await read_all(receive, bytes_max=BODY_BYTES_MAX)


async def read_all(receive: Receive, *, bytes_max: int) -> bytes:
    """A request's whole body, counted while it comes. Raises TooLarge and ClientGone."""
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        if len(body) > bytes_max:
            raise TooLarge(bytes_max=bytes_max)
        if not message.get("more_body", False):
            return body


def _refused(refusal: Refusal) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    headers = [(name.lower().encode(), value.encode()) for name, value in refusal.headers().items()]
    return refusal.status, [_PROBLEM, *headers], encode(refusal.document())


def _document(placed: Placed) -> OrderDocument:
    """A new order's document, from what was just committed."""
    attempt = placed.attempt
    config = attempt.config
    assert config is not None
    items = config.by_item
    state = OrderState.AWAITING_PAYMENT if attempt.total else OrderState.PAID
    return OrderDocument(
        id=attempt.claim_id,
        number=order_number(attempt.claim_id),
        sale_id=config.id,
        state=state.value,
        currency=config.currency,
        total=attempt.total,
        lines=[
            ReceiptLine(item_id, units, items[item_id].price, units * items[item_id].price)
            for item_id, units in attempt.units.items()
        ],
        placed_at=rfc3339(placed.placed_at_ms),
        expires_at=rfc3339(placed.placed_at_ms + config.hold_ttl_s * 1000),
        receipt=Receipt(no=attempt.no, of=config.allocated, served_at=rfc3339(attempt.at_ms)),
    )
