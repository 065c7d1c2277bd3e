"""A sale is made again: with the same SKUs, prices and planned units, as a draft with a window of its own."""

from datetime import timedelta

import pytest

from inventory import copying, store, store_templates
from inventory.archiving import archive_sku
from inventory.copying import Again, archive_template, copy_sale, list_templates, sale_from_template, save_template
from inventory.items import edit_item
from inventory.model import SaleKind
from inventory.products import edit_product
from inventory.running import close_sale, schedule_sale
from inventory.views import sale_for_staff
from keel.errors import Malformed, NotFound
from tests.inventory.selling import Sale, Shop, check_books, draft_sale, make_merchant, open_sale


async def sold_before(shop: Shop) -> Sale:
    sale = await open_sale(shop, units=[10, 5], price=9_900, limit=3, item_limit=2, hold_ttl_s=77)
    await edit_item(shop.selling, shop.staff, sale.id, sale.item_ids[1], {"price": 8_800})
    await close_sale(shop.selling, shop.staff, sale.id)
    return sale


async def items(shop: Shop, sale_id: str) -> list[tuple[str, int, int, int | None]]:
    shown = await sale_for_staff(shop.selling, shop.staff, sale_id)
    return [(item.sku_id, item.price, item.planned, item.limit_per_customer) for item in shown.items]


async def test_a_copy_is_a_draft_with_the_same_items_and_takes_no_stock(shop):
    old = await sold_before(shop)
    await shop.ledger.settle(old.id, 0, shop.clock.now())
    opens_at = shop.clock.now() + timedelta(days=1)
    sale, left_out = await copy_sale(shop.selling, shop.staff, old.id, Again(title="Again", opens_at=opens_at))
    assert (sale.state, sale.title, sale.opens_at, sale.closes_at, left_out) == ("draft", "Again", opens_at, None, [])
    assert (sale.kind, sale.currency, sale.hold_ttl_s, sale.limit_per_customer) == ("flash", "CNY", 77, 3)
    assert await items(shop, sale.id) == [(old.sku_ids[0], 9_900, 10, 2), (old.sku_ids[1], 8_800, 5, 2)]
    await check_books(shop)
    await schedule_sale(shop.selling, shop.staff, sale.id)
    await check_books(shop)


async def test_a_copy_shows_what_the_catalogue_says_now(shop):
    old = await draft_sale(shop)
    (row,) = await shop.rows("SELECT id FROM product")
    await edit_product(shop.selling, shop.staff, str(row["id"]), {"title": "A better brush"})
    sale, _ = await copy_sale(shop.selling, shop.staff, old.id, Again())
    titles = [
        (await sale_for_staff(shop.selling, shop.staff, each)).items[0].title == "A better brush"
        for each in (old.id, sale.id)
    ]
    assert titles == [False, True]


async def test_a_rehearsal_is_a_copy_that_counts_for_nothing(shop):
    old = await draft_sale(shop)
    rehearsal, _ = await copy_sale(shop.selling, shop.staff, old.id, Again(rehearsal=True))
    real, _ = await copy_sale(shop.selling, shop.staff, rehearsal.id, Again())
    assert (rehearsal.rehearsal, real.rehearsal) == (True, False)


async def test_what_was_archived_meanwhile_is_left_out_and_named(shop):
    old = await draft_sale(shop, units=[1, 2, 3])
    await archive_sku(shop.selling, shop.staff, old.sku_ids[1])
    sale, left_out = await copy_sale(shop.selling, shop.staff, old.id, Again())
    assert left_out == [old.sku_ids[1]]
    shown = await sale_for_staff(shop.selling, shop.staff, sale.id)
    assert [(item.no, item.planned) for item in shown.items] == [(1, 1), (2, 3)]


async def test_a_template_outlives_its_sale_and_is_used_again_and_again(shop):
    old = await draft_sale(shop, units=[4], item_limit=1, kind=SaleKind.SHELF)
    template = await save_template(shop.selling, shop.staff, old.id, "Every Monday")
    for _ in range(2):
        sale, _ = await sale_from_template(shop.selling, shop.staff, template.id, Again())
        assert (sale.title, sale.kind, sale.state) == ("Every Monday", "shelf", "draft")
        assert await items(shop, sale.id) == [(old.sku_ids[0], 14_900, 4, 1)]
    listed = await list_templates(shop.selling, shop.staff, below=None, count=10)
    assert [row.id for row in listed] == [template.id]
    await archive_template(shop.selling, shop.staff, template.id)
    assert await list_templates(shop.selling, shop.staff, below=None, count=10) == []
    with pytest.raises(NotFound):
        await sale_from_template(shop.selling, shop.staff, template.id, Again())
    async with store.edge(shop.selling.sessions) as session:
        with pytest.raises(NotFound):
            await store_templates.find_template(session, shop.staff.merchant_id, template.id)
    commands = [row["command"] for row in await shop.rows("SELECT command FROM staff_audit ORDER BY id")]
    assert commands[-6:] == [
        "template.save",
        *("sale.create", "sale.from_template") * 2,
        "template.archive",
    ]


async def test_a_window_that_is_none_and_nothing_is_there(shop):
    old = await draft_sale(shop, kind=SaleKind.SHELF)
    with pytest.raises(Malformed, match="malformed"):
        await copy_sale(shop.selling, shop.staff, old.id, Again(closes_at=shop.clock.now() + timedelta(hours=1)))
    assert len(await shop.rows("SELECT id FROM sale")) == 1


async def test_another_merchants_sales_and_templates_look_like_none(shop):
    old = await draft_sale(shop)
    template = await save_template(shop.selling, shop.staff, old.id, None)
    assert template.title == "Brushes at nine"
    stranger = await make_merchant(shop.selling, "Another pond")
    for attempt in (
        copy_sale(shop.selling, stranger, old.id, Again()),
        save_template(shop.selling, stranger, old.id, None),
        sale_from_template(shop.selling, stranger, template.id, Again()),
        archive_template(shop.selling, stranger, template.id),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert await copying.list_templates(shop.selling, stranger, below=None, count=10) == []
