"""SQL of the scene: what is known of rooms, their sessions, and the sales of these."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from inventory.ledger import Ledger
from keel.clock import rfc3339, to_ms
from keel.database import Pool

WATCHED_MAX: Final = 10_000

# Of those that are over the last one: what is on stage is chosen by live.scene.
_SESSIONS: Final = """
    WITH mine AS (
        SELECT s.id, s.state, s.title, s.rehearsal,
               coalesce((SELECT max(h.at) FROM session_history h WHERE h.session_id = s.id), s.created_at) AS at
        FROM session s
        WHERE s.merchant_id = $1 AND (s.id = $2 AND s.rehearsal OR s.room_id = $2 AND NOT s.rehearsal))
    SELECT * FROM mine WHERE state <> 'ended'
    UNION ALL (SELECT * FROM mine WHERE state = 'ended' ORDER BY at DESC, id DESC LIMIT 1)
"""
_ROOM: Final = """
    SELECT r.title, r.cover_url FROM room r
    WHERE r.merchant_id = $1
      AND r.id = coalesce((SELECT room_id FROM session WHERE merchant_id = $1 AND id = $2 AND rehearsal), $2)
"""
_MERCHANT: Final = """
    SELECT merchant_id FROM room WHERE id = $1 UNION ALL SELECT merchant_id FROM session WHERE id = $1 AND rehearsal
"""
_SALES: Final = """
    SELECT l.session_id, l.link_no, s.id, s.state, s.opens_at, s.closes_at, s.version FROM session_sale l
    JOIN sale s ON s.merchant_id = l.merchant_id AND s.id = l.sale_id
    WHERE l.merchant_id = $1 AND l.session_id = $2
"""
_WATCHED: Final = """
    WITH known AS (
        SELECT * FROM session WHERE state <> 'ended'
        UNION ALL SELECT * FROM session WHERE state = 'ended' AND ended_at > $1)
    SELECT CASE WHEN k.rehearsal THEN k.id ELSE k.room_id END AS place,
           k.id AS session_id, k.state AS stage, k.ended_at,
           l.link_no, s.id, s.state, s.opens_at, s.closes_at, s.version
    FROM known k
    LEFT JOIN session_sale l ON l.merchant_id = k.merchant_id AND l.session_id = k.id
    LEFT JOIN sale s ON s.merchant_id = l.merchant_id AND s.id = l.sale_id
    ORDER BY k.id DESC
    LIMIT $2
"""


@dataclass(frozen=True, slots=True)
class SaleShown:
    """A sale as screens know it: `version` grows with each change of it, `link_no` each time a session takes it in."""

    id: str
    session_id: str
    link_no: int
    version: int
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Watched:
    """A session, and one of its sales, or None where it has none. `session`: what live.scene chooses by."""

    place: str
    session: Mapping[str, Any]
    sale: SaleShown | None


async def sessions(reader: Ledger, merchant_id: str, place: str) -> list[dict[str, Any]]:
    """The sessions of a place that are not over, and the last one that is. Raises LedgerFault."""
    return [
        {
            "session_id": str(row["id"]),
            "state": row["state"],
            "at": _text(row["at"]),
            "title": row["title"],
            "rehearsal": row["rehearsal"],
        }
        for row in await reader.call(_SESSIONS, merchant_id, place)
    ]


async def room(reader: Ledger, merchant_id: str, place: str) -> dict[str, Any] | None:
    """The room that a place is, or is in. Raises LedgerFault."""
    rows = await reader.call(_ROOM, merchant_id, place)
    return {"title": rows[0]["title"], "cover_url": rows[0]["cover_url"]} if rows else None


async def merchant_of(reader: Ledger, place: str) -> str | None:
    """Whose place it is; None for one that is not there. Raises LedgerFault."""
    rows = await reader.call(_MERCHANT, place)
    return str(rows[0]["merchant_id"]) if rows else None


async def sales(reader: Ledger, merchant_id: str, session_id: str) -> list[SaleShown]:
    """The sales of a session. Raises LedgerFault."""
    return [_sale(row) for row in await reader.call(_SALES, merchant_id, session_id)]


async def watched(pool: Pool, ended_since: datetime) -> list[Watched]:
    """The sessions that are not over or were not then, of every merchant, each with each of its sales."""
    return [_watched(row) for row in await pool.fetch(_WATCHED, ended_since, WATCHED_MAX)]


def _watched(row: Any) -> Watched:
    session = {"session_id": str(row["session_id"]), "state": row["stage"], "at": _text(row["ended_at"])}
    return Watched(str(row["place"]), session, None if row["id"] is None else _sale(row))


def _sale(row: Any) -> SaleShown:
    body = {"state": row["state"], "opens_at": _text(row["opens_at"]), "closes_at": _text(row["closes_at"])}
    return SaleShown(str(row["id"]), str(row["session_id"]), row["link_no"], row["version"], body)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(to_ms(moment))
