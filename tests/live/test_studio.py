"""A command from the studio is noted and told once it is committed, and not at all where it fails."""

from collections.abc import AsyncIterator

import pytest

from keel.errors import Conflict
from live.studio import Studio
from tests.live.studios import Place, make_room, open_studio

FACTS = "SELECT topic, aggregate, payload FROM outbox_event WHERE topic = 'room.event'"
WAITING = "SELECT subscriber FROM outbox_delivery"


@pytest.fixture
async def place(database_url: str, redis_url: str) -> AsyncIterator[Place]:
    async with open_studio(database_url, redis_url) as place:
        yield place


async def test_what_a_command_announces_is_a_fact_and_then_told(place: Place):
    room_id = await make_room(place.shop)
    studio = Studio(place.shop.selling, ["room-log"], place.heard)
    async with studio.command() as command:
        command.announce(room_id, "announced", {"text": "At nine"})
        assert place.heard.events == [], "nothing is told before the commit"
    (fact,) = await place.shop.rows(FACTS)
    assert fact["payload"] == {"place": room_id, "kind": "announced", "body": {"text": "At nine"}}
    assert place.heard.events == [(room_id, "announced", {"text": "At nine"})]
    assert [row["subscriber"] for row in await place.shop.rows(WAITING)] == ["room-log"]


async def test_a_command_that_fails_tells_nothing(place: Place):
    room_id = await make_room(place.shop)

    async def fails() -> None:
        async with place.studio.command() as command:
            command.announce(room_id, "announced", {"text": "At nine"})
            raise Conflict(detail="no")

    with pytest.raises(Conflict):
        await fails()
    assert place.heard.events == []
    assert await place.shop.rows(FACTS) == []


async def test_without_a_log_the_fact_waits_for_the_relay(place: Place):
    async with Studio(place.shop.selling).command() as command:
        command.announce(await make_room(place.shop), "announced", {})
    assert len(await place.shop.rows(FACTS)) == 1
