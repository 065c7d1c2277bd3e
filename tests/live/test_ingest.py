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


async def test_the_picture_begins_a_session_and_its_loss_interrupts_it(stage):
    session = await stage.session(await stage.room())
    await stage.publish(session, "first")
    assert await stage.state(session) == "live"
    await stage.unpublish(session, "first")
    assert await stage.state(session) == "interrupted"
    await stage.publish(session, "second")
    assert await stage.moves(session) == [*OFF, "interrupted>live picture"]
    assert [kind for _, kind, _ in stage.log.events] == ["session.moved"] * 4


async def test_calls_that_come_twice_change_nothing(stage):
    session = await stage.session(await stage.room())
    for _ in range(3):
        await stage.publish(session)
    for _ in range(3):
        await stage.unpublish(session)
    assert await stage.moves(session) == OFF


async def test_the_old_encoders_leaving_never_ends_the_new_ones_picture(stage):
    session = await stage.session(await stage.room())
    await stage.publish(session, "old")
    await stage.publish(session, "new")
    await stage.unpublish(session, "old")
    assert await stage.moves(session) == ON
    await stage.unpublish(session, "new")
    assert await stage.moves(session) == OFF


async def test_a_coming_that_is_heard_after_the_leaving_is_none(stage):
    session = await stage.session(await stage.room())
    await stage.unpublish(session, "late")
    with pytest.raises(PublishRefused) as refusal:
        await stage.publish(session, "late")
    assert refusal.value.reason == "gone"
    assert await stage.moves(session) == []
    stage.shop.clock.advance(ms=GONE_FOR_MS + 1)
    await stage.publish(session, "late")
    assert await stage.moves(session) == ON, "an id that a media server gives again, long after"


@pytest.mark.parametrize("order", list(permutations(["+old", "-old", "+new"])), ids=" ".join)
async def test_whatever_the_order_whoever_still_publishes_is_the_picture(stage, order):
    session = await stage.session(await stage.room())
    for call in order:
        try:
            await (stage.publish if call[0] == "+" else stage.unpublish)(session, call[1:])
        except PublishRefused:
            assert order.index("-old") < order.index("+old")
    publishes = order.index("+new") > order.index("+old") or order.index("-old") < order.index("+old")
    if publishes:
        assert await stage.state(session) == "live"
    else:  # the old one's coming was heard last of the two, so it was the picture when it left
        assert await stage.state(session) == ("live" if order[-1] == "+old" else "interrupted")
        await stage.alive(session, "new")
        assert await stage.state(session) == "live", "the next sign of life puts it right"


async def test_an_encoder_that_the_media_server_turned_away_itself_does_not_stop_the_one_that_is_on(stage):
    session = await stage.session(await stage.room())
    await stage.publish(session, "on")
    await stage.publish(session, "turned-away")
    await stage.unpublish(session, "turned-away")
    await stage.alive(session, "on")
    assert await stage.state(session) == "live"


async def test_a_sign_of_life_of_who_has_left_is_no_picture(stage):
    session = await stage.session(await stage.room())
    await stage.publish(session)
    await stage.unpublish(session)
    await stage.alive(session)
    assert await stage.state(session) == "interrupted"


async def test_many_calls_at_once_come_one_after_the_other(stage):
    session = await stage.session(await stage.room())
    key = await stage.key(session)
    calls = [stage.publish(session, "same", key=key) for _ in range(6)] + [stage.stop(session) for _ in range(2)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    moves = await stage.moves(session)
    assert moves in (["scheduled>ended hand"], [*ON, "live>ended hand"]), (moves, answers)
    assert await stage.state(session) == "ended"


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
async def test_a_wrong_key_opens_nothing(stage, spoil):
    session = await stage.session(await stage.room())
    report = Report(session.place, "obs", spoil(await stage.key(session)))
    for call in (reports.admit, reports.published, reports.alive):
        with pytest.raises(PublishRefused) as refusal:
            await call(stage.ingest, report)
        assert refusal.value.reason == "key"
    assert await stage.state(session) == "scheduled"


async def test_a_key_is_of_its_place_alone(stage):
    room = await stage.room()
    session, rehearsal = await stage.session(room), await stage.session(room, rehearsal=True)
    other = await stage.session(await stage.room())
    for wrong in (rehearsal, other):
        with pytest.raises(PublishRefused):
            await stage.publish(session, key=await stage.key(wrong))
    await stage.publish(rehearsal)
    assert [await stage.state(row) for row in (session, rehearsal)] == ["scheduled", "live"]


async def test_an_expired_key_begins_nothing_but_keeps_what_is_on(stage):
    session = await stage.session(await stage.room())
    key = await stage.key(session, ttl_s=60)
    await stage.publish(session, key=key)
    stage.shop.clock.advance(s=60)
    await stage.alive(session, key=key)
    with pytest.raises(PublishRefused):
        await stage.publish(session, "other", key=key)


async def test_keys_that_are_taken_back_are_worth_nothing_and_end_who_is_on(stage):
    session = await stage.session(await stage.room())
    key = await stage.key(session)
    await stage.publish(session, key=key)
    await pushing.revoke_room_keys(stage.studio, stage.by, session.room_id)
    for call in (stage.publish, stage.alive):
        with pytest.raises(PublishRefused):
            await call(session, key=key)
    await stage.publish(session, "again")


async def test_no_picture_is_taken_where_nothing_is_to_be_shown(stage):
    session = await stage.session(await stage.room())
    key = await stage.key(session)
    await stage.publish(session, key=key)
    await stage.stop(session)
    for call in (stage.publish, stage.alive):
        with pytest.raises(PublishRefused) as refusal:
            await call(session, key=key)
        assert refusal.value.reason == "no_session"
    await rooms.archive_room(stage.rooms, stage.by, session.room_id)
    with pytest.raises(PublishRefused) as refusal:
        await stage.publish(session, key=key)
    assert refusal.value.reason == "room"


async def test_streams_that_are_none_of_ours_are_refused_and_their_leaving_is_nothing(stage):
    for place in ("", "stream", stage.shop.ids.new(), "../../etc"):
        with pytest.raises(PublishRefused):
            await reports.published(stage.ingest, Report(place, "obs", "key"))
        await reports.unpublished(stage.ingest, Report(place, "obs"))
    session = await stage.session(await stage.room())
    for client in ("", "x" * 201):
        with pytest.raises(PublishRefused):
            await stage.publish(session, client)


async def test_to_be_admitted_begins_nothing(stage):
    session = await stage.session(await stage.room())
    await reports.admit(stage.ingest, Report(session.place, "obs", await stage.key(session)))
    assert await stage.state(session) == "scheduled"


async def test_a_session_that_a_hand_begins_waits_for_the_hand(stage):
    session = await stage.session(await stage.room(), autostart=False)
    await stage.publish(session)
    assert await stage.state(session) == "scheduled"
    assert (await stage.start(session)).quiet_since is None, "the picture is there already"


async def test_a_session_begun_by_hand_without_a_picture_gets_it_without_a_move(stage):
    session = await stage.session(await stage.room())
    assert (await stage.start(session)).quiet_since is not None
    await stage.publish(session)
    (row,) = await stage.run("SELECT quiet_since FROM session")
    assert row["quiet_since"] is None
    assert await stage.moves(session) == ["scheduled>live hand"]


async def test_a_picture_that_never_was_is_not_lost(stage):
    session = await stage.session(await stage.room())
    await stage.start(session)
    await stage.unpublish(session, "nobody")
    assert await stage.state(session) == "live"
