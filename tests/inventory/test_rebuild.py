"""A gate that forgot is loaded anew from the ledger, by one at a time, and says what stopped it."""

import asyncio
from dataclasses import replace

import pytest
from msgspec import structs

from inventory.faults import NotSent, RolledBack
from inventory.ledger import Ledger
from inventory.rebuild import TRUST_S
from inventory.replies import GateStatus
from inventory.verdicts import Held, Repeated
from keel.database import create_pool
from tests.inventory.mills import Mill, held
from tests.inventory.selling import Sale, hold, open_sale


async def test_a_gate_that_forgot_is_rebuilt_from_the_claims(mill: Mill):
    sale = await open_sale(mill.shop, units=[10])
    bought, only_held = await held(mill, sale), await held(mill, sale, units=3)
    await mill.place(sale, bought)
    await mill.shop.redis.flushdb()

    await mill.reconcile()

    status = await mill.shop.gate.status(sale.id, 0)
    assert (status.loaded, status.epoch, status.entries) == (True, 2, 1)
    assert (status.items[0].free, status.items[0].held, status.items[0].confirmed) == (9, 0, 1)
    config = await mill.config(sale)
    asks = [(*name[:2], mill.shop.ids.new(), "f" * 32, "1:1", True, 0) for name in (bought, only_held)]
    reply = await mill.shop.gate.hold(
        sale.id, 0, now_ms=mill.shop.clock.ms(), version=config.version, confirms=[], asks=asks
    )
    assert isinstance(reply.verdicts[0], Repeated)  # type: ignore[union-attr]
    assert isinstance(reply.verdicts[1], Held)  # type: ignore[union-attr]


async def test_the_numbers_of_the_queue_go_on_after_a_rebuild(mill: Mill):
    sale = await open_sale(mill.shop, units=[10])
    await mill.place(sale, await held(mill, sale), no=7)
    await mill.shop.redis.flushdb()
    await mill.reconcile()
    assert (await hold(mill.shop, sale)).no == 8


async def test_one_rebuilder_at_a_time(mill: Mill):
    sale = await open_sale(mill.shop)
    async with mill.shop.pool.acquire() as guard, guard.transaction():
        assert await Ledger.guard_rebuild(guard, sale.id, 0)
        assert await mill.upkeep.rebuilder.rebuild(sale.id, 0) is False
    assert await mill.upkeep.rebuilder.rebuild(sale.id, 0) is True


async def rebuilt(mill: Mill, sales: list[Sale]) -> list[GateStatus]:
    """Their gates, once all are loaded: what had no connection in time has its turn in the next round. Without
    end, so call it under a timeout."""
    while True:  # its caller's timeout ends it
        await mill.reconcile()
        statuses = [await mill.shop.gate.status(sale.id, 0) for sale in sales]
        if all(status.loaded for status in statuses):
            return statuses


async def test_an_engine_that_forgot_forty_sales_has_them_all_after_one_wait(mill: Mill, database_url: str):
    sales = [await open_sale(mill.shop) for _ in range(40)]
    await mill.shop.redis.flushdb()
    async with create_pool(database_url) as pool:
        mill.upkeep = replace(mill.upkeep, rebuilder=replace(mill.upkeep.rebuilder, pool=pool, trust_s=TRUST_S))
        async with asyncio.timeout(4 * TRUST_S):  # four at a time would take ten waits
            statuses = await rebuilt(mill, sales)
    assert [status.epoch for status in statuses] == [2] * 40


async def test_a_rebuild_that_cannot_be_says_so_by_the_ledgers_faults(mill: Mill):
    sale, rebuilder = await open_sale(mill.shop), mill.upkeep.rebuilder
    with pytest.raises(RolledBack, match="no stock"):
        await rebuilder.rebuild(mill.shop.ids.new(), 0)
    async with create_pool("postgresql://nobody@127.0.0.1:1/none") as nowhere:
        with pytest.raises(NotSent):
            await replace(rebuilder, pool=nowhere).rebuild(sale.id, 0)
    pool = mill.shop.pool
    await pool.execute("ALTER TABLE claim RENAME TO mislaid")
    with pytest.raises(RolledBack):
        await rebuilder.rebuild(sale.id, 0)
    await pool.execute("ALTER TABLE mislaid RENAME TO claim")
    assert await rebuilder.rebuild(sale.id, 0)


async def test_an_engine_that_changes_during_the_load_is_noticed(mill: Mill):
    """The run_id is noted before anything; here another one was noted, as after a restart in between."""
    sale = await open_sale(mill.shop)
    rebuilder = mill.upkeep.rebuilder

    class Restarting:
        """Says another run_id once, as an engine does that is restarted right after."""

        def __init__(self) -> None:
            self.said = 0

        def __getattr__(self, name: str) -> object:
            return getattr(mill.shop.gate, name)

        async def status(self, sale_id: str, segment: int) -> object:
            self.said += 1
            status = await mill.shop.gate.status(sale_id, segment)
            return status if self.said > 1 else structs.replace(status, run_id="0" * 40)

    assert await replace(rebuilder, gate=Restarting()).rebuild(sale.id, 0)  # type: ignore[arg-type]
    assert (await mill.shop.gate.status(sale.id, 0)).epoch == 3  # begun at 2, begun again at 3
