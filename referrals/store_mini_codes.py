"""SQL of codes that platforms made: each is asked for by one process at a time, and then kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from inventory.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Wanted:
    """A code: of a share, for an app, that leads to a page of a version."""

    merchant_id: str
    share_id: str
    app_id: str
    leads_to: str


async def find(ledger: Ledger, wanted: Wanted) -> bytes | None:
    """The image, where there is one. Raises LedgerFault."""
    rows = await ledger.call(_FIND, wanted.merchant_id, wanted.share_id, wanted.app_id, wanted.leads_to)
    return rows[0]["image"] if rows else None


async def claim(ledger: Ledger, wanted: Wanted, holder: str, *, now: datetime, until: datetime) -> bool:
    """Whether this holder is the one who asks the platform until then. No where there is an image, or another who
    asks. Raises LedgerFault."""
    key = wanted.share_id, wanted.app_id, wanted.merchant_id, wanted.leads_to
    return bool(await ledger.call(_CLAIM, *key, holder, until, now))


async def keep(ledger: Ledger, wanted: Wanted, holder: str, image: bytes) -> None:
    """Store what the platform gave, unless another holder took over. Raises LedgerFault."""
    await ledger.call(_KEEP, wanted.merchant_id, wanted.share_id, wanted.app_id, holder, image)


async def let_go(ledger: Ledger, wanted: Wanted, holder: str, now: datetime) -> None:
    """The platform gave nothing: whoever comes next may ask again. Raises LedgerFault."""
    await ledger.call(_LET_GO, wanted.merchant_id, wanted.share_id, wanted.app_id, holder, now)


_FIND: Final = """
    SELECT image FROM mini_code
    WHERE merchant_id = $1 AND share_id = $2 AND app_id = $3 AND leads_to = $4 AND image IS NOT NULL
"""
_CLAIM: Final = """
    INSERT INTO mini_code AS m (share_id, app_id, merchant_id, leads_to, holder, lease_until)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (share_id, app_id) DO UPDATE
        SET leads_to = excluded.leads_to, holder = excluded.holder, lease_until = excluded.lease_until, image = NULL
        WHERE m.lease_until <= $7 AND (m.image IS NULL OR m.leads_to <> excluded.leads_to)
    RETURNING m.holder
"""
_KEEP: Final = """
    UPDATE mini_code SET image = $5 WHERE merchant_id = $1 AND share_id = $2 AND app_id = $3 AND holder = $4
"""
_LET_GO: Final = """
    UPDATE mini_code SET lease_until = $5 WHERE merchant_id = $1 AND share_id = $2 AND app_id = $3 AND holder = $4
"""
