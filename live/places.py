"""Which rooms a viewer may come into. What is not there and what is another merchant's look alike."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from inventory.faults import LedgerFault
from inventory.ledger import Ledger
from keel.buckets import TokenBuckets, spend
from keel.clock import Clock
from keel.errors import NotFound, Unavailable
from live.store_places import Place, place_of
from live.talk_rules import RoomTalk, banned
from live.viewers import Viewer

KNOWN_FOR_S: Final = 5.0
KNOWN_MAX: Final = 10_000
SILENT: Final = "rooms cannot be looked up right now"

TalkOf = Callable[[str, str], Awaitable[RoomTalk]]  # merchant, room


class Places:
    """Looks places up, each at most once in KNOWN_FOR_S: a crowd that comes back at once asks PostgreSQL one question.

    `talk` tells who is banned. `addresses`: whoever asks for what nobody knows yet pays for the question. `clock_s` is
    monotonic, in seconds.
    """

    def __init__(
        self,
        reader: Ledger,
        talk: TalkOf,
        clock: Clock,
        addresses: TokenBuckets,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader, self._talk, self._clock, self._clock_s = reader, talk, clock, clock_s
        self._addresses = addresses
        self._known: OrderedDict[str, tuple[float, Place | None]] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}

    async def enter(self, viewer: Viewer, place_id: str, address: str) -> Place:
        """The place, if it is there for this viewer. Raises NotFound, Banned, TooManyRequests and Unavailable."""
        place = await self._find(place_id, address)
        if place is None or not _may_see(viewer, place):
            raise NotFound(what="room")
        if viewer.principal is None:
            await self._require_welcome(viewer, place)
        return place

    async def _require_welcome(self, viewer: Viewer, place: Place) -> None:
        """Raises Banned for whoever is, under any of his ids."""
        try:
            talk = await self._talk(place.merchant_id, place.room_id)
        except LedgerFault as fault:
            raise Unavailable(detail=SILENT) from fault
        refusal = banned(talk, viewer.people, self._clock.ms())
        if refusal is not None:
            raise refusal

    async def _find(self, place_id: str, address: str) -> Place | None:
        known = self._known.get(place_id)
        if known is None or known[0] < self._clock_s():
            try:
                async with self._locks.setdefault(place_id, asyncio.Lock()):
                    known = self._known.get(place_id)
                    if known is None or known[0] < self._clock_s():
                        spend(self._addresses, address)
                        known = await self._look(place_id)
            finally:
                self._locks.pop(place_id, None)
        return known[1]

    async def _look(self, place_id: str) -> tuple[float, Place | None]:
        try:
            place = await place_of(self._reader, place_id)
        except LedgerFault as fault:
            raise Unavailable(detail=SILENT) from fault
        known = self._known[place_id] = (self._clock_s() + KNOWN_FOR_S, place)
        self._known.move_to_end(place_id)
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return known


def _may_see(viewer: Viewer, place: Place) -> bool:
    if place.is_rehearsal and viewer.principal is None:
        return False
    return viewer.is_guest or viewer.merchant_id == place.merchant_id
