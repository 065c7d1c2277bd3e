"""What the clock does with sessions: grace, an end by itself, a start in time, and pictures that fell silent."""

import asyncio
from datetime import timedelta

from keel.errors import Unavailable
from live import rooms
from live.loops import keep_sessions
from live.patience import SILENT_AFTER, Patience
from tests.eventually import eventually_async


async def test_an_interruption_within_the_grace_ends_nothing(stage):
    session = await stage.session(await stage.room(grace_s=30))
    await stage.publish(session)
    await stage.unpublish(session)
    await stage.pass_s(29)
    await stage.publish(session, "again")
    await stage.pass_s(500)
    assert await stage.state(session) == "live"


async def test_an_interruption_longer_than_the_grace_ends_the_session(stage):
    session = await stage.session(await stage.room(grace_s=30))
    await stage.publish(session)
    await stage.unpublish(session)
    await stage.pass_s(30)
    assert (await stage.moves(session))[-1] == "interrupted>ended grace_over"
    (history,) = await stage.run("SELECT actor FROM session_history WHERE target = 'ended'")
    assert history["actor"] == "clock"


async def test_two_workers_end_a_session_once(stage):
    session = await stage.session(await stage.room(grace_s=30))
    await stage.publish(session)
    await stage.unpublish(session)
    stage.shop.clock.advance(s=30)
    await asyncio.gather(*(Patience(stage.rooms).tick() for _ in range(3)))
    assert len(await stage.moves(session)) == 3


async def test_the_grace_is_the_rooms_of_now(stage):
    room = await stage.room(grace_s=30)
    session = await stage.session(room)
    await stage.publish(session)
    await stage.unpublish(session)
    await rooms.edit_room(stage.rooms, stage.by, room.id, {"grace_s": 300})
    await stage.pass_s(31)
    assert await stage.state(session) == "interrupted"


async def test_a_session_without_a_picture_ends_by_itself_where_the_room_says_so(stage):
    ending, staying = [await stage.session(await stage.room(idle_end_s=idle)) for idle in (600, None)]
    for session in (ending, staying):
        await stage.start(session)
    await stage.pass_s(599)
    assert await stage.state(ending) == "live"
    await stage.pass_s(1)
    assert (await stage.moves(ending))[-1] == "live>ended idle"
    await stage.pass_s(86_400)
    assert await stage.state(staying) == "live", "its picture is somewhere else"


async def test_a_session_with_its_picture_is_never_idle(stage):
    session = await stage.session(await stage.room(idle_end_s=60))
    await stage.start(session)
    await stage.publish(session)
    await stage.pass_s(86_400)
    assert await stage.state(session) == "live"


async def test_a_picture_that_is_early_waits_for_the_time_of_the_session(stage):
    session = await stage.session(await stage.room(), starts_in_s=600)
    await stage.publish(session)
    await stage.pass_s(599)
    assert await stage.state(session) == "scheduled"
    await stage.pass_s(1)
    assert await stage.moves(session) == ["scheduled>live picture"]


async def test_the_next_session_does_not_begin_while_the_one_before_is_on_air(stage):
    room = await stage.room()
    first, second = await stage.session(room), await stage.session(room, starts_in_s=600)
    await stage.publish(first)
    await stage.pass_s(700)
    assert [await stage.state(row) for row in (first, second)] == ["live", "scheduled"]
    await stage.stop(first)
    await stage.pass_s(1)
    assert await stage.state(second) == "live"


async def test_no_session_begins_by_the_clock_without_a_picture_or_against_its_will(stage):
    without = await stage.session(await stage.room(), starts_in_s=60)
    by_hand = await stage.session(await stage.room(), starts_in_s=60, autostart=False)
    await stage.publish(by_hand)
    await stage.pass_s(120)
    assert [await stage.state(row) for row in (without, by_hand)] == ["scheduled", "scheduled"]


async def test_a_rehearsal_begins_beside_a_broadcast(stage):
    room = await stage.room()
    real, rehearsal = await stage.session(room), await stage.session(room, starts_in_s=60, rehearsal=True)
    await stage.publish(real)
    await stage.publish(rehearsal)
    await stage.pass_s(60)
    assert [await stage.state(row) for row in (real, rehearsal)] == ["live", "live"]


async def test_a_media_server_that_was_killed_is_noticed_where_it_gave_signs_of_life(stage):
    heard, mute = [await stage.session(await stage.room(grace_s=600)) for _ in range(2)]
    for session in (heard, mute):
        await stage.publish(session)
    stage.shop.clock.advance(s=10)
    await stage.alive(heard)
    await stage.pass_s(SILENT_AFTER.total_seconds() - 1)
    assert await stage.state(heard) == "live"
    await stage.pass_s(1)
    assert (await stage.moves(heard))[-1] == "live>interrupted silence"
    assert await stage.state(mute) == "live", "SRS and MediaMTX give none: their word counts"
    await stage.alive(heard)
    assert await stage.state(heard) == "live"


async def test_a_tick_whose_database_is_busy_leaves_it_to_the_next(stage, monkeypatch):
    session = await stage.session(await stage.room(grace_s=5))
    await stage.publish(session)
    await stage.unpublish(session)

    async def busy(*_):
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr("live.patience._run_out", busy)
        await stage.pass_s(timedelta(seconds=5).total_seconds())
    assert await stage.state(session) == "interrupted"
    await stage.pass_s(0)
    assert await stage.state(session) == "ended"


async def test_the_workers_loop_does_it(stage):
    session = await stage.session(await stage.room(grace_s=5))
    await stage.publish(session)
    await stage.unpublish(session)
    stage.shop.clock.advance(s=5)
    stop = asyncio.Event()

    async def ended() -> bool:
        return bool(await stage.state(session) == "ended")

    async with asyncio.TaskGroup() as group:
        group.create_task(keep_sessions(Patience(stage.rooms), stop))
        await eventually_async(ended)
        stop.set()
