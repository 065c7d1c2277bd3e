"""Token buckets in the process's memory: cheap, bounded, and good enough to keep one client from taking the rest."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final

from keel.errors import TooManyRequests

BUCKETS_MAX: Final = 200_000
FORGOTTEN_PER_TAKE: Final = 2  # more than the one that a take may add, so the full ones always go
_ROUNDING_S: Final = 1e-9  # an error of so much is no refusal
_NETWORK_BITS: Final = 64


def address_key(host: str) -> str:
    """What a client's address counts as: an IPv4 address as itself, an IPv6 address as its /64 network.

    A household is given a /64, so whoever is limited by single addresses has 2**64 of them.
    """
    return _network(host) if ":" in host else host


@lru_cache(maxsize=16_384)
def _network(host: str) -> str:
    try:
        address = IPv6Address(host)
    except ValueError:
        return host  # what a proxy wrote; it is counted as it is
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    network = int(address) >> _NETWORK_BITS
    return f"{network:016x}::/{_NETWORK_BITS}"


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` tokens, refilled at `per_s` tokens a second.

    A bucket is one number, the moment at which it is full again (the virtual scheduling form of the generic cell rate
    algorithm, ITU-T I.371).
    """

    per_s: float
    burst: int

    def take(self, full_at_s: float, now_s: float) -> tuple[float, float]:
        """Take one token of a bucket. When it is full again, and 0 where there was one, else the seconds until there
        will be."""
        after_s = max(full_at_s, now_s) + 1 / self.per_s
        wait_s = after_s - now_s - self.burst / self.per_s
        return (full_at_s, wait_s) if wait_s > _ROUNDING_S else (after_s, 0.0)


class Bucket:
    """One bucket, for all who share it."""

    __slots__ = ("_full_at_s", "_rate")

    def __init__(self, rate: Rate) -> None:
        self._rate, self._full_at_s = rate, 0.0

    def take(self, now_s: float) -> float:
        """Take one token. Returns 0 when there was one, else the seconds until there will be."""
        self._full_at_s, wait_s = self._rate.take(self._full_at_s, now_s)
        return wait_s


class TokenBuckets:
    """One bucket per key.

    A full bucket says no more than none, so it is forgotten. Beyond `buckets_max` the longest unused go too: memory is
    bounded, at the price of leniency towards those.
    """

    def __init__(
        self, *, per_s: float, burst: int, buckets_max: int = BUCKETS_MAX, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = Rate(per_s, burst)
        self._buckets_max, self._clock_s = buckets_max, clock_s
        self._full_at_s: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        """Buckets that are remembered."""
        return len(self._full_at_s)

    def take(self, key: Hashable) -> float:
        """Take one token. Returns 0 when there was one, else the seconds until there will be."""
        now_s = self._clock_s()
        self._full_at_s[key], wait_s = self._rate.take(self._full_at_s.pop(key, now_s), now_s)
        self._forget(now_s)
        return wait_s

    def wait_s(self, key: Hashable) -> float:
        """Seconds until there is a token; 0 where there is one. Takes none."""
        now_s = self._clock_s()
        return self._rate.take(self._full_at_s.get(key, now_s), now_s)[1]

    def _forget(self, now_s: float) -> None:
        """Drop the longest unused that are full, and whatever is over the limit."""
        full_at_s = self._full_at_s
        for _ in range(FORGOTTEN_PER_TAKE):
            oldest = next(iter(full_at_s), None)
            if oldest is None or (full_at_s[oldest] > now_s and len(full_at_s) <= self._buckets_max):
                return
            del full_at_s[oldest]


def spend(buckets: TokenBuckets, key: Hashable) -> None:
    """Take one token. Raises TooManyRequests, with the wait until there is one."""
    wait_s = buckets.take(key)
    if wait_s:
        raise too_many(wait_s)


def too_many(wait_s: float) -> TooManyRequests:
    """The refusal of whoever has to wait so long."""
    return TooManyRequests(retry_after_s=round(wait_s, 3))
