"""Token buckets in the process's memory: cheap, bounded, and good enough to keep one client from taking the rest."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

BUCKETS_MAX: Final = 200_000


class TokenBuckets:
    """One bucket per key: `burst` tokens, refilled at `per_s` tokens a second; the longest unused are forgotten.

    A forgotten bucket starts full again, so memory is bounded at the price of leniency towards the long absent.
    """

    def __init__(
        self, *, per_s: float, burst: int, buckets_max: int = BUCKETS_MAX, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_s, self._burst, self._buckets_max, self._clock_s = per_s, float(burst), buckets_max, clock_s
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()  # key -> (tokens, at)

    def take(self, key: Hashable) -> float:
        """Take one token. Returns 0 when there was one, else the seconds until there will be."""
        now_s = self._clock_s()
        tokens, at_s = self._buckets.pop(key, (self._burst, now_s))
        tokens = min(self._burst, tokens + (now_s - at_s) * self._per_s)
        wait_s = 0.0 if tokens >= 1 else (1 - tokens) / self._per_s
        self._buckets[key] = (tokens - 1 if tokens >= 1 else tokens, now_s)
        if len(self._buckets) > self._buckets_max:
            self._buckets.popitem(last=False)
        return wait_s
