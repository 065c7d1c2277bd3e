"""A feed brings what is published, in order and without gaps, whatever happens to its connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import msgspec
import pytest
from redis.asyncio import Redis

from keel.clock import FakeClock
from keel.ids import Ids
from live import feed as feed_module
from live.feed import HEARD_WITHIN_S, Feed, FeedItem, LogItem, Resync, StateItem
from live.metrics import FEED_FAULTS
from live.roomlog import Event, LogSilent, Position, RoomLog
from tests.eventually import eventually_async

PLACE = "01a3185c-9000-7000-8000-000000000001"
OTHER_PLACE = "01a3185c-9000-7000-8000-000000000002"
IDS = Ids(FakeClock())


class Screen:
    """A sink that remembers what it was given."""

    def __init__(self) -> None:
        self.items: list[FeedItem] = []

    def __call__(self, item: FeedItem) -> None:
        self.items.append(item)

    @property
    def seqs(self) -> list[int]:
        return [event.seq for item in self.items if isinstance(item, LogItem) for event in item.events]

    @property
    def resyncs(self) -> int:
        return sum(isinstance(item, Resync) for item in self.items)

    async def has(self, seqs: list[int]) -> None:
        """Wait for these events, and no others."""

        async def seen() -> bool:
            return len(self.seqs) >= len(seqs)

        await eventually_async(seen)
        assert self.seqs == seqs


async def say(log: RoomLog, *numbers: int, place: str = PLACE) -> None:
    """Each until it is said, as a relay does: on a machine that stands still the log is silent now and then."""
    for number in numbers:
        said = partial(_is_said, log, place, IDS.new(), msgspec.json.encode({"comment_id": str(number)}))
        await eventually_async(said)


async def _is_said(log: RoomLog, place: str, event_id: str, body: bytes) -> bool:
    try:
        await log.publish(place, event_id, "comment.removed", body)
    except LogSilent:
        return False
    return True


@asynccontextmanager
async def running(feed: Feed) -> AsyncIterator[Feed]:
    """A feed that listens, until the block ends."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(feed.run(stop))
        try:
            yield feed
        finally:
            stop.set()


@pytest.fixture
async def feed(redis: Redis, room_log: RoomLog) -> AsyncIterator[Feed]:
    async with running(Feed(redis, room_log, IDS.new())) as feed:
        yield feed


async def is_healthy(feed: Feed) -> bool:
    return feed.healthy


async def cut(redis: Redis) -> None:
    """Cut the connections of all feeds, as an engine does whose output buffer is full."""
    await redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")


async def test_events_arrive_in_order_and_end_where_they_say(feed: Feed, room_log: RoomLog):
    screen = Screen()
    await say(room_log, 0)
    async with feed.watch(PLACE, screen):
        await say(room_log, 1, 2, 3)
        await screen.has([2, 3, 4])
    last = screen.items[-1]
    assert isinstance(last, LogItem)
    assert (last.place, last.position) == (PLACE, await room_log.position(PLACE))


async def test_values_of_the_state_lane_arrive_as_they_were_put(feed: Feed, room_log: RoomLog):
    screen = Screen()
    async with feed.watch(PLACE, screen):
        await room_log.put(PLACE, "counts", b'{"online": 3}')
        await say(room_log, 1)
        await screen.has([1])
    assert screen.items[0] == StateItem(PLACE, "counts", b'{"online": 3}')


async def test_a_screen_hears_its_own_place_only_and_no_more_once_it_left(feed: Feed, room_log: RoomLog):
    here, there, left = Screen(), Screen(), Screen()
    async with feed.watch(PLACE, here), feed.watch(OTHER_PLACE, there):
        async with feed.watch(PLACE, left):
            await say(room_log, 1)
            await here.has([1])
        await say(room_log, 2)
        await say(room_log, 1, place=OTHER_PLACE)
        await here.has([1, 2])
        await there.has([1])
    assert left.seqs == [1]


class Slow(RoomLog):
    """A room log of which every answer takes half a second, on a clock of its own."""

    now_s = 0.0

    async def position(self, place: str) -> Position:
        self.now_s += 0.5
        return await super().position(place)

    async def since(self, place: str, after: Position) -> list[Event] | None:
        self.now_s += 0.5
        return await super().since(place, after)


