"""SQL of talk for staff: rules, silences, words, the record of comments, announcements."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from keel.database import newest_first
from keel.errors import Conflict, NotFound
from live.tables_talk import AnnouncementRow, CommentRow, SilenceRow, TalkRow, WordListRow, WordRow

_ROOM: Final = "SELECT 1 FROM room WHERE merchant_id = :merchant_id AND id = :room_id"

_REHEARSALS: Final = """
    SELECT id::text FROM session
    WHERE merchant_id = :merchant_id AND room_id = :room_id AND rehearsal
      AND (ended_at IS NULL OR ended_at > :ended_since)
    ORDER BY ended_at DESC NULLS FIRST, id DESC LIMIT 200
"""


async def require_room(session: AsyncSession, merchant_id: str, room_id: str) -> None:
    """Raises NotFound unless the merchant has this room."""
    if await session.scalar(text(_ROOM), {"merchant_id": merchant_id, "room_id": room_id}) is None:
        raise NotFound(what="room")


async def places(session: AsyncSession, merchant_id: str, room_id: str, ended_since: datetime) -> list[str]:
    """Where a room's title is shown and its rules hold: itself, and its rehearsals, each a place of its own.

    Rehearsals that are over are left out when they were over then already. The room is locked: nobody plans another.
    """
    values = {"merchant_id": merchant_id, "room_id": room_id, "ended_since": ended_since}
    return [room_id, *(row[0] for row in await session.execute(text(_REHEARSALS), values))]


async def find_rules(session: AsyncSession, merchant_id: str, room_id: str) -> TalkRow | None:
    """The rules of a room; None where it has the usual ones."""
    mine = TalkRow.merchant_id == merchant_id, TalkRow.room_id == room_id
    return await session.scalar(select(TalkRow).where(*mine))


async def put_rules(session: AsyncSession, merchant_id: str, room_id: str, changes: Mapping[str, Any]) -> TalkRow:
    """Change the rules of a room, or only its version: every process reads it anew. The row is locked."""
    values = {"slow_mode_s": 0, "review": False, "muted_all": False} | dict(changes)
    new = insert(TalkRow).values(merchant_id=merchant_id, room_id=room_id, version=1, **values)
    change = new.on_conflict_do_update(
        index_elements=["room_id"],
        set_={"version": TalkRow.version + 1, **changes},
        where=TalkRow.merchant_id == merchant_id,
    )
    row: TalkRow | None = await session.scalar(change.returning(TalkRow), execution_options={"populate_existing": True})
    assert row is not None, "the room is the merchant's"
    return row


async def count_silences(session: AsyncSession, merchant_id: str, room_id: str, now: datetime) -> int:
    """Silences of a room that run."""
    mine = SilenceRow.merchant_id == merchant_id, SilenceRow.room_id == room_id, SilenceRow.until > now
    return await session.scalar(select(func.count()).select_from(SilenceRow).where(*mine)) or 0


async def put_silence(session: AsyncSession, **values: Any) -> SilenceRow:
    """Silence a viewer, or change for how long."""
    changed = {name: values[name] for name in ("until", "reason", "set_by", "at")}
    new = insert(SilenceRow).values(**values)
    change = new.on_conflict_do_update(index_elements=["room_id", "viewer_id", "kind"], set_=changed)
    row: SilenceRow | None = await session.scalar(
        change.returning(SilenceRow), execution_options={"populate_existing": True}
    )
    assert row is not None
    return row


async def lift_silence(session: AsyncSession, merchant_id: str, room_id: str, silence_id: str) -> SilenceRow:
    """End a silence; what it was. Raises NotFound."""
    mine = SilenceRow.merchant_id == merchant_id, SilenceRow.room_id == room_id, SilenceRow.id == silence_id
    row: SilenceRow | None = await session.scalar(delete(SilenceRow).where(*mine).returning(SilenceRow))
    if row is None:
        raise NotFound(what="silence")
    return row


async def list_silences(
    session: AsyncSession, merchant_id: str, room_id: str, now: datetime, *, below: str | None, count: int
) -> Sequence[SilenceRow]:
    """A page of a room's silences that run, newest first, below an id."""
    mine = SilenceRow.merchant_id == merchant_id, SilenceRow.room_id == room_id, SilenceRow.until > now
    page = newest_first(select(SilenceRow).where(*mine), SilenceRow.id, below=below, count=count)
    return (await session.scalars(page)).all()


