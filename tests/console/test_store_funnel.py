"""A funnel is looked at while its session is on air: it costs by the visitor, whatever PostgreSQL has counted."""

from typing import Any

import pytest

from console.funnel_steps import By
from console.store_funnel import funnel
from keel.database import Connection
from tests.console.filled import AT, MERCHANT, ORDERS, SALE, STALE, stale
from tests.databases import Databases
from tests.plans import Watched

OF_EACH = 2  # rows of people are small
VISITORS, SESSION = OF_EACH * ORDERS, SALE
ROWS_EACH_MAX = 60  # that may be looked at for each visitor


async def visited(connection: Connection, session_id: str, merchant_id: str, count: int) -> None:
    """Twice as many came through ten shares. Some signed in; each watched under his last name, every fourth ordered."""
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")  # who they are is not the point here
        for statement in _VISITED:
            began = f"timestamptz '{AT}'"
            await connection.execute(
                statement.format(session=session_id, merchant=merchant_id, visitors=OF_EACH * count, began=began)
            )


@pytest.mark.parametrize("kind", STALE)
async def test_a_funnel_looks_at_few_rows_for_each_visitor(databases: Databases, database_template: str, kind: str):
    async with stale(databases, database_template, kind, visited) as connection:
        for by in (None, By.SHARER):
            watched: Any = Watched(connection)
            parts = await funnel(watched, MERCHANT, SESSION, by=by, now=AT)
            assert sum(part.opened for part in parts) == sum(part.saw for part in parts) == VISITORS
            assert sum(part.ordered for part in parts) == VISITORS // 4
            assert watched.touched < ROWS_EACH_MAX * VISITORS


_VISITED = (
    """
    INSERT INTO share (id, merchant_id, code, sharer_id, target_kind, target_id, family_id, root_id, depth, path,
                       created_at)
    SELECT id, '{merchant}', left(translate(md5(id::text), '01', 'xy'), 10), id, 'session', '{session}', '{session}',
           id, 0, '{{}}', {began}
    FROM (SELECT md5('share {session}' || n)::uuid AS id FROM generate_series(0, 9) AS n) s""",
    """
    INSERT INTO tree_visitor (scope_id, visitor_id, merchant_id, share_id, channel, at, watched)
    SELECT '{session}', md5('{session}' || n)::uuid, '{merchant}', md5('share {session}' || n % 10)::uuid, 'group',
           {began}, false
    FROM generate_series(1, {visitors}) AS n""",
    """
    INSERT INTO customer_guest (merchant_id, guest_id, customer_id, at)
    SELECT '{merchant}', md5('{session}' || n)::uuid, md5('customer {session}' || n)::uuid, {began}
    FROM generate_series(1, {visitors}) AS n WHERE n % 3 < 2""",
    """
    INSERT INTO touch_person (merchant_id, visitor_id, customer_id, at)
    SELECT '{merchant}', md5('{session}' || n)::uuid, md5('customer {session}' || n)::uuid, {began}
    FROM generate_series(1, {visitors}) AS n WHERE n % 3 > 0""",
    """
    INSERT INTO watch_interval (id, merchant_id, session_id, viewer_id, gateway_id, started_at, ended_at)
    SELECT row_id({began}), '{merchant}', '{session}',
           md5(CASE n % 3 WHEN 2 THEN '' ELSE 'customer ' END || '{session}' || n)::uuid, '{session}', {began},
           {began} + interval '40 s'
    FROM generate_series(1, {visitors}) AS n""",
    """
    INSERT INTO attribution (order_id, merchant_id, customer_id, sale_id, session_id, currency, total, code_state,
                             outcome, reason, rule, touches, considered, placed_at, decided_at)
    SELECT row_id({began}), merchant_id, viewer_id, session_id, session_id, 'CNY', 100, 'none', 'none', 'nobody',
           '{{}}', 0, '[]', {began}, {began}
    FROM (SELECT *, row_number() OVER () AS n FROM watch_interval WHERE session_id = '{session}') w WHERE n % 4 = 0""",
    """
    INSERT INTO pin_interval (id, merchant_id, session_id, no, sale_id, item_id, from_at, to_at, pinned_by)
    SELECT row_id({began}), '{merchant}', '{session}', n, '{session}', '{session}', {began} + n * interval '9 s',
           {began} + n * interval '9 s' + interval '5 s', 'hua'
    FROM generate_series(1, 3) AS n""",
)
