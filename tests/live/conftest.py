"""What the tests of rooms share."""

from collections.abc import AsyncIterator
from typing import Final

import pytest

from tests.live.desk import Staff
from tests.live.ponds import Pond, open_pond
from tests.orders.serving import serve

PLAY: Final = {"hls": "https://play.example.com/live/{stream}.m3u8"}


@pytest.fixture
async def pond(database_url: str, redis_url: str) -> AsyncIterator[Pond]:
    """A shop with rooms."""
    async with open_pond(database_url, redis_url) as pond:
        yield pond


@pytest.fixture
async def staff(database_url: str, redis_url: str) -> AsyncIterator[Staff]:
    """The API, and the owner who asks."""
    async with serve(database_url, redis_url, media_play_urls=PLAY) as served:
        yield Staff(served)
