"""Redis is killed, wiped, frozen and brought back from an older snapshot: a screen notices no more than a resync."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from redis.asyncio import Redis

from keel.clock import FakeClock
from keel.ids import Ids
from keel.lua import connect
from live.feed import Feed, FeedItem, LogItem, Resync
from live.roomlog import LogSilent, RoomLog
from live.scene import EMPTY, Scene, fold
from millpond.engines import Engines
from tests.eventually import eventually_async
from tests.servers import frozen

PLACE = "01a3185c-9000-7000-8000-000000000001"


class Shown:
    """A screen that folds what it hears, and takes what is true for a snapshot when it is told to resync."""

    def __init__(self, truth: "Truth") -> None:
        self._truth, self.scene, self.resyncs = truth, EMPTY, 0

    def __call__(self, item: FeedItem) -> None:
        match item:
            case LogItem(events=events):
                for event in events:
                    self.scene = fold(self.scene, event.kind, msgspec.json.decode(event.body))
            case Resync():
                self.resyncs += 1
                self.scene = self._truth.scene

    async def is_right(self) -> bool:
        return self.scene == self._truth.scene


@dataclass
class Truth:
    """What PostgreSQL would say, and a relay that repeats what was not told."""

    log: RoomLog
    ids: Ids
    scene: Scene = field(default_factory=lambda: EMPTY)
    told: int = 0

    async def announce(self) -> None:
        """Something new is true; it is told as often as it takes."""
        self.told += 1
        body = {"id": str(self.told), "text": "x", "at": "2027-01-15T08:00:00.000Z"}
        self.scene, event_id = fold(self.scene, "announced", body), self.ids.new()

        async def told() -> bool:
            try:
                await self.log.publish(PLACE, event_id, "announced", msgspec.json.encode(body))
            except LogSilent:
                return False
            return True

        await eventually_async(told, within_s=30)


@dataclass
class World:
    """An engine of this test's own, and two feeds on it with a screen each."""

    engines: Engines
    redis: Redis
    clock: FakeClock
    truth: Truth
    feeds: list[Feed]
    screens: list[Shown]

    async def settle(self) -> None:
        """Tell something new; both screens have to show it, and both feeds hear themselves again."""
        self.clock.advance(s=1)
        await self.truth.announce()
        for screen in self.screens:
            await eventually_async(screen.is_right, within_s=30)
        await self.health(of_all=True)

    async def health(self, *, of_all: bool) -> None:
        """Wait until all feeds are healthy, or none is."""

        async def is_so() -> bool:
            return all(feed.healthy is of_all for feed in self.feeds)

        await eventually_async(is_so, within_s=30)

    @property
    def resyncs(self) -> list[int]:
        return [screen.resyncs for screen in self.screens]


@asynccontextmanager
async def running(feeds: list[Feed]) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for feed in feeds:
            group.create_task(feed.run(stop))
        try:
            yield
        finally:
            stop.set()


@pytest.fixture
async def world(private_engines: Callable[..., Engines]) -> AsyncIterator[World]:
    engines = await asyncio.to_thread(private_engines, postgres=False)
    redis, clock = connect(engines.redis_url), FakeClock()
    log, ids = RoomLog(redis, clock), Ids(clock)
    feeds = [Feed(redis, log, ids.new()) for _ in range(2)]
    truth = Truth(log, ids)
    screens = [Shown(truth) for _ in feeds]
    async with running(feeds), feeds[0].watch(PLACE, screens[0]), feeds[1].watch(PLACE, screens[1]):
        world = World(engines, redis, clock, truth, feeds, screens)
        await world.settle()
        yield world
    await redis.aclose()


async def test_a_killed_engine_costs_a_resync(world: World):
    assert world.engines.valkey is not None
    await asyncio.to_thread(world.engines.valkey.kill)
    await world.health(of_all=False)
    await asyncio.to_thread(world.engines.valkey.restart)
    await world.settle()
    assert world.resyncs == [1, 1]
    await world.settle()
    assert world.resyncs == [1, 1]


async def test_a_wiped_engine_costs_a_resync(world: World):
    await world.redis.flushall()
    await world.settle()
    assert world.resyncs == [1, 1]


async def test_an_engine_brought_back_from_an_older_snapshot_costs_a_resync(world: World, tmp_path: Path):
    valkey = world.engines.valkey
    assert valkey is not None
    await world.redis.save()
    older = tmp_path / "older.rdb"
    await asyncio.to_thread(shutil.copyfile, valkey.dump, older)
    await world.settle()
    await asyncio.to_thread(valkey.start_from, older)
    await world.settle()
    assert world.resyncs == [1, 1]


async def test_an_engine_that_stands_still_for_a_while_costs_nothing(world: World):
    assert world.engines.valkey is not None
    with frozen(world.engines.valkey):
        await world.health(of_all=False)
    await world.settle()
    assert world.resyncs == [0, 0]
