"""The one way a session moves: a conditional write, a row of its history, and word to the screens, in one transaction.
What begins and ends with it (its sales carry it, its shelf is shown, its pin comes down) is part of that: live.airing.

Whoever moves a session holds the lock of its place's ingest (`taken`), so a hand, a media server and the clock come one
after the other; the conditional write is what decides all the same.
"""

from datetime import datetime
from typing import Any, Final

from keel.clock import rfc3339, to_ms
from live import store_ingest, store_sessions
from live.airing import fell_silent, went_off_air, went_on_air
from live.model import SessionState, Why
from live.studio import Command
from live.tables_rooms import IngestRow, SessionRow

CLOCK: Final = "clock"
INGEST: Final = "ingest"


async def taken(command: Command, row: SessionRow) -> IngestRow:
    """The ingest of a session's place, locked: nobody else moves the session until the commit. Read it after this."""
    return await store_ingest.lock(command.session, merchant_id=row.merchant_id, room_id=row.room_id, place=row.place)


async def go_live(command: Command, row: SessionRow, *, actor: str, why: Why, with_picture: bool) -> SessionRow:
    """On air, for the first time or again. Raises Conflict."""
    now = command.studio.clock.now()
    times = {"started_at": row.started_at or now, "quiet_since": None if with_picture else now}
    return await _move(command, row, SessionState.LIVE, now, actor=actor, why=why, **times)


async def interrupt(command: Command, row: SessionRow, *, why: Why) -> SessionRow:
    """The picture is gone. Raises Conflict."""
    now = command.studio.clock.now()
    return await _move(command, row, SessionState.INTERRUPTED, now, actor=INGEST, why=why, quiet_since=now)


async def end(command: Command, row: SessionRow, *, actor: str, why: Why) -> SessionRow:
    """Over, for good. Raises Conflict."""
    now = command.studio.clock.now()
    return await _move(command, row, SessionState.ENDED, now, actor=actor, why=why, quiet_since=None, ended_at=now)


async def _move(
    command: Command, row: SessionRow, target: SessionState, now: datetime, *, actor: str, why: Why, **times: Any
) -> SessionRow:
    source = row.state
    moved = await store_sessions.move(command.session, row, target, **times)
    await store_sessions.add_history(
        command.session,
        id=command.studio.ids.new(),
        merchant_id=moved.merchant_id,
        session_id=moved.id,
        source=source,
        target=target.value,
        reason=why.value,
        actor=actor,
        at=now,
    )
    announce(command, moved, now)
    if source == SessionState.SCHEDULED and target == SessionState.LIVE:
        await went_on_air(command, moved.merchant_id, moved.id)
    elif source != SessionState.SCHEDULED and target == SessionState.ENDED:
        await went_off_air(command, moved.merchant_id, moved.id)
    if target == SessionState.ENDED:
        await fell_silent(command, moved.merchant_id, moved.id)
    return moved


def announce(command: Command, row: SessionRow, at: datetime) -> None:
    """Tell the screens where the session stands, and since when. Without a title of its own it has the room's."""
    body = {
        "session_id": row.id,
        "state": row.state,
        "at": rfc3339(to_ms(at)),
        "title": row.title,
        "rehearsal": row.rehearsal,
    }
    command.announce(row.place, "session.moved", body)
