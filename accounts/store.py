"""All SQL of accounts."""

from datetime import datetime
from typing import Final

from keel.database import Pool

_ENSURE_MERCHANT: Final = """
    INSERT INTO merchant (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING
"""


async def ensure_merchant(pool: Pool, merchant_id: str, name: str, at: datetime) -> None:
    """Create a merchant unless it is there. Safe to repeat."""
    await pool.execute(_ENSURE_MERCHANT, merchant_id, name, at)
