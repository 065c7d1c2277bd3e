"""What viewers see of a room."""

import asyncio

import pytest

from keel.errors import NotFound, Unavailable
from live import rooms, sessions
from live.bills import FRESH_S, KNOWN_S, Bills, room_for_viewers, tag_of
from live.store_stage import bill_of
from tests.inventory.selling import open_sale
from tests.live.ponds import MEDIA


class Window:
    """Bills with a clock that stands still until it is moved."""

    def __init__(self, pond):
        self.at_s = 0.0
        self.pond, self.bills = pond, Bills(pond.rooms.sessions, lambda: self.at_s)

    async def see(self, room):
        """As everybody sees it, freshly."""
        self.at_s += FRESH_S
        return await self.again(room)

    async def again(self, room):
        return await room_for_viewers(self.bills, MEDIA, self.pond.shop.clock, room.id)


@pytest.fixture
def window(pond):
    return Window(pond)


async def test_a_room_shows_what_is_on_what_comes_and_where_to_watch(pond, window):
    room = await pond.room(cover_url="https://example.com/cover.jpg")
    seen = await window.see(room)
    assert (seen.state, seen.session, seen.schedule, seen.play) == ("idle", None, [], {})
    late, early = [await pond.session(room, starts_in_s=s, title=f"In {s}") for s in (900, 600)]
    seen = await window.see(room)
    assert (seen.state, seen.session.title) == ("scheduled", "In 600")
    assert [row.id for row in seen.schedule] == [early.id, late.id]
    assert seen.play == {}, "nobody watches the host set up"
    await pond.start(early)
    seen = await window.see(room)
    assert (seen.state, seen.session.id, seen.session.started_at) == ("live", early.id, pond.shop.clock.now())
    assert seen.play == {"hls": f"https://play.example.com/live/{room.id}.m3u8"}
    await pond.stop(early)
    await pond.stop(late)
    seen = await window.see(room)
    assert (seen.state, seen.session.id, seen.play) == ("ended", early.id, {}), "one that was called off never was"


async def test_an_interruption_is_shown_as_one(pond, window):
    room = await pond.room("By the pond")
    session = await pond.session(room)
    await pond.publish(session)
    await pond.unpublish(session)
    seen = await window.see(room)
    assert (seen.state, seen.session.title) == ("interrupted", "By the pond")


async def test_a_rehearsal_is_nowhere_to_be_seen(pond, window):
    room = await pond.room()
    rehearsal = await pond.session(room, rehearsal=True)
    await pond.start(rehearsal)
    seen = await window.see(room)
    assert (seen.state, seen.schedule) == ("idle", [])
    assert rehearsal.id not in seen.model_dump_json()
    with pytest.raises(NotFound):
        await room_for_viewers(window.bills, MEDIA, pond.shop.clock, rehearsal.id)


async def test_the_sales_of_a_session_are_named(pond, window):
    room, sale = await pond.room(), await open_sale(pond.shop)
    session = await pond.session(room)
    await sessions.link_sale(pond.rooms, pond.book, pond.by, session.id, sale.id)
    assert (await window.see(room)).session.sale_ids == [sale.id]


async def test_a_crowd_costs_one_reading_a_second(pond, window, monkeypatch):
    readings = 0
    room = await pond.room()

    async def counted(session, room_id):
        nonlocal readings
        readings += 1
        return await bill_of(session, room_id)

    monkeypatch.setattr("live.bills.bill_of", counted)
    window.at_s = 10.0
    await asyncio.gather(*(window.again(room) for _ in range(50)))
    for _ in range(5):
        with pytest.raises(NotFound):
            await room_for_viewers(window.bills, MEDIA, pond.shop.clock, pond.by.merchant_id)
    assert readings == 2, "one for what is there, one for what is not"


async def test_while_postgresql_is_away_a_room_is_shown_as_it_was(pond, window, monkeypatch):
    room, unknown = await pond.room(), await pond.room()
    await window.see(room)

    async def away(*_):
        raise Unavailable

    monkeypatch.setattr("live.bills.bill_of", away)
    assert (await window.see(room)).id == room.id
    with pytest.raises(Unavailable):
        await window.see(unknown)
    window.at_s += KNOWN_S
    with pytest.raises(Unavailable):
        await window.see(room)


async def test_the_tag_changes_with_what_is_shown_and_not_with_the_time(pond, window):
    room = await pond.room()
    session = await pond.session(room)
    first = await window.see(room)
    pond.shop.clock.advance(s=5)
    later = await window.see(room)
    assert (tag_of(later), later.server_time) != (tag_of(first), first.server_time)
    assert tag_of(later) == tag_of(first)
    await pond.start(session)
    assert tag_of(await window.see(room)) != tag_of(first)


async def test_a_room_that_is_put_away_is_not_there(pond, window):
    room = await pond.room()
    await rooms.archive_room(pond.rooms, pond.by, room.id)
    with pytest.raises(NotFound):
        await window.see(room)


async def test_the_memory_of_rooms_is_bounded(pond, monkeypatch):
    monkeypatch.setattr("live.bills.ROOMS_MAX", 2)
    window = Window(pond)
    for _ in range(4):
        await window.see(await pond.room())
    assert len(window.bills._seen) == 2
