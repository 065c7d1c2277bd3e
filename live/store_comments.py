"""The record of comments and what decides on them, for the processes that serve viewers: bare asyncpg, in batches.

Every call raises `LedgerFault` (inventory.faults) where PostgreSQL gives no answer.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from inventory.faults import borrowed
from keel.clock import from_ms, to_ms
from keel.database import Pool, Row
from keel.ids import NIL_ID
from live.sampling import Comment
from live.talk_rules import CommentState, Rules, Silence
from live.word_filter import Action, Word

PIECE: Final = 500


@dataclass(frozen=True, slots=True)
class Venue:
    """Where something is said: a room, and the place of it that hears (itself, or a rehearsal session)."""

    merchant_id: str
    room_id: str
    place: str
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A comment to be put on record."""

    venue: Venue
    comment: Comment
    state: CommentState


@dataclass(frozen=True, slots=True)
class Standing:
    """What a room is at: its rules, and the versions of its silences and of its merchant's words."""

    room_id: str
    merchant_id: str
    rules: Rules
    version: int
    words_version: int


async def record(pool: Pool, entries: Sequence[Entry]) -> dict[str, str | None]:
    """Put comments on record, all or none; their authors' names, by comment. Safe to repeat.

    An author without a name gets that of his profile, which goes when a person is erased.
    """
    columns = (
        [entry.venue.merchant_id for entry in entries],
        [entry.comment.id for entry in entries],
        [entry.venue.room_id for entry in entries],
        [entry.venue.session_id for entry in entries],
        [entry.venue.place for entry in entries],
        [entry.comment.author_id for entry in entries],
        [entry.comment.author_name for entry in entries],
        [entry.comment.text for entry in entries],
        [entry.state.value for entry in entries],
        [from_ms(entry.comment.at_ms) for entry in entries],
    )
    return {str(row["id"]): row["author_name"] for row in await _fetch(pool, _RECORD, *columns)}


async def standings(pool: Pool, room_ids: Sequence[str]) -> list[Standing]:
    """What these rooms are at; those that are none are left out."""
    rows = await _fetch(pool, _STANDINGS, list(room_ids))
    return [
        Standing(
            str(row["id"]),
            str(row["merchant_id"]),
            Rules(row["slow_mode_s"], row["review"], row["muted_all"]),
            row["version"],
            row["words_version"],
        )
        for row in rows
    ]


async def silences(
    pool: Pool, merchant_id: str, room_id: str, now: datetime
) -> AsyncIterator[list[tuple[tuple[str, Silence], int]]]:
    """Until when (ms since 1970) which viewers of a room are silenced, a piece at a time."""
    async for rows in _pieces(pool, _SILENCES, merchant_id, room_id, now):
        yield [((row["viewer"], Silence(row["kind"])), row["until_ms"]) for row in rows]


async def words(pool: Pool, merchant_id: str) -> AsyncIterator[list[Word]]:
    """A merchant's words, a piece at a time."""
    async for rows in _pieces(pool, _WORDS, merchant_id):
        yield [Word(row["folded"], Action(row["action"])) for row in rows]


async def recent(pool: Pool, merchant_id: str, room_id: str, place: str, *, count: int) -> list[Comment]:
    """The last comments that a place shows, oldest first: what whoever comes in reads."""
    rows = await _fetch(pool, _RECENT, merchant_id, room_id, place, count)
    return [
        Comment(str(row["id"]), str(row["author_id"]), row["author_name"], row["text"], to_ms(row["at"]))
        for row in reversed(rows)
    ]


async def _pieces(pool: Pool, statement: str, *args: Any) -> AsyncIterator[list[Row]]:
    """Rows by their ids, so many at a time that nobody else has to wait for long."""
    above = NIL_ID
    while True:
        rows = await _fetch(pool, statement, *args, above, PIECE)
        if rows:
            yield rows
        if len(rows) < PIECE:
            return
        above = str(rows[-1]["id"])


async def _fetch(pool: Pool, statement: str, *args: Any) -> list[Row]:
    async with borrowed(pool) as connection:
        return list(await connection.fetch(statement, *args))


_RECORD: Final = """
    INSERT INTO comment (merchant_id, id, room_id, session_id, place, author_id, author_name, text, state, at)
    SELECT c.merchant_id, c.id, c.room_id, c.session_id, c.place, c.author_id,
           coalesce(c.author_name, left(p.display_name, 60)), c.text, c.state, c.at
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::text[], $9::text[],
        $10::timestamptz[])
        AS c (merchant_id, id, room_id, session_id, place, author_id, author_name, text, state, at)
    LEFT JOIN customer_profile p ON p.merchant_id = c.merchant_id AND p.customer_id = c.author_id
    ON CONFLICT (merchant_id, id) DO NOTHING RETURNING id, author_name
"""
_STANDINGS: Final = """
    SELECT r.id, r.merchant_id, coalesce(t.slow_mode_s, 0) AS slow_mode_s, coalesce(t.review, false) AS review,
           coalesce(t.muted_all, false) AS muted_all, coalesce(t.version, 0) AS version,
           coalesce(w.version, 0) AS words_version
    FROM room r
    LEFT JOIN talk t ON t.room_id = r.id AND t.merchant_id = r.merchant_id
    LEFT JOIN talk_word_list w ON w.merchant_id = r.merchant_id
    WHERE r.id = ANY ($1::uuid[])
"""
_SILENCES: Final = """
    SELECT id, viewer_id::text AS viewer, kind, (extract(epoch FROM until) * 1000)::bigint AS until_ms
    FROM talk_silence WHERE merchant_id = $1 AND room_id = $2 AND until > $3 AND id > $4 ORDER BY id LIMIT $5
"""
_WORDS: Final = """
    SELECT id, folded, action FROM talk_word WHERE merchant_id = $1 AND id > $2 ORDER BY id LIMIT $3
"""
_RECENT: Final = """
    SELECT id, author_id, author_name, text, at FROM comment
    WHERE merchant_id = $1 AND room_id = $2 AND place = $3 AND state = 'shown' ORDER BY id DESC LIMIT $4
"""
