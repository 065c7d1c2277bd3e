"""A host holds something up without leaving the room; viewers see it, and what they order then carries it."""

from collections.abc import AsyncIterator

import pytest

from keel.identity import Role
from live.model import CrewRole
from live.rooms import put_crew
from tests.live.watching import Pond, Watcher, gateway
from tests.millpond.airs import event, host_in, on_air, staff_token, viewer_in

STAFF_ROW = """
    INSERT INTO staff (id, merchant_id, email, name, role, created_at)
    VALUES (:id, :merchant, 'lan@pond.cn', 'Lan', 'analyst', :now)
"""


@pytest.fixture
async def pond(database_url: str, redis_url: str) -> AsyncIterator[Pond]:
    async with gateway(database_url, redis_url) as pond:
        yield pond


async def test_what_is_pinned_is_seen_and_an_order_carries_it(pond):
    air = await on_air(pond)
    async with viewer_in(pond, air) as viewer, host_in(pond, air) as host:
        pond.shop.clock.advance(s=90)
        up = (await host.ask("done", type="pin", session_id=air.session_id, no=1))["result"]
        assert await event(viewer, "pin.set") == up
        assert (up["no"], up["item_id"]) == (1, air.sale.item_ids[0])
        order = {"lines": [{"item_id": air.sale.item_ids[0], "quantity": 1}]}
        await viewer.ask("order", type="order.place", sale_id=air.sale.id, key="one", order=order)
        another = {"type": "unpin", "session_id": air.session_id, "pin_id": pond.shop.ids.new()}
        assert (await host.refused(**another))["status"] == 409
        await host.ask("done", type="unpin", session_id=air.session_id, pin_id=up["pin_id"])
        assert (await event(viewer, "pin.cleared"))["pin_id"] == up["pin_id"]
        await viewer.ask("order", type="order.place", sale_id=air.sale.id, key="two", order=order)
    rows = await pond.shop.rows(
        "SELECT room_id::text AS room, session_id::text AS session, pin_id::text AS pin, broadcast_offset_ms"
        " FROM orders ORDER BY id"
    )
    carried = {"room": air.room, "session": air.session_id, "broadcast_offset_ms": 90_000}
    assert [dict(row) for row in rows] == [carried | {"pin": up["pin_id"]}, carried | {"pin": None}]


async def test_it_takes_a_role_that_sells_or_the_crew_of_the_room(pond):
    air, lan = await on_air(pond), pond.shop.ids.new()
    pin = {"type": "pin", "session_id": air.session_id, "no": 1}
    async with viewer_in(pond, air) as customer:
        assert (await customer.refused(**pin))["status"] == 401
    values = {"id": lan, "merchant": pond.shop.staff.merchant_id, "now": pond.shop.clock.now()}
    await pond.write(STAFF_ROW, **values)
    async with pond.viewer(token=staff_token(pond, Role.ANALYST, lan)) as analyst:
        assert (await analyst.refused(**pin))["role"] == "analyst"
        for role, may in ((CrewRole.MODERATOR, False), (CrewRole.ASSISTANT, True)):
            await put_crew(pond.parts.studio(), pond.shop.staff, air.room, lan, role)
            await analyst.say(**pin)
            assert (await analyst.hear_any())["type"] == ("done" if may else "problem")
    async with pond.viewer(token=staff_token(pond, Role.HOST)) as host:
        assert (await host.ask("done", **pin))["result"]["no"] == 1
        assert (await host.refused(**pin | {"session_id": pond.shop.ids.new()}))["status"] == 404
        for no in (0, 1_000, "1"):
            assert (await host.refused(**pin | {"no": no}))["status"] == 400


async def stock_until(viewer: Watcher, left: dict[str, int]) -> None:
    """Hear of the stock until it is this."""
    while True:
        (room,) = (await viewer.hear("tick"))["rooms"]
        if room.get("state", {}).get("stock") == left:
            return


async def test_what_is_left_is_told_and_told_again_when_it_changes(pond):
    air = await on_air(pond, units=[10, 5])
    one, two = air.sale.item_ids
    async with viewer_in(pond, air) as viewer:
        await stock_until(viewer, {one: 10, two: 5})
        order = {"lines": [{"item_id": one, "quantity": 3}]}
        await viewer.ask("order", type="order.place", sale_id=air.sale.id, key="one", order=order)
        await stock_until(viewer, {one: 7, two: 5})
        async with pond.viewer() as late:
            assert (await late.join(air.room))["state"]["stock"] == {one: 7, two: 5}
