"""What screens hear of sales: each move of a sale of the session on stage, and all of them when that session changes.

Sales are inventory's, which knows of no rooms. So their versions are compared with what was told last, a few times a
second, by every worker: an event's id is made of the version, and the log takes it once and in the order of versions.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import msgspec

from inventory.faults import LedgerFault
from inventory.ledger import Ledger
from keel.clock import Clock
from keel.database import Pool
from keel.outbox import Fact, Handled
from live import store_scene
from live.roomlog import LogSilent, RoomLog
from live.scene import known_sessions, on_stage, sale_event_id
from live.store_scene import SaleShown, Watched
from live.telling import publish

log = logging.getLogger(__name__)

WATCH_EVERY_S: Final = 0.25
WATCHED_DAYS: Final = 1  # after its end; then nobody has the log of it any more

_encode = msgspec.json.Encoder().encode


async def _tell(room_log: RoomLog, place: str, sale: SaleShown, cause: str = "") -> None:
    event_id = _event_id(sale, cause)
    body = {"session_id": sale.session_id, "sale_id": sale.id, **sale.body}
    await room_log.publish(place, event_id, "sale.moved", _encode(body))


def _event_id(sale: SaleShown, cause: str = "") -> str:
    return sale_event_id(sale.session_id, sale.id, link_no=sale.link_no, version=sale.version, cause=cause)


@dataclass
class SaleWatch:
    """Tells what moved since it looked last; a worker's tick."""

    pool: Pool
    room_log: RoomLog
    clock: Clock
    _told: set[tuple[str, str]] = field(default_factory=set)  # place and event id

    async def tick(self) -> None:
        """Look at the sales of what is on stage anywhere. A silent Redis is asked again the next time."""
        told: set[tuple[str, str]] = set()
        since = self.clock.now() - timedelta(days=WATCHED_DAYS)
        for place, sales in _on_stages(await store_scene.watched(self.pool, since)).items():
            for sale in sales:
                key = place, _event_id(sale)
                if key in self._told or await self._news(place, sale):
                    told.add(key)
        self._told = told

    async def _news(self, place: str, sale: SaleShown) -> bool:
        try:
            await _tell(self.room_log, place, sale)
        except LogSilent as silence:
            log.warning("place %s: sale %s is told later: %s", place, sale.id, silence)
            return False
        return True


def _on_stages(watched: Sequence[Watched]) -> dict[str, list[SaleShown]]:
    """The sales of the session on stage, by place."""
    places: dict[str, list[Watched]] = {}
    for one in watched:
        places.setdefault(one.place, []).append(one)
    return {place: _on_stage(there) for place, there in places.items()}


def _on_stage(there: Sequence[Watched]) -> list[SaleShown]:
    session = on_stage(known_sessions({one.session["session_id"]: one.session for one in there}.values()))
    return [one.sale for one in there if one.sale is not None and one.session == session]


@dataclass(frozen=True)
class RoomEvents:
    """The subscriber `room-log`: publishes the facts of rooms, each in the log once, whoever told it first.

    After a session has moved another one may be on stage, whose sales no screen knows: they follow it.
    """

    room_log: RoomLog
    reader: Ledger

    async def __call__(self, facts: Sequence[Fact]) -> list[Handled]:
        """In order; where Redis or PostgreSQL is silent, later."""
        return [await self._one(fact) for fact in facts]

    async def _one(self, fact: Fact) -> Handled:
        try:
            await publish(self.room_log, fact)
            if fact.payload["kind"] == "session.moved":
                await self._sales_follow(fact)
        except (LogSilent, LedgerFault) as fault:
            log.warning("room %s: %s is told later: %s", fact.aggregate, fact.id, type(fault).__name__)
            return Handled.LATER
        return Handled.DONE

    async def _sales_follow(self, fact: Fact) -> None:
        place = fact.payload["place"]
        merchant_id = await store_scene.merchant_of(self.reader, place)
        if merchant_id is None:
            return
        session = on_stage(known_sessions(await store_scene.sessions(self.reader, merchant_id, place)))
        for sale in [] if session is None else await store_scene.sales(self.reader, merchant_id, session["session_id"]):
            await _tell(self.room_log, place, sale, fact.id)
