"""Rooms in which real commands happen, told at once, late or by the relay alone, and what is read of them meanwhile.

async with open_history(database_url, redis_url) as history:
    await history.begin()
    taken = await history.take(history.room.id)
    await history.do("pin", 0, told="late")
    await history.settle()
    assert await history.replayed(taken) == await history.shown(history.room.id)
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from sqlalchemy import insert

from keel.database import transaction
from keel.errors import Conflict, NotFound, Unavailable
from keel.outbox import Relay
from live.errors import PublishRefused
from live.parts import parts_of
from live.roomlog import LogSilent, Position, RoomLog
from live.sale_news import RoomEvents, SaleWatch
from live.sampling import Comment
from live.scene import Scene, fold
from live.shelf import tell_changed_shelves
from live.snapshots import Readers, snapshot
from live.store_comments import Entry, Venue, record
from live.studio import Studio
from live.tables_rooms import RoomRow, SessionRow, SessionSaleRow
from live.tables_shelf import ShelfRow, SlotRow
from live.talk_rules import CommentState
from tests.inventory.selling import open_sale, open_shop
from tests.live.deeds import DEEDS, Floor
from tests.live.ponds import HEARD_BY, Pond, Told

WAYS: Final = ("at once", "late", "by the relay")
MOMENTS: Final = ("sessions", "shelf", "pin", "talk", "announcement", "removed")  # as a snapshot is read, in its order
REHEARSAL: Final = 2  # among the sessions of a history: two of the room, and a place of its own

Deed = Callable[[], Awaitable[object]]


@dataclass
class Herald(Told):
    """The log as commands know it. What is told late waits here; what only the relay tells meets a silent engine."""

    log: RoomLog | None = None
    way: str = "at once"
    waiting: list[tuple[str, str, str, bytes]] = field(default_factory=list)

    async def publish(self, place: str, event_id: str, kind: str, body: bytes) -> None:
        assert self.log is not None
        if self.way == "by the relay":
            raise LogSilent("busy")
        if self.way == "late":
            self.waiting.append((place, event_id, kind, body))
        else:
            await self.log.publish(place, event_id, kind, body)

    async def speak_up(self) -> None:
        """Tell what waits, the newest first."""
        assert self.log is not None
        while self.waiting:
            await self.log.publish(*self.waiting.pop())


@dataclass(frozen=True, slots=True)
class Taken:
    """A snapshot that somebody holds."""

    place: str
    position: Position
    scene: Scene


@dataclass
class History(Floor):
    """What happens on a floor, how it is told, and what is read of it."""

    herald: Herald = field(kw_only=True)
    log: RoomLog = field(kw_only=True)
    relay: Relay = field(kw_only=True)
    watch: SaleWatch = field(kw_only=True)

    @property
    def places(self) -> list[str]:
        """The room and the rehearsal."""
        return [self.room.id, self.sessions[REHEARSAL].id]

    async def begin(self) -> None:
        """Another room, where nothing has happened."""
        self.herald.way = "at once"
        ids, now, mine = self.pond.shop.ids, self.pond.shop.clock.now(), {"merchant_id": self.by.merchant_id}
        at_room = mine | {"room_id": ids.new()}
        planned = [{"id": ids.new(), "rehearsal": no == REHEARSAL, "created_at": now} | at_room for no in range(3)]
        async with transaction(self.studio.sessions) as session:
            made = insert(RoomRow).values(id=at_room["room_id"], title="Pond", created_at=now, **mine)
            self.room = (await session.scalars(made.returning(RoomRow))).one()
            self.sessions = list(await session.scalars(insert(SessionRow).returning(SessionRow), planned))
            for row, values in ((SessionSaleRow, self._links()), (ShelfRow, self._shelves()), (SlotRow, self._slots())):
                await session.execute(insert(row), [value | mine for value in values])
        self.comments = {place: await self._said(place) for place in self.places}

    def _links(self) -> list[dict[str, Any]]:
        return [
            {"session_id": one.id, "sale_id": sale.id, "link_no": 1}
            for one in self.sessions
            for sale in self.stock[one.rehearsal]
        ]

    def _shelves(self) -> list[dict[str, Any]]:
        return [{"session_id": one.id, "version": 1} for one in self.sessions]

    def _slots(self) -> list[dict[str, Any]]:
        return [
            {"session_id": one.id, "no": no, "place": no, "sale_id": sale.id, "item_id": item_id, "hidden": False}
            for one in self.sessions
            for sale in [self.shelved(one)]
            for no, item_id in enumerate(sale.item_ids, start=1)
        ]

    async def _said(self, place: str) -> list[str]:
        shop, venue = self.pond.shop, Venue(self.by.merchant_id, self.room.id, place)
        said = [Comment(shop.ids.new(), shop.ids.new(), None, "rude", shop.clock.ms()) for _ in range(8)]
        await record(shop.pool, [Entry(venue, comment, CommentState.SHOWN) for comment in said])
        return [comment.id for comment in said]

    async def do(self, deed: str, at: int, told: str) -> None:
        """Do something in a session, or where it is, as far as it can be done now."""
        self.number += 1
        self.pond.shop.clock.advance(ms=7)
        self.herald.way = told
        with suppress(Conflict, NotFound, PublishRefused, Unavailable):
            await DEEDS[deed](self, self.sessions[at])

    async def look(self) -> None:
        """What a worker does all the time, once."""
        await tell_changed_shelves(self.studio)
        await self.watch.tick()
        await self.relay.tick()

    async def settle(self) -> None:
        """All late words arrive, and the workers do what is left."""
        await self.herald.speak_up()
        self.herald.way = "at once"
        await tell_changed_shelves(self.studio)
        while await self.relay.tick():
            self.pond.shop.clock.advance(s=1)
        await self.watch.tick()

    async def take(self, place: str, *, moment: str = "", meanwhile: Deed | None = None) -> Taken:
        """Read a snapshot; `meanwhile` happens at that moment of the reading, before that part."""

        async def pause(at: str) -> None:
            if meanwhile is not None and at == moment:
                await meanwhile()

        def pausing(name: str, read: Any) -> Any:
            async def part(merchant_id: str, place: str) -> Any:
                await pause(name)
                return await read(merchant_id, place)

            return part

        class Pausing(RoomLog):
            async def position(self, place: str) -> Position:
                position = await super().position(place)
                await pause("sessions")
                return position

        shop = self.pond.shop
        parts = {name: pausing(name, read) for name, read in parts_of(shop.ledger).items()}
        readers = Readers(Pausing(shop.redis, shop.clock), shop.ledger, parts)
        return Taken(place, *await snapshot(readers, self.by.merchant_id, place))

    async def shown(self, place: str) -> Scene:
        """What whoever comes now is shown."""
        return comparable((await self.take(place)).scene)

    async def replayed(self, taken: Taken) -> Scene:
        """What whoever holds a snapshot makes of it with the events since."""
        scene = taken.scene
        for kind, body in await self.told(taken):
            scene = fold(scene, kind, body)
        return comparable(scene)

    async def told(self, taken: Taken) -> list[tuple[str, Any]]:
        """The events since: their kinds and bodies."""
        events = await self.log.since(taken.place, taken.position)
        assert events is not None
        return [(event.kind, msgspec.json.decode(event.body)) for event in events]


def comparable(scene: Scene) -> Scene:
    """Comments that are gone are gone in any order."""
    return {**scene, "removed": sorted(scene["removed"])}


@asynccontextmanager
async def open_history(database_url: str, redis_url: str) -> AsyncIterator[History]:
    """A shop with the sales that its histories sell."""
    async with open_shop(database_url, redis_url) as shop:
        log = RoomLog(shop.redis, shop.clock)
        herald = Herald(log=log)
        pond = Pond(shop, Studio(shop.selling, HEARD_BY, herald), herald)
        relay = Relay(shop.pool, {name: RoomEvents(log, shop.ledger) for name in HEARD_BY}, shop.clock)
        stock = {
            rehearsal: (
                await open_sale(shop, units=[5, 5], rehearsal=rehearsal),
                await open_sale(shop, rehearsal=rehearsal),
            )
            for rehearsal in (False, True)
        }
        watch = SaleWatch(shop.pool, log, shop.clock)
        yield History(pond, stock, herald=herald, log=log, relay=relay, watch=watch)
