"""The API as it is put together: every route is there, and a stop lets the requests in flight finish."""

from millpond.api import build
from millpond.wiring import SUBSCRIPTIONS
from tests.orders.serving import serve


async def test_the_parts_are_wired_and_the_process_says_how_it_is(database_url, redis_url):
    async with serve(database_url, redis_url) as served:
        assert (await served.client.get("/healthz")).json() == {"status": "alive"}
        metrics = (await served.client.get("/metrics")).text
        paths = set((await served.client.get("/openapi.json")).json()["paths"])
    assert "millpond_ledger_stock_alarms_total 0.0" in metrics
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
