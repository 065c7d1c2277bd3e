"""SQL of orders: what an order costs does not grow with the sale, though nobody counted its tables since it began."""

from typing import Any

import asyncpg

from inventory import ledger
from keel.database import array_text
from orders import store
from tests.plans import rows_read
from tests.rushes import COUNTED, MERCHANT, NOW, ORDERS, id_of, rush

BATCH = range(1, ORDERS, ORDERS // 10)


@COUNTED
async def test_what_is_asked_of_orders_goes_by_those_that_are_meant(database_url: str, counted: str):
    ids, keys = [id_of(n) for n in BATCH], [str(n) for n in BATCH]
    ones, none = ["1"] * len(ids), list[str]()
    again = array_text(ids), array_text(ids), array_text(keys), array_text(["ab"] * len(ids))
    counts = (
        array_text(["1:1"] * len(ids)),
        array_text(ones),
        array_text(keys),
        array_text(ones),
        array_text(ones),
        array_text(["NULL"] * len(ids)),
    )
    lines = array_text(ids), array_text(ones), array_text(ids), array_text(ids), array_text(ones), array_text(ones)
    sale = MERCHANT, MERCHANT, 0, 0, False, "CNY", NOW, NOW, None, none
    asked: dict[str, tuple[Any, ...]] = {
        "lapse": (store._LAPSE, MERCHANT, ids, "expired", NOW, NOW, "worker", None, none),
        "place again": (store._PLACE, *sale, *again, *counts, *lines, none, none, none, none),
        "claims": (ledger._CLAIMS, MERCHANT, ids, keys),
        "page": (store._PAGE, MERCHANT, [id_of(4)], None, 20, "paid"),
    }
    async with asyncpg.create_pool(database_url, min_size=0) as pool, pool.acquire() as connection:
        await rush(connection, counted)
        await connection.execute(_STOCK, MERCHANT, NOW)
        for name, statement in asked.items():
            assert await rows_read(connection, *statement) < 15 * len(ids), name


_STOCK = """
    WITH i AS (SELECT $1::uuid AS id, $2::timestamptz AS now),
    merchant AS (INSERT INTO merchant (id, name, created_at) SELECT id, 'm', now FROM i),
    product AS (INSERT INTO product (id, merchant_id, title, created_at) SELECT id, id, 'p', now FROM i),
    sku AS (INSERT INTO sku (id, merchant_id, product_id, code, created_at) SELECT id, id, id, 's', now FROM i),
    version AS (
        INSERT INTO item_version (id, merchant_id, sku_id, title, specification, needs_recipient, price, currency,
            created_at)
        SELECT id, id, id, 't', '{}', false, 1, 'CNY', now FROM i),
    sale AS (
        INSERT INTO sale (id, merchant_id, title, kind, state, currency, hold_ttl_s, created_at)
        SELECT id, id, 't', 'flash', 'open', 'CNY', 600, now FROM i),
    item AS (
        INSERT INTO sale_item (id, merchant_id, sale_id, no, sku_id, item_version_id)
        SELECT id, id, id, 1, id, id FROM i)
    INSERT INTO stock (item_id, merchant_id, sale_id, allocated, sold) SELECT id, id, id, 9000, 4000 FROM i
"""
