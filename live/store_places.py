"""SQL of the gateway's door: whose room it is. Rooms themselves are `live.rooms`."""

from dataclasses import dataclass
from typing import Final

from inventory.ledger import Ledger

# By id alone, for guests come from no merchant; the door compares the merchant of everybody else.
_PLACE: Final = """
    SELECT r.merchant_id, r.id AS room_id, false AS is_rehearsal FROM room r WHERE r.id = $1 AND r.archived_at IS NULL
    UNION ALL
    SELECT s.merchant_id, s.room_id, true FROM session s WHERE s.id = $1 AND s.rehearsal
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A room, or a rehearsal session under its own id, which only staff may see, and whom they invite."""

    id: str
    merchant_id: str
    room_id: str
    is_rehearsal: bool


async def place_of(reader: Ledger, place_id: str) -> Place | None:
    """The room or rehearsal with this id. Raises LedgerFault."""
    rows = await reader.call(_PLACE, place_id)
    if not rows:
        return None
    return Place(place_id, str(rows[0]["merchant_id"]), str(rows[0]["room_id"]), rows[0]["is_rehearsal"])
