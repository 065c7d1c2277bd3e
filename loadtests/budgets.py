"""What the benchmark's figures are held against, on a machine with two cores that the generator shares."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from loadtests.yardstick import REFERENCE_US

RATIO_MIN: Final = 8.0  # accepted orders per second, times the baseline's
ORDER_CPU_US_MAX: Final = 150.0  # all server processes, per accepted order
P99_SHARE_MAX: Final = 0.2  # of the baseline's, with 100 buyers at a time
REFUSAL_CPU_US_MAX: Final = 90.0  # all server processes, per refusal after sell-out
SOCKET_RATIO_MIN: Final = 12.0  # accepted orders per second over the socket, times the baseline's
SOCKET_ORDER_CPU_US_MAX: Final = 110.0  # all server processes, per order accepted over the socket
FRAME_TO_BROADCAST_MAX: Final = 0.92  # CPU of a frame that is told to a room, times that of plain `broadcast()`
CONNECTION_KB_MAX: Final = 16.0  # of an idle one, in a room
STALL_MS_MAX: Final = 10.0  # a stretch in which the gateway's loop does not come round
HANDSHAKE_P99_MS_MAX: Final = 30.0  # while the room is full
FRAMES_PER_VIEWER_S_MAX: Final = 5.0


@dataclass(frozen=True)
class Budget:
    """A figure and its limit; `at_least` says on which side of it the figure should be, `sides` whose it is."""

    figure: float
    limit: float
    at_least: bool = False
    sides: tuple[str, ...] = ()

    @property
    def met(self) -> bool:
        return self.figure >= self.limit if self.at_least else self.figure <= self.limit

    def document(self, loud: Collection[str] = ()) -> dict[str, Any]:
        """As it stands in a document. `loud`: sides with rounds that count, in which the machine was busy elsewhere."""
        limit = {"at_least" if self.at_least else "at_most": self.limit}
        rests_on_loud = {"loud": True} if set(loud) & set(self.sides) else {}
        return {"figure": self.figure} | limit | {"met": self.met} | rests_on_loud


def budgets_of(*, millpond: dict[str, Any], baseline: dict[str, Any], socket: dict[str, Any]) -> dict[str, Budget]:
    """By name, from the medians of all sides."""
    ratio = round(millpond["orders_per_s"] / baseline["orders_per_s"], 2)
    socket_ratio = round(socket["orders_per_s"] / baseline["orders_per_s"], 2)
    p99_share = round(millpond["latency_ms"]["p99"] / baseline["latency_ms"]["p99"], 3)
    both, over_both = ("millpond", "baseline"), ("socket", "baseline")
    return {
        "ratio": Budget(ratio, RATIO_MIN, at_least=True, sides=both),
        "cpu_us_per_order": _cpu(millpond, "cpu_us_per_order", ORDER_CPU_US_MAX, "millpond"),
        "p99_share": Budget(p99_share, P99_SHARE_MAX, sides=both),
        "socket_ratio": Budget(socket_ratio, SOCKET_RATIO_MIN, at_least=True, sides=over_both),
        "socket_cpu_us_per_order": _cpu(socket, "cpu_us_per_order", SOCKET_ORDER_CPU_US_MAX, "socket"),
        "cpu_us_per_refusal": _cpu(millpond, "cpu_us_per_refusal", REFUSAL_CPU_US_MAX, "millpond"),
        "order_in_empty_201s": _in_empty_201s(millpond, "cpu_us_per_order", ORDER_CPU_US_MAX, "millpond"),
        "socket_order_in_empty_201s": _in_empty_201s(socket, "cpu_us_per_order", SOCKET_ORDER_CPU_US_MAX, "socket"),
        "refusal_in_empty_201s": _in_empty_201s(millpond, "cpu_us_per_refusal", REFUSAL_CPU_US_MAX, "millpond"),
    }


def fanout_budgets_of(
    millpond: Mapping[str, float], broadcast: Mapping[str, float], *, seconds: float
) -> dict[str, Budget]:
    """Of telling a room: by name, from the medians of both sides over rounds of so many seconds."""
    ratio = round(millpond["cpu_us_per_message"] / broadcast["cpu_us_per_message"], 3)
    on_the_edges = round(FRAMES_PER_VIEWER_S_MAX + 1 / seconds, 2)  # a stretch of 10 s may begin and end with a frame
    return {
        "millpond_to_broadcast": Budget(ratio, FRAME_TO_BROADCAST_MAX),
        "kb_per_connection": Budget(millpond["kb_per_connection"], CONNECTION_KB_MAX),
        "loop_stall_ms_max": Budget(millpond["loop_stall_ms_max"], STALL_MS_MAX),
        "handshake_p99_ms": Budget(millpond["handshake_p99_ms"], HANDSHAKE_P99_MS_MAX),
        "frames_per_viewer_s": Budget(millpond["frames_per_viewer_s"], on_the_edges),
    }


def _cpu(figures: dict[str, Any], name: str, us_max: float, side: str) -> Budget:
    return Budget(figures[name]["total"], us_max, sides=(side,))


def _in_empty_201s(figures: dict[str, Any], name: str, us_max: float, side: str) -> Budget:
    """A budget in µs as a multiple of what an empty 201 costs here and now: the same promise on any machine."""
    times, times_max = figures[name]["total"] / figures["empty_201_cpu_us"], us_max / REFERENCE_US
    return Budget(round(times, 2), round(times_max, 2), sides=(side,))
