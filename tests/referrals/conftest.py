"""A grove for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.referrals.groves import Grove, open_grove


@pytest.fixture
async def grove(database_url: str, redis_url: str) -> AsyncIterator[Grove]:
    """See tests.referrals.groves."""
    async with open_grove(database_url, redis_url) as grove:
        yield grove
