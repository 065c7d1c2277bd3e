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


# Who a buyer is, is followed as people_of does it, for each order to a few ids and no further: one of very many names
# would take the time of all others. That judgements, too, are of greater ids has to be said: a merge of orders and
# judgements would read all judgements from the first.
_JUDGE: Final = """
    WITH wanted AS MATERIALIZED (
        SELECT w.* FROM order_to_judge w
        WHERE w.merchant_id = $1 AND w.id > $2 AND w.placed_at <= $3
            AND NOT EXISTS (
                SELECT FROM attribution a WHERE a.merchant_id = $1 AND a.order_id = w.id AND a.order_id > $2)
        ORDER BY w.id LIMIT $4),
    known (order_id, placed_at, id) AS MATERIALIZED (
        SELECT w.id, w.placed_at, k.id FROM wanted w CROSS JOIN LATERAL (
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
            SELECT id FROM linked LIMIT $7) k
        WHERE w.share_code IS NULL),
    nobodys AS (
        SELECT k.order_id FROM known k GROUP BY k.order_id
        HAVING count(*) < $7 AND NOT bool_or(EXISTS (
            SELECT FROM touch t WHERE t.merchant_id = $1 AND t.visitor_id = k.id AND t.at <= k.placed_at))),
    alone AS (
        INSERT INTO attribution (order_id, merchant_id, customer_id, sale_id, room_id, session_id, currency, total,
            code_state, outcome, reason, rule_id, rule, touches, considered, placed_at, decided_at, ended, ended_at)
        SELECT o.id, o.merchant_id, o.customer_id, o.sale_id, o.room_id, o.session_id, o.currency, o.total,
            'none', 'none', 'no_touch', r.rule_id, r.rule, 0, '[]', o.placed_at, $6, o.ended, o.ended_at
        FROM wanted o JOIN nobodys n ON n.order_id = o.id
        JOIN jsonb_to_recordset($5::text::jsonb)
            AS r (rule_id uuid, rule jsonb, since timestamptz, until timestamptz)
            ON o.placed_at >= coalesce(r.since, '-infinity') AND o.placed_at < coalesce(r.until, 'infinity')
        ON CONFLICT (order_id) DO NOTHING RETURNING order_id)
    SELECT count(*)::int AS looked, (array_agg(w.id ORDER BY w.id DESC))[1] AS last,
           coalesce(array_agg(w.id ORDER BY w.id) FILTER (WHERE a.order_id IS NULL), '{}') AS others
    FROM wanted w LEFT JOIN alone a ON a.order_id = w.id
"""