async def bump_words(session: AsyncSession, merchant_id: str) -> None:
    """Note that the words change; others who change them wait."""
    new = insert(WordListRow).values(merchant_id=merchant_id, version=1)
    changed = {"version": WordListRow.version + 1}
    await session.execute(new.on_conflict_do_update(index_elements=["merchant_id"], set_=changed))


async def count_words(session: AsyncSession, merchant_id: str) -> int:
    """How many words a merchant has."""
    found = select(func.count()).select_from(WordRow).where(WordRow.merchant_id == merchant_id)
    return await session.scalar(found) or 0


async def put_words(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add words; one that is there gets the new action."""
    new = insert(WordRow)
    changed = {"action": new.excluded.action, "word": new.excluded.word}
    await session.execute(
        new.on_conflict_do_update(index_elements=["merchant_id", "folded"], set_=changed), [dict(row) for row in rows]
    )


async def drop_word(session: AsyncSession, merchant_id: str, word_id: str) -> str:
    """Take a word off the list; what it was. Raises NotFound."""
    gone = delete(WordRow).where(WordRow.merchant_id == merchant_id, WordRow.id == word_id).returning(WordRow.word)
    word = await session.scalar(gone)
    if word is None:
        raise NotFound(what="word")
    return word


async def list_words(session: AsyncSession, merchant_id: str, *, below: str | None, count: int) -> Sequence[WordRow]:
    """A page of a merchant's words, newest first, below an id."""
    page = newest_first(select(WordRow).where(WordRow.merchant_id == merchant_id), WordRow.id, below=below, count=count)
    return (await session.scalars(page)).all()


async def list_comments(
    session: AsyncSession,
    merchant_id: str,
    room_id: str,
    *,
    state: str | None,
    author_id: str | None,
    below: str | None,
    count: int,
) -> Sequence[CommentRow]:
    """A page of the record of a room, newest first, below an id."""
    page = select(CommentRow).where(CommentRow.merchant_id == merchant_id, CommentRow.room_id == room_id)
    if state is not None:
        page = page.where(CommentRow.state == state)
    if author_id is not None:
        page = page.where(CommentRow.author_id == author_id)
    return (await session.scalars(newest_first(page, CommentRow.id, below=below, count=count))).all()


async def move_comment(
    session: AsyncSession, merchant_id: str, room_id: str, comment_id: str, *, sources: Sequence[str], **values: Any
) -> tuple[CommentRow, bool]:
    """Move a comment on from one of these states; whether it did. Of two racing calls exactly one moves it.

    Raises NotFound.
    """
    mine = CommentRow.merchant_id == merchant_id, CommentRow.room_id == room_id, CommentRow.id == comment_id
    change = update(CommentRow).where(*mine, CommentRow.state.in_(sources)).values(**values).returning(CommentRow)
    row = await session.scalar(change, execution_options={"populate_existing": True})
    if row is not None:
        return row, True
    row = await session.scalar(select(CommentRow).where(*mine), execution_options={"populate_existing": True})
    if row is None:
        raise NotFound(what="comment")
    return row, False


def require_moved(row: CommentRow, *, moved: bool) -> None:
    """Raises Conflict where somebody else decided already."""
    if not moved:
        raise Conflict(detail=f"the comment is {row.state}")


async def last_announcement(session: AsyncSession, merchant_id: str, place: str) -> AnnouncementRow | None:
    """What a place was told last."""
    mine = AnnouncementRow.merchant_id == merchant_id, AnnouncementRow.place == place
    return await session.scalar(select(AnnouncementRow).where(*mine).order_by(AnnouncementRow.id.desc()).limit(1))


async def add_announcement(session: AsyncSession, **values: Any) -> AnnouncementRow:
    """Something for everybody in a place."""
    row: AnnouncementRow | None = await session.scalar(
        insert(AnnouncementRow).values(**values).returning(AnnouncementRow)
    )
    assert row is not None
    return row
