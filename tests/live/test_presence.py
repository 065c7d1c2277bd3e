"""Online, unique and peak are what docs/counts.md says, and outlive gateways and engines."""

import asyncio

import pytest
from redis.asyncio import Redis

from keel.clock import TRIP_MS_MAX
from keel.database import create_pool
from keel.lua import connect
from live import presence as presence_module
from live import store_presence
from live.gateway import TICK_EVERY_S
from live.headcount import BEAT_EVERY_S, SILENT_MS
from live.presence import LIFE_SILENT_S, TELL_EVERY_S, Presence, end_silent
from tests.live.shows import Show, Told, tick
from tests.live.stage import Stage
from tests.live.turns import taking_turns


@pytest.fixture
async def show(stage: Stage, redis: Redis) -> Show:
    room = await stage.room()
    return Show(stage, redis, Told(redis, stage.clock), room, await stage.session(room))


async def test_the_counts_of_two_gateways_are_told_once_and_are_everybodys(show: Show):
    west, east = show.gateway(), show.gateway()
    ann, bob, cid = show.viewers(3)
    show.come(west, ann, bob, bob)
    show.come(east, bob, cid)
    await tick(west)
    await tick(east)
    await tick(west)
    await tick(east)
    assert show.log.counts[-1] == {"online": 3, "unique": 3, "peak": 3}
    assert len(show.log.counts) == 2  # by one of the two


async def test_unique_and_peak_stay_when_viewers_go(show: Show):
    gateway = show.gateway()
    ann, bob, cid = show.viewers(3)
    show.come(gateway, ann, bob)
    await tick(gateway)
    show.go(gateway, ann, bob)
    show.come(gateway, cid)
    await tick(gateway)
    show.go(gateway, cid)
    show.come(gateway, ann)
    await tick(gateway)
    assert show.log.counts == [
        {"online": 2, "unique": 2, "peak": 2},
        {"online": 1, "unique": 3, "peak": 2},
        {"online": 1, "unique": 3, "peak": 2},
    ]


async def test_likes_are_told_with_the_counts(show: Show):
    known: dict[str, int] = {}

    async def likes(session_id: str) -> int | None:
        return known.get(session_id)

    gateway = show.gateway(likes=likes)
    show.come(gateway, *show.viewers(1))
    await tick(gateway)
    known[show.session] = 7
    await tick(gateway)
    counts = {"online": 1, "unique": 1, "peak": 1}
    assert show.log.counts == [counts, counts | {"likes": 7}]


async def test_between_sessions_only_those_online_are_counted(show: Show):
    gateway = show.gateway()
    (ann,) = show.viewers(1)
    gateway.joined(show.room, None, ann, show.stage.clock.ms())
    await tick(gateway)
    gateway.turned(show.room, show.session, show.stage.clock.ms())
    await tick(gateway)
    assert show.log.counts == [{"online": 1}, {"online": 1, "unique": 1, "peak": 1}]


async def test_stays_are_stored_as_they_begin_and_end(show: Show):
    gateway, clock = show.gateway(), show.stage.clock
    ann, bob = show.viewers(2)
    show.come(gateway, ann, bob)
    await tick(gateway)
    clock.advance(s=10)
    show.go(gateway, ann)
    await tick(gateway)
    assert await show.stays() == [(ann, -10, 0), (bob, -10, None)]


