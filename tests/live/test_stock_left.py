"""What is left is what the gate would still sell, and the gate is asked once a second however many rooms look."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from inventory.book import SaleBook
from inventory.faults import GateSilent
from inventory.gate import Gate
from keel.lua import connect
from live import store_parts
from live.audience import Audience
from live.feed import FeedItem, StateItem
from live.roomlog import Position
from live.scene import EMPTY
from live.shelf import hide_slot, shelf_body
from live.stock_left import FRESH_S, STOCK, StockLeft, StockTold
from tests.inventory.selling import hold
from tests.live.studios import Air, Place, on_air, open_studio


@pytest.fixture
async def place(database_url: str, redis_url: str) -> AsyncIterator[Place]:
    async with open_studio(database_url, redis_url) as place:
        yield place


class Clock:
    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


def stock_of(place: Place, clock_s: Clock, gate: Gate | None = None) -> StockLeft:
    shop = place.shop
    return StockLeft(gate=gate or shop.gate, book=SaleBook(shop.ledger), clock_s=clock_s)


async def shelf_of(place: Place, air: Air) -> list[dict[str, Any]]:
    """The slots of a room's shelf, as the scene has them."""
    slots: list[dict[str, Any]] = shelf_body(
        await store_parts.shelf(place.shop.ledger, place.merchant_id, air.room_id)
    )["slots"]
    return slots


async def test_what_is_held_is_not_left_and_what_is_hidden_is_not_told(place: Place):
    air = await on_air(place, units=[10, 5, 3])
    one, two, three = air.sale.item_ids
    await hold(place.shop, air.sale, units=4, no=1)
    await hide_slot(place.studio, place.by, air.session_id, three, hidden=True)
    stock = stock_of(place, Clock())
    assert await stock.left(await shelf_of(place, air)) == {one: 6, two: 5}


async def test_the_gate_is_asked_at_most_once_a_second(place: Place):
    air, clock_s = await on_air(place, units=[10]), Clock()
    stock = stock_of(place, clock_s)
    (item_id,) = air.sale.item_ids
    assert await stock.left(await shelf_of(place, air)) == {item_id: 10}
    await hold(place.shop, air.sale, units=4)
    assert await stock.left(await shelf_of(place, air)) == {item_id: 10}
    clock_s.s += FRESH_S
    assert await stock.left(await shelf_of(place, air)) == {item_id: 6}


async def test_what_nobody_knows_is_left_out(place: Place):
    air, clock_s = await on_air(place, units=[10]), Clock()
    redis = connect("redis://127.0.0.1:1")
    assert await stock_of(place, clock_s, Gate(redis)).left(await shelf_of(place, air)) == {}
    with pytest.raises(GateSilent):
        await Gate(redis).status(air.sale.id, 0)
    await redis.aclose()
    await place.shop.redis.flushdb()
    assert await stock_of(place, clock_s).left(await shelf_of(place, air)) == {}


class Room(Audience[str]):
    """A room with one viewer, which notes what it hears."""

    def __init__(self, place: Place, air: Air, slots: list[dict[str, Any]]) -> None:
        super().__init__(air.room_id, place.merchant_id)
        self.slots, self.air = slots, air
        self.turn("live")
        self.viewers["hua"] = None
        self.heard: list[dict[str, int]] = []

    def turn(self, state: str) -> None:
        """The broadcast comes into another state."""
        session = {"session_id": self.air.session_id, "state": state}
        self.open(Position(1, 1), dict(EMPTY) | {"session": session, "shelf": {"slots": self.slots}})

    def hear(self, item: FeedItem) -> None:
        super().hear(item)
        assert isinstance(item, StateItem)
        self.heard.append(json.loads(item.body))

    def stock(self) -> object:
        """What somebody who comes now is told of it."""
        body = self.joined(None).state.get(STOCK)
        return None if body is None else json.loads(bytes(body))


async def test_a_room_is_told_what_changed_and_one_without_viewers_nothing(place: Place):
    air, clock_s = await on_air(place, units=[10]), Clock()
    (item_id,), slots = air.sale.item_ids, await shelf_of(place, air)
    watched, empty = Room(place, air, slots), Room(place, air, slots)
    empty.viewers.clear()
    told = StockTold(stock_of(place, clock_s), lambda: [watched, empty])
    for _ in range(3):
        await told.tick()
    await hold(place.shop, air.sale, units=4, no=1)
    clock_s.s += FRESH_S
    await told.tick()
    assert watched.heard == [{item_id: 10}, {item_id: 6}]
    assert empty.heard == []


async def test_after_a_broadcast_nobody_is_told_what_was_left_when_it_ended(place: Place):
    air, clock_s = await on_air(place, units=[10]), Clock()
    (item_id,) = air.sale.item_ids
    room = Room(place, air, await shelf_of(place, air))
    told = StockTold(stock_of(place, clock_s), lambda: [room])
    await told.tick()
    assert room.stock() == {item_id: 10}
    room.turn("ended")
    await told.tick()
    assert room.stock() is None
    room.turn("live")
    await told.tick()
    assert room.stock() == {item_id: 10}, "and the next one tells it again"


async def test_a_room_costs_postgresql_nothing(place: Place):
    air, clock_s = await on_air(place, units=[10]), Clock()
    room = Room(place, air, await shelf_of(place, air))
    told = StockTold(stock_of(place, clock_s), lambda: [room])
    await told.tick()
    await hold(place.shop, air.sale, units=4)
    clock_s.s += FRESH_S
    await place.shop.pool.close()
    await told.tick()
    assert room.stock() == {air.sale.item_ids[0]: 6}
