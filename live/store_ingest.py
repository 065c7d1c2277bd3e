"""SQL of ingest: who sends the picture of a place, and whose time is over. The row of a place is its lock."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Interval, and_, case, cast, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from live.model import ON_AIR, SessionState
from live.tables_rooms import IngestRow, RoomRow, SessionRow


async def owner_of(session: AsyncSession, place: str) -> tuple[str, str] | None:
    """(merchant id, room id) of a place whose merchant nobody knows yet; None where there is no such place."""
    room = select(RoomRow.merchant_id, RoomRow.id).where(RoomRow.id == place)
    found = (await session.execute(room)).first()
    if found is None:
        rehearsal = select(SessionRow.merchant_id, SessionRow.room_id).where(SessionRow.id == place)
        found = (await session.execute(rehearsal.where(SessionRow.rehearsal))).first()
    return None if found is None else (found[0], found[1])


async def lock(session: AsyncSession, *, merchant_id: str, room_id: str, place: str) -> IngestRow:
    """The ingest of a place that exists, locked until the commit."""
    new = insert(IngestRow).values(place=place, merchant_id=merchant_id, room_id=room_id)
    await session.execute(new.on_conflict_do_nothing())
    mine = IngestRow.merchant_id == merchant_id, IngestRow.place == place
    locked = select(IngestRow).where(*mine).with_for_update()
    row = await session.scalar(locked, execution_options={"populate_existing": True})
    assert row is not None, "it was just made"
    return row


async def find(session: AsyncSession, merchant_id: str, place: str) -> IngestRow | None:
    """The same without a lock; None where nobody asked for a push key or published yet."""
    mine = IngestRow.merchant_id == merchant_id, IngestRow.place == place
    return await session.scalar(select(IngestRow).where(*mine))


async def revise(session: AsyncSession, row: IngestRow, **values: Any) -> None:
    """Change columns of a locked ingest."""
    mine = IngestRow.merchant_id == row.merchant_id, IngestRow.place == row.place
    await session.execute(update(IngestRow).where(*mine).values(**values))


async def due_to_end(session: AsyncSession, now: datetime, *, count: int) -> Sequence[SessionRow]:
    """Sessions on air that were without a picture for longer than their room has patience, the oldest first."""
    patience_s = case((SessionRow.state == SessionState.INTERRUPTED, RoomRow.grace_s), else_=RoomRow.idle_end_s)
    over = SessionRow.quiet_since <= cast(now, SessionRow.quiet_since.type) - patience_s * cast(
        timedelta(seconds=1), Interval
    )
    on_air = SessionRow.state.in_(ON_AIR)
    room = and_(RoomRow.merchant_id == SessionRow.merchant_id, RoomRow.id == SessionRow.room_id)
    page = select(SessionRow).join(RoomRow, room).where(on_air, over).order_by(SessionRow.quiet_since).limit(count)
    return (await session.scalars(page)).all()


async def silent(session: AsyncSession, since: datetime, *, count: int) -> Sequence[IngestRow]:
    """Pictures whose media server gave signs of life once, and none since a moment."""
    page = select(IngestRow).where(IngestRow.client.is_not(None), IngestRow.alive_at <= since)
    return (await session.scalars(page.order_by(IngestRow.alive_at).limit(count))).all()


async def due_to_start(session: AsyncSession, now: datetime, *, count: int) -> Sequence[SessionRow]:
    """Sessions whose time has come while their picture is there already, and nothing else is on air."""
    at_place = or_(
        and_(SessionRow.rehearsal.is_(False), IngestRow.place == SessionRow.room_id),
        and_(SessionRow.rehearsal, IngestRow.place == SessionRow.id),
    )
    there = and_(IngestRow.merchant_id == SessionRow.merchant_id, at_place, IngestRow.client.is_not(None))
    due = SessionRow.state == SessionState.SCHEDULED, SessionRow.autostart, SessionRow.starts_at <= now
    other = aliased(SessionRow)
    is_on = other.room_id == SessionRow.room_id, other.rehearsal.is_(False), other.state.in_(ON_AIR)
    free = or_(SessionRow.rehearsal, ~exists().where(*is_on))
    page = select(SessionRow).join(IngestRow, there).where(*due, free).order_by(SessionRow.starts_at).limit(count)
    return (await session.scalars(page)).all()
