"""What the use cases of rooms share: who asks, what is noted, and what the screens are told."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from keel import outbox
from keel.audit import record
from keel.clock import Clock
from keel.errors import Forbidden
from keel.identity import SELLERS, Principal
from keel.ids import Ids, is_id
from keel.outbox import Fact
from live import store_rooms
from live.model import CrewRole, Power, powers_of
from live.telling import RoomLog, fact_of, tell


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the use cases of rooms and sessions need. `heard_by`: subscribers of what the screens are told."""

    sessions: async_sessionmaker[AsyncSession]
    ids: Ids
    clock: Clock
    heard_by: Sequence[str] = ()
    log: RoomLog | None = None

    def audit(self, session: AsyncSession, by: Principal, command: str, subject_id: str, **detail: Any) -> None:
        """Note a staff command in its own transaction."""
        row_id, now = self.ids.new(), self.clock.now()
        record(session, by, row_id=row_id, command=command, subject_id=subject_id, detail=detail, at=now)

    @asynccontextmanager
    async def command(self) -> "AsyncIterator[Command]":
        """The transaction of one command. Once it is committed, the screens are told what it wrote for them."""
        async with store_rooms.edge(self.sessions) as session:
            command = Command(self, session)
            yield command
        for fact in command.facts:
            if self.log is not None:
                await tell(self.log, fact)


@dataclass(slots=True)
class Command:
    """One transaction, and what the screens have to hear of it."""

    rooms: Rooms
    session: AsyncSession
    facts: list[Fact] = field(default_factory=list)

    def announce(self, place: str, kind: str, body: dict[str, Any]) -> None:
        """Write an event of a place into the transaction; its row is locked."""
        fact = fact_of(place, kind, body, fact_id=self.rooms.ids.new(), at=self.rooms.clock.now())
        outbox.write(self.session, fact, self.rooms.heard_by)
        self.facts.append(fact)


async def may_in_room(session: AsyncSession, by: Principal, room_id: str, power: Power) -> None:
    """Raises Forbidden for who has no such power there: the same for a room that is not."""
    if by.role not in SELLERS:
        _require(by, power, await _crew(store_rooms.crew_role_in_room, session, by, room_id))


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
