"""What a demo is asked to do, where its crowd comes from, and what it shows meanwhile."""

import math
import socket
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address
from itertools import pairwise
from typing import Final

from millpond.crowd import Target
from millpond.drill_plan import Scene

BUYERS: Final = 20_000
UNITS: Final = 6_711
PRICE: Final = 14_900  # minor units
SECONDS: Final = 30
ADDRESS_SHARE: Final = 0.5  # of the requests that the API takes from one address
SOURCES_MIN: Final = 64
SOURCES_MAX: Final = 50_000
FIRST_SOURCE: Final = IPv4Address("127.77.0.1")  # with those after it: loopback is a network, not one address
WINDOW_S: Final = 1.0
LATENCIES_MAX: Final = 4_000


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """Buyers come at an even pace over `seconds`, each for one unit. `address_per_s`: what the API takes from one."""

    buyers: int
    units: int
    seconds: int
    address_per_s: float

    def waves(self, interval_s: float, *, sources: int) -> Iterator[range]:
        """Who comes in each interval, as numbers of buyers. From too few addresses fewer can come."""
        coming, count = self.coming(sources), max(1, round(self.seconds / interval_s))
        ends = [coming * number // count for number in range(count + 1)]
        return (range(start, end) for start, end in pairwise(ends) if end > start)

    def coming(self, sources: int) -> int:
        """How many of the buyers can come in time, from so many addresses."""
        return max(1, min(self.buyers, int(self.address_per_s * ADDRESS_SHARE * self.seconds * max(1, sources))))

    def sources_for(self, target: Target) -> Sequence[str]:
        """Addresses enough for the API's limits; none where the API is elsewhere, or this system has one loopback."""
        needed = math.ceil(self.buyers / self.seconds / (self.address_per_s * ADDRESS_SHARE))
        last = FIRST_SOURCE + min(max(needed, SOURCES_MIN), SOURCES_MAX) - 1
        if not _is_loopback(target.host) or not _is_ours(str(last)):
            return ()
        return [str(IPv4Address(number)) for number in range(int(FIRST_SOURCE), int(last) + 1)]


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.version == 4 and address.is_loopback


def _is_ours(address: str) -> bool:
    """Whether a connection can come from there: on Linux from all of 127.0.0.0/8."""
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


@dataclass
class Pace:
    """Orders per second, from readings of (seconds since the first buyer, orders so far)."""

    best_per_s: float = 0.0
    now_per_s: float = 0.0
    _readings: deque[tuple[float, int]] = field(default_factory=deque)

    def read(self, elapsed_s: float, orders: int) -> None:
        """Note a reading; the pace is that of the last WINDOW_S."""
        self._readings.append((elapsed_s, orders))
        while len(self._readings) > 2 and self._readings[1][0] <= elapsed_s - WINDOW_S:
            self._readings.popleft()
        began_s, before = self._readings[0]
        self.now_per_s = (orders - before) / (elapsed_s - began_s) if elapsed_s - began_s >= WINDOW_S / 2 else 0.0
        self.best_per_s = max(self.best_per_s, self.now_per_s)


@dataclass
class Picture:
    """What is seen at this moment: the stores and the crowd (`scene`), the pace, and the tail of recent answers."""

    scene: Scene
    buyers: int
    pace: Pace = field(default_factory=Pace)
    p99_s: float = 0.0
