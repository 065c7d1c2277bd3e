"""The audit: silent where all is well, and for every promise a breach that is planted and seen."""

import pytest

from console.audit import audit
from console.model import NotAuditable
from tests.console.served import Served

MORE_SOLD = "UPDATE stock SET sold = sold + 1 WHERE item_id = '{item}'"

# What is done behind everybody's back in the tables, and which promises that breaks. Promises that follow from each
# other break together; every promise is the first of a set.
IN_TABLES = {
    "more sold than allocated": (
        [
            "ALTER TABLE stock DROP CONSTRAINT never_oversell",
            "UPDATE base_stock SET on_hand = on_hand + 9 "
            "WHERE sku_id = (SELECT sku_id FROM sale_item WHERE id = '{item}')",
            "UPDATE stock_movement SET units = units - 9 WHERE item_id = '{item}' AND kind = 'allocated'",
            "UPDATE stock SET allocated = allocated - 9 WHERE item_id = '{item}'",
        ],
        {"never-oversold"},
    ),
    "a counter too high": ([MORE_SOLD], {"sold-is-lines", "sold-is-claims", "stock-is-movements"}),
    "a line of another item": (
        [
            "UPDATE order_line SET item_id = (SELECT id FROM sale_item WHERE sale_id = '{sale}' AND no = 2) "
            "WHERE order_id = '{order}' AND no = 1"
        ],
        {"sold-is-lines", "lines-are-claimed"},
    ),
    "a claim of another item": (
        ["UPDATE claim SET lines = '2:1' WHERE id = '{order}'"],
        {"sold-is-claims", "lines-are-claimed"},
    ),
    "a movement too much": (
        [
            "UPDATE stock_movement SET units = units + 1 "
            "WHERE id = (SELECT max(id::text)::uuid FROM stock_movement WHERE kind = 'sold')"
        ],
        {"stock-is-movements"},
    ),
    "an item nobody moved in": (
        ["UPDATE stock_movement SET item_id = row_id('2027-01-01') WHERE item_id = '{item}' AND kind = 'allocated'"],
        {"stock-is-movements"},
    ),
    "units that vanished from the shelf": (["UPDATE base_stock SET on_hand = on_hand - 1"], {"base-is-movements"}),
    "an epoch that one row missed": (["UPDATE stock SET epoch = 2 WHERE item_id = '{item}'"], {"one-epoch"}),
    "a claim from the future": (
        ["UPDATE claim SET epoch = 9 WHERE verdict_no = (SELECT max(verdict_no) FROM claim)"],
        {"one-epoch"},
    ),
    "an order without a claim": (
        ["DELETE FROM claim WHERE id = '{order}'"],
        {"claims-are-orders", "sold-is-claims"},
    ),
    "a claim without an order": (
        ["DELETE FROM orders WHERE id = '{order}'"],
        {"claims-are-orders", "sold-is-lines"},
    ),
    "an order of somebody else": (
        ["UPDATE orders SET customer_id = row_id('2027-01-01') WHERE id = '{order}'"],
        {"claims-are-orders"},
    ),
    "an order of a merchant that there is not": (
        ["UPDATE orders SET merchant_id = row_id('2027-01-01') WHERE id = '{order}'"],
        {"claims-are-orders", "sold-is-lines"},
    ),
    "a void claim with an order": (
        ["UPDATE claim SET state = 'void' WHERE id = '{order}'"],
        {"claims-are-orders", "sold-is-claims"},
    ),
    "an order that lapsed alone": (
        [
            "UPDATE orders SET state = 'expired' WHERE id = '{order}'",
            "INSERT INTO order_history SELECT merchant_id, id, 'expired', placed_at, 'x', 'y' FROM orders "
            "WHERE id = '{order}'",
            "INSERT INTO outbox_event SELECT row_id('2027-01-01'), 'order.lapsed', '{order}', '{{}}', '2027-01-01'",
        ],
        {"states-agree", "sold-is-lines"},
    ),
    "two orders of one key": (
        [
            "INSERT INTO orders SELECT (jsonb_populate_record(o, jsonb_build_object('id', row_id(placed_at)))).* "
            "FROM orders o WHERE id = '{order}'"
        ],
        {"one-order-per-key", "claims-are-orders", "amounts-add-up", "history-is-whole", "facts-are-told"},
    ),
    "units that are not the lines'": (["UPDATE claim SET units = units + 1 WHERE id = '{order}'"], {"units-are-lines"}),
    "lines that cannot be read": (
        ["UPDATE claim SET lines = 'one mug' WHERE id = '{order}'"],
        {"units-are-lines", "lines-are-claimed", "sold-is-claims"},
    ),
    "an order with more lines": (
        [
            "INSERT INTO order_line SELECT merchant_id, order_id, 7, row_id('2027-01-01'), item_version_id, 1, 0, 0 "
            "FROM order_line WHERE order_id = '{order}' LIMIT 1"
        ],
        {"lines-are-claimed", "sold-is-lines", "amounts-add-up"},
    ),
    "an amount that was changed": (
        [
            "ALTER TABLE order_line DROP CONSTRAINT order_line_check",
            "UPDATE order_line SET amount = amount + 1 WHERE order_id = '{order}'",
        ],
        {"amounts-add-up"},
    ),
    "a price that was never shown": (
        [
            "UPDATE order_line SET unit_price = 1, amount = quantity WHERE order_id = '{order}'",
            "UPDATE orders SET lines_total = 1, total = 1 WHERE id = '{order}'",
        ],
        {"amounts-add-up"},
    ),
    "a total that is too low": (
        ["UPDATE orders SET lines_total = lines_total - 1, total = total - 1 WHERE id = '{order}'"],
        {"amounts-add-up"},
    ),
    "an adjustment that nobody noted": (
        ["UPDATE orders SET adjustment_total = -1, total = total - 1 WHERE id = '{order}'"],
        {"amounts-add-up"},
    ),
    "an order in another currency": (["UPDATE orders SET currency = 'EUR' WHERE id = '{order}'"], {"amounts-add-up"}),
    "a history that was lost": (["DELETE FROM order_history WHERE order_id = '{order}'"], {"history-is-whole"}),
    "a state that was never told": (
        ["DELETE FROM order_history WHERE state = 'cancelled'"],
        {"history-is-whole"},
    ),
    "a placing that nobody heard of": (
        ["DELETE FROM outbox_event WHERE aggregate = '{order}'"],
        {"facts-are-told"},
    ),
    "a lapse that nobody heard of": (
        ["DELETE FROM outbox_event WHERE topic = 'order.lapsed'"],
        {"facts-are-told"},
    ),
    "an order that waits too long": (
        ["UPDATE orders SET expires_at = placed_at - interval '11 s' WHERE id = '{order}'"],
        {"expired-in-time"},
    ),
    "a release that is given up": (
        ["UPDATE outbox_delivery SET state = 'dead', error = 'x'"],
        {"released-in-time"},
    ),
    "a release that waits too long": (
        ["UPDATE outbox_delivery SET state = 'waiting'", "UPDATE outbox_event SET at = at - interval '11 s'"],
        {"released-in-time"},
    ),
    "a buyer over the item's limit": (
        [
            "UPDATE sale_item SET limit_per_customer = 1",
            "UPDATE claim SET lines = '1:2', units = 2 WHERE id = '{order}'",
        ],
        {"limits-are-kept", "sold-is-claims", "lines-are-claimed"},
    ),
    "a buyer over the sale's limit": (
        ["UPDATE sale SET limit_per_customer = 1"],
        {"limits-are-kept"},
    ),
    "a number given twice": (
        ["UPDATE claim SET verdict_no = verdict_no + 1 WHERE id = '{order}'"],
        {"numbers-are-unique"},
    ),
    "somebody served out of turn": (
        ["UPDATE claim SET served_at = served_at + interval '1 h' WHERE id = '{order}'"],
        {"served-in-order"},
    ),
    "a number of a later epoch": (
        ["UPDATE stock SET epoch = 2", "UPDATE claim SET epoch = 2 WHERE id = '{order}'"],
        {"served-in-order"},
    ),
    "leftovers that stay in a closed sale": (
        ["UPDATE sale SET state = 'closed', archived_at = NULL"],
        {"leftovers-are-back"},
    ),
}


