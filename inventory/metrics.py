"""Counters of the gate's upkeep."""

from typing import Final

from prometheus_client import Counter, Gauge

REBUILDS = Counter("millpond_gate_rebuilds_total", "Gates rebuilt from the ledger")
REBUILD_SECONDS = Gauge("millpond_gate_rebuild_seconds", "How long the last rebuild took")
HOLDS_SWEPT = Counter(
    "millpond_holds_swept_total", "Holds that nobody was left to place, by what became of them", ["outcome"]
)
DRIFT = Counter(
    "millpond_gate_drift_total", "Counters of the gate that disagreed with the ledger: must stay 0", ["law"]
)
NO_MORE_OUT: Final = "held + confirmed <= allocated"
NO_MORE_FREE: Final = "free <= allocated - sold"
EQUAL: Final = "equality when quiet"
for _law in (NO_MORE_OUT, NO_MORE_FREE, EQUAL):
    DRIFT.labels(law=_law)  # shown as 0 from the start: what begins at 1 never rises
