"""Use cases of push keys: handed out, and all of a place's taken back."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from keel.errors import Conflict
from keel.identity import Principal
from live import store_ingest, store_rooms, store_sessions
from live.media import Media, PushTarget
from live.model import OPEN, Power
from live.push_keys import PushKeys
from live.staging import may_in_room, may_in_session
from live.studio import Command, Studio
from live.tables_rooms import IngestRow


@dataclass(frozen=True, slots=True)
class Broadcasting:
    """What these use cases need."""

    rooms: Studio
    media: Media
    keys: PushKeys


@dataclass(frozen=True, slots=True)
class Handed:
    """Where to push, and until when a push may begin."""

    target: PushTarget
    expires_at: datetime


async def room_key(studio: Broadcasting, by: Principal, room_id: str, *, ttl_s: int) -> Handed:
    """A key for the broadcasts of a room. Raises Forbidden, NotFound, Conflict."""
    async with studio.rooms.command() as command:
        row = await _of_room(command, by, room_id)
        return await _hand(studio, command, by, row, ttl_s)


async def session_key(studio: Broadcasting, by: Principal, session_id: str, *, ttl_s: int) -> Handed:
    """A key for the place of a session: its room, or, a rehearsal, itself."""
    async with studio.rooms.command() as command:
        row = await _of_session(command, by, session_id)
        return await _hand(studio, command, by, row, ttl_s)


async def revoke_room_keys(studio: Broadcasting, by: Principal, room_id: str) -> None:
    """Take all keys of a room back. Who is on air with one is ended by the media server where it asks (nginx-rtmp)."""
    async with studio.rooms.command() as command:
        await _revoke(command, by, await _of_room(command, by, room_id))


async def revoke_session_keys(studio: Broadcasting, by: Principal, session_id: str) -> None:
    """Take all keys of a session's place back."""
    async with studio.rooms.command() as command:
        await _revoke(command, by, await _of_session(command, by, session_id))


async def _of_room(command: Command, by: Principal, room_id: str) -> IngestRow:
    await may_in_room(command.session, by, room_id, Power.RUN)
    room = await store_rooms.find_room(command.session, by.merchant_id, room_id)
    if room.archived_at is not None:
        raise Conflict(detail="the room is put away")
    return await store_ingest.lock(command.session, merchant_id=by.merchant_id, room_id=room_id, place=room_id)


async def _of_session(command: Command, by: Principal, session_id: str) -> IngestRow:
    await may_in_session(command.session, by, session_id, Power.RUN)
    row = await store_sessions.find_session(command.session, by.merchant_id, session_id)
    if row.state not in OPEN:
        raise Conflict(detail="the session is over")
    return await store_ingest.lock(command.session, merchant_id=by.merchant_id, room_id=row.room_id, place=row.place)


async def _hand(studio: Broadcasting, command: Command, by: Principal, row: IngestRow, ttl_s: int) -> Handed:
    rooms = studio.rooms
    expires_at = (rooms.clock.now() + timedelta(seconds=ttl_s)).replace(microsecond=0)
    target = studio.media.push_target(
        studio.keys, place=row.place, key_no=row.key_no, expires_s=int(expires_at.timestamp())
    )
    command.audit(by, "push_key.hand", row.place, key_no=row.key_no)
    return Handed(target, expires_at)


async def _revoke(command: Command, by: Principal, row: IngestRow) -> None:
    await store_ingest.revise(command.session, row, key_no=row.key_no + 1)
    command.audit(by, "push_key.revoke", row.place, key_no=row.key_no)
