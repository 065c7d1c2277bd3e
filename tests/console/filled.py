"""A sale with many orders, written straight into the tables as the order path writes them: every law holds.

async with stale(databases, template, "counted when empty") as connection:
    await check(connection, law, SALE, AT)
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import asyncpg

from keel.database import Connection
from tests.databases import Databases

ORDERS: Final = 1_000  # a table of fewer than ten pages is rightly read whole, again and again
OTHERS: Final = 20  # orders of the other sale
AT: Final = datetime(2027, 1, 15, 8, 0, 10, tzinfo=UTC)  # no hold has run out yet
SALE: Final = str(UUID(int=1))
MERCHANT: Final = str(UUID(int=2))
OTHER_SALE: Final = str(UUID(int=3))
OTHER_MERCHANT: Final = str(UUID(int=4))

# What PostgreSQL counted before SALE: nothing, no rows, or those of another sale, of this merchant.
STALE: Final[dict[str, str | None]] = {
    "never counted": None,
    "counted when empty": None,
    "counted after a small sale": MERCHANT,
    "counted after another merchant's sale": OTHER_MERCHANT,
}


class Filling(Protocol):
    """Writes something with so many orders, or people."""

    async def __call__(self, connection: Connection, of_id: str, merchant_id: str, count: int, /) -> None: ...


async def fill(connection: Connection, sale_id: str, merchant_id: str, orders: int, *, days_later: int = 0) -> None:
    """A sale of three items that sold: each order has 1 of the first and 2 of the second; every tenth has lapsed."""
    began = f"timestamptz '{AT + timedelta(days=days_later, seconds=-10)}'"
    for statement in _FILL:
        await connection.execute(statement.format(sale=sale_id, merchant=merchant_id, orders=orders, began=began))


@asynccontextmanager
async def stale(databases: Databases, template: str, kind: str, filling: Filling = fill) -> AsyncIterator[Connection]:
    """A database whose statistics are of this kind, with SALE in it, and nobody who counts its rows meanwhile."""
    with databases.copied(template) as name:
        connection = await asyncpg.connect(databases.url_of(name))
        try:
            await connection.execute(_NOBODY_COUNTS)
            if (merchant_id := STALE[kind]) is not None:
                await filling(connection, OTHER_SALE, merchant_id, OTHERS)
            if kind != "never counted":
                await connection.execute("ANALYZE")
            await filling(connection, SALE, MERCHANT, ORDERS)
            yield connection
        finally:
            await connection.close()


_NOBODY_COUNTS: Final = """
    DO $$
    DECLARE
        of_ours oid;
    BEGIN
        FOR of_ours IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
            EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', of_ours::regclass);
        END LOOP;
    END $$
