"""The API as it is served: uvicorn on a port of this machine, in the test's own event loop, over real engines.

async with serve(database_url, redis_url) as served:
    sale = await open_sale(served.shop, units=[10])
    answer = await served.order(sale, served.wish(sale, 1))
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import uvicorn
from pydantic import SecretStr

from accounts.tokens import Tokens
from inventory.faults import GateSilent, LedgerFault
from inventory.loops import Upkeep
from inventory.reconciler import Reconciler
from inventory.sweeper import LOOK_AFTER_MS, Sweeper
from keel.errors import PROBLEM_MEDIA_TYPE
from millpond.api import build, server_config, upkeep_of
from millpond.settings import Settings, StaffToken
from millpond.wiring import Parts, parts_of
from tests.eventually import eventually_async
from tests.inventory.selling import Sale, Shop, open_shop

CLIENT_MAX_S: Final = 60.0  # of a client that only wants the answer
SECRET: Final = "a secret that only the tests know, 32 b"
STAFF: Final = "a staff token that only the tests know"
# What no client has to know.
LEAKS: Final = ("Traceback", "asyncpg", "redis", "site-packages", ".py", "millpond.", "SELECT", "0x", SECRET, STAFF)
# Tables that a placement writes.
WRITTEN: Final = (
    "orders", "order_line", "order_history", "order_recipient", "outbox_event", "outbox_delivery", "stock_movement",
)  # fmt: skip


@dataclass(frozen=True)
class Served:
    """A shop and the API that serves its buyers; one clock for both."""

    shop: Shop
    parts: Parts
    port: int
    client: httpx.AsyncClient
    tokens: Tokens
    upkeep: Upkeep
    customer_id: str = field(default="")

    def authorization(self, customer_id: str = "", merchant_id: str = "", ttl_s: int = 3_600) -> dict[str, str]:
        """The header of a customer's token; without ids, the one customer's of this shop's merchant."""
        token = self.tokens.sign(
            customer_id=customer_id or self.customer_id,
            merchant_id=merchant_id or self.shop.staff.merchant_id,
            ttl_s=ttl_s,
        )
        return {"authorization": f"Bearer {token}"}

    def headers(self, key: str = "") -> dict[str, str]:
        """Everything that a good order's head has, with a fresh key."""
        return self.authorization() | {
            "idempotency-key": key or self.shop.ids.new(),
            "content-type": "application/json",
        }

    @staticmethod
    def path(sale: Sale) -> str:
        return f"/v1/sales/{sale.id}/orders"

    @staticmethod
    def wish(sale: Sale, *quantities: int, **members: Any) -> dict[str, Any]:
        """A good body: a line for each quantity."""
        items = zip(sale.item_ids, quantities or (1,), strict=False)
        return {"lines": [{"item_id": item_id, "quantity": quantity} for item_id, quantity in items]} | members

    async def order(
        self, sale: Sale, wish: Any = None, *, key: str = "", customer_id: str = "", headers: Mapping[str, str] = {}
    ) -> httpx.Response:
        """Place an order; `wish` is bytes or JSON data, and one unit of the first item where it is left out."""
        head = self.headers(key) | self.authorization(customer_id) | dict(headers)
        if isinstance(wish, bytes):
            return await self.client.post(self.path(sale), content=wish, headers=head)
        return await self.client.post(self.path(sale), json=wish or self.wish(sale), headers=head)

    async def insist(self, sale: Sale, **options: Any) -> httpx.Response:
        """What a buyer is told in the end: a 503 or a broken connection says to come again with the same key.

        Options of `order`.
        """
        key = options.pop("key", "") or self.shop.ids.new()

        async def told() -> httpx.Response | None:
            try:
                answer = await self.order(sale, key=key, **options)
            except httpx.TransportError:
                return None
            return None if answer.status_code == 503 else answer

        answer = await eventually_async(told)
        assert answer is not None
        return answer

    async def stored(self) -> dict[str, int]:
        """How many rows there are of all that a placement writes, and the units sold. Void claims are no orders."""
        counts = {table: f"SELECT count(*)::int AS n FROM {table}" for table in WRITTEN}
        counts["claim"] = "SELECT count(*)::int AS n FROM claim WHERE state <> 'void'"
        counts["sold"] = "SELECT coalesce(sum(sold), 0)::int AS n FROM stock"
        return {name: (await self.shop.rows(statement))[0]["n"] for name, statement in counts.items()}

    async def free(self, sale: Sale) -> list[int]:
        """Units of each item that nobody holds, as the gate says."""
        items = (await self.shop.gate.status(sale.id, 0)).items
        return [item.free for item in sorted(items, key=lambda item: item.no)]

    async def tidy(self) -> None:
        """What the worker does when a while has passed: settle holds that nobody was left to place."""
        self.shop.clock.advance(ms=LOOK_AFTER_MS + 1_000)
        await self.upkeep.sweep_all()


