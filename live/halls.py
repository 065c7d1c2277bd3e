"""The rooms that somebody at this gateway is in: opened with the first viewer, closed a while after the last."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Final

from inventory.faults import LedgerFault
from keel.errors import Refusal, Unavailable
from live.audience import RECENT_MAX, Audience
from live.connection import ViewerConnection
from live.feed import Feed, FeedItem, Resync
from live.roomlog import LogSilent, Position, RoomLog
from live.store_places import Place

log = logging.getLogger(__name__)

OPEN_WITHIN_S: Final = 5.0
KEPT_FOR_S: Final = 30.0
AGAIN_AFTER_S: Final = 0.5
LET_IN_AT_ONCE: Final = 20
HALLS_MAX: Final = 2_000
SILENT: Final = "the room cannot be shown right now"

Snapshot = Callable[[str, str], Awaitable[tuple[Position, dict[str, Any]]]]  # merchant, place; the scene
Said = Callable[[Place], Awaitable[Sequence[bytes]]]  # the last comments, the oldest first
Room = Audience[ViewerConnection]


class Hall:
    """One room here: its audience, whether it is current, and since when it is empty."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.room: Room = Audience(place.id, place.merchant_id, place.room_id)
        self.is_current = False
        self.waiting: deque[asyncio.Future[None]] = deque()  # who came before it is current
        self.lost = asyncio.Event()
        self.empty_since_s = 0.0

    def hear(self, item: FeedItem) -> None:
        """What the feed says. The feed calls this on the loop."""
        was_current = self.room.is_current
        self.room.hear(item)
        if isinstance(item, Resync) or (was_current and not self.room.is_current):
            self.lose()

    def take_tick(self) -> bytes | None:
        """What is new here, as a RoomTick, or None."""
        try:
            return self.room.take_tick()
        except Exception:  # house: broad-except because one room's fault must not silence the others
            log.exception("room %s: what is new could not be told", self.place.id)
            self.lose()
            return None

    def lose(self) -> None:
        """From here on something may be missing."""
        self.room.lose()
        self.is_current = False
        self.lost.set()

    async def let_in(self) -> None:
        """From here on it is current: whoever waits goes in, a few at a time, as long as that holds."""
        self.is_current = True
        while self.waiting and self.is_current:
            for _ in range(min(LET_IN_AT_ONCE, len(self.waiting))):
                waiter = self.waiting.popleft()
                if not waiter.done():
                    waiter.set_result(None)
            await asyncio.sleep(0)


class Halls:
    """All rooms here. `group` owns their tasks."""

    def __init__(
        self, *, feed: Feed, room_log: RoomLog, snapshot: Snapshot, said: Said, group: asyncio.TaskGroup
    ) -> None:
        self._feed, self._log, self._snapshot, self._said = feed, room_log, snapshot, said
        self._group = group
        self._halls: dict[str, Hall] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def rooms(self) -> list[Room]:
        """Every room that somebody may be in."""
        return [hall.room for hall in self._halls.values()]

    @property
    def all(self) -> list[Hall]:
        """Every hall, for whoever goes round."""
        return list(self._halls.values())

    async def enter(self, place: Place) -> Room:
        """The room, current. Raises Unavailable."""
        hall = self._halls.get(place.id)
        if hall is None:
            if len(self._halls) >= HALLS_MAX:
                raise Unavailable(detail="this gateway has all the rooms it takes")
            hall = self._halls[place.id] = Hall(place)
            self._tasks[place.id] = self._group.create_task(self._keep(hall))
        hall.empty_since_s = time.monotonic()
        if not hall.is_current:
            await _shown(hall)
        return hall.room

    def find(self, place_id: str) -> Room | None:
        """The room, if it is open here."""
        hall = self._halls.get(place_id)
        return None if hall is None else hall.room

    def session_at(self, place_id: str) -> str | None:
        """The session that is on air at a place, by what its viewers have been told."""
        room = self.find(place_id)
        return None if room is None else room.session_id

    def sales_at(self, place_id: str) -> Collection[str]:
        """The sales of the session on stage at a place, by what its viewers have been told."""
        room = self.find(place_id)
        return () if room is None else room.sale_ids

    def close_empty(self) -> None:
        """Let go of rooms that nobody has been in for KEPT_FOR_S."""
        now_s = time.monotonic()
        for hall in list(self._halls.values()):
            if hall.room.viewers:
                hall.empty_since_s = now_s
            elif now_s - hall.empty_since_s > KEPT_FOR_S:
                self._let_go(hall.place.id)

    def close(self) -> None:
        """Let go of all."""
        for place_id in list(self._halls):
            self._let_go(place_id)

    def _let_go(self, place_id: str) -> None:
        del self._halls[place_id]
        self._tasks.pop(place_id).cancel()

    async def _keep(self, hall: Hall) -> None:
        """Watch a room until cancelled; begin anew whenever that fails."""
        while True:
            try:
                await self._watch(hall)
            except Exception as error:  # house: broad-except because one room's fault must not end the others
                hall.lose()
                known = isinstance(error, Refusal | LogSilent | LedgerFault)
                log.warning("room %s is not current: %r", hall.place.id, error, exc_info=not known)
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _watch(self, hall: Hall) -> None:
        """Show the room and keep it current, until something fails."""
        place = hall.place
        async with self._feed.watch(place.id, hall.hear):
            while True:
                hall.lost.clear()
                async with asyncio.timeout(OPEN_WITHIN_S):
                    position, scene = await self._snapshot(place.merchant_id, place.id)
                    before = Position(position.epoch, max(0, position.seq - RECENT_MAX))
                    events = await self._log.since(place.id, before) or []
                    said = await self._said(place)
                hall.room.open(position, scene, events, said)
                if hall.room.is_current and not hall.lost.is_set():
                    await hall.let_in()
                    await hall.lost.wait()


async def _shown(hall: Hall) -> None:
    """Return once a room can be shown. Raises Unavailable."""
    waiter = asyncio.get_running_loop().create_future()
    hall.waiting.append(waiter)
    try:
        async with asyncio.timeout(OPEN_WITHIN_S):
            await waiter
    except TimeoutError as error:
        raise Unavailable(detail=SILENT) from error
