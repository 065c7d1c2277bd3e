"""What a poster shows: of a product its prices, of a room and its broadcast what is held up there now."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from inventory.catalogue import NewVariant, set_list_price
from inventory.products import create_product
from keel.database import transaction
from keel.errors import Conflict
from live.pins import pin
from live.shelf import hide_slot
from referrals import store_posters as store
from referrals.model import TargetKind
from referrals.poster_template import Prices, Subject, Template
from tests.inventory.selling import PRICE, make_merchant
from tests.live.studios import Place, end_session, make_room, make_session, on_air, open_studio

RED = Template(background="#ff0000", headline="今晚", footer="", picture_url="https://cdn.example/a", show_price=False)


@pytest.fixture
async def place(database_url: str, redis_url: str) -> AsyncIterator[Place]:
    async with open_studio(database_url, redis_url) as place:
        yield place


async def shown(place: Place, kind: str, target_id: str, merchant_id: str = "") -> Subject | None:
    now, merchant_id = place.shop.clock.now(), merchant_id or place.merchant_id
    return await store.target(place.shop.ledger, merchant_id, TargetKind(kind), target_id, now)


def variant(place: Place, price: int, currency: str = "CNY", picture_url: str | None = None) -> NewVariant:
    return NewVariant(place.shop.next_code(), price, currency, picture_url=picture_url)


async def test_a_product_is_shown_from_its_cheapest_to_its_dearest_sku(place: Place):
    selling, by = place.shop.selling, place.by
    variants = [variant(place, 14_900), variant(place, 19_900, picture_url="https://cdn.example/b")]
    product_id = await create_product(selling, by, "Brush", variants)
    expected = Subject("Brush", None, Prices("CNY", 14_900, 19_900), "https://cdn.example/b")
    assert await shown(place, "product", product_id) == expected
    assert await shown(place, "product", product_id, (await make_merchant(selling, "Another pond")).merchant_id) is None


async def test_a_price_that_changed_is_the_one_that_is_shown_from_its_time_on(place: Place):
    product_id = await create_product(place.shop.selling, place.by, "Brush", [variant(place, 14_900)])
    (sku,) = await place.shop.rows("SELECT id::text AS id FROM sku WHERE product_id = :id", id=product_id)
    place.shop.clock.advance(s=1)
    await set_list_price(place.shop.selling, place.by, sku["id"], price=9_900, currency="CNY")
    found = await shown(place, "product", product_id)
    assert found is not None
    assert found.prices == Prices("CNY", 9_900, 9_900)


async def test_prices_of_two_currencies_are_not_mixed(place: Place):
    variants = [variant(place, 10), variant(place, 30), variant(place, 2_000, "USD")]
    found = await shown(place, "product", await create_product(place.shop.selling, place.by, "Brush", variants))
    assert found is not None
    assert found.prices == Prices("CNY", 10, 30)


async def test_a_room_and_its_broadcast_show_what_is_held_up_else_the_first_of_the_shelf(place: Place):
    air = await on_air(place)
    titles = {
        row["no"]: row["title"]
        for row in await place.shop.rows(
            "SELECT i.no, v.title FROM sale_item i JOIN item_version v ON v.id = i.item_version_id"
        )
    }
    for kind, target_id in (("room", air.room_id), ("session", air.session_id)):
        found = await shown(place, kind, target_id)
        assert found is not None
        assert (found.item, found.prices) == (titles[1], Prices("CNY", PRICE, PRICE))
    await pin(place.studio, place.by, air.session_id, 2)
    assert (await shown(place, "room", air.room_id) or Subject("")).item == titles[2]
    await end_session(place, air.session_id)
    assert (await shown(place, "room", air.room_id) or Subject("")).item is None


async def test_what_is_hidden_is_not_on_posters(place: Place):
    air = await on_air(place, units=(10,))
    await hide_slot(place.studio, place.by, air.session_id, air.sale.item_ids[0], hidden=True)
    assert (await shown(place, "session", air.session_id) or Subject("")).item is None


async def test_a_room_without_anything_has_its_title(place: Place):
    room_id = await make_room(place.shop)
    await make_session(place.shop, room_id, started=False)
    found = await shown(place, "room", room_id)
    assert found is not None
    assert found == Subject(found.title)
    assert found.title


async def put(place: Place, template: Template, version: int) -> int:
    async with transaction(place.shop.selling.sessions) as session:
        now = place.shop.clock.now()
        return await store.put_template(session, place.merchant_id, template, version=version, at=now)


async def test_a_template_is_written_over_the_version_that_was_read(place: Place):
    assert await put(place, Template(), 0) == 1
    assert await put(place, RED, 1) == 2
    for version in (0, 1, 3):
        with pytest.raises(Conflict, match=r"conflict"):
            await put(place, replace(RED, ink="#000000"), version)
    async with transaction(place.shop.selling.sessions) as session:
        assert await store.find_template(session, place.merchant_id) == (RED, 2)


async def test_a_template_that_nobody_wrote_has_no_version(place: Place):
    with pytest.raises(Conflict) as refused:
        await put(place, RED, 1)
    assert "version 0" in refused.value.detail
    async with transaction(place.shop.selling.sessions) as session:
        assert await store.find_template(session, place.merchant_id) == (Template(), 0)
