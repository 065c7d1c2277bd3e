"""What the benchmark's figures are held against, on a machine with two cores that the generator shares."""

from dataclasses import dataclass
from typing import Any, Final

from loadtests.yardstick import REFERENCE_US

RATIO_MIN: Final = 8.0  # accepted orders per second, times the baseline's
ORDER_CPU_US_MAX: Final = 150.0  # all server processes, per accepted order
P99_SHARE_MAX: Final = 0.2  # of the baseline's, with 100 buyers at a time
REFUSAL_CPU_US_MAX: Final = 90.0  # all server processes, per refusal after sell-out
SOCKET_RATIO_MIN: Final = 12.0  # accepted orders per second over the socket, times the baseline's
SOCKET_ORDER_CPU_US_MAX: Final = 110.0  # all server processes, per order accepted over the socket


@dataclass(frozen=True)
class Budget:
    """A figure and its limit; `at_least` says on which side of it the figure should be."""

    figure: float
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.figure >= self.limit if self.at_least else self.figure <= self.limit

    def document(self) -> dict[str, Any]:
        """As it stands in the benchmark's document."""
        return {"figure": self.figure, "at_least" if self.at_least else "at_most": self.limit, "met": self.met}


def budgets_of(*, millpond: dict[str, Any], baseline: dict[str, Any], socket: dict[str, Any]) -> dict[str, Budget]:
    """By name, from the medians of all sides."""
    ratio = round(millpond["orders_per_s"] / baseline["orders_per_s"], 2)
    socket_ratio = round(socket["orders_per_s"] / baseline["orders_per_s"], 2)
    p99_share = round(millpond["latency_ms"]["p99"] / baseline["latency_ms"]["p99"], 3)
    return {
        "ratio": Budget(ratio, RATIO_MIN, at_least=True),
        "cpu_us_per_order": Budget(millpond["cpu_us_per_order"]["total"], ORDER_CPU_US_MAX),
        "p99_share": Budget(p99_share, P99_SHARE_MAX),
        "socket_ratio": Budget(socket_ratio, SOCKET_RATIO_MIN, at_least=True),
        "socket_cpu_us_per_order": Budget(socket["cpu_us_per_order"]["total"], SOCKET_ORDER_CPU_US_MAX),
        "cpu_us_per_refusal": Budget(millpond["cpu_us_per_refusal"]["total"], REFUSAL_CPU_US_MAX),
        "order_in_empty_201s": _in_empty_201s(millpond, "cpu_us_per_order", ORDER_CPU_US_MAX),
        "socket_order_in_empty_201s": _in_empty_201s(socket, "cpu_us_per_order", SOCKET_ORDER_CPU_US_MAX),
        "refusal_in_empty_201s": _in_empty_201s(millpond, "cpu_us_per_refusal", REFUSAL_CPU_US_MAX),
    }


def _in_empty_201s(figures: dict[str, Any], name: str, us_max: float) -> Budget:
    """A budget in µs as a multiple of what an empty 201 costs here and now: the same promise on any machine."""
    return Budget(round(figures[name]["total"] / figures["empty_201_cpu_us"], 2), round(us_max / REFERENCE_US, 2))