async def test_a_stay_shorter_than_a_tick_is_stored_whole(show: Show, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(presence_module, "BATCH_MAX", 2)
    gateway, viewers = show.gateway(), show.viewers(5)
    show.come(gateway, *viewers)
    show.go(gateway, *viewers)
    await tick(gateway)
    assert await show.stays() == [(viewer, 0, 0) for viewer in viewers]


async def pass_seconds(show: Show, count: int, *gateways: Presence) -> None:
    """Time passes, and these gateways live."""
    for _ in range(count):
        show.stage.clock.advance(s=1)
        for gateway in gateways:
            await tick(gateway)


def test_a_crash_is_off_the_screens_within_five_seconds():
    """Silence, another gateway's next beat, its next word, its next frame; and what two clocks differ."""
    rounds_s = BEAT_EVERY_S + TELL_EVERY_S + TICK_EVERY_S
    clocks_ms = 2 * (TRIP_MS_MAX / 2)
    assert SILENT_MS + 1_000 * rounds_s + clocks_ms <= 5_000


async def test_a_crashed_gateways_viewers_are_gone_and_their_stays_end_at_its_last_sign(show: Show):
    west, east, clock = show.gateway(), show.gateway(), show.stage.clock
    ann, bob = show.viewers(2)
    show.come(west, ann)
    show.come(east, bob)
    await tick(west)
    await tick(east)
    assert show.log.counts[-1]["online"] == 1
    await pass_seconds(show, 7, west, east)
    assert show.log.counts[-1]["online"] == 2
    clock.advance(ms=SILENT_MS)  # west, which spoke, is killed here
    await tick(east)
    assert show.log.counts[-1] == {"online": 1, "unique": 2, "peak": 2}
    clock.advance(s=LIFE_SILENT_S)
    await tick(east)
    await end_silent(show.stage.pool, clock.now())
    away_s = SILENT_MS / 1000 + LIFE_SILENT_S
    assert await show.stays() == [(ann, -away_s - 7, -away_s), (bob, -away_s - 7, None)]


async def test_a_gateway_that_was_taken_for_dead_goes_on_without_a_gap(show: Show):
    gateway, clock = show.gateway(), show.stage.clock
    (ann,) = show.viewers(1)
    show.come(gateway, ann)
    await tick(gateway)
    await pass_seconds(show, 7, gateway)
    clock.advance(s=2 * LIFE_SILENT_S)
    await end_silent(show.stage.pool, clock.now())
    await tick(gateway)
    away_s = 2 * LIFE_SILENT_S
    assert await show.stays() == [(ann, -away_s - 7, -away_s), (ann, -away_s, None)]
    assert show.log.counts[-1] == {"online": 1, "unique": 1, "peak": 1}


async def test_others_have_their_turn_while_the_stays_of_a_crowd_go_on(show: Show, monkeypatch: pytest.MonkeyPatch):
    gateway, clock = show.gateway(), show.stage.clock
    show.come(gateway, *show.viewers(20))
    await tick(gateway)
    clock.advance(s=2 * LIFE_SILENT_S)
    await end_silent(show.stage.pool, clock.now())
    monkeypatch.setattr("live.fanout.SLICE_MAX_S", 0.0)
    async with taking_turns(gateway._attendance.opened) as waiting:
        await gateway.tell()
    assert next(stays for stays in waiting if stays) < 20


async def test_an_engine_that_was_wiped_is_told_everything_within_a_tick(show: Show):
    gateway = show.gateway()
    show.come(gateway, *show.viewers(3))
    await tick(gateway)
    await show.redis.flushdb()
    await tick(gateway)
    assert show.log.counts[-1] == {"online": 3, "unique": 3, "peak": 3}


async def test_what_a_silent_engine_did_not_hear_it_hears_later(show: Show):
    silent = connect("redis://127.0.0.1:1/0")
    gateway = show.gateway(redis=silent)
    show.come(gateway, *show.viewers(2))
    await tick(gateway)
    gateway._headcount._redis = show.redis  # it is back
    await tick(gateway)
    assert show.log.counts == [{"online": 2, "unique": 2, "peak": 2}]
    await silent.aclose()


async def test_without_postgresql_those_online_are_counted_and_the_stays_wait(show: Show):
    async with create_pool("postgresql://nobody@127.0.0.1:1/nothing") as away:
        gateway = show.gateway(pool=away)
        (ann,) = show.viewers(1)
        show.come(gateway, ann)
        await tick(gateway)
        assert (await show.stays(), show.log.counts) == ([], [{"online": 1}])
        gateway._pool = show.stage.pool
        await tick(gateway)
    assert await show.stays() == [(ann, 0, None)]


async def test_a_gateway_that_closes_takes_its_viewers_along(show: Show):
    west, east = show.gateway(), show.gateway()
    ann, bob = show.viewers(2)
    show.come(west, ann, ann)
    show.come(east, bob)
    await tick(west)
    await west.close()
    await tick(east)
    assert show.log.counts[-1] == {"online": 1, "unique": 2, "peak": 1}
    assert await show.stays() == [(ann, 0, 0), (bob, 0, None)]
    assert await show.stage.pool.fetchval("SELECT count(*) FROM watch_gateway") == 1


async def test_after_its_end_a_gateway_tells_nothing_more(show: Show):
    gateway = show.gateway()
    show.come(gateway, *show.viewers(1))
    await asyncio.gather(tick(gateway), gateway.close(), tick(gateway))
    assert len(show.log.counts) == 1
    assert await show.stage.pool.fetchval("SELECT count(*) FROM watch_gateway") == 0
    assert len(await show.stays()) == 1


async def test_a_gateway_whose_viewers_have_all_left_lets_another_speak_at_once(show: Show):
    west, east = show.gateway(), show.gateway()
    ann, bob = show.viewers(2)
    show.come(west, ann)
    show.come(east, bob)
    await tick(west)
    await tick(east)
    show.go(west, ann)
    await tick(west)
    await tick(east)
    assert [counts["online"] for counts in show.log.counts] == [1, 1]


async def test_a_viewer_whom_two_gateways_store_at_once_is_one(show: Show):
    gateways, viewers = [show.gateway() for _ in range(4)], show.viewers(50)
    for gateway in gateways:
        show.come(gateway, *viewers)
    await asyncio.gather(*(tick(gateway) for gateway in gateways))
    counts = await store_presence.counts(show.stage.pool, {show.session: 0})
    assert counts[show.session].unique == 50


async def test_stays_of_a_session_that_is_not_there_are_left_out(show: Show):
    gateway = show.gateway()
    gateway.joined(show.room, show.stage.ids.new(), show.viewers(1)[0], show.stage.clock.ms())
    await tick(gateway)
    assert await show.stays() == []
    assert show.log.counts == [{"online": 1}]


async def test_a_slow_postgresql_buries_nobody(show: Show):
    west, east, clock = show.gateway(), show.gateway(), show.stage.clock
    ann, bob = show.viewers(2)
    show.come(west, ann)
    show.come(east, bob)
    await tick(west)
    await tick(east)
    async with show.stage.pool.acquire() as other, other.transaction():
        await other.execute("LOCK TABLE watch_gateway, session_count IN ACCESS EXCLUSIVE MODE")
        telling = asyncio.create_task(west.tell())
        for _ in range(4):
            clock.advance(ms=SILENT_MS // 2)
            await west.beat()
            await east.beat()
        assert not telling.done(), "it waits for PostgreSQL"
    await telling
    await west.tell()
    assert show.log.counts[-1] == {"online": 2, "unique": 2, "peak": 2}


async def test_while_stays_wait_nobody_is_told_how_many_there_ever_were(show: Show, monkeypatch: pytest.MonkeyPatch):
    gateway = show.gateway()
    show.come(gateway, *show.viewers(3))
    with monkeypatch.context() as slow:
        slow.setattr(presence_module, "STORE_FOR_S", 0)
        await tick(gateway)
    await tick(gateway)
    assert show.log.counts == [{"online": 3, "peak": 3}, {"online": 3, "unique": 3, "peak": 3}]


async def test_a_peak_is_written_once(show: Show):
    gateway, written = show.gateway(), set()
    show.come(gateway, *show.viewers(2))
    for _ in range(3):
        await tick(gateway)
        written.add(await show.stage.pool.fetchval("SELECT xmin::text FROM session_count"))
    assert len(written) == 1
