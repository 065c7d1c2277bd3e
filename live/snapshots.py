"""A snapshot of a place: where its log is, and then the scene from PostgreSQL.

In this order: an event that is published between the two is in the scene already, and comes again with the log. That
changes nothing, for events carry absolute values. What belongs to others (shelf, pin, talk, announcement, comments that
were removed) is read by readers that they hand in.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from inventory.ledger import Ledger
from live import store_scene
from live.roomlog import Position, RoomLog
from live.scene import EMPTY, known_sessions, on_stage

Part = Callable[[str, str], Awaitable[Any]]  # merchant, place


@dataclass(frozen=True, slots=True)
class Readers:
    """What a snapshot is read with. `parts` by their names in the scene; a part that nobody reads is as at first."""

    room_log: RoomLog
    reader: Ledger
    parts: Mapping[str, Part]


async def snapshot(readers: Readers, merchant_id: str, place: str) -> tuple[Position, dict[str, Any]]:
    """A position, and a scene that has all events up to it. Raises LogSilent and LedgerFault."""
    position = await readers.room_log.position(place)
    scene = dict(EMPTY) | await _own_parts(readers.reader, merchant_id, place)
    for name, read in readers.parts.items():
        scene[name] = await read(merchant_id, place)
    return position, scene


async def _own_parts(reader: Ledger, merchant_id: str, place: str) -> dict[str, Any]:
    sessions = known_sessions(await store_scene.sessions(reader, merchant_id, place))
    session = on_stage(sessions)
    shown = [] if session is None else await store_scene.sales(reader, merchant_id, session["session_id"])
    return {
        "sessions": sessions,
        "session": session,
        "room": await store_scene.room(reader, merchant_id, place),
        "sales": {sale.id: sale.body for sale in shown},
    }
