"""Units between base stock and a sale: they always add up, whoever races and whatever breaks."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine

from inventory import store_stock
from inventory.drafting import edit_sale
from inventory.errors import NotEnoughUnits
from inventory.restock import add_units, take_units
from inventory.running import close_sale, pause_sale, resume_sale, schedule_sale
from inventory.shelf import adjust_units, receive_units
from inventory.verdicts import Held, SoldOutVerdict, StaleConfig
from keel.database import sessions_of
from keel.errors import Conflict, NotFound, Unavailable
from tests.inventory.selling import (
    SHELF,
    Sale,
    Shop,
    check_books,
    draft_sale,
    hold,
    make_merchant,
    open_sale,
    open_shop,
    scheduled_sale,
)
from tests.inventory.test_sales import silent


async def on_hand(shop: Shop, sku_id: str) -> int:
    (row,) = await shop.rows("SELECT on_hand FROM base_stock WHERE sku_id = :id", id=sku_id)
    return int(row["on_hand"])


async def allocated(shop: Shop, item_id: str) -> int:
    (row,) = await shop.rows("SELECT allocated FROM stock WHERE item_id = :id", id=item_id)
    return int(row["allocated"])


async def test_units_added_while_open_are_on_sale_at_once(shop):
    sale = await open_sale(shop, units=[1])
    assert isinstance(await hold(shop, sale), Held)
    assert isinstance(await hold(shop, sale), SoldOutVerdict)
    await add_units(shop.selling, shop.staff, sale.id, sale.item_ids[0], 1)
    assert isinstance(await hold(shop, sale), Held)
    assert await on_hand(shop, sale.sku_ids[0]) == SHELF - 2
    await check_books(shop)


@pytest.mark.parametrize("change", [add_units, take_units])
async def test_the_row_that_every_buyer_waits_for_is_locked_last_of_all(shop, change):
    sale = await open_sale(shop)
    written: list[str] = []
    record = event.listens_for(shop.engine.sync_engine, "before_cursor_execute")
    record(lambda _connection, _cursor, statement, *_: written.append(" ".join(statement.split()[:3])))
    await change(shop.selling, shop.staff, sale.id, sale.item_ids[0], 1)
    hot = next(index for index, statement in enumerate(written) if statement.startswith("UPDATE stock SET"))
    after = written[hot + 1 :]
    assert not [statement for statement in after if statement.startswith(("INSERT", "UPDATE"))], written
    assert "INSERT INTO staff_audit" in written[:hot]


async def test_a_process_without_a_connection_left_says_unavailable(database_url, shop):
    sale = await open_sale(shop)
    narrow = create_async_engine(shop.engine.url, pool_size=1, max_overflow=0, pool_timeout=0.05)
    async with narrow.connect():
        with pytest.raises(Unavailable):
            await add_units(
                replace(shop.selling, sessions=sessions_of(narrow)), shop.staff, sale.id, sale.item_ids[0], 1
            )
    await narrow.dispose()


async def test_only_free_units_can_be_taken(shop):
    sale = await open_sale(shop, units=[10])
    await hold(shop, sale, units=7)
    with pytest.raises(NotEnoughUnits) as refused:
        await take_units(shop.selling, shop.staff, sale.id, sale.item_ids[0], 4)
    assert refused.value.available == 3
    await take_units(shop.selling, shop.staff, sale.id, sale.item_ids[0], 3)
    assert await on_hand(shop, sale.sku_ids[0]) == SHELF - 7
    await check_books(shop)


async def test_more_than_there_is_cannot_be_added_or_taken(shop):
    sale = await scheduled_sale(shop, units=[10])
    with pytest.raises(NotEnoughUnits) as refused:
        await add_units(shop.selling, shop.staff, sale.id, sale.item_ids[0], SHELF - 9)
    assert refused.value.available == SHELF - 10
    with pytest.raises(NotEnoughUnits) as refused:
        await take_units(shop.selling, shop.staff, sale.id, sale.item_ids[0], 11)
    assert refused.value.available == 10
    with pytest.raises(NotEnoughUnits) as refused:
        await adjust_units(shop.selling, shop.staff, sale.sku_ids[0], units=-SHELF, reason="count")
    assert refused.value.available == SHELF - 10
    await check_books(shop)


async def test_a_draft_only_plans(shop):
    sale = await draft_sale(shop, units=[10])
    await add_units(shop.selling, shop.staff, sale.id, sale.item_ids[0], 5)
    await take_units(shop.selling, shop.staff, sale.id, sale.item_ids[0], 12)
    with pytest.raises(NotEnoughUnits) as refused:
        await take_units(shop.selling, shop.staff, sale.id, sale.item_ids[0], 4)
    assert refused.value.available == 3
    assert await on_hand(shop, sale.sku_ids[0]) == SHELF
    await schedule_sale(shop.selling, shop.staff, sale.id)
    assert await allocated(shop, sale.item_ids[0]) == 3
    await check_books(shop)


async def test_a_closed_sale_gives_and_takes_nothing(shop):
    sale = await open_sale(shop)
    await close_sale(shop.selling, shop.staff, sale.id)
    for command in (add_units, take_units):
        with pytest.raises(Conflict):
            await command(shop.selling, shop.staff, sale.id, sale.item_ids[0], 1)


async def test_without_a_gate_that_answers_nothing_is_taken(shop):
    sale = await open_sale(shop, units=[10])
    with pytest.raises(Unavailable):
        await take_units(silent(shop), shop.staff, sale.id, sale.item_ids[0], 1)
    await shop.redis.flushdb()
    with pytest.raises(Unavailable):
        await take_units(shop.selling, shop.staff, sale.id, sale.item_ids[0], 1)
    assert await allocated(shop, sale.item_ids[0]) == 10
    await add_units(silent(shop), shop.staff, sale.id, sale.item_ids[0], 1)
    assert await allocated(shop, sale.item_ids[0]) == 11
    await check_books(shop)


async def test_a_crash_after_the_gate_gave_units_back_changes_nothing_in_the_ledger(shop, monkeypatch):
    sale = await open_sale(shop, units=[10])
    with monkeypatch.context() as crash:
        crash.setattr(store_stock, "deallocate", None)
        with pytest.raises(TypeError):
            await take_units(shop.selling, shop.staff, sale.id, sale.item_ids[0], 4)
    assert await allocated(shop, sale.item_ids[0]) == 10
    assert await on_hand(shop, sale.sku_ids[0]) == SHELF - 10
    await edit_sale(shop.selling, shop.staff, sale.id, {"title": "Again"})
    assert isinstance(await hold(shop, sale, units=10), Held), "the units are on sale again"
    await check_books(shop)


async def test_units_are_not_taken_from_under_a_rebuild_that_has_begun(shop, monkeypatch):
    """The gate of the old epoch was told; the rebuild may have read the old allocation and would offer them again."""
    sale = await open_sale(shop, units=[10])
    add_movements = store_stock.add_movements

    async def bump_first(session, movements):
        await shop.ledger.bump_epoch(sale.id, 0)
        await add_movements(session, movements)

    monkeypatch.setattr(store_stock, "add_movements", bump_first)
    with pytest.raises(Unavailable):
        await take_units(shop.selling, shop.staff, sale.id, sale.item_ids[0], 4)
    assert [count.allocated for count in await shop.ledger.counts(sale.id, 0)] == [10]


async def test_units_that_are_sold_are_never_taken_even_where_the_gate_forgot_them(shop):
    sale = await open_sale(shop, units=[10])
    await shop.rows("UPDATE stock SET sold = 8 RETURNING 1")
    with pytest.raises(NotEnoughUnits) as refused:
        await take_units(shop.selling, shop.staff, sale.id, sale.item_ids[0], 3)
    assert refused.value.available == 2
    assert await allocated(shop, sale.item_ids[0]) == 10


async def test_taking_races_with_buyers_and_no_unit_is_lost(shop):
    sale = await open_sale(shop, units=[20])

    async def buy() -> int:
        while isinstance(verdict := await hold(shop, sale), StaleConfig):
            pass
        return 1 if isinstance(verdict, Held) else 0

    async def take() -> int:
        try:
            await take_units(shop.selling, shop.staff, sale.id, sale.item_ids[0], 2)
        except NotEnoughUnits:
            return 0
        return 2

    moves = [buy() if n % 3 else take() for n in range(36)]
    moved = sum(await asyncio.gather(*moves))
    status = await shop.gate.status(sale.id, 0)
    left = await allocated(shop, sale.item_ids[0])
    assert status.items[0].allocated == left == status.items[0].free + status.items[0].held
    assert moved + status.items[0].free == 20
    await check_books(shop)


async def test_adding_and_taking_at_once_add_up(shop):
    sale = await open_sale(shop, units=[50, 50])
    racing = [
        command(shop.selling, shop.staff, sale.id, item_id, units)
        for item_id in sale.item_ids
        for command, units in ((add_units, 3), (take_units, 2), (add_units, 5), (take_units, 4))
    ]
    await asyncio.gather(*racing)
    assert [await allocated(shop, item_id) for item_id in sale.item_ids] == [52, 52]
    status = await shop.gate.status(sale.id, 0)
    assert sorted((item.no, item.allocated, item.free) for item in status.items) == [(1, 52, 52), (2, 52, 52)]
    await check_books(shop)


async def test_two_sales_of_one_sku_never_take_more_than_the_shelf_has(shop):
    first, second = await draft_sale(shop, units=[10]), await draft_sale(shop, units=[])
    await shop.rows(
        "UPDATE sale_item SET planned = 600 WHERE sale_id = :id RETURNING 1",
        id=first.id,
    )
    await shop.rows(
        "INSERT INTO sale_item (id, merchant_id, sale_id, no, sku_id, item_version_id, planned)"
        " SELECT gen_random_uuid(), merchant_id, :second, 1, sku_id, item_version_id, 600 FROM sale_item RETURNING 1",
        second=second.id,
    )
    racing = (schedule_sale(shop.selling, shop.staff, sale.id) for sale in (first, second))
    outcomes = await asyncio.gather(*racing, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NotEnoughUnits", "SaleRow"]
    await check_books(shop)


async def test_another_merchants_stock_looks_like_none(shop):
    sale = await open_sale(shop)
    stranger = await make_merchant(shop.selling, "Another pond")
    for command in (add_units, take_units):
        with pytest.raises(NotFound):
            await command(shop.selling, stranger, sale.id, sale.item_ids[0], 1)
        with pytest.raises(NotFound):
            await command(shop.selling, shop.staff, sale.id, shop.ids.new(), 1)
    with pytest.raises(NotFound):
        await receive_units(shop.selling, stranger, sale.sku_ids[0], units=1)
    await check_books(shop)


async def step(shop: Shop, sale: Sale, name: str, nth: int, units: int) -> None:
    staff = (shop.selling, shop.staff)
    item_id, sku_id = sale.item_ids[nth % 2], sale.sku_ids[nth % 2]
    moves: dict[str, Callable[[], Awaitable[object]]] = {
        "add": lambda: add_units(*staff, sale.id, item_id, units),
        "take": lambda: take_units(*staff, sale.id, item_id, units),
        "receive": lambda: receive_units(*staff, sku_id, units=units),
        "adjust": lambda: adjust_units(*staff, sku_id, units=-units * 100, reason="count"),
        "buy": lambda: hold(shop, sale, units=units, no=nth % 2 + 1),
        "pause": lambda: pause_sale(*staff, sale.id),
        "resume": lambda: resume_sale(*staff, sale.id),
    }
    with suppress(NotEnoughUnits, Conflict):
        await moves[name]()


NAMES = ["add", "take", "receive", "adjust", "buy", "pause", "resume"]


@given(moves=st.lists(st.tuples(st.sampled_from(NAMES), st.integers(1, 8)), max_size=12))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_units_always_add_up_whatever_staff_and_buyers_do(database_url, redis_url, moves):
    async with open_shop(database_url, redis_url) as shop:
        sale = await open_sale(shop, units=[10, 10])
        for nth, (name, units) in enumerate(moves):
            await step(shop, sale, name, nth, units)
            await check_books(shop)