async def test_a_feed_of_many_rooms_catches_up_however_long_that_takes(redis: Redis, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(feed_module, "BEAT_EVERY_S", 0.001)
    log, places, faults = Slow(redis, FakeClock()), [IDS.new() for _ in range(60)], FEED_FAULTS._value.get()
    async with running(Feed(redis, log, IDS.new(), lambda: log.now_s)) as feed, AsyncExitStack() as stack:
        screens = [Screen() for _ in places]
        watches = [feed.watch(*watch) for watch in zip(places, screens, strict=True)]
        await asyncio.gather(*(stack.enter_async_context(watch) for watch in watches))
        await cut(redis)
        for place in places:
            await say(log, 1, place=place)
        for screen in screens:
            await screen.has([1])
    assert FEED_FAULTS._value.get() - faults == 1, "the one connection that was cut"


async def test_two_feeds_behave_as_one(redis: Redis, feed: Feed, room_log: RoomLog):
    one, other = Screen(), Screen()
    async with running(Feed(redis, room_log, IDS.new())) as second, feed.watch(PLACE, one), second.watch(PLACE, other):
        await asyncio.gather(*(say(room_log, number) for number in range(50)))
        await one.has(list(range(1, 51)))
        await other.has(list(range(1, 51)))
    assert one.items == other.items


async def test_nothing_is_missed_while_a_connection_is_lost(redis: Redis, feed: Feed, room_log: RoomLog):
    screen = Screen()
    async with feed.watch(PLACE, screen):
        for number in range(1, 31, 3):
            await cut(redis)
            await say(room_log, number, number + 1, number + 2)
        await screen.has(list(range(1, 31)))
    assert screen.resyncs == 0


async def test_a_gap_on_the_channel_is_filled_from_the_log(redis: Redis, feed: Feed, room_log: RoomLog):
    screen = Screen()
    async with feed.watch(PLACE, screen):
        await say(room_log, 1)
        await screen.has([1])
        await _say_unheard(redis, room_log)
        await say(room_log, 3)
        await screen.has([1, 2, 3])


async def _say_unheard(redis: Redis, room_log: RoomLog) -> None:
    """An event that is in the log and never came over the channel."""
    base = f"log:{{room:{PLACE}}}"
    await redis.rpush(f"{base}:events", f"2 {IDS.new()} comment.removed {{}}")
    await redis.hincrby(f"{base}:meta", "seq", 1)


async def test_more_missed_than_the_log_keeps_is_a_resync_and_then_goes_on(
    redis: Redis, feed: Feed, room_log: RoomLog, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("live.roomlog.EVENTS_MAX", 2)
    screen = Screen()
    async with feed.watch(PLACE, screen):
        await redis.delete(f"log:{{room:{PLACE}}}:meta")  # what came before is not known any more
        await say(room_log, 1)

        async def resynced() -> bool:
            return screen.resyncs == 1

        await eventually_async(resynced)
        await say(room_log, 2, 3)
        await screen.has([2, 3])
    assert screen.resyncs == 1


async def test_a_feed_is_healthy_once_it_hears_itself(feed: Feed):
    await eventually_async(lambda: is_healthy(feed))


async def test_a_feed_that_does_not_run_is_not_healthy_and_nobody_waits_for_it_for_ever(
    redis: Redis, room_log: RoomLog, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("live.feed.WATCH_WITHIN_S", 0.01)
    feed = Feed(redis, room_log, IDS.new())
    assert not feed.healthy
    with pytest.raises(LogSilent):
        async with feed.watch(PLACE, Screen()):
            pytest.fail("nothing can be heard")


async def test_health_is_over_when_the_feed_has_not_heard_itself_for_a_while(redis: Redis, room_log: RoomLog):
    now_s = 100.0
    feed = Feed(redis, room_log, IDS.new(), clock_s=lambda: now_s)
    async with running(feed):
        await eventually_async(lambda: is_healthy(feed))
        now_s += HEARD_WITHIN_S + 0.1
        assert not feed.healthy
