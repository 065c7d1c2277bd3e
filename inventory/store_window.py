"""SQL of what viewers see of a sale's items, read by connections of their own."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from inventory.ledger import Ledger

_SHOWN: Final = """
    SELECT i.id, v.specification::text AS specification, v.picture_url, v.needs_recipient,
           (SELECT coalesce(sum(k.allocated - k.sold), 0)::bigint FROM stock k WHERE k.item_id = i.id) AS left
    FROM sale_item i JOIN item_version v ON v.id = i.item_version_id WHERE i.sale_id = $1
"""
_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class Displayed:
    """How an item is shown, and how many of it the ledger has not sold."""

    specification: dict[str, str]
    picture_url: str | None
    needs_recipient: bool
    left: int


async def displayed(ledger: Ledger, sale_id: str) -> dict[str, Displayed]:
    """A sale's items by their id. Raises LedgerFault."""
    rows = await ledger.call(_SHOWN, sale_id)
    return {
        str(row["id"]): Displayed(
            _decode(row["specification"]), row["picture_url"], row["needs_recipient"], row["left"]
        )
        for row in rows
    }
