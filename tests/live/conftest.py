"""What the tests of rooms share."""

from collections.abc import AsyncIterator
from typing import Final

import pytest
from redis.asyncio import Redis

from keel.clock import FakeClock
from keel.database import create_pool
from keel.lua import connect
from live.roomlog import RoomLog
from tests.live.desk import Staff
from tests.live.ponds import Pond, open_pond
from tests.live.stage import Stage
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


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of an empty engine."""
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def room_log(redis: Redis) -> RoomLog:
    """A log of nothing yet."""
    return RoomLog(redis, FakeClock())


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[Stage]:
    """A merchant in an empty database."""
    async with create_pool(database_url) as pool:
        stage = Stage(pool)
        await stage.open()
        yield stage
