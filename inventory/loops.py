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
from inventory.reconciler import Reconciler
from inventory.sweeper import SWEEP_MAX, Sweeper
from keel.loops import run_every
from keel.metrics import LOOP_FAILURES

log = logging.getLogger(__name__)

RECONCILE_EVERY_S: Final = 0.5
SWEEP_EVERY_S: Final = 1.0
SALES_AT_ONCE: Final = 8  # rebuilds wait for the lease; an engine that forgot has forgotten all sales


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

    async def reconcile_all(self) -> None:
        """Rebuild, push and compare."""
        await self._each(self._reconcile)

    async def sweep_all(self) -> None:
        """Settle holds that nobody was left to place."""
        await self._each(self._sweep)

    async def _reconcile(self, config: SaleConfig) -> None:
        if config.state is SaleState.CLOSED:
            await self.reconciler.settle(config)
            return
        for segment in range(config.segments):
            await self.reconciler.reconcile(config, segment)

    async def _sweep(self, config: SaleConfig) -> None:
        if config.state is SaleState.DRAFT:
            return
        for segment in range(config.segments):
            while await self.sweeper.sweep(config, segment) >= SWEEP_MAX:
                pass

    async def _each(self, job: Callable[[SaleConfig], Awaitable[None]]) -> None:
        places = asyncio.Semaphore(SALES_AT_ONCE)

        async def one(sale_id: str) -> None:
            async with places:
                try:
                    config = await self.book.get(sale_id)
                    if config is not None:
                        await job(config)
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
