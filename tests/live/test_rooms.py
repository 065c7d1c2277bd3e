"""Rooms: made, changed under a version, put away; their crews, and what a crew may."""

import asyncio
import json

import pytest

from keel.errors import Conflict, Forbidden, NotFound
from keel.identity import Role
from live import rooms, sessions
from live.model import CREW_MAX, CrewRole, Power
from live.rooms import NewRoom
from live.sessions import NewSession
from live.staging import may_in_room, may_in_session
from live.store_rooms import edge
from tests.inventory.selling import make_merchant
from tests.live.ponds import as_role


async def test_a_room_is_changed_under_its_version_and_the_screens_hear_of_it(pond):
    room = await pond.room()
    changed = await rooms.edit_room(
        pond.rooms, pond.by, room.id, {"title": "At the lake", "cover_url": "https://x/y"}, version=1
    )
    assert (changed.title, changed.version) == ("At the lake", 2)
    with pytest.raises(Conflict) as refusal:
        await rooms.edit_room(pond.rooms, pond.by, room.id, {"title": "Too late"}, version=1)
    assert refusal.value.detail == "the room is at version 2"
    ((place, kind, body),) = pond.log.events
    assert (place, kind) == (room.id, "room.changed")
    assert json.loads(body) == {"title": "At the lake", "cover_url": "https://x/y"}
    await rooms.edit_room(pond.rooms, pond.by, room.id, {"grace_s": 60})
    assert len(pond.log.events) == 1, "no screen shows that"
    rehearsal = await pond.session(room, rehearsal=True)
    await rooms.edit_room(pond.rooms, pond.by, room.id, {"title": "By the pond"})
    told = [place for place, kind, _ in pond.log.events if kind == "room.changed"]
    assert told[1:] == [room.id, rehearsal.id], "the screens of a rehearsal show the room, too"


async def test_of_two_who_change_the_same_version_one_does(pond):
    room = await pond.room()
    edits = (rooms.edit_room(pond.rooms, pond.by, room.id, {"title": title}, version=1) for title in "ab")
    answers = await asyncio.gather(*edits, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict", "RoomRow"]


async def test_a_room_is_put_away_once_its_sessions_are_over_and_brought_back(pond):
    room = await pond.room()
    session = await pond.session(room)
    with pytest.raises(Conflict):
        await rooms.archive_room(pond.rooms, pond.by, room.id)
    await pond.stop(session)
    for _ in range(2):
        await rooms.archive_room(pond.rooms, pond.by, room.id)
    with pytest.raises(Conflict):
        await pond.session(room)

    async def listed(*, archived):
        page = await rooms.list_rooms(pond.rooms, pond.by, archived=archived, below=None, count=10)
        return [row.id for row in page]

    assert (await listed(archived=False), await listed(archived=True)) == ([], [room.id])
    await rooms.restore_room(pond.rooms, pond.by, room.id)
    assert await listed(archived=False) == [room.id]
    commands = [row["command"] for row in await pond.run("SELECT command FROM staff_audit ORDER BY id")]
    assert commands.count("room.archive") == commands.count("room.restore") == 1


async def test_a_session_is_not_planned_in_a_room_that_is_being_put_away(pond):
    room = await pond.room()
    calls = (pond.session(room), rooms.archive_room(pond.rooms, pond.by, room.id))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer) for answer in answers].count(Conflict) == 1


async def test_a_crew_is_made_of_the_merchants_own_people(pond):
    room, lan = await pond.room(), await pond.member()
    await rooms.put_crew(pond.rooms, pond.by, room.id, lan.subject, CrewRole.MODERATOR)
    crew = await rooms.put_crew(pond.rooms, pond.by, room.id, lan.subject, CrewRole.COHOST)
    assert [(row.staff_id, row.role) for row in crew] == [(lan.subject, "cohost")]
    stranger = await make_merchant(pond.shop.selling, "Another pond")
    for by, member_id in ((pond.by, pond.shop.ids.new()), (stranger, lan.subject)):
        with pytest.raises(NotFound):
            await rooms.put_crew(pond.rooms, by, room.id, member_id, CrewRole.COHOST)
    await rooms.drop_crew(pond.rooms, pond.by, room.id, lan.subject)
    with pytest.raises(NotFound):
        await rooms.drop_crew(pond.rooms, pond.by, room.id, lan.subject)
    assert (await rooms.show_room(pond.rooms, pond.by, room.id))[1] == []


