"""Sessions by hand: planned, begun, ended, and what is sold in them."""

import asyncio
import json
from dataclasses import replace
from itertools import product

import pytest

from inventory.archiving import archive_sale
from inventory.running import close_sale
from keel.errors import Conflict, NotFound
from live import sessions, store_scene
from live.model import NEXT, ON_AIR, SessionFilter, SessionState, sources_of
from live.sessions import NewSession
from tests.inventory.selling import draft_sale, make_merchant, open_sale


async def test_a_session_is_planned_begun_and_ended_by_hand(pond):
    session = await pond.session(await pond.room(), starts_in_s=600)
    assert (session.state, session.version, session.started_at) == ("scheduled", 1, None)
    begun = await pond.start(session)
    assert (begun.state, begun.started_at) == ("live", pond.shop.clock.now())
    pond.shop.clock.advance(s=60)
    over = await pond.stop(session)
    assert (over.state, over.ended_at, over.quiet_since) == ("ended", pond.shop.clock.now(), None)
    assert await pond.moves(session) == ["scheduled>live hand", "live>ended hand"]
    with pytest.raises(Conflict, match="conflict"):
        await pond.start(session)


async def test_every_move_is_a_row_of_history_a_row_of_the_audit_and_a_fact_for_the_screens(pond):
    room = await pond.room("By the pond")
    session = await pond.session(room, title="At nine")
    await pond.start(session)
    await pond.stop(session)
    audited = await pond.run("SELECT command, subject_id::text FROM staff_audit ORDER BY id")
    assert [row["command"] for row in audited] == ["room.create", "session.plan", "session.start", "session.stop"]
    facts = await pond.run("SELECT topic, aggregate::text AS place, payload FROM outbox_event ORDER BY id")
    assert {(fact["topic"], fact["place"]) for fact in facts} == {("room.event", room.id)}
    told = [fact["payload"] for fact in facts]
    moves = [event["body"]["state"] for event in told if event["kind"] == "session.moved"]
    assert moves == ["scheduled", "live", "ended"]
    body = facts[1]["payload"]["body"]
    assert body == {
        "session_id": session.id,
        "state": "live",
        "at": "2027-01-15T08:00:00.000Z",
        "title": "At nine",
        "rehearsal": False,
    }
    waiting = await pond.run("SELECT subscriber FROM outbox_delivery")
    assert [row["subscriber"] for row in waiting] == ["room-log"] * len(facts)
    kinds = ["session.moved", "session.moved", "shelf.changed", "session.moved"]
    assert [(place, kind) for place, kind, _ in pond.log.events] == [(room.id, kind) for kind in kinds]
    assert json.loads(pond.log.events[1][2]) == body


async def test_what_is_not_committed_is_told_to_nobody(pond):
    session = await pond.session(await pond.room())
    told = len(pond.log.events)
    with pytest.raises(Conflict):
        await sessions.start_session(pond.rooms, pond.by, session.id, version=7)
    await pond.stop(session)
    with pytest.raises(Conflict):
        await pond.stop(session)
    assert len(pond.log.events) == told + 1
    assert len(await pond.run("SELECT 1 FROM outbox_event")) == told + 1


