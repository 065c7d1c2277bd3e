"""A database with 1,000,000 shares in trees up to depth 30, 5,000,000 touches and 200,000 orders, filled with SQL.

One broadcast has a quarter of the shares, as a merchant's greatest has; the others share the rest. A share of level d
grows under one of level d - 1 of the same broadcast, and each level is smaller than the one above.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

import asyncpg

SESSIONS: Final = 400
LEVELS: Final = 31
MERCHANT: Final = "01900000-0000-7000-8000-000000000001"
START: Final = "timestamptz '2026-01-01 00:00Z'"
# How many of a hundred thousand shares are on each level; each is about four fifths of the one above.
_SIZES: Final = [0.8**level for level in range(LEVELS)]
WHERE_TO: Final = [sum(_SIZES[:level]) / sum(_SIZES) for level in range(LEVELS + 1)]


@dataclass(frozen=True, slots=True)
class Size:
    """How much of what there is. In statements `<shares>` stands for its number, and so on."""

    shares: int = 1_000_000
    touches: int = 5_000_000
    orders: int = 200_000
    customers: int = 500_000
    visitors: int = 3_500_000

    def part(self, of: int) -> "Size":
        """So many times smaller."""
        return Size(**{name: value // of for name, value in asdict(self).items()})

    def put_into(self, statement: str) -> str:
        """The statement for this size."""
        for name, value in asdict(self).items():
            statement = statement.replace(f"<{name}>", str(value))
        for name, columns in _COLUMNS.items():
            statement = statement.replace(name, ", ".join(columns))
        return statement


_LARGEST: Final = "CASE WHEN {n} % 4 = 0 THEN 1 ELSE 2 + abs(hashint4({n}::int)::bigint) % {others} END"


def _session(n: str) -> str:
    return _LARGEST.format(n=n, others=SESSIONS - 1)


_HEAD: Final = (
    f"INSERT INTO merchant (id, name, created_at) VALUES ('{MERCHANT}', 'Pond', {START})",
    f"""INSERT INTO customer (id, merchant_id, created_at)
    SELECT md5('c' || n)::uuid, '{MERCHANT}', {START} FROM generate_series(0, <customers> - 1) n""",
    f"""INSERT INTO customer_profile (merchant_id, customer_id, display_name)
    SELECT '{MERCHANT}', md5('c' || n)::uuid, 'Sharer ' || n FROM generate_series(0, <customers> / 5 - 1) n""",
    f"""INSERT INTO room (id, merchant_id, title, created_at)
    SELECT md5('room' || n)::uuid, '{MERCHANT}', 'Room ' || n, {START} FROM generate_series(0, 39) n""",
    f"""INSERT INTO session (id, merchant_id, room_id, created_at, state, started_at, ended_at)
    SELECT md5('session' || n)::uuid, '{MERCHANT}', md5('room' || n % 40)::uuid, at, 'ended', at,
           at + interval '3 hours'
    FROM (SELECT n, {START} + n * interval '12 hours' AS at FROM generate_series(1, {SESSIONS}) n) s""",
    "CREATE UNLOGGED TABLE made (n integer, session integer, level smallint, id uuid)",
)
# Numbers 1… of a level; the parent is one of the level above in the same session, whose ids are older.
_LEVEL: Final = f"""
    WITH fresh AS (
        SELECT n, {_session("n")} AS session, row_number() OVER (PARTITION BY {_session("n")} ORDER BY n) AS place
        FROM generate_series($1::int, $2::int) n),
    above AS (
        SELECT session, array_agg(id ORDER BY n) AS ids FROM made WHERE level = $3::smallint - 1 GROUP BY session),
    placed AS (
        SELECT f.n, f.session, a.ids[1 + f.place % cardinality(a.ids)] AS parent_id,
               {START} + f.session * interval '12 hours' + ($3::int * 300 + f.n % 300) * interval '1 s' AS at
        FROM fresh f LEFT JOIN above a USING (session)),
    whole AS (
        SELECT p.*, (lpad(to_hex((extract(epoch FROM p.at) * 1000)::bigint), 12, '0') || '7000'
                     || '8000' || lpad(to_hex(p.n), 12, '0'))::uuid AS id FROM placed p),
    noted AS (INSERT INTO made SELECT n, session, $3, id FROM whole)
    INSERT INTO share (id, merchant_id, code, sharer_id, target_kind, target_id, family_id, parent_id, root_id, depth,
                       path, created_at)
    SELECT w.id, '{MERCHANT}', 'A' || translate(lpad(to_hex(w.n), 8, '0'), '01', 'YZ'),
           md5('c' || w.n % <customers>)::uuid, 'session', md5('session' || w.session)::uuid,
           md5('room' || w.session % 40)::uuid, w.parent_id,
           coalesce(s.root_id, w.id), coalesce(s.depth + 1, 0),
           CASE WHEN s.id IS NULL THEN '{{}}' ELSE s.path || s.id END, w.at
    FROM whole w LEFT JOIN share s ON s.id = w.parent_id
