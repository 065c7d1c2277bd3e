"""Shortest traces of what goes wrong when a clause of the rules is left out, as the model checker printed them, on the
real engines. Each name tells the clause."""

import asyncio

import pytest

from inventory.errors import GateRebuilding
from inventory.model import SaleConfig
from keel.errors import Refusal, Unavailable
from orders.attempt import Answer, Placed, Standing
from tests.chaos.judging import id_of
from tests.chaos.laws import SEGMENT
from tests.chaos.proxy import Effect, Trap
from tests.chaos.worlds import Mill, Process, mill_of
from tests.eventually import eventually_async


async def config_of(process: Process, mill: Mill) -> SaleConfig:
    config = await process.parts.book.get(mill.sale.id)
    assert config is not None
    return config


async def sweep(mill: Mill, process: Process) -> int:
    """One look of the sweeper at everything that is held, however young."""
    mill.clock.advance(s=4)
    return await process.upkeep.sweeper.sweep(await config_of(process, mill), SEGMENT)


async def free(mill: Mill) -> int:
    """Units of the first item that the gate would sell, never more than are unsold when its epoch is the ledger's."""
    status = await mill.shop.gate.status(mill.sale.id, SEGMENT)
    counts = await mill.shop.ledger.counts(mill.sale.id, SEGMENT)
    item = next(item for item in status.items if item.no == 1)
    unsold = next(count.allocated - count.sold for count in counts if count.no == 1)
    assert status.epoch != max(count.epoch for count in counts) or item.free <= unsold, "offered twice"
    return item.free


async def stalled_order(
    mill: Mill, process: Process, buyer, call: str = "ledger.place"
) -> tuple[Trap, asyncio.Task[Answer]]:
    """An order whose call waits on its way. The connection is warm, so that it is the call itself that waits."""
    await mill.insist(process, mill.buyer(0, 1))
    trap = process.arm(Trap(call, Effect.STALL))
    request = asyncio.create_task(mill.order(process, buyer))
    await trap.reached.wait()
    return trap, request


async def test_takeover_a_late_call_with_a_voided_id_never_becomes_an_order(database_url: str, redis_url: str):
    async with mill_of(database_url, redis_url, units=(1, 9), trust_s=0) as mill:
        api0, api1 = mill.processes
        buyer = mill.buyer(1)
        late, request = await stalled_order(mill, api0, buyer)
        api0.to_postgres.heal()
        assert await sweep(mill, api1) >= 1
        assert await free(mill) == 1

        second, retry = await stalled_order(mill, api1, buyer)
        worker = await mill.process()
        assert await sweep(mill, worker) >= 1
        late.let_go.set()
        assert isinstance(await request, Refusal | Placed | Standing)
        second.let_go.set()
        answers = [await request, await retry]

        assert await free(mill) <= 1
        assert await mill.rest(worker) == []
        final = id_of(await mill.insist(worker, buyer))
        assert {id_of(answer) for answer in answers} <= {None, final}
        assert await mill.rest(worker) == []


async def test_notsent_a_hold_that_somebody_joined_is_not_released_at_once(database_url: str, redis_url: str):
    async with mill_of(database_url, redis_url, units=(1, 9), trust_s=0) as mill:
        api0, api1 = mill.processes
        buyer = mill.buyer(1)
        await mill.insist(api0, mill.buyer(0, 1))
        api0.to_postgres.isolate()
        release = api0.arm(Trap("gate.release not_sent", Effect.STALL))
        request = asyncio.create_task(mill.order(api0, buyer))
        await release.reached.wait()

        place, retry = await stalled_order(mill, api1, buyer)
        release.let_go.set()
        assert isinstance(await request, Unavailable)
        assert await free(mill) == 0, "somebody joined"
        place.let_go.set()

        assert isinstance(await retry, Placed)
        assert await free(mill) == 0
        assert await mill.rest(api1) == []


