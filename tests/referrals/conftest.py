"""A grove for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.referrals.courts import Court, open_court
from tests.referrals.groves import Grove, open_grove


@pytest.fixture
async def grove(database_url: str, redis_url: str) -> AsyncIterator[Grove]:
    """See tests.referrals.groves."""
    async with open_grove(database_url, redis_url) as grove:
        yield grove


@pytest.fixture
async def court(database_url: str, redis_url: str) -> AsyncIterator[Court]:
    """See tests.referrals.courts."""
    async with open_court(database_url, redis_url) as court:
        yield court
