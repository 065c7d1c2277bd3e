"""SQL of judging: orders that wait, what was known of their buyers, and the judgements, written once."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from keel.database import Connection, Pool, Row
from referrals.attributing import Came, Case, CodeState

TOUCHES_MAX: Final = 500  # of one buyer: the newest, and
FIRST_MAX: Final = 50  # the oldest, for whoever is bound to the first who brought him

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Waiting:
    """An order and all that was known when it was placed. `ended`: the state in which it ended, if it has, and when."""

    id: str
    merchant_id: str
    customer_id: str
    sale_id: str
    room_id: str | None
    session_id: str | None
    currency: str
    share_code: str | None
    ended: str | None
    ended_at: datetime | None
    case: Case


class NotJudged(Exception):
    """What was looked at cannot be judged now, or not together, and waits as before; its text is an SQLSTATE."""


@asynccontextmanager
async def turn(pool: Pool) -> AsyncIterator[Connection]:
    """A transaction in which something is judged. Raises NotJudged."""
    try:
        async with pool.acquire() as connection, connection.transaction():
            yield connection
    except (asyncpg.PostgresError, TimeoutError) as error:
        raise NotJudged(getattr(error, "sqlstate", "no answer in time")) from error


async def begin(pool: Pool, least_id: str) -> None:
    """A place to note how far a merchant's orders are judged, for each that has none."""
    await pool.execute(_BEGIN, least_id)


async def merchants(pool: Pool, above: str | None) -> list[str]:
    """Those who have orders with a greater id; where none is given, above what is judged."""
    return [str(row["merchant_id"]) for row in await pool.fetch(_MERCHANTS, above)]


async def take(connection: Connection, merchant_id: str) -> str | None:
    """How far a merchant's orders are judged, locked until the transaction ends. None where somebody else is at it."""
    reach = await connection.fetchval(_TAKE, merchant_id)
    return None if reach is None else str(reach)


async def waiting(connection: Connection, merchant_id: str, order_ids: Sequence[str]) -> list[Waiting]:
    """Of these orders those that are not judged, oldest first."""
    return await _with_cases(connection, await connection.fetch(_WAITING, merchant_id, list(order_ids)))


async def of_ids(connection: Connection, merchant_id: str, order_ids: Sequence[str]) -> list[Waiting]:
    """The same, judged or not."""
    return await _with_cases(connection, await connection.fetch(_OF_IDS, merchant_id, list(order_ids)))


async def write(connection: Connection, judgements: Iterable[Mapping[str, Any]]) -> set[str]:
    """Write judgements, columns by name, with their `credits`, oldest order first. The ids of those that are new."""
    rows = list(judgements)
    new = await connection.fetch(_WRITE, _encode(rows).decode())
    written = {str(row["order_id"]) for row in new}
    given = [credit for row in rows if row["order_id"] in written for credit in row["credits"]]
    await connection.execute(_CREDIT, _encode(given).decode())
    return written


async def announce(connection: Connection, facts: Sequence[Mapping[str, Any]], heard_by: Sequence[str]) -> None:
    """Put facts into the outbox, in the transaction of what they tell of; a delivery for each subscriber."""
    await connection.execute(_ANNOUNCE, _encode(list(facts)).decode(), list(heard_by))


async def reach(connection: Connection, merchant_id: str, order_id: str) -> None:
    """All orders up to this id are judged."""
    await connection.execute(_REACH, merchant_id, order_id)


async def _with_cases(connection: Connection, rows: Sequence[Row]) -> list[Waiting]:
    if not rows:
        return []
    merchant_id, orders = rows[0]["merchant_id"], range(len(rows))
    people = ["{" + ",".join(map(str, row["people"])) + "}" for row in rows]
    placed = [row["placed_at"] for row in rows]
    found = await connection.fetch(_TOUCHES, merchant_id, orders, people, placed, TOUCHES_MAX, FIRST_MAX)
    shares = await _shares(connection, merchant_id, {row["share_id"] for row in found})
    touches: dict[int, list[Came]] = {}
    for row in found:
        if (share := shares.get(row["share_id"])) is not None:
            touches.setdefault(row["no"], []).append(_came(row, *share))
    return [_waiting(row, touches.get(no, ())) for no, row in enumerate(rows)]


