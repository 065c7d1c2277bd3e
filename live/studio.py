"""What commands on rooms share: they are noted, the screens are told, and the gate hears of what changed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from inventory.selling import Selling, push
from keel import outbox
from keel.clock import Clock
from keel.database import edge
from keel.identity import Principal
from keel.ids import Ids
from keel.outbox import Fact
from live.telling import RoomLog, fact_of, tell

BUSY: Final = "the database is busy with this room"


@dataclass(frozen=True, slots=True)
class Studio:
    """What the use cases need. `heard_by`: subscribers of what the screens are told; with no `log` they alone tell."""

    selling: Selling
    heard_by: Sequence[str] = ()
    log: RoomLog | None = None

    @property
    def now(self) -> datetime:
        """The present moment."""
        return self.selling.clock.now()

    @property
    def sessions(self) -> async_sessionmaker[AsyncSession]:
        """Where transactions begin."""
        return self.selling.sessions

    @property
    def ids(self) -> Ids:
        """Where ids come from."""
        return self.selling.ids

    @property
    def clock(self) -> Clock:
        """The clock of all that is noted."""
        return self.selling.clock

    def new_id(self) -> str:
        """A fresh id."""
        return self.selling.ids.new()

    @asynccontextmanager
    async def command(self) -> "AsyncIterator[Command]":
        """The transaction of one command; what follows from it is done once it is committed.

        Raises Unavailable when locks or PostgreSQL cannot be had in time.
        """
        async with edge(self.selling.sessions, busy=BUSY) as session:
            command = Command(self, session)
            yield command
        for sale_id in sorted(command.sales):
            await push(self.selling, sale_id)
        for fact in command.facts:
            if self.log is not None:
                await tell(self.log, fact)


@dataclass(slots=True)
class Command:
    """One transaction, what the screens have to hear of it, and the sales that the gate has to hear of."""

    studio: Studio
    session: AsyncSession
    facts: list[Fact] = field(default_factory=list)
    sales: set[str] = field(default_factory=set)

    def announce(self, place: str, kind: str, body: dict[str, Any]) -> None:
        """Write an event of a place into the transaction; what it tells of is locked."""
        fact = fact_of(place, kind, body, fact_id=self.studio.new_id(), at=self.studio.now)
        outbox.write(self.session, fact, self.studio.heard_by)
        self.facts.append(fact)

    def audit(self, by: Principal, command: str, subject_id: str, **detail: Any) -> None:
        """Note a staff command in its own transaction."""
        self.studio.selling.audit(self.session, by, command, subject_id, **detail)
