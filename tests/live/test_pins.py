"""One thing is held up at a time, whoever holds it up, and orders carry what was up when the gate served them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from inventory.running import close_sale, pause_sale
from keel.errors import Conflict, NotFound
from live.pins import context_of, list_pins, pin, unpin
from live.shelf import SlotWish, hide_slot, set_shelf
from live.store_shelf import find_session
from tests.inventory.selling import draft_sale, make_merchant, open_sale
from tests.live.studios import Place, end_session, link, make_room, make_session, on_air, open_studio, order
from tests.orders.tills import till_of

OPEN = "SELECT count(*)::int AS n FROM pin_interval WHERE to_at IS NULL AND session_id = :session_id"
CONTEXT = "SELECT context FROM sale WHERE id = :id"


@pytest.fixture
async def place(database_url: str, redis_url: str) -> AsyncIterator[Place]:
    async with open_studio(database_url, redis_url) as place:
        yield place


async def gate_context(place: Place, sale_id: str) -> Any:
    """What the gate returns with every verdict now."""
    return (await place.shop.rows(CONTEXT, id=sale_id))[0]["context"]


async def open_pins(place: Place, session_id: str) -> int:
    return int((await place.shop.rows(OPEN, session_id=session_id))[0]["n"])


async def test_a_pin_is_told_noted_and_given_to_the_gate(place: Place):
    air = await on_air(place)
    up = await pin(place.studio, place.by, air.session_id, 2)
    body = place.heard.last("pin.set")
    assert body == {"pin_id": up.id, "no": 2, "sale_id": air.sale.id, "item_id": air.sale.item_ids[1], "at": body["at"]}
    context = await gate_context(place, air.sale.id)
    assert context["pin_id"] == up.id
    assert (context["room_id"], context["session_id"]) == (air.room_id, air.session_id)
    status = await place.shop.gate.status(air.sale.id, 0)
    sale = (await place.shop.rows("SELECT version FROM sale WHERE id = :id", id=air.sale.id))[0]
    assert status.version == sale["version"], "the gate has heard of it"
    commands = await place.shop.rows("SELECT command FROM staff_audit WHERE subject_id = :id", id=air.session_id)
    assert [row["command"] for row in commands][-2:] == ["shelf.set", "pin"]


async def test_pinning_what_is_pinned_changes_nothing(place: Place):
    air = await on_air(place)
    first = await pin(place.studio, place.by, air.session_id, 1)
    assert (await pin(place.studio, place.by, air.session_id, 1)).id == first.id
    assert place.heard.kinds().count("pin.set") == 1


async def test_another_pin_ends_the_one_before(place: Place):
    air = await on_air(place)
    first = await pin(place.studio, place.by, air.session_id, 1)
    place.shop.clock.advance(s=60)
    second = await pin(place.studio, place.by, air.session_id, 2)
    newest, oldest = await list_pins(place.studio, place.by, air.session_id, below=None, count=9)
    assert (newest.id, newest.to_at) == (second.id, None)
    assert (oldest.id, oldest.to_at) == (first.id, place.shop.clock.now())


async def test_of_many_who_pin_at_once_one_pin_stays(place: Place):
    air = await on_air(place)
    pinned = await asyncio.gather(*(pin(place.studio, place.by, air.session_id, 1 + n % 2) for n in range(8)))
    assert await open_pins(place, air.session_id) == 1
    (row,) = await place.shop.rows("SELECT id FROM pin_interval WHERE to_at IS NULL")
    assert str(row["id"]) in {up.id for up in pinned}
    assert (await gate_context(place, air.sale.id))["pin_id"] == str(row["id"])


async def test_a_pin_and_an_unpin_at_once_leave_one_pin_or_none(place: Place):
    air = await on_air(place)
    for no in (1, 2, 1, 2):
        await pin(place.studio, place.by, air.session_id, 3 - no)
        await asyncio.gather(
            pin(place.studio, place.by, air.session_id, no), unpin(place.studio, place.by, air.session_id)
        )
        left = await open_pins(place, air.session_id)
        context = await gate_context(place, air.sale.id)
        assert left == (1 if "pin_id" in context else 0)


async def test_orders_carry_the_pin_the_session_and_the_offset(place: Place):
    air = await on_air(place, units=[50])
    till = till_of(place.shop)
    place.shop.clock.advance(s=90)
    await order(place, till, air)
    up = await pin(place.studio, place.by, air.session_id, 1)
    await order(place, till, air)
    await unpin(place.studio, place.by, air.session_id)
    await order(place, till, air)
    rows = await place.shop.rows("SELECT session_id, room_id, pin_id, broadcast_offset_ms FROM orders ORDER BY id")
    assert [row["pin_id"] and str(row["pin_id"]) for row in rows] == [None, up.id, None]
    assert {str(row["session_id"]) for row in rows} == {air.session_id}
    assert {str(row["room_id"]) for row in rows} == {air.room_id}
    assert [row["broadcast_offset_ms"] for row in rows] == [90_000, 90_000, 90_000]


async def test_orders_during_a_change_of_pins_carry_one_of_the_two(place: Place):
    """Never a mixture: the session, the pin and the offset of an order belong together."""
    air = await on_air(place, units=[400, 400])
    till = till_of(place.shop)
    ups = [await pin(place.studio, place.by, air.session_id, 1)]

    async def change() -> None:
        ups.extend([await pin(place.studio, place.by, air.session_id, 1 + (n + 1) % 2) for n in range(6)])

    await asyncio.gather(change(), *(order(place, till, air) for _ in range(200)))
    await till.drained()
    rows = await place.shop.rows("SELECT pin_id, session_id, room_id FROM orders")
    assert len(rows) == 200
    assert {str(row["pin_id"]) for row in rows} <= {up.id for up in ups}
    assert {(str(row["session_id"]), str(row["room_id"])) for row in rows} == {(air.session_id, air.room_id)}


async def test_a_pin_of_another_sale_leaves_the_first_one_with_the_session_alone(place: Place):
    air = await on_air(place)
    other = await open_sale(place.shop, units=[3])
    await link(place.shop, air.session_id, other.id)
    wishes = [SlotWish(1, air.sale.item_ids[0]), SlotWish(2, other.item_ids[0])]
    await set_shelf(place.studio, place.by, air.session_id, wishes)
    await pin(place.studio, place.by, air.session_id, 1)
    second = await pin(place.studio, place.by, air.session_id, 2)
    assert "pin_id" not in await gate_context(place, air.sale.id)
    assert (await gate_context(place, other.id))["pin_id"] == second.id


async def test_the_end_of_a_session_takes_the_pin_down_and_its_orders_carry_nothing(place: Place):
    air = await on_air(place)
    up = await pin(place.studio, place.by, air.session_id, 1)
    await end_session(place, air.session_id)
    assert place.heard.last("pin.cleared")["pin_id"] == up.id
    assert await open_pins(place, air.session_id) == 0
    assert await gate_context(place, air.sale.id) is None
    with pytest.raises(Conflict):
        await pin(place.studio, place.by, air.session_id, 1)


async def test_a_session_that_begins_puts_its_sales_on_air(place: Place):
    air = await on_air(place)
    later = await open_sale(place.shop, units=[3])
    assert (await gate_context(place, air.sale.id))["session_id"] == air.session_id
    await link(place.shop, air.session_id, later.id)
    assert (await gate_context(place, later.id))["session_id"] == air.session_id


async def test_a_session_that_lost_a_sale_to_another_leaves_it_alone(place: Place):
    air = await on_air(place)
    second = await make_session(place.shop, await make_room(place.shop))
    await link(place.shop, second, air.sale.id)
    await set_shelf(place.studio, place.by, second, [SlotWish(7, air.sale.item_ids[0])])
    await pin(place.studio, place.by, air.session_id, 1)
    up = await pin(place.studio, place.by, second, 7)
    await unpin(place.studio, place.by, air.session_id)
    assert (await gate_context(place, air.sale.id))["pin_id"] == up.id


async def test_what_cannot_be_pinned_is_refused_and_changes_nothing(place: Place):
    air = await on_air(place)
    up = await pin(place.studio, place.by, air.session_id, 1)
    await hide_slot(place.studio, place.by, air.session_id, air.sale.item_ids[1], hidden=True)
    for session_id, no, refusal in (
        (air.session_id, 2, Conflict),
        (air.session_id, 9, NotFound),
        (await make_session(place.shop, air.room_id, started=False), 1, Conflict),
        (place.shop.ids.new(), 1, NotFound),
    ):
        with pytest.raises(refusal):
            await pin(place.studio, place.by, session_id, no)
    stranger = await make_merchant(place.shop.selling)
    with pytest.raises(NotFound):
        await pin(place.studio, stranger, air.session_id, 1)
    with pytest.raises(Conflict):
        await unpin(place.studio, place.by, air.session_id, place.shop.ids.new())
    assert (await gate_context(place, air.sale.id))["pin_id"] == up.id


async def test_an_item_of_a_sale_that_does_not_sell_is_not_pinned(place: Place):
    air = await on_air(place)
    draft = await draft_sale(place.shop)
    await link(place.shop, air.session_id, draft.id)
    wishes = [SlotWish(1, air.sale.item_ids[0]), SlotWish(2, draft.item_ids[0])]
    await set_shelf(place.studio, place.by, air.session_id, wishes)
    with pytest.raises(Conflict):
        await pin(place.studio, place.by, air.session_id, 2)
    await pause_sale(place.shop.selling, place.by, air.sale.id)
    await pin(place.studio, place.by, air.session_id, 1)
    await close_sale(place.shop.selling, place.by, air.sale.id)
    await unpin(place.studio, place.by, air.session_id)
    assert await open_pins(place, air.session_id) == 0


async def test_the_context_is_what_the_ledger_reads(place: Place):
    air = await on_air(place)
    async with place.studio.command() as command:
        at = await find_session(command.session, place.merchant_id, air.session_id)
    context = context_of(at, "a pin")
    assert context.keys() == {"room_id", "session_id", "pin_id", "started_ms"}
    assert context["started_ms"] == place.shop.clock.ms()
