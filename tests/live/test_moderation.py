"""Moderators decide once, everybody hears of it, and it is on record who decided."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from keel.errors import Conflict, NotFound
from live import moderation
from live.errors_talk import CommentRefused, TalkClosed
from live.moderation import announce, approve, lift, list_comments, list_silences, reject, remove_comment, rule, silence
from live.roomlog import LogSilent
from live.talk_rules import CommentState, Rules, Silence, banned
from live.word_filter import WORDS_MAX, Action
from live.wording import WordWish, add_words, list_words, remove_word
from tests.eventually import eventually_async
from tests.inventory.selling import make_merchant
from tests.live.studios import end_session
from tests.live.talks import Room, open_talk

AUDIT = "SELECT command FROM staff_audit WHERE command NOT LIKE 's%' ORDER BY id"


@pytest.fixture
async def room(database_url: str, redis_url: str) -> AsyncIterator[Room]:
    async with open_talk(database_url, redis_url) as room:
        yield room


async def waiting(room: Room, text: str = "how much?") -> str:
    """A comment in the moderators' queue."""
    await rule(room.place.studio, room.place.by, room.air.room_id, {"review": True})
    await room.talk.book.tick()
    said = await room.say(room.viewer(), text)
    assert said.waits
    return said.id


async def commands(room: Room) -> list[str]:
    return [row["command"] for row in await room.place.shop.rows(AUDIT)]


async def test_rules_are_told_and_hold(room: Room):
    studio, by, room_id = room.place.studio, room.place.by, room.air.room_id
    assert await moderation.read_rules(studio, by, room_id) == Rules()
    await rule(studio, by, room_id, {"slow_mode_s": 5})
    assert await rule(studio, by, room_id, {"muted_all": True}) == Rules(slow_mode_s=5, muted_all=True)
    told = {"slow_mode_s": 5, "review": False, "muted_all": True}
    assert room.place.heard.events[-1] == (room_id, "talk.ruled", told)
    with pytest.raises(TalkClosed):
        await room.say(room.viewer(), "hello")
    assert await commands(room) == ["talk.rule", "talk.rule"]


async def test_a_comment_is_removed_from_every_screen_once(room: Room):
    said = await room.say(room.viewer(), "rude")
    answers = await asyncio.gather(
        *(remove_comment(room.place.studio, room.place.by, room.air.room_id, said.id) for _ in range(4))
    )
    assert {row.state for row in answers} == {"removed"}
    assert room.place.heard.kinds().count("comment.removed") == 1
    assert room.place.heard.last("comment.removed") == {"comment_id": said.id}
    assert await commands(room) == ["comment.remove"]
    assert [row["text"] for row in await room.comments()] == ["rude"], "it stays on record"


async def test_a_comment_that_waits_is_shown_once_it_is_approved(room: Room):
    comment_id = await waiting(room)
    await room.talk.tick()
    assert room.shown() == []
    queue: Any = {"state": CommentState.WAITING, "author_id": None, "below": None, "count": 9}
    (row,) = await list_comments(room.place.studio, room.place.by, room.air.room_id, **queue)
    assert row.id == comment_id
    await approve(room.place.studio, room.place.by, room.air.room_id, comment_id)
    assert [comment["id"] for comment in room.shown()] == [comment_id]
    assert await list_comments(room.place.studio, room.place.by, room.air.room_id, **queue) == []


class Silent:
    """A log whose Redis gives no answer."""

    async def publish(self, place: str, event_id: str, kind: str, body: bytes) -> None:
        raise LogSilent

    async def put(self, place: str, kind: str, body: bytes) -> None:
        raise LogSilent


async def test_what_is_approved_stays_approved_when_redis_is_silent(room: Room):
    comment_id = await waiting(room)
    studio = replace(room.place.studio, log=Silent())
    assert (await approve(studio, room.place.by, room.air.room_id, comment_id)).state == "shown"
    assert [row["state"] for row in await room.comments()] == ["shown"]


async def test_of_two_moderators_who_decide_at_once_one_decides(room: Room):
    for _ in range(4):
        comment_id = await waiting(room)
        answers = await asyncio.gather(
            approve(room.place.studio, room.place.by, room.air.room_id, comment_id),
            reject(room.place.studio, room.place.by, room.air.room_id, comment_id),
            return_exceptions=True,
        )
        assert sorted(isinstance(answer, Conflict) for answer in answers) == [False, True]
        state = (await room.place.shop.rows("SELECT state FROM comment WHERE id = :id", id=comment_id))[0]["state"]
        assert (state == "shown") == (comment_id in {comment["id"] for comment in room.shown()})


