"""What the tests of the room share."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from keel.clock import FakeClock
from keel.database import create_pool
from keel.lua import connect
from live.roomlog import RoomLog
from tests.live.stage import Stage


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
