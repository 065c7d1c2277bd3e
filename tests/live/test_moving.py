"""The one way a session moves."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from keel.database import create_pool
from keel.errors import Conflict
from keel.outbox import Fact, Handled, Relay
from live.model import SessionState, Why
from live.moving import CLOCK, end, go_live, interrupt
from live.store_sessions import find_session, on_air_at


async def test_a_session_moves_from_what_was_read_or_not_at_all(pond):
    session = await pond.session(await pond.room())
    async with pond.rooms.command() as command:
        seen = await find_session(command.session, pond.by.merchant_id, session.id)
    await pond.start(session)
    for move in (
        lambda command: go_live(command, seen, actor=CLOCK, why=Why.PICTURE, with_picture=True),
        lambda command: end(command, seen, actor=CLOCK, why=Why.IDLE),
    ):
        with pytest.raises(Conflict) as refusal:
            async with pond.rooms.command() as command:
                await move(command)
        assert refusal.value.detail == "the session was moved by somebody else"
    assert await pond.moves(session) == ["scheduled>live hand"]


async def test_no_step_is_taken_that_the_table_does_not_have(pond):
    session = await pond.session(await pond.room())
    with pytest.raises(Conflict) as refusal:
        async with pond.rooms.command() as command:
            await interrupt(command, session, why=Why.PICTURE_LOST)
    assert refusal.value.detail == f"a session that is scheduled cannot become {SessionState.INTERRUPTED}"


async def test_the_database_itself_holds_a_room_to_one_broadcast(pond):
    room = await pond.room()
    first, second = await pond.session(room), await pond.session(room)
    await pond.start(first)
    with pytest.raises(IntegrityError, match="session_on_air"):
        async with pond.rooms.command() as command:
            await go_live(command, second, actor=CLOCK, why=Why.PICTURE, with_picture=True)
    async with pond.rooms.command() as command:
        on_air = await on_air_at(command.session, pond.by.merchant_id, room.id)
        assert on_air is not None
        assert on_air.id == first.id


async def test_a_process_that_is_killed_between_commit_and_word_is_made_up_for_by_the_relay(pond, database_url):
    told: list[Fact] = []

    async def hear(facts: Sequence[Fact]) -> list[Handled]:
        told.extend(facts)
        return [Handled.DONE for _ in facts]

    killed = replace(pond, rooms=replace(pond.rooms, log=None))
    session = await killed.session(await killed.room())
    await killed.start(session)
    await killed.stop(session)
    async with create_pool(database_url) as pool:
        relay = Relay(pool, {"room-log": hear}, pond.shop.clock)
        while await relay.tick():
            pass
    moves = [fact.payload for fact in told if fact.payload["kind"] == "session.moved"]
    assert [move["body"]["state"] for move in moves] == ["scheduled", "live", "ended"]
    assert {(fact.topic, fact.aggregate, fact.payload["place"]) for fact in told} == {
        ("room.event", session.room_id, session.room_id)
    }
