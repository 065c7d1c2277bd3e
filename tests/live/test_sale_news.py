"""Screens hear of every move of the sales of what is on stage, once, and of none that went before."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from inventory.ledger import Ledger
from keel.clock import FakeClock
from keel.database import create_hot_pool
from keel.lua import connect
from keel.outbox import Handled
from live.roomlog import Position, RoomLog
from live.sale_news import RoomEvents, SaleWatch
from live.telling import fact_of
from tests.live.stage import Stage


class Air:
    """A room with a planned session and one on air, and what its log says of sales."""

    def __init__(self, stage: Stage, room_log: RoomLog) -> None:
        self.stage, self.log = stage, room_log
        self.watch = SaleWatch(stage.pool, room_log, stage.clock)

    async def open(self) -> None:
        self.room = await self.stage.room()
        self.planned, self.live = [await self.stage.session(self.room) for _ in range(2)]
        await self.stage.move_session(self.stage.pool, self.live, "live")
        self.sale, self.other = await self.stage.sale(self.live), await self.stage.sale(self.planned)
        self.start = await self.log.position(self.room)

    async def heard(self) -> list[tuple[str, str]]:
        """(sale, state) of what was told since the last time."""
        events = await self.log.since(self.room, self.start) or []
        self.start = Position(self.start.epoch, self.start.seq + len(events))
        bodies = [msgspec.json.decode(event.body) for event in events if event.kind == "sale.moved"]
        return [(body["sale_id"], body["state"]) for body in bodies]


@pytest.fixture
async def air(stage: Stage, room_log: RoomLog) -> Air:
    air = Air(stage, room_log)
    await air.open()
    return air


@pytest.fixture
async def reader(database_url: str) -> AsyncIterator[Ledger]:
    async with create_hot_pool(database_url, connections=1) as pool:
        yield Ledger(pool)


async def test_each_move_of_a_sale_on_stage_is_told_once_whoever_watches(air: Air):
    second = SaleWatch(air.stage.pool, air.log, air.stage.clock)
    for watch in (air.watch, second, air.watch):
        await watch.tick()
    assert await air.heard() == [(air.sale, "scheduled")]
    await air.stage.move_sale(air.sale, "open")
    await air.stage.move_sale(air.other, "open")
    for watch in (second, air.watch):
        await watch.tick()
    assert await air.heard() == [(air.sale, "open")]


async def test_sales_at_one_version_are_all_told(air: Air, reader: Ledger):
    sales = [air.sale, *[await air.stage.sale(air.live) for _ in range(3)]]
    await air.watch.tick()
    assert sorted(await air.heard()) == sorted((sale, "scheduled") for sale in sales)
    for sale in sales:
        await air.stage.move_sale(sale, "open")
    await air.watch.tick()
    assert sorted(await air.heard()) == sorted((sale, "open") for sale in sales)
    body = await air.stage.move_session(air.stage.pool, air.live, "live")
    fact = fact_of(air.room, "session.moved", body, fact_id=air.stage.ids.new(), at=air.stage.clock.now())
    await RoomEvents(air.log, reader)([fact])
    assert sorted(await air.heard()) == sorted((sale, "open") for sale in sales), "they follow it, each of them"


async def test_a_sale_that_is_taken_out_and_in_again_between_two_looks_is_told(air: Air):
    await air.watch.tick()
    await air.heard()
    await air.stage.link_again(air.live, air.sale, link_no=7)
    await air.watch.tick()
    assert await air.heard() == [(air.sale, "scheduled")]


async def test_a_sale_that_closes_after_its_session_is_told_too(air: Air):
    await air.watch.tick()
    for session in (air.planned, air.live):
        await air.stage.move_session(air.stage.pool, session, "ended")
        air.stage.clock.advance(s=1)
    await air.stage.move_sale(air.sale, "closed")
    await air.watch.tick()
    assert await air.heard() == [(air.sale, "scheduled"), (air.sale, "closed")]


async def test_the_sales_of_a_session_follow_it_on_stage(air: Air, reader: Ledger):
    await air.watch.tick()
    await air.heard()
    body = await air.stage.move_session(air.stage.pool, air.live, "ended")
    fact = fact_of(air.room, "session.moved", body, fact_id=air.stage.ids.new(), at=air.stage.clock.now())
    for _ in range(2):
        assert await RoomEvents(air.log, reader)([fact]) == [Handled.DONE]
    assert await air.heard() == [(air.other, "scheduled")]


async def test_a_silent_engine_is_told_later(air: Air, reader: Ledger):
    silent = connect("redis://127.0.0.1:1/0")
    deaf = RoomLog(silent, FakeClock())
    fact = fact_of(air.room, "talk.ruled", {}, fact_id=air.stage.ids.new(), at=air.stage.clock.now())
    assert await RoomEvents(deaf, reader)([fact]) == [Handled.LATER]
    air.watch.room_log = deaf
    await air.watch.tick()
    air.watch.room_log = air.log
    await air.watch.tick()
    assert await air.heard() == [(air.sale, "scheduled")]
    await silent.aclose()
