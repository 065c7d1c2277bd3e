"""What keeps gate and ledger in step, beside the requests."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from inventory.book import READ_EVERY_S, SaleBook
from inventory.faults import GateSilent, LedgerFault
from inventory.ledger import Ledger
from inventory.model import SaleConfig, SaleState
from inventory.rebuild import Rebuilder
from inventory.reconciler import Reconciler
from inventory.sweeper import SWEEP_MAX, Sweeper
from keel.loops import run_every
from keel.metrics import LOOP_FAILURES

log = logging.getLogger(__name__)

RECONCILE_EVERY_S: Final = 0.5
SWEEP_EVERY_S: Final = 1.0
SALES_AT_ONCE: Final = 8  # whose looks share the pool; of rebuilds, which mostly wait, there may be any number


async def keep_book(book: SaleBook, stop: asyncio.Event) -> None:
    """Read epochs and versions, so that refusals may be believed."""
    await run_every("book", READ_EVERY_S, stop, book.tick)


@dataclass(frozen=True)
class Upkeep:
    """One round of a job over all running sales, a few at a time; a sale that fails does not stop the others."""

    ledger: Ledger
    book: SaleBook
    reconciler: Reconciler
    sweeper: Sweeper
    rebuilder: Rebuilder

    async def reconcile_all(self) -> None:
        """Compare, push, and rebuild whatever forgot: an engine that did has forgotten all sales."""
        await self._each(self._reconcile)

    async def sweep_all(self) -> None:
        """Settle holds that nobody was left to place."""
        await self._each(self._sweep)

    async def _reconcile(self, config: SaleConfig) -> list[int]:
        if config.state is SaleState.CLOSED:
            await self.reconciler.settle(config)
            return []
        return [segment for segment in range(config.segments) if await self.reconciler.reconcile(config, segment)]

    async def _sweep(self, config: SaleConfig) -> list[int]:
        if config.state is not SaleState.DRAFT:
            for segment in range(config.segments):
                while await self.sweeper.sweep(config, segment) >= SWEEP_MAX:
                    pass
        return []

    async def _each(self, job: Callable[[SaleConfig], Awaitable[list[int]]]) -> None:
        """Run a job, and rebuild the segments that it names: outside the places, for rebuilds wait for the lease."""
        places = asyncio.Semaphore(SALES_AT_ONCE)

        async def one(sale_id: str) -> None:
            try:
                async with places:
                    config = await self.book.get(sale_id)
                    forgotten = await job(config) if config is not None else []
                for segment in forgotten:
                    await self.rebuilder.rebuild(sale_id, segment)
            except (GateSilent, LedgerFault) as fault:
                log.warning("upkeep of sale %s: %s: %s", sale_id, type(fault).__name__, fault)
            except Exception:  # house: broad-except because one sale's fault must not stop the others' rebuilds
                LOOP_FAILURES.labels(loop="upkeep of a sale").inc()
                log.exception("upkeep of sale %s failed", sale_id)

        sale_ids = await self.ledger.running()
        self.reconciler.watch_only(set(sale_ids))
        async with asyncio.TaskGroup() as group:
            for sale_id in sale_ids:
                group.create_task(one(sale_id))


async def reconcile(upkeep: Upkeep, stop: asyncio.Event) -> None:
    """Keep every running sale's gate loaded, configured and compared."""
    await run_every("reconciler", RECONCILE_EVERY_S, stop, upkeep.reconcile_all)


async def sweep(upkeep: Upkeep, stop: asyncio.Event) -> None:
    """Settle stale holds of every running sale."""
    await run_every("sweeper", SWEEP_EVERY_S, stop, upkeep.sweep_all)
