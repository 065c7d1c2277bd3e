"""What becomes of an order is noted beside its judgement, soon and once, and at the cost of what is new."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from referrals import ending, store_ends
from referrals.crediting import WHOLE
from referrals.ending import Ends
from referrals.store_ends import Moves
from referrals.tallying import Tallying
from tests.referrals.courts import TOTAL, Court


async def ended(court: Court, order_id: str) -> str | None:
    found = await court.judgement(order_id)
    assert found is not None
    state: str | None = found["ended"]
    return state


async def test_an_order_that_ended_keeps_its_credit_and_is_marked_before_or_after_it_is_judged(court: Court):
    share = await court.grove.share(await court.grove.person(), await court.grove.target("room"))
    buyer = await court.grove.person()
    early, late, stands = [await court.order(buyer, code=share.code) for _ in range(3)]
    await court.ends(buyer, early, "expired")
    await court.judge_all()
    assert await court.ending.tick() == 0
    await court.ends(buyer, late)
    marked = await asyncio.gather(court.ending.tick(), court.ending.late())
    assert (sum(marked), await court.ending.tick()) == (1, 0)
    for order_id, ended in ((early, "expired"), (late, "cancelled"), (stands, None)):
        found = await court.judgement(order_id)
        assert found is not None
        assert (found["ended"], await court.credits(order_id)) == (ended, {share.node.id: WHOLE})


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many moves each question to the history was about."""
    counts: list[int] = []
    real = store_ends.note

    async def counted(*args: object, **options: object) -> Moves:
        moves = await real(*args, **options)  # type: ignore[arg-type]
        counts.append(moves.count)
        return moves

    monkeypatch.setattr(store_ends, "note", counted)
    return counts


async def test_a_tick_looks_at_what_is_new_and_not_at_the_day(court: Court, looked: list[int]):
    buyer = await court.grove.person()
    orders = [await court.order(buyer) for _ in range(5)]
    await court.judge_all()
    for order_id in orders:
        await court.ends(buyer, order_id, "expired")
    assert (await court.ending.tick(), looked) == (5, [5])
    court.grove.shop.clock.advance(s=60)
    assert (await court.ending.tick(), await court.ending.tick(), looked) == (0, 0, [5, 5, 0])
    late = await court.order(buyer)
    await court.judge_all()
    await court.ends(buyer, late)
    assert (await court.ending.tick(), looked) == (1, [5, 5, 0, 1])


async def test_many_ends_of_one_moment_are_noted_page_by_page(court: Court, monkeypatch, looked: list[int]):
    """Of a tick that has its fill the next one goes on, though all of it were of one moment."""
    monkeypatch.setattr(ending, "PAGE_MAX", 2)
    monkeypatch.setattr(ending, "PAGES_MAX", 1)
    buyer = await court.grove.person()
    orders = [await court.order(buyer) for _ in range(6)]
    await court.judge_all()
    for order_id in orders:
        await court.ends(buyer, order_id, "expired")
    court.grove.shop.clock.advance(s=60)
    assert [await court.ending.tick() for _ in range(4)] == [2, 2, 2, 0]
    assert looked == [2, 2, 2, 0], "none is looked at twice"
    assert await court.ending.late() == 0
    assert [await ended(court, order_id) for order_id in orders] == ["expired"] * 6


async def test_an_end_that_commits_after_later_ones_is_noted(court: Court):
    buyer = await court.grove.person()
    slow, quick = await court.order(buyer), await court.order(buyer)
    await court.judge_all()
    async with court.grove.shop.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(END, buyer.mid, slow, court.grove.shop.clock.now())
        court.grove.shop.clock.advance(s=5)
        await court.ends(buyer, quick)
        assert await court.ending.tick() == 1
        await transaction.commit()
    assert (await court.ending.tick(), await ended(court, slow)) == (1, "cancelled")


async def test_an_end_that_is_stored_long_after_its_time_is_found_by_the_late_round(court: Court):
    buyer = await court.grove.person()
    old, new = await court.order(buyer), await court.order(buyer)
    await court.judge_all()
    court.grove.shop.clock.advance(s=60)
    await court.ends(buyer, new)
    court.grove.shop.clock.advance(s=60)
    await court.ending.tick()
    before = court.grove.shop.clock.now() - timedelta(minutes=3)
    await court.grove.run(END, buyer.mid, old, before)
    assert (await court.ending.tick(), await court.ending.late(), await ended(court, old)) == (0, 1, "cancelled")


async def test_two_workers_note_an_end_once_and_one_that_dies_notes_nothing(court: Court, monkeypatch):
    buyer, shop = await court.grove.person(), court.grove.shop
    order_id = await court.order(buyer)
    await court.judge_all()
    await court.ends(buyer, order_id)
    real = store_ends.seen

    async def last_words(connection: asyncpg.Connection, *_: object) -> None:
        connection.terminate()
        raise ConnectionError("killed")

    monkeypatch.setattr(store_ends, "seen", last_words)
    with pytest.raises((ConnectionError, asyncpg.InterfaceError)):
        await court.ending.tick()
    assert await ended(court, order_id) is None
    monkeypatch.setattr(store_ends, "seen", real)
    workers = [Ends(shop.pool, shop.clock) for _ in range(3)]
    assert sum(await asyncio.gather(*(worker.tick() for worker in workers))) == 1


async def test_an_order_that_is_paid_counts_as_paid_in_the_trees(court: Court):
    share = await court.grove.share(await court.grove.person(), await court.grove.target("room"))
    buyer, tallying = await court.grove.person(), Tallying(court.grove.shop.pool, court.grove.shop.clock)
    order_id, nobody = await court.order(buyer, code=share.code), await court.order(await court.grove.person())
    await court.judge_all()
    await tallying.tick()
    for each in (order_id, nobody):
        await court.ends(buyer, each, "paid")
    assert await court.ending.tick() == 0, "it stands"
    assert await tallying.tick() == 1
    (money,) = await court.grove.run("SELECT placed, paid FROM tree_money WHERE by = 'share'")
    assert (money["placed"], money["paid"]) == (TOTAL, TOTAL)
    await court.ending.tick()
    assert await tallying.tick() == 0, "once"


END = """
    WITH moved AS (UPDATE orders SET state = 'cancelled' WHERE merchant_id = $1 AND id = $2)
    INSERT INTO order_history (merchant_id, order_id, state, at, actor) VALUES ($1, $2, 'cancelled', $3, 'hua')
"""
