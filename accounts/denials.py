"""The deny-list: access tokens that are refused before they expire, in every process's memory.

PostgreSQL is the truth, and each process reads what is new once a second; nothing is asked per request. There is no
second channel that could forget or overtake: a Redis that restarts changes nothing (docs/decisions).
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from accounts.store_sign_in import LOOK_BACK, denials_since
from keel.clock import Clock, to_ms
from keel.database import Pool

READ_EVERY_S: Final = 1.0
READ_MAX_S: Final = 1.0
REACHES_WITHIN_S: Final = 5.0  # what is promised: two readings may fail
GAP_MAX_S: Final = 30.0  # after a longer gap between two readings, everything is read

assert READ_EVERY_S + READ_MAX_S < REACHES_WITHIN_S


class Denials:
    """Ids of sign-ins and people whose tokens are refused. `clock_s` is monotonic, in seconds.

    `denied` is one and the same dictionary for ever (id to the ms at which it may be forgotten), so whoever checks
    tokens holds it and looks names up in it, with no call in between.
    """

    def __init__(self, pool: Pool, clock: Clock, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._pool, self._clock, self._clock_s = pool, clock, clock_s
        self._read_at_s = float("-inf")
        self.denied: dict[str, int] = {}

    @property
    def fresh(self) -> bool:
        """False when this process may not have heard of a denial that is REACHES_WITHIN_S old."""
        return self._clock_s() - self._read_at_s < REACHES_WITHIN_S

    async def read(self) -> None:
        """Learn what is new, and forget what is over."""
        began_s, now = self._clock_s(), self._clock.now()
        everything = began_s - self._read_at_s > GAP_MAX_S
        async with asyncio.timeout(READ_MAX_S):
            rows = await denials_since(self._pool, None if everything else now - LOOK_BACK, now)
        if everything:
            self.denied.clear()
        self.denied.update((str(row["id"]), to_ms(row["until"])) for row in rows)
        self._read_at_s = began_s
        self._forget(to_ms(now))

    def _forget(self, now_ms: int) -> None:
        for name in [name for name, until_ms in self.denied.items() if until_ms <= now_ms]:
            del self.denied[name]
