"""A process knows what staff decided within one reading, reads no more than changed, and goes on where it cannot."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from inventory.faults import LedgerFault
from keel.errors import NotFound
from live.moderation import rule, silence
from live.store_comments import PIECE
from live.talk_book import IDLE_S, TalkBook
from live.talk_rules import Rules, Silence
from live.word_filter import Action
from live.wording import WordWish, add_words
from tests.journeys.statements import listening
from tests.live.studios import Place, make_room, open_studio


@pytest.fixture
async def place(database_url: str, redis_url: str) -> AsyncIterator[Place]:
    async with open_studio(database_url, redis_url) as place:
        yield place


MANY = """
    INSERT INTO talk_silence (id, room_id, viewer_id, kind, merchant_id, until, set_by, at)
    SELECT id, :room_id, id, 'mute', :merchant_id, :until, 'hua', :until FROM unnest(CAST(:ids AS uuid[])) AS id
    RETURNING 1
"""


def book_of(place: Place) -> TalkBook:
    return TalkBook(place.shop.pool, place.shop.clock, lambda: place.shop.clock.ms() / 1_000)


async def test_a_room_nobody_ruled_has_the_usual_rules(place: Place):
    talk = await book_of(place).get(place.merchant_id, await make_room(place.shop))
    assert (talk.rules, talk.silences, talk.words.judge("anything")) == (Rules(), {}, None)


async def test_a_change_is_known_after_one_reading_and_nothing_else_is_read_again(place: Place):
    book, room_id, other = book_of(place), await make_room(place.shop), await make_room(place.shop)
    for known in (room_id, other):
        await book.get(place.merchant_id, known)
    with listening() as heard:
        await book.tick()
        assert len(heard) == 1, "one small question for all rooms"
    kept = await book.get(place.merchant_id, other)
    await rule(place.studio, place.by, room_id, {"review": True})
    await silence(place.studio, place.by, room_id, place.shop.ids.new(), Silence.MUTE, for_s=60, reason=None)
    await book.tick()
    talk = await book.get(place.merchant_id, room_id)
    assert (talk.rules.review, len(talk.silences)) == (True, 1)
    assert await book.get(place.merchant_id, other) is kept


async def test_new_words_hold_in_every_room_of_the_merchant(place: Place):
    book, rooms = book_of(place), [await make_room(place.shop) for _ in range(3)]
    for room_id in rooms:
        await book.get(place.merchant_id, room_id)
    await add_words(place.studio, place.by, [WordWish("scam", Action.REFUSE)])
    await book.tick()
    talks = [await book.get(place.merchant_id, room_id) for room_id in rooms]
    assert {talk.words.judge("a scam") for talk in talks} == {Action.REFUSE}
    assert len({id(talk.words) for talk in talks}) == 1, "one list of words for all of them"


async def test_a_room_with_many_silences_and_words_is_read_whole(place: Place):
    book, room_id = book_of(place), await make_room(place.shop)
    values = {
        "room_id": room_id,
        "merchant_id": place.merchant_id,
        "until": place.shop.clock.now() + timedelta(hours=1),
    }
    made = [place.shop.ids.new() for _ in range(2 * PIECE + 1)]
    await place.shop.rows(MANY, **values, ids=made)
    for first in range(0, 2 * PIECE, PIECE):
        await add_words(place.studio, place.by, [WordWish(f"word{first + n}x", Action.REFUSE) for n in range(PIECE)])
    talk = await book.get(place.merchant_id, room_id)
    assert {viewer for viewer, _ in talk.silences} == set(made)
    assert talk.words.judge(f"word{2 * PIECE - 1}x") is Action.REFUSE


async def test_rooms_that_nobody_asks_for_are_forgotten(place: Place):
    book, room_id = book_of(place), await make_room(place.shop)
    first = await book.get(place.merchant_id, room_id)
    place.shop.clock.advance(s=IDLE_S - 1)
    assert book.known(room_id) is first, "whoever looks keeps it"
    place.shop.clock.advance(s=2)
    await book.tick()
    assert book.known(room_id) is first
    place.shop.clock.advance(s=IDLE_S + 1)
    await book.tick()
    assert book.known(room_id) is None
    assert await book.get(place.merchant_id, room_id) is not first


async def test_where_postgresql_is_silent_what_was_known_stays_in_force(place: Place):
    book, room_id = book_of(place), await make_room(place.shop)
    await rule(place.studio, place.by, room_id, {"muted_all": True})
    await book.get(place.merchant_id, room_id)
    await place.shop.pool.close()
    with pytest.raises(LedgerFault):
        await book.tick()
    assert (await book.get(place.merchant_id, room_id)).rules.muted_all


async def test_no_room_and_another_merchants_room_look_alike(place: Place):
    book, room_id = book_of(place), await make_room(place.shop)
    for merchant_id, asked in ((place.shop.ids.new(), room_id), (place.merchant_id, place.shop.ids.new())):
        with pytest.raises(NotFound) as refused:
            await book.get(merchant_id, asked)
        assert refused.value.what == "room"
