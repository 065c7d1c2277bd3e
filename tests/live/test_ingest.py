"""The picture comes and goes: sessions begin, are interrupted and go on by it, whatever order the calls come in."""

import asyncio
from itertools import permutations

import pytest

from live import ingest as reports
from live import pushing, rooms
from live.errors import PublishRefused
from live.ingest import Report
from live.publishers import GONE_FOR_MS

ON = ["scheduled>live picture"]
OFF = [*ON, "live>interrupted picture_lost"]


async def test_the_picture_begins_a_session_and_its_loss_interrupts_it(pond):
    session = await pond.session(await pond.room())
    await pond.publish(session, "first")
    assert await pond.state(session) == "live"
    await pond.unpublish(session, "first")
    assert await pond.state(session) == "interrupted"
    await pond.publish(session, "second")
    assert await pond.moves(session) == [*OFF, "interrupted>live picture"]
    moves = ["session.moved"] * 2
    assert [kind for _, kind, _ in pond.log.events] == [*moves, "shelf.changed", *moves], "a shelf is shown once"


async def test_calls_that_come_twice_change_nothing(pond):
    session = await pond.session(await pond.room())
    for _ in range(3):
        await pond.publish(session)
    for _ in range(3):
        await pond.unpublish(session)
    assert await pond.moves(session) == OFF


async def test_the_old_encoders_leaving_never_ends_the_new_ones_picture(pond):
    session = await pond.session(await pond.room())
    await pond.publish(session, "old")
    await pond.publish(session, "new")
    await pond.unpublish(session, "old")
    assert await pond.moves(session) == ON
    await pond.unpublish(session, "new")
    assert await pond.moves(session) == OFF


async def test_a_coming_that_is_heard_after_the_leaving_is_none(pond):
    session = await pond.session(await pond.room())
    await pond.unpublish(session, "late")
    with pytest.raises(PublishRefused) as refusal:
        await pond.publish(session, "late")
    assert refusal.value.reason == "gone"
    assert await pond.moves(session) == []
    pond.shop.clock.advance(ms=GONE_FOR_MS + 1)
    await pond.publish(session, "late")
    assert await pond.moves(session) == ON, "an id that a media server gives again, long after"


@pytest.mark.parametrize("order", list(permutations(["+old", "-old", "+new"])), ids=" ".join)
async def test_whatever_the_order_whoever_still_publishes_is_the_picture(pond, order):
    session = await pond.session(await pond.room())
    for call in order:
        try:
            await (pond.publish if call[0] == "+" else pond.unpublish)(session, call[1:])
        except PublishRefused:
            assert order.index("-old") < order.index("+old")
    assert await pond.state(session) == "live"


async def test_an_encoder_that_the_media_server_turned_away_itself_does_not_stop_the_one_that_is_on(pond):
    session = await pond.session(await pond.room())
    await pond.publish(session, "on")
    await pond.publish(session, "turned-away")
    await pond.unpublish(session, "turned-away")
    assert await pond.moves(session) == ON
    await pond.unpublish(session, "on")
    assert await pond.moves(session) == OFF


async def test_a_second_encoder_that_lingers_does_not_stop_the_one_that_says_it_is_there(pond):
    session = await pond.session(await pond.room())
    await pond.publish(session, "on")
    await pond.publish(session, "lingers")
    pond.shop.clock.advance(s=60)
    await pond.alive(session, "on")
    await pond.unpublish(session, "lingers")
    assert await pond.moves(session) == ON


async def test_a_sign_of_life_of_who_has_left_is_no_picture(pond):
    session = await pond.session(await pond.room())
    await pond.publish(session)
    await pond.unpublish(session)
    await pond.alive(session)
    assert await pond.state(session) == "interrupted"


