"""Keeps the gate in step with the ledger: says where it forgot, pushes configuration, raises alarms on drift.

It never adds or subtracts. In the gate of the current epoch `free <= allocated - sold` always holds, with equality soon
after things are quiet. Drift never arises by the rules, so it is an alarm and means rebuild.
"""

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final

from inventory.book import SaleBook
from inventory.gate import Gate
from inventory.ledger import Ledger
from inventory.metrics import DRIFT, EQUAL, NO_MORE_FREE, NO_MORE_OUT
from inventory.model import ItemCount, SaleConfig, gate_fields
from inventory.replies import GateStatus, NotEnoughFree
from keel.clock import Clock, to_ms

log = logging.getLogger(__name__)

QUIET_S: Final = 10.0
TICKS_TO_ALARM: Final = 3  # two stores are not read at one moment; what stays is drift
RETIRE_AFTER_MS: Final = 86_400_000


@dataclass
class _Watch:
    """What was seen of one segment, to tell a moment's difference from drift."""

    above: int = 0
    signature: Any = None
    since_s: float = 0.0
    newer: int = 0


@dataclass
class Reconciler:
    """One per worker. `clock_s` is monotonic, in seconds."""

    gate: Gate
    ledger: Ledger
    book: SaleBook
    clock: Clock
    clock_s: Callable[[], float] = time.monotonic
    _watches: dict[tuple[str, int], _Watch] = field(default_factory=dict)

    async def reconcile(self, config: SaleConfig, segment: int) -> bool:
        """One look at one segment of a sale that is not closed: whether its gate has to be rebuilt.

        Raises GateSilent and LedgerFault.
        """
        before = await self.ledger.counts(config.id, segment)
        status = await self.gate.status(config.id, segment)
        after = await self.ledger.counts(config.id, segment)
        epoch = max((count.epoch for count in after), default=0)
        if status.epoch > epoch:  # every epoch is committed before a gate has it: this ledger has gone back
            log.error("ALARM: the ledger of sale %s:%d is older than its gate: restored?", config.id, segment)
        if not status.loaded or status.epoch != epoch:
            return True
        if status.version != config.version:
            return await self._push(config, segment, status)
        return await self._compare(config, segment, status, before, after)

    async def settle(self, config: SaleConfig) -> None:
        """Bring a closed sale to its end, and note it once that is done in every segment. Safe to repeat.

        Raises GateSilent and LedgerFault.
        """
        if all([await self._settled(config, segment) for segment in range(config.segments)]):
            await self.ledger.note_settled(config.id, self.clock.now())
            log.info("sale %s is settled", config.id)

    def watch_only(self, sale_ids: Collection[str]) -> None:
        """Forget what was seen of all other sales."""
        for sale_id, segment in [place for place in self._watches if place[0] not in sale_ids]:
            del self._watches[sale_id, segment]

    async def _push(self, config: SaleConfig, segment: int, status: GateStatus) -> bool:
        watch = self._watch(config, segment)
        if status.version < config.version:
            items = [(item.no, item.allocated, item.limit) for item in config.items]
            fields = gate_fields(config, to_ms)
            reply = await self.gate.configure(
                config.id, segment, epoch=status.epoch, version=config.version, fields=fields, items=items
            )
            if isinstance(reply, NotEnoughFree):  # more is out than the ledger allocates: pushing again would not help
                return self._alarm(config, segment, NO_MORE_OUT)
            return False
        watch.newer += 1  # a gate-first command is under way, or its commit failed
        if watch.newer >= TICKS_TO_ALARM:
            watch.newer = 0
            await self.ledger.surpass_version(config.id, status.version)
            await self.book.refresh(config.id)
        return False

    async def _settled(self, config: SaleConfig, segment: int) -> bool:
        """Return a closed sale's leftovers once no hold is open, and let its keys lapse; False while one is."""
        status = await self.gate.status(config.id, segment)
        counts = await self.ledger.counts(config.id, segment)
        current = status.loaded and status.epoch == max((count.epoch for count in counts), default=0)
        if current and status.held:
            return False
        units = await self.ledger.settle(config.id, segment, self.clock.now())
        await self.gate.retire(config.id, segment, ttl_ms=RETIRE_AFTER_MS)
        log.info("sale %s closed: %d units returned to base stock", config.id, units)
        return True

    async def _compare(
        self, config: SaleConfig, segment: int, status: GateStatus, before: list[ItemCount], after: list[ItemCount]
    ) -> bool:
        watch = self._watch(config, segment)
        watch.newer = 0
        free = {item.no: item.free for item in status.items}
        most = {a.no: max(a.allocated - a.sold, b.allocated - b.sold) for a, b in zip(before, after, strict=False)}
        watch.above = watch.above + 1 if any(free.get(no, 0) > units for no, units in most.items()) else 0
        if watch.above >= TICKS_TO_ALARM:
            return self._alarm(config, segment, NO_MORE_FREE)
        if await self._unequal_when_quiet(config, status, after, watch):
            return self._alarm(config, segment, EQUAL)
        return False

    async def _unequal_when_quiet(
        self, config: SaleConfig, status: GateStatus, counts: list[ItemCount], watch: _Watch
    ) -> bool:
        signature = (status.meta, status.held, status.items, counts)
        if signature != watch.signature:
            watch.signature, watch.since_s = signature, self.clock_s()
            return False
        free = {item.no: item.free for item in status.items}
        equal = all(free.get(count.no) == count.allocated - count.sold for count in counts)
        if equal or status.held or self.clock_s() - watch.since_s < QUIET_S:
            return False
        return not await self.ledger.open_releases(config.id)

    def _alarm(self, config: SaleConfig, segment: int, law: str) -> bool:
        DRIFT.labels(law=law).inc()
        log.error("ALARM: gate of sale %s:%d broke the law %r; it is rebuilt", config.id, segment, law)
        self._watches.pop((config.id, segment), None)
        return True

    def _watch(self, config: SaleConfig, segment: int) -> _Watch:
        return self._watches.setdefault((config.id, segment), _Watch())
