"""On a cluster a place lives in one slot, and its channel is a sharded one."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from redis.asyncio import Redis

from keel.clock import FakeClock
from keel.ids import Ids
from keel.lua import connect
from live.feed import Feed, FeedItem, LogItem, StateItem
from live.headcount import Headcount
from live.roomlog import RoomLog, channel_of
from millpond.engines import Engines
from tests.eventually import eventually_async

PLACE = "01a3185c-9000-7000-8000-000000000001"
SLOT_LAST = 16_383


@pytest.fixture
async def node(private_engines: Callable[..., Engines]) -> AsyncIterator[Redis]:
    """A cluster of one node, which has all slots."""
    engines = await asyncio.to_thread(private_engines, postgres=False, valkey_options={"cluster-enabled": "yes"})
    redis = connect(engines.redis_url)

    async def is_up() -> bool:
        info: dict[str, str] = await redis.execute_command("CLUSTER INFO")
        return info["cluster_state"] == "ok"

    try:
        await redis.execute_command("CLUSTER ADDSLOTSRANGE", 0, SLOT_LAST)
        await eventually_async(is_up)
        yield redis
    finally:
        await redis.aclose()


async def test_events_and_values_are_heard_over_a_sharded_channel(node: Redis):
    room_log, ids = RoomLog(node, FakeClock()), Ids(FakeClock())
    feed, stop, heard = Feed(node, room_log, ids.new()), asyncio.Event(), list[FeedItem]()
    async with asyncio.TaskGroup() as group:
        group.create_task(feed.run(stop))
        async with feed.watch(PLACE, heard.append):
            await room_log.publish(PLACE, ids.new(), "sale.moved", b'{"session_id":"b1","sale_id":"s1"}')
            await room_log.put(PLACE, "counts", b"{}")

            async def has_heard() -> bool:
                return len(heard) == 2 and feed.healthy

            await eventually_async(has_heard)
            (subscribed,) = await node.execute_command("PUBSUB SHARDNUMSUB", channel_of(PLACE))
            assert subscribed == (channel_of(PLACE).encode(), 1)
        stop.set()
    assert [type(item) for item in heard] == [LogItem, StateItem]


async def test_viewers_are_counted_in_the_places_own_slot(node: Redis):
    assert (await Headcount(node, "west", FakeClock()).whole(PLACE, ["ann", "bob"])).online == 2
