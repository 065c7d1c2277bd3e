"""Sessions over HTTP: planned, begun and ended by staff, and what is sold in them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from inventory.schemas import Guarded
from keel.ids import ID_PATTERN
from keel.paging import next_of
from live import inviting, pushing, sessions
from live.model import SessionFilter, SessionState
from live.pushing import Broadcasting
from live.routes_rooms import Below, Count, Here, Member, OnAir, PathId, Reader, shown
from live.schemas_rooms import InvitationWish, PushKeyWish, SessionChange, SessionWish
from live.schemas_rooms_shown import InvitationOut, MoveOut, PushKeyOut, SessionBrief, SessionOut, SessionPage
from live.sessions import Told

router = APIRouter(prefix="/v1/staff", tags=["staff"])


async def filter_of(
    *,
    room_id: Annotated[str | None, Query(pattern=ID_PATTERN)] = None,
    state: Annotated[list[SessionState], Query(max_length=len(SessionState))] = [],  # noqa: B006 - FastAPI copies it
    rehearsal: bool | None = None,
) -> SessionFilter:
    """Which sessions: of a room, in one of the states, rehearsals or not."""
    return SessionFilter(room_id, tuple(state), rehearsal)


@router.post("/rooms/{room_id}/sessions", status_code=201)
async def plan(studio: OnAir, by: Member, room_id: PathId, wish: SessionWish) -> SessionOut:
    """Plan a session."""
    return _out(studio, await sessions.plan_session(studio.rooms, by, room_id, sessions.NewSession(**dict(wish))))


@router.get("/sessions")
async def list_all(
    here: Here, by: Reader, wanted: Annotated[SessionFilter, Depends(filter_of)], below: Below = None, count: Count = 20
) -> SessionPage:
    """Sessions, newest first."""
    rows = await sessions.list_sessions(here, by, wanted, below=below, count=count)
    return SessionPage(sessions=[SessionBrief.model_validate(row) for row in rows], next=next_of(rows, count))


@router.get("/sessions/{session_id}")
async def show(studio: OnAir, by: Reader, session_id: PathId) -> SessionOut:
    """A session with every move it made."""
    return _out(studio, await sessions.show_session(studio.rooms, by, session_id))


@router.patch("/sessions/{session_id}")
async def edit(studio: OnAir, by: Member, session_id: PathId, change: SessionChange) -> SessionOut:
    """Change a session that is not over."""
    changes = change.model_dump(exclude_unset=True, exclude={"version"})
    told = await sessions.edit_session(studio.rooms, by, session_id, changes, version=change.version)
    return _out(studio, told)


@router.post("/sessions/{session_id}/start")
async def start(studio: OnAir, by: Member, session_id: PathId, guard: Guarded | None = None) -> SessionOut:
    """Go on air by hand, or on after an interruption."""
    version = guard.version if guard else None
    return _out(studio, await sessions.start_session(studio.rooms, by, session_id, version=version))


@router.post("/sessions/{session_id}/stop")
async def stop(studio: OnAir, by: Member, session_id: PathId, guard: Guarded | None = None) -> SessionOut:
    """End a session for good, or call it off."""
    version = guard.version if guard else None
    return _out(studio, await sessions.stop_session(studio.rooms, by, session_id, version=version))


@router.put("/sessions/{session_id}/sales/{sale_id}")
async def link_sale(request: Request, studio: OnAir, by: Member, session_id: PathId, sale_id: PathId) -> SessionOut:
    """Sell a sale in this session. A rehearsal sells only from rehearsal sales, and nothing else does."""
    book = request.app.state.book
    return _out(studio, await sessions.link_sale(studio.rooms, book, by, session_id, sale_id))


@router.delete("/sessions/{session_id}/sales/{sale_id}", status_code=204)
async def unlink_sale(here: Here, by: Member, session_id: PathId, sale_id: PathId) -> None:
    """Take a sale out of a session."""
    await sessions.unlink_sale(here, by, session_id, sale_id)


@router.post("/sessions/{session_id}/push-key", status_code=201)
async def push_key(studio: OnAir, by: Member, session_id: PathId, wish: PushKeyWish | None = None) -> PushKeyOut:
    """Where to push the picture of this session: of a rehearsal a place of its own, else the room's."""
    return shown(await pushing.session_key(studio, by, session_id, ttl_s=(wish or PushKeyWish()).ttl_s))


@router.post("/sessions/{session_id}/push-key/revoke", status_code=204)
async def revoke(studio: OnAir, by: Member, session_id: PathId) -> None:
    """Take back every push key of the place where this session happens."""
    await pushing.revoke_session_keys(studio, by, session_id)


@router.post("/sessions/{session_id}/invitation", status_code=201)
async def invite(
    request: Request, here: Here, by: Member, session_id: PathId, wish: InvitationWish | None = None
) -> InvitationOut:
    """Let people who are not staff into a rehearsal: whoever says this in `join` may come in."""
    ttl_s = (wish or InvitationWish()).ttl_s
    invited = await inviting.invite(here, request.app.state.invitations, by, session_id, ttl_s=ttl_s)
    return InvitationOut.model_validate(invited)


def _out(studio: Broadcasting, told: Told) -> SessionOut:
    now_s = studio.rooms.clock.ms() // 1000
    return SessionOut(
        **dict(SessionBrief.model_validate(told.row)),
        sale_ids=list(told.sale_ids),
        history=[MoveOut.model_validate(move) for move in told.history],
        play=studio.media.play_urls(told.row.place, now_s),
    )
