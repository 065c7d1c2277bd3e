"""Rebuild the gate of a sale segment from the ledger: Redis forgot, wholly or partly.

    note the engine's run_id ─► epoch += 1, committed ─► one snapshot: claims and stock ─► load under the new epoch's
    names ─► wait until nobody trusts the old epoch ─► flip

Every load and the flip refuse another run_id (then all starts over with a new epoch), and the flip refuses a lower
epoch. Winners of the old epoch are refused by the ledger and go through the new gate.
"""

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import Final

from inventory.book import LEASE_S
from inventory.gate import LOAD_PIECE_MAX, Gate
from inventory.guards import Guards
from inventory.ledger import Ledger
from inventory.metrics import REBUILD_SECONDS, REBUILDS
from inventory.model import gate_fields
from inventory.replies import Ok
from inventory.store_snapshot import Snapshot, snapshot_of
from keel.clock import to_ms
from keel.database import Pool
from keel.lua import CALL_TIMEOUT_S

log = logging.getLogger(__name__)

STARTS_MAX: Final = 3
LOADS_AT_ONCE_MAX: Final = 4  # of a process: each has a connection of the pool
TRUST_S: Final = LEASE_S + CALL_TIMEOUT_S


@dataclass
class Rebuilder:
    """`pool` gives connections that may stay open for a whole rebuild: for the guards, and one for each snapshot.

    `trust_s`: how long after the bump somebody may still believe the old epoch. Any number of sales wait for that at
    once; a few at a time are loaded.
    """

    pool: Pool
    ledger: Ledger
    gate: Gate
    trust_s: float = TRUST_S
    _guards: Guards = field(init=False, repr=False)
    _loading: asyncio.Semaphore = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._guards, self._loading = Guards(self.pool), asyncio.Semaphore(LOADS_AT_ONCE_MAX)

    async def rebuild(self, sale_id: str, segment: int) -> bool:
        """Load the gate under a new epoch. False when somebody else is at it, or the engine kept changing.

        Raises GateSilent and LedgerFault; the next tick tries again.
        """
        async with self._guards.guarding(sale_id, segment) as is_ours:
            if not is_ours:
                return False
            began_s = time.monotonic()
            for _ in range(STARTS_MAX):
                if await self._once(sale_id, segment):
                    REBUILDS.inc()
                    REBUILD_SECONDS.set(time.monotonic() - began_s)
                    log.info("gate of sale %s:%d rebuilt in %.2f s", sale_id, segment, time.monotonic() - began_s)
                    return True
        return False

    async def _once(self, sale_id: str, segment: int) -> bool:
        async with self._loading:
            found = await self.gate.status(sale_id, segment)
            run_id = found.run_id
            epoch = await self.ledger.bump_epoch(sale_id, segment, above=found.epoch)
            bumped_s = time.monotonic()
            async with snapshot_of(self.pool, sale_id, segment) as snapshot:
                loaded = await self._load(snapshot, segment, run_id, epoch)
        if loaded is None:
            return False
        if epoch > 1:  # before the first epoch nobody could have trusted any
            await asyncio.sleep(max(0.0, bumped_s + self.trust_s - time.monotonic()))
        return await self._flip(snapshot, segment, run_id, epoch, loaded)

    async def _load(self, snapshot: Snapshot, segment: int, run_id: str, epoch: int) -> int | None:
        """How many entries were loaded, or None when the engine or the epoch changed under it."""
        sale_id, loaded = snapshot.config.id, 0
        for name, pieces in (("entries", snapshot.entries), ("buyers", snapshot.buyers)):
            async for piece in pieces(LOAD_PIECE_MAX):
                reply = await self.gate.load(sale_id, segment, run_id=run_id, epoch=epoch, name=name, pairs=piece)
                if not isinstance(reply, Ok):
                    log.warning("rebuild of sale %s stopped after %d entries: %s", sale_id, loaded, reply)
                    return None
                loaded += len(piece) // 2 if name == "entries" else 0
        return loaded

    async def _flip(self, snapshot: Snapshot, segment: int, run_id: str, epoch: int, loaded: int) -> bool:
        config = snapshot.config
        limits = {item.no: item.limit for item in config.items}
        reply = await self.gate.flip(
            config.id,
            segment,
            run_id=run_id,
            epoch=epoch,
            version=config.version,
            fields=gate_fields(config, to_ms) | {"no": snapshot.last_no, "at_ms": snapshot.last_at_ms},
            items=[(count.no, count.allocated, count.sold, limits[count.no]) for count in snapshot.counts],
            loaded=loaded,
        )
        if not isinstance(reply, Ok):
            log.warning("flip of sale %s to epoch %d refused: %s", config.id, epoch, reply)
        return isinstance(reply, Ok)
