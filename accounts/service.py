"""Use cases of accounts."""

from typing import Final

from accounts.store import ensure_merchant
from keel.clock import Clock
from keel.database import Pool

SEED_NAME: Final = "My shop"


async def seed_merchant(pool: Pool, clock: Clock, merchant_id: str) -> None:
    """Create the merchant that the settings name, unless it is there."""
    await ensure_merchant(pool, merchant_id, SEED_NAME, clock.now())
