"""One sale with a history for each test."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.console.served import Served, serve


@pytest_asyncio.fixture
async def served(database_url: str, redis_url: str) -> AsyncIterator[Served]:
    """See tests/console/served.py."""
    async with serve(database_url, redis_url) as served:
        yield served
