"""A room here is current or says so; one that fails is opened again, and the others go on."""

import asyncio
import itertools
from typing import Any

import pytest

from keel.errors import Unavailable
from live.feed import Feed
from live.halls import LET_IN_AT_ONCE, Halls
from live.roomlog import Position, RoomLog
from live.scene import EMPTY
from live.store_places import Place
from tests.eventually import eventually_async

PLACE = Place("01a3185c-5000-7009-8e45-b0f67c226c88", "a merchant", "a room", is_rehearsal=False)


class Reader:
    """Reads snapshots; the first ones fail."""

    def __init__(self, log: RoomLog, *faults: Exception) -> None:
        self.log, self.faults, self.reads = log, list(faults), 0

    async def __call__(self, merchant_id: str, place: str) -> tuple[Position, dict[str, Any]]:
        self.reads += 1
        if self.faults:
            raise self.faults.pop(0)
        return await self.log.position(place), dict(EMPTY)


async def nothing_said(_: Place) -> list[bytes]:
    return []


async def with_halls(redis: Any, log: RoomLog, reader: Reader, story: Any) -> None:
    stop = asyncio.Event()
    feed = Feed(redis, log, "a gateway")
    async with asyncio.TaskGroup() as group:
        group.create_task(feed.run(stop))
        halls = Halls(feed=feed, room_log=log, snapshot=reader, said=nothing_said, group=group)
        try:
            await story(halls)
        finally:
            halls.close()
            stop.set()


async def test_a_room_that_cannot_be_read_at_first_opens_all_the_same(redis, room_log, monkeypatch):
    monkeypatch.setattr("live.halls.AGAIN_AFTER_S", 0.01)
    reader = Reader(room_log, RuntimeError("a fault of ours"), Unavailable(), TimeoutError())

    async def story(halls: Halls) -> None:
        rooms = await asyncio.gather(*(halls.enter(PLACE) for _ in range(20)))
        assert {id(room) for room in rooms} == {id(halls.find(PLACE.id))}
        assert reader.reads == 4

    await with_halls(redis, room_log, reader, story)


async def test_a_room_that_stays_unreadable_is_unavailable(redis, room_log, monkeypatch):
    monkeypatch.setattr("live.halls.AGAIN_AFTER_S", 0.01)
    monkeypatch.setattr("live.halls.OPEN_WITHIN_S", 0.1)

    async def story(halls: Halls) -> None:
        with pytest.raises(Unavailable):
            await halls.enter(PLACE)

    await with_halls(redis, room_log, Reader(room_log, *[Unavailable()] * 1_000), story)


async def test_after_a_gap_the_room_is_read_again_and_shown_to_those_who_are_in_it(redis, room_log):
    reader = Reader(room_log)

    async def story(halls: Halls) -> None:
        room = await halls.enter(PLACE)
        viewer: Any = object()
        room.viewers[viewer] = None
        await redis.flushdb()  # the log has another epoch from here on
        await room_log.publish(PLACE.id, "an id", "announced", b'{"id":"1","text":"again","at":"now"}')

        async def shown() -> bool:
            return b'"snapshot"' in (room.take_tick() or b"")

        await eventually_async(shown)
        assert room.is_current
        assert reader.reads >= 2

    await with_halls(redis, room_log, reader, story)


async def test_an_empty_room_is_let_go_and_opens_anew(redis, room_log, monkeypatch):
    async def story(halls: Halls) -> None:
        before = await halls.enter(PLACE)
        halls.close_empty()
        assert halls.find(PLACE.id) is before
        monkeypatch.setattr("live.halls.KEPT_FOR_S", -1.0)
        halls.close_empty()
        assert halls.find(PLACE.id) is None
        assert await halls.enter(PLACE) is not before

    await with_halls(redis, room_log, Reader(room_log), story)


async def test_a_gateway_has_so_many_rooms(redis, room_log, monkeypatch):
    monkeypatch.setattr("live.halls.HALLS_MAX", 1)

    async def story(halls: Halls) -> None:
        await halls.enter(PLACE)
        with pytest.raises(Unavailable):
            await halls.enter(Place("01a3185c-5000-7009-8e45-b0f67c226c89", "a merchant", "a room", is_rehearsal=False))

    await with_halls(redis, room_log, Reader(room_log), story)


async def test_a_crowd_that_waits_for_a_room_is_let_in_a_few_at_a_time(redis, room_log):
    async def story(halls: Halls) -> None:
        inside = 0

        async def come() -> None:
            nonlocal inside
            await halls.enter(PLACE)
            inside += 1

        crowd, seen = [asyncio.create_task(come()) for _ in range(10 * LET_IN_AT_ONCE)], [0]
        while inside < len(crowd):
            await asyncio.sleep(0)
            seen.append(inside)
        assert max(after - before for before, after in itertools.pairwise(seen)) <= LET_IN_AT_ONCE
        await asyncio.gather(*crowd)

    await with_halls(redis, room_log, Reader(room_log), story)
