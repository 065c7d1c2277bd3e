"""What a process knows of the sales it serves: configuration, and the lease on saying no.

A cut-off old master may still answer somebody. So every process reads the epoch from PostgreSQL at least every
READ_EVERY_S, and says sold_out or over_limit only while that reading is younger than LEASE_S and equals the gate's
epoch; a rebuild flips no sooner than LEASE_S plus the gate's timeout after its bump.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from inventory.faults import LedgerFault
from inventory.ledger import Ledger
from inventory.model import SaleConfig
from keel.recent import Recent

READ_EVERY_S: Final = 0.25
LEASE_S: Final = 1.0
SALES_MAX: Final = 1_000
IDLE_S: Final = 600.0
UNKNOWN_S: Final = 1.0


class SaleBook:
    """A bounded cache of sales. `clock_s` is monotonic, in seconds."""

    def __init__(self, ledger: Ledger, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._ledger, self._clock_s = ledger, clock_s
        self._configs: OrderedDict[str, SaleConfig] = OrderedDict()
        self._epochs: dict[str, tuple[int, ...]] = {}
        self._read_at_s: dict[str, float] = {}
        self._config_at_s: dict[str, float] = {}
        self._used_at_s: dict[str, float] = {}
        self._unknown_until_s: Recent[str, float] = Recent(SALES_MAX)
        self._under_way: dict[str, asyncio.Future[SaleConfig | None]] = {}

    def known(self, sale_id: str) -> SaleConfig | None:
        """A sale's configuration, if it is in memory."""
        config = self._configs.get(sale_id)
        if config is not None:
            self._used_at_s[sale_id] = self._clock_s()
        return config

    async def get(self, sale_id: str) -> SaleConfig | None:
        """A sale's configuration, from memory where possible. Raises LedgerFault."""
        config = self.known(sale_id)
        if config is not None:
            return config
        if self._unknown_until_s.get(sale_id, 0) > self._clock_s():
            return None
        return await self._refresh_together(sale_id)

    async def fresher(self, sale_id: str) -> SaleConfig | None:
        """A configuration that was read after this question, before somebody is told that something does not exist.

        All who ask meanwhile share a reading: there is one at a time, however many ask. Raises LedgerFault.
        """
        asked_at_s = self._clock_s()
        config = await self._refresh_together(sale_id)
        if config is not None and self._config_at_s.get(sale_id, asked_at_s) < asked_at_s:  # begun before the question
            config = await self._refresh_together(sale_id)
        return config

    async def _refresh_together(self, sale_id: str) -> SaleConfig | None:
        """One reading for all who ask meanwhile: the crowd that meets a fresh process must not be one on PostgreSQL."""
        while (others := self._under_way.get(sale_id)) is not None:
            await asyncio.wait([others])
            if not others.cancelled():
                return others.result()
        ours: asyncio.Future[SaleConfig | None] = asyncio.get_running_loop().create_future()
        self._under_way[sale_id] = ours
        try:
            ours.set_result(await self.refresh(sale_id))
        except LedgerFault as fault:
            ours.set_exception(fault)
        finally:
            del self._under_way[sale_id]
            ours.cancel()  # of no effect but where this reader was stopped: then another one takes over
        return ours.result()

    async def refresh(self, sale_id: str) -> SaleConfig | None:
        """Read a sale anew. Raises LedgerFault."""
        asked_at_s = self._clock_s()
        config = await self._ledger.sale(sale_id)
        if config is None:
            self._forget(sale_id)
            self._unknown_until_s[sale_id] = self._clock_s() + UNKNOWN_S
            return None
        known = self._configs.get(sale_id)
        if known is None or known.version <= config.version:  # of two readings the later may arrive first
            self._configs[sale_id], self._config_at_s[sale_id] = config, asked_at_s
        self._used_at_s[sale_id] = self._clock_s()
        if sale_id not in self._epochs:
            await self._read([sale_id])
        if len(self._configs) > SALES_MAX:
            self._forget(next(iter(self._configs)))
        return self._configs.get(sale_id, config)

    def trusts(self, sale_id: str, segment: int, epoch: int) -> bool:
        """Whether a gate of this epoch may be believed when it says no."""
        epochs = self._epochs.get(sale_id, ())
        fresh = self._clock_s() - self._read_at_s.get(sale_id, -LEASE_S) < LEASE_S
        return fresh and segment < len(epochs) and epochs[segment] == epoch

    async def tick(self) -> None:
        """Read epochs and versions of all sales in use; forget the idle; read changed configurations anew."""
        now_s = self._clock_s()
        for sale_id in [s for s, used_s in self._used_at_s.items() if now_s - used_s > IDLE_S]:
            self._forget(sale_id)
        if self._configs:
            await self._read(list(self._configs))

    async def _read(self, sale_ids: list[str]) -> None:
        asked_at_s = self._clock_s()  # before the question: the answer is at least this old
        try:
            readings = await self._ledger.readings(sale_ids)
        except LedgerFault:
            return  # the lease runs out by itself, and refusals become 503
        changed = []
        for sale_id, reading in readings.items():
            known = self._configs.get(sale_id)
            if known is None:
                continue  # forgotten meanwhile
            self._epochs[sale_id] = reading.epochs
            self._read_at_s[sale_id] = asked_at_s
            if known.version != reading.version:
                changed.append(sale_id)
        for sale_id in changed:  # after all leases are renewed: one that fails must not cost the others theirs
            with suppress(LedgerFault):
                await self.refresh(sale_id)

    def _forget(self, sale_id: str) -> None:
        self._configs.pop(sale_id, None)
        for book in (self._epochs, self._read_at_s, self._config_at_s, self._used_at_s):
            book.pop(sale_id, None)
