"""Who rebuilds a sale segment: an advisory lock each, held by a transaction that many of them share.

An engine that forgot has forgotten all sales, and each rebuild waits two seconds for the old epoch's lease to run out.
A connection for each would let a few rebuild at a time and the rest wait for them, so the rebuilds that begin together
are a cohort with one connection. (A session's own locks could be given back one by one, but not behind a pooler that
shares sessions.)
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from inventory.faults import DRIVER_ERRORS, LedgerFault, borrowed, fault_of
from inventory.ledger import Ledger
from keel.database import Connection, Pool

log = logging.getLogger(__name__)


@dataclass
class _Cohort:
    """Rebuilds whose locks end together."""

    connection: Connection
    stack: AsyncExitStack
    members: int = 0


class Guards:
    """The locks of one process. A cohort takes nobody in once one of it is through: its locks would never end."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._gathering: _Cohort | None = None
        self._joining = asyncio.Lock()
        self._guarded: set[tuple[str, int]] = set()

    @asynccontextmanager
    async def guarding(self, sale_id: str, segment: int) -> AsyncIterator[bool]:
        """Whether the block is the only one, anywhere, that rebuilds this segment. Raises LedgerFault."""
        place = sale_id, segment
        async with self._joining:
            cohort = await self._join(place)
        if cohort is None:
            yield False
            return
        try:
            yield True
        finally:
            self._guarded.discard(place)
            if self._gathering is cohort:
                self._gathering = None
            await self._leave(cohort)

    async def _join(self, place: tuple[str, int]) -> _Cohort | None:
        if place in self._guarded:  # PostgreSQL would give a transaction the same lock twice
            return None
        cohort = self._gathering = self._gathering or await self._begin()
        cohort.members += 1
        is_ours = False
        try:
            is_ours = await Ledger.guard_rebuild(cohort.connection, *place)
        except DRIVER_ERRORS as error:
            self._gathering = None
            raise fault_of(error) from error
        finally:
            if not is_ours:
                await self._leave(cohort)
        if not is_ours:
            return None
        self._guarded.add(place)
        return cohort

    async def _begin(self) -> _Cohort:
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(borrowed(self._pool))
            await stack.enter_async_context(connection.transaction())
            return _Cohort(connection, stack.pop_all())

    async def _leave(self, cohort: _Cohort) -> None:
        """The last one ends the transaction. It guards nothing any more, so how it ends does not matter."""
        cohort.members -= 1
        if cohort.members:
            return
        if self._gathering is cohort:
            self._gathering = None
        try:
            await cohort.stack.aclose()
        except LedgerFault as fault:
            log.warning("the guard of rebuilds that are over was gone: %s", fault)
