"""The shop window: what a process remembers of items for viewers, so that a crowd that looks costs no reading each.

Stock left is the ledger's, read at most once a second for each sale that somebody looks at, and never from the gate:
the gate is for those who buy.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final
from weakref import WeakValueDictionary

from inventory.faults import LedgerFault
from inventory.ledger import Ledger
from inventory.store_window import Displayed, displayed
from keel.recent import Recent

FRESH_S: Final = 1.0
LEFT_KNOWN_S: Final = 10.0  # after so long without a reading nobody is told how many are left
SALES_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class View:
    """Items by id, as read at one moment; asked for again, perhaps in vain, at another."""

    items: Mapping[str, Displayed]
    version: int
    read_at_s: float
    asked_at_s: float

    @property
    def is_recent(self) -> bool:
        """Whether anybody may be told how many are left."""
        return self.asked_at_s - self.read_at_s < LEFT_KNOWN_S


class ShopWindow:
    """A bounded memory of sales' items. `clock_s` is monotonic, in seconds."""

    def __init__(self, ledger: Ledger, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._ledger, self._clock_s = ledger, clock_s
        self._views: Recent[str, View] = Recent(SALES_MAX)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def look(self, sale_id: str, version: int) -> View:
        """A sale's items as of `version` or later. Raises LedgerFault where nothing is remembered."""
        view = self._fresh(sale_id, version)
        if view is not None:
            return view
        async with self._locks.setdefault(sale_id, asyncio.Lock()):  # one reading for all who look meanwhile
            return self._fresh(sale_id, version) or await self._read(sale_id, version)

    def _fresh(self, sale_id: str, version: int) -> View | None:
        view = self._views.get(sale_id)
        if view is None or view.version < version or self._clock_s() - view.asked_at_s >= FRESH_S:
            return None
        return view

    async def _read(self, sale_id: str, version: int) -> View:
        asked_at_s = self._clock_s()
        try:
            view = View(await displayed(self._ledger, sale_id), version, asked_at_s, asked_at_s)
        except LedgerFault:
            known = self._views.get(sale_id)
            if known is None or known.version < version:
                raise
            view = replace(known, asked_at_s=asked_at_s)
        self._views[sale_id] = view
        return view
