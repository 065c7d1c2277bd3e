"""The law of the room, for shelf, pin and talk: an old snapshot and the events since make the fresh snapshot."""

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from live.moderation import announce, remove_comment, rule
from live.parts import parts_of
from live.pins import pin, unpin
from live.sampling import Comment
from live.scene import EMPTY, fold
from live.sessions import start_session, stop_session
from live.shelf import SlotWish, hide_slot, set_shelf
from live.store_comments import Entry, record
from live.store_parts import REMOVED_MAX
from live.talk_rules import CommentState
from tests.inventory.selling import make_merchant
from tests.live.studios import end_session, link, make_session
from tests.live.talks import Room, open_talk

USUAL = {"slow_mode_s": 0, "review": False, "muted_all": False}


@pytest.fixture
async def room(database_url: str, redis_url: str) -> AsyncIterator[Room]:
    async with open_talk(database_url, redis_url) as room:
        yield room


async def snapshot(room: Room, merchant_id: str = "", place: str = "") -> dict[str, Any]:
    """All parts, as whoever comes in now gets them."""
    merchant_id, place = merchant_id or room.place.merchant_id, place or room.venue.place
    return {name: await read(merchant_id, place) for name, read in parts_of(room.place.shop.ledger).items()}


def folded(scene: dict[str, Any], kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """These parts of the scene after an event, as the gateway and the clients have them."""
    whole = fold({**EMPTY, **scene}, kind, body)
    return {name: whole[name] for name in scene}


async def test_an_old_snapshot_and_the_events_since_make_the_fresh_one(room: Room):
    studio, by, at, dice = room.place.studio, room.place.by, room.air, random.Random(7)
    said = [(await room.say(room.viewer(), f"comment {n}")).id for n in range(9)]
    item_id = at.sale.item_ids[0]
    scene = await snapshot(room)
    moves = [
        lambda: pin(studio, by, at.session_id, 1),
        lambda: unpin(studio, by, at.session_id),
        lambda: hide_slot(studio, by, at.session_id, item_id, hidden=True),
        lambda: set_shelf(studio, by, at.session_id, [SlotWish(1, item_id)]),
        lambda: rule(studio, by, at.room_id, {"slow_mode_s": dice.randrange(9)}),
        lambda: announce(studio, by, at.session_id, f"At {dice.randrange(9)}"),
        lambda: remove_comment(studio, by, at.room_id, said.pop()),
    ]
    for move in [*moves, *dice.choices(moves[:6], k=20)]:
        await set_shelf(studio, by, at.session_id, [SlotWish(1, item_id)])
        room.place.heard.events.clear()
        before = await snapshot(room)
        await move()
        scene = before
        for place, kind, body in room.place.heard.events:
            assert place == room.venue.place
            scene = folded(scene, kind, body)
        assert scene == await snapshot(room)


async def test_a_new_session_brings_its_shelf_and_the_end_of_one_takes_its_pin(room: Room):
    studio, by, at = room.place.studio, room.place.by, room.air
    await pin(studio, by, at.session_id, 1)
    before = await snapshot(room)
    room.place.heard.events.clear()
    await end_session(room.place, at.session_id)
    room.place.shop.clock.advance(s=60)
    coming = await make_session(room.place.shop, at.room_id, started=False)
    await link(room.place.shop, coming, at.sale.id)
    await start_session(studio, by, coming)
    scene = before
    for _, kind, body in room.place.heard.events:
        scene = folded(scene, kind, body)
    assert scene == await snapshot(room)
    assert (scene["pin"], scene["shelf"]) == (None, {"slots": []})


async def test_an_announcement_goes_with_its_session_and_not_with_another(room: Room):
    studio, by, at = room.place.studio, room.place.by, room.air
    coming = await make_session(room.place.shop, at.room_id, started=False)
    await announce(studio, by, at.session_id, "At nine: brushes")
    called_off = await make_session(room.place.shop, at.room_id, started=False)
    await stop_session(studio, by, called_off)
    assert (await snapshot(room))["announcement"]["text"] == "At nine: brushes"
    for session_id, text in ((at.session_id, "Good night"), (coming, "Not tomorrow")):
        await announce(studio, by, session_id, text)
        before = await snapshot(room)
        assert before["announcement"]["text"] == text
        room.place.heard.events.clear()
        await stop_session(studio, by, session_id)
        scene = before
        for _, kind, body in room.place.heard.events:
            scene = folded(scene, kind, body)
        assert scene["announcement"] is None
        assert scene == await snapshot(room)


async def test_the_comments_that_were_removed_last_are_known(room: Room):
    venue, at_ms = room.venue, room.place.shop.clock.ms()
    comments = [Comment(room.place.shop.ids.new(), room.viewer().viewer_id, None, "rude", at_ms) for _ in range(60)]
    await record(room.place.shop.pool, [Entry(venue, comment, CommentState.SHOWN) for comment in comments])
    for comment in comments:
        room.place.shop.clock.advance(ms=1)
        await remove_comment(room.place.studio, room.place.by, room.air.room_id, comment.id)
    assert (await snapshot(room))["removed"] == [comment.id for comment in comments][-REMOVED_MAX:]


async def test_a_place_where_nothing_happened_is_empty(room: Room):
    empty: dict[str, Any] = {"shelf": {"slots": []}, "pin": None, "talk": USUAL, "announcement": None, "removed": []}
    assert await snapshot(room, place=room.place.shop.ids.new()) == empty
    stranger = await make_merchant(room.place.shop.selling)
    assert await snapshot(room, merchant_id=stranger.merchant_id) == empty


async def test_a_rehearsal_talks_as_its_room_and_hears_of_it(room: Room):
    rehearsal = await make_session(room.place.shop, room.air.room_id, rehearsal=True)
    await rule(room.place.studio, room.place.by, room.air.room_id, {"slow_mode_s": 3})
    assert (rehearsal, "talk.ruled", USUAL | {"slow_mode_s": 3}) in room.place.heard.events
    assert (await snapshot(room, place=rehearsal))["talk"] == USUAL | {"slow_mode_s": 3}
