"""Which rooms a viewer may come into. What is not there and what is another merchant's look alike, and so does a
rehearsal without an invitation."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final
from weakref import WeakValueDictionary

from inventory.faults import LedgerFault
from inventory.ledger import Ledger
from keel.buckets import TokenBuckets, spend
from keel.clock import Clock
from keel.errors import NotFound, Unavailable
from keel.recent import Recent
from live.invitations import Invitations
from live.store_places import Place, place_of
from live.talk_rules import RoomTalk, banned
from live.viewers import Viewer

KNOWN_FOR_S: Final = 5.0
REMEMBERED_FOR_S: Final = 30.0  # so long a place is taken as it was while PostgreSQL does not answer
KNOWN_MAX: Final = 10_000
SILENT: Final = "rooms cannot be looked up right now"

TalkOf = Callable[[str, str], Awaitable[RoomTalk]]  # merchant, room


class Places:
    """Looks places up, each at most once in KNOWN_FOR_S: a crowd that comes back at once asks PostgreSQL one question.
    Where it does not answer, what was known holds on for a while: who loses the network meanwhile comes back.

    `talk` tells who is banned. `addresses`: whoever asks for what nobody knows yet pays for the question. `clock_s` is
    monotonic, in seconds.
    """

    def __init__(
        self,
        *,
        reader: Ledger,
        talk: TalkOf,
        invitations: Invitations,
        clock: Clock,
        addresses: TokenBuckets,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader, self._talk, self._invitations = reader, talk, invitations
        self._clock, self._clock_s, self._addresses = clock, clock_s, addresses
        self._known: Recent[str, tuple[float, Place | None]] = Recent(KNOWN_MAX)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def enter(self, viewer: Viewer, place_id: str, address: str, invitation: str | None = None) -> Place:
        """The place, if it is there for this viewer. Raises NotFound, Banned, TooManyRequests and Unavailable."""
        place = await self._find(place_id, address)
        if place is None or not self._may_see(viewer, place, invitation):
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
            async with self._locks.setdefault(place_id, asyncio.Lock()):
                known = self._known.get(place_id)
                if known is None or known[0] < self._clock_s():
                    spend(self._addresses, address)
                    known = await self._look(place_id)
        return known[1]

    async def _look(self, place_id: str) -> tuple[float, Place | None]:
        try:
            place = await place_of(self._reader, place_id)
        except LedgerFault as fault:
            known = self._known.get(place_id)
            if known is None or self._clock_s() > known[0] - KNOWN_FOR_S + REMEMBERED_FOR_S:
                raise Unavailable(detail=SILENT) from fault
            return known
        known = self._known[place_id] = (self._clock_s() + KNOWN_FOR_S, place)
        return known

    def _may_see(self, viewer: Viewer, place: Place, invitation: str | None) -> bool:
        is_inside = viewer.principal is not None or self._invitations.admits(invitation, place.id)
        if place.is_rehearsal and not is_inside:
            return False
        return viewer.is_guest or viewer.merchant_id == place.merchant_id
