"""Touches that PostgreSQL does not take: what is refused is given up, what is not answered waits."""

from datetime import timedelta

from prometheus_client import REGISTRY

from keel.ids import Ids
from referrals.gathering import BATCH_MAX, TRIES_ALONE, Touches
from referrals.model import COMMUNITY_CHARS_MAX
from tests.referrals.groves import Grove, mark
from tests.referrals.pools import Fickle, Slow, Sour


async def test_a_row_that_postgresql_refuses_is_given_up_and_keeps_nobody_waiting(grove: Grove, caplog):
    share = (await grove.chain(await grove.target("room"), 1))[0][1]
    good, bad = [await grove.person() for _ in range(20)], [await grove.person() for _ in range(3)]
    refused = REGISTRY.get_sample_value("millpond_touches_refused_total") or 0
    for who in (*bad[:1], *good[:10], *bad[1:2], *good[10:]):
        community = None if who in good else "tG1" * COMMUNITY_CHARS_MAX
        grove.touches.visited(who.mid, share.code, who.sub, community=community)
    grove.touches.visited(bad[2].mid, share.code, bad[2].sub, community="\ud800")
    await grove.touches.tick()
    await grove.stored()
    stored = await grove.run("SELECT visitor_id::text AS who FROM touch")
    assert {row["who"] for row in stored} == {who.sub for who in good}
    assert REGISTRY.get_sample_value("millpond_touches_refused_total") == refused + len(bad)
    assert await mark(grove) == grove.shop.clock.now() - timedelta(milliseconds=1), "and is not waited for"
    assert share.code not in caplog.text
    assert "tG1" not in caplog.text


async def test_a_row_that_fails_by_itself_tick_after_tick_is_given_up_whatever_the_error(grove: Grove):
    share = (await grove.chain(await grove.target("room"), 1))[0][1]
    good, bad = [await grove.person() for _ in range(20)], await grove.person()
    touches = Touches(Sour(grove.shop.pool, bad.sub), Ids(grove.shop.clock), grove.shop.clock)  # type: ignore[arg-type]
    refused = REGISTRY.get_sample_value("millpond_touches_refused_total") or 0
    for who in (*good[:7], bad, *good[7:]):
        touches.visited(who.mid, share.code, who.sub)
    for tries in range(1, TRIES_ALONE + 1):
        assert touches.waiting
        await touches._batches.drained()
        assert REGISTRY.get_sample_value("millpond_touches_refused_total") == refused + (tries == TRIES_ALONE)
        await touches.tick()
    stored = await grove.run("SELECT visitor_id::text AS who FROM touch")
    assert {row["who"] for row in stored} == {who.sub for who in good}
    assert touches.waiting == 0


async def test_a_batch_that_is_too_much_for_its_time_is_halved_and_grows_again(grove: Grove):
    share = (await grove.chain(await grove.target("room"), 1))[0][1]
    pool = Slow(grove.shop.pool, takes=20)
    touches = Touches(pool, Ids(grove.shop.clock), grove.shop.clock)  # type: ignore[arg-type]
    for _ in range(100):
        touches.visited(grove.merchant_id, share.code, grove.shop.ids.new())
    for _ in range(4):
        await touches.tick()
        await touches._batches.drained()
    assert touches.waiting == 0
    assert len(await grove.run("SELECT FROM touch")) == 100
    assert pool.tried == [100, 50, 25] + [12] * 8 + [4]
    for _ in range(50):
        touches.visited(grove.merchant_id, share.code, grove.shop.ids.new())
    pool.takes = BATCH_MAX
    await touches.close()
    assert pool.tried[-3:] == [24, 24, 2]


async def test_while_postgresql_is_away_it_is_asked_once_a_tick_and_nothing_is_given_up(grove: Grove):
    share = (await grove.chain(await grove.target("room"), 1))[0][1]
    pool = Fickle(grove.shop.pool)
    pool.fails = True
    touches = Touches(pool, Ids(grove.shop.clock), grove.shop.clock)  # type: ignore[arg-type]
    for _ in range(3 * BATCH_MAX):
        touches.visited(grove.merchant_id, share.code, grove.shop.ids.new())
    for _ in range(12):
        await touches.tick()
        await touches._batches.drained()
    assert pool.asked == 12
    assert touches.waiting == 3 * BATCH_MAX
    pool.fails = False
    await touches.close()
    assert len(await grove.run("SELECT FROM touch")) == 3 * BATCH_MAX
