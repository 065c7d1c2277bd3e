"""The ledger's server-side functions: claims first, counters last, and a refusal leaves nothing."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from inventory.faults import Contended, EpochOver, NotSent, RolledBack, StockShort, Unknown
from inventory.ledger import Ledger
from keel.database import create_hot_pool
from orders.store import Outcome
from tests.chaos.points import MARKERS
from tests.chaos.proxy import Effect, Proxy, Trap
from tests.chaos.wire import PostgresWire
from tests.eventually import eventually_async
from tests.inventory.claims import Books, Wish, locked
from tests.inventory.gates import OTHER_PRINT, id_of
from tests.inventory.selling import open_sale, open_shop


@pytest.fixture
async def books(database_url: str, redis_url: str) -> AsyncIterator[Books]:
    """A sale of 5 and 5 units, in epoch 1."""
    async with open_shop(database_url, redis_url) as shop:
        sale = await open_sale(shop, units=(5, 5))
        config = await shop.ledger.sale(sale.id)
        assert config is not None
        yield Books(shop, sale, config)


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Somebody else's connection, to hold locks with."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


STOCK_LOCK = "SELECT 1 FROM stock ORDER BY item_id FOR UPDATE"


async def test_a_batch_writes_claims_orders_lines_and_counters(books: Books):
    assert await books.place(Wish(1, units=(2, 1)), Wish(2, customer=2)) == {}

    assert await books.sold() == [3, 1]
    assert await books.claim() == (id_of(1), "placed")
    totals = {"claim": 2, "orders": 2, "order_line": 3, "order_history": 2, "outbox_event": 2, "outbox_delivery": 0}
    assert await books.totals() == totals | {"movements": 2}


async def test_a_call_that_is_repeated_changes_nothing(books: Books):
    await books.place(Wish(1), Wish(2, customer=2))
    before = await books.totals()

    assert await books.place(Wish(1), Wish(2, customer=2)) == {
        id_of(1): Outcome(id_of(1), "placed"),
        id_of(2): Outcome(id_of(2), "placed"),
    }
    assert (await books.totals(), await books.sold()) == (before, [2, 0])


async def test_a_key_stands_for_its_first_order(books: Books):
    await books.place(Wish(1))
    assert await books.place(Wish(2)) == {id_of(2): Outcome(id_of(1), "placed")}
    assert await books.place(Wish(3, fingerprint=OTHER_PRINT)) == {id_of(3): Outcome(id_of(1), "reused")}
    await books.lapse(1)
    assert await books.place(Wish(4)) == {id_of(4): Outcome(id_of(1), "released")}
    assert await books.sold() == [0, 0]


async def test_what_stands_and_what_is_new_go_together(books: Books):
    await books.place(Wish(1))
    assert await books.place(Wish(2), Wish(3, customer=2, units=(0, 4))) == {id_of(2): Outcome(id_of(1), "placed")}
    assert await books.sold() == [1, 4]


async def test_what_stands_is_told_in_every_epoch(books: Books):
    await books.place(Wish(1))
    await books.shop.ledger.bump_epoch(books.sale.id, 0)
    assert await books.place(Wish(1), epoch=1) == {id_of(1): Outcome(id_of(1), "placed")}


@pytest.mark.parametrize("claim", [6, 5])
async def test_a_void_claim_is_not_taken_over_by_a_lesser_or_the_same_id(books: Books, claim: int):
    await books.void(Wish(6))
    assert await books.place(Wish(claim)) == {id_of(claim): Outcome(id_of(6), "void")}
    assert await books.claim() == (id_of(6), "void")
    assert (await books.sold(), (await books.totals())["orders"]) == ([0, 0], 0)


async def test_a_void_claim_is_taken_over_by_a_greater_id_with_all_that_belongs_to_it(books: Books):
    await books.void(Wish(6, units=(5, 5)))
    assert await books.place(Wish(7, fingerprint=OTHER_PRINT, units=(1, 0)), Wish(8, customer=2)) == {}
    assert await books.claim() == (id_of(7), "placed")
    row = (await books.shop.rows("SELECT * FROM claim WHERE id = :id", id=id_of(7)))[0]
    assert (row["fingerprint"], row["lines"], row["units"], row["verdict_no"]) == (OTHER_PRINT, "1:1", 1, 7)


async def test_voiding_raises_the_id_and_never_lowers_it(books: Books):
    assert await books.void(Wish(3)) == {id_of(3): "void"}
    assert await books.void(Wish(5)) == {id_of(5): "void"}
    assert await books.claim() == (id_of(5), "void")
    assert await books.void(Wish(4)) == {id_of(4): "void"}
    assert await books.claim() == (id_of(5), "void")


async def test_voiding_tells_what_stands(books: Books):
    await books.place(Wish(1), Wish(2, customer=2), Wish(3, customer=3))
    await books.lapse(2)
    outcomes = await books.void(Wish(1), Wish(2, customer=2), Wish(9, customer=3), Wish(4, customer=4))
    assert outcomes == {id_of(1): "placed", id_of(2): "released", id_of(9): "other", id_of(4): "void"}


async def test_voiding_leaves_what_is_in_flight_and_does_the_rest(books: Books, other: asyncpg.Connection):
    await books.void(Wish(1, customer=2))
    await locked(other, "SELECT 1 FROM claim FOR UPDATE")
    assert await books.void(Wish(3), Wish(2, customer=2), Wish(4, customer=3)) == {
        id_of(3): "void",
        id_of(2): "busy",
        id_of(4): "void",
    }


@pytest.mark.parametrize("epoch", [0, 2])
async def test_another_epoch_raises_and_leaves_nothing(books: Books, epoch: int):
    before = await books.totals()
    with pytest.raises(EpochOver):
        await books.place(Wish(1), Wish(2, customer=2, units=(0, 1)), epoch=epoch)
    assert (await books.totals(), await books.sold()) == (before, [0, 0])


async def test_stock_that_does_not_suffice_raises_and_leaves_nothing(books: Books):
    await books.void(Wish(1))
    before = await books.totals()
    with pytest.raises(StockShort):
        await books.place(Wish(2, units=(1, 1)), Wish(3, customer=2, units=(0, 5)))
    assert (await books.totals(), await books.sold()) == (before, [0, 0])
    assert await books.claim() == (id_of(1), "void"), "the takeover is undone as well"


async def test_sold_above_allocated_is_refused_by_the_table_itself(books: Books):
    with pytest.raises(RolledBack, match="CheckViolation"):
        await books.shop.ledger.call("UPDATE stock SET sold = allocated + 1")


async def test_of_two_bumps_at_once_each_has_its_own_epoch(books: Books, other: asyncpg.Connection):
    await books.place(Wish(1))
    await locked(other, STOCK_LOCK)
    bumps = [asyncio.create_task(books.shop.ledger.bump_epoch(books.sale.id, 0)) for _ in range(2)]
    await eventually_async(lambda: waiting(books, 2))
    await other.execute("UPDATE stock SET sold = sold + 1; COMMIT")
    assert sorted(await asyncio.gather(*bumps)) == [2, 3]
    assert await books.sold() == [2, 1]


async def test_a_placement_that_waited_for_a_bump_is_refused(books: Books, other: asyncpg.Connection):
    await locked(other, STOCK_LOCK)
    place = asyncio.create_task(books.place(Wish(1)))
    await eventually_async(lambda: waiting(books, 1))
    await other.execute("UPDATE stock SET epoch = epoch + 1; COMMIT")
    with pytest.raises(EpochOver):
        await place
    assert await books.claim() is None


async def test_of_racing_lapses_exactly_one_moves_an_order(books: Books):
    await books.place(*(Wish(n, customer=n) for n in range(1, 6)))
    moved = await asyncio.gather(books.lapse(1, 2, 3), books.lapse(3, 2, 1), books.lapse(2, 4), books.lapse(9))
    assert sorted(order for orders in moved for order in orders) == [id_of(n) for n in (1, 2, 3, 4)]
    assert await books.sold() == [1, 0]
    totals = await books.totals()
    assert (totals["outbox_delivery"], totals["order_history"]) == (4, 9)


async def test_a_lapse_carries_the_epoch_of_its_transaction(books: Books, other: asyncpg.Connection):
    await books.place(Wish(1))
    await locked(other, STOCK_LOCK)
    lapsing = asyncio.create_task(books.lapse(1))
    await eventually_async(lambda: waiting(books, 1))
    await other.execute("UPDATE stock SET epoch = 7; COMMIT")
    await lapsing
    facts = await books.shop.rows("SELECT payload->>'epoch' AS epoch FROM outbox_event WHERE topic = 'order.lapsed'")
    assert facts == [{"epoch": "7"}]


async def test_a_lapse_and_a_retry_of_the_same_key_do_not_miss_each_other(books: Books):
    await books.place(Wish(1))
    _, outcomes = await asyncio.gather(books.lapse(1), books.place(Wish(2)))
    assert outcomes[id_of(2)].order_id == id_of(1)
    assert await books.sold() == [0, 0]


async def test_a_lock_that_is_held_too_long_is_contended_and_leaves_nothing(books: Books, other: asyncpg.Connection):
    await locked(other, STOCK_LOCK)
    with pytest.raises(Contended):
        await books.place(Wish(1))
    await other.execute("ROLLBACK")
    assert await books.claim() is None
    assert await books.place(Wish(1)) == {}


async def test_a_deadlock_is_tried_again(books: Books, other: asyncpg.Connection, database_url: str):
    """The other one holds the stock and then wants the claim that the placement holds."""
    await books.void(Wish(1))
    await other.execute("SET deadlock_timeout = '10s'")  # so that the placement is the one to give way
    database = database_url.rpartition("/")[2]
    await other.execute(f"ALTER DATABASE {database} SET deadlock_timeout = '50ms'")
    await books.shop.pool.expire_connections()
    await locked(other, STOCK_LOCK)
    place = asyncio.create_task(books.place(Wish(2)))
    await eventually_async(lambda: waiting(books, 1))
    await other.execute("SELECT 1 FROM claim FOR UPDATE")
    await other.execute("COMMIT")
    assert await place == {}
    assert await books.sold() == [1, 0]


async def waiting(books: Books, count: int) -> bool:
    """Whether so many connections wait for a lock. Asked outside transactions: inside, the first answer stays."""
    waiters = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return len(await books.shop.pool.fetch(waiters)) == count


@pytest.mark.parametrize("effect", [Effect.LOSE, Effect.MUTE, Effect.CUT])
async def test_a_call_without_an_answer_is_unknown_whatever_became_of_it(
    books: Books, database_url: str, effect: Effect
):
    proxy = Proxy(database_url, lambda: PostgresWire(MARKERS))
    async with proxy.opened(), create_hot_pool(proxy.url, connections=1) as pool:
        apart = Books(replace(books.shop, ledger=Ledger(pool)), books.sale, books.config)
        trap = proxy.arm(Trap("ledger.place", effect))
        with pytest.raises(Unknown):
            await apart.place(Wish(1))
        assert trap.answered.is_set() is (effect is not Effect.CUT)
        stands = {} if effect is Effect.CUT else {id_of(1): Outcome(id_of(1), "placed")}
        assert await apart.place(Wish(1)) == stands, "and the next call has a connection again"
    assert await books.sold() == [1, 0]


async def test_without_a_connection_nothing_was_sent(books: Books, database_url: str):
    async with Proxy(database_url, lambda: PostgresWire(MARKERS)).opened() as proxy:
        proxy.isolate()
        async with create_hot_pool(proxy.url, connections=1) as pool:
            with pytest.raises(NotSent):
                await Ledger(pool).running()
