"""What a command tells is in its transaction, and a silent Redis does not fail the command."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from keel import outbox
from keel.clock import FakeClock
from keel.database import create_engine, sessions_of, transaction
from keel.ids import Ids
from keel.lua import connect
from keel.outbox import Fact
from live.roomlog import Position, RoomLog
from live.telling import ROOM_EVENT, fact_of, tell

PLACE = "01a3185c-9000-7000-8000-000000000001"
BODY: dict[str, Any] = {"slow_mode_s": 5, "review": False, "muted_all": False}
CLOCK = FakeClock()


@pytest.fixture
async def sessions(database_url: str) -> AsyncIterator[async_sessionmaker[AsyncSession]]:
    engine = create_engine(database_url)
    yield sessions_of(engine)
    await engine.dispose()


@pytest.fixture
def fact() -> Fact:
    return fact_of(PLACE, "talk.ruled", BODY, fact_id=Ids(CLOCK).new(), at=CLOCK.now())


def test_what_no_scene_takes_is_told_to_nobody():
    with pytest.raises(AssertionError, match=r"raffle\.drawn"):
        fact_of(PLACE, "raffle.drawn", BODY, fact_id=Ids(CLOCK).new(), at=CLOCK.now())


async def test_a_fact_is_written_with_a_delivery_for_each_who_hears_it(
    sessions: async_sessionmaker[AsyncSession], fact: Fact
):
    async with transaction(sessions) as session:
        outbox.write(session, fact, ["room-log", "a second ear"])
    async with sessions() as session:
        event = (await session.execute(text("SELECT topic, aggregate::text, payload, at FROM outbox_event"))).one()
        query = "SELECT subscriber, state, lane = outbox_lane(aggregate) AS laned FROM outbox_delivery ORDER BY 1"
        deliveries = (await session.execute(text(query))).all()
    assert tuple(event) == (ROOM_EVENT, PLACE, {"place": PLACE, "kind": "talk.ruled", "body": BODY}, CLOCK.now())
    assert [tuple(row) for row in deliveries] == [("a second ear", "waiting", True), ("room-log", "waiting", True)]


async def test_a_fact_of_a_command_that_fails_is_not_there(sessions: async_sessionmaker[AsyncSession], fact: Fact):
    async def fail() -> None:
        async with transaction(sessions) as session:
            outbox.write(session, fact, ["room-log"])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with sessions() as session:
        assert await session.scalar(text("SELECT count(*) FROM outbox_event")) == 0


async def test_what_is_told_is_in_the_log_under_the_id_of_its_fact(room_log: RoomLog, fact: Fact):
    start = await room_log.position(PLACE)
    await tell(room_log, fact)
    await tell(room_log, fact)
    (event,) = await room_log.since(PLACE, start) or []
    assert (event.id, event.kind, msgspec.json.decode(event.body)) == (fact.id, "talk.ruled", BODY)
    assert await room_log.position(PLACE) == Position(start.epoch, 1)


async def test_a_silent_engine_does_not_fail_who_tells(fact: Fact, caplog: pytest.LogCaptureFixture):
    redis = connect("redis://127.0.0.1:1/0")
    await tell(RoomLog(redis, CLOCK), fact)
    await redis.aclose()
    assert fact.id in caplog.text
