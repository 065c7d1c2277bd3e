"""SQL of what is forgotten of touches: over all merchants, in pieces that hold no lock for long."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from keel.database import Pool, Row

Link = tuple[str, str]  # merchant and visitor


@dataclass(frozen=True, slots=True)
class Reach:
    """What judges a merchant's orders that were placed since a time, or will be. `valid_for`: how far back his rules
    look, None for ever; there are none where it is zero. `by_house_rule`: for some of them there was no rule of the
    shop's."""

    since: datetime
    valid_for: timedelta | None
    by_house_rule: bool


async def reaches(pool: Pool, now: datetime, late: timedelta) -> dict[str, Reach]:
    """Of every merchant, by id: since the oldest order that is not judged, or now, and so long before."""
    return {str(row["merchant_id"]): _reach_of(row) for row in await pool.fetch(_REACHES, now, late)}


async def touches(
    pool: Pool, above: str, below: str, before: datetime, longer: Mapping[str, datetime | None], *, count: int
) -> tuple[str | None, int]:
    """Look at some touches between two ids, and delete those from before a time; of the merchants in `longer`, from
    before theirs, or none where that is None. The last id that was looked at, None where there was none, and how many
    are gone."""
    row = await pool.fetchrow(_TOUCHES, above, below, count, before, list(longer), list(longer.values()))
    assert row is not None
    return None if row["last_id"] is None else str(row["last_id"]), row["gone"]


async def links(pool: Pool, above: Link, before: datetime, *, count: int) -> Link | None:
    """Look at some links of visitors with customers, and delete those from before a time of whose visitors no touch is
    left. The last one that was looked at; None where there was none."""
    row = await pool.fetchrow(_LINKS, *above, count, before)
    return None if row is None else (str(row["merchant_id"]), str(row["visitor_id"]))


async def writers(pool: Pool, silent_since: datetime) -> None:
    """Delete processes that nobody heard since then."""
    await pool.execute(_WRITERS, silent_since)


def _reach_of(row: Row) -> Reach:
    valid_for = None if row["for_ever"] else timedelta(seconds=row["valid_for_s"])
    return Reach(row["since"], valid_for, row["by_house_rule"])


# Of two versions the greater counts, once it is in force.
_REACHES: Final = """
    WITH judged AS (
        SELECT m.id AS merchant_id, least($1, (
            SELECT o.placed_at FROM orders o
            WHERE o.merchant_id = m.id
                AND o.id > coalesce(r.order_id, '00000000-0000-0000-0000-000000000000')
            ORDER BY o.id LIMIT 1)) - $2::interval AS since
        FROM merchant m LEFT JOIN attribution_reach r ON r.merchant_id = m.id)
    SELECT j.merchant_id, j.since, coalesce(bool_or(v.id IS NOT NULL AND v.valid_for_s IS NULL), false) AS for_ever,
           coalesce(max(v.valid_for_s), 0) AS valid_for_s,
           NOT coalesce(bool_or(v.campaign IS NULL AND v.in_force_at <= j.since), false) AS by_house_rule
    FROM judged j LEFT JOIN attribution_rule v ON v.merchant_id = j.merchant_id AND NOT EXISTS (
        SELECT FROM attribution_rule n
        WHERE n.merchant_id = v.merchant_id AND n.campaign IS NOT DISTINCT FROM v.campaign
            AND n.version > v.version AND n.in_force_at <= j.since)
    GROUP BY j.merchant_id, j.since
"""
_TOUCHES: Final = """
    WITH seen AS (
        SELECT t.id, t.merchant_id, t.at FROM touch t WHERE t.id > $1 AND t.id < $2 ORDER BY t.id LIMIT $3),
    over AS (
        SELECT s.id FROM seen s
        LEFT JOIN unnest($5::uuid[], $6::timestamptz[]) AS l (merchant_id, before) ON l.merchant_id = s.merchant_id
        WHERE s.at < CASE WHEN l.merchant_id IS NULL THEN $4 ELSE l.before END),
    gone AS (DELETE FROM touch t USING over o WHERE t.id = o.id RETURNING t.id)
    SELECT (SELECT s.id FROM seen s ORDER BY s.id DESC LIMIT 1) AS last_id, (SELECT count(*)::int FROM gone) AS gone
"""
_LINKS: Final = """
    WITH seen AS (
        SELECT p.merchant_id, p.visitor_id, greatest(p.at, p.shared_at) AS at FROM touch_person p
        WHERE (p.merchant_id, p.visitor_id) > ($1, $2) ORDER BY p.merchant_id, p.visitor_id LIMIT $3),
    gone AS (
        DELETE FROM touch_person p USING seen s
        WHERE p.merchant_id = s.merchant_id AND p.visitor_id = s.visitor_id AND s.at < $4 AND NOT EXISTS (
            SELECT FROM touch t WHERE t.merchant_id = s.merchant_id AND t.visitor_id = s.visitor_id))
    SELECT s.merchant_id, s.visitor_id FROM seen s ORDER BY s.merchant_id DESC, s.visitor_id DESC LIMIT 1
"""
_WRITERS: Final = "DELETE FROM touch_writer WHERE seen_at < $1"
