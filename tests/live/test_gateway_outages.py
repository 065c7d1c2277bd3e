"""Redis is killed, wiped and brought back from an older snapshot under gateways that serve: whoever watches keeps his
socket, is shown the room anew once at most, and misses nothing; nor does whoever lost the network at that moment."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, ItemsView
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from inventory.running import pause_sale, resume_sale
from keel.errors import Unavailable
from live.messages import encode_json
from live.moderation import announce, rule
from live.parts import parts_of
from live.pins import pin
from live.rooms import edit_room
from live.scene import Scene
from live.snapshots import Readers, snapshot
from millpond.engines import Engines, Valkey
from millpond.wiring import Parts
from millpond.worker import work
from tests.eventually import POLL_S, eventually_async, insist
from tests.live.screens import Screen, screen_in
from tests.live.watching import Pond, gateway, gateway_of
from tests.millpond.airs import Air, on_air


@dataclass
class World:
    """A broadcast, two gateways that show it, and a screen at each. `third`: the token of one who comes and goes."""

    valkey: Valkey
    west: Pond
    east: Pond
    air: Air
    screens: tuple[Screen, Screen]
    third: str
    left: Screen | None = None
    said: int = 0
    pinned: int = 1

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for it. Time passes meanwhile: what is to be told later is due later."""

        async def seen() -> bool:
            self.west.shop.clock.advance(s=POLL_S)
            return is_so()

        await eventually_async(seen)

    async def speak(self) -> str:
        """What needs PostgreSQL alone: an announcement, another rule of talk, another title. What was announced."""
        studio, by, self.said = self.west.parts.studio(), self.west.shop.staff, self.said + 1
        await rule(studio, by, self.air.room, {"slow_mode_s": self.said})
        await edit_room(studio, by, self.air.room, {"title": f"Pond {self.said}"})
        await announce(studio, by, self.air.session_id, f"no. {self.said}")
        return f"no. {self.said}"

    async def sell(self) -> None:
        """What the gate has to hear of: the other item is held up, and the sale pauses for a moment."""
        studio, by = self.east.parts.studio(), self.east.shop.staff
        for move in (pause_sale, resume_sale):
            await insist(partial(move, studio.selling, by, self.air.sale.id), Unavailable)
        self.pinned = 3 - self.pinned
        await pin(studio, by, self.air.session_id, self.pinned)

    async def heard(self, text: str) -> None:
        """Both screens show this announcement."""
        await self.until(lambda: all(_announced(screen) == text for screen in self.screens))

    async def counted(self, **counts: int) -> None:
        """Both screens show these counts."""
        await self.until(lambda: all(counts.items() <= _counts(screen) for screen in self.screens))

    def leave(self) -> None:
        """One more client has been there until now, and loses the network."""
        self.left = replace(self.screens[0])

    async def told(self) -> None:
        """The relay has told whatever was left to it."""
        waiting = "SELECT event_id FROM outbox_delivery WHERE subscriber = 'room-log' AND state <> 'done'"

        async def nothing_waits() -> bool:
            self.west.shop.clock.advance(s=POLL_S)
            return not await self.west.shop.rows(waiting)

        await eventually_async(nothing_waits)

    async def shows_what_is(self, *others: Screen) -> None:
        """All screens have the whole log, and show what a snapshot has."""

        async def shown() -> bool:
            truth = await self.truth()
            return all((screen.since, screen.scene) == truth for screen in (*self.screens, *others))

        await eventually_async(shown)

    async def truth(self) -> tuple[dict[str, int], Scene]:
        """What a gateway would show that has only just begun, and where."""
        parts = self.west.parts
        readers = Readers(parts.room_log, parts.reader, parts_of(parts.reader))
        position, scene = await snapshot(readers, self.west.shop.staff.merchant_id, self.air.room)
        return asdict(position), json.loads(encode_json(scene))


def _counts(screen: Screen) -> ItemsView[str, int]:
    counts: dict[str, int] = screen.state.get("counts", {})
    return counts.items()