async def _shares(
    connection: Connection, merchant_id: object, ids: Collection[object]
) -> dict[object, tuple[str, tuple[str, ...], str | None, datetime | None]]:
    """Sharer, chain, campaign and its end, by share: many came through the same."""
    rows = await connection.fetch(_SHARES, merchant_id, list(ids)) if ids else ()
    return {
        row["id"]: (str(row["sharer_id"]), (*map(str, row["path"]), str(row["id"])), row["campaign"], row["ends_at"])
        for row in rows
    }


def _waiting(row: Row, touches: Sequence[Came]) -> Waiting:
    code = CodeState(row["code_state"])
    through = _through(row) if code is CodeState.GOOD else None
    people = frozenset(map(str, row["people"]))
    return Waiting(
        id=str(row["id"]),
        merchant_id=str(row["merchant_id"]),
        customer_id=str(row["customer_id"]),
        sale_id=str(row["sale_id"]),
        room_id=None if row["room_id"] is None else str(row["room_id"]),
        session_id=None if row["session_id"] is None else str(row["session_id"]),
        currency=row["currency"],
        share_code=row["share_code"],
        ended=row["ended"],
        ended_at=row["ended_at"],
        case=Case(row["placed_at"], row["total"], people, touches, code, through),
    )


def _came(row: Row, sharer_id: str, chain: tuple[str, ...], campaign: str | None, ends_at: datetime | None) -> Came:
    over = ends_at is not None and ends_at <= row["at"]
    return Came(chain[-1], sharer_id, chain, campaign, row["at"], str(row["touch_id"]), over)


def _through(row: Row) -> Came:
    """The order's own code, as a visit at its time."""
    share_id = str(row["share_id"])
    chain = (*map(str, row["path"]), share_id)
    return Came(share_id, str(row["sharer_id"]), chain, row["campaign"], row["placed_at"])


