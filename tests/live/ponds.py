"""Builders for tests of rooms: a room, a session, its push key, and media servers that say things.

async with open_pond(database_url, redis_url) as pond:
    room = await pond.room()
    session = await pond.session(room)
    await pond.publish(session)
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from inventory.book import SaleBook
from keel.identity import Principal, Role
from live import ingest as reports
from live import pushing, rooms, sessions
from live.ingest import Ingest, Report
from live.media import Media, Signing, Template
from live.patience import Patience
from live.push_keys import PushKeys
from live.pushing import Broadcasting
from live.rooms import NewRoom
from live.sessions import NewSession
from live.studio import Studio
from live.tables_rooms import RoomRow, SessionRow
from tests.inventory.selling import Shop, open_shop

SECRET: Final = "a secret that only the tests know, 32 b"
HEARD_BY: Final = ("room-log",)
MEDIA: Final = Media(
    push=Template("rtmp://push.example.com/live/{stream}", Signing.MILLPOND),
    play={"hls": Template("https://play.example.com/live/{stream}.m3u8")},
)


@dataclass
class Told:
    """A log that remembers what it was told."""

    events: list[tuple[str, str, bytes]] = field(default_factory=list)

    async def publish(self, place: str, event_id: str, kind: str, body: bytes) -> None:
        self.events.append((place, kind, body))

    async def put(self, place: str, kind: str, body: bytes) -> None:
        """The state lane: nothing of rooms."""


@dataclass(frozen=True)
class Pond:
    """A shop's rooms, and those who act in them."""

    shop: Shop
    rooms: Studio
    log: Told

    @property
    def by(self) -> Principal:
        return self.shop.staff

    @property
    def studio(self) -> Broadcasting:
        return Broadcasting(self.rooms, MEDIA, PushKeys([SECRET]))

    @property
    def ingest(self) -> Ingest:
        return Ingest(self.rooms, PushKeys([SECRET]))

    @property
    def book(self) -> SaleBook:
        return SaleBook(self.shop.ledger)

    async def room(self, title: str = "By the pond", **fields: Any) -> RoomRow:
        return await rooms.create_room(self.rooms, self.by, NewRoom(title, **fields))

    async def session(self, room: RoomRow, *, starts_in_s: float | None = None, **fields: Any) -> SessionRow:
        """A session that is planned, `starts_in_s` from now or whenever it is begun."""
        later = None if starts_in_s is None else self.shop.clock.now() + timedelta(seconds=starts_in_s)
        return (await sessions.plan_session(self.rooms, self.by, room.id, NewSession(starts_at=later, **fields))).row

    async def start(self, row: SessionRow) -> SessionRow:
        return (await sessions.start_session(self.rooms, self.by, row.id)).row

    async def stop(self, row: SessionRow) -> SessionRow:
        return (await sessions.stop_session(self.rooms, self.by, row.id)).row

    async def key(self, row: SessionRow, *, ttl_s: int = 3_600) -> str:
        """A push key of the session's place."""
        handed = await pushing.session_key(self.studio, self.by, row.id, ttl_s=ttl_s)
        return parse_qs(urlsplit(handed.target.url).query)["key"][0]

    async def publish(self, row: SessionRow, client: str = "obs", *, key: str = "") -> None:
        """An encoder publishes, with a good key where none is given."""
        await reports.published(self.ingest, Report(row.place, client, key or await self.key(row)))

    async def unpublish(self, row: SessionRow, client: str = "obs") -> None:
        await reports.unpublished(self.ingest, Report(row.place, client))

    async def alive(self, row: SessionRow, client: str = "obs", *, key: str = "") -> None:
        await reports.alive(self.ingest, Report(row.place, client, key or await self.key(row)))

    async def pass_s(self, seconds: float) -> None:
        """Time passes, and the worker looks."""
        self.shop.clock.advance(s=seconds)
        await Patience(self.rooms).tick()

    async def state(self, row: SessionRow) -> str:
        return str((await sessions.show_session(self.rooms, self.by, row.id)).row.state)

    async def moves(self, row: SessionRow) -> list[str]:
        """What the session went through: "scheduled>live picture"."""
        told = await sessions.show_session(self.rooms, self.by, row.id)
        return [f"{move.source}>{move.target} {move.reason}" for move in told.history]

    async def member(self, role: Role = Role.ANALYST) -> Principal:
        """Somebody who works here."""
        staff_id = self.shop.ids.new()
        values = {"id": staff_id, "merchant": self.by.merchant_id, "now": self.shop.clock.now(), "role": role.value}
        values["email"] = f"{staff_id}@pond.cn"
        await self.run(_STAFF, **values)
        return Principal(self.by.merchant_id, staff_id, role)

    async def run(self, statement: str, **values: Any) -> Sequence[Any]:
        return await self.shop.rows(statement, **values)


@asynccontextmanager
async def open_pond(database_url: str, redis_url: str) -> AsyncIterator[Pond]:
    """Rooms of one merchant; the clock stands still until it is moved."""
    async with open_shop(database_url, redis_url) as shop:
        log = Told()
        here = Studio(shop.selling, HEARD_BY, log)
        yield Pond(shop, here, log)


def as_role(by: Principal, role: Role) -> Principal:
    """The same person with another role."""
    return replace(by, role=role)


_STAFF: Final = """
    INSERT INTO staff (id, merchant_id, email, name, role, created_at)
    VALUES (:id, :merchant, :email, 'Lan', :role, :now) RETURNING id
"""
