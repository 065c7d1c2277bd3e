"""A broadcast that begins puts its sales on air, and one that ends takes its pin down: whoever began and ended it."""

import json
from typing import Any

import pytest

from inventory.model import SaleState
from keel.clock import to_ms
from keel.errors import Conflict
from live import sessions
from live.pins import pin
from live.shelf import SlotWish, set_shelf
from live.tables_rooms import SessionRow
from tests.inventory.selling import Sale, open_sale
from tests.live.ponds import Pond


async def selling(pond: Pond) -> tuple[SessionRow, Sale]:
    """A session that is planned, with one sale on its shelf."""
    session, sale = await pond.session(await pond.room(grace_s=60)), await open_sale(pond.shop, units=[5])
    await sessions.link_sale(pond.rooms, pond.book, pond.by, session.id, sale.id)
    await set_shelf(pond.rooms, pond.by, session.id, [SlotWish(1, sale.item_ids[0])])
    return session, sale


async def context(pond: Pond, sale: Sale) -> Any:
    (row,) = await pond.run("SELECT context, state, version FROM sale WHERE id = :id", id=sale.id)
    assert row["state"] == SaleState.OPEN
    assert (await pond.shop.gate.status(sale.id, 0)).version == row["version"], "the gate has heard of it"
    return row["context"]


def told(pond: Pond, place: str) -> list[tuple[str, Any]]:
    return [(kind, json.loads(body)) for where, kind, body in pond.log.events if where == place]


async def test_a_picture_that_begins_a_session_puts_its_sales_and_its_shelf_on_air(pond):
    session, sale = await selling(pond)
    assert await context(pond, sale) is None
    await pond.publish(session)
    started_ms = pond.shop.clock.ms()
    carried = {"room_id": session.room_id, "session_id": session.id, "started_ms": started_ms}
    assert await context(pond, sale) == carried
    (shelf,) = [body for kind, body in told(pond, session.room_id) if kind == "shelf.changed"]
    assert [slot["item_id"] for slot in shelf["slots"]] == list(sale.item_ids)
    pond.shop.clock.advance(s=30)
    await pond.unpublish(session)
    await pond.publish(session, "another client")
    assert await context(pond, sale) == carried, "an interruption does not begin it anew"
    row = (await sessions.show_session(pond.rooms, pond.by, session.id)).row
    assert row.started_at is not None
    assert to_ms(row.started_at) == started_ms


async def test_nothing_is_pinned_before_a_session_begins_nor_after_its_end(pond):
    session, _ = await selling(pond)
    with pytest.raises(Conflict) as refused:
        await pin(pond.rooms, pond.by, session.id, 1)
    assert refused.value.detail == "the session is not on air"
    await pond.start(session)
    await pin(pond.rooms, pond.by, session.id, 1)
    await pond.stop(session)
    with pytest.raises(Conflict):
        await pin(pond.rooms, pond.by, session.id, 1)


async def test_a_session_that_the_clock_ends_takes_its_pin_down(pond):
    session, sale = await selling(pond)
    await pond.publish(session)
    up = await pin(pond.rooms, pond.by, session.id, 1)
    assert (await context(pond, sale))["pin_id"] == up.id
    await pond.unpublish(session)
    await pond.pass_s(61)
    assert await pond.state(session) == "ended"
    (row,) = await pond.run("SELECT to_at FROM pin_interval WHERE id = :id", id=up.id)
    assert row["to_at"] == pond.shop.clock.now()
    assert "pin.cleared" in [kind for kind, _ in told(pond, session.room_id)]
    assert await context(pond, sale) is None


async def test_a_sale_that_joins_a_session_on_air_is_on_air_until_it_is_taken_out(pond):
    session, shelved = await selling(pond)
    await pond.start(session)
    later = await open_sale(pond.shop, units=[3])
    await sessions.link_sale(pond.rooms, pond.book, pond.by, session.id, later.id)
    assert (await context(pond, later))["session_id"] == session.id
    await sessions.unlink_sale(pond.rooms, pond.by, session.id, later.id)
    assert await context(pond, later) is None
    with pytest.raises(Conflict):
        await sessions.unlink_sale(pond.rooms, pond.by, session.id, shelved.id)
    assert (await context(pond, shelved))["session_id"] == session.id
