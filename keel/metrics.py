"""Counters that an operator's Prometheus reads. Incremented per batch or per fault, never per line of an order."""

from prometheus_client import Counter, Gauge

LOOP_FAILURES = Counter("millpond_loop_failures_total", "Ticks of a background loop that raised", ["loop"])
FLUSH_FAILURES = Counter("millpond_flush_failures_total", "Batch flushes that raised unexpectedly", ["batcher"])
OUTBOX_DEAD = Counter("millpond_outbox_dead_total", "Deliveries given up on, each parks its aggregate", ["subscriber"])
CLOCK_OFFSET_MS = Gauge("millpond_clock_offset_ms", "PostgreSQL's clock minus this machine's")
