"""Making files of orders, in a worker: piece by piece, each piece with its progress in one transaction.

A worker holds an export by a lease of PostgreSQL's clock (which ours follows). One that is killed leaves it to lapse,
and the next one goes on behind the last piece. One that froze and wakes again writes nothing: its lease has another
number.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from keel.clock import Clock
from keel.database import edge
from orders import export_cells, store_export, store_list, store_staff
from orders.exporting import BUSY, EXPORT_ROWS_MAX, KEEP_FOR, KEEP_PLAIN_FOR, filter_of
from orders.store_ways import Wanted, span_of
from orders.tables import OrderExportRow

log = logging.getLogger(__name__)

LEASE_FOR: Final = timedelta(seconds=30)
ROWS_PER_PIECE: Final = 500
TRIES_MAX: Final = 5


class LeaseLost(Exception):
    """Another worker has taken the export over: nothing more is written here."""


@dataclass(frozen=True)
class Exporter:
    """Works on one export at a time."""

    sessions: async_sessionmaker[AsyncSession]
    clock: Clock

    async def tick(self, stop: asyncio.Event) -> None:
        """Work on what nobody else works on, until nothing is left or `stop`; and delete what is old."""
        async with edge(self.sessions, busy=BUSY) as session:
            now = self.clock.now()
            await store_export.purge(session, ended_before=now - KEEP_FOR, plain_ended_before=now - KEEP_PLAIN_FOR)
        while not stop.is_set() and (export := await self._take()) is not None:
            try:
                await self._work(export, stop)
            except LeaseLost:
                log.warning("export %s was taken over by another worker", export.id)

    async def _take(self) -> OrderExportRow | None:
        now = self.clock.now()
        async with edge(self.sessions, busy=BUSY) as session:
            export = await store_export.take(session, now, now + LEASE_FOR)
            if export is not None and export.tries > TRIES_MAX:
                log.error("export %s is given up after %d tries", export.id, TRIES_MAX)
                export = await self._end(session, export, error="it could not be made")
        return export

    async def _work(self, export: OrderExportRow, stop: asyncio.Event) -> None:
        while export.state == "running":
            if stop.is_set():
                return await self._let_go(export)
            async with edge(self.sessions, busy=BUSY) as session:
                export = await self._step(session, export)
        return None

    async def _step(self, session: AsyncSession, export: OrderExportRow) -> OrderExportRow:
        wanted = await store_list.wanted_of(session, export.merchant_id, filter_of(export.filter))
        if export.rows_total is None:
            return await self._count(session, export, wanted)
        return await self._go_on(session, export, wanted)

    async def _count(self, session: AsyncSession, export: OrderExportRow, wanted: Wanted) -> OrderExportRow:
        """Count first, so that progress means something and a file that would be too long is never begun; a stretch at
        a time, or a rare filter over many orders would be one statement that takes as long as it takes."""
        counted = await store_list.count(
            session, wanted, span_of(wanted.filter, below=export.counted_below or export.id)
        )
        total = export.rows_counted + counted.orders
        if total > EXPORT_ROWS_MAX:
            return await self._end(session, export, error=f"more than {EXPORT_ROWS_MAX} orders fit: ask for fewer")
        if counted.resume is not None:
            return await self._write(session, export, b"", rows_counted=total, counted_below=counted.resume)
        return await self._write(session, export, export_cells.head(), rows_counted=total, rows_total=total)

    async def _go_on(self, session: AsyncSession, export: OrderExportRow, wanted: Wanted) -> OrderExportRow:
        found = await store_list.find(
            session, wanted, span_of(wanted.filter, below=export.resume_below), ROWS_PER_PIECE
        )
        rows = await store_staff.rows(session, export.merchant_id, found.ids) if found.ids else []
        content = export_cells.body(rows, plain=export.plain)
        progress: dict[str, Any] = {"rows_done": export.rows_done + len(rows)}
        if found.resume is None:
            # Orders that changed while the file was made may have come or gone: what is in it is what is told.
            progress |= {"state": "done", "ended_at": self.clock.now(), "rows_total": progress["rows_done"]}
        else:
            progress["resume_below"] = found.resume
        return await self._write(session, export, content, **progress)

    async def _write(
        self, session: AsyncSession, export: OrderExportRow, content: bytes, **progress: Any
    ) -> OrderExportRow:
        """A piece and its progress, under our lease. Raises LeaseLost, and then nothing of it stays."""
        no, lease_until = export.chunks, self.clock.now() + LEASE_FOR
        if content:
            progress |= {"chunks": no + 1, "bytes": export.bytes + len(content)}
        written = await store_export.write(session, export, **progress, lease_until=lease_until, tries=0)
        if written is None:
            raise LeaseLost
        if content:
            await store_export.add_chunk(session, export.id, no, content)
        return written

    async def _end(self, session: AsyncSession, export: OrderExportRow, *, error: str) -> OrderExportRow:
        ended = await store_export.write(session, export, state="failed", error=error, ended_at=self.clock.now())
        if ended is None:
            raise LeaseLost
        await store_export.drop_chunks(session, export.id)
        return ended

    async def _let_go(self, export: OrderExportRow) -> None:
        """A worker that is told to stop leaves its export to the next one at once."""
        async with edge(self.sessions, busy=BUSY) as session:
            await store_export.write(session, export, lease_until=self.clock.now())