async def test_notsent_a_hold_that_nobody_joined_is_released_at_once(database_url: str, redis_url: str):
    async with mill_of(database_url, redis_url, units=(1, 9), trust_s=0) as mill:
        api0, api1 = mill.processes
        await mill.insist(api0, mill.buyer(0, 1))
        api0.to_postgres.isolate()
        assert isinstance(await mill.order(api0, mill.buyer(1)), Unavailable)
        assert await free(mill) == 1
        assert isinstance(await mill.order(api1, mill.buyer(1)), Placed)


async def test_gap_a_gate_below_the_ledgers_epoch_counts_as_not_loaded(database_url: str, redis_url: str):
    async with mill_of(database_url, redis_url, units=(1,), trust_s=0) as mill:
        first, second = mill.processes
        await mill.shop.redis.flushdb()
        flip0, flip1 = first.arm(Trap("gate.flip", Effect.STALL)), second.arm(Trap("gate.flip", Effect.STALL))
        rebuild0 = asyncio.create_task(first.parts.rebuilder.rebuild(mill.sale.id, SEGMENT))
        await flip0.reached.wait()
        first.to_postgres.isolate()  # its guard is gone with its connection
        await eventually_async(lambda: guard_is_free(mill))
        rebuild1 = asyncio.create_task(second.parts.rebuilder.rebuild(mill.sale.id, SEGMENT))
        await flip1.reached.wait()
        second.die()
        flip0.let_go.set()
        await asyncio.gather(rebuild0, rebuild1, return_exceptions=True)
        status = await mill.shop.gate.status(mill.sale.id, SEGMENT)
        assert (status.loaded, status.epoch) == (True, 2)

        worker = await mill.process()
        assert isinstance(await mill.order(worker, mill.buyer(1)), GateRebuilding)
        assert await mill.rest(worker) == []
        assert isinstance(await mill.insist(worker, mill.buyer(1)), Placed)
        flip1.let_go.set()
        assert await mill.rest(worker) == []


async def guard_is_free(mill: Mill) -> bool:
    async with mill.shop.pool.acquire() as connection, connection.transaction():
        return await mill.shop.ledger.guard_rebuild(connection, mill.sale.id, SEGMENT)


async def test_fliplower_a_late_flip_of_a_lower_epoch_is_refused(database_url: str, redis_url: str):
    async with mill_of(database_url, redis_url, units=(1,), trust_s=0) as mill:
        first, worker = mill.processes
        flip = first.arm(Trap("gate.flip", Effect.STALL))
        rebuild = asyncio.create_task(first.parts.rebuilder.rebuild(mill.sale.id, SEGMENT))
        await flip.reached.wait()
        first.to_postgres.isolate()
        await eventually_async(lambda: guard_is_free(mill))
        assert await worker.parts.rebuilder.rebuild(mill.sale.id, SEGMENT)
        assert isinstance(await mill.insist(worker, mill.buyer(1)), Placed)

        flip.let_go.set()
        await asyncio.gather(rebuild, return_exceptions=True)

        assert (await mill.shop.gate.status(mill.sale.id, SEGMENT)).epoch == 3
        assert await free(mill) == 0
        assert await mill.rest(worker) == []


async def test_factepoch_a_unit_that_lapsed_during_a_rebuild_does_not_leak(database_url: str, redis_url: str):
    async with mill_of(database_url, redis_url, units=(1,), trust_s=0) as mill:
        api, worker = mill.processes
        buyer = mill.buyer(1)
        assert isinstance(await mill.insist(api, buyer), Placed)
        await api.placement.drained()
        flip = worker.arm(Trap("gate.flip", Effect.STALL))
        rebuild = asyncio.create_task(worker.parts.rebuilder.rebuild(mill.sale.id, SEGMENT))
        await flip.reached.wait()

        await mill.lapse(api)
        assert await api.relay.tick() == 0, "the old gate's word is not enough"
        flip.let_go.set()
        assert await rebuild

        assert await mill.rest(worker) == []
        assert await free(mill) == 1
        assert isinstance(await mill.insist(api, buyer), Standing)