@dataclass(frozen=True)
class Counter:
    """Where orders of one sale are taken: says whether a refusal was a clear one and left nothing behind."""

    served: Served
    sale: Sale

    async def refuses(self, request: Awaitable[httpx.Response], status: int, slug: str) -> dict[str, Any]:
        """The problem's document, after making sure that nothing was stored and no unit was kept."""
        before = await self._all()
        answer = await request
        problem = problem_of(answer, status, slug)
        await self.served.parts.book.tick()
        assert await self._all() == before, "nothing is stored by half"
        return problem

    async def _all(self) -> tuple[dict[str, int], list[int]]:
        return await self.served.stored(), await self.served.free(self.sale)


def problem_of(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """The document of a refusal, after checking what all of them promise."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM_MEDIA_TYPE), answer.text
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == f"urn:millpond:problem:{slug}", answer.text
    assert problem["status"] == status
    assert problem["title"]
    for leak in LEAKS:
        assert leak not in answer.text
    return problem


@asynccontextmanager
async def serve(database_url: str, redis_url: str, **settings: Any) -> AsyncIterator[Served]:
    """Serve until the block ends. `settings` over generous rate limits."""
    async with open_shop(database_url, redis_url) as shop:
        limits = {"rate_customer_burst": 100_000, "rate_address_burst": 100_000}
        staff = StaffToken(token=SecretStr(STAFF), merchant_id=shop.staff.merchant_id)
        keys: Any = {"test": SECRET}
        known = Settings(token_keys=keys, staff_tokens=[staff], **(limits | settings))
        async with (
            parts_of(database_url, redis_url, connections=4, clock=shop.clock) as parts,
            upkeep_of(parts),
            connected(parts),
            listening(parts, known) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=CLIENT_MAX_S) as client,
        ):
            yield Served(shop, parts, port, client, Tokens(keys, shop.clock), upkeep_for(parts), shop.ids.new())


@asynccontextmanager
async def connected(parts: Parts) -> AsyncIterator[None]:
    """Every pool has a connection, as after a process's first second: an order that has to open one may be told 503."""

    async def answered() -> bool:
        with suppress(LedgerFault, GateSilent):
            await parts.ledger.running()
            await parts.reader.running()
            await parts.gate.status(parts.ids.new(), 0)
            return True
        return False

    await eventually_async(answered)
    yield


@asynccontextmanager
async def listening(parts: Parts, settings: Settings) -> AsyncIterator[int]:
    """uvicorn with this application, as `millpond api` configures it; the port it listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        app = build(parts, settings)
        server = uvicorn.Server(server_config(app, settings))
        serving = asyncio.create_task(server.serve(sockets=[listener]))

        async def started() -> bool:
            return server.started

        await eventually_async(started)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await serving
            await app.placements.drained()


def upkeep_for(parts: Parts) -> Upkeep:
    """A worker's loops, to be called by hand."""
    reconciler = Reconciler(parts.gate, parts.ledger, parts.book, parts.clock)
    return Upkeep(parts.ledger, parts.book, reconciler, Sweeper(parts.gate, parts.ledger, parts.clock), parts.rebuilder)


@asynccontextmanager
async def connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare connection to the API, closed in the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def send_raw(port: int, *pieces: bytes, finish: bool = True) -> bytes:
    """Send exactly these bytes, one write each; all that comes back until the server closes. `finish` ends our side."""
    async with connection(port) as (reader, writer):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if finish:
            writer.write_eof()
        return await asyncio.wait_for(reader.read(), 10)
