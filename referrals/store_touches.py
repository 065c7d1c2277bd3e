"""SQL of touches: stored in batches, each with the word up to when its writer has stored everything; read by person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from keel.clock import from_ms
from keel.database import Pool, array_text, quoted_array_text
from referrals.model import Channel, Visit
from referrals.store_shares import Share, share_of

FORGOTTEN_AFTER: Final = timedelta(seconds=30)
# Clocks of two processes are at most a second apart, or they are not ready; a writer is there within the other.
UNSEEN: Final = timedelta(seconds=2)
TOUCHES_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Touch:
    """Somebody came through a share. `visitor_id`: what he was called then."""

    id: str
    share: Share
    visitor_id: str
    channel: Channel
    community: str | None
    session_id: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class SignIn:
    """A visitor of the socket turned out to be this customer."""

    merchant_id: str
    visitor_id: str
    customer_id: str
    at_ms: int


async def store(
    pool: Pool, writer_id: str, visits: Sequence[Visit], sign_ins: Sequence[SignIn], *, until: datetime, now: datetime
) -> None:
    """Store visits, no two with the same id, and sign-ins, and that with them all is stored up to `until`.

    All or nothing. What came by a code that is none of the merchant's is left out. A sign-in is kept whatever is known
    of its visits: those may be stored later, by another process too. Safe to repeat.
    """
    async with pool.acquire() as connection, connection.transaction():
        if visits:
            await connection.execute(
                _TOUCH,
                array_text(visit.id for visit in visits),
                array_text(visit.merchant_id for visit in visits),
                quoted_array_text(visit.code for visit in visits),
                array_text(visit.visitor_id for visit in visits),
                array_text(visit.channel.value for visit in visits),
                quoted_array_text(visit.community for visit in visits),
                [visit.session_id for visit in visits],
                [from_ms(visit.at_ms) for visit in visits],
            )
        if sign_ins:
            await connection.execute(
                _PERSON,
                array_text(known.merchant_id for known in sign_ins),
                array_text(known.visitor_id for known in sign_ins),
                array_text(known.customer_id for known in sign_ins),
                [from_ms(known.at_ms) for known in sign_ins],
            )
        await connection.execute(_WRITER, writer_id, until, now)


async def end_writer(pool: Pool, writer_id: str) -> None:
    """A writer has stored all it had, and gathers no more."""
    await pool.execute(_END, writer_id)


async def watermark(pool: Pool, now: datetime) -> datetime:
    """The time up to which all touches are stored, but for those of processes that died or that nobody heard since
    FORGOTTEN_AFTER. Ask before the touches are read, and believe those up to here."""
    mark: datetime = await pool.fetchval(_WATERMARK, now - FORGOTTEN_AFTER, now - UNSEEN)
    return mark


async def of_people(
    pool: Pool,
    merchant_id: str,
    ids: Sequence[str],
    until: datetime,
    *,
    since: datetime | None = None,
    count: int = TOUCHES_MAX,
) -> list[Touch]:
    """The touches of whoever is known under these ids, with what was known by then of who he is, newest first."""
    rows = await pool.fetch(_OF_PEOPLE, merchant_id, list(ids), until, since, count)
    return [
        Touch(
            id=str(row["touch_id"]),
            share=share_of(row),
            visitor_id=str(row["visitor_id"]),
            channel=Channel(row["channel"]),
            community=row["community"],
            session_id=None if row["session_id"] is None else str(row["session_id"]),
            at=row["at"],
        )
        for row in rows
    ]


# Ordered, as every batch is, so that two processes with the same visitors wait for each other and never in a circle.
_TOUCH: Final = """
    INSERT INTO touch AS t (id, merchant_id, share_id, visitor_id, channel, community, session_id, at)
    SELECT i.id, s.merchant_id, s.id, i.visitor_id, i.channel, i.community,
           coalesce(i.session_id, CASE s.target_kind WHEN 'session' THEN s.target_id END, a.session_id), i.at
    FROM unnest($1::text::uuid[], $2::text::uuid[], $3::text::text[], $4::text::uuid[], $5::text::text[],
                $6::text::text[], $7::uuid[], $8::timestamptz[])
        AS i (id, merchant_id, code, visitor_id, channel, community, session_id, at)
    JOIN share s ON s.code = i.code AND s.merchant_id = i.merchant_id
    LEFT JOIN room_on_air a ON a.merchant_id = s.merchant_id AND a.room_id = s.family_id AND a.started_at <= i.at
    ORDER BY i.id
    ON CONFLICT (id) DO UPDATE SET
        at = least(t.at, excluded.at),
        channel = CASE t.channel WHEN 'unknown' THEN excluded.channel ELSE t.channel END,
        community = coalesce(t.community, excluded.community),
        session_id = coalesce(t.session_id, excluded.session_id)
    WHERE excluded.at < t.at OR (t.channel = 'unknown' AND excluded.channel <> 'unknown')
        OR (t.community IS NULL AND excluded.community IS NOT NULL)
        OR (t.session_id IS NULL AND excluded.session_id IS NOT NULL)
