"""The lease on saying no: a cut-off old master may still answer somebody. Times are the subject, so they are real."""

import asyncio
from collections.abc import Callable

from inventory.errors import GateRebuilding, SoldOut
from millpond.engines import Engines
from orders.attempt import Placed
from tests.chaos.worlds import mill_of


async def test_lease_a_cut_off_old_master_never_tells_an_acknowledged_buyer_no(
    database_url: str, redis_url: str, private_engines: Callable[..., Engines]
):
    """Failover: the old master still answers api0, which has lost PostgreSQL too."""
    async with mill_of(database_url, redis_url, units=(1,), processes=1) as mill:
        api0 = mill.processes[0]
        assert isinstance(await mill.insist(api0, mill.buyer(1)), Placed)
        await api0.placement.drained()
        await mill.lapse(api0)
        late, loser = mill.buyer(1), mill.buyer(1)
        await api0.parts.book.tick()
        assert isinstance(await mill.order(api0, late), SoldOut), "the old master has not heard of the lapse"

        new_master = private_engines(postgres=False).redis_url
        api1 = await mill.process(redis_url=new_master)
        api0.to_postgres.isolate()
        assert await mill.rest(api1) == []
        assert isinstance(await mill.insist(api1, late), Placed)

        assert isinstance(await mill.order(api0, late), GateRebuilding)
        assert isinstance(await mill.order(api0, loser), GateRebuilding)
        api0.recover()
        await api0.parts.book.tick()
        assert isinstance(await mill.order(api0, late), GateRebuilding), "its gate's epoch is not the ledger's"


async def test_lease_until_the_flip_the_old_answer_was_true(
    database_url: str, redis_url: str, private_engines: Callable[..., Engines]
):
    """A refusal that is believed at one moment is never younger than an acknowledgement of the new epoch."""
    async with mill_of(database_url, redis_url, units=(1,), processes=1) as mill:
        api0 = mill.processes[0]
        first, late = mill.buyer(1), mill.buyer(1)
        assert isinstance(await mill.insist(api0, first), Placed)
        await api0.placement.drained()
        await mill.lapse(api0)
        api1 = await mill.process(redis_url=private_engines(postgres=False).redis_url)
        await api0.parts.book.tick()
        api0.to_postgres.isolate()
        rebuilt = asyncio.create_task(mill.rest(api1))
        told = []
        while not rebuilt.done():
            told.append((rebuilt.done(), await mill.order(api0, late)))
            await asyncio.sleep(0)
        assert await rebuilt == []
        assert isinstance(told[0][1], SoldOut), "while the reading is young"
        assert isinstance(told[-1][1], GateRebuilding), "and no longer when the new epoch answers"
