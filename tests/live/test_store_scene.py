"""What PostgreSQL says of a place: the sessions that matter, and whose it is."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from inventory.ledger import Ledger
from keel.database import create_hot_pool
from live import store_scene
from tests.live.stage import Stage


@pytest.fixture
async def reader(database_url: str) -> AsyncIterator[Ledger]:
    async with create_hot_pool(database_url, connections=1) as pool:
        yield Ledger(pool)


async def test_of_the_sessions_that_are_over_the_last_one_is_read(stage: Stage, reader: Ledger):
    room = await stage.room()
    first, last, planned = [await stage.session(room) for _ in range(3)]
    await stage.session(room, rehearsal=True)
    for session in (first, last):
        await stage.move_session(stage.pool, session, "ended")
        stage.clock.advance(s=1)
    read = await store_scene.sessions(reader, stage.merchant_id, room)
    assert {(body["session_id"], body["state"]) for body in read} == {(last, "ended"), (planned, "scheduled")}


async def test_a_session_says_when_it_came_into_its_state(stage: Stage, reader: Ledger):
    room = await stage.room()
    session = await stage.session(room)
    told = await stage.move_session(stage.pool, session, "live")
    stage.clock.advance(s=60)
    assert await store_scene.sessions(reader, stage.merchant_id, room) == [told]


async def test_whose_a_place_is(stage: Stage, reader: Ledger):
    room = await stage.room()
    rehearsal, session = await stage.session(room, rehearsal=True), await stage.session(room)
    assert await store_scene.merchant_of(reader, room) == stage.merchant_id
    assert await store_scene.merchant_of(reader, rehearsal) == stage.merchant_id
    assert await store_scene.merchant_of(reader, session) is None  # it happens in its room
    assert await store_scene.merchant_of(reader, stage.ids.new()) is None


async def test_sessions_long_over_are_watched_no_more(stage: Stage):
    session = await stage.session(await stage.room())
    sale = await stage.sale(session)
    await stage.move_session(stage.pool, session, "ended")
    now = stage.clock.now()
    (watched,) = await store_scene.watched(stage.pool, now - timedelta(seconds=1))
    assert watched.sale is not None
    assert (watched.session["session_id"], watched.sale.id) == (session, sale)
    assert await store_scene.watched(stage.pool, now) == []
