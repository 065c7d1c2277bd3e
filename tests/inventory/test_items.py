"""What a sale is: its window, limits, items and prices, in a draft and while it runs."""

from datetime import timedelta

import pytest

from inventory.catalogue import NewSku, create_sku, list_skus, set_list_price
from inventory.drafting import EDITABLE, NewSale, create_sale, edit_sale
from inventory.errors import NotEnoughUnits
from inventory.items import NewItem, add_item, edit_item
from inventory.model import ITEMS_PER_SALE_MAX, SaleState
from inventory.running import close_sale, open_sale, pause_sale, schedule_sale
from inventory.store_catalogue import ListPrice
from inventory.verdicts import EndedVerdict, Held, NotOpenVerdict, OverLimitVerdict
from keel.errors import Conflict, Malformed, NotFound, Unavailable
from tests.inventory import selling as build
from tests.inventory.selling import (
    CURRENCY,
    SHELF,
    check_books,
    draft_sale,
    hold,
    make_merchant,
    make_sku,
    scheduled_sale,
)

FULL_SALE = """
    WITH v AS (
        INSERT INTO item_version SELECT :v, merchant_id, id, 'x', '{}', null, true, 1, 'CNY', created_at
        FROM sku WHERE id = :sku RETURNING id, merchant_id
    ), s AS (
        INSERT INTO sku (id, merchant_id, product_id, code, created_at)
        SELECT gen_random_uuid(), merchant_id, product_id, n, created_at
        FROM sku, generate_series(1, :most) AS n WHERE id = :sku RETURNING id, code
    )
    INSERT INTO sale_item (id, merchant_id, sale_id, no, sku_id, item_version_id)
    SELECT gen_random_uuid(), v.merchant_id, :sale, s.code::int, s.id, v.id FROM s, v RETURNING 1
"""


async def test_an_item_added_while_open_is_on_sale_at_once(shop):
    sale = await build.open_sale(shop, units=[5])
    sku_id = await make_sku(shop)
    item = await add_item(shop.selling, shop.staff, sale.id, NewItem(sku_id, price=100, units=3))
    assert item.no == 2
    assert isinstance(await hold(shop, sale, no=2, units=3), Held)
    epochs = await shop.rows("SELECT DISTINCT epoch FROM stock")
    assert epochs == [{"epoch": 1}], "one epoch for all rows, or the ledger would refuse the new item's buyers"
    await check_books(shop)


async def test_no_item_enters_beside_a_rebuild_or_it_would_miss_the_new_epoch(shop):
    sale = await build.open_sale(shop)
    new = NewItem(await make_sku(shop), price=100, units=3)
    async with shop.pool.acquire() as guard, guard.transaction():
        assert await shop.ledger.guard_rebuild(guard, sale.id, 0)
        with pytest.raises(Unavailable):
            await add_item(shop.selling, shop.staff, sale.id, new)
        await shop.ledger.bump_epoch(sale.id, 0)
    await add_item(shop.selling, shop.staff, sale.id, new)
    assert await shop.rows("SELECT DISTINCT epoch FROM stock") == [{"epoch": 2}]


async def test_an_item_that_base_stock_cannot_serve_is_not_added(shop):
    sale = await build.open_sale(shop)
    sku_id = await make_sku(shop, units=2)
    with pytest.raises(NotEnoughUnits) as refused:
        await add_item(shop.selling, shop.staff, sale.id, NewItem(sku_id, price=100, units=3))
    assert (refused.value.sku_id, refused.value.available) == (sku_id, 2)
    assert len((await shop.ledger.sale(sale.id)).items) == 1


async def test_a_sku_is_in_a_sale_once_and_of_the_same_merchant(shop):
    sale = await draft_sale(shop)
    with pytest.raises(Conflict):
        await add_item(shop.selling, shop.staff, sale.id, NewItem(sale.sku_ids[0], price=1, units=1))
    stranger = await make_merchant(shop.selling, "Another pond")
    foreign = await create_sale(shop.selling, stranger, NewSale(title="Theirs", currency=CURRENCY))
    with pytest.raises(NotFound):
        await add_item(shop.selling, stranger, foreign.id, NewItem(sale.sku_ids[0], price=1, units=1))


async def test_a_sale_has_at_most_so_many_items(shop):
    sale = await draft_sale(shop, units=[])
    first = await make_sku(shop)
    values = {"v": shop.ids.new(), "sku": first, "sale": sale.id, "most": ITEMS_PER_SALE_MAX}
    await shop.rows(FULL_SALE, **values)
    with pytest.raises(Conflict):
        await add_item(shop.selling, shop.staff, sale.id, NewItem(first, price=1, units=1))


async def test_a_new_price_is_a_new_version_and_the_old_one_stays(shop):
    sale = await build.open_sale(shop, price=14_900)
    before = await shop.ledger.sale(sale.id)
    moved = await edit_item(shop.selling, shop.staff, sale.id, sale.item_ids[0], {"price": 9_900})
    after = await shop.ledger.sale(sale.id)
    assert (after.items[0].price, after.version) == (9_900, moved.version)
    assert after.items[0].version_id != before.items[0].version_id
    assert (await shop.gate.status(sale.id, 0)).version == moved.version, (
        "who knows the old price is told to look again"
    )
    prices = await shop.rows("SELECT price, title FROM item_version ORDER BY id")
    assert [row["price"] for row in prices] == [14_900, 9_900]
    assert len({row["title"] for row in prices}) == 1