async def test_a_crew_has_an_end(pond, monkeypatch):
    monkeypatch.setattr("live.rooms.CREW_MAX", 2)
    assert CREW_MAX > 2
    room = await pond.room()
    members = [await pond.member() for _ in range(3)]
    for member in members[:2]:
        await rooms.put_crew(pond.rooms, pond.by, room.id, member.subject, CrewRole.COHOST)
    with pytest.raises(Conflict):
        await rooms.put_crew(pond.rooms, pond.by, room.id, members[2].subject, CrewRole.COHOST)
    assert len((await rooms.show_room(pond.rooms, pond.by, room.id))[1]) == 2


@pytest.mark.parametrize(
    ("role", "powers"),
    [
        (None, set()),
        (CrewRole.MODERATOR, {Power.MODERATE}),
        (CrewRole.ASSISTANT, {Power.MODERATE, Power.SELL}),
        (CrewRole.COHOST, set(Power)),
    ],
)
async def test_who_only_looks_may_in_a_room_what_its_crew_may(pond, role, powers):
    room, other, analyst = await pond.room(), await pond.room(), await pond.member()
    session = await pond.session(room)
    if role is not None:
        await rooms.put_crew(pond.rooms, pond.by, room.id, analyst.subject, role)
    async with edge(pond.rooms.sessions) as opened:
        for power in Power:
            for check, thing in ((may_in_room, room.id), (may_in_session, session.id)):
                if power in powers:
                    await check(opened, analyst, thing, power)
                else:
                    with pytest.raises(Forbidden):
                        await check(opened, analyst, thing, power)
            with pytest.raises(Forbidden):
                await may_in_room(opened, analyst, other.id, power)


async def test_whoever_sells_may_in_every_room_and_a_fixed_token_is_on_no_crew(pond):
    room = await pond.room()
    async with edge(pond.rooms.sessions) as opened:
        for role in (Role.OWNER, Role.HOST, Role.OPERATOR):
            await may_in_room(opened, as_role(pond.by, role), room.id, Power.RUN)
        with pytest.raises(Forbidden):
            await may_in_room(opened, as_role(pond.by, Role.ANALYST), room.id, Power.RUN)


async def test_a_cohost_runs_the_broadcast_of_one_room(pond):
    room, other, lan = await pond.room(), await pond.room(), await pond.member()
    await rooms.put_crew(pond.rooms, pond.by, room.id, lan.subject, CrewRole.COHOST)
    told = await sessions.plan_session(pond.rooms, lan, room.id, NewSession())
    await sessions.start_session(pond.rooms, lan, told.row.id)
    await sessions.stop_session(pond.rooms, lan, told.row.id)
    for room_id in (other.id, pond.shop.ids.new()):
        with pytest.raises(Forbidden):
            await sessions.plan_session(pond.rooms, lan, room_id, NewSession())


async def test_a_room_is_its_merchants_alone(pond):
    room = await pond.room()
    stranger = await make_merchant(pond.shop.selling, "Another pond")
    for act in (rooms.archive_room, rooms.restore_room, rooms.show_room):
        with pytest.raises(NotFound):
            await act(pond.rooms, stranger, room.id)
    own = await rooms.create_room(pond.rooms, stranger, NewRoom("Theirs"))
    page = await rooms.list_rooms(pond.rooms, stranger, archived=False, below=None, count=10)
    assert [row.id for row in page] == [own.id]
