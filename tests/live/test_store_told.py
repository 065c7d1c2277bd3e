"""What a place was told last is its own, and grows."""

from collections.abc import AsyncIterator

import pytest

from keel.database import transaction
from live.store_told import lock_last, note_last
from tests.inventory.selling import Shop, open_shop


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    async with open_shop(database_url, redis_url) as shop:
        yield shop


async def test_what_was_noted_is_there_for_the_next_and_for_this_place_alone(shop: Shop):
    place, other, event = (shop.ids.new() for _ in range(3))
    async with transaction(shop.selling.sessions) as session:
        assert await lock_last(session, place) < event
        await note_last(session, place, event)
    async with transaction(shop.selling.sessions) as session:
        assert await lock_last(session, place) == event
        assert await lock_last(session, other) != event
