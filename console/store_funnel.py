"""SQL of the funnel of a session: who was brought there, and how far each went."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from console.funnel_steps import STAYED_S, By, Counted
from console.store import readable
from keel.database import Pool

PARTS_MAX: Final = 50


async def exists(pool: Pool, merchant_id: str | None, session_id: str) -> str | None:
    """The merchant of a session, where he has it; of any merchant for None. Raises NotAuditable."""
    with readable():
        found = await pool.fetchval(_EXISTS, session_id, merchant_id)
    return None if found is None else str(found)


async def funnel(
    pool: Pool, merchant_id: str, session_id: str, *, by: By | None, now: datetime, count: int = PARTS_MAX
) -> Sequence[Counted]:
    """The whole, or its parts by that, those with most visitors first. Raises NotAuditable."""
    with readable():
        rows = await pool.fetch(_FUNNEL, merchant_id, session_id, by, now, STAYED_S, count)
    return [Counted(**row) for row in rows]


_EXISTS: Final = "SELECT merchant_id FROM session WHERE id = $1 AND ($2::uuid IS NULL OR merchant_id = $2)"
# Who came as a guest and signed in did the rest under his other name. What is asked of each is asked of an index behind
# OFFSET or a LIMIT, so that it stays so when PostgreSQL expects few of all; a full join can only hash or sort.
# Of touch_person another index begins with the merchant, too, and looks as good: only the right one has this order.
_FUNNEL: Final = """
    WITH came AS (
        SELECT v.visitor_id, CASE $3::text WHEN 'channel' THEN v.channel WHEN 'community' THEN v.community
                                           WHEN 'sharer' THEN s.sharer_id::text END AS key, v.watched
        FROM tree_visitor v CROSS JOIN LATERAL (
            SELECT sharer_id, merchant_id FROM share WHERE id = v.share_id OFFSET 0) s
        WHERE v.merchant_id = $1 AND v.scope_id = $2 AND s.merchant_id = $1),
    known AS (
        SELECT c.*, c.visitor_id AS id FROM came c
        UNION SELECT c.*, g.customer_id FROM came c CROSS JOIN LATERAL (
            SELECT customer_id, merchant_id FROM customer_guest WHERE guest_id = c.visitor_id OFFSET 0) g
        WHERE g.merchant_id = $1
        UNION SELECT c.*, g.customer_id FROM came c CROSS JOIN LATERAL (
            SELECT * FROM touch_person WHERE (merchant_id, visitor_id) >= ($1, c.visitor_id)
            ORDER BY merchant_id, visitor_id LIMIT 1) g
        WHERE g.merchant_id = $1 AND g.visitor_id = c.visitor_id AND g.shared_at IS NULL),
    pin AS MATERIALIZED (
        SELECT from_at, coalesce(to_at, $4) AS to_at FROM pin_interval WHERE merchant_id = $1 AND session_id = $2),
    stay AS (
        SELECT w.viewer_id, sum(extract(epoch FROM coalesce(w.ended_at, $4) - w.started_at)) AS seconds,
               bool_or(EXISTS (SELECT FROM pin p
                               WHERE p.from_at < coalesce(w.ended_at, $4) AND p.to_at > w.started_at)) AS saw
        FROM watch_interval w WHERE w.merchant_id = $1 AND w.session_id = $2 GROUP BY w.viewer_id),
    buyer AS (SELECT DISTINCT customer_id FROM attribution WHERE merchant_id = $1 AND session_id = $2),
    deed AS MATERIALIZED (
        SELECT k.*, t.seconds, t.saw, b.customer_id IS NOT NULL AS ordered
        FROM known k FULL JOIN stay t ON t.viewer_id = k.id FULL JOIN buyer b ON b.customer_id = k.id),
    person AS (
        SELECT key, watched OR sum(seconds) IS NOT NULL AS joined, coalesce(sum(seconds), 0) >= $5 AS stayed,
               coalesce(bool_or(saw), false) AS saw, bool_or(ordered) AS ordered
        FROM deed WHERE visitor_id IS NOT NULL GROUP BY visitor_id, key, watched)
    SELECT p.key,
           CASE WHEN $3 IS NULL THEN (SELECT count(*) FROM tree_node n WHERE n.merchant_id = $1 AND n.scope_id = $2)
                WHEN $3 = 'sharer' THEN (SELECT t.shares FROM tree_sharer t WHERE t.merchant_id = $1 AND t.scope_id = $2
                                         AND t.sharer_id = p.key::uuid) END::int AS shares,
           count(*)::int AS opened, count(*) FILTER (WHERE joined)::int AS joined,
           count(*) FILTER (WHERE joined AND stayed)::int AS stayed,
           count(*) FILTER (WHERE joined AND stayed AND saw)::int AS saw,
           count(*) FILTER (WHERE joined AND stayed AND saw AND ordered)::int AS ordered,
           count(*) FILTER (WHERE ordered)::int AS ordered_at_all
    FROM person p GROUP BY p.key ORDER BY opened DESC, p.key LIMIT $6
"""
