"""SQL of sessions, their history and what is sold in them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from keel.database import newest_first
from keel.errors import Conflict, NotFound
from live.model import HISTORY_MAX, ON_AIR, OPEN, SessionFilter, SessionState, sources_of
from live.tables_rooms import SessionHistoryRow, SessionRow, SessionSaleRow


async def add_session(session: AsyncSession, **values: Any) -> SessionRow:
    """A new session."""
    row: SessionRow | None = await session.scalar(insert(SessionRow).values(**values).returning(SessionRow))
    assert row is not None
    return row


async def find_session(session: AsyncSession, merchant_id: str, session_id: str) -> SessionRow:
    """A session as it is now. Raises NotFound, for another merchant's as well."""
    mine = SessionRow.merchant_id == merchant_id, SessionRow.id == session_id
    row = await session.scalar(select(SessionRow).where(*mine), execution_options={"populate_existing": True})
    if row is None:
        raise NotFound(what="session")
    return row


async def list_sessions(
    session: AsyncSession, merchant_id: str, wanted: SessionFilter, *, below: str | None, count: int
) -> Sequence[SessionRow]:
    """A page of a merchant's sessions, newest first, below an id."""
    page = select(SessionRow).where(SessionRow.merchant_id == merchant_id, *_conditions(wanted))
    return (await session.scalars(newest_first(page, SessionRow.id, below=below, count=count))).all()


def _conditions(wanted: SessionFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.room_id is not None:
        yield SessionRow.room_id == wanted.room_id
    if wanted.states:
        yield SessionRow.state.in_(wanted.states)
    if wanted.rehearsal is not None:
        yield SessionRow.rehearsal == wanted.rehearsal


async def count_open(session: AsyncSession, merchant_id: str, room_id: str) -> int:
    """Sessions of a room that are not over."""
    mine = SessionRow.merchant_id == merchant_id, SessionRow.room_id == room_id, SessionRow.state.in_(OPEN)
    return await session.scalar(select(func.count()).select_from(SessionRow).where(*mine)) or 0


async def move(session: AsyncSession, row: SessionRow, target: SessionState, **values: Any) -> SessionRow:
    """Move a session on from the state and the quiet that were read, or refuse. Of two racing calls exactly one
    returns."""
    if row.state not in sources_of(target):
        raise Conflict(detail=f"a session that is {row.state} cannot become {target}")
    guard = SessionRow.state == row.state, SessionRow.quiet_since.is_not_distinct_from(row.quiet_since)
    mine = SessionRow.merchant_id == row.merchant_id, SessionRow.id == row.id
    change = update(SessionRow).where(*mine, *guard).values(state=target.value, **values, version=row.version + 1)
    moved: SessionRow | None = await session.scalar(
        change.returning(SessionRow), execution_options={"populate_existing": True}
    )
    if moved is None:
        raise Conflict(detail="the session was moved by somebody else")
    return moved


async def revise(session: AsyncSession, row: SessionRow, **values: Any) -> SessionRow:
    """Change columns of an open session that is as it was read. Raises Conflict."""
    mine = SessionRow.merchant_id == row.merchant_id, SessionRow.id == row.id, SessionRow.version == row.version
    change = update(SessionRow).where(*mine, SessionRow.state.in_(OPEN)).values(**values, version=row.version + 1)
    changed: SessionRow | None = await session.scalar(
        change.returning(SessionRow), execution_options={"populate_existing": True}
    )
    if changed is None:
        raise Conflict(detail="the session is over, or was changed by somebody else")
    return changed


async def add_history(session: AsyncSession, **values: Any) -> None:
    """A move, for good."""
    await session.execute(insert(SessionHistoryRow).values(**values))


async def history(session: AsyncSession, merchant_id: str, session_id: str) -> Sequence[SessionHistoryRow]:
    """The moves of a session, the oldest first; of very many the last HISTORY_MAX."""
    mine = SessionHistoryRow.merchant_id == merchant_id, SessionHistoryRow.session_id == session_id
    page = select(SessionHistoryRow).where(*mine).order_by(SessionHistoryRow.id.desc()).limit(HISTORY_MAX)
    return (await session.scalars(page)).all()[::-1]


async def on_air_at(session: AsyncSession, merchant_id: str, place: str) -> SessionRow | None:
    """The session that is on air at a place."""
    mine = SessionRow.merchant_id == merchant_id, _at(place), SessionRow.state.in_(ON_AIR)
    return await session.scalar(select(SessionRow).where(*mine), execution_options={"populate_existing": True})


async def has_open_at(session: AsyncSession, merchant_id: str, place: str) -> bool:
    """Whether anything is on air at a place, or planned there."""
    mine = SessionRow.merchant_id == merchant_id, _at(place), SessionRow.state.in_(OPEN)
    return bool(await session.scalar(select(exists().where(*mine))))


async def next_by_picture(
    session: AsyncSession, merchant_id: str, place: str, *, due_at: datetime
) -> SessionRow | None:
    """The session that a picture begins now."""
    mine = SessionRow.merchant_id == merchant_id, _at(place), SessionRow.state == SessionState.SCHEDULED
    due = SessionRow.autostart, SessionRow.starts_at.is_(None) | (SessionRow.starts_at <= due_at)
    page = select(SessionRow).where(*mine, *due).order_by(SessionRow.starts_at.asc().nulls_last(), SessionRow.id)
    return await session.scalar(page.limit(1), execution_options={"populate_existing": True})


def _at(place: str) -> ColumnElement[bool]:
    in_room = (SessionRow.room_id == place) & SessionRow.rehearsal.is_(False)
    return in_room | ((SessionRow.id == place) & SessionRow.rehearsal)


# What is sold in a session -------------------------------------------------------------------------------------------


async def sale_ids(session: AsyncSession, merchant_id: str, session_id: str) -> Sequence[str]:
    """The sales of a session, the oldest first."""
    mine = SessionSaleRow.merchant_id == merchant_id, SessionSaleRow.session_id == session_id
    return (await session.scalars(select(SessionSaleRow.sale_id).where(*mine).order_by(SessionSaleRow.sale_id))).all()


async def add_sale(session: AsyncSession, **values: Any) -> bool:
    """Link a sale; False where it was linked already."""
    new = insert(SessionSaleRow).values(**values).on_conflict_do_nothing()
    return await session.scalar(new.returning(SessionSaleRow.sale_id)) is not None


async def drop_sale(session: AsyncSession, merchant_id: str, session_id: str, sale_id: str) -> bool:
    """Take a sale out; False where it was not in."""
    mine = SessionSaleRow.merchant_id == merchant_id, SessionSaleRow.session_id == session_id
    gone = delete(SessionSaleRow).where(*mine, SessionSaleRow.sale_id == sale_id)
    return await session.scalar(gone.returning(SessionSaleRow.sale_id)) is not None
