"""What is left is what the gate would still sell, and the gate is asked once a second however many rooms look."""

import json
from collections.abc import AsyncIterator

import pytest

from inventory.book import SaleBook
from inventory.faults import GateSilent
from inventory.gate import Gate
from keel.lua import connect
from live.audience import Audience
from live.feed import FeedItem, StateItem
from live.roomlog import Position
from live.scene import EMPTY
from live.shelf import hide_slot
from live.stock_left import FRESH_S, StockLeft, StockTold
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
    return StockLeft(gate=gate or shop.gate, book=SaleBook(shop.ledger), reader=shop.ledger, clock_s=clock_s)


async def test_what_is_held_is_not_left_and_what_is_hidden_is_not_told(place: Place):
    air = await on_air(place, units=[10, 5, 3])
    one, two, three = air.sale.item_ids
    await hold(place.shop, air.sale, units=4, no=1)
    await hide_slot(place.studio, place.by, air.session_id, three, hidden=True)
    stock = stock_of(place, Clock())
    assert await stock.left(place.merchant_id, air.room_id) == {one: 6, two: 5}


async def test_the_gate_is_asked_at_most_once_a_second(place: Place):
    air, clock_s = await on_air(place, units=[10]), Clock()
    stock = stock_of(place, clock_s)
    (item_id,) = air.sale.item_ids
    assert await stock.left(place.merchant_id, air.room_id) == {item_id: 10}
    await hold(place.shop, air.sale, units=4)
    assert await stock.left(place.merchant_id, air.room_id) == {item_id: 10}
    clock_s.s += FRESH_S
    assert await stock.left(place.merchant_id, air.room_id) == {item_id: 6}


async def test_what_nobody_knows_is_left_out(place: Place):
    air, clock_s = await on_air(place, units=[10]), Clock()
    redis = connect("redis://127.0.0.1:1")
    assert await stock_of(place, clock_s, Gate(redis)).left(place.merchant_id, air.room_id) == {}
    with pytest.raises(GateSilent):
        await Gate(redis).status(air.sale.id, 0)
    await redis.aclose()
    await place.shop.redis.flushdb()
    assert await stock_of(place, clock_s).left(place.merchant_id, air.room_id) == {}


class Room(Audience[str]):
    """A room with one viewer, which notes what it hears."""

    def __init__(self, place: Place, air: Air) -> None:
        super().__init__(air.room_id, place.merchant_id)
        session = {"session_id": air.session_id, "state": "live"}
        self.open(Position(1, 1), dict(EMPTY) | {"session": session})
        self.viewers["hua"] = None
        self.heard: list[dict[str, int]] = []

    def hear(self, item: FeedItem) -> None:
        assert isinstance(item, StateItem)
        self.heard.append(json.loads(item.body))


async def test_a_room_is_told_what_changed_and_one_without_viewers_nothing(place: Place):
    air, clock_s = await on_air(place, units=[10]), Clock()
    (item_id,) = air.sale.item_ids
    watched, empty = Room(place, air), Room(place, air)
    empty.viewers.clear()
    told = StockTold(stock_of(place, clock_s), lambda: [watched, empty])
    for _ in range(3):
        await told.tick()
    await hold(place.shop, air.sale, units=4, no=1)
    clock_s.s += FRESH_S
    await told.tick()
    assert watched.heard == [{item_id: 10}, {item_id: 6}]
    assert empty.heard == []
