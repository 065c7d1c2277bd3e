"""Online, unique and peak are what docs/counts.md says, and outlive gateways and engines."""

import asyncio
from dataclasses import dataclass
from typing import Any

import asyncpg
import msgspec
import pytest
from redis.asyncio import Redis

from keel.database import create_pool
from keel.lua import connect
from live import presence as presence_module
from live import store_presence
from live.headcount import SILENT_MS, Headcount
from live.presence import LIFE_SILENT_S, Presence, end_silent
from live.roomlog import RoomLog
from tests.live.stage import Stage


class Told(RoomLog):
    """A room log that remembers what was put."""

    def __init__(self, redis: Redis, clock: Any) -> None:
        super().__init__(redis, clock)
        self.counts: list[dict[str, int]] = []

    async def put(self, place: str, kind: str, body: bytes) -> None:
        await super().put(place, kind, body)
        self.counts.append(msgspec.json.decode(body))


@dataclass
class Show:
    """A session on air, and gateways that show it."""

    stage: Stage
    redis: Redis
    log: Told
    room: str
    session: str

    def gateway(self, *, pool: asyncpg.Pool | None = None, redis: Redis | None = None, **options: Any) -> Presence:
        stage = self.stage
        return Presence(
            pool=pool or stage.pool, headcount=Headcount(redis or self.redis, stage.ids.new(), stage.clock),
            room_log=self.log, ids=stage.ids, clock=stage.clock, **options,
        )  # fmt: skip

    def viewers(self, count: int) -> list[str]:
        return [self.stage.ids.new() for _ in range(count)]

    def come(self, gateway: Presence, *viewers: str) -> None:
        for viewer in viewers:
            gateway.joined(self.room, self.session, viewer, self.stage.clock.ms())

    def go(self, gateway: Presence, *viewers: str) -> None:
        for viewer in viewers:
            gateway.left(self.room, self.session, viewer, self.stage.clock.ms())

    async def stays(self) -> list[tuple[str, float, float | None]]:
        """(viewer, from, to), in seconds since the test began."""
        start = self.stage.clock.now()
        rows = await self.stage.pool.fetch("SELECT * FROM watch_interval ORDER BY started_at, id")
        return [
            (str(row["viewer_id"]), _seconds(row["started_at"], start), _seconds(row["ended_at"], start))
            for row in rows
        ]  # fmt: skip


def _seconds(moment: Any, now: Any) -> Any:
    return None if moment is None else (moment - now).total_seconds()


@pytest.fixture
async def show(stage: Stage, redis: Redis) -> Show:
    room = await stage.room()
    return Show(stage, redis, Told(redis, stage.clock), room, await stage.session(room))


async def test_the_counts_of_two_gateways_are_told_once_and_are_everybodys(show: Show):
    west, east = show.gateway(), show.gateway()
    ann, bob, cid = show.viewers(3)
    show.come(west, ann, bob, bob)
    show.come(east, bob, cid)
    await west.tick()
    await east.tick()
    await west.tick()
    await east.tick()
    assert show.log.counts[-1] == {"online": 3, "unique": 3, "peak": 3}
    assert len(show.log.counts) == 2  # by one of the two


async def test_unique_and_peak_stay_when_viewers_go(show: Show):
    gateway = show.gateway()
    ann, bob, cid = show.viewers(3)
    show.come(gateway, ann, bob)
    await gateway.tick()
    show.go(gateway, ann, bob)
    show.come(gateway, cid)
    await gateway.tick()
    show.go(gateway, cid)
    show.come(gateway, ann)
    await gateway.tick()
    assert show.log.counts == [
        {"online": 2, "unique": 2, "peak": 2},
        {"online": 1, "unique": 3, "peak": 2},
        {"online": 1, "unique": 3, "peak": 2},
    ]


async def test_likes_are_told_with_the_counts(show: Show):
    known: dict[str, int] = {}

    async def likes(session_id: str) -> int | None:
        return known.get(session_id)

    gateway = show.gateway(likes=likes)
    show.come(gateway, *show.viewers(1))
    await gateway.tick()
    known[show.session] = 7
    await gateway.tick()
    counts = {"online": 1, "unique": 1, "peak": 1}
    assert show.log.counts == [counts, counts | {"likes": 7}]


async def test_between_sessions_only_those_online_are_counted(show: Show):
    gateway = show.gateway()
    (ann,) = show.viewers(1)
    gateway.joined(show.room, None, ann, show.stage.clock.ms())
    await gateway.tick()
    gateway.turned(show.room, show.session, show.stage.clock.ms())
    await gateway.tick()
    assert show.log.counts == [{"online": 1}, {"online": 1, "unique": 1, "peak": 1}]


async def test_stays_are_stored_as_they_begin_and_end(show: Show):
    gateway, clock = show.gateway(), show.stage.clock
    ann, bob = show.viewers(2)
    show.come(gateway, ann, bob)
    await gateway.tick()
    clock.advance(s=10)
    show.go(gateway, ann)
    await gateway.tick()
    assert await show.stays() == [(ann, -10, 0), (bob, -10, None)]


