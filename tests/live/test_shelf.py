"""The shelf of a session: numbered, in order, hidden or shown, and changed by one hand at a time."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from inventory.items import edit_item
from keel.errors import Conflict, Malformed, NotFound
from live import store_parts
from live.pins import pin
from live.roomlog import BODY_BYTES_MAX
from live.shelf import (
    SLOT_NO_MAX,
    SLOTS_MAX,
    SlotWish,
    hide_slot,
    read_shelf,
    set_shelf,
    shelf_body,
    tell_changed_shelves,
)
from live.store_shelf import Slot, is_on_shelf
from tests.inventory.selling import make_merchant, open_sale
from tests.live.studios import Place, end_session, link, make_room, make_session, on_air, open_studio

ID = "01900000-0000-7000-8000-000000000001"


@pytest.fixture
async def place(database_url: str, redis_url: str) -> AsyncIterator[Place]:
    async with open_studio(database_url, redis_url) as place:
        yield place


async def test_a_shelf_is_told_whole_in_its_order_without_what_is_hidden(place: Place):
    air = await on_air(place, units=[1, 1, 1])
    one, two, three = air.sale.item_ids
    wishes = [SlotWish(7, three), SlotWish(1, one, hidden=True), SlotWish(2, two)]
    shelf = await set_shelf(place.studio, place.by, air.session_id, wishes)
    assert [slot.no for slot in shelf.slots] == [7, 1, 2]
    told = place.heard.last("shelf.changed")
    assert [(slot["no"], slot["item_id"]) for slot in told["slots"]] == [(7, three), (2, two)]
    assert told["slots"][0]["price"] == 14_900
    assert told == shelf_body(shelf.slots)
    assert {place_id for place_id, _, _ in place.heard.events} == {air.room_id}


async def test_a_rehearsals_shelf_is_shown_in_the_rehearsal_alone(place: Place):
    air = await on_air(place, rehearsal=True)
    assert {place_id for place_id, _, _ in place.heard.events} == {air.session_id}


async def test_a_new_price_of_what_is_shown_is_told_once(place: Place):
    air = await on_air(place)
    assert await tell_changed_shelves(place.studio) == 0
    await edit_item(place.shop.selling, place.by, air.sale.id, air.sale.item_ids[1], {"price": 9_900})
    assert await tell_changed_shelves(place.studio) == 1
    assert [slot["price"] for slot in place.heard.last("shelf.changed")["slots"]] == [14_900, 9_900]
    assert await tell_changed_shelves(place.studio) == 0
    await hide_slot(place.studio, place.by, air.session_id, air.sale.item_ids[1], hidden=True)
    await edit_item(place.shop.selling, place.by, air.sale.id, air.sale.item_ids[1], {"price": 8_800})
    assert await tell_changed_shelves(place.studio) == 0, "what is hidden is nobody's to see"


async def test_a_new_price_after_the_end_is_told_as_long_as_the_room_shows_that_shelf(place: Place):
    air = await on_air(place)
    await end_session(place, air.session_id)
    await edit_item(place.shop.selling, place.by, air.sale.id, air.sale.item_ids[0], {"price": 9_900})
    assert await tell_changed_shelves(place.studio) == 1
    told = place.heard.last("shelf.changed")
    assert [slot["price"] for slot in told["slots"]] == [9_900, 14_900]
    read = await store_parts.shelf(place.shop.ledger, place.merchant_id, air.room_id)
    assert told == shelf_body(read), "whoever comes in reads the same"
    assert await tell_changed_shelves(place.studio) == 0
    place.shop.clock.advance(s=1)
    await make_session(place.shop, air.room_id)
    await edit_item(place.shop.selling, place.by, air.sale.id, air.sale.item_ids[0], {"price": 8_800})
    assert await tell_changed_shelves(place.studio) == 0, "the room shows another one's"


async def test_a_day_after_the_end_nobody_looks_for_new_prices_any_more(place: Place):
    air = await on_air(place)
    await end_session(place, air.session_id)
    place.shop.clock.advance(s=86_401)
    await edit_item(place.shop.selling, place.by, air.sale.id, air.sale.item_ids[0], {"price": 9_900})
    assert await tell_changed_shelves(place.studio) == 0


def test_the_longest_shelf_can_be_told():
    widest = "\N{CROISSANT}" * 200
    url = "https://pictures.example.com/" + "x" * (2_000 - 29)
    slots = [
        Slot(no, ID, ID, hidden=False, title=widest, price=10**12, currency="CNY", picture_url=url)
        for no in range(SLOT_NO_MAX - SLOTS_MAX, SLOT_NO_MAX)
    ]
    assert len(json.dumps(shelf_body(slots), ensure_ascii=False).encode()) <= BODY_BYTES_MAX
    few = shelf_body(slots[:10])
    assert [slot["picture_url"] for slot in few["slots"]] == [url] * 10, (
        "where they are not too much, pictures are shown"
    )


async def test_a_shelf_that_is_prepared_is_shown_to_nobody(place: Place):
    air = await on_air(place)
    coming = await make_session(place.shop, air.room_id, started=False)
    await link(place.shop, coming, air.sale.id)
    before = len(place.heard.events)
    await set_shelf(place.studio, place.by, coming, [SlotWish(1, air.sale.item_ids[0])])
    assert len(place.heard.events) == before


async def test_hiding_what_is_pinned_takes_the_pin_down(place: Place):
    air = await on_air(place)
    up = await pin(place.studio, place.by, air.session_id, 1)
    shelf = await hide_slot(place.studio, place.by, air.session_id, air.sale.item_ids[0], hidden=True)
    assert shelf.pin is None
    assert place.heard.last("pin.cleared")["pin_id"] == up.id
    assert [slot["no"] for slot in place.heard.last("shelf.changed")["slots"]] == [2]
    shown = await hide_slot(place.studio, place.by, air.session_id, air.sale.item_ids[0], hidden=False)
    assert [slot.hidden for slot in shown.slots] == [False, False]


async def test_a_shelf_without_the_pinned_item_takes_the_pin_down_and_one_with_it_does_not(place: Place):
    air = await on_air(place)
    one, two = air.sale.item_ids
    up = await pin(place.studio, place.by, air.session_id, 1)
    kept = await set_shelf(place.studio, place.by, air.session_id, [SlotWish(2, two), SlotWish(1, one)])
    assert kept.pin is not None
    assert kept.pin.id == up.id
    assert (await set_shelf(place.studio, place.by, air.session_id, [SlotWish(2, two)])).pin is None


async def test_of_two_who_change_a_shelf_at_one_version_one_is_told(place: Place):
    air = await on_air(place)
    one, two = air.sale.item_ids
    version = (await read_shelf(place.studio, place.by, air.session_id)).version
    answers = await asyncio.gather(
        *(
            set_shelf(place.studio, place.by, air.session_id, [SlotWish(1, item)], version=version)
            for item in (one, two)
        ),
        return_exceptions=True,
    )
    assert sorted(isinstance(answer, Conflict) for answer in answers) == [False, True]
    assert len((await read_shelf(place.studio, place.by, air.session_id)).slots) == 1


async def test_what_no_shelf_can_be_is_refused_and_changes_nothing(place: Place):
    air = await on_air(place)
    one, two = air.sale.item_ids
    foreign = await open_sale(place.shop, units=[1])
    unreal = await open_sale(place.shop, units=[1], rehearsal=True)
    with pytest.raises(Conflict):
        await link(place.shop, air.session_id, unreal.id)
    before = await read_shelf(place.studio, place.by, air.session_id)
    for wishes, refusal in (
        ([SlotWish(1, one), SlotWish(1, two)], Malformed),
        ([SlotWish(1, one), SlotWish(2, one)], Malformed),
        ([SlotWish(1, foreign.item_ids[0])], Conflict),
        ([SlotWish(1, one), SlotWish(2, unreal.item_ids[0])], Conflict),
    ):
        with pytest.raises(refusal):
            await set_shelf(place.studio, place.by, air.session_id, wishes)
    with pytest.raises(NotFound):
        await hide_slot(place.studio, place.by, air.session_id, place.shop.ids.new(), hidden=True)
    assert await read_shelf(place.studio, place.by, air.session_id) == before


async def test_the_shelf_of_a_session_that_is_over_stays_as_it_is(place: Place):
    air = await on_air(place)
    await end_session(place, air.session_id)
    with pytest.raises(Conflict):
        await set_shelf(place.studio, place.by, air.session_id, [])


async def test_another_merchant_sees_no_shelf(place: Place):
    air = await on_air(place)
    stranger = await make_merchant(place.shop.selling)
    for ask in (
        read_shelf(place.studio, stranger, air.session_id),
        set_shelf(place.studio, stranger, air.session_id, []),
    ):
        with pytest.raises(NotFound):
            await ask


async def test_a_full_shelf_is_read_at_once(place: Place):
    air = await on_air(place, units=[1] * SLOTS_MAX)
    assert len((await read_shelf(place.studio, place.by, air.session_id)).slots) == SLOTS_MAX


async def test_whether_a_sale_stands_on_a_shelf_is_known(place: Place):
    air = await on_air(place)
    other = await make_session(place.shop, await make_room(place.shop))
    async with place.studio.command() as command:
        assert await is_on_shelf(command.session, place.merchant_id, air.session_id, air.sale.id)
        assert not await is_on_shelf(command.session, place.merchant_id, other, air.sale.id)
