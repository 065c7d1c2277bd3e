"""The breaker before the gate: an outage of the ledger must not hold all the stock, and must end when it is over."""

from inventory.errors import SoldOut
from keel.breaker import FAULTS_MAX
from keel.errors import Refusal, Unavailable
from orders.attempt import Standing
from tests.chaos.worlds import mill_of
from tests.eventually import eventually_async


async def test_a_breaker_closes_again_though_nothing_is_left_to_sell(database_url: str, redis_url: str):
    async with mill_of(database_url, redis_url, units=(2,), trust_s=0) as mill:
        api, other = mill.processes
        first = mill.buyer(1)
        await mill.insist(api, first)
        await api.placement.drained()
        api.to_postgres.isolate()
        for _ in range(FAULTS_MAX):
            assert isinstance(await mill.order(api, mill.buyer(1)), Unavailable)
        await mill.insist(other, mill.buyer(1))
        api.recover()

        async def an_answer() -> bool:
            answer = await mill.order(api, first)
            return not isinstance(answer, Refusal)

        await eventually_async(an_answer)
        await api.parts.book.tick()
        assert isinstance(await mill.order(api, first), Standing), "one that got through speaks for the others"
        assert isinstance(await mill.order(api, mill.buyer(1)), SoldOut)