"""
_FILL: Final = (
    "INSERT INTO merchant (id, name, created_at) VALUES ('{merchant}', 'A pond', {began}) ON CONFLICT DO NOTHING",
    "INSERT INTO product (id, merchant_id, title, created_at) VALUES ('{sale}', '{merchant}', 'Brush', {began})",
    """
    INSERT INTO sku (id, merchant_id, product_id, code, created_at)
    SELECT md5('sku {sale}' || no)::uuid, '{merchant}', '{sale}', '{sale}-' || no, {began}
    FROM generate_series(1, 3) AS no""",
    """
    INSERT INTO base_stock (sku_id, merchant_id, on_hand)
    SELECT id, merchant_id, 5 FROM sku WHERE product_id = '{sale}'""",
    """
    INSERT INTO item_version
        (id, merchant_id, sku_id, title, specification, needs_recipient, price, currency, created_at)
    SELECT id, merchant_id, id, 'Brush', '{{}}', false, 100, 'CNY', {began} FROM sku WHERE product_id = '{sale}'""",
    """
    INSERT INTO sale (id, merchant_id, title, kind, state, currency, hold_ttl_s, limit_per_customer, created_at)
    VALUES ('{sale}', '{merchant}', 'Brushes at nine', 'flash', 'open', 'CNY', 900, 3, {began})""",
    """
    INSERT INTO sale_item (id, merchant_id, sale_id, no, sku_id, item_version_id, limit_per_customer)
    SELECT md5('item' || id)::uuid, merchant_id, '{sale}', right(code, 1)::int, id, id, 2
    FROM sku WHERE product_id = '{sale}'""",
    """
    INSERT INTO claim (sale_id, customer_id, key, id, merchant_id, segment, fingerprint, lines, units, epoch, state,
                       verdict_no, served_at)
    SELECT '{sale}', md5('buyer {sale}' || n)::uuid, 'key', row_id({began} + n * interval '1 ms'), '{merchant}', 0,
           md5(n::text), '1:1,2:2', 3, 1, CASE n % 10 WHEN 0 THEN 'released' ELSE 'placed' END,
           n, {began} + n * interval '1 ms'
    FROM generate_series(1, {orders}) AS n""",
    """
    INSERT INTO orders (merchant_id, id, sale_id, segment, customer_id, claim_key, state, currency, lines_total, total,
                        placed_at, expires_at)
    SELECT merchant_id, id, sale_id, segment, customer_id, key,
           CASE state WHEN 'released' THEN 'cancelled' ELSE 'awaiting_payment' END, 'CNY', 300, 300, served_at,
           served_at + interval '900 s'
    FROM claim WHERE sale_id = '{sale}' ORDER BY id""",
    """
    INSERT INTO order_line (merchant_id, order_id, no, item_id, item_version_id, quantity, unit_price, amount)
    SELECT o.merchant_id, o.id, i.no, i.id, i.item_version_id, i.no, 100, i.no * 100
    FROM orders o JOIN sale_item i ON i.sale_id = o.sale_id AND i.no <= 2 WHERE o.sale_id = '{sale}' ORDER BY o.id""",
    """
    INSERT INTO order_history (merchant_id, order_id, state, at, actor)
    SELECT merchant_id, id, 'awaiting_payment', placed_at, 'customer' FROM orders WHERE sale_id = '{sale}'
    UNION ALL
    SELECT merchant_id, id, state, placed_at + interval '1 s', 'customer' FROM orders
    WHERE sale_id = '{sale}' AND state = 'cancelled'""",
    """
    INSERT INTO outbox_event (id, topic, aggregate, payload, at)
    SELECT id, 'order.placed', id, '{{}}'::jsonb, placed_at FROM orders WHERE sale_id = '{sale}'
    UNION ALL
    SELECT row_id(h.at), 'order.lapsed', o.id, '{{"sale_id": "{sale}"}}'::jsonb, h.at
    FROM orders o JOIN order_history h ON h.order_id = o.id AND h.state = 'cancelled' WHERE o.sale_id = '{sale}'""",
    """
    INSERT INTO outbox_delivery (event_id, subscriber, lane, aggregate, due_at)
    SELECT e.id, 'gate-releases', outbox_lane(e.aggregate), e.aggregate, e.at FROM outbox_event e
    WHERE e.payload->>'sale_id' = '{sale}'""",
    """
    INSERT INTO stock_movement (id, merchant_id, sku_id, item_id, segment, kind, units, actor, at)
    SELECT row_id(o.placed_at), o.merchant_id, i.sku_id, i.id, 0, k.kind, i.no, 'placement', o.placed_at
    FROM orders o JOIN sale_item i ON i.sale_id = o.sale_id AND i.no <= 2
    JOIN (VALUES ('sold'), ('released')) AS k (kind) ON k.kind = 'sold' OR o.state = 'cancelled'
    WHERE o.sale_id = '{sale}'
    UNION ALL
    SELECT row_id({began}), merchant_id, sku_id, CASE k.kind WHEN 'allocated' THEN id END,
           CASE k.kind WHEN 'allocated' THEN 0 END, k.kind, k.units, 'hua', {began}
    FROM sale_item, (VALUES ('received', 3 * {orders} + 5), ('allocated', 3 * {orders})) AS k (kind, units)
    WHERE sale_id = '{sale}'""",
    """
    INSERT INTO stock (item_id, merchant_id, sale_id, allocated, sold, epoch)
    SELECT i.id, i.merchant_id, i.sale_id, 3 * {orders}, coalesce(sum(l.quantity), 0), 1
    FROM sale_item i LEFT JOIN (order_line l JOIN orders o ON o.id = l.order_id AND o.state <> 'cancelled')
        ON l.item_id = i.id
    WHERE i.sale_id = '{sale}' GROUP BY i.id""",
)