"""
# The first who signed in has the visitor, in whatever order it is stored; when somebody else did, is kept.
_PERSON: Final = """
    WITH known AS (
        SELECT i.*, person_of(i.merchant_id, i.customer_id) AS person
        FROM unnest($1::text::uuid[], $2::text::uuid[], $3::text::uuid[], $4::timestamptz[])
            AS i (merchant_id, visitor_id, customer_id, at)),
    owned AS (
        SELECT k.*, first_value(k.person) OVER (PARTITION BY k.merchant_id, k.visitor_id
                                                ORDER BY k.at, k.customer_id) AS owner FROM known k)
    INSERT INTO touch_person AS p (merchant_id, visitor_id, customer_id, at, shared_at)
    SELECT o.merchant_id, o.visitor_id, (array_agg(o.customer_id ORDER BY o.at, o.customer_id))[1], min(o.at),
           min(o.at) FILTER (WHERE o.person <> o.owner)
    FROM owned o GROUP BY o.merchant_id, o.visitor_id ORDER BY o.merchant_id, o.visitor_id
    ON CONFLICT (merchant_id, visitor_id) DO UPDATE SET
        customer_id = CASE WHEN excluded.at < p.at THEN excluded.customer_id ELSE p.customer_id END,
        at = least(p.at, excluded.at),
        shared_at = least(p.shared_at, excluded.shared_at,
            CASE WHEN person_of(p.merchant_id, p.customer_id) <> person_of(p.merchant_id, excluded.customer_id)
                 THEN greatest(p.at, excluded.at) END)
    WHERE excluded.at < p.at OR excluded.customer_id <> p.customer_id OR excluded.shared_at IS NOT NULL
"""
_WRITER: Final = """
    INSERT INTO touch_writer AS w (id, flushed_until, seen_at) VALUES ($1, $2, $3)
    ON CONFLICT (id) DO UPDATE SET flushed_until = greatest(w.flushed_until, excluded.flushed_until),
                                   seen_at = greatest(w.seen_at, excluded.seen_at)
"""
_END: Final = "DELETE FROM touch_writer WHERE id = $1"
_WATERMARK: Final = "SELECT least(min(flushed_until), $2) FROM touch_writer WHERE seen_at >= $1"
_OF_PEOPLE: Final = """
    SELECT t.id AS touch_id, t.visitor_id, t.channel, t.community, t.session_id, t.at, s.*
    FROM unnest(people_of($1, $2, $3)) AS p (id) CROSS JOIN LATERAL (
        SELECT * FROM touch t
        WHERE t.merchant_id = $1 AND t.visitor_id = p.id AND t.at <= $3 AND ($4::timestamptz IS NULL OR t.at >= $4)
        ORDER BY t.at DESC, t.id DESC LIMIT $5) t
    JOIN share s ON s.merchant_id = t.merchant_id AND s.id = t.share_id
    ORDER BY t.at DESC, t.id DESC LIMIT $5
"""
