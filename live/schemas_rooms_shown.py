"""What is shown of rooms and sessions. Times in RFC 3339."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel

from inventory.schemas_catalogue import Shown
from live.model import CrewRole, SessionState, Why


class RoomState(StrEnum):
    """Where a room stands for viewers: as the session that it is about; idle where there is none."""

    LIVE = "live"
    INTERRUPTED = "interrupted"
    SCHEDULED = "scheduled"
    ENDED = "ended"
    IDLE = "idle"


class PublicSession(BaseModel):
    """A broadcast as viewers see it."""

    id: str
    title: str
    state: SessionState
    starts_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    sale_ids: list[str]


class PublicRoom(BaseModel):
    """A room as viewers see it. `session`: on air, or else the next one, or else the last. `play`: URLs by protocol
    (rtmp, flv, hls) while a session is on air; they change every hour or so, ask again."""

    id: str
    title: str
    cover_url: str | None
    state: RoomState
    session: PublicSession | None
    schedule: list[PublicSession]
    play: dict[str, str]
    server_time: datetime


class RoomBrief(Shown):
    """A room."""

    id: str
    title: str
    cover_url: str | None
    grace_s: int
    idle_end_s: int | None
    version: int
    created_at: datetime
    archived_at: datetime | None


class RoomPage(BaseModel):
    """Newest first; `next` is the `below` of the page after this one."""

    rooms: list[RoomBrief]
    next: str | None


class CrewMember(Shown):
    """What a member of staff is in a room."""

    staff_id: str
    role: CrewRole
    added_at: datetime


class Crew(BaseModel):
    """A room's crew."""

    crew: list[CrewMember]


class RoomOut(RoomBrief):
    """A room with its crew."""

    crew: list[CrewMember]


class SessionBrief(Shown):
    """A session. `quiet_since`: on air without a picture since then."""

    id: str
    room_id: str
    title: str | None
    state: SessionState
    rehearsal: bool
    autostart: bool
    starts_at: datetime | None
    started_at: datetime | None
    quiet_since: datetime | None
    ended_at: datetime | None
    version: int


class SessionPage(BaseModel):
    """Newest first; `next` is the `below` of the page after this one."""

    sessions: list[SessionBrief]
    next: str | None


class MoveOut(Shown):
    """A move of a session: by whom (`ingest` and `clock` are no people) and why."""

    source: SessionState
    target: SessionState
    reason: Why
    actor: str
    at: datetime


class SessionOut(SessionBrief):
    """A session with what is sold in it, every move it made, and where its picture is watched."""

    sale_ids: list[str]
    history: list[MoveOut]
    play: dict[str, str]


class PushKeyOut(Shown):
    """Where to push: OBS asks for `server` and `stream_key`, other encoders for the whole `url`. Both are secrets."""

    url: str
    server: str
    stream_key: str
    expires_at: datetime


class InvitationOut(Shown):
    """Whoever says `invitation` when joining `place` may come in until `expires_at`, staff or not."""

    place: str
    invitation: str
    expires_at: datetime