_BEGIN: Final = """
    INSERT INTO attribution_reach (merchant_id, order_id) SELECT m.id, $1 FROM merchant m
    WHERE NOT EXISTS (SELECT FROM attribution_reach r WHERE r.merchant_id = m.id)
    ON CONFLICT (merchant_id) DO NOTHING
"""
_MERCHANTS: Final = """
    SELECT r.merchant_id FROM attribution_reach r
    WHERE EXISTS (SELECT FROM orders o WHERE o.merchant_id = r.merchant_id AND o.id > coalesce($1, r.order_id))
    ORDER BY r.merchant_id
"""
_TAKE: Final = "SELECT order_id FROM attribution_reach WHERE merchant_id = $1 FOR UPDATE SKIP LOCKED"
_REACH: Final = """
    UPDATE attribution_reach SET order_id = greatest(order_id, $2) WHERE merchant_id = $1 AND order_id < $2
"""
# Few buyers are known under several ids, and to follow the links of all of them was most of what a judgement cost.
_LINKED: Final = """(
    EXISTS (SELECT FROM customer_guest g WHERE g.merchant_id = o.merchant_id AND g.guest_id = o.customer_id)
    OR EXISTS (SELECT FROM customer_guest g WHERE g.merchant_id = o.merchant_id AND g.customer_id = o.customer_id)
    OR EXISTS (SELECT FROM touch_person v WHERE v.merchant_id = o.merchant_id AND v.visitor_id = o.customer_id)
    OR EXISTS (SELECT FROM touch_person v WHERE v.merchant_id = o.merchant_id AND v.customer_id = o.customer_id))
"""
_CASES: Final = """
    SELECT o.*, CASE WHEN {linked} THEN people_of(o.merchant_id, ARRAY[o.customer_id], o.placed_at)
                     ELSE ARRAY[o.customer_id] END AS people,
           s.id AS share_id, s.sharer_id, s.path, s.campaign,
           CASE WHEN o.share_code IS NULL THEN 'none'
                WHEN s.id IS NULL OR s.created_at > o.placed_at + interval '1 second' THEN 'unknown'
                WHEN s.merchant_id <> o.merchant_id THEN 'foreign'
                WHEN least(c.ends_at, c.archived_at) <= o.placed_at THEN 'expired'
                ELSE 'good' END AS code_state
    FROM ({orders}) o
    LEFT JOIN share s ON s.code = o.share_code
    LEFT JOIN campaign c ON c.merchant_id = s.merchant_id AND c.name = s.campaign
    ORDER BY o.id
"""
_BY_IDS: Final = "SELECT * FROM order_to_judge w WHERE w.merchant_id = $1 AND w.id = ANY ($2::uuid[])"
_NOT_JUDGED: Final = " AND NOT EXISTS (SELECT FROM attribution a WHERE a.order_id = w.id)"
_WAITING: Final = _CASES.format(linked=_LINKED, orders=_BY_IDS + _NOT_JUDGED)
_OF_IDS: Final = _CASES.format(linked=_LINKED, orders=_BY_IDS)
_TOUCHES: Final = """
    SELECT w.no, t.id AS touch_id, t.at, t.share_id
    FROM unnest($2::int[], $3::text[], $4::timestamptz[]) AS w (no, people, placed_at)
    CROSS JOIN LATERAL (
        (SELECT t.id, t.share_id, t.at FROM unnest(w.people::uuid[]) AS p (id) CROSS JOIN LATERAL (
            SELECT * FROM touch t WHERE t.merchant_id = $1 AND t.visitor_id = p.id AND t.at <= w.placed_at
            ORDER BY t.at DESC, t.id DESC LIMIT $5) t
         ORDER BY t.at DESC, t.id DESC LIMIT $5)
        UNION
        (SELECT t.id, t.share_id, t.at FROM unnest(w.people::uuid[]) AS p (id) CROSS JOIN LATERAL (
            SELECT * FROM touch t WHERE t.merchant_id = $1 AND t.visitor_id = p.id AND t.at <= w.placed_at
            ORDER BY t.at, t.id LIMIT $6) t
         ORDER BY t.at, t.id LIMIT $6)) t
"""
_SHARES: Final = """
    SELECT s.id, s.sharer_id, s.path, s.campaign, least(c.ends_at, c.archived_at) AS ends_at
    FROM share s LEFT JOIN campaign c ON c.merchant_id = s.merchant_id AND c.name = s.campaign
    WHERE s.merchant_id = $1 AND s.id = ANY ($2::uuid[])
"""
_WRITE: Final = """
    INSERT INTO attribution (order_id, merchant_id, customer_id, sale_id, room_id, session_id, currency, total,
        share_code, code_state, outcome, reason, rule_id, rule, touches, considered, placed_at, decided_at,
        ended, ended_at)
    SELECT order_id, merchant_id, customer_id, sale_id, room_id, session_id, currency, total,
        share_code, code_state, outcome, reason, rule_id, rule, touches, considered, placed_at, decided_at,
        ended, ended_at
    FROM jsonb_populate_recordset(NULL::attribution, $1::text::jsonb) ORDER BY order_id
    ON CONFLICT (order_id) DO NOTHING RETURNING order_id
"""
_CREDIT: Final = """
    INSERT INTO credit (order_id, no, merchant_id, share_id, sharer_id, root_id, chain, part, amount, touch_id,
                        touched_at)
    SELECT order_id, no, merchant_id, share_id, sharer_id, root_id, chain, part, amount, touch_id, touched_at
    FROM jsonb_populate_recordset(NULL::credit, $1::text::jsonb)
"""
_ANNOUNCE: Final = """
    WITH facts AS (
        INSERT INTO outbox_event (id, topic, aggregate, payload, at)
        SELECT id, topic, aggregate, payload, at
        FROM jsonb_populate_recordset(NULL::outbox_event, $1::text::jsonb)
        RETURNING id, aggregate, at)
    INSERT INTO outbox_delivery (event_id, subscriber, lane, aggregate, due_at)
    SELECT f.id, s, outbox_lane(f.aggregate), f.aggregate, f.at FROM facts f, unnest($2::text[]) AS s
"""
