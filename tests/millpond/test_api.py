"""The API as it is put together: every route is there, and a stop lets the requests in flight finish."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from inventory.ledger import Ledger
from millpond.api import build
from millpond.wiring import READ_CONNECTIONS, SUBSCRIPTIONS
from tests.inventory.selling import open_sale
from tests.orders.serving import STAFF, problem_of, send_raw, serve


async def test_the_parts_are_wired_and_the_process_says_how_it_is(database_url, redis_url):
    async with serve(database_url, redis_url) as served:
        assert (await served.client.get("/healthz")).json() == {"status": "alive"}
        assert [(await served.client.head(path)).status_code for path in ("/healthz", "/readyz")] == [200, 200]
        problem_of(await served.client.get("/v1/orders/", headers=served.headers()), 404, "not-found")
        paths = set((await served.client.get("/openapi.json")).json()["paths"])
    assert {
        "/v1/sales/{sale_id}",
        "/v1/sales/{sale_id}/orders",
        "/v1/orders",
        "/v1/orders/{order_id}/cancel",
        "/v1/staff/skus",
        "/v1/staff/sales/{sale_id}/close",
    } <= paths


async def test_every_subscription_has_somebody_behind_it(database_url, redis_url):
    async with serve(database_url, redis_url) as served:
        names = {name for names in SUBSCRIPTIONS.values() for name in names}
        assert names == served.parts.subscribers().keys()
        assert callable(build)


@asynccontextmanager
async def taken(ledger: Ledger, connections: int) -> AsyncIterator[None]:
    """All connections of a ledger in somebody's hands."""
    async with AsyncExitStack() as stack:
        for _ in range(connections):
            await stack.enter_async_context(ledger._pool.acquire())
        yield


async def test_a_crowd_that_looks_never_keeps_an_order_waiting(database_url, redis_url):
    async with serve(database_url, redis_url) as served:
        sale, unknown = await open_sale(served.shop, units=[9]), served.shop.ids.new()
        order = (await served.order(sale, key="k")).json()
        async with taken(served.parts.reader, READ_CONNECTIONS):
            assert (await served.order(sale)).status_code == 201
            lookers = [
                served.client.get("/v1/orders", headers=served.authorization()),
                served.client.get(f"/v1/orders/{order['id']}", headers=served.authorization()),
                served.client.post(f"/v1/orders/{order['id']}/cancel", headers=served.authorization()),
                served.client.get(f"/v1/sales/{unknown}"),
                served.order(sale, key="k"),
            ]
            for answer in await asyncio.gather(*lookers):
                assert problem_of(answer, 503, "unavailable")["detail"] == "the ledger does not answer"
        assert (await served.order(sale, key="k")).json() == order


async def test_orders_that_wait_for_the_ledger_keep_no_looker_waiting(database_url, redis_url):
    async with serve(database_url, redis_url) as served, taken(served.parts.ledger, 4):
        assert (await served.client.get("/v1/orders", headers=served.authorization())).status_code == 200
        assert (await served.client.get(f"/v1/sales/{served.shop.ids.new()}")).status_code == 404
        staff = {"authorization": f"Bearer {STAFF}"}
        assert (await served.client.get("/v1/staff/sales", headers=staff)).status_code == 200


async def test_nobody_is_upgraded_to_a_websocket(database_url, redis_url):
    head = b"GET /healthz HTTP/1.1\r\nhost: pond\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    async with serve(database_url, redis_url) as served:
        assert not (await send_raw(served.port, head)).startswith(b"HTTP/1.1 101 ")
