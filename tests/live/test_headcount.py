"""Online is exact: each viewer once at however many gateways, and no viewer of a gateway that is gone."""

import pytest
from redis.asyncio import Redis

from keel.clock import FakeClock
from keel.lua import connect
from live import headcount
from live.headcount import SILENT_MS, Headcount
from live.roomlog import LogSilent

PLACE = "01a3185c-9000-7000-8000-000000000001"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def west(redis: Redis, clock: FakeClock) -> Headcount:
    return Headcount(redis, "west", clock)


@pytest.fixture
def east(redis: Redis, clock: FakeClock) -> Headcount:
    return Headcount(redis, "east", clock)


async def test_a_viewer_at_two_gateways_is_one_viewer(west: Headcount, east: Headcount):
    assert (await west.whole(PLACE, ["ann", "bob"])).online == 2
    assert (await east.whole(PLACE, ["bob", "cid"])).online == 3
    assert (await west.beat(PLACE, [], ["bob"])).online == 3
    assert (await east.beat(PLACE, ["dan"], ["bob"])).online == 3
    assert await west.online(PLACE) == 3


async def test_what_is_said_twice_counts_once(west: Headcount):
    await west.whole(PLACE, ["ann"])
    for _ in range(3):
        assert (await west.beat(PLACE, ["bob"], [])).online == 2
    for _ in range(3):
        assert (await west.beat(PLACE, [], ["bob", "who"])).online == 1


async def test_the_viewers_of_a_silent_gateway_are_gone(west: Headcount, east: Headcount, clock: FakeClock):
    await west.whole(PLACE, ["ann", "bob"])
    await east.whole(PLACE, ["bob"])
    clock.advance(ms=SILENT_MS - 1)
    assert (await east.beat(PLACE, [], [])).online == 2
    clock.advance(ms=1)
    assert (await east.beat(PLACE, [], [])).online == 1


async def test_they_are_gone_too_where_nobody_but_a_reader_is_left(west: Headcount, east: Headcount, clock: FakeClock):
    await west.whole(PLACE, ["ann"])
    clock.advance(ms=SILENT_MS)
    assert await east.online(PLACE) == 0


async def test_a_gateway_that_was_only_slow_says_everything_again(west: Headcount, east: Headcount, clock: FakeClock):
    await west.whole(PLACE, ["ann"])
    await east.whole(PLACE, ["bob"])
    clock.advance(ms=SILENT_MS)
    await east.beat(PLACE, [], [])
    assert not (await west.beat(PLACE, ["cid"], [])).is_known
    assert (await west.whole(PLACE, ["ann", "cid"])).online == 3


async def test_the_whole_list_takes_the_place_of_the_one_before(west: Headcount):
    await west.whole(PLACE, ["ann", "bob"])
    assert (await west.whole(PLACE, ["cid"])).online == 1


async def test_lists_longer_than_a_call_are_told_and_forgotten_in_pieces(
    west: Headcount, east: Headcount, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(headcount, "PIECE", 400)
    crowd = [f"viewer {number}" for number in range(2_500)]
    assert (await west.whole(PLACE, crowd)).online == 2_500
    assert (await west.beat(PLACE, ["ann"], crowd[:900])).online == 1_601
    assert (await west.whole(PLACE, crowd)).online == 2_500
    clock.advance(ms=SILENT_MS)
    assert (await east.whole(PLACE, ["bob"])).online == 1


async def test_one_gateway_speaks_and_another_takes_over_when_it_goes(
    west: Headcount, east: Headcount, clock: FakeClock
):
    assert (await west.whole(PLACE, ["ann"])).is_speaker
    assert not (await east.whole(PLACE, ["bob"])).is_speaker
    await west.leave(PLACE)
    assert (await east.beat(PLACE, [], [])).is_speaker
    await west.whole(PLACE, ["ann"])
    assert not (await west.beat(PLACE, [], [])).is_speaker
    clock.advance(ms=SILENT_MS)
    assert (await west.whole(PLACE, ["ann"])).is_speaker


async def test_a_wiped_engine_asks_for_everything(west: Headcount, redis: Redis):
    await west.whole(PLACE, ["ann"])
    await redis.flushdb()
    assert not (await west.beat(PLACE, [], [])).is_known
    assert (await west.whole(PLACE, ["ann"])).online == 1


async def test_an_engine_of_another_run_forgets_what_it_was_left(west: Headcount, east: Headcount, redis: Redis):
    await west.whole(PLACE, ["ann"])
    await redis.hset(f"presence:{{room:{PLACE}}}:meta", "run_id", "of a snapshot")
    assert not (await east.beat(PLACE, [], [])).is_known
    assert (await east.whole(PLACE, ["bob"])).online == 1


async def test_everything_lapses(west: Headcount, redis: Redis):
    await west.whole(PLACE, ["ann"])
    keys = await redis.keys("*")
    assert len(keys) == 4
    assert all([0 < await redis.pttl(key) <= 60_000 for key in keys])


async def test_an_engine_that_is_not_there_is_silent():
    redis = connect("redis://127.0.0.1:1/0")
    with pytest.raises(LogSilent):
        await Headcount(redis, "west", FakeClock()).online(PLACE)
    await redis.aclose()
