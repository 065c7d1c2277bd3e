"""Rooms over HTTP: what viewers see, and commands of staff."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from inventory.routes import VIEW_AGE_MAX_S
from keel.clock import rfc3339, to_ms
from keel.identity import EVERYBODY, MANAGERS, Principal, staff_as
from keel.ids import ID_PATTERN
from keel.paging import next_of
from live import bills, pushing, rooms
from live.model import PAGE_MAX
from live.pushing import Broadcasting, Handed
from live.schemas_rooms import CrewWish, PushKeyWish, RoomChange, RoomWish
from live.schemas_rooms_shown import Crew, CrewMember, PublicRoom, PushKeyOut, RoomBrief, RoomOut, RoomPage
from live.studio import Studio
from live.tables_rooms import CrewRow

Reader = Annotated[Principal, Depends(staff_as(EVERYBODY))]
Manager = Annotated[Principal, Depends(staff_as(MANAGERS))]
PathId = Annotated[str, Path(pattern=ID_PATTERN)]
Below = Annotated[str | None, Query(pattern=ID_PATTERN)]
Count = Annotated[int, Query(ge=1, le=PAGE_MAX)]


async def rooms_of(request: Request) -> Studio:
    """What the use cases need, as wired by millpond."""
    here: Studio = request.app.state.rooms
    return here


async def broadcasting_of(request: Request) -> Broadcasting:
    """The same for push keys and URLs."""
    here: Broadcasting = request.app.state.broadcasting
    return here


async def crew(by: Reader) -> Principal:
    """Whoever may run, sell or keep order by their role, and the crew of the room: the use case looks that up."""
    return by


Here = Annotated[Studio, Depends(rooms_of)]
OnAir = Annotated[Broadcasting, Depends(broadcasting_of)]
Member = Annotated[Principal, Depends(crew)]

router = APIRouter(prefix="/v1/staff/rooms", tags=["staff"])
public = APIRouter(prefix="/v1/rooms", tags=["viewers"])


@public.get(
    "/{room_id}",
    response_model=PublicRoom,
    responses={304: {"description": "What `If-None-Match` names is still shown"}},
)
async def show_to_viewers(request: Request, response: Response, room_id: PathId) -> PublicRoom | Response:
    """A room as viewers see it. With `If-None-Match`, nothing but the server's time where it is still the same."""
    state = request.app.state
    room = await bills.room_for_viewers(state.bills, state.broadcasting.media, state.rooms.clock, room_id)
    tag = bills.tag_of(room)
    head = {"etag": tag, "cache-control": f"public, max-age={VIEW_AGE_MAX_S}"}
    head["server-time"] = rfc3339(to_ms(room.server_time))
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=head)
    response.headers.update(head)
    return room


@router.post("", status_code=201)
async def create(here: Here, by: Manager, wish: RoomWish) -> RoomBrief:
    """A new room."""
    return RoomBrief.model_validate(await rooms.create_room(here, by, rooms.NewRoom(**dict(wish))))


@router.get("")
async def list_all(
    here: Here, by: Reader, *, archived: bool = False, below: Below = None, count: Count = 20
) -> RoomPage:
    """Rooms, newest first."""
    rows = await rooms.list_rooms(here, by, archived=archived, below=below, count=count)
    return RoomPage(rooms=[RoomBrief.model_validate(row) for row in rows], next=next_of(rows, count))


@router.get("/{room_id}")
async def show(here: Here, by: Reader, room_id: PathId) -> RoomOut:
    """A room with its crew, put away or not."""
    row, members = await rooms.show_room(here, by, room_id)
    return RoomOut(**dict(RoomBrief.model_validate(row)), crew=_crew(members).crew)


@router.patch("/{room_id}")
async def edit(here: Here, by: Manager, room_id: PathId, change: RoomChange) -> RoomBrief:
    """Change a room."""
    changes = change.model_dump(exclude_unset=True, exclude={"version"})
    return RoomBrief.model_validate(await rooms.edit_room(here, by, room_id, changes, version=change.version))


@router.post("/{room_id}/archive", status_code=204)
async def archive(here: Here, by: Manager, room_id: PathId) -> None:
    """Put a room away whose sessions are over."""
    await rooms.archive_room(here, by, room_id)


@router.post("/{room_id}/restore", status_code=204)
async def restore(here: Here, by: Manager, room_id: PathId) -> None:
    """Bring a room back."""
    await rooms.restore_room(here, by, room_id)


@router.put("/{room_id}/crew/{member_id}")
async def put_crew(here: Here, by: Manager, room_id: PathId, member_id: PathId, wish: CrewWish) -> Crew:
    """Take a member of staff into the room's crew, or change the role there."""
    return _crew(await rooms.put_crew(here, by, room_id, member_id, wish.role))


@router.delete("/{room_id}/crew/{member_id}", status_code=204)
async def drop_crew(here: Here, by: Manager, room_id: PathId, member_id: PathId) -> None:
    """Take somebody off the crew."""
    await rooms.drop_crew(here, by, room_id, member_id)


@router.post("/{room_id}/push-key", status_code=201)
async def push_key(here: OnAir, by: Member, room_id: PathId, wish: PushKeyWish | None = None) -> PushKeyOut:
    """Where to push the picture of this room's broadcasts."""
    return shown(await pushing.room_key(here, by, room_id, ttl_s=(wish or PushKeyWish()).ttl_s))


@router.post("/{room_id}/push-key/revoke", status_code=204)
async def revoke(here: OnAir, by: Member, room_id: PathId) -> None:
    """Take back every push key of this room."""
    await pushing.revoke_room_keys(here, by, room_id)


def shown(handed: Handed) -> PushKeyOut:
    """A push key as it is handed out."""
    target = handed.target
    return PushKeyOut(url=target.url, server=target.server, stream_key=target.stream_key, expires_at=handed.expires_at)


def _crew(rows: Sequence[CrewRow]) -> Crew:
    return Crew(crew=[CrewMember.model_validate(row) for row in rows])
