"""What a drill is asked to do, and what it shows while it does."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

BUYERS_MAX: Final = 100_000
UNITS_MAX: Final = 100_000
SECONDS_MIN: Final = 15
SECONDS_MAX: Final = 600
RUSH_SHARE_MIN: Final = 0.2  # of the drill: not faster, or there would be no middle to strike
RUSH_SHARE_MAX: Final = 0.7  # not slower, so that the last buyers are answered in time
CRUSH_SHARE: Final = 0.5  # of the burst that the API takes from one address
ADDRESS_SHARE: Final = 0.6  # of the requests that the API takes from one address: retries need the rest


class DrillRefused(Exception):
    """The drill cannot start; the text says why and what to do."""


class Fault(StrEnum):
    """What happens to the gate in the middle of the rush."""

    WIPE = "wipe"
    KILL = "kill"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Plan:
    """Buyers come at an even pace, each for one unit, and in the middle many at once, so that the fault hits orders in
    flight. `address_per_s` and `address_burst`: what the API takes from one address.
    """

    buyers: int
    units: int
    fault: Fault
    seconds: int
    address_per_s: float
    address_burst: int

    @property
    def per_s(self) -> float:
        """Buyers who come in a second."""
        return min(self.buyers / (self.seconds * RUSH_SHARE_MIN), self.address_per_s * ADDRESS_SHARE)

    @property
    def coming(self) -> int:
        """How many of the buyers can come in time."""
        return min(self.buyers, int(self.per_s * self.seconds * RUSH_SHARE_MAX))

    @property
    def middle(self) -> int:
        """Buyers who come before the crush: enough for half of the units."""
        return min(self.units, self.coming) // 2

    @property
    def crush(self) -> int:
        """Buyers who come at once, in the middle."""
        return max(1, min(int(self.address_burst * CRUSH_SHARE), self.coming // 10))

    def waves(self, interval_s: float) -> Iterator[range]:
        """Who comes in each interval, as numbers of buyers; the one that begins at `middle` is the crush."""
        size, start = max(1, round(self.per_s * interval_s)), 0
        while start < self.coming:
            end = start + (self.crush if start == self.middle else size)
            if start < self.middle < end:
                end = self.middle
            yield range(start, min(end, self.coming))
            start = end


@dataclass(slots=True)
class Scene:
    """What is seen at this moment. Seconds count from the first buyer."""

    units: int
    seconds: int
    elapsed_s: float = 0.0
    left: int | None = None
    gate_epoch: int = 0
    ledger_epoch: int = 0
    loaded: bool = True
    served: int = 0  # the last number that the queue gave out
    silent: bool = False
    acknowledged: int = 0
    refused: int = 0
    retries: int = 0
    struck_at_s: float | None = None
    struck_epoch: int = 0
    rebuild_s: float | None = None
    reachable_at_s: float | None = None  # since then both engines answer
    back_s: float | None = None  # as `rebuild_s`, but counted from then, where that is later than the fault

    @property
    def state(self) -> str:
        """What the sale is doing, in words."""
        if self.silent:
            return "the gate does not answer: buyers are told to try again"
        if not self.loaded:
            return "the gate forgot, it is being rebuilt: buyers are told to try again"
        return "sold out" if self.left == 0 else "selling"

    def note(self, now_s: float, *, reachable: bool) -> None:
        """What a look at both engines has shown: since when they answer, and when the gate was back."""
        if not reachable:
            self.reachable_at_s = None
            return
        if self.reachable_at_s is None:
            self.reachable_at_s = now_s
        if self.struck_at_s is None or self.rebuild_s is not None:
            return
        if self.loaded and self.gate_epoch > self.struck_epoch:
            self.rebuild_s = now_s - self.struck_at_s
            self.back_s = now_s - max(self.struck_at_s, self.reachable_at_s)
