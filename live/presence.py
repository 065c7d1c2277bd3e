"""The audience in figures: online, unique and peak, and the intervals behind them. See docs/counts.md.

Who is online is counted in Redis, exactly and by everybody together; who ever watched and the peak are PostgreSQL's, so
no figure that has to last goes with an engine that forgets. Once a second a gateway tells both what changed, each by
itself: however long PostgreSQL takes, Redis hears in time that the gateway and its viewers are there. For each place
one of the gateways, the speaker, puts the counts on the state lane: everybody sees the same figures, and the peak has
one writer at a time.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from inventory.faults import DRIVER_ERRORS
from keel.clock import Clock
from keel.database import Pool
from keel.ids import Ids
from keel.loops import few_at_once
from live import store_presence
from live.attendance import Attendance, Here, Interval
from live.fanout import Pace
from live.headcount import Counted, Headcount
from live.metrics import INTERVALS_LOST
from live.roomlog import LogSilent, RoomLog
from live.store_presence import BATCH_MAX

log = logging.getLogger(__name__)

COUNTS: Final = "counts"
CALLS_AT_ONCE: Final = 8
WAITING_MAX: Final = 200_000  # intervals that wait for a PostgreSQL that is away; more are lost, oldest first
TELL_EVERY_S: Final = 1.0
STORE_FOR_S: Final = 0.4
ANSWER_WITHIN_S: Final = 0.7
LIFE_SILENT_S: Final = 10.0  # more than a slow PostgreSQL makes of a second; the intervals end where the life did

Likes = Callable[[str], Awaitable[int | None]]
_encode = msgspec.json.Encoder().encode


class Presence:
    """Of one gateway. `joined`, `left` and `turned` never wait; `beat`, for Redis, and `tell`, for PostgreSQL and for
    the screens, do all that does: call each once a second.

    `likes`: of a session, told with the counts where given; it answers None where nobody can tell, and does not raise.
    """

    def __init__(
        self, *, pool: Pool, headcount: Headcount, room_log: RoomLog, ids: Ids, clock: Clock, likes: Likes | None = None
    ) -> None:
        self._pool, self._headcount, self._log = pool, headcount, room_log
        self._ids, self._clock, self._likes = ids, clock, likes
        self._attendance = Attendance(ids)
        self._life: str | None = None
        self._is_closed = False
        self._beating, self._telling = asyncio.Lock(), asyncio.Lock()
        self._alive_at = clock.now()

    def joined(self, place: str, session_id: str | None, viewer_id: str, at_ms: int) -> None:
        """One more socket of a viewer. `session_id`: the session on air at the place, if one is."""
        self._attendance.joined(place, session_id, viewer_id, at_ms)

    def left(self, place: str, viewer_id: str, at_ms: int) -> None:
        """One socket of a viewer less."""
        self._attendance.left(place, viewer_id, at_ms)

    def turned(self, place: str, session_id: str | None, at_ms: int) -> None:
        """Another session is on air at a place, or none any more: for all who are there."""
        self._attendance.turned(place, session_id, at_ms)

    async def beat(self) -> None:
        """Say who is here. A beat waits for Redis alone: one that came late would bury viewers who are there."""
        async with self._beating:
            if not self._is_closed:
                places = list(self._attendance.places.items())
                await few_at_once(CALLS_AT_ONCE, (self._heard(place, here) for place, here in places))
                self._attendance.forget_empty()

    async def tell(self) -> None:
        """Store what happened, and tell the counts of the places this gateway speaks for."""
        async with self._telling:
            if not self._is_closed:
                pace = Pace()
                for _ in self._attendance.follow():
                    await pace.give_way()
                await self._store()
                await self._speak()

    async def close(self) -> None:
        """Everybody is gone: end what is open, and take this gateway's viewers from the counts."""
        async with self._beating, self._telling:
            self._is_closed = True
            await self._close()

    async def _close(self) -> None:
        now_ms = self._clock.ms()
        for place, here in self._attendance.places.items():
            for viewer_id, sockets in list(here.sockets.items()):
                for _ in range(sockets):
                    self._attendance.left(place, viewer_id, now_ms)
        await self._store()
        await self._end_life()
        for place in list(self._attendance.places):
            try:
                await self._headcount.leave(place)
            except LogSilent as silence:
                log.warning("place %s: its count still has this gateway: %s", place, silence)

    async def _end_life(self) -> None:
        """A worker would end it too, some seconds later."""
        try:
            if self._life is not None:
                await store_presence.end_life(self._pool, self._life)
        except DRIVER_ERRORS as fault:
            log.warning("the end of this gateway is left to a worker: %s", type(fault).__name__)

    async def _heard(self, place: str, here: Here) -> None:
        """Tell a place's headcount what changed since it last answered, or everything."""
        sent, here.dirty = here.dirty, set()
        try:
            counted = await self._beat(place, here, sent)
            here.online = counted.online if counted.is_speaker else None
        except LogSilent as silence:
            here.dirty |= sent
            here.is_told, here.online = False, None
            log.warning("counts of %s: %s", place, silence)

    async def _beat(self, place: str, here: Here, sent: set[str]) -> Counted:
        if not here.sockets:  # a gateway without viewers must not keep another from speaking
            here.is_told = False
            await self._headcount.leave(place)
            return Counted(is_known=True, is_speaker=False, online=0)
        if here.is_told:
            came = [viewer_id for viewer_id in sent if viewer_id in here.sockets]
            gone = [viewer_id for viewer_id in sent if viewer_id not in here.sockets]
            counted = await self._headcount.beat(place, came, gone)
            if counted.is_known:
                return counted
        counted = await self._headcount.whole(place, list(here.sockets))
        here.is_told = counted.is_known
        return counted

    async def _speak(self) -> None:
        """Put the counts of every place that this gateway speaks for."""
        places = [(name, here.session_id, here.online) for name, here in self._attendance.places.items()]
        spoken = [(name, session_id, online) for name, session_id, online in places if online is not None]
        lasting = await self._lasting({session_id: online for _, session_id, online in spoken if session_id})
        puts = (self._put(at, about, {"online": online} | lasting.get(about or "", {})) for at, about, online in spoken)
        await few_at_once(CALLS_AT_ONCE, puts)

    async def _put(self, place: str, session_id: str | None, body: dict[str, int]) -> None:
        likes = None if session_id is None or self._likes is None else await self._likes(session_id)
        try:
            await self._log.put(place, COUNTS, _encode(body if likes is None else body | {"likes": likes}))
        except LogSilent as silence:
            log.warning("counts of %s are not told: %s", place, silence)

    async def _lasting(self, online: Mapping[str, int]) -> dict[str, dict[str, int]]:
        """What PostgreSQL knows of these sessions; nothing where it does not answer in time.

        Nobody who is online is left out of those who ever were: while stays wait, nobody knows how many those are.
        """
        if not online:
            return {}
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                known = await store_presence.counts(self._pool, online)
        except DRIVER_ERRORS as fault:
            log.warning("counts of %d sessions: %s", len(online), type(fault).__name__)
            return {}
        waits = {interval.session_id for interval in self._attendance.opened}
        return {
            session_id: {"peak": counts.peak} | ({} if session_id in waits else {"unique": counts.unique})
            for session_id, counts in known.items()
        }

    async def _store(self) -> None:
        """Renew this gateway's life and store the intervals that wait, in batches. A fault puts them off."""
        waiting = self._attendance
        self._bound(waiting.opened)
        self._bound(waiting.closed)
        began_s = time.monotonic()
        try:
            while time.monotonic() - began_s < STORE_FOR_S:
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    if await self._store_batch(self._clock.now()):
                        return
        except DRIVER_ERRORS as fault:
            log.warning("%d intervals wait: %s", len(waiting.opened) + len(waiting.closed), type(fault).__name__)

    async def _store_batch(self, now: datetime) -> bool:
        """Whether nothing waits any more."""
        waiting, life = self._attendance, await self._living(now)
        opened, closed = waiting.opened[:BATCH_MAX], waiting.closed[:BATCH_MAX]
        if not await store_presence.store(self._pool, life, now, opened, closed):
            self._life = None
            return False
        self._alive_at = now
        del waiting.opened[: len(opened)]
        del waiting.closed[: len(closed)]
        return not waiting.opened and not waiting.closed

    async def _living(self, now: datetime) -> str:
        """This gateway's life. Where it is over, all that it had stored was ended at its last sign: so begin there."""
        if self._life is None:
            life = self._ids.new()
            await store_presence.begin_life(self._pool, life, now)
            pace = Pace()
            for _ in self._attendance.begin_again(self._alive_at):
                await pace.give_way()
            self._life = life
        return self._life

    @staticmethod
    def _bound(waiting: list[Interval]) -> None:
        lost = len(waiting) - WAITING_MAX
        if lost > 0:
            del waiting[:lost]
            INTERVALS_LOST.inc(lost)


async def end_silent(pool: Pool, now: datetime) -> None:
    """End the intervals of gateways that fell silent, at their last sign of life; a worker's tick."""
    buried = await store_presence.bury(pool, now - timedelta(seconds=LIFE_SILENT_S))
    if buried:
        log.warning("%d gateways fell silent; the intervals of their viewers are ended", buried)
