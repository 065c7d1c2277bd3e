"""SQL of orders that nobody brought: judged in sets, none of them looked at by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from keel.database import Connection

KNOWN_AS_MAX: Final = 10  # ids of one buyer; with so many, an order is looked at by itself

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Looked:
    """Orders that were looked at: how many, whether there may be more, the last one's id, how many of them nobody
    brought, which are judged now, and the ids of the others, oldest first."""

    count: int
    has_more: bool
    last: str | None
    alone: int
    others: list[str]


async def judge(
    connection: Connection,
    merchant_id: str,
    *,
    above: str,
    placed_by: datetime,
    count: int,
    rules: Sequence[Mapping[str, Any]],
    at: datetime,
) -> Looked:
    """Look at the next orders with a greater id, placed by a time, that are not judged, and judge those that nobody
    brought: without a code, and with no visit of the buyer's by then, whatever he was called.

    `rules`: those of the shop as they followed each other, `rule_id` and `rule`, each from `since` until `until`, where
    None is always. The rows are those that `store_judging.write` would write; a test holds the two against each other.
    """
    told = _encode(list(rules)).decode()
    row = await connection.fetchrow(_JUDGE, merchant_id, above, placed_by, count, told, at, KNOWN_AS_MAX)
    assert row is not None, "sums always have a row"
    looked, last, others = row["looked"], row["last"], list(map(str, row["others"]))
    return Looked(looked, looked == count, None if last is None else str(last), looked - len(others), others)


# Each order is taken through in one pass, and what is asked of it is asked of an index: OFFSET keeps that from becoming
# a join. Where nobody counted these tables since they grew, joins are planned for a row or two: each order was compared
# with every judgement, which of a rush took a hundred times as long.
#
# Who a buyer is, is followed as people_of does it, for each order to a few ids and no further: one of very many names
# would take the time of all others.
_JUDGE: Final = """
    WITH wanted AS MATERIALIZED (
        SELECT w.* FROM order_to_judge w
        WHERE w.merchant_id = $1 AND w.id > $2 AND w.placed_at <= $3
            AND NOT EXISTS (SELECT FROM attribution a WHERE a.order_id = w.id OFFSET 0)
        ORDER BY w.id LIMIT $4),
    looked AS MATERIALIZED (
        SELECT w.*, r.rule_id, r.rule, r.since IS NOT NULL AND w.share_code IS NULL AND (
            SELECT count(*) < $7 AND NOT bool_or(EXISTS (
                SELECT FROM touch t WHERE t.merchant_id = $1 AND t.visitor_id = k.id AND t.at <= w.placed_at))
            FROM (
                WITH RECURSIVE linked (id) AS (
                    SELECT w.customer_id
                    UNION
                    SELECT o.id FROM linked l CROSS JOIN LATERAL (
                        SELECT g.customer_id FROM customer_guest g
                        WHERE g.merchant_id = $1 AND g.guest_id = l.id AND g.at <= w.placed_at
                        UNION ALL
                        SELECT g.guest_id FROM customer_guest g
                        WHERE g.merchant_id = $1 AND g.customer_id = l.id AND g.at <= w.placed_at
                        UNION ALL
                        SELECT v.customer_id FROM touch_person v
                        WHERE v.merchant_id = $1 AND v.visitor_id = l.id AND v.at <= w.placed_at
                        UNION ALL
                        SELECT v.visitor_id FROM touch_person v
                        WHERE v.merchant_id = $1 AND v.customer_id = l.id AND v.at <= w.placed_at) AS o (id))
                SELECT id FROM linked LIMIT $7) k) AS alone
        FROM wanted w LEFT JOIN (
            SELECT r.rule_id, r.rule, coalesce(r.since, '-infinity') AS since, coalesce(r.until, 'infinity') AS until
            FROM jsonb_to_recordset($5::text::jsonb)
                AS r (rule_id uuid, rule jsonb, since timestamptz, until timestamptz)) r
            ON w.placed_at >= r.since AND w.placed_at < r.until),
    judged AS (
        INSERT INTO attribution (order_id, merchant_id, customer_id, sale_id, room_id, session_id, currency, total,
            code_state, outcome, reason, rule_id, rule, touches, considered, placed_at, decided_at, ended, ended_at)
        SELECT o.id, o.merchant_id, o.customer_id, o.sale_id, o.room_id, o.session_id, o.currency, o.total,
            'none', 'none', 'no_touch', o.rule_id, o.rule, 0, '[]', o.placed_at, $6, o.ended, o.ended_at
        FROM looked o WHERE o.alone
        ON CONFLICT (order_id) DO NOTHING)
    SELECT count(*)::int AS looked, (array_agg(w.id ORDER BY w.id DESC))[1] AS last,
           coalesce(array_agg(w.id ORDER BY w.id) FILTER (WHERE NOT w.alone), '{}') AS others
    FROM looked w
"""
