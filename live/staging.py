"""Who may do what in a room: whoever sells everything, and the crew of a room what it is there for."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from keel.errors import Forbidden
from keel.identity import SELLERS, Principal
from keel.ids import is_id
from live import store_rooms
from live.model import CrewRole, Power, powers_of
from live.studio import Studio


async def may_in_room(session: AsyncSession, by: Principal, room_id: str, power: Power) -> None:
    """Raises Forbidden for who has no such power there: the same for a room that is not."""
    if by.role not in SELLERS:
        _require(by, power, await _crew(store_rooms.crew_role_in_room, session, by, room_id))


async def moderates(studio: Studio, by: Principal, room_id: str) -> bool:
    """Whether a member of staff keeps order in a room. Raises Unavailable."""
    if by.role in SELLERS:
        return True
    async with studio.command() as command:
        role = await _crew(store_rooms.crew_role_in_room, command.session, by, room_id)
    return Power.MODERATE in powers_of(by.role, role)


async def may_in_session(session: AsyncSession, by: Principal, session_id: str, power: Power) -> None:
    """The same in the room of a session."""
    if by.role not in SELLERS:
        _require(by, power, await _crew(store_rooms.crew_role_in_session, session, by, session_id))


async def _crew(look_up: Any, session: AsyncSession, by: Principal, thing_id: str) -> CrewRole | None:
    """Fixed tokens are nobody, so on no crew."""
    role: CrewRole | None = await look_up(session, by.merchant_id, thing_id, by.subject) if is_id(by.subject) else None
    return role


def _require(by: Principal, power: Power, crew_role: CrewRole | None) -> None:
    if power not in powers_of(by.role, crew_role):
        raise Forbidden(role=by.role)
