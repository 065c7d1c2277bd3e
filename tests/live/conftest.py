"""What the tests of the room share."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from keel.clock import FakeClock
from keel.lua import connect
from live.roomlog import RoomLog


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
