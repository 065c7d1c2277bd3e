"""An engine that is down, full or frozen: 503 with the same key to try again, nothing stored, no unit lost."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from inventory.sweeper import LOOK_AFTER_MS
from keel.lua import connect
from migrations import upgrade
from millpond.engines import Engines
from tests.eventually import eventually_async
from tests.inventory.selling import Sale, open_sale
from tests.orders.serving import Counter, Served, problem_of, serve
from tests.servers import frozen


class Bench:
    """One served sale of ten units, a key, and the engine that is going to fail."""

    def __init__(self, served: Served, sale: Sale, engines: Engines) -> None:
        self.served, self.sale, self.engines = served, sale, engines
        self.key = served.shop.ids.new()

    async def refused(self, slug: str = "unavailable") -> None:
        """The order is answered 503, with the time after which to come again."""
        answer = await self.served.order(self.sale, key=self.key)
        problem_of(answer, 503, slug)
        assert int(answer.headers["retry-after"]) >= 1

    async def nothing_kept(self) -> None:
        """No row of an order, and all ten units are free: at once, or after the sweeper."""
        stored = await self.served.stored()
        assert (stored["claim"], stored["orders"], stored["order_line"], stored["outbox_event"]) == (0, 0, 0, 0)
        assert stored["sold"] == 0
        assert await self.served.free(self.sale) == [10]

    async def placed(self) -> bool:
        """The same key places its one order."""
        await self.served.upkeep.reconcile_all()
        answer = await self.served.order(self.sale, key=self.key)
        return answer.status_code in (200, 201)

    async def recovered(self) -> None:
        """Once all is well again the same key has one order, and one unit less is free."""
        await eventually_async(self.placed)
        stored = await self.served.stored()
        assert (stored["orders"], stored["sold"]) == (1, 1)
        assert await self.served.free(self.sale) == [9]


@pytest.fixture
async def own_postgres(private_engines: Callable[..., Engines], redis_url: str) -> AsyncIterator[Bench]:
    engines = private_engines(valkey=False)
    await asyncio.to_thread(upgrade, engines.database_url)
    async with serve(engines.database_url, redis_url) as served:
        yield Bench(served, await open_sale(served.shop, units=[10]), engines)


@pytest.fixture
async def own_valkey(private_engines: Callable[..., Engines], database_url: str) -> AsyncIterator[Bench]:
    engines = private_engines(postgres=False)
    async with serve(database_url, engines.redis_url) as served:
        yield Bench(served, await open_sale(served.shop, units=[10]), engines)


async def test_postgres_is_down(own_postgres: Bench):
    bench = own_postgres
    assert bench.engines.postgres is not None
    await bench.served.order(bench.sale, b"{")
    bench.engines.postgres.kill()
    for _ in range(5):  # the last ones meet the breaker, before the gate
        await bench.refused()
    assert await bench.served.free(bench.sale) == [10]
    shown = await bench.served.client.get("/v1/orders", headers=bench.served.authorization())
    problem_of(shown, 503, "unavailable")
    bench.engines.postgres.start()
    await bench.served.shop.engine.dispose()  # the test's own connections are of the server that was killed
    await bench.nothing_kept()
    await bench.recovered()


async def test_postgres_is_frozen(own_postgres: Bench):
    bench = own_postgres
    assert bench.engines.postgres is not None
    with frozen(bench.engines.postgres):
        await bench.refused()
    await bench.served.tidy()
    await bench.recovered()


async def test_valkey_is_down(own_valkey: Bench):
    bench = own_valkey
    assert bench.engines.valkey is not None
    bench.engines.valkey.kill()
    for _ in range(3):
        await bench.refused()
    assert (await bench.served.stored())["claim"] == 0
    bench.engines.valkey.start()
    await bench.refused("gate-rebuilding")
    await bench.recovered()


async def test_valkey_is_full(own_valkey: Bench):
    bench = own_valkey
    async with connect(bench.engines.redis_url) as redis:
        await redis.config_set("maxmemory", "1")
        await bench.refused()
        await bench.nothing_kept()
        await redis.config_set("maxmemory", "0")
    await bench.recovered()


async def test_valkey_is_frozen_and_the_hold_that_it_gave_too_late_is_given_back(own_valkey: Bench):
    bench = own_valkey
    assert bench.engines.valkey is not None
    counter = Counter(bench.served, bench.sale)
    await counter.refuses(bench.served.order(bench.sale, b"{"), 400, "malformed")
    with frozen(bench.engines.valkey):
        await bench.refused()
    bench.served.shop.clock.advance(ms=LOOK_AFTER_MS)

    async def tidied() -> bool:
        await bench.served.tidy()
        return await bench.served.free(bench.sale) == [10]

    await eventually_async(tidied)
    await bench.nothing_kept()
    await bench.recovered()
