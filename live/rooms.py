"""Use cases of rooms: made, changed, put away; and who is on a room's crew."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from keel.errors import Conflict, NotFound
from keel.identity import Principal
from live import store_rooms, store_talk
from live.model import CREW_MAX, GRACE_S, CrewRole
from live.sale_news import WATCHED_DAYS
from live.studio import Studio
from live.tables_rooms import CrewRow, RoomRow


@dataclass(frozen=True, slots=True)
class NewRoom:
    """A room. `grace_s`: how long a picture may be gone; `idle_end_s`: how long a session may be on air without one,
    None for ever."""

    title: str
    cover_url: str | None = None
    grace_s: int = GRACE_S
    idle_end_s: int | None = None


async def create_room(rooms: Studio, by: Principal, new: NewRoom) -> RoomRow:
    """A new room."""
    room_id, now = rooms.ids.new(), rooms.clock.now()
    async with rooms.command() as command:
        values = asdict(new) | {"id": room_id, "merchant_id": by.merchant_id, "created_at": now}
        room = await store_rooms.add_room(command.session, **values)
        command.audit(by, "room.create", room_id, title=new.title)
        return room


async def edit_room(
    rooms: Studio, by: Principal, room_id: str, changes: Mapping[str, Any], *, version: int | None = None
) -> RoomRow:
    """Change fields of a room, by their names in NewRoom. Raises NotFound, and Conflict at another version."""
    async with rooms.command() as command:
        room = await store_rooms.lock_room(command.session, by.merchant_id, room_id)
        if version is not None and version != room.version:
            raise Conflict(detail=f"the room is at version {room.version}")
        room = await store_rooms.revise_room(command.session, by.merchant_id, room_id, **changes)
        command.audit(by, "room.edit", room_id, fields=sorted(changes))
        if changes.keys() & {"title", "cover_url"}:
            since = rooms.now - timedelta(days=WATCHED_DAYS)
            for place in await store_talk.places(command.session, by.merchant_id, room_id, since):
                command.announce(place, "room.changed", {"title": room.title, "cover_url": room.cover_url})
        return room


async def archive_room(rooms: Studio, by: Principal, room_id: str) -> None:
    """Put a room away; its sessions and their records stay. Raises Conflict while a session is not over."""
    async with rooms.command() as command:
        room = await store_rooms.lock_room(command.session, by.merchant_id, room_id)
        if await store_rooms.has_open_sessions(command.session, by.merchant_id, room_id):
            raise Conflict(detail="the room has sessions that are not over: end them first")
        if room.archived_at is None:
            now = rooms.clock.now()
            await store_rooms.revise_room(command.session, by.merchant_id, room_id, archived_at=now)
            command.audit(by, "room.archive", room_id)


async def restore_room(rooms: Studio, by: Principal, room_id: str) -> None:
    """Bring a room back."""
    async with rooms.command() as command:
        room = await store_rooms.lock_room(command.session, by.merchant_id, room_id)
        if room.archived_at is not None:
            await store_rooms.revise_room(command.session, by.merchant_id, room_id, archived_at=None)
            command.audit(by, "room.restore", room_id)


async def list_rooms(
    rooms: Studio, by: Principal, *, archived: bool, below: str | None, count: int
) -> Sequence[RoomRow]:
    """A page of rooms, newest first."""
    async with store_rooms.edge(rooms.sessions) as session:
        return await store_rooms.list_rooms(session, by.merchant_id, archived=archived, below=below, count=count)


async def show_room(rooms: Studio, by: Principal, room_id: str) -> tuple[RoomRow, Sequence[CrewRow]]:
    """A room and its crew. Raises NotFound."""
    async with store_rooms.edge(rooms.sessions) as session:
        room = await store_rooms.find_room(session, by.merchant_id, room_id)
        return room, await store_rooms.crew_of(session, by.merchant_id, room_id)


async def put_crew(rooms: Studio, by: Principal, room_id: str, member_id: str, role: CrewRole) -> Sequence[CrewRow]:
    """Take a member of staff into the crew, or change the role there; the whole crew. Raises NotFound and Conflict."""
    async with rooms.command() as command:
        session, merchant_id = command.session, by.merchant_id
        await store_rooms.lock_room(session, merchant_id, room_id)
        place = {"merchant_id": merchant_id, "room_id": room_id, "staff_id": member_id}
        await store_rooms.put_crew(session, **place, role=role.value, added_at=rooms.clock.now())
        if await store_rooms.crew_size(session, merchant_id, room_id) > CREW_MAX:
            raise Conflict(detail=f"a crew has at most {CREW_MAX} members")
        command.audit(by, "room.crew.put", room_id, member_id=member_id, role=role.value)
        return await store_rooms.crew_of(session, merchant_id, room_id)


async def drop_crew(rooms: Studio, by: Principal, room_id: str, member_id: str) -> None:
    """Take somebody off the crew. Raises NotFound."""
    async with rooms.command() as command:
        await store_rooms.lock_room(command.session, by.merchant_id, room_id)
        if not await store_rooms.drop_crew(command.session, by.merchant_id, room_id, member_id):
            raise NotFound(what="member")
        command.audit(by, "room.crew.drop", room_id, member_id=member_id)
