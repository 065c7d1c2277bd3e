"""Sessions by hand: planned, begun, ended, and what is sold in them."""

import asyncio
import json
from dataclasses import replace
from itertools import product

import pytest

from inventory.archiving import archive_sale
from inventory.running import close_sale
from keel.errors import Conflict, NotFound
from live import sessions
from live.model import NEXT, ON_AIR, SessionFilter, SessionState, sources_of
from live.sessions import NewSession
from tests.inventory.selling import draft_sale, make_merchant, open_sale


async def test_a_session_is_planned_begun_and_ended_by_hand(stage):
    session = await stage.session(await stage.room(), starts_in_s=600)
    assert (session.state, session.version, session.started_at) == ("scheduled", 1, None)
    begun = await stage.start(session)
    assert (begun.state, begun.started_at) == ("live", stage.shop.clock.now())
    stage.shop.clock.advance(s=60)
    over = await stage.stop(session)
    assert (over.state, over.ended_at, over.quiet_since) == ("ended", stage.shop.clock.now(), None)
    assert await stage.moves(session) == ["scheduled>live hand", "live>ended hand"]
    with pytest.raises(Conflict, match="conflict"):
        await stage.start(session)


async def test_every_move_is_a_row_of_history_a_row_of_the_audit_and_a_fact_for_the_screens(stage):
    room = await stage.room("By the pond")
    session = await stage.session(room, title="At nine")
    await stage.start(session)
    await stage.stop(session)
    audited = await stage.run("SELECT command, subject_id::text FROM staff_audit ORDER BY id")
    assert [row["command"] for row in audited] == ["room.create", "session.plan", "session.start", "session.stop"]
    facts = await stage.run("SELECT topic, aggregate::text AS place, payload FROM outbox_event ORDER BY id")
    assert {(fact["topic"], fact["place"]) for fact in facts} == {("room.event", room.id)}
    assert [fact["payload"]["body"]["state"] for fact in facts] == ["scheduled", "live", "ended"]
    body = facts[1]["payload"]["body"]
    assert body == {
        "session_id": session.id,
        "state": "live",
        "at": "2027-01-15T08:00:00.000Z",
        "title": "At nine",
        "rehearsal": False,
    }
    waiting = await stage.run("SELECT subscriber FROM outbox_delivery")
    assert [row["subscriber"] for row in waiting] == ["room-log"] * 3
    assert [(place, kind) for place, kind, _ in stage.log.events] == [(room.id, "session.moved")] * 3
    assert json.loads(stage.log.events[1][2]) == body


async def test_what_is_not_committed_is_told_to_nobody(stage):
    session = await stage.session(await stage.room())
    told = len(stage.log.events)
    with pytest.raises(Conflict):
        await sessions.start_session(stage.rooms, stage.by, session.id, version=7)
    await stage.stop(session)
    with pytest.raises(Conflict):
        await stage.stop(session)
    assert len(stage.log.events) == told + 1
    assert len(await stage.run("SELECT 1 FROM outbox_event")) == told + 1


