"""Use cases of accounts that need nobody to ask for them."""

from typing import Final

from accounts.providers import DEMO
from accounts.store import ensure_merchant
from accounts.store_customers import ensure_app
from keel.clock import Clock
from keel.database import Pool
from keel.ids import Ids

SEED_NAME: Final = "My shop"


async def seed_merchant(pool: Pool, clock: Clock, merchant_id: str) -> None:
    """Create the merchant that the settings name, unless it is there."""
    await ensure_merchant(pool, merchant_id, SEED_NAME, clock.now())


async def seed_demo_app(pool: Pool, clock: Clock, ids: Ids, merchant_id: str) -> None:
    """Create an app of the merchant whose customers sign in by the name they give, unless it is there."""
    now = clock.now()
    await ensure_app(pool, new_id=ids.new(), merchant_id=merchant_id, provider=DEMO, app_id=DEMO, at=now)