def _announced(screen: Screen) -> str | None:
    announcement = screen.scene["announcement"]
    return None if announcement is None else str(announcement["text"])


@asynccontextmanager
async def working(parts: Parts) -> AsyncIterator[None]:
    """A worker, with the relay that repeats what was not told."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(work(parts, stop))
        try:
            yield
        finally:
            stop.set()


@pytest.fixture
async def world(
    database_url: str, private_engines: Callable[..., Engines], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    monkeypatch.setattr("live.gateway.UNWELL_AFTER_S", 60.0)  # however long this machine takes to start a server
    for loop in ("worker.RELAY_EVERY_S", "gateway.BEAT_EVERY_S", "gateway.COUNTS_EVERY_S"):
        monkeypatch.setattr(f"millpond.{loop}", 0.1)  # nothing here is about how often they go round
    engines = await asyncio.to_thread(private_engines, postgres=False)
    assert engines.valkey is not None
    async with AsyncExitStack() as stack:
        west = await stack.enter_async_context(gateway(database_url, engines.redis_url))
        east = await stack.enter_async_context(gateway_of(west.shop, database_url, engines.redis_url))
        await stack.enter_async_context(working(west.parts))
        air = await on_air(west)
        here = await stack.enter_async_context(screen_in(west.port, air.room))
        there = await stack.enter_async_context(screen_in(east.port, air.room))
        world = World(engines.valkey, west, east, air, (here, there), west.token())
        await world.sell()
        await world.heard(await world.speak())
        await world.counted(online=2, unique=2, peak=2)
        yield world


Strike = Callable[[World, Path], Awaitable[None]]


async def killed(world: World, _: Path) -> None:
    """SIGKILL, and a server that knows nothing in its place; something is said in between."""
    world.leave()
    await asyncio.to_thread(world.valkey.kill)
    await world.speak()
    await asyncio.to_thread(world.valkey.restart)


async def wiped(world: World, _: Path) -> None:
    """FLUSHALL, at which no connection breaks: nobody knows before the next event."""
    world.leave()
    await world.west.shop.redis.flushall()


async def brought_back(world: World, folder: Path) -> None:
    """A snapshot, then events that it does not have; then that snapshot."""
    await world.west.shop.redis.save()
    older = folder / "older.rdb"
    await asyncio.to_thread(shutil.copyfile, world.valkey.dump, older)
    for _ in range(2):
        await world.heard(await world.speak())
    world.leave()
    await asyncio.to_thread(world.valkey.start_from, older)


async def survived(world: World, strike: Strike, folder: Path) -> None:
    """What is said and counted after it is on both screens, without another word; and nothing of before is missing."""
    screens, shown = world.screens, [screen.snapshots for screen in world.screens]
    await strike(world, folder)
    await world.heard(await world.speak())
    told = [len(screen.events) for screen in screens]
    await world.sell()
    await world.heard(await world.speak())
    assert all(len(screen.events) > before for screen, before in zip(screens, told, strict=True)), strike
    await world.told()
    await world.shows_what_is()
    assert all(screen.snapshots <= before + 1 for screen, before in zip(screens, shown, strict=True)), strike
    assert [(screen.is_open, screen.unasked) for screen in screens] == [(True, [])] * 2, strike
    async with screen_in(world.east.port, world.air.room, before=world.left, token=world.third) as back:
        await world.shows_what_is(back)


async def test_whoever_watches_notices_no_more_than_that_the_room_is_shown_again(world: World, tmp_path: Path):
    await survived(world, wiped, tmp_path)
    async with screen_in(world.east.port, world.air.room, token=world.third):
        await world.counted(online=3, unique=3, peak=3)
        await survived(world, brought_back, tmp_path)
    await world.counted(online=2, unique=3, peak=3)
    await survived(world, killed, tmp_path)
    async with screen_in(world.west.port, world.air.room, token=world.third):
        await world.counted(online=3, unique=3, peak=3)
