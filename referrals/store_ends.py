"""SQL of what became of orders that were judged: read from their history as it grows, all merchants' at once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from keel.database import Connection

Place = tuple[datetime, str]  # when, and of which order


@dataclass(frozen=True, slots=True)
class Moves:
    """What was looked at: how many, the place of the last one, and how many ends are noted now."""

    count: int
    last: Place | None
    noted: int


async def take(connection: Connection, *, wait: bool) -> Place | None:
    """How far the history was looked at, locked until the transaction ends. None where somebody else is at it and
    nobody waits for him."""
    row = await connection.fetchrow(_TAKE if wait else _TAKE_NOW)
    return None if row is None else (row["until"], str(row["order_id"]))


async def note(connection: Connection, after: Place, *, count: int) -> Moves:
    """Look at what became of orders next, after a place, and note it. Safe to repeat."""
    row = await connection.fetchrow(_NOTE, *after, count)
    assert row is not None, "sums always have a row"
    last = None if row["last_id"] is None else (row["last_at"], str(row["last_id"]))
    return Moves(row["count"], last, row["noted"])


async def seen(connection: Connection, until: Place) -> None:
    """All up to this place was looked at."""
    await connection.execute(_SEEN, *until)


_TAKE: Final = "SELECT until, order_id FROM order_moves_seen FOR UPDATE"
_TAKE_NOW: Final = "SELECT until, order_id FROM order_moves_seen FOR UPDATE SKIP LOCKED"
_SEEN: Final = "UPDATE order_moves_seen SET until = $1, order_id = $2 WHERE (until, order_id) < ($1, $2)"
# The tallies of trees read for themselves whether an order is paid: it is due where it was counted as not paid yet.
_NOTE: Final = """
    WITH moved AS MATERIALIZED (
        SELECT h.merchant_id, h.order_id, h.state, h.at FROM order_history h
        WHERE h.state IN ('paid', 'expired', 'cancelled') AND (h.at, h.order_id) > ($1, $2)
        ORDER BY h.at, h.order_id LIMIT $3),
    ended AS (
        UPDATE attribution a SET ended = m.state, ended_at = m.at FROM moved m
        WHERE m.state IN ('expired', 'cancelled')
            AND a.merchant_id = m.merchant_id AND a.order_id = m.order_id AND a.ended IS NULL
        RETURNING a.order_id),
    paid AS (
        INSERT INTO tree_due (kind, merchant_id, who)
        SELECT 'order', m.merchant_id, m.order_id FROM moved m
        WHERE m.state = 'paid'
            AND EXISTS (SELECT FROM tree_order t WHERE t.order_id = m.order_id AND t.state = 'awaiting_payment'))
    SELECT m.count, m.last_id[m.count] AS last_id, m.last_at, (SELECT count(*)::int FROM ended) AS noted
    FROM (SELECT count(*)::int AS count, max(at) AS last_at, array_agg(order_id ORDER BY at, order_id) AS last_id
          FROM moved) m
"""