async def test_a_limit_counts_for_running_sales_at_once(shop):
    sale = await build.open_sale(shop)
    await edit_item(shop.selling, shop.staff, sale.id, sale.item_ids[0], {"limit_per_customer": 2})
    assert isinstance(await hold(shop, sale, units=3), OverLimitVerdict)
    await edit_item(shop.selling, shop.staff, sale.id, sale.item_ids[0], {"limit_per_customer": None})
    await edit_sale(shop.selling, shop.staff, sale.id, {"limit_per_customer": 4})
    assert isinstance(await hold(shop, sale, units=5), OverLimitVerdict)
    assert isinstance(await hold(shop, sale, units=4), Held)


async def test_a_window_moves_at_the_gate_too(shop):
    now = shop.clock.now()
    sale = await scheduled_sale(shop, opens_at=now + timedelta(hours=1))
    assert isinstance(await hold(shop, sale), NotOpenVerdict)
    await edit_sale(shop.selling, shop.staff, sale.id, {"opens_at": now + timedelta(seconds=1)})
    shop.clock.advance(s=1)
    assert isinstance(await hold(shop, sale), Held)
    await edit_sale(shop.selling, shop.staff, sale.id, {"closes_at": now + timedelta(seconds=5)})
    shop.clock.advance(s=4)
    assert isinstance(await hold(shop, sale), EndedVerdict)


@pytest.mark.parametrize("state", SaleState)
async def test_fields_change_only_in_their_states(shop, state):
    later = shop.clock.now() + timedelta(hours=1)
    changes = {"title": "Other", "opens_at": later, "closes_at": later + timedelta(hours=1)}
    changes |= {"hold_ttl_s": 60, "limit_per_customer": 3}
    sale = await draft_sale(shop)
    if state is not SaleState.DRAFT:
        await schedule_sale(shop.selling, shop.staff, sale.id)
    if state in {SaleState.OPEN, SaleState.PAUSED}:
        await open_sale(shop.selling, shop.staff, sale.id)
    if state is SaleState.PAUSED:
        await pause_sale(shop.selling, shop.staff, sale.id)
    if state is SaleState.CLOSED:
        await close_sale(shop.selling, shop.staff, sale.id)
    for field, value in changes.items():
        if field in EDITABLE[state]:
            assert getattr(await edit_sale(shop.selling, shop.staff, sale.id, {field: value}), field) == value
        else:
            with pytest.raises(Conflict):
                await edit_sale(shop.selling, shop.staff, sale.id, {field: value})


async def test_a_window_ends_after_it_begins_and_in_the_future(shop):
    now = shop.clock.now()
    for opens_at, closes_at in (
        (now + timedelta(hours=1), now + timedelta(hours=1)),
        (None, now),
        (now - timedelta(hours=2), now - timedelta(hours=1)),
    ):
        new = NewSale(title="Never", currency=CURRENCY, opens_at=opens_at, closes_at=closes_at)
        with pytest.raises(Malformed):
            await create_sale(shop.selling, shop.staff, new)
    sale = await draft_sale(shop, opens_at=now + timedelta(hours=1))
    with pytest.raises(Malformed):
        await edit_sale(shop.selling, shop.staff, sale.id, {"closes_at": now + timedelta(hours=1)})


async def test_a_draft_whose_window_has_passed_can_be_given_another(shop):
    now = shop.clock.now()
    sale = await draft_sale(shop, closes_at=now + timedelta(seconds=1))
    shop.clock.advance(s=2)
    await edit_sale(shop.selling, shop.staff, sale.id, {"title": "Another evening"})
    await edit_sale(shop.selling, shop.staff, sale.id, {"closes_at": now + timedelta(hours=1)})
    await schedule_sale(shop.selling, shop.staff, sale.id)


async def test_a_lost_update_is_refused(shop):
    sale = await draft_sale(shop)
    first = await edit_sale(shop.selling, shop.staff, sale.id, {"title": "Mine"})
    with pytest.raises(Conflict):
        await edit_sale(shop.selling, shop.staff, sale.id, {"title": "Yours"}, version=first.version - 2)
    await edit_sale(shop.selling, shop.staff, sale.id, {"title": "Yours"}, version=first.version)


async def test_list_prices_keep_their_history(shop):
    sku_id = await make_sku(shop, price=100)
    shop.clock.advance(s=1)
    await set_list_price(shop.selling, shop.staff, sku_id, price=80, currency=CURRENCY)
    with pytest.raises(Conflict):
        await set_list_price(shop.selling, shop.staff, sku_id, price=70, currency=CURRENCY)
    entry = (await list_skus(shop.selling, shop.staff, below=None, count=10))[0]
    assert entry.prices == (ListPrice(CURRENCY, 80),)
    assert entry.on_hand == SHELF
    assert len(await shop.rows("SELECT * FROM sku_price")) == 2


async def test_a_code_is_given_once_per_merchant(shop):
    new = NewSku(title="Brush", code="B-1", price=1, currency=CURRENCY)
    await create_sku(shop.selling, shop.staff, new)
    with pytest.raises(Conflict):
        await create_sku(shop.selling, shop.staff, new)
    await create_sku(shop.selling, await make_merchant(shop.selling, "Another pond"), new)
    assert len(await shop.rows("SELECT * FROM product")) == 2, "a refused SKU leaves nothing behind"