async def test_many_calls_at_once_come_one_after_the_other(pond):
    session = await pond.session(await pond.room())
    key = await pond.key(session)
    calls = [pond.publish(session, "same", key=key) for _ in range(6)] + [pond.stop(session) for _ in range(2)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    moves = await pond.moves(session)
    assert moves in (["scheduled>ended hand"], [*ON, "live>ended hand"]), (moves, answers)
    assert await pond.state(session) == "ended"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: key[:0],
        lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
        lambda key: "f" + key,
        lambda key: key.partition(".")[0],
        lambda key: key[:0] + "é" * 300,
        lambda key: f"{key}.{key}",
        lambda key: "\udcff" + key,
    ],
)
async def test_a_wrong_key_opens_nothing(pond, spoil):
    session = await pond.session(await pond.room())
    report = Report(session.place, "obs", spoil(await pond.key(session)))
    for call in (reports.admit, reports.published, reports.alive):
        with pytest.raises(PublishRefused) as refusal:
            await call(pond.ingest, report)
        assert refusal.value.reason == "key"
    assert await pond.state(session) == "scheduled"


async def test_a_key_is_of_its_place_alone(pond):
    room = await pond.room()
    session, rehearsal = await pond.session(room), await pond.session(room, rehearsal=True)
    other = await pond.session(await pond.room())
    for wrong in (rehearsal, other):
        with pytest.raises(PublishRefused):
            await pond.publish(session, key=await pond.key(wrong))
    await pond.publish(rehearsal)
    assert [await pond.state(row) for row in (session, rehearsal)] == ["scheduled", "live"]


async def test_an_expired_key_begins_nothing_but_keeps_what_is_on(pond):
    session = await pond.session(await pond.room())
    key = await pond.key(session, ttl_s=60)
    await pond.publish(session, key=key)
    pond.shop.clock.advance(s=60)
    await pond.alive(session, key=key)
    with pytest.raises(PublishRefused):
        await pond.publish(session, "other", key=key)


async def test_keys_that_are_taken_back_are_worth_nothing_and_end_who_is_on(pond):
    session = await pond.session(await pond.room())
    key = await pond.key(session)
    await pond.publish(session, key=key)
    await pushing.revoke_room_keys(pond.studio, pond.by, session.room_id)
    for call in (pond.publish, pond.alive):
        with pytest.raises(PublishRefused):
            await call(session, key=key)
    await pond.publish(session, "again")


async def test_no_picture_is_taken_where_nothing_is_to_be_shown(pond):
    session = await pond.session(await pond.room())
    key = await pond.key(session)
    await pond.publish(session, key=key)
    await pond.stop(session)
    for call in (pond.publish, pond.alive):
        with pytest.raises(PublishRefused) as refusal:
            await call(session, key=key)
        assert refusal.value.reason == "no_session"
    await rooms.archive_room(pond.rooms, pond.by, session.room_id)
    with pytest.raises(PublishRefused) as refusal:
        await pond.publish(session, key=key)
    assert refusal.value.reason == "room"


async def test_streams_that_are_none_of_ours_are_refused_and_their_leaving_is_nothing(pond):
    for place in ("", "stream", pond.shop.ids.new(), "../../etc"):
        with pytest.raises(PublishRefused):
            await reports.published(pond.ingest, Report(place, "obs", "key"))
        await reports.unpublished(pond.ingest, Report(place, "obs"))
    session = await pond.session(await pond.room())
    for client in ("", "x" * 201):
        with pytest.raises(PublishRefused):
            await pond.publish(session, client)


async def test_to_be_admitted_begins_nothing(pond):
    session = await pond.session(await pond.room())
    await reports.admit(pond.ingest, Report(session.place, "obs", await pond.key(session)))
    assert await pond.state(session) == "scheduled"


async def test_a_session_that_a_hand_begins_waits_for_the_hand(pond):
    session = await pond.session(await pond.room(), autostart=False)
    await pond.publish(session)
    assert await pond.state(session) == "scheduled"
    assert (await pond.start(session)).quiet_since is None, "the picture is there already"


async def test_a_session_begun_by_hand_without_a_picture_gets_it_without_a_move(pond):
    session = await pond.session(await pond.room())
    assert (await pond.start(session)).quiet_since is not None
    await pond.publish(session)
    (row,) = await pond.run("SELECT quiet_since FROM session")
    assert row["quiet_since"] is None
    assert await pond.moves(session) == ["scheduled>live hand"]


async def test_a_picture_that_never_was_is_not_lost(pond):
    session = await pond.session(await pond.room())
    await pond.start(session)
    await pond.unpublish(session, "nobody")
    assert await pond.state(session) == "live"
