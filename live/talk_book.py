"""What a process knows of the talk in the rooms it serves: rules, silences, words. Read from PostgreSQL every second.

As with who is shut out altogether, there is no second channel that could forget or overtake: what a moderator decided
reaches every process within two readings. One small question for all rooms says which versions changed, and only those
are read. Without an answer from PostgreSQL, what was known stays in force.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from keel.clock import Clock
from keel.database import Pool
from keel.errors import NotFound
from live.fanout import Pace
from live.store_comments import Standing, silences, standings, words
from live.talk_rules import RoomTalk, Silence
from live.word_filter import WordFilter

READ_EVERY_S: Final = 1.0
ROOMS_MAX: Final = 2_000
IDLE_S: Final = 600.0


@dataclass(slots=True)
class _Known:
    talk: RoomTalk
    version: int
    words_version: int
    used_at_s: float


class TalkBook:
    """A bounded memory of rooms. `clock_s` is monotonic, in seconds."""

    def __init__(self, pool: Pool, clock: Clock, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._pool, self._clock, self._clock_s = pool, clock, clock_s
        self._rooms: OrderedDict[str, _Known] = OrderedDict()
        self._filters: dict[str, tuple[int, WordFilter]] = {}  # merchant -> version and words
        self._reading = asyncio.Lock()

    async def get(self, merchant_id: str, room_id: str) -> RoomTalk:
        """The talk of a room, from memory where possible. Raises NotFound and LedgerFault."""
        known = self._rooms.get(room_id)
        if known is None:
            async with self._reading:
                if room_id not in self._rooms:
                    await self._read([room_id])
            known = self._rooms.get(room_id)
        if known is None or known.talk.merchant_id != merchant_id:
            raise NotFound(what="room")
        known.used_at_s = self._clock_s()
        return known.talk

    def known(self, room_id: str) -> RoomTalk | None:
        """The talk of a room that is in memory, where it stays for whoever asks."""
        known = self._rooms.get(room_id)
        if known is None:
            return None
        known.used_at_s = self._clock_s()
        return known.talk

    async def tick(self) -> None:
        """Read what changed in the rooms in use, and forget the others. Raises LedgerFault."""
        idle_before_s = self._clock_s() - IDLE_S
        for room_id in [room_id for room_id, known in self._rooms.items() if known.used_at_s < idle_before_s]:
            del self._rooms[room_id]
        async with self._reading:
            if self._rooms:
                await self._read(list(self._rooms))
        used = {known.talk.merchant_id for known in self._rooms.values()}
        self._filters = {merchant_id: kept for merchant_id, kept in self._filters.items() if merchant_id in used}

    async def _read(self, room_ids: list[str]) -> None:
        for standing in await standings(self._pool, room_ids):
            known = self._rooms.get(standing.room_id)
            stands = standing.version, standing.words_version
            if known is None or (known.version, known.words_version) != stands:
                self._rooms[standing.room_id] = await self._known(standing, known)
        while len(self._rooms) > ROOMS_MAX:
            self._rooms.popitem(last=False)

    async def _known(self, standing: Standing, known: _Known | None) -> _Known:
        """What is read after its versions is at least as new: a change meanwhile has another version next time."""
        merchant_id, room_id = standing.merchant_id, standing.room_id
        silenced: dict[tuple[str, Silence], int] = {}
        async for piece in silences(self._pool, merchant_id, room_id, self._clock.now()):
            silenced.update(piece)
        words_filter = await self._words(merchant_id, standing.words_version)
        talk = RoomTalk(room_id, merchant_id, standing.rules, silenced, words_filter)
        used_at_s = known.used_at_s if known else self._clock_s()
        return _Known(talk, standing.version, standing.words_version, used_at_s)

    async def _words(self, merchant_id: str, version: int) -> WordFilter:
        kept = self._filters.get(merchant_id)
        if kept is not None and kept[0] == version:
            return kept[1]
        words_filter, pace = WordFilter(), Pace()
        async for piece in words(self._pool, merchant_id):
            for word in piece:
                words_filter.add(word)
                await pace.give_way()
        words_filter.build()
        self._filters[merchant_id] = version, words_filter
        return words_filter
