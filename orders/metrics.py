"""Counters of placement. Incremented per batch or per fault."""

from prometheus_client import Counter

from inventory.faults import Contended, EpochOver, NotSent, RolledBack, StockShort, Unfit, Unknown

STOCK_ALARMS = Counter(
    "millpond_ledger_stock_alarms_total", "Winners of the current epoch that the ledger refused for stock: must stay 0"
)
LEDGER_FAULTS = Counter("millpond_ledger_faults_total", "Placement batches that the ledger did not commit", ["fault"])
for _fault in (NotSent, RolledBack, Contended, Unfit, EpochOver, StockShort, Unknown):
    LEDGER_FAULTS.labels(fault=_fault.__name__)  # shown as 0 from the start: what begins at 1 never rises
EXPIRY_FAILURES = Counter("millpond_expiry_failures_total", "Orders that could not lapse at their time, once a try")
ORDERS_PLACED = Counter("millpond_orders_placed_total", "Orders committed by this process")