async def test_a_silence_runs_until_its_end_or_until_it_is_lifted(room: Room):
    studio, by, room_id, lan = room.place.studio, room.place.by, room.air.room_id, room.viewer("Lan")
    row = await silence(studio, by, room_id, lan.viewer_id, Silence.BAN, for_s=60, reason="threats")
    longer = await silence(studio, by, room_id, lan.viewer_id, Silence.BAN, for_s=600, reason="threats")
    assert (longer.id, longer.until > row.until) == (row.id, True)
    talk = await room.talk.book.get(room.place.merchant_id, room_id)
    refusal = banned(talk, lan.people, room.place.shop.clock.ms())
    assert refusal is not None
    assert refusal.until == "2027-01-15T08:10:00.000Z"
    assert [known.id for known in await list_silences(studio, by, room_id, below=None, count=9)] == [row.id]
    await lift(studio, by, room_id, row.id)
    await room.talk.book.tick()
    talk = await room.talk.book.get(room.place.merchant_id, room_id)
    assert banned(talk, lan.people, room.place.shop.clock.ms()) is None
    with pytest.raises(NotFound):
        await lift(studio, by, room_id, row.id)


async def test_one_who_lifts_and_one_who_silences_do_not_lock_each_other_out(room: Room):
    studio, by, room_id, lan = room.place.studio, room.place.by, room.air.room_id, room.viewer("Lan")
    row = await silence(studio, by, room_id, lan.viewer_id, Silence.BAN, for_s=60, reason=None)
    pool = room.place.shop.pool

    async def wait(count: int) -> None:
        async def waits() -> bool:
            return bool(await pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") >= count)

        await eventually_async(waits)

    async with asyncio.TaskGroup() as group, pool.acquire() as other, other.transaction():
        await other.execute("SELECT 1 FROM talk WHERE room_id = $1 FOR UPDATE", room_id)
        group.create_task(silence(studio, by, room_id, lan.viewer_id, Silence.BAN, for_s=90, reason=None))
        await wait(1)
        group.create_task(lift(studio, by, room_id, row.id))
        await wait(2)
    assert await list_silences(studio, by, room_id, below=None, count=9) == []


async def test_a_room_has_so_many_silences_and_no_more(room: Room, monkeypatch):
    monkeypatch.setattr(moderation, "SILENCES_PER_ROOM_MAX", 2)
    studio, by, room_id = room.place.studio, room.place.by, room.air.room_id
    answers = await asyncio.gather(
        *(silence(studio, by, room_id, room.viewer().viewer_id, Silence.MUTE, for_s=9, reason=None) for _ in range(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, Conflict) for answer in answers) == 3


async def test_words_are_refused_or_read_first_within_one_reading(room: Room):
    studio, by = room.place.studio, room.place.by
    await room.say(room.viewer(), "a scam")
    wishes = [WordWish("ＳＣＡＭ", Action.REFUSE), WordWish("scam", Action.REFUSE), WordWish("vx", Action.REVIEW)]
    assert await add_words(studio, by, wishes) == 2
    await room.talk.book.tick()
    with pytest.raises(CommentRefused):
        await room.say(room.viewer(), "another s c a m")
    assert (await room.say(room.viewer(), "my vx: 123")).waits
    for word in await list_words(studio, by, below=None, count=9):
        await remove_word(studio, by, word.id)
    await room.talk.book.tick()
    await room.say(room.viewer(), "another s c a m")
    stranger = await make_merchant(room.place.shop.selling)
    assert await list_words(studio, stranger, below=None, count=9) == []


async def test_a_merchant_has_so_many_words_and_no_more(room: Room):
    studio, by = room.place.studio, room.place.by
    for first in range(0, WORDS_MAX, 500):
        await add_words(studio, by, [WordWish(f"word{first + n}x", Action.REFUSE) for n in range(500)])
    with pytest.raises(Conflict):
        await add_words(studio, by, [WordWish("one too many", Action.REFUSE)])


async def test_an_announcement_is_told_to_who_watches(room: Room):
    row = await announce(room.place.studio, room.place.by, room.air.session_id, "At nine: brushes")
    told = {"id": row.id, "text": "At nine: brushes", "at": "2027-01-15T08:00:00.000Z"}
    assert room.place.heard.events[-1] == (room.air.room_id, "announced", told)
    await end_session(room.place, room.air.session_id)
    with pytest.raises(Conflict):
        await announce(room.place.studio, room.place.by, room.air.session_id, "Too late")


async def test_another_merchants_room_is_none(room: Room):
    stranger = await make_merchant(room.place.shop.selling)
    said = await room.say(room.viewer(), "hello")
    studio, room_id, viewer = room.place.studio, room.air.room_id, room.viewer().viewer_id
    for ask in (
        rule(studio, stranger, room_id, {"muted_all": True}),
        silence(studio, stranger, room_id, viewer, Silence.BAN, for_s=9, reason=None),
        remove_comment(studio, stranger, room_id, said.id),
        approve(studio, stranger, room_id, said.id),
        announce(studio, stranger, room.air.session_id, "ours now"),
    ):
        with pytest.raises(NotFound):
            await ask
    assert (await room.comments())[0]["state"] == "shown"
