"""How much of the machine went to somebody else while a phase ran: figures of a busy machine are no figures."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import psutil

QUIET_SHARE_MAX = 0.1


@dataclass(frozen=True)
class Noise:
    """Shares of all cores: `others` by processes that are not under test, `stolen` by the host of a virtual machine."""

    others: float
    stolen: float

    @classmethod
    def of(cls, document: Mapping[str, float]) -> Self:
        """As it stands in a document."""
        return cls(document["others_share"], document["stolen_share"])

    @property
    def share(self) -> float:
        """All that went elsewhere."""
        return self.others + self.stolen

    @property
    def loud(self) -> bool:
        """Whether the figures should not be trusted."""
        return self.share > QUIET_SHARE_MAX

    def document(self) -> dict[str, float]:
        """Rounded."""
        return {"others_share": round(self.others, 3), "stolen_share": round(self.stolen, 3)}


class Listening:
    """Reads the machine's counters now and once more in the end."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._busy_s, self._stolen_s = _counters()

    def heard(self, ours_s: float) -> Noise:
        """The noise since then; `ours_s` is the CPU time of what is under test, the generator included."""
        busy_s, stolen_s = _counters()
        capacity_s = (time.monotonic() - self._began_s) * (psutil.cpu_count() or 1)
        others_s = max(0.0, busy_s - self._busy_s - ours_s)
        return Noise(others_s / capacity_s, (stolen_s - self._stolen_s) / capacity_s)


def _counters() -> tuple[float, float]:
    """CPU seconds of all cores since the start of the machine: used by it, and taken by its host."""
    times = psutil.cpu_times()
    names = "user", "nice", "system", "irq", "softirq"
    return sum(getattr(times, name, 0.0) for name in names), getattr(times, "steal", 0.0)
