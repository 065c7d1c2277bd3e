"""What the tests of inventory stand on: gates, a shop, its staff's desk, and a mill that keeps them."""

from collections.abc import AsyncIterator

import httpx
import pytest

from inventory.gate import Gate
from keel.lua import connect
from tests.inventory.desk import open_desk
from tests.inventory.gates import Bench
from tests.inventory.mills import Mill, open_mill
from tests.inventory.selling import Shop, open_shop


@pytest.fixture
async def bench(redis_url: str) -> AsyncIterator[Bench]:
    """A gate on an empty engine, not loaded yet."""
    redis = connect(redis_url)
    yield Bench(Gate(redis), redis)
    await redis.aclose()


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    """A merchant with a catalogue and sales, on empty engines."""
    async with open_shop(database_url, redis_url) as shop:
        yield shop


@pytest.fixture
async def desk(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """The shop's staff routes, for its owner."""
    async with open_desk(shop) as desk:
        yield desk


@pytest.fixture
async def mill(database_url: str, redis_url: str) -> AsyncIterator[Mill]:
    """A shop with everything that keeps its gate and its ledger together."""
    async with open_mill(database_url, redis_url) as mill:
        yield mill
