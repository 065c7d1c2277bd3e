"""The board of sharers: told to the rooms that sell, the latest wins, and of names no more than a sign."""

import json
from collections.abc import AsyncIterator

import pytest

from live.roomlog import LogSilent
from millpond.leaderboard import Leaderboard
from tests.referrals.spread import Spread, open_spread


class Screen:
    """A room's state lane as its screens see it; silent where it is told to be."""

    def __init__(self) -> None:
        self.told: list[dict[str, object]] = []
        self.silent = False

    async def put(self, place: str, kind: str, body: bytes) -> None:
        if self.silent:
            raise LogSilent("TimeoutError")
        self.told.append({"place": place, "kind": kind} | json.loads(body))


@pytest.fixture
async def spread(database_url: str, redis_url: str) -> AsyncIterator[Spread]:
    async with open_spread(database_url, redis_url) as spread:
        yield spread


async def on_air(spread: Spread, state: str = "open") -> str:
    """The room's broadcast, on air, with a sale."""
    now, shop = spread.grove.shop.clock.now(), spread.grove.shop
    session = (await spread.grove.target("session", room_id=spread.room_id, state="live", started_at=now)).target_id
    sale_id = shop.ids.new()
    sale = """INSERT INTO sale (id, merchant_id, title, kind, state, currency, hold_ttl_s, created_at)
              VALUES ($1, $2, 'Brushes', 'flash', $3, 'CNY', 900, $4)"""
    await spread.run(sale, sale_id, spread.grove.merchant_id, state, now)
    link = "INSERT INTO session_sale (merchant_id, session_id, sale_id) VALUES ($1, $2, $3)"
    await spread.run(link, spread.grove.merchant_id, session, sale_id)
    return session


async def brought(spread: Spread, session: str) -> None:
    share = await spread.share("hua")
    await spread.visit("mei", share, session)
    await spread.tally()


async def test_whoever_brought_people_is_on_the_board_of_a_room_that_sells(spread):
    session, screen = await on_air(spread), Screen()
    await brought(spread, session)
    name = "INSERT INTO customer_profile (merchant_id, customer_id, display_name) VALUES ($1, $2, 'Hua of the mill')"
    await spread.run(name, spread.grove.merchant_id, await spread.person("hua"))
    await Leaderboard(spread.grove.shop.pool, spread.grove.shop.redis, screen).tick()  # type: ignore[arg-type]
    hua = {"id": await spread.person("hua"), "name": "H＊", "buyers": 0, "viewers": 0, "visitors": 1}
    assert screen.told == [
        {"place": spread.room_id, "kind": "leaderboard", "session_id": session, "sharers": [hua]},
    ]


async def test_several_workers_tell_a_room_at_most_once_a_second(spread):
    session, screen = await on_air(spread), Screen()
    await brought(spread, session)
    for _ in range(3):
        await Leaderboard(spread.grove.shop.pool, spread.grove.shop.redis, screen).tick()  # type: ignore[arg-type]
    assert len(screen.told) == 1


@pytest.mark.parametrize("state", ["paused", "closed"])
async def test_a_room_that_does_not_sell_has_no_board(spread, state):
    session, screen = await on_air(spread, state), Screen()
    await brought(spread, session)
    await Leaderboard(spread.grove.shop.pool, spread.grove.shop.redis, screen).tick()  # type: ignore[arg-type]
    assert screen.told == []


async def test_a_silent_room_is_left_to_the_next_tick(spread):
    session, screen = await on_air(spread), Screen()
    await brought(spread, session)
    board = Leaderboard(spread.grove.shop.pool, spread.grove.shop.redis, screen)  # type: ignore[arg-type]
    screen.silent = True
    await board.tick()
    screen.silent = False
    await spread.grove.shop.redis.flushdb()
    await board.tick()
    assert len(screen.told) == 1