async def test_a_stay_shorter_than_a_tick_is_stored_whole(show: Show, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(presence_module, "BATCH_MAX", 2)
    gateway, viewers = show.gateway(), show.viewers(5)
    show.come(gateway, *viewers)
    show.go(gateway, *viewers)
    await gateway.tick()
    assert await show.stays() == [(viewer, 0, 0) for viewer in viewers]


async def test_a_crashed_gateways_viewers_are_gone_and_their_stays_end_at_its_last_sign(show: Show):
    west, east, clock = show.gateway(), show.gateway(), show.stage.clock
    ann, bob = show.viewers(2)
    show.come(west, ann)
    show.come(east, bob)
    await west.tick()
    await east.tick()
    assert show.log.counts[-1]["online"] == 1
    await west.tick()
    assert show.log.counts[-1]["online"] == 2
    clock.advance(ms=SILENT_MS)  # west, which spoke, is killed here
    await east.tick()
    assert show.log.counts[-1] == {"online": 1, "unique": 2, "peak": 2}
    clock.advance(s=LIFE_SILENT_S)
    await east.tick()
    await end_silent(show.stage.pool, clock.now())
    away_s = SILENT_MS / 1000 + LIFE_SILENT_S
    assert await show.stays() == [(ann, -away_s, -away_s), (bob, -away_s, None)]


async def test_a_gateway_that_was_taken_for_dead_goes_on_without_a_gap(show: Show):
    gateway, clock = show.gateway(), show.stage.clock
    (ann,) = show.viewers(1)
    show.come(gateway, ann)
    await gateway.tick()
    clock.advance(s=2 * LIFE_SILENT_S)
    await end_silent(show.stage.pool, clock.now())
    await gateway.tick()
    away_s = 2 * LIFE_SILENT_S
    assert await show.stays() == [(ann, -away_s, -away_s), (ann, -away_s, None)]
    assert show.log.counts[-1] == {"online": 1, "unique": 1, "peak": 1}


async def test_an_engine_that_was_wiped_is_told_everything_within_a_tick(show: Show):
    gateway = show.gateway()
    show.come(gateway, *show.viewers(3))
    await gateway.tick()
    await show.redis.flushdb()
    await gateway.tick()
    assert show.log.counts[-1] == {"online": 3, "unique": 3, "peak": 3}


async def test_what_a_silent_engine_did_not_hear_it_hears_later(show: Show):
    silent = connect("redis://127.0.0.1:1/0")
    gateway = show.gateway(redis=silent)
    show.come(gateway, *show.viewers(2))
    await gateway.tick()
    gateway._headcount._redis = show.redis  # it is back
    await gateway.tick()
    assert show.log.counts == [{"online": 2, "unique": 2, "peak": 2}]
    await silent.aclose()


async def test_without_postgresql_those_online_are_counted_and_the_stays_wait(show: Show):
    async with create_pool("postgresql://nobody@127.0.0.1:1/nothing") as away:
        gateway = show.gateway(pool=away)
        (ann,) = show.viewers(1)
        show.come(gateway, ann)
        await gateway.tick()
        assert (await show.stays(), show.log.counts) == ([], [{"online": 1}])
        gateway._pool = show.stage.pool
        await gateway.tick()
    assert await show.stays() == [(ann, 0, None)]


async def test_a_gateway_that_closes_takes_its_viewers_along(show: Show):
    west, east = show.gateway(), show.gateway()
    ann, bob = show.viewers(2)
    show.come(west, ann, ann)
    show.come(east, bob)
    await west.tick()
    await west.close()
    await east.tick()
    assert show.log.counts[-1] == {"online": 1, "unique": 2, "peak": 1}
    assert await show.stays() == [(ann, 0, 0), (bob, 0, None)]
    assert await show.stage.pool.fetchval("SELECT count(*) FROM watch_gateway") == 1


async def test_after_its_end_a_gateway_tells_nothing_more(show: Show):
    gateway = show.gateway()
    show.come(gateway, *show.viewers(1))
    await asyncio.gather(gateway.tick(), gateway.close(), gateway.tick())
    assert len(show.log.counts) == 1
    assert await show.stage.pool.fetchval("SELECT count(*) FROM watch_gateway") == 0
    assert len(await show.stays()) == 1


async def test_a_gateway_whose_viewers_have_all_left_lets_another_speak_at_once(show: Show):
    west, east = show.gateway(), show.gateway()
    ann, bob = show.viewers(2)
    show.come(west, ann)
    show.come(east, bob)
    await west.tick()
    await east.tick()
    show.go(west, ann)
    await west.tick()
    await east.tick()
    assert [counts["online"] for counts in show.log.counts] == [1, 1]


async def test_a_viewer_whom_two_gateways_store_at_once_is_one(show: Show):
    gateways, viewers = [show.gateway() for _ in range(4)], show.viewers(50)
    for gateway in gateways:
        show.come(gateway, *viewers)
    await asyncio.gather(*(gateway.tick() for gateway in gateways))
    counts = await store_presence.counts(show.stage.pool, show.session, 0)
    assert counts.unique == 50


async def test_stays_of_a_session_that_is_not_there_are_left_out(show: Show):
    gateway = show.gateway()
    gateway.joined(show.room, show.stage.ids.new(), show.viewers(1)[0], show.stage.clock.ms())
    await gateway.tick()
    assert await show.stays() == []
    assert show.log.counts == [{"online": 1, "unique": 0, "peak": 0}]
