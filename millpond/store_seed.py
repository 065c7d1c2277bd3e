"""SQL of the first minute: a merchant's first room, and what stands under the code of the first SKU."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from keel.database import Pool

_ENSURE_ROOM: Final = """
    INSERT INTO room (id, merchant_id, title, created_at)
    SELECT $1, $2, $3, $4 WHERE NOT EXISTS (SELECT FROM room WHERE merchant_id = $2)
"""
_FIRST_ROOM: Final = "SELECT id FROM room WHERE merchant_id = $1 ORDER BY id LIMIT 1"
_HAS_SKUS: Final = "SELECT EXISTS (SELECT FROM sku WHERE merchant_id = $1)"
# The oldest sale of the SKU is the seed's: later ones are the shop's own.
_STANDING: Final = """
    SELECT k.id AS sku_id, s.id AS sale_id, i.id AS item_id, s.state
    FROM sku k
    LEFT JOIN sale_item i ON i.merchant_id = k.merchant_id AND i.sku_id = k.id
    LEFT JOIN sale s ON s.merchant_id = k.merchant_id AND s.id = i.sale_id
    WHERE k.merchant_id = $1 AND k.code = $2
    ORDER BY s.id
    LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an earlier seed came: a SKU, perhaps a sale of it in some state."""

    sku_id: str
    sale_id: str | None
    item_id: str | None
    state: str | None


async def ensure_room(pool: Pool, merchant_id: str, *, room_id: str, title: str, at: datetime) -> str:
    """The merchant's first room, made under `room_id` where there is none. Its id."""
    await pool.execute(_ENSURE_ROOM, room_id, merchant_id, title, at)
    return str(await pool.fetchval(_FIRST_ROOM, merchant_id))


async def has_skus(pool: Pool, merchant_id: str) -> bool:
    """Whether the merchant has a catalogue, archived or not."""
    return bool(await pool.fetchval(_HAS_SKUS, merchant_id))


async def standing(pool: Pool, merchant_id: str, code: str) -> Standing | None:
    """What stands under a SKU code; None where there is no such SKU."""
    row = await pool.fetchrow(_STANDING, merchant_id, code)
    if row is None:
        return None
    sale_id, item_id = (str(row[name]) if row[name] else None for name in ("sale_id", "item_id"))
    return Standing(str(row["sku_id"]), sale_id, item_id, row["state"])
