"""Products with their variants: made all or none, changed under a version, put away and brought back."""

import asyncio

import pytest

from inventory import store_products, views_catalogue
from inventory.catalogue import NewVariant, list_skus
from inventory.items import NewItem, add_item
from inventory.products import (
    add_variant,
    archive_product,
    create_product,
    edit_product,
    edit_sku,
    find_product,
    restore_product,
    restore_sku,
)
from keel.errors import Conflict, NotFound
from tests.inventory.selling import CURRENCY, Shop, check_books, draft_sale, make_merchant, make_sku


def variant(code: str, **fields) -> NewVariant:
    return NewVariant(code, price=9_900, currency=CURRENCY, **fields)


async def brush(shop: Shop, *codes: str) -> str:
    return await create_product(shop.selling, shop.staff, "Brush", [variant(code, units=5) for code in codes])


async def test_a_product_has_its_variants_each_with_units_and_a_price(shop):
    product_id = await brush(shop, "RED", "BLUE")
    await add_variant(shop.selling, shop.staff, product_id, variant("GREEN", specification={"色": "绿"}, low_stock=3))
    product, entries = await find_product(shop.selling, shop.staff, product_id)
    assert (product.title, product.version) == ("Brush", 1)
    assert [(entry.sku.code, entry.on_hand) for entry in entries] == [("RED", 5), ("BLUE", 5), ("GREEN", 0)]
    assert {price.price for entry in entries for price in entry.prices} == {9_900}
    await check_books(shop)


async def test_one_code_that_is_taken_and_nothing_of_the_product_is_there(shop):
    await brush(shop, "RED")
    with pytest.raises(Conflict) as taken:
        await brush(shop, "BLUE", "RED")
    assert "RED" in taken.value.detail
    assert len(await shop.rows("SELECT id FROM product")) == 1
    assert len(await shop.rows("SELECT sku_id FROM base_stock")) == 1


async def test_of_two_edits_from_one_version_only_one_is_kept(shop):
    sku_id = await make_sku(shop)

    marks = (edit_sku(shop.selling, shop.staff, sku_id, {"low_stock": n}, version=1) for n in (0, 1))
    outcomes = await asyncio.gather(*marks, return_exceptions=True)
    (kept,) = [n for n, outcome in enumerate(outcomes) if outcome is None]
    assert isinstance(outcomes[1 - kept], Conflict)
    (row,) = await shop.rows("SELECT version, low_stock FROM sku")
    assert (row["version"], row["low_stock"]) == (2, kept)


async def test_a_new_title_is_for_sales_to_come_and_not_for_what_was_shown(shop):
    sale = await draft_sale(shop)
    (row,) = await shop.rows("SELECT id, title FROM product")
    await edit_product(shop.selling, shop.staff, str(row["id"]), {"title": "A better brush"}, version=1)
    with pytest.raises(Conflict):
        await edit_product(shop.selling, shop.staff, str(row["id"]), {"title": "The best"}, version=1)
    shown = await views_catalogue.versions(shop.selling, shop.staff, sale.sku_ids[0], below=None, count=10)
    assert [version.title for version in shown.versions] == [row["title"]]
    assert (await views_catalogue.sku(shop.selling, shop.staff, sale.sku_ids[0])).title == "A better brush"


async def test_a_product_is_put_away_with_its_variants_and_comes_back_with_them(shop):
    product_id = await brush(shop, "RED", "BLUE")
    _, (red, blue) = await find_product(shop.selling, shop.staff, product_id)
    shop.clock.advance(s=1)
    async with shop.selling.sessions.begin() as session:  # blue was put away before
        await store_products.archive_skus(session, shop.staff.merchant_id, product_id, shop.clock.now())
    await restore_sku(shop.selling, shop.staff, red.sku.id)
    shop.clock.advance(s=1)
    await archive_product(shop.selling, shop.staff, product_id)
    assert await list_skus(shop.selling, shop.staff, below=None, count=10) == []
    for attempt in (
        add_variant(shop.selling, shop.staff, product_id, variant("GREEN")),
        restore_sku(shop.selling, shop.staff, red.sku.id),
        archive_product(shop.selling, shop.staff, product_id),
    ):
        with pytest.raises(Conflict):
            await attempt
    sale = await draft_sale(shop, units=[])
    with pytest.raises(NotFound):
        await add_item(shop.selling, shop.staff, sale.id, NewItem(red.sku.id, price=1, units=1))
    await restore_product(shop.selling, shop.staff, product_id)
    listed = await list_skus(shop.selling, shop.staff, below=None, count=10)
    assert [entry.sku.code for entry in listed] == ["RED"], "blue stays where it was put"
    await restore_sku(shop.selling, shop.staff, blue.sku.id)
    with pytest.raises(Conflict):
        await restore_product(shop.selling, shop.staff, product_id)
    with pytest.raises(Conflict):
        await restore_sku(shop.selling, shop.staff, blue.sku.id)


async def test_another_merchants_products_look_like_none(shop):
    product_id = await brush(shop, "RED")
    _, (red,) = await find_product(shop.selling, shop.staff, product_id)
    stranger = await make_merchant(shop.selling, "Another pond")
    for attempt in (
        find_product(shop.selling, stranger, product_id),
        add_variant(shop.selling, stranger, product_id, variant("GREEN")),
        edit_product(shop.selling, stranger, product_id, {"title": "Mine"}),
        edit_sku(shop.selling, stranger, red.sku.id, {"low_stock": 1}),
        archive_product(shop.selling, stranger, product_id),
        restore_sku(shop.selling, stranger, red.sku.id),
    ):
        with pytest.raises(NotFound):
            await attempt
    await create_product(shop.selling, stranger, "Their brush", [variant("RED")])
