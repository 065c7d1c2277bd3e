"""SQL of rooms and their crews. Locks go in one order everywhere: the room, the ingest of a place, the session."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from keel import database
from keel.database import newest_first
from keel.errors import NotFound
from live.model import OPEN, CrewRole
from live.tables_rooms import CrewRow, RoomRow, SessionRow


def edge(sessions: async_sessionmaker[AsyncSession]) -> AbstractAsyncContextManager[AsyncSession]:
    """The transaction of one command. Raises Unavailable when locks or PostgreSQL cannot be had in time."""
    return database.edge(sessions, busy="the database is busy with this room")


async def add_room(session: AsyncSession, **values: Any) -> RoomRow:
    """A new room."""
    row: RoomRow | None = await session.scalar(insert(RoomRow).values(**values).returning(RoomRow))
    assert row is not None
    return row


async def find_room(session: AsyncSession, merchant_id: str, room_id: str) -> RoomRow:
    """A room, archived or not. Raises NotFound, for another merchant's as well."""
    row = await session.scalar(select(RoomRow).where(RoomRow.merchant_id == merchant_id, RoomRow.id == room_id))
    if row is None:
        raise NotFound(what="room")
    return row


async def lock_room(session: AsyncSession, merchant_id: str, room_id: str) -> RoomRow:
    """The same, locked until the commit."""
    mine = RoomRow.merchant_id == merchant_id, RoomRow.id == room_id
    row = await session.scalar(select(RoomRow).where(*mine).with_for_update(key_share=True))
    if row is None:
        raise NotFound(what="room")
    return row


async def revise_room(session: AsyncSession, merchant_id: str, room_id: str, **values: Any) -> RoomRow:
    """Change columns of a locked room; its version counts it."""
    mine = RoomRow.merchant_id == merchant_id, RoomRow.id == room_id
    change = update(RoomRow).where(*mine).values(**values, version=RoomRow.version + 1).returning(RoomRow)
    row: RoomRow | None = await session.scalar(change, execution_options={"populate_existing": True})
    assert row is not None, "a locked room does not go away"
    return row


async def list_rooms(
    session: AsyncSession, merchant_id: str, *, archived: bool, below: str | None, count: int
) -> Sequence[RoomRow]:
    """A page of a merchant's rooms, newest first, below an id."""
    put_away = RoomRow.archived_at.is_not(None) if archived else RoomRow.archived_at.is_(None)
    page = select(RoomRow).where(RoomRow.merchant_id == merchant_id, put_away)
    return (await session.scalars(newest_first(page, RoomRow.id, below=below, count=count))).all()


async def has_open_sessions(session: AsyncSession, merchant_id: str, room_id: str) -> bool:
    """Whether a room has a session that is not over."""
    mine = SessionRow.merchant_id == merchant_id, SessionRow.room_id == room_id, SessionRow.state.in_(OPEN)
    return bool(await session.scalar(select(exists().where(*mine))))


# Crews -------------------------------------------------------------------------------------------------------------


async def crew_of(session: AsyncSession, merchant_id: str, room_id: str) -> Sequence[CrewRow]:
    """A room's crew, the oldest member first."""
    page = select(CrewRow).where(CrewRow.merchant_id == merchant_id, CrewRow.room_id == room_id)
    return (await session.scalars(page.order_by(CrewRow.added_at, CrewRow.staff_id))).all()


async def crew_size(session: AsyncSession, merchant_id: str, room_id: str) -> int:
    """How many there are."""
    mine = CrewRow.merchant_id == merchant_id, CrewRow.room_id == room_id
    return await session.scalar(select(func.count()).select_from(CrewRow).where(*mine)) or 0


async def put_crew(session: AsyncSession, **values: Any) -> None:
    """Add somebody to a crew, or change the role. Raises NotFound where the merchant has no such member of staff."""
    new = insert(CrewRow).values(**values)
    put = new.on_conflict_do_update(index_elements=["room_id", "staff_id"], set_={"role": new.excluded.role})
    try:
        await session.execute(put)
    except IntegrityError as error:  # only the member can be missing: the room is locked
        raise NotFound(what="member") from error


async def drop_crew(session: AsyncSession, merchant_id: str, room_id: str, staff_id: str) -> bool:
    """Take somebody off a crew; False where nobody was on it."""
    mine = CrewRow.merchant_id == merchant_id, CrewRow.room_id == room_id, CrewRow.staff_id == staff_id
    return await session.scalar(delete(CrewRow).where(*mine).returning(CrewRow.staff_id)) is not None


async def crew_role_in_room(session: AsyncSession, merchant_id: str, room_id: str, staff_id: str) -> CrewRole | None:
    """What somebody is in a room; None for a room that is not there as well."""
    mine = CrewRow.merchant_id == merchant_id, CrewRow.room_id == room_id, CrewRow.staff_id == staff_id
    role = await session.scalar(select(CrewRow.role).where(*mine))
    return None if role is None else CrewRole(role)


async def crew_role_in_session(
    session: AsyncSession, merchant_id: str, session_id: str, staff_id: str
) -> CrewRole | None:
    """What somebody is in the room of a session; None for a session that is not there as well."""
    room_id = await session.scalar(
        select(SessionRow.room_id).where(SessionRow.merchant_id == merchant_id, SessionRow.id == session_id)
    )
    return None if room_id is None else await crew_role_in_room(session, merchant_id, room_id, staff_id)
