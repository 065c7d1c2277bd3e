"""A crowd before one sale, over HTTP or over sockets, each of whom asks with the same key until he is answered."""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from accounts.tokens import Tokens
from keel.clock import FollowingClock
from keel.ids import Ids
from live.handshake import PATH
from millpond import crowd
from millpond.crowd import Progress, Retry, Target, post
from millpond.crowd_answers import Result, Wish
from tests.eventually import eventually_async
from tests.inventory.selling import Sale, Shop
from tests.millpond.stacks import Stack

AT_ONCE: Final = 40  # who wait for an answer at the same time
LOOK_EVERY_S: Final = 0.005  # a rush is over in a moment, and is to be struck in its middle
ANSWER_MAX_S: Final = 10.0
RUSH_MAX_S: Final = 60.0
UNAVAILABLE: Final = 503

Watch = Callable[[int], None]  # how many have an order so far


@dataclass(frozen=True)
class Buyer:
    """Who wants one unit, and under which key."""

    customer_id: str
    key: str
    token: str


class Crowd(Protocol):
    """How they ask."""

    async def rush(self, buyers: Sequence[Buyer], watch: Watch = lambda _: None) -> dict[str, str]:
        """Let them all ask until each is answered for good; by key the orders of those who have one."""
        ...


def people(stack: Stack, shop: Shop, count: int) -> list[Buyer]:
    """Distinct customers of a shop, signed in."""
    clock = FollowingClock()
    tokens, ids = Tokens(json.loads(stack.environment["MILLPOND_TOKEN_KEYS"]), clock), Ids(clock)
    customers = [ids.new() for _ in range(count)]
    merchant_id = shop.staff.merchant_id
    return [
        Buyer(customer, ids.new(), tokens.sign(customer_id=customer, merchant_id=merchant_id, ttl_s=600))
        for customer in customers
    ]


class HttpCrowd:
    """At the API."""

    def __init__(self, stack: Stack, sale: Sale) -> None:
        self._target = Target("127.0.0.1", stack.port)
        self._path = f"/v1/sales/{sale.id}/orders"
        self._body = json.dumps(order_of(sale)).encode()

    async def rush(self, buyers: Sequence[Buyer], watch: Watch = lambda _: None) -> dict[str, str]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(crowd, "PROGRESS_EVERY_S", LOOK_EVERY_S)
            told = await self._rush(buyers, watch)
        assert told.by_kind().keys() <= {"accepted", "sold_out"}, told.by_kind()
        return {answer.wish.key: answer.order_id for answer in told.accepted}

    async def _rush(self, buyers: Sequence[Buyer], watch: Watch) -> Result:
        def report(progress: Progress) -> None:
            watch(progress.accepted)

        retry = Retry(tries_max=500, pause_min_s=0.05, pause_max_s=0.2)
        return await crowd.rush(
            self._target,
            map(self._wish, buyers),
            connections=AT_ONCE,
            retry=retry,
            deadline_s=RUSH_MAX_S,
            on_progress=report,
        )

    def _wish(self, buyer: Buyer) -> Wish:
        request = post(self._target, self._path, token=buyer.token, key=buyer.key, body=self._body)
        return Wish(buyer.customer_id, buyer.key, request)


class SocketCrowd:
    """At the gateway: all are there before the first one asks, and come back when they lose it."""

    def __init__(self, stack: Stack, sale: Sale) -> None:
        self._url = f"ws://127.0.0.1:{stack.gateway_port}{PATH}"
        self._listens = lambda: stack.answers(stack.gateway_port)
        self._wish: dict[str, Any] = {"type": "order.place", "sale_id": sale.id, "order": order_of(sale)}
        self._sockets: dict[str, ClientConnection] = {}

    async def rush(self, buyers: Sequence[Buyer], watch: Watch = lambda _: None) -> dict[str, str]:
        turns, accepted = asyncio.Semaphore(AT_ONCE), dict[str, str]()

        async def arrive(buyer: Buyer) -> None:
            async with turns:
                await self._enter(buyer)

        async def buy(buyer: Buyer) -> None:
            async with turns:
                said = await self._insist(buyer)
            if said["type"] == "order":
                accepted[buyer.key] = said["order"]["id"]
                watch(len(accepted))
            else:
                assert said["problem"]["type"] == "urn:millpond:problem:sold-out", said

        try:
            async with asyncio.timeout(RUSH_MAX_S):
                await _all(arrive(buyer) for buyer in buyers)
                await _all(buy(buyer) for buyer in buyers)
        finally:
            await asyncio.gather(*(socket.close() for socket in self._sockets.values()))
            self._sockets.clear()
        return accepted

    async def _enter(self, buyer: Buyer) -> bool:
        """Connect and say hello; False where nobody is there, or whoever was is gone."""
        if not self._listens():
            return False
        with suppress(OSError, WebSocketException):
            socket = await connect(self._url, compression=None, open_timeout=ANSWER_MAX_S)
            self._sockets[buyer.key] = socket
            await socket.send(json.dumps({"type": "hello", "token": buyer.token}))
            return bool((await _heard(socket))["type"] == "welcome")
        return False

    async def _insist(self, buyer: Buyer) -> dict[str, Any]:
        """Ask, over a new socket where the old one is lost, until there is an answer that is not 503."""
        heard: list[dict[str, Any]] = []

        async def answered() -> bool:
            socket = self._sockets.get(buyer.key)
            if socket is None:
                await self._enter(buyer)
                return False
            with suppress(OSError, WebSocketException):
                await socket.send(json.dumps(self._wish | {"key": buyer.key}))
                heard[:] = [await _heard(socket)]
                return bool(heard[0].get("problem", {}).get("status") != UNAVAILABLE)
            del self._sockets[buyer.key]
            return False

        await eventually_async(answered, within_s=RUSH_MAX_S)
        return heard[0]


def order_of(sale: Sale) -> dict[str, Any]:
    """One unit of the first item."""
    return {"lines": [{"item_id": sale.item_ids[0], "quantity": 1}]}


async def _heard(socket: ClientConnection) -> dict[str, Any]:
    return dict(json.loads(await asyncio.wait_for(socket.recv(), ANSWER_MAX_S)))


async def _all(work: Iterable[Any]) -> None:
    async with asyncio.TaskGroup() as group:
        for one in work:
            group.create_task(one)
