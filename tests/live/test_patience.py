"""What the clock does with sessions: grace, an end by itself, a start in time, and pictures that fell silent."""

import asyncio
from datetime import timedelta

from keel.errors import Unavailable
from live import rooms
from live.loops import keep_sessions
from live.patience import SILENT_AFTER, Patience
from tests.eventually import eventually_async


async def test_an_interruption_within_the_grace_ends_nothing(pond):
    session = await pond.session(await pond.room(grace_s=30))
    await pond.publish(session)
    await pond.unpublish(session)
    await pond.pass_s(29)
    await pond.publish(session, "again")
    await pond.pass_s(500)
    assert await pond.state(session) == "live"


async def test_an_interruption_longer_than_the_grace_ends_the_session(pond):
    session = await pond.session(await pond.room(grace_s=30))
    await pond.publish(session)
    await pond.unpublish(session)
    await pond.pass_s(30)
    assert (await pond.moves(session))[-1] == "interrupted>ended grace_over"
    (history,) = await pond.run("SELECT actor FROM session_history WHERE target = 'ended'")
    assert history["actor"] == "clock"


async def test_two_workers_end_a_session_once(pond):
    session = await pond.session(await pond.room(grace_s=30))
    await pond.publish(session)
    await pond.unpublish(session)
    pond.shop.clock.advance(s=30)
    await asyncio.gather(*(Patience(pond.rooms).tick() for _ in range(3)))
    assert len(await pond.moves(session)) == 3


async def test_the_grace_is_the_rooms_of_now(pond):
    room = await pond.room(grace_s=30)
    session = await pond.session(room)
    await pond.publish(session)
    await pond.unpublish(session)
    await rooms.edit_room(pond.rooms, pond.by, room.id, {"grace_s": 300})
    await pond.pass_s(31)
    assert await pond.state(session) == "interrupted"


async def test_a_session_without_a_picture_ends_by_itself_where_the_room_says_so(pond):
    ending, staying = [await pond.session(await pond.room(idle_end_s=idle)) for idle in (600, None)]
    for session in (ending, staying):
        await pond.start(session)
    await pond.pass_s(599)
    assert await pond.state(ending) == "live"
    await pond.pass_s(1)
    assert (await pond.moves(ending))[-1] == "live>ended idle"
    await pond.pass_s(86_400)
    assert await pond.state(staying) == "live", "its picture is somewhere else"


async def test_a_session_with_its_picture_is_never_idle(pond):
    session = await pond.session(await pond.room(idle_end_s=60))
    await pond.start(session)
    await pond.publish(session)
    await pond.pass_s(86_400)
    assert await pond.state(session) == "live"


async def test_a_picture_that_is_early_waits_for_the_time_of_the_session(pond):
    session = await pond.session(await pond.room(), starts_in_s=600)
    await pond.publish(session)
    await pond.pass_s(599)
    assert await pond.state(session) == "scheduled"
    await pond.pass_s(1)
    assert await pond.moves(session) == ["scheduled>live picture"]


async def test_the_next_session_does_not_begin_while_the_one_before_is_on_air(pond):
    room = await pond.room()
    first, second = await pond.session(room), await pond.session(room, starts_in_s=600)
    await pond.publish(first)
    await pond.pass_s(700)
    assert [await pond.state(row) for row in (first, second)] == ["live", "scheduled"]
    await pond.stop(first)
    await pond.pass_s(1)
    assert await pond.state(second) == "live"


async def test_no_session_begins_by_the_clock_without_a_picture_or_against_its_will(pond):
    without = await pond.session(await pond.room(), starts_in_s=60)
    by_hand = await pond.session(await pond.room(), starts_in_s=60, autostart=False)
    await pond.publish(by_hand)
    await pond.pass_s(120)
    assert [await pond.state(row) for row in (without, by_hand)] == ["scheduled", "scheduled"]


async def test_a_rehearsal_begins_beside_a_broadcast(pond):
    room = await pond.room()
    real, rehearsal = await pond.session(room), await pond.session(room, starts_in_s=60, rehearsal=True)
    await pond.publish(real)
    await pond.publish(rehearsal)
    await pond.pass_s(60)
    assert [await pond.state(row) for row in (real, rehearsal)] == ["live", "live"]


async def test_a_media_server_that_was_killed_is_noticed_where_it_gave_signs_of_life(pond):
    heard, mute = [await pond.session(await pond.room(grace_s=600)) for _ in range(2)]
    for session in (heard, mute):
        await pond.publish(session)
    pond.shop.clock.advance(s=10)
    await pond.alive(heard)
    await pond.pass_s(SILENT_AFTER.total_seconds() - 1)
    assert await pond.state(heard) == "live"
    await pond.pass_s(1)
    assert (await pond.moves(heard))[-1] == "live>interrupted silence"
    assert await pond.state(mute) == "live", "SRS and MediaMTX give none: their word counts"
    await pond.alive(heard)
    assert await pond.state(heard) == "live"


async def test_a_picture_that_dies_before_its_first_sign_of_life_is_noticed_where_there_were_some_before(pond):
    session = await pond.session(await pond.room(grace_s=600))
    for client in ("nginx:1", "nginx:2", "srs:3"):
        await pond.publish(session, client)
        if client == "nginx:1":
            await pond.alive(session, client)
            await pond.unpublish(session, client)
    await pond.pass_s(SILENT_AFTER.total_seconds())
    assert await pond.state(session) == "live", "another media server, of which nobody knows"
    await pond.unpublish(session, "srs:3")
    await pond.publish(session, "nginx:4")
    await pond.alive(session, "nginx:4")
    await pond.unpublish(session, "nginx:4")
    await pond.publish(session, "nginx:5")
    await pond.pass_s(SILENT_AFTER.total_seconds())
    assert (await pond.moves(session))[-1] == "live>interrupted silence"


async def test_a_tick_whose_database_is_busy_leaves_it_to_the_next(pond, monkeypatch):
    session = await pond.session(await pond.room(grace_s=5))
    await pond.publish(session)
    await pond.unpublish(session)

    async def busy(*_):
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr("live.patience._run_out", busy)
        await pond.pass_s(timedelta(seconds=5).total_seconds())
    assert await pond.state(session) == "interrupted"
    await pond.pass_s(0)
    assert await pond.state(session) == "ended"


async def test_the_workers_loop_does_it(pond):
    session = await pond.session(await pond.room(grace_s=5))
    await pond.publish(session)
    await pond.unpublish(session)
    pond.shop.clock.advance(s=5)
    stop = asyncio.Event()

    async def ended() -> bool:
        return bool(await pond.state(session) == "ended")

    async with asyncio.TaskGroup() as group:
        group.create_task(keep_sessions(Patience(pond.rooms), stop))
        await eventually_async(ended)
        stop.set()