async def test_of_many_who_stop_a_session_one_does(pond):
    session = await pond.session(await pond.room())
    await pond.start(session)
    answers = await asyncio.gather(*(pond.stop(session) for _ in range(4)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict"] * 3 + ["SessionRow"]
    assert await pond.moves(session) == ["scheduled>live hand", "live>ended hand"]


async def test_a_room_shows_one_broadcast_at_a_time(pond):
    room = await pond.room()
    first, second = await pond.session(room), await pond.session(room)
    answers = await asyncio.gather(pond.start(first), pond.start(second), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict", "SessionRow"]
    on_air = [session for session in (first, second) if await pond.state(session) == "live"]
    assert len(on_air) == 1
    rehearsal = await pond.session(room, rehearsal=True)
    assert (await pond.start(rehearsal)).state == "live", "a rehearsal is a place of its own"
    await pond.stop(on_air[0])
    await pond.start(first if on_air[0] is second else second)


async def test_a_session_is_changed_under_its_version_and_on_air_only_its_title(pond):
    session = await pond.session(await pond.room(), starts_in_s=60)
    told = await sessions.edit_session(pond.rooms, pond.by, session.id, {"title": "At ten"}, version=1)
    assert (told.row.title, told.row.version) == ("At ten", 2)
    with pytest.raises(Conflict) as refusal:
        await sessions.edit_session(pond.rooms, pond.by, session.id, {"title": "Late"}, version=1)
    assert refusal.value.detail == "the session is at version 2"
    await pond.start(session)
    with pytest.raises(Conflict):
        await sessions.edit_session(pond.rooms, pond.by, session.id, {"starts_at": None})
    told = await sessions.edit_session(pond.rooms, pond.by, session.id, {"title": None})
    assert told.row.title is None
    assert json.loads(pond.log.events[-1][2])["title"] is None, "the room's"


async def test_what_an_edit_tells_is_what_a_fresh_snapshot_reads(pond):
    session = await pond.session(await pond.room())
    for since, step in (("08:00", "planned"), ("08:01", "live")):
        pond.shop.clock.advance(s=60)
        await sessions.edit_session(pond.rooms, pond.by, session.id, {"title": f"At nine, {step}"})
        told = json.loads(pond.log.events[-1][2])
        assert told == (await store_scene.sessions(pond.shop.ledger, session.merchant_id, session.place))[0]
        assert told["at"] == f"2027-01-15T{since}:00.000Z", "since when it is in its state, not since it has that title"
        if step == "planned":
            await pond.start(session)


async def test_a_rehearsal_sells_only_what_is_not_real_and_the_reverse(pond):
    room = await pond.room()
    real, rehearsed = await open_sale(pond.shop), await draft_sale(pond.shop, rehearsal=True)
    for rehearsal, sale in product((False, True), (real, rehearsed)):
        session = await pond.session(room, rehearsal=rehearsal)
        if rehearsal == (sale is rehearsed):
            told = await sessions.link_sale(pond.rooms, pond.book, pond.by, session.id, sale.id)
            assert list(told.sale_ids) == [sale.id]
        else:
            with pytest.raises(Conflict):
                await sessions.link_sale(pond.rooms, pond.book, pond.by, session.id, sale.id)


async def test_a_sale_is_linked_once_and_taken_out(pond):
    session, sale = await pond.session(await pond.room()), await open_sale(pond.shop)
    await sessions.link_sale(pond.rooms, pond.book, pond.by, session.id, sale.id)
    told = await sessions.link_sale(pond.rooms, pond.book, pond.by, session.id, sale.id)
    assert list(told.sale_ids) == [sale.id]
    await sessions.unlink_sale(pond.rooms, pond.by, session.id, sale.id)
    with pytest.raises(NotFound):
        await sessions.unlink_sale(pond.rooms, pond.by, session.id, sale.id)
    await pond.stop(session)
    with pytest.raises(Conflict):
        await sessions.link_sale(pond.rooms, pond.book, pond.by, session.id, sale.id)


async def test_anothers_sale_and_one_that_is_put_away_are_no_sales(pond):
    session, sale = await pond.session(await pond.room()), await open_sale(pond.shop)
    other = replace(pond.shop, staff=await make_merchant(pond.shop.selling, "Another pond"))
    foreign = await open_sale(other)
    await close_sale(pond.shop.selling, pond.by, sale.id)
    await pond.shop.ledger.settle(sale.id, 0, pond.shop.clock.now())
    await archive_sale(pond.shop.selling, pond.by, sale.id)
    for sale_id in (foreign.id, sale.id, pond.shop.ids.new()):
        with pytest.raises(NotFound):
            await sessions.link_sale(pond.rooms, pond.book, pond.by, session.id, sale_id)


async def test_sessions_are_listed_by_room_state_and_kind(pond):
    room, other = await pond.room(), await pond.room()
    first, second = await pond.session(room), await pond.session(room, rehearsal=True)
    third = await pond.session(other)
    await pond.start(first)

    async def listed(**wanted):
        rows = await sessions.list_sessions(pond.rooms, pond.by, SessionFilter(**wanted), below=None, count=10)
        return [row.id for row in rows]

    assert await listed() == [third.id, second.id, first.id]
    assert await listed(room_id=room.id) == [second.id, first.id]
    assert await listed(states=ON_AIR) == [first.id]
    assert await listed(rehearsal=True) == [second.id]


async def test_another_merchants_session_is_not_there(pond):
    session = await pond.session(await pond.room())
    stranger = await make_merchant(pond.shop.selling, "Another pond")
    for act in (sessions.show_session, sessions.start_session, sessions.stop_session):
        with pytest.raises(NotFound):
            await act(pond.rooms, stranger, session.id)
    with pytest.raises(NotFound):
        await sessions.plan_session(pond.rooms, stranger, session.room_id, NewSession())


def test_every_state_can_be_left_but_the_last():
    assert [state for state in SessionState if not NEXT[state]] == [SessionState.ENDED]
    assert sources_of(SessionState.LIVE) == {SessionState.SCHEDULED, SessionState.INTERRUPTED}