async def test_of_many_who_stop_a_session_one_does(stage):
    session = await stage.session(await stage.room())
    await stage.start(session)
    answers = await asyncio.gather(*(stage.stop(session) for _ in range(4)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict"] * 3 + ["SessionRow"]
    assert await stage.moves(session) == ["scheduled>live hand", "live>ended hand"]


async def test_a_room_shows_one_broadcast_at_a_time(stage):
    room = await stage.room()
    first, second = await stage.session(room), await stage.session(room)
    answers = await asyncio.gather(stage.start(first), stage.start(second), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict", "SessionRow"]
    on_air = [session for session in (first, second) if await stage.state(session) == "live"]
    assert len(on_air) == 1
    rehearsal = await stage.session(room, rehearsal=True)
    assert (await stage.start(rehearsal)).state == "live", "a rehearsal is a place of its own"
    await stage.stop(on_air[0])
    await stage.start(first if on_air[0] is second else second)


async def test_a_session_is_changed_under_its_version_and_on_air_only_its_title(stage):
    session = await stage.session(await stage.room(), starts_in_s=60)
    told = await sessions.edit_session(stage.rooms, stage.by, session.id, {"title": "At ten"}, version=1)
    assert (told.row.title, told.row.version) == ("At ten", 2)
    with pytest.raises(Conflict) as refusal:
        await sessions.edit_session(stage.rooms, stage.by, session.id, {"title": "Late"}, version=1)
    assert refusal.value.detail == "the session is at version 2"
    await stage.start(session)
    with pytest.raises(Conflict):
        await sessions.edit_session(stage.rooms, stage.by, session.id, {"starts_at": None})
    told = await sessions.edit_session(stage.rooms, stage.by, session.id, {"title": None})
    assert told.row.title is None
    assert json.loads(stage.log.events[-1][2])["title"] == "By the pond", "the room's"


async def test_a_rehearsal_sells_only_what_is_not_real_and_the_reverse(stage):
    room = await stage.room()
    real, rehearsed = await open_sale(stage.shop), await draft_sale(stage.shop, rehearsal=True)
    for rehearsal, sale in product((False, True), (real, rehearsed)):
        session = await stage.session(room, rehearsal=rehearsal)
        if rehearsal == (sale is rehearsed):
            told = await sessions.link_sale(stage.rooms, stage.book, stage.by, session.id, sale.id)
            assert list(told.sale_ids) == [sale.id]
        else:
            with pytest.raises(Conflict):
                await sessions.link_sale(stage.rooms, stage.book, stage.by, session.id, sale.id)


async def test_a_sale_is_linked_once_and_taken_out(stage):
    session, sale = await stage.session(await stage.room()), await open_sale(stage.shop)
    await sessions.link_sale(stage.rooms, stage.book, stage.by, session.id, sale.id)
    told = await sessions.link_sale(stage.rooms, stage.book, stage.by, session.id, sale.id)
    assert list(told.sale_ids) == [sale.id]
    await sessions.unlink_sale(stage.rooms, stage.by, session.id, sale.id)
    with pytest.raises(NotFound):
        await sessions.unlink_sale(stage.rooms, stage.by, session.id, sale.id)
    await stage.stop(session)
    with pytest.raises(Conflict):
        await sessions.link_sale(stage.rooms, stage.book, stage.by, session.id, sale.id)


async def test_anothers_sale_and_one_that_is_put_away_are_no_sales(stage):
    session, sale = await stage.session(await stage.room()), await open_sale(stage.shop)
    other = replace(stage.shop, staff=await make_merchant(stage.shop.selling, "Another pond"))
    foreign = await open_sale(other)
    await close_sale(stage.shop.selling, stage.by, sale.id)
    await stage.shop.ledger.settle(sale.id, 0, stage.shop.clock.now())
    await archive_sale(stage.shop.selling, stage.by, sale.id)
    for sale_id in (foreign.id, sale.id, stage.shop.ids.new()):
        with pytest.raises(NotFound):
            await sessions.link_sale(stage.rooms, stage.book, stage.by, session.id, sale_id)


async def test_sessions_are_listed_by_room_state_and_kind(stage):
    room, other = await stage.room(), await stage.room()
    first, second = await stage.session(room), await stage.session(room, rehearsal=True)
    third = await stage.session(other)
    await stage.start(first)

    async def listed(**wanted):
        rows = await sessions.list_sessions(stage.rooms, stage.by, SessionFilter(**wanted), below=None, count=10)
        return [row.id for row in rows]

    assert await listed() == [third.id, second.id, first.id]
    assert await listed(room_id=room.id) == [second.id, first.id]
    assert await listed(states=ON_AIR) == [first.id]
    assert await listed(rehearsal=True) == [second.id]


async def test_another_merchants_session_is_not_there(stage):
    session = await stage.session(await stage.room())
    stranger = await make_merchant(stage.shop.selling, "Another pond")
    for act in (sessions.show_session, sessions.start_session, sessions.stop_session):
        with pytest.raises(NotFound):
            await act(stage.rooms, stranger, session.id)
    with pytest.raises(NotFound):
        await sessions.plan_session(stage.rooms, stranger, session.room_id, NewSession())


def test_every_state_can_be_left_but_the_last():
    assert [state for state in SessionState if not NEXT[state]] == [SessionState.ENDED]
    assert sources_of(SessionState.LIVE) == {SessionState.SCHEDULED, SessionState.INTERRUPTED}
