"""The law of the room: an old snapshot and the events after it make the scene that a fresh snapshot gives."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.ledger import Ledger
from keel.database import create_hot_pool
from keel.outbox import Fact, Relay
from live.roomlog import Position, RoomLog
from live.sale_news import RoomEvents, SaleWatch
from live.scene import EMPTY, fold
from live.snapshots import Readers, snapshot
from live.telling import fact_of, tell
from tests.live.stage import Stage

# Parts of other tables than rooms' own: their readers are handed in, so here is the simplest table of parts there is.
PARTS = "CREATE TABLE IF NOT EXISTS part (place uuid, name text, body jsonb, PRIMARY KEY (place, name))"
GET = "SELECT body::text AS body FROM part WHERE (place, name) = ($1, $2)"
PUT = "INSERT INTO part VALUES ($1, $2, $3) ON CONFLICT (place, name) DO UPDATE SET body = excluded.body"
FOREIGN = ("shelf", "pin", "talk", "announcement", "removed")


@dataclass
class Shop:
    """A place whose commands write PostgreSQL and a fact in one transaction, and tell it sooner or later."""

    stage: Stage
    room_log: RoomLog
    reader: Ledger
    relay: Relay
    watch: SaleWatch
    place: str = ""
    sessions: list[str] = field(default_factory=list)
    sales: list[str] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    untold: list[Fact] = field(default_factory=list)
    count: int = 0
    pinned: int = 0
    announced: int = 0

    async def open(self) -> None:
        self.place = await self.stage.room()
        self.sessions = [await self.stage.session(self.place) for _ in range(2)]
        self.sales = [await self.stage.sale(session) for session in (*self.sessions, self.sessions[0])]

    async def read(self) -> tuple[Position, dict[str, Any]]:
        parts = {name: self._part(name) for name in FOREIGN}
        return await snapshot(Readers(self.room_log, self.reader, parts), self.stage.merchant_id, self.place)

    def _part(self, name: str) -> Any:
        async def read(_: str, place: str) -> Any:
            rows = await self.reader.call(
                "SELECT body::text AS body FROM part WHERE (place, name) = ($1, $2)", place, name
            )
            return json.loads(rows[0]["body"]) if rows else EMPTY[name]

        return read

    async def do(self, kind: str, which: int, told: str) -> None:
        """One command of this kind, told at once, late, or by the relay alone."""
        self.count += 1
        self.stage.clock.advance(s=1)
        if kind == "sale.moved":
            await self.stage.move_sale(self.sales[which], "open" if self.count % 2 else "paused")
            return
        async with self.stage.pool.acquire() as connection, connection.transaction():
            body = await self._change(connection, kind, which)
            fact = fact_of(self.place, kind, body, fact_id=self.stage.ids.new(), at=self.stage.clock.now())
            await _write(connection, fact)
        if told == "at once":
            await tell(self.room_log, fact)
        elif told == "late":
            self.untold.append(fact)

    async def _change(self, connection: Any, kind: str, which: int) -> dict[str, Any]:
        match kind:
            case "session.moved":
                session = self.sessions[which % 2]
                return await self.stage.move_session(connection, session, self._onwards(session))
            case "room.changed":
                await connection.execute("UPDATE room SET title = $2 WHERE id = $1", self.place, f"t{self.count}")
                return {"title": f"t{self.count}", "cover_url": None}
            case "pin.cleared":
                await connection.execute(PUT, self.place, "pin", "null")
                return {"pin_id": f"p{self.pinned}", "at": "now"}
            case "announcement.cleared":
                await connection.execute(PUT, self.place, "announcement", "null")
                return {"announcement_id": f"x{self.announced}"}
            case "comment.removed":
                read = "SELECT body FROM part WHERE (place, name) = ($1, 'removed') FOR UPDATE"
                before = json.loads(await connection.fetchval(read, self.place) or "[]")
                await connection.execute(PUT, self.place, "removed", json.dumps([*before, f"c{self.count}"]))
                return {"comment_id": f"c{self.count}"}
        body = {"id": f"x{self.count}", "pin_id": f"p{self.count}"}
        self.pinned = self.count if kind == "pin.set" else self.pinned
        self.announced = self.count if kind == "announced" else self.announced
        await connection.execute(PUT, self.place, WHOLE[kind], json.dumps(body))
        return body

    def _onwards(self, session: str) -> str:
        """Where a session goes next: one at a time is on air, and what is over may be told again."""
        before, is_free = self.states.get(session), not {"live", "interrupted"} & set(self.states.values())
        state = {
            None: "live" if is_free else "ended",
            "live": "interrupted",
            "interrupted": "ended" if self.count % 2 else "live",
            "ended": "ended",
        }[before]
        self.states[session] = state
        return state

    async def settle(self) -> None:
        """All late words arrive, and the relay and the watch do what is left."""
        for fact in reversed(self.untold):
            await tell(self.room_log, fact)
        while await self.relay.tick():
            self.stage.clock.advance(s=1)
        await self.watch.tick()

    async def replayed(self, taken: tuple[Position, dict[str, Any]]) -> dict[str, Any]:
        position, scene = taken
        events = await self.room_log.since(self.place, position)
        assert events is not None
        for event in events:
            scene = dict(fold(scene, event.kind, json.loads(event.body)))
        return comparable(scene)


WHOLE = {"shelf.changed": "shelf", "pin.set": "pin", "talk.ruled": "talk", "announced": "announcement"}
WAYS = ("at once", "late", "by the relay")
KINDS = (
    *WHOLE, "session.moved", "room.changed", "pin.cleared", "announcement.cleared", "sale.moved", "comment.removed",
)  # fmt: skip


async def _write(connection: Any, fact: Fact) -> None:
    values = fact.id, fact.topic, fact.aggregate, json.dumps(fact.payload), fact.at
    await connection.execute(
        "INSERT INTO outbox_event (id, topic, aggregate, payload, at) VALUES ($1, $2, $3, $4, $5)", *values
    )
    await connection.execute(
        "INSERT INTO outbox_delivery (event_id, subscriber, lane, aggregate, due_at) "
        "VALUES ($1, 'room-log', outbox_lane($2), $2, $3)",
        fact.id, fact.aggregate, fact.at,
    )  # fmt: skip


def comparable(scene: dict[str, Any]) -> dict[str, Any]:
    """Comments that are gone are gone in any order."""
    return {**scene, "removed": sorted(scene["removed"])}


@pytest.fixture
async def shop(stage: Stage, database_url: str, room_log: RoomLog) -> AsyncIterator[Shop]:
    await stage.pool.execute(PARTS)
    async with create_hot_pool(database_url, connections=2) as hot:
        reader = Ledger(hot)
        relay = Relay(stage.pool, {"room-log": RoomEvents(room_log, reader)}, stage.clock)
        yield Shop(stage, room_log, reader, relay, SaleWatch(stage.pool, room_log, stage.clock))


@pytest.mark.parametrize("told", WAYS)
@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_of_event_keeps_the_law(shop: Shop, kind: str, told: str):
    await shop.open()
    for first in ("session.moved", "pin.set", "announced"):
        await shop.do(first, 0, "at once")
    before = await shop.read()
    await shop.do(kind, 0, told)
    await shop.settle()
    fresh = comparable((await shop.read())[1])
    assert await shop.replayed(before) == fresh
    assert fresh != comparable(before[1])


COMMAND = st.tuples(st.sampled_from(KINDS), st.integers(0, 2), st.sampled_from(WAYS), st.booleans())


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(commands=st.lists(COMMAND, min_size=1, max_size=8))
async def test_an_old_snapshot_and_the_events_after_it_make_the_fresh_scene(shop: Shop, commands: list[Any]):
    shop = Shop(shop.stage, shop.room_log, shop.reader, shop.relay, shop.watch)
    await shop.open()
    taken = [await shop.read()]
    for kind, which, told, looked in commands:
        await shop.do(kind, which, told)
        if looked:
            taken.append(await shop.read())
        if looked and which:
            await shop.watch.tick()
    await shop.settle()
    fresh = comparable((await shop.read())[1])
    for one in taken:
        assert await shop.replayed(one) == fresh


async def test_a_place_that_is_not_there_has_an_empty_scene(shop: Shop):
    shop.place = shop.stage.ids.new()
    position, scene = await shop.read()
    assert (position.seq, scene) == (0, EMPTY)


async def test_another_merchants_place_shows_nothing(shop: Shop):
    await shop.open()
    _, scene = await snapshot(Readers(shop.room_log, shop.reader, {}), shop.stage.ids.new(), shop.place)
    assert scene == EMPTY


async def test_a_rehearsal_is_a_place_of_its_own(shop: Shop):
    room = await shop.stage.room("Tea house")
    shop.place = rehearsal = await shop.stage.session(room, rehearsal=True)
    sale = await shop.stage.sale(rehearsal)
    scene = (await shop.read())[1]
    assert (scene["session"]["session_id"], scene["room"]["title"], list(scene["sales"])) == (
        rehearsal,
        "Tea house",
        [sale],
    )
    shop.place = room
    assert (await shop.read())[1]["session"] is None
