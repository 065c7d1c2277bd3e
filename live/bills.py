"""What viewers see of rooms, from a process's memory: a crowd that looks costs one reading a second for each room."""

import asyncio
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from keel.clock import Clock
from keel.errors import NotFound, Unavailable
from keel.recent import Recent
from live import store_rooms
from live.media import Media
from live.model import SessionState
from live.schemas_rooms_shown import PublicRoom, PublicSession, RoomState
from live.store_stage import Bill, bill_of
from live.tables_rooms import SessionRow

FRESH_S: Final = 1.0
KNOWN_S: Final = 30.0  # so long a room is shown as it was while PostgreSQL does not answer
ROOMS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read, and when by a monotonic clock, in seconds. A room that is not there is None."""

    bill: Bill | None
    read_at_s: float


class Bills:
    """A bounded memory of what is on at rooms. `clock_s` is monotonic, in seconds."""

    def __init__(
        self, sessions: async_sessionmaker[AsyncSession], clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._sessions, self._clock_s = sessions, clock_s
        self._seen: Recent[str, Seen] = Recent(ROOMS_MAX)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def look(self, room_id: str) -> Bill:
        """What is on at a room, at most a second old. Raises NotFound, and Unavailable where nothing is remembered."""
        seen = self._fresh(room_id)
        if seen is None:
            async with self._locks.setdefault(room_id, asyncio.Lock()):  # one reading for all who look meanwhile
                seen = self._fresh(room_id) or await self._read(room_id)
        if seen.bill is None:
            raise NotFound(what="room")
        return seen.bill

    def _fresh(self, room_id: str) -> Seen | None:
        seen = self._seen.get(room_id)
        return seen if seen is not None and self._clock_s() - seen.read_at_s < FRESH_S else None

    async def _read(self, room_id: str) -> Seen:
        asked_at_s = self._clock_s()
        try:
            async with store_rooms.edge(self._sessions) as session:
                seen = Seen(await bill_of(session, room_id), asked_at_s)
        except Unavailable:
            known = self._seen.get(room_id)
            if known is None or asked_at_s - known.read_at_s > KNOWN_S:
                raise
            return known
        self._seen[room_id] = seen
        return seen


async def room_for_viewers(bills: Bills, media: Media, clock: Clock, room_id: str) -> PublicRoom:
    """A room as it stands. Where to watch is said while a session is on air. Raises NotFound and Unavailable."""
    bill = await bills.look(room_id)
    now = clock.now()
    about = bill.on_air or next(iter(bill.upcoming), None) or bill.last
    return PublicRoom(
        id=bill.room.id,
        title=bill.room.title,
        cover_url=bill.room.cover_url,
        state=RoomState.IDLE if about is None else RoomState(about.state),
        session=None if about is None else _shown(bill, about),
        schedule=[_shown(bill, row) for row in bill.upcoming],
        play=media.play_urls(room_id, clock.ms() // 1000) if bill.on_air else {},
        server_time=now,
    )


def tag_of(room: PublicRoom) -> str:
    """The entity tag of what is shown, the server's time apart; weak, for the same may be written in other bytes."""
    return f'W/"{zlib.crc32(room.model_dump_json(exclude={"server_time"}).encode()):08x}"'


def _shown(bill: Bill, row: SessionRow) -> PublicSession:
    return PublicSession(
        id=row.id,
        title=bill.room.title if row.title is None else row.title,
        state=SessionState(row.state),
        starts_at=row.starts_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        sale_ids=list(bill.sale_ids.get(row.id, ())),
    )
