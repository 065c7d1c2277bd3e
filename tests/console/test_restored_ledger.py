"""PostgreSQL came back as it was some time ago, from a backup or as a replica that was behind, and Redis did not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from inventory.loops import Upkeep
from inventory.reconciler import Reconciler
from inventory.sweeper import Sweeper
from orders.attempt import Placed
from tests.console.served import Served

TABLES = "sale", "stock", "stock_movement", "claim", "orders", "order_line", "order_history"


@asynccontextmanager
async def restored_afterwards(served: Served) -> AsyncIterator[None]:
    """What is written inside is gone afterwards, as if it had never been committed."""
    async with served.pool.acquire() as connection:
        for table in TABLES:
            await connection.execute(f"CREATE TEMP TABLE kept_{table} AS TABLE {table}")
        yield
        async with connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")  # as a restore does: no triggers
            for table in TABLES:
                await connection.execute(f"DELETE FROM {table}; INSERT INTO {table} TABLE kept_{table}")


def upkeep_of(served: Served) -> Upkeep:
    shop = served.shop
    reconciler = Reconciler(shop.gate, shop.ledger, served.book, shop.clock)
    sweeper = Sweeper(shop.gate, shop.ledger, shop.clock)
    return Upkeep(shop.ledger, served.book, reconciler, sweeper, shop.selling.rebuilder)


async def test_a_gate_that_knows_more_than_a_restored_ledger_is_rebuilt_from_it(served: Served):
    upkeep, late = upkeep_of(served), served.shop.ids.new()
    async with restored_afterwards(served):
        for _ in range(2):  # the gate comes two epochs further than the backup
            await served.shop.redis.flushdb()
            await served.book.tick()
            await upkeep.reconcile_all()
        assert isinstance(await served.order(late, "key", 0, 1), Placed)
        await served.placement.drained()
    gone = (await served.shop.gate.status(served.sale.id, 0)).epoch
    assert {count.epoch for count in await served.shop.ledger.counts(served.sale.id, 0)} == {1}

    await served.book.tick()
    await upkeep.reconcile_all()

    status = await served.shop.gate.status(served.sale.id, 0)
    assert status.loaded
    assert status.epoch == gone + 1
    assert await served.broken() == set()
    assert isinstance(await served.order(late, "key", 0, 1), Placed)  # whose order the backup did not have
    await served.placement.drained()
    assert await served.broken() == set()