async def test_a_sale_that_was_served_by_the_rules_holds_every_promise(served: Served):
    report = await served.audit()
    assert report.breaches == ()
    assert report.quiet
    assert [invariant.name for invariant in report.skipped] == ["leftovers-are-back"]


@pytest.mark.parametrize("breach", IN_TABLES)
async def test_a_breach_in_the_tables_is_seen(served: Served, breach: str):
    statements, expected = IN_TABLES[breach]
    await served.archive()
    assert await served.broken() == set()
    await served.plant(*statements)
    assert await served.broken() == expected


async def test_a_limit_that_was_lowered_meanwhile_is_no_breach(served: Served):
    await served.plant(
        "UPDATE sale SET limit_per_customer = 1",
        "INSERT INTO staff_audit SELECT row_id(max(served_at)), max(merchant_id::text)::uuid, 'hua', 'sale.edit', "
        "'{sale}', "
        '\'{{"fields": ["limit_per_customer"]}}\', max(served_at) FROM claim',
    )
    report = await served.audit()
    assert report.breaches == ()
    assert "limits-are-kept" in {invariant.name for invariant in report.skipped}


@pytest.mark.parametrize("sale_id", ["nonsense", "", "0197c2d4-0000-7000-8000-000000000000"])
async def test_what_is_no_sale_is_said_plainly(served: Served, sale_id: str):
    with pytest.raises(NotAuditable, match="sale"):
        await audit(served.pool, served.shop.gate, sale_id, wait_s=0)
