"""The use case of invitations: somebody who runs a room lets people who are not staff into a rehearsal of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from keel.errors import Conflict
from keel.identity import Principal
from live import store_sessions
from live.invitations import Invitations
from live.model import OPEN, Power
from live.staging import may_in_session
from live.studio import Studio


@dataclass(frozen=True, slots=True)
class Invited:
    """Where to, with what, and until when one may come in."""

    place: str
    invitation: str
    expires_at: datetime


async def invite(rooms: Studio, invitations: Invitations, by: Principal, session_id: str, *, ttl_s: int) -> Invited:
    """An invitation to a rehearsal that is not over. Raises Forbidden, NotFound, and Conflict for any other session."""
    async with rooms.command() as command:
        await may_in_session(command.session, by, session_id, Power.RUN)
        row = await store_sessions.find_session(command.session, by.merchant_id, session_id)
        if not row.rehearsal:
            raise Conflict(detail="only a rehearsal takes an invitation: everybody may come into a room")
        if row.state not in OPEN:
            raise Conflict(detail="the session is over")
        expires_at = (rooms.clock.now() + timedelta(seconds=ttl_s)).replace(microsecond=0)
        command.audit(by, "rehearsal.invite", session_id, expires_at=expires_at.isoformat())
    return Invited(row.place, invitations.sign(row.id, expires_s=int(expires_at.timestamp())), expires_at)
