"""SQL of what a snapshot shows of shelf, pin and talk: the same that the events of these told. Of one merchant each.

A place shows the shelf of the session that began last: it was told when that session went on air, and with each change
since. Every call raises LedgerFault.
"""

from typing import Any, Final

from inventory.ledger import Ledger
from keel.clock import rfc3339, to_ms
from live.store_shelf import Slot
from live.talk_rules import Rules

REMOVED_MAX: Final = 50

_STAGE: Final = """
    SELECT id FROM session
    WHERE merchant_id = $1 AND started_at IS NOT NULL AND (id = $2 AND rehearsal OR room_id = $2 AND NOT rehearsal)
    ORDER BY started_at DESC, id DESC LIMIT 1
"""
_SHELF: Final = f"""
    SELECT l.no, l.sale_id, l.item_id, l.hidden, v.title, v.price, v.currency, v.picture_url
    FROM shelf_slot l
    JOIN sale_item i ON i.merchant_id = l.merchant_id AND i.id = l.item_id
    JOIN item_version v ON v.merchant_id = i.merchant_id AND v.id = i.item_version_id
    WHERE l.merchant_id = $1 AND l.session_id = ({_STAGE}) ORDER BY l.place, l.no
"""  # noqa: S608 - made of constants
_PIN: Final = f"""
    SELECT id, no, sale_id, item_id, from_at FROM pin_interval
    WHERE merchant_id = $1 AND session_id = ({_STAGE}) AND to_at IS NULL
"""  # noqa: S608 - made of constants
_TALK: Final = """
    SELECT slow_mode_s, review, muted_all FROM talk
    WHERE merchant_id = $1 AND room_id IN ($2, (SELECT room_id FROM session WHERE merchant_id = $1 AND id = $2))
"""
_ANNOUNCEMENT: Final = """
    SELECT a.id, a.text, a.at FROM (
        SELECT * FROM announcement WHERE merchant_id = $1 AND place = $2 ORDER BY id DESC LIMIT 1) a
    JOIN session s ON s.merchant_id = a.merchant_id AND s.id = a.session_id
    WHERE s.ended_at IS NULL
"""
_REMOVED: Final = """
    SELECT id FROM comment WHERE merchant_id = $1 AND place = $2 AND state = 'removed'
    ORDER BY moderated_at DESC, id DESC LIMIT $3
"""
_IS_SOLD: Final = "SELECT 1 FROM session_sale WHERE merchant_id = $1 AND session_id = $2 AND sale_id = $3"


async def shelf(reader: Ledger, merchant_id: str, place: str) -> list[Slot]:
    """The shelf that a place shows, hidden slots included."""
    rows = await reader.call(_SHELF, merchant_id, place)
    return [
        Slot(
            row["no"],
            str(row["sale_id"]),
            str(row["item_id"]),
            row["hidden"],
            row["title"],
            row["price"],
            row["currency"],
            row["picture_url"],
        )
        for row in rows
    ]


async def pin(reader: Ledger, merchant_id: str, place: str) -> dict[str, Any] | None:
    """What is pinned."""
    for row in await reader.call(_PIN, merchant_id, place):
        return {
            "pin_id": str(row["id"]),
            "no": row["no"],
            "sale_id": str(row["sale_id"]),
            "item_id": str(row["item_id"]),
            "at": rfc3339(to_ms(row["from_at"])),
        }
    return None


async def rules(reader: Ledger, merchant_id: str, place: str) -> Rules:
    """How a room talks; its rehearsals talk the same way."""
    for row in await reader.call(_TALK, merchant_id, place):
        return Rules(row["slow_mode_s"], row["review"], row["muted_all"])
    return Rules()


async def announcement(reader: Ledger, merchant_id: str, place: str) -> dict[str, Any] | None:
    """What everybody was told last, while its session is not over."""
    for row in await reader.call(_ANNOUNCEMENT, merchant_id, place):
        return {"id": str(row["id"]), "text": row["text"], "at": rfc3339(to_ms(row["at"]))}
    return None


async def removed(reader: Ledger, merchant_id: str, place: str) -> list[str]:
    """The comments that were removed last, oldest first."""
    rows = await reader.call(_REMOVED, merchant_id, place, REMOVED_MAX)
    return [str(row["id"]) for row in reversed(rows)]


async def is_sold_in(reader: Ledger, merchant_id: str, session_id: str, sale_id: str) -> bool:
    """Whether a sale is one of a session's."""
    return bool(await reader.call(_IS_SOLD, merchant_id, session_id, sale_id))
