"""Tallies of trees: always what the rows say, whatever happened in which order, and how often it was told."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from referrals import tallying
from referrals.store_tallies import recount, retry
from referrals.tallying import SLOW_TRIES
from tests.referrals.recounted import counted_otherwise, tallied
from tests.referrals.spread import Spread, open_spread

MONEY = {"paid": {"placed": 500, "paid": 500}, "expired": {"lapsed": 500}, "cancelled": {"cancelled": 500}}


@pytest.fixture
async def spread(database_url: str, redis_url: str) -> AsyncIterator[Spread]:
    async with open_spread(database_url, redis_url) as spread:
        yield spread


async def figures(spread: Spread, scope_id: str, share_id: str) -> dict[str, int]:
    return (await tallied(spread)).get(("tree_node", scope_id, share_id), {})


async def test_whoever_comes_through_a_share_counts_there_and_for_all_above(spread):
    session = await spread.session()
    root = await spread.share("hua")
    leaf = await spread.share("lan", root)
    await spread.visit("mei", leaf, session, community="g1")
    await spread.watch("mei", session)
    await spread.order("mei", {leaf: 500}, session)
    await spread.tally()
    own = {"visitors": 1, "viewers": 1, "buyers": 1, "orders": 1}
    within = {f"within_{name}": count for name, count in own.items()}
    assert await figures(spread, session, leaf) == own | within | {"within_shares": 1}
    assert await figures(spread, session, root) == within | {"within_shares": 2, "levels": 1}


async def test_a_visitor_counts_once_where_he_came_first_though_that_is_heard_last(spread):
    session, first, second = await spread.session(), await spread.share("hua"), await spread.share("lan")
    await spread.visit("mei", second, session)
    await spread.tally()
    assert (await figures(spread, session, second))["visitors"] == 1
    await spread.visit("mei", first, session, s=-900)
    await spread.tally()
    assert (await figures(spread, session, first))["visitors"] == 1
    assert await figures(spread, session, second) == {"within_shares": 1}


async def test_a_session_is_its_rooms_through_whatever_its_first_visitor_came(spread):
    session, product = await spread.session(), (await spread.grove.target("product")).target_id
    await spread.visit("mei", await spread.share("hua", product_id=product), session)
    await spread.tally()
    (scope,) = await spread.run("SELECT family_id::text FROM tree_scope WHERE id = $1", session)
    assert scope["family_id"] == spread.room_id


async def test_an_opening_whose_broadcast_is_learned_later_counts_there_and_no_more_where_it_was(spread):
    session, product = await spread.session(), (await spread.grove.target("product")).target_id
    share = await spread.share("hua", product_id=product)
    for known in (None, session, None):
        await spread.visit("mei", share, known)
        await spread.tally()
        assert await tallied(spread) == await counted_otherwise(spread)
    assert (await figures(spread, session, share))["visitors"] == 1
    assert "visitors" not in await figures(spread, product, share)


async def test_opening_ones_own_link_brings_nobody(spread):
    session, share = await spread.session(), await spread.share("hua")
    await spread.visit("hua", share, session)
    await spread.tally()
    assert "visitors" not in await figures(spread, session, share)


async def test_a_lapsed_order_is_no_sale_and_its_buyer_no_buyer(spread):
    session, share = await spread.session(), await spread.share("hua")
    order_id = await spread.order("mei", {share: 500}, session)
    await spread.tally()
    money = "tree_money", session, "share", share, "0", "CNY"
    assert (await tallied(spread))[money] == {"placed": 500}
    await spread.end(order_id, "expired")
    await spread.tally()
    assert (await tallied(spread))[money] == {"lapsed": 500}
    assert await figures(spread, session, share) == {"within_shares": 1}


@pytest.mark.parametrize("state", MONEY)
async def test_an_order_stays_of_its_channel_when_its_visit_is_forgotten(spread, state):
    session, share = await spread.session(), await spread.share("hua")
    await spread.visit("mei", share, session, community="g1")
    (touch,) = await spread.mine("SELECT merchant_id, id FROM touch")
    order_id = await spread.order("mei", {share: 500}, session, touches=[str(touch["id"])])
    await spread.tally()
    await spread.end(order_id, state)
    expected = await counted_otherwise(spread)
    await spread.run("DELETE FROM touch WHERE id = $1", touch["id"])
    await spread.tally()
    assert await tallied(spread) == expected
    for by, key in (("channel", "group"), ("community", "g1")):
        assert expected["tree_money", session, by, key, "0", "CNY"] == MONEY[state]


async def test_a_worker_that_is_killed_has_counted_nothing(spread):
    session, share = await spread.session(), await spread.share("hua")
    await spread.visit("mei", share, session)
    async with spread.grove.shop.pool.acquire() as connection:
        dying = connection.transaction()
        await dying.start()
        taken = "SELECT counted FROM tree_tally($1, 100, $2)"
        assert await connection.fetchval(taken, spread.grove.merchant_id, spread.grove.shop.clock.now()) > 0
        assert await connection.fetchval("SELECT sum(visitors) FROM tree_node WHERE scope_id = $1", session) == 1
        await dying.rollback()
    await spread.tally()
    assert (await figures(spread, session, share))["visitors"] == 1


async def test_two_workers_never_count_at_once(spread):
    session, share = await spread.session(), await spread.share("hua")
    await spread.visit("mei", share, session)
    await asyncio.gather(*(spread.tally() for _ in range(3)))
    await spread.tally()
    assert await tallied(spread) == await counted_otherwise(spread)


@pytest.fixture
async def neighbour(database_url: str, redis_url: str) -> AsyncIterator[Spread]:
    """Another merchant, beside `spread`."""
    async with open_spread(database_url, redis_url) as spread:
        yield spread


async def test_no_merchant_waits_for_one_whose_figures_somebody_holds(spread, neighbour):
    for each in (spread, neighbour):
        await each.visit("mei", await each.share("hua"))
    async with spread.grove.shop.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(tree_lock($1))", spread.grove.merchant_id)
        await spread.tallying.tick()
        assert await tallied(spread) == {}
        assert await tallied(neighbour) == await counted_otherwise(neighbour)
    await spread.tally()
    assert await tallied(spread) == await counted_otherwise(spread)


async def test_merchants_have_turns_however_much_is_due_of_one(spread, neighbour, monkeypatch):
    monkeypatch.setattr(tallying, "BATCH_MAX", 2)
    monkeypatch.setattr(tallying, "BATCHES_MAX", 3)
    for busy, quiet in ((spread, neighbour), (neighbour, spread)):
        for number in range(20):
            await busy.share(f"sharer-{number}")
        await quiet.share("hua")
        loop = busy.tallying
        await loop.tick()
        await loop.tick()
        assert await tallied(quiet) == await counted_otherwise(quiet)
        assert await tallied(busy) != await counted_otherwise(busy)
        await busy.tally()


async def one_that_cannot_be_counted(spread: Spread, session: str) -> str:
    """A share through which no more visitors can be counted, with a visitor; and others who came with him."""
    bad = await spread.share("hua")
    await spread.tally()
    await spread.run("UPDATE tree_node SET within_visitors = 2147483647 WHERE share_id = $1", bad)
    for number in range(5):
        await spread.visit(f"before-{number}", await spread.share(f"sharer-{number}"), session)
    await spread.visit("mei", bad)
    for number in range(5):
        await spread.visit(f"after-{number}", await spread.share(f"sharer-{number}"), session)
    return bad


async def test_a_change_that_cannot_be_counted_is_put_aside_and_the_others_count(spread, neighbour, caplog):
    session = await spread.session()
    await one_that_cannot_be_counted(spread, session)
    await neighbour.visit("mei", await neighbour.share("hua"))
    await spread.tally()
    (parked,) = await spread.mine("SELECT merchant_id, kind, who, sqlstate, failed_at FROM tree_parked")
    assert (parked["kind"], str(parked["who"])) == ("visitor", await spread.person("mei"))
    assert (parked["sqlstate"], parked["failed_at"]) == ("22003", spread.grove.shop.clock.now())
    (seen,) = await spread.mine("SELECT merchant_id, count(*) FROM tree_visitor GROUP BY merchant_id")
    assert seen["count"] == 10
    assert await tallied(neighbour) == await counted_otherwise(neighbour)
    assert "22003" in caplog.text


@pytest.mark.parametrize("anew", [False, True])
async def test_what_was_put_aside_is_counted_once_that_can_be(spread, anew):
    bad = await one_that_cannot_be_counted(spread, await spread.session())
    await spread.tally()
    if anew:
        await recount(spread.grove.shop.pool, spread.grove.merchant_id)
    else:
        await spread.run("UPDATE tree_node SET within_visitors = 0 WHERE share_id = $1", bad)
        assert await retry(spread.grove.shop.pool, spread.grove.merchant_id) == 1
    assert await spread.mine("SELECT * FROM tree_parked") == []
    await spread.tally()
    assert await tallied(spread) == await counted_otherwise(spread)


async def test_what_another_fault_stops_stays_due(spread):
    """A schema that is not there is no fault of the rows: nothing is put aside."""
    await spread.visit("mei", await spread.share("hua"))
    await spread.run("ALTER TABLE tree_buyer RENAME TO tree_buyer_away")
    await spread.run("ALTER TABLE tree_visitor RENAME TO tree_visitor_away")
    loop = spread.tallying
    for _ in range(15):
        await loop.tick()
    assert await spread.mine("SELECT * FROM tree_parked") == []
    await spread.run("ALTER TABLE tree_visitor_away RENAME TO tree_visitor")
    await spread.run("ALTER TABLE tree_buyer_away RENAME TO tree_buyer")
    await spread.tally()
    assert await tallied(spread) == await counted_otherwise(spread)


async def test_what_waits_for_a_lock_stays_due(spread):
    """Somebody builds an index, say: that is no fault of the rows either."""
    share = await spread.share("hua")
    await spread.tally()
    await spread.visit("mei", share)
    loop = spread.tallying
    async with spread.grove.shop.pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE tree_node")
        assert await loop.tick() == 0
    assert await spread.mine("SELECT * FROM tree_parked") == []
    await loop.tick()
    assert await tallied(spread) == await counted_otherwise(spread)


async def slow_visitor(spread: Spread, tries: int) -> None:
    """One who takes longer than a statement may, so many times; then others."""
    share = await spread.share("hua")
    await spread.tally()
    await spread.run("CREATE SEQUENCE tried")
    await spread.run(_SLOW.replace("MEI", await spread.person("mei")).replace("TRIES", str(tries)))
    await spread.run("CREATE TRIGGER slow BEFORE INSERT ON tree_visitor FOR EACH ROW EXECUTE FUNCTION slow()")
    await spread.visit("mei", share)
    await spread.visit("lan", share)


async def test_a_row_that_was_cancelled_is_tried_again(spread, monkeypatch):
    monkeypatch.setattr(tallying, "BATCH_MAX", 2)
    await slow_visitor(spread, tries=SLOW_TRIES)  # the first one with others
    await spread.tally()
    assert await spread.mine("SELECT * FROM tree_parked") == []
    assert await tallied(spread) == await counted_otherwise(spread)


async def test_a_row_that_takes_for_ever_is_put_aside_after_some_tries_and_holds_nobody_up(spread, caplog):
    await slow_visitor(spread, tries=1_000)
    await spread.tally()
    (parked,) = await spread.mine("SELECT merchant_id, who, sqlstate FROM tree_parked")
    assert (str(parked["who"]), parked["sqlstate"]) == (await spread.person("mei"), "57014")
    (seen,) = await spread.mine("SELECT merchant_id, visitor_id FROM tree_visitor")
    assert str(seen["visitor_id"]) == await spread.person("lan")
    assert "a change that cannot be counted is parked: 57014" in caplog.text


async def test_a_cycle_cannot_be_written_by_sql(spread):
    root = await spread.share("hua")
    leaf = await spread.share("lan", root)
    with pytest.raises(asyncpg.RestrictViolationError):
        await spread.run("UPDATE share SET parent_id = $1 WHERE id = $2", leaf, root)
    own = await spread.person("mei")
    cycle = """INSERT INTO share (id, merchant_id, code, sharer_id, target_kind, target_id, family_id, parent_id,
               root_id, depth, path, created_at) SELECT $1, merchant_id, 'ABCDEFGH9', $2, target_kind, target_id,
               family_id, $1, root_id, 1, ARRAY[$1::uuid], created_at FROM share WHERE id = $3"""
    with pytest.raises(asyncpg.CheckViolationError):
        await spread.run(cycle, spread.grove.shop.ids.new(), own, root)


_SLOW = """
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.visitor_id = 'MEI' AND nextval('tried') <= TRIES THEN
            RAISE EXCEPTION USING ERRCODE = '57014', MESSAGE = 'canceling statement due to statement timeout';
        END IF;
        RETURN NEW;
    END $$
"""