async def test_regate_a_winner_of_the_old_epoch_goes_through_the_new_gate_unseen(database_url: str, redis_url: str):
    async with mill_of(database_url, redis_url, units=(1, 9), trust_s=0) as mill:
        api, worker = mill.processes
        place, request = await stalled_order(mill, api, mill.buyer(1))
        assert await worker.parts.rebuilder.rebuild(mill.sale.id, SEGMENT)
        place.let_go.set()
        assert isinstance(await request, Placed)
        await api.placement.drained()
        assert await mill.rest(worker) == []


async def test_regate_at_the_old_gate_he_waits(database_url: str, redis_url: str):
    async with mill_of(database_url, redis_url, units=(1, 9), trust_s=0) as mill:
        api, worker = mill.processes
        place, request = await stalled_order(mill, api, mill.buyer(1))
        await mill.shop.ledger.bump_epoch(mill.sale.id, SEGMENT)
        place.let_go.set()
        assert isinstance(await request, GateRebuilding)
        assert await mill.rest(worker) == []


@pytest.mark.parametrize("rebuilt", [False, True])
async def test_releasedkey_a_retry_after_the_lapse_gets_that_order(database_url: str, redis_url: str, rebuilt: bool):
    async with mill_of(database_url, redis_url, units=(1,), limit=1, trust_s=0) as mill:
        api, worker = mill.processes
        buyer = mill.buyer(1)
        placed = await mill.insist(api, buyer)
        await mill.lapse(worker)
        assert await mill.rest(worker) == []
        if rebuilt:
            assert await worker.parts.rebuilder.rebuild(mill.sale.id, SEGMENT)
        assert isinstance(await mill.insist(worker, mill.buyer(1)), Placed), "the unit is on sale again"
        assert await mill.insist(worker, buyer) == Standing(id_of(placed) or "")
        assert await mill.rest(worker) == []


async def test_sweeplapsed_a_hold_whose_order_lapsed_is_released_as_such(database_url: str, redis_url: str):
    async with mill_of(database_url, redis_url, units=(1,), trust_s=0) as mill:
        api, worker = mill.processes
        buyer = mill.buyer(1)
        lost = api.arm(Trap("ledger.place", Effect.LOSE))
        assert isinstance(await mill.order(api, buyer), Unavailable)
        assert lost.answered.is_set()
        await mill.lapse(worker)
        assert await sweep(mill, worker) == 1
        assert isinstance(await mill.insist(worker, buyer), Standing)
        assert await free(mill) == 1
        assert await mill.rest(worker) == []


async def test_donenotloaded_a_fact_waits_for_a_gate_that_forgot(database_url: str, redis_url: str):
    async with mill_of(database_url, redis_url, units=(1,), trust_s=0) as mill:
        api, worker = mill.processes
        await mill.insist(api, mill.buyer(1))
        await mill.lapse(worker)
        await mill.shop.redis.flushdb()
        assert await worker.relay.tick() == 0
        assert await mill.rest(worker) == []


async def test_readvoid_a_dead_hold_is_released_and_the_order_goes_on_with_a_fresh_id(
    database_url: str, redis_url: str
):
    """The sweeper voided the hold and died before its release: the gate still answers `repeated` with a dead id."""
    async with mill_of(database_url, redis_url, units=(1, 9), trust_s=0) as mill:
        api, worker = mill.processes
        buyer = mill.buyer(1)
        await mill.insist(api, mill.buyer(0, 1))
        await api.placement.drained()
        api.arm(Trap("ledger.place", Effect.CUT))
        assert isinstance(await mill.order(api, buyer), Unavailable)
        release = worker.arm(Trap("gate.release voided", Effect.STALL))
        sweeping = asyncio.create_task(sweep(mill, worker))
        await release.reached.wait()

        assert isinstance(await mill.order(api, buyer), Placed)
        release.let_go.set()
        await asyncio.gather(sweeping, return_exceptions=True)

        assert await free(mill) == 0, "the sweeper's release names the dead id and touches nothing"
        assert await mill.rest(worker) == []
