"""Units on the shelf: what came in is counted once, however often an answer is lost."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from inventory.errors import NotEnoughUnits
from inventory.shelf import ON_HAND_MAX, Moved, adjust_units, receive_units
from keel.errors import Conflict, IdempotencyKeyReused, NotFound
from tests.inventory.selling import SHELF, Shop, check_books, make_merchant, make_sku, open_shop


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    async with open_shop(database_url, redis_url) as shop:
        yield shop


async def moved(shop: Shop) -> list[tuple[object, ...]]:
    """Movements that have a key, oldest first."""
    rows = await shop.rows("SELECT kind, units, key FROM stock_movement WHERE key IS NOT NULL ORDER BY id")
    return [tuple(row.values()) for row in rows]


async def test_the_same_key_moves_units_once_and_is_answered_the_same(shop):
    staff, sku_id = (shop.selling, shop.staff), await make_sku(shop)
    first = await receive_units(*staff, sku_id, units=5, key="truck-7")
    assert first == Moved(SHELF + 5)
    assert await adjust_units(*staff, sku_id, units=-2, reason="count", key="monday") == Moved(SHELF + 3)
    again = await receive_units(*staff, sku_id, units=5, key="truck-7")
    assert again == Moved(SHELF + 5, replayed=True), "what was true then, whatever happened since"
    assert await moved(shop) == [("received", 5, "truck-7"), ("adjusted", -2, "monday")]
    (noted,) = await shop.rows("SELECT count(*)::int AS n FROM staff_audit WHERE command = 'sku.received'")
    assert noted["n"] == 1
    assert await receive_units(*staff, sku_id, units=5) == Moved(SHELF + 8), "without a key each is another truck"
    await check_books(shop)


async def test_a_crowd_of_retries_moves_units_once(shop):
    staff, sku_id = (shop.selling, shop.staff), await make_sku(shop)
    answers = await asyncio.gather(*(receive_units(*staff, sku_id, units=5, key="truck-7") for _ in range(5)))
    assert {answer.on_hand for answer in answers} == {SHELF + 5}
    assert [answer.replayed for answer in answers].count(False) == 1
    await check_books(shop)


async def test_a_key_stands_for_one_thing(shop):
    staff, sku_id = (shop.selling, shop.staff), await make_sku(shop)
    await receive_units(*staff, sku_id, units=5, key="truck-7", reason="from the mill")
    others = (
        receive_units(*staff, sku_id, units=6, key="truck-7", reason="from the mill"),
        receive_units(*staff, sku_id, units=5, key="truck-7"),
        adjust_units(*staff, sku_id, units=5, key="truck-7", reason="from the mill"),
    )
    for other in others:
        with pytest.raises(IdempotencyKeyReused):
            await other
    another = await make_sku(shop)
    assert await receive_units(*staff, another, units=6, key="truck-7") == Moved(SHELF + 6), "a key is of one SKU"
    await check_books(shop)


async def test_what_is_refused_is_not_remembered(shop):
    staff, sku_id = (shop.selling, shop.staff), await make_sku(shop)
    with pytest.raises(NotEnoughUnits):
        await adjust_units(*staff, sku_id, units=-SHELF - 1, reason="count", key="monday")
    with pytest.raises(Conflict):
        await receive_units(*staff, sku_id, units=ON_HAND_MAX, key="truck-7")
    with pytest.raises(NotFound):
        await receive_units(shop.selling, await make_merchant(shop.selling, "A pond"), sku_id, units=1, key="truck-7")
    assert await moved(shop) == []
    assert await receive_units(*staff, sku_id, units=1, key="monday") == Moved(SHELF + 1)
