"""`POST /v1/sales/{id}/orders` as a plain ASGI application in front of the rest: parse, place, answer.

No framework on this path because it was measured: a FastAPI endpoint takes three times the CPU of everything else that
a placement needs. Its part of the OpenAPI document is `orders.openapi`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any, Final

from accounts.tokens import Tokens
from inventory.faults import LedgerFault
from keel.buckets import TokenBuckets, address_key, spend
from keel.errors import MethodNotAllowed, NotFound, TooLarge, Unavailable, WrongMediaType
from keel.idempotency import idempotency_key
from keel.ids import is_id
from orders.attempt import Answer, Standing
from orders.desk import NO_LEDGER
from orders.placement import Buyer, Placement
from orders.responses import JSON, Response, replay_of, response_of, response_to_fault
from orders.schemas import BODY_BYTES_MAX, read_order
from orders.service import Orders

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Reply = Callable[[Response], None]

_HEAD: Final = "/v1/sales/"
_TAIL: Final = "/orders"


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
        self._tasks: set[asyncio.Task[None]] = set()

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
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _respond(self, sale_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            status, headers, body = await _framed(self._place(sale_id, scope, receive))
        except ClientGone:
            return
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _place(self, sale_id: str, scope: Scope, receive: Receive) -> Response:
        host = scope["client"][0] if scope.get("client") else ""
        headers = dict(scope["headers"])
        if scope["method"] != "POST":
            spend(self._addresses, address_key(host))
            raise MethodNotAllowed(allow="POST")
        buyer, key = self._admit(sale_id, host, scope["headers"], headers)
        request = read_order(await _body(headers, receive))
        return await self._answered(buyer, await self._placement.place(sale_id, buyer, key, request))

    def express(self, sale_id: str, host: str, headers: list[tuple[bytes, bytes]], body: bytes, reply: Reply) -> None:
        """Place an order whose request is here as a whole: the same steps without a task of their own.

        `reply` is called once, now or when the order is committed.
        """
        by_name = dict(headers)
        try:
            buyer, key = self._admit(sale_id, host, headers, by_name)
            _check_media_type(by_name)
            pending = self._placement.start(sale_id, buyer, key, read_order(body))
        except Exception as error:  # house: broad-except because this is the connection's outermost frame
            reply(response_to_fault(error))
        else:
            pending.add_done_callback(lambda done: self._reply(done, buyer, reply))

    def _reply(self, done: "asyncio.Future[Answer]", buyer: Buyer, reply: Reply) -> None:
        """Answer with what a placement came to. An order that stands is read first, which takes a task."""
        try:
            answer = done.result()
            if isinstance(answer, Standing):
                self._later(self._reply_standing(buyer, answer, reply))
                return
            response = response_of(answer)
        except Exception as error:  # house: broad-except because this is the connection's outermost frame
            response = response_to_fault(error)
        reply(response)

    async def _reply_standing(self, buyer: Buyer, answer: Standing, reply: Reply) -> None:
        reply(await _framed(self._answered(buyer, answer)))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        # house: stray-task because the loop alone would forget it; `drained` waits for it
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _admit(
        self, sale_id: str, host: str, headers: list[tuple[bytes, bytes]], by_name: dict[bytes, bytes]
    ) -> tuple[Buyer, str]:
        """Who orders, and under which key: everything that can be refused before the body is read."""
        spend(self._addresses, address_key(host))
        claims = self._tokens.check(by_name.get(b"authorization", b""))
        spend(self._customers, claims.sub)
        if not is_id(sale_id):
            raise NotFound(what="sale")
        return Buyer(claims.mid, claims.sub, claims.was), idempotency_key(headers)

    async def _answered(self, buyer: Buyer, answer: Answer) -> Response:
        if not isinstance(answer, Standing):
            return response_of(answer)
        try:
            document = await self._orders.read(buyer.merchant_id, buyer.customer_id, answer.order_id)
        except LedgerFault as fault:
            raise Unavailable(detail=NO_LEDGER) from fault
        return replay_of(document)


async def _framed(work: Awaitable[Response]) -> Response:
    """The response, also to a fault. Raises ClientGone."""
    try:
        return await work
    except ClientGone:
        raise
    except Exception as error:  # house: broad-except because this is the connection's outermost frame
        return response_to_fault(error)


def _check_media_type(headers: dict[bytes, bytes]) -> None:
    media_type = headers.get(b"content-type", JSON[1])
    if media_type != JSON[1] and media_type.partition(b";")[0].strip().lower() != JSON[1]:
        raise WrongMediaType


async def _body(headers: dict[bytes, bytes], receive: Receive) -> bytes:
    _check_media_type(headers)
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
