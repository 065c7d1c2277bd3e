"""A rush of one sale as its tables have it, whose statistics are older: rows alone."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import pytest

from keel.database import Connection
from tests.plans import nobody_counts

NOW: Final = datetime(2026, 11, 11, 12, tzinfo=UTC)
MERCHANT: Final = str(UUID(int=7))  # his sale, room and session have the same id
SMALL: Final = 80
ORDERS: Final = 4_000
COUNTED: Final = pytest.mark.parametrize("counted", ["empty", "small", "never"])


def id_of(n: int) -> str:
    """Of an order, its buyer, its visit, and every tenth of a share: they are numbered alike."""
    return str(UUID(f"{n:032d}"))


async def rush(connection: Connection, counted: str) -> None:
    """Orders 1 to ORDERS, of buyers whom every tenth brought; somebody counted when few were there, or none."""
    await nobody_counts(connection, GROWING)
    if counted == "small":
        await _fill(connection, 1, SMALL)
    if counted != "never":
        await connection.execute("ANALYZE " + ", ".join(GROWING))
    await _fill(connection, SMALL + 1 if counted == "small" else 1, ORDERS)


async def _fill(connection: Connection, first: int, last: int) -> None:
    async with connection.transaction():
        for statement in _ROWS.split(";"):
            await connection.execute(_NUMBERS + statement, MERCHANT, NOW, first, last)


GROWING: Final = (
    "claim", "orders", "order_line", "order_history", "attribution", "credit", "share", "touch", "session_viewer",
    "watch_interval", "tree_due", "tree_scope", "tree_node", "tree_sharer", "tree_slice", "tree_money", "tree_visitor",
    "tree_order", "tree_buyer", "customer_guest", "touch_person", "customer_profile", "outbox_event", "outbox_delivery",
)  # fmt: skip
_NUMBERS: Final = """
    WITH n AS (
        SELECT n, lpad(n::text, 32, '0')::uuid AS id, lpad((n - (n - 1) % 10)::text, 32, '0')::uuid AS through,
               $1::uuid AS m, $2::timestamptz AS now
        FROM generate_series($3::int, $4::int) AS n)
"""
_ROWS: Final = """
    INSERT INTO claim (sale_id, customer_id, key, id, merchant_id, segment, fingerprint, lines, units, epoch, state,
        verdict_no, served_at)
    SELECT m, id, n::text, id, m, 0, 'ab', '1:1', 1, 0, 'placed', n, now FROM n;
    INSERT INTO orders (merchant_id, id, sale_id, segment, customer_id, claim_key, state, currency, lines_total, total,
        placed_at, expires_at)
    SELECT m, id, m, 0, id, n::text, CASE n % 4 WHEN 0 THEN 'paid' ELSE 'awaiting_payment' END, 'CNY', 1, 1, now, now
    FROM n;
    INSERT INTO order_line (merchant_id, order_id, no, item_id, item_version_id, quantity, unit_price, amount)
    SELECT m, id, 1, m, m, 1, 1, 1 FROM n;
    INSERT INTO share (id, merchant_id, code, sharer_id, target_kind, target_id, family_id, root_id, depth, path,
        created_at)
    SELECT id, m, 'A' || translate(lpad(n::text, 7, 'z'), '01', 'xy'), id, 'room', m, m, id, 0, '{}', now
    FROM n WHERE n % 10 = 1;
    INSERT INTO touch (id, merchant_id, share_id, visitor_id, channel, at)
    SELECT id, m, through, id, 'group', now FROM n;
    INSERT INTO attribution (order_id, merchant_id, customer_id, sale_id, room_id, currency, total, code_state, outcome,
        reason, rule, touches, considered, placed_at, decided_at)
    SELECT id, m, id, m, m, 'CNY', 1, 'none', 'credited', 'came', '{}', 1, '[]', now, now FROM n;
    INSERT INTO credit (order_id, no, merchant_id, share_id, sharer_id, root_id, chain, part, amount, touch_id,
        touched_at)
    SELECT id, 1, m, through, through, through, ARRAY[through], 1000000, 1, id, now FROM n;
    INSERT INTO watch_interval (merchant_id, id, session_id, viewer_id, gateway_id, started_at)
    SELECT m, id, m, id, m, now FROM n
"""
