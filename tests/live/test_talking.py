"""Everybody who speaks gets an answer, what is shown is on record, and one pace holds over all gateways."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from keel.errors import Malformed, NotFound, Refusal, Unavailable
from live.errors_talk import CommentRepeated, Muted, TalkTooFast
from live.gate_talk import BURST, SAME_MS, TOKEN_MS
from live.moderation import rule, silence
from live.sampling import SHOWN_PER_TICK_MAX
from live.store_comments import Venue, recent
from live.talk_rules import Silence, Speaker
from live.talking import Said, digest_of
from tests.inventory.selling import make_merchant
from tests.live.talks import Room, another_process, open_talk


@pytest.fixture
async def room(database_url: str, redis_url: str) -> AsyncIterator[Room]:
    async with open_talk(database_url, redis_url) as room:
        yield room


async def test_a_comment_is_answered_recorded_and_shown(room: Room):
    hua = room.viewer()
    said = await room.say(hua, "  how much\nis the long one? ")
    assert not said.waits
    await room.talk.tick()
    (shown,) = room.shown()
    assert (shown["id"], shown["author"], shown["text"]) == (said.id, "Hua", "how much is the long one?")
    (kept,) = await room.comments()
    assert (kept["id"], kept["author_id"], kept["state"]) == (said.id, hua.viewer_id, "shown")
    (again,) = await recent(room.place.shop.pool, room.place.merchant_id, room.air.room_id, room.venue.place, count=20)
    assert (again.id, again.text, again.at_ms) == (said.id, "how much is the long one?", said.at_ms)


async def test_a_comment_that_could_not_be_kept_may_be_said_again(room: Room):
    await rule(room.place.studio, room.place.by, room.air.room_id, {"slow_mode_s": 10})
    hua, pool = room.viewer(), room.place.shop.pool
    await pool.execute("ALTER TABLE comment RENAME TO away")
    with pytest.raises(Unavailable):
        await room.say(hua, "how much?")
    await pool.execute("ALTER TABLE away RENAME TO comment")
    said = await room.say(hua, "how much?")
    await room.talk.tick()
    assert [comment["id"] for comment in room.shown()] == [said.id]
    with pytest.raises(TalkTooFast):
        await room.say(hua, "how much?")


async def test_a_customers_name_is_that_of_the_profile(room: Room):
    hua, shop, merchant_id = Speaker(room.place.shop.ids.new()), room.place.shop, room.place.merchant_id
    await shop.pool.execute("INSERT INTO customer VALUES ($1, $2, $3)", hua.viewer_id, merchant_id, shop.clock.now())
    profile = "INSERT INTO customer_profile VALUES ($1, $2, $3)"
    await shop.pool.execute(profile, merchant_id, hua.viewer_id, "Hua of the mill")
    await room.say(hua, "one")
    await shop.pool.execute("DELETE FROM customer_profile")
    await room.say(hua, "two")
    await room.talk.tick()
    assert [(comment["author"], comment["text"]) for comment in room.shown()] == [
        ("Hua of the mill", "one"),
        (None, "two"),
    ]


async def test_under_a_flood_everybody_is_answered_and_viewers_read_a_sample(room: Room):
    speakers = [room.viewer(f"v{n}") for n in range(400)]
    answers = await asyncio.gather(*(room.say(speaker, f"I am {speaker.name}") for speaker in speakers))
    assert all(isinstance(answer, Said) for answer in answers)
    assert len(await room.comments()) == 400
    await room.talk.tick()
    shown = room.shown()
    assert len(shown) == SHOWN_PER_TICK_MAX
    assert len({comment["author_id"] for comment in shown}) == SHOWN_PER_TICK_MAX


async def test_a_viewer_who_speaks_too_often_is_told_how_long_to_wait(room: Room):
    hua = room.viewer()
    for n in range(BURST):
        await room.say(hua, f"comment {n}")
    with pytest.raises(TalkTooFast) as refused:
        await room.say(hua, "one more")
    assert refused.value.retry_after_ms == TOKEN_MS
    assert refused.value.slow_mode_s is None
    room.place.shop.clock.advance(ms=TOKEN_MS)
    await room.say(hua, "one more")
    assert len(await room.comments()) == BURST + 1


async def test_slow_mode_holds_over_all_gateways_and_says_how_long(room: Room):
    await rule(room.place.studio, room.place.by, room.air.room_id, {"slow_mode_s": 10})
    other, hua = another_process(room.place), room.viewer()
    await room.say(hua, "one")
    room.place.shop.clock.advance(s=4)
    with pytest.raises(TalkTooFast) as refused:
        await other.say(room.venue, hua, "two")
    assert (refused.value.retry_after_ms, refused.value.slow_mode_s) == (6_000, 10)
    room.place.shop.clock.advance(s=6)
    await other.say(room.venue, hua, "two")


async def test_of_many_comments_at_once_on_two_gateways_slow_mode_lets_one_through(room: Room):
    await rule(room.place.studio, room.place.by, room.air.room_id, {"slow_mode_s": 10})
    other, hua = another_process(room.place), room.viewer()
    talks = [room.talk, other] * 5
    answers = await asyncio.gather(
        *(talk.say(room.venue, hua, f"comment {n}") for n, talk in enumerate(talks)), return_exceptions=True
    )
    assert sum(isinstance(answer, Said) for answer in answers) == 1
    assert sum(isinstance(answer, TalkTooFast) for answer in answers) == 9


async def test_the_same_again_is_refused_however_it_is_spelled(room: Room):
    hua = room.viewer()
    await room.say(hua, "Add me!")
    room.place.shop.clock.advance(s=10)
    with pytest.raises(CommentRepeated) as refused:
        await another_process(room.place).say(room.venue, hua, "ADD  me")
    assert refused.value.retry_after_ms == SAME_MS - 10_000
    await room.say(room.viewer("Lan"), "Add me!")
    room.place.shop.clock.advance(ms=SAME_MS)
    await room.say(hua, "Add me!")


def test_smileys_alone_are_not_all_the_same():
    assert digest_of("🙂") != digest_of("🙃")


async def test_moderators_are_exempt(room: Room):
    await rule(
        room.place.studio, room.place.by, room.air.room_id, {"slow_mode_s": 60, "muted_all": True, "review": True}
    )
    moderator = Speaker(room.place.shop.ids.new(), "Mo", moderates=True)
    for _ in range(BURST * 2):
        assert not (await room.say(moderator, "welcome")).waits


async def test_what_a_moderator_decides_reaches_a_process_with_its_next_reading(room: Room):
    hua = room.viewer()
    await room.say(hua, "one")
    await silence(
        room.place.studio, room.place.by, room.air.room_id, hua.viewer_id, Silence.MUTE, for_s=60, reason=None
    )
    await room.talk.book.tick()
    with pytest.raises(Muted):
        await room.say(hua, "two")
    room.place.shop.clock.advance(s=60)
    await room.say(hua, "two")


async def test_who_is_shadowed_is_answered_like_everybody_and_read_by_nobody(room: Room):
    hua, lan = room.viewer(), room.viewer("Lan")
    await silence(
        room.place.studio, room.place.by, room.air.room_id, hua.viewer_id, Silence.SHADOW, for_s=60, reason="spam"
    )
    mine, other = await room.say(hua, "buy at mine"), await room.say(lan, "how much?")
    assert (mine.waits, mine.at_ms) == (other.waits, other.at_ms)
    await room.talk.tick()
    assert [comment["id"] for comment in room.shown()] == [other.id]
    assert [row["state"] for row in await room.comments()] == ["shadowed", "shown"]


async def test_a_rehearsal_is_read_in_the_rehearsal_alone(room: Room):
    rehearsal = Venue(room.place.merchant_id, room.air.room_id, room.air.session_id, room.air.session_id)
    await room.talk.say(rehearsal, room.viewer(), "testing")
    await room.talk.tick()
    assert {place for place, _, _ in room.place.heard.values} == {room.air.session_id}
    assert (
        await recent(room.place.shop.pool, rehearsal.merchant_id, rehearsal.room_id, rehearsal.room_id, count=9) == []
    )


async def test_a_forgetful_redis_forgets_the_pace_and_nobody_who_is_silenced(room: Room):
    hua, lan = room.viewer(), room.viewer("Lan")
    await rule(room.place.studio, room.place.by, room.air.room_id, {"slow_mode_s": 60})
    await silence(
        room.place.studio, room.place.by, room.air.room_id, lan.viewer_id, Silence.MUTE, for_s=60, reason=None
    )
    await room.say(hua, "one")
    await room.place.shop.redis.flushdb()
    await room.say(hua, "two")
    with pytest.raises(Muted):
        await room.say(lan, "one")


async def test_bad_input_and_foreign_rooms_are_refused_and_nothing_is_kept(room: Room):
    stranger = await make_merchant(room.place.shop.selling)
    foreign = Venue(stranger.merchant_id, room.air.room_id, room.air.room_id)
    for venue, text, refusal in (
        (room.venue, "", Malformed),
        (room.venue, "x" * 1_000_000, Malformed),
        (foreign, "hello", NotFound),
        (Venue(room.place.merchant_id, room.place.shop.ids.new(), room.air.room_id), "hello", NotFound),
    ):
        with pytest.raises(refusal):
            await room.talk.say(venue, room.viewer(), text)
    assert await room.comments() == []


async def test_without_its_engines_everybody_is_told_to_try_again(database_url, redis_url):
    async with open_talk(database_url, redis_url) as room:
        await room.say(room.viewer(), "one")
        await room.place.shop.pool.close()
        with pytest.raises(Unavailable):
            await room.say(room.viewer(), "two")
        assert isinstance(await asyncio.gather(room.say(room.viewer(), "three"), return_exceptions=True), list)
        await room.talk.tick()
        assert len(room.shown()) == 1, "what is not on record is not shown"
        assert issubclass(Unavailable, Refusal)