"""
_TOUCH: Final = f"""
    INSERT INTO touch (id, merchant_id, share_id, visitor_id, channel, community, session_id, at)
    SELECT (lpad(to_hex(t.n), 12, '0') || '70008000000000000000')::uuid, '{MERCHANT}', m.id,
           md5('v' || t.n % <visitors>)::uuid,
           (ARRAY['group', 'private_chat', 'moments', 'poster', 'qr', 'unknown'])[1 + t.n % 6],
           CASE t.n % 6 WHEN 0 THEN 'group-' || abs(hashint4(t.n / 6)::bigint) % 3000 END,
           md5('session' || m.session)::uuid,
           {START} + m.session * interval '12 hours' + (m.level * 300 + t.n % 1500) * interval '1 s'
    FROM (SELECT n, 1 + (abs(hashint4(n)::bigint) % <shares>)::int AS share_no FROM generate_series(1, <touches>) n) t
    JOIN made m ON m.n = t.share_no
"""
_REST: Final = (
    _TOUCH,
    f"""INSERT INTO session_viewer (session_id, viewer_id, merchant_id)
    SELECT DISTINCT session_id, visitor_id, '{MERCHANT}'::uuid FROM touch
    WHERE get_byte(uuid_send(visitor_id), 15) < 150""",
    """INSERT INTO orders (merchant_id, id, sale_id, segment, customer_id, claim_key, state, currency, lines_total,
                            total, room_id, session_id, placed_at, expires_at)
    SELECT t.merchant_id, t.id, md5('sale')::uuid, 0, t.visitor_id, 'k', CASE WHEN n % 10 = 0 THEN 'expired'
           WHEN n % 4 = 0 THEN 'paid' ELSE 'awaiting_payment' END, 'CNY', 9900, 9900, s.family_id,
           t.session_id, t.at, t.at
    FROM (SELECT *, row_number() OVER () AS n FROM touch LIMIT <orders>) t JOIN share s ON s.id = t.share_id""",
    """INSERT INTO attribution (order_id, merchant_id, customer_id, sale_id, room_id, session_id, currency, total,
        code_state, outcome, reason, rule, touches, considered, placed_at, decided_at, ended, ended_at)
    SELECT id, merchant_id, customer_id, sale_id, room_id, session_id, currency, total, 'none', 'credited',
           'last touch', '{}', 1, '[]', placed_at, placed_at, CASE state WHEN 'expired' THEN state END,
           CASE state WHEN 'expired' THEN placed_at END FROM orders""",
    """INSERT INTO credit
        (order_id, no, merchant_id, share_id, sharer_id, root_id, chain, part, amount, touch_id, touched_at)
    SELECT t.id, 1, s.merchant_id, s.id, s.sharer_id, s.root_id, s.path || s.id, 1000000, 9900, t.id, t.at
    FROM orders o JOIN touch t ON t.id = o.id JOIN share s ON s.id = t.share_id""",
    # Rows of a broadcast lie together, as they do where it is counted while it runs.
    # What the worker counts one by one, all at once; a test holds it against the worker.
    "INSERT INTO tree_scope SELECT DISTINCT target_id, merchant_id, family_id FROM share",
    "INSERT INTO tree_scope SELECT DISTINCT family_id, merchant_id, family_id FROM share",
    """INSERT INTO tree_visitor
    SELECT DISTINCT ON (t.session_id, t.visitor_id) t.session_id, t.visitor_id, t.merchant_id, t.share_id, t.channel,
           t.community, t.at, get_byte(uuid_send(t.visitor_id), 15) < 150
    FROM touch t JOIN share s ON s.id = t.share_id WHERE s.sharer_id <> t.visitor_id
    ORDER BY t.session_id, t.visitor_id, t.at, t.id""",
    """INSERT INTO tree_order
    SELECT c.order_id, 1, c.merchant_id, o.session_id, o.customer_id, c.share_id, c.touch_id, t.channel, t.community,
           o.placed_at, o.state, 'CNY', c.amount FROM credit c JOIN orders o ON o.id = c.order_id
    JOIN touch t ON t.id = c.touch_id""",
    """INSERT INTO tree_buyer
    SELECT DISTINCT ON (scope_id, customer_id) scope_id, customer_id, merchant_id, share_id, channel, community, at
    FROM tree_order WHERE state <> 'expired' ORDER BY scope_id, customer_id, order_id""",
    """CREATE UNLOGGED TABLE fact AS
    SELECT target_id AS scope_id, id AS share_id, NULL AS channel, NULL AS community, created_at AS at, 1 AS shares,
           0 AS visitors, 0 AS viewers, 0 AS buyers, 0 AS orders FROM share
    UNION ALL SELECT scope_id, share_id, channel, community, at, 0, 1, watched::int, 0, 0 FROM tree_visitor
    UNION ALL SELECT scope_id, share_id, channel, community, at, 0, 0, 0, 1, 0 FROM tree_buyer
    UNION ALL SELECT scope_id, share_id, channel, community, at, 0, 0, 0, 0, 1 FROM tree_order
    WHERE state <> 'expired'""",
    """CREATE UNLOGGED TABLE own AS
    SELECT f.scope_id, f.share_id, sum(shares) AS shares, sum(visitors) AS visitors, sum(viewers) AS viewers,
           sum(buyers) AS buyers, sum(orders) AS orders FROM fact f GROUP BY f.scope_id, f.share_id""",
    """CREATE UNLOGGED TABLE line AS
    SELECT o.scope_id, a AS node_id, a = o.share_id AS mine, s.depth, cardinality(s.path) + 1 - place AS below,
           o.shares, o.visitors, o.viewers, o.buyers, o.orders
    FROM own o JOIN share s ON s.id = o.share_id CROSS JOIN unnest(s.path || s.id) WITH ORDINALITY AS up (a, place)""",
    f"""INSERT INTO tree_node
    SELECT scope_id, node_id, '{MERCHANT}', max(depth) FILTER (WHERE mine), {{own}}, sum(shares), sum(visitors),
           sum(viewers), sum(buyers), sum(orders), max(below) FROM line GROUP BY scope_id, node_id ORDER BY 1""",
    f"""INSERT INTO tree_sharer
    SELECT l.scope_id, s.sharer_id, '{MERCHANT}', coalesce(sum(shares) FILTER (WHERE mine), 0), {{own}}, sum(shares),
           sum(visitors), sum(viewers), sum(buyers), sum(orders), max(below)
    FROM line l JOIN share s ON s.id = l.node_id GROUP BY l.scope_id, s.sharer_id ORDER BY 1""",
    """INSERT INTO tree_slice
    SELECT f.scope_id, k.by, k.key, s.depth, s.merchant_id, sum(shares), sum(visitors), sum(viewers), sum(buyers),
           sum(orders)
    FROM fact f JOIN share s ON s.id = f.share_id CROSS JOIN LATERAL (VALUES ('generation', ''), ('channel', f.channel),
        ('community', f.community), ('moment', extract(epoch FROM tree_moment(f.at))::bigint::text)) k (by, key)
    WHERE k.key IS NOT NULL GROUP BY f.scope_id, k.by, k.key, s.depth, s.merchant_id ORDER BY 1""",
    """INSERT INTO tree_money
    SELECT o.scope_id, k.by, k.key, k.generation, 'CNY', o.merchant_id,
           coalesce(sum(amount) FILTER (WHERE state <> 'expired'), 0),
           coalesce(sum(amount) FILTER (WHERE state = 'paid'), 0),
           coalesce(sum(amount) FILTER (WHERE state = 'expired'), 0), 0
    FROM tree_order o JOIN share s ON s.id = o.share_id CROSS JOIN LATERAL (
        VALUES ('generation', '', s.depth), ('channel', o.channel, s.depth), ('community', o.community, s.depth),
               ('share', o.share_id::text, 0), ('sharer', s.sharer_id::text, 0)
        UNION SELECT unnest(ARRAY['subtree', 'reach']), unnest(ARRAY[a.id, a.sharer_id]::text[]), 0
        FROM share a WHERE a.id = ANY (s.path || s.id)) k (by, key, generation)
    WHERE k.key IS NOT NULL GROUP BY o.scope_id, k.by, k.key, k.generation, o.merchant_id ORDER BY 1""",
    # A share is of one session here, so its room has the same of it.
    """INSERT INTO tree_node
    SELECT c.family_id, share_id, n.merchant_id, generation, {figures}, within_shares, {within}, levels
    FROM tree_node n JOIN tree_scope c ON c.id = n.scope_id ORDER BY 1""",
    """INSERT INTO tree_sharer
    SELECT c.family_id, sharer_id, n.merchant_id, sum(shares), {sums}, sum(within_shares), {within_sums}, max(levels)
    FROM tree_sharer n JOIN tree_scope c ON c.id = n.scope_id GROUP BY 1, 2, 3 ORDER BY 1""",
    """INSERT INTO tree_slice
    SELECT c.family_id, by, CASE by WHEN 'moment' THEN (key::bigint / 86400 * 86400)::text ELSE key END, generation,
           n.merchant_id, sum(shares), {sums}
    FROM tree_slice n JOIN tree_scope c ON c.id = n.scope_id GROUP BY 1, 2, 3, 4, 5 ORDER BY 1""",
    """INSERT INTO tree_money
    SELECT c.family_id, by, key, generation, currency, n.merchant_id, sum(placed), sum(paid), sum(lapsed), 0
    FROM tree_money n JOIN tree_scope c ON c.id = n.scope_id GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1""",
)  # fmt: skip
_TAIL: Final = ("DROP TABLE made, fact, own, line", "VACUUM ANALYZE")
_FIGURES: Final = ("visitors", "viewers", "buyers", "orders")
_COLUMNS: Final = {
    "{own}": [f"sum({name}) FILTER (WHERE mine)" for name in _FIGURES],
    "{figures}": _FIGURES,
    "{within}": [f"within_{name}" for name in _FIGURES],
    "{sums}": [f"sum({name})" for name in _FIGURES],
    "{within_sums}": [f"sum(within_{name})" for name in _FIGURES],
}
_TABLES: Final = (
    "share", "touch", "session_viewer", "attribution", "credit", "orders", "tree_visitor", "tree_order", "tree_buyer",
    "tree_node", "tree_sharer", "tree_slice", "tree_money",
)  # fmt: skip
# A run's own database, gone in the end: what makes it last is of no use here.
_HASTE: Final = ("fsync = off", "full_page_writes = off", "max_wal_size = '16GB'", "checkpoint_timeout = '30min'")
_SESSION: Final = """
    SET session_replication_role = replica; SET synchronous_commit = off; SET work_mem = '256MB';
    SET maintenance_work_mem = '512MB'; SET max_parallel_maintenance_workers = 1
