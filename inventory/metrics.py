"""Counters of the gate's upkeep."""

from prometheus_client import Counter, Gauge

REBUILDS = Counter("millpond_gate_rebuilds_total", "Gates rebuilt from the ledger")
REBUILD_SECONDS = Gauge("millpond_gate_rebuild_seconds", "How long the last rebuild took")
HOLDS_SWEPT = Counter(
    "millpond_holds_swept_total", "Holds that nobody was left to place, by what became of them", ["outcome"]
)
DRIFT = Counter(
    "millpond_gate_drift_total", "Counters of the gate that disagreed with the ledger: must stay 0", ["law"]
)
