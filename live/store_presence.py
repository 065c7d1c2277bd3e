"""SQL of who watched what: intervals in batches, the viewers of a session each once, and the lives of gateways.

A gateway's life is a row that it renews with everything it stores, locked until that is committed. Whoever ends the
intervals of a life takes the row away under the same lock, so nothing is added to a life that is over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from inventory.ledger import Ledger
from keel.clock import to_ms
from keel.database import Pool, array_text
from live.attendance import Interval

BATCH_MAX: Final = 250  # the driver encodes a batch in one stretch of the loop: some 5 ms
LIVES_MAX: Final = 100
STAYS_MAX: Final = 100

_BEGIN: Final = "INSERT INTO watch_gateway (id, alive_at) VALUES ($1, $2)"
_RENEW: Final = "UPDATE watch_gateway SET alive_at = greatest(alive_at, $2) WHERE id = $1 RETURNING true"
# What came by an unknown session is left out.
_OPEN: Final = """
    INSERT INTO watch_interval (merchant_id, id, session_id, viewer_id, gateway_id, started_at, ended_at)
    SELECT s.merchant_id, i.id, i.session_id, i.viewer_id, $1, i.from_at, i.to_at
    FROM unnest($2::text::uuid[], $3::text::uuid[], $4::text::uuid[], $5::timestamptz[], $6::timestamptz[])
        AS i (id, session_id, viewer_id, from_at, to_at)
    JOIN session s ON s.id = i.session_id
    ON CONFLICT (id) DO NOTHING
"""
_VIEWERS: Final = """
    WITH come AS (
        INSERT INTO session_viewer (merchant_id, session_id, viewer_id)
        SELECT DISTINCT s.merchant_id, i.session_id, i.viewer_id
        FROM unnest($1::text::uuid[], $2::text::uuid[]) AS i (session_id, viewer_id)
        JOIN session s ON s.id = i.session_id ORDER BY i.session_id, i.viewer_id
        ON CONFLICT DO NOTHING RETURNING merchant_id, session_id)
    INSERT INTO session_count AS c (merchant_id, session_id, viewers)
    SELECT merchant_id, session_id, count(*) FROM come GROUP BY merchant_id, session_id ORDER BY session_id
    ON CONFLICT (session_id) DO UPDATE SET viewers = c.viewers + excluded.viewers
"""
# By their ids alone: asked for open ones, PostgreSQL may read all that are open, which is the whole room.
_CLOSE: Final = """
    UPDATE watch_interval w SET ended_at = coalesce(w.ended_at, i.at)
    FROM unnest($1::text::uuid[], $2::timestamptz[]) AS i (id, at) WHERE w.id = i.id
"""
_COUNTS: Final = """
    SELECT s.id, coalesce(c.viewers, 0) AS viewers, coalesce(c.peak, 0) AS peak
    FROM session s LEFT JOIN session_count c ON c.session_id = s.id WHERE s.id = ANY ($1::text[]::uuid[])
"""
# Of a gateway that is lost: until it was last heard.
_STAYS: Final = """
    SELECT w.started_at, coalesce(w.ended_at, g.alive_at) AS ended_at FROM watch_interval w
    LEFT JOIN watch_gateway g ON g.id = w.gateway_id
    WHERE w.merchant_id = $1 AND w.session_id = $2 AND w.viewer_id = ANY ($3::text[]::uuid[])
      AND coalesce(w.ended_at, g.alive_at) > w.started_at
    ORDER BY w.started_at DESC LIMIT $4
"""
_PEAK: Final = """
    INSERT INTO session_count AS c (merchant_id, session_id, peak)
    SELECT s.merchant_id, s.id, i.online FROM unnest($1::text[]::uuid[], $2::integer[]) AS i (id, online)
    JOIN session s ON s.id = i.id ORDER BY s.id
    ON CONFLICT (session_id) DO UPDATE SET peak = greatest(c.peak, excluded.peak)
"""
_SILENT: Final = "SELECT id FROM watch_gateway WHERE alive_at < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED"
_END: Final = """
    UPDATE watch_interval w SET ended_at = greatest(g.alive_at, w.started_at) FROM watch_gateway g
    WHERE g.id = ANY ($1) AND w.gateway_id = g.id AND w.ended_at IS NULL
"""
_BURY: Final = "DELETE FROM watch_gateway WHERE id = ANY ($1)"


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one session, since it began: how many viewers there ever were, and how many at most at once."""

    unique: int
    peak: int


async def begin_life(pool: Pool, life: str, now: datetime) -> None:
    """A gateway begins to store."""
    await pool.execute(_BEGIN, life, now)


async def store(pool: Pool, life: str, now: datetime, opened: Sequence[Interval], closed: Sequence[Interval]) -> bool:
    """Renew a life and store a batch of its intervals, all or nothing. False where the life is over. Safe to repeat."""
    async with pool.acquire() as connection, connection.transaction():
        if not await connection.fetchval(_RENEW, life, now):
            return False
        if opened:
            sessions = array_text(interval.session_id for interval in opened)
            viewers = array_text(interval.viewer_id for interval in opened)
            starts = [interval.started_at for interval in opened]
            ends = [interval.ended_at for interval in opened]
            await connection.execute(_OPEN, life, array_text(i.id for i in opened), sessions, viewers, starts, ends)
            await connection.execute(_VIEWERS, sessions, viewers)
        if closed:
            ends = [interval.ended_at for interval in closed]
            await connection.execute(_CLOSE, array_text(interval.id for interval in closed), ends)
    return True


async def counts(pool: Pool, online: Mapping[str, int]) -> dict[str, Counts]:
    """What is known of sessions, of which so many are online now; one that is not there is left out.

    A peak is written where it is a new one: in most seconds of a room it is not.
    """
    known = {str(row["id"]): Counts(row["viewers"], row["peak"]) for row in await pool.fetch(_COUNTS, list(online))}
    higher = {session_id: online[session_id] for session_id in known if online[session_id] > known[session_id].peak}
    if higher:
        await pool.execute(_PEAK, list(higher), list(higher.values()))
    return known | {session_id: Counts(known[session_id].unique, peak) for session_id, peak in higher.items()}


async def stays(reader: Ledger, merchant_id: str, session_id: str, people: Sequence[str]) -> list[tuple[int, int]]:
    """From when until when, in ms, somebody with these ids watched a session, as far as it is stored; the last
    STAYS_MAX. Raises LedgerFault."""
    rows = await reader.call(_STAYS, merchant_id, session_id, list(people), STAYS_MAX)
    return [(to_ms(row["started_at"]), to_ms(row["ended_at"])) for row in rows]


async def end_life(pool: Pool, life: str) -> None:
    """A gateway stores no more. What it leaves open, which is nothing as a rule, ends where it was last heard."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(_END, [life])
        await connection.execute(_BURY, [life])


async def bury(pool: Pool, silent_since: datetime) -> int:
    """End the intervals of gateways not heard since then, each at its last sign of life; how many gateways."""
    async with pool.acquire() as connection, connection.transaction():
        lives = [row["id"] for row in await connection.fetch(_SILENT, silent_since, LIVES_MAX)]
        if lives:
            await connection.execute(_END, lives)
            await connection.execute(_BURY, lives)
    return len(lives)
