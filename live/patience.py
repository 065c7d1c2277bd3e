"""What the clock does with sessions: ends what is without a picture for too long, and begins what is due."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

from keel.errors import Conflict, NotFound, Unavailable
from live import store_ingest, store_rooms, store_sessions
from live.ingest import lose, show
from live.model import ON_AIR, SessionState, Why
from live.moving import CLOCK, end, taken
from live.publishers import THERE_FOR_MS, Publishers
from live.studio import Command, Studio
from live.tables_rooms import IngestRow, SessionRow

Seen = TypeVar("Seen")

log = logging.getLogger(__name__)

DUE_PER_TICK_MAX: Final = 100
SILENT_AFTER: Final = timedelta(milliseconds=THERE_FOR_MS)  # several signs of life of a media server that gives any


@dataclass(frozen=True)
class Patience:
    """One round over all sessions. Several workers may do it at once: whoever comes second finds nothing to do."""

    rooms: Studio

    async def tick(self) -> None:
        """Notice pictures that fell silent, end what waited too long, begin what is due."""
        now = self.rooms.clock.now()
        async with store_rooms.edge(self.rooms.sessions) as session:
            silent = await store_ingest.silent(session, now - SILENT_AFTER, count=DUE_PER_TICK_MAX)
            over = await store_ingest.due_to_end(session, now, count=DUE_PER_TICK_MAX)
            due = await store_ingest.due_to_start(session, now, count=DUE_PER_TICK_MAX)
        for ingest in silent:
            await self._alone(_fall_silent, ingest)
        for row in over:
            await self._alone(_run_out, row)
        for row in due:
            await self._alone(_begin, row)

    async def _alone(self, step: Callable[[Command, Seen], Awaitable[None]], seen: Seen) -> None:
        """A transaction for each: one that cannot be had now is the next tick's."""
        try:
            async with self.rooms.command() as command:
                await step(command, seen)
        except (Conflict, NotFound, Unavailable) as refusal:
            log.info("a session was not moved by the clock: %s", refusal)


async def _fall_silent(command: Command, seen: IngestRow) -> None:
    row = await store_ingest.lock(command.session, merchant_id=seen.merchant_id, room_id=seen.room_id, place=seen.place)
    if (row.client, row.alive_at) != (seen.client, seen.alive_at):
        return  # it spoke meanwhile
    quiet = Publishers.read(row.client, row.others).fell_silent()
    await store_ingest.revise(command.session, row, client=quiet.client, others=quiet.others, since=None, alive_at=None)
    await lose(command, row, Why.SILENCE)


async def _run_out(command: Command, seen: SessionRow) -> None:
    await taken(command, seen)
    row = await store_sessions.find_session(command.session, seen.merchant_id, seen.id)
    if row.state not in ON_AIR or (row.state, row.quiet_since) != (seen.state, seen.quiet_since):
        return  # the picture came back
    why = Why.GRACE_OVER if row.state == SessionState.INTERRUPTED else Why.IDLE
    await end(command, row, actor=CLOCK, why=why)


async def _begin(command: Command, seen: SessionRow) -> None:
    ingest = await taken(command, seen)
    if ingest.client is not None:
        await show(command, ingest)
