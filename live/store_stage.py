"""SQL of what viewers see of a room. They name it by its public id; everything of it is then read by its merchant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from live.model import ON_AIR, SessionState
from live.tables_rooms import RoomRow, SessionRow, SessionSaleRow

UPCOMING_MAX: Final = 10


@dataclass(frozen=True, slots=True)
class Bill:
    """A room and its sessions: the one on air, those to come by their time, the one that was last; rehearsals are on
    no bill. `sale_ids` by session."""

    room: RoomRow
    on_air: SessionRow | None
    upcoming: Sequence[SessionRow]
    last: SessionRow | None
    sale_ids: Mapping[str, Sequence[str]]


async def bill_of(session: AsyncSession, room_id: str) -> Bill | None:
    """What is on at a room; None where there is none, or it is put away."""
    room = await session.scalar(select(RoomRow).where(RoomRow.id == room_id, RoomRow.archived_at.is_(None)))
    if room is None:
        return None
    mine = SessionRow.merchant_id == room.merchant_id, SessionRow.room_id == room_id, SessionRow.rehearsal.is_(False)
    page = select(SessionRow).where(*mine)
    on_air = await session.scalar(page.where(SessionRow.state.in_(ON_AIR)).limit(1))
    by_time = SessionRow.starts_at.asc().nulls_last(), SessionRow.id
    scheduled = page.where(SessionRow.state == SessionState.SCHEDULED).order_by(*by_time).limit(UPCOMING_MAX)
    upcoming = (await session.scalars(scheduled)).all()
    over = page.where(SessionRow.state == SessionState.ENDED, SessionRow.started_at.is_not(None))
    last = await session.scalar(over.order_by(SessionRow.id.desc()).limit(1))
    shown = [row.id for row in (on_air, *upcoming, last) if row is not None]
    return Bill(room, on_air, upcoming, last, await _sales(session, room.merchant_id, shown))


async def _sales(session: AsyncSession, merchant_id: str, session_ids: Sequence[str]) -> dict[str, list[str]]:
    mine = SessionSaleRow.merchant_id == merchant_id, SessionSaleRow.session_id.in_(session_ids)
    page = select(SessionSaleRow.session_id, SessionSaleRow.sale_id).where(*mine).order_by(SessionSaleRow.sale_id)
    found: dict[str, list[str]] = {}
    for session_id, sale_id in await session.execute(page):
        found.setdefault(session_id, []).append(sale_id)
    return found
