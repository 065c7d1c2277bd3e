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
from live import store_told
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
            await command.number()
        for sale_id in sorted(command.sales):
            await push(self.selling, sale_id)
        for fact in command.facts:
            if self.log is not None:
                await tell(self.log, fact)


@dataclass(frozen=True, slots=True)
class News:
    """What a place is to hear."""

    place: str
    kind: str
    body: dict[str, Any]
    event_id: str | None


@dataclass(slots=True)
class Command:
    """One transaction, what the screens have to hear of it, and the sales that the gate has to hear of."""

    studio: Studio
    session: AsyncSession
    news: list[News] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    sales: set[str] = field(default_factory=set)

    def announce(self, place: str, kind: str, body: dict[str, Any], *, event_id: str | None = None) -> None:
        """Tell a place of what this transaction changes. `event_id`: of an event that has an order of its own."""
        self.news.append(News(place, kind, body, event_id))

    async def number(self) -> None:
        """Write what was announced into the transaction, as its last deed.

        Of a place one command at a time does so, from here to its commit: ids grow in the order of the commits,
        whatever the clocks of two processes say.
        """
        last = {
            place: await store_told.lock_last(self.session, place) for place in sorted({n.place for n in self.news})
        }
        for news in self.news:
            last[news.place] = fact_id = self.studio.ids.new(above=last[news.place])
            fact = fact_of(
                news.place, news.kind, news.body, fact_id=fact_id, at=self.studio.now, event_id=news.event_id
            )
            outbox.write(self.session, fact, self.studio.heard_by)
            self.facts.append(fact)
        for place, fact_id in last.items():
            await store_told.note_last(self.session, place, fact_id)

    def audit(self, by: Principal, command: str, subject_id: str, **detail: Any) -> None:
        """Note a staff command in its own transaction."""
        self.studio.selling.audit(self.session, by, command, subject_id, **detail)
