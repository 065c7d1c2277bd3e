"""A command from the studio is noted and told once it is committed, and not at all where it fails."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from keel.clock import FakeClock
from keel.database import transaction
from keel.errors import Conflict
from keel.ids import Ids
from live.studio import Command, Studio
from tests.eventually import eventually_async
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


async def test_ids_grow_with_the_commits_whatever_two_clocks_say(place: Place):
    """The one whose clock is ahead commits first: what is told second must still be the newer."""
    room_id = await make_room(place.shop)
    ahead = FakeClock(place.shop.clock.now() + timedelta(minutes=5))
    fast = Studio(replace(place.shop.selling, clock=ahead, ids=Ids(ahead)))
    for studio, text in ((fast, "first"), (place.studio, "second")):
        async with studio.command() as command:
            command.announce(room_id, "announced", {"text": text})
    facts = await place.shop.rows(FACTS.replace("payload", "payload, id") + " ORDER BY id")
    assert [fact["payload"]["body"]["text"] for fact in facts] == ["first", "second"]


async def test_a_place_is_told_one_thing_at_a_time(place: Place):
    """Whoever has his id waits for nobody any more: the next one draws his after that commit."""
    room_id = await make_room(place.shop)
    numbered, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with transaction(place.shop.selling.sessions) as session:
            command = Command(place.studio, session)
            command.announce(room_id, "announced", {"text": "first"})
            await command.number()
            numbered.set()
            await go_on.wait()

    async def next_one() -> None:
        await numbered.wait()
        async with place.studio.command() as command:
            command.announce(room_id, "announced", {"text": "second"})

    async with asyncio.TaskGroup() as group:
        group.create_task(slow())
        waiting = group.create_task(next_one())
        await numbered.wait()
        await eventually_async(lambda: _somebody_waits(place))
        assert not waiting.done()
        go_on.set()
    facts = await place.shop.rows(FACTS.replace("payload", "payload, id") + " ORDER BY id")
    assert [fact["payload"]["body"]["text"] for fact in facts] == ["first", "second"]


async def _somebody_waits(place: Place) -> bool:
    return bool(await place.shop.rows("SELECT 1 FROM pg_locks WHERE NOT granted"))
