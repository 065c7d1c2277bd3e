"""What the tests of stock share."""

from collections.abc import AsyncIterator

import pytest

from inventory.gate import Gate
from keel.lua import connect
from tests.inventory.gates import Bench


@pytest.fixture
async def bench(redis_url: str) -> AsyncIterator[Bench]:
    """A gate on an empty engine, not loaded yet."""
    redis = connect(redis_url)
    yield Bench(Gate(redis), redis)
    await redis.aclose()
