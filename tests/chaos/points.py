"""Every place between a request and its release where an engine is waited for, by the call that is on the wire there.

`gate.…` are scripts, `ledger.…` and `pool.…` statements of the placement pool and of the pool for long readings.
The tests hold this table against the code: see test_points.py.
"""

from collections.abc import Mapping
from typing import Final

GATE_CALLS: Final = (
    "gate.hold",
    "gate.release not_sent",
    "gate.release voided",
    "gate.release lapsed",
    "gate.confirm",
    "gate.stale",
    "gate.configure",
    "gate.load",
    "gate.flip",
    "gate.status",
    "gate.retire",
    "gate.page",
)

# A piece of text that is in this statement and in no other one of the order path.
STATEMENTS: Final[Mapping[str, str]] = {
    "place": "FROM orders_place(",
    "claims": "AS w (customer, key)\n    JOIN claim",
    "readings": "SELECT s.id, s.version, array(",
    "sale": "v.title AS item_title",
    "counts": "SELECT k.item_id, i.no, k.allocated, k.sold, k.epoch",
    "running": "OR (state = 'closed' AND (settled_at IS NULL",
    "void": "FROM claims_void(",
    "bump": "SELECT max(epoch) FROM locked",
    "settle": "stock_settle(",
    "note_settled": "UPDATE sale SET settled_at = $2",
    "surpass": "UPDATE sale SET version = $2 + 1",
    "open_releases": "e.topic = 'order.lapsed' AND",
    "lapse": "orders_lapse(",
    "due": "WHERE state = 'awaiting_payment' AND expires_at <= $1",
    "order": "AND o.id = ANY ($2::uuid[]) AND",
    "order_page": "ORDER BY o.id DESC LIMIT $4",
    "guard": "pg_try_advisory_xact_lock(hashtextextended($1, 0))",
    "snapshot_last": "coalesce(max(verdict_no), 0) AS no",
    "snapshot_claims": "SELECT customer_id::text, key, state, id::text",
    "snapshot_buyers": "string_agg(lines, ',') AS lines",
    "relay_lanes": "SELECT DISTINCT lane FROM outbox_delivery",
    "relay_lock": "hashtextextended('outbox lane', 0)",
    "relay_due": "e.at, d.subscriber, d.attempts",
    "relay_done": "SET state = 'done', done_at",
    "relay_later": "UPDATE outbox_delivery SET due_at = $3",
    "relay_failed": "attempts = attempts + 1",
    "relay_purge": "DELETE FROM outbox_event e USING old",
}

# No story comes here, for this reason.
NOT_TOLD: Final[Mapping[str, str]] = {
    "surpass": "only after a staff command that died between gate and PostgreSQL: tests/inventory/test_upkeep.py",
    "open_releases": "only where free units were unequal for ten quiet seconds: tests/inventory/test_upkeep.py",
    "order": "reads an order that stands",
    "order_page": "reads orders that stand",
    "relay_failed": "notes a subscriber's own fault: tests/keel",
    "relay_purge": "forgets what was delivered a week ago",
    "page": "the audit's reading",
}

# Every await on an engine in the order path, and the points it passes; none where it is the way to another await here.
WAITS: Final[Mapping[str, tuple[str, ...]]] = {
    "Ledger.guard_rebuild": ("pool.guard",),
    "book.fresher": ("ledger.sale",),
    "book.get": ("ledger.sale", "ledger.readings"),
    "book.refresh": ("ledger.sale",),
    "connection.cursor": ("pool.snapshot_claims", "pool.snapshot_buyers"),
    "connection.execute": ("pool.relay_done", "pool.relay_later", "pool.relay_failed"),
    "connection.fetch": ("pool.relay_due", "pool.sale", "pool.counts"),
    "connection.fetchrow": ("pool.snapshot_last",),
    "connection.fetchval": ("pool.relay_lock", "pool.guard"),
    "connection.transaction": (),
    "cursor.fetch": ("pool.snapshot_claims", "pool.snapshot_buyers"),
    "gate.configure": ("gate.configure",),
    "gate.confirm": ("gate.confirm",),
    "gate.flip": ("gate.flip",),
    "gate.hold": ("gate.hold",),
    "gate.load": ("gate.load",),
    "gate.release": ("gate.release not_sent", "gate.release voided", "gate.release lapsed"),
    "gate.retire": ("gate.retire",),
    "gate.stale": ("gate.stale",),
    "gate.status": ("gate.status",),
    "guards.guarding": (),
    "ledger.bump_epoch": ("ledger.bump",),
    "ledger.call": ("ledger.place", "ledger.lapse", "ledger.due", "ledger.order", "ledger.order_page"),
    "ledger.claims": ("ledger.claims",),
    "ledger.counts": ("ledger.counts",),
    "ledger.open_releases": ("ledger.open_releases",),
    "ledger.readings": ("ledger.readings",),
    "ledger.running": ("ledger.running",),
    "ledger.sale": ("ledger.sale",),
    "ledger.settle": ("ledger.settle",),
    "ledger.note_settled": ("ledger.note_settled",),
    "ledger.surpass_version": ("ledger.surpass",),
    "ledger.void": ("ledger.void",),
    "pool.acquire": (),
    "pool.execute": ("pool.relay_purge",),
    "pool.fetch": ("pool.relay_lanes",),
    "pool.release": (),
    "rebuilder.rebuild": (),
    "redis.execute_command": GATE_CALLS,
}