"""
# All but primary keys, and what foreign keys point at.
_INDEXES: Final = """
    SELECT CASE WHEN c.oid IS NULL THEN format('DROP INDEX %s', i.indexrelid::regclass)
                ELSE format('ALTER TABLE %s DROP CONSTRAINT %I', i.indrelid::regclass, c.conname) END AS away,
           CASE WHEN c.oid IS NULL THEN pg_get_indexdef(i.indexrelid)
                ELSE format('ALTER TABLE %s ADD CONSTRAINT %I %s', i.indrelid::regclass, c.conname,
                            pg_get_constraintdef(c.oid)) END AS back
    FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u')
    WHERE i.indrelid = ANY ($1::text[]::regclass[]) AND c.contype IS DISTINCT FROM 'p'
        AND NOT EXISTS (SELECT FROM pg_constraint f WHERE f.conindid = i.indexrelid AND f.contype = 'f')
"""


async def fill(url: str, say: Callable[[str], None], size: Size) -> None:
    """All of it. Rows are made right, so what checks each of them looks away, and indexes come afterwards."""
    connection = await asyncpg.connect(url)
    for setting in _HASTE:
        await connection.execute(f"ALTER SYSTEM SET {setting}")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.execute(_SESSION)
    indexes = await connection.fetch(_INDEXES, _TABLES)
    for statement in (*(index["away"] for index in indexes), *_HEAD):
        await connection.execute(size.put_into(statement))
    await _shares(connection, size)
    say(f"{size.shares} shares")
    for statement in (*_REST, *(index["back"] for index in indexes), *_TAIL):
        began_s = time.perf_counter()
        await connection.execute(size.put_into(statement))
        say(f"{time.perf_counter() - began_s:5.0f} s  {' '.join(statement.split())[:60]}")
    await connection.close()


async def _shares(connection: asyncpg.Connection, size: Size) -> None:
    for level in range(LEVELS):
        first, last = (round(size.shares * WHERE_TO[level + step]) for step in (0, 1))
        await connection.execute(size.put_into(_LEVEL), first + 1, last, level)
        if not level:
            await connection.execute("ANALYZE made; ANALYZE share")
    await connection.execute("CREATE UNIQUE INDEX ON made (n); ANALYZE made; ANALYZE share")
