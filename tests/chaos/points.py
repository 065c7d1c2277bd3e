"""Every place between a request and its release where an engine is waited for, by the call that is on the wire there.

`gate.…` are scripts; `ledger.…`, `reads.…`, `pool.…` and `staff.…` statements of the pools of placement, of what people
read, of long readings, and of staff. The tests hold this table against the code: see test_points.py.
"""

from collections.abc import Mapping
from typing import Final

GATE_CALLS: Final = (
    "gate.hold",
    "gate.hold confirming",
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
    "claims": "SELECT c.customer_id, c.key, c.id, c.state, c.fingerprint FROM unnest(",
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
    "relay_due": "SELECT e.*, d.subscriber, d.attempts",
    "relay_done": "SET state = 'done', done_at",
    "relay_later": "UPDATE outbox_delivery SET due_at = $3",
    "relay_failed": "attempts = attempts + 1",
    "relay_purge": "DELETE FROM outbox_event e USING old",
}

# What the drivers say by themselves.
DRIVER_STATEMENTS: Final[Mapping[str, str]] = {"begin": "BEGIN", "commit": "COMMIT"}

# What SQLAlchemy says for staff who cancel an order.
STAFF_STATEMENTS: Final[Mapping[str, str]] = {
    "state": "SELECT orders.state",
    "cancel": "SELECT orders_lapse($",
    "audit": "INSERT INTO staff_audit",
    "rows": "s.title AS sale_title",
    "history": "FROM order_history",
    "notes": "FROM order_note",
}

# By whose connection it is said.
MARKERS: Final[Mapping[str, Mapping[str, str]]] = {
    "ledger": STATEMENTS,
    "reads": STATEMENTS,
    "pool": {**STATEMENTS, **DRIVER_STATEMENTS},
    "staff": {**STAFF_STATEMENTS, **DRIVER_STATEMENTS},
}

# No story comes here, for this reason.
NOT_TOLD: Final[Mapping[str, str]] = {
    "gate.page": "the audit's reading",
    "ledger.surpass": "after a staff command that died between gate and PostgreSQL: tests/inventory/test_upkeep.py",
    "ledger.open_releases": "only where free units were unequal for ten quiet seconds: tests/inventory/test_upkeep.py",
    "reads.order_page": "reads orders that stand",
    "pool.relay_failed": "notes a subscriber's own fault: tests/keel",
    "pool.relay_purge": "forgets what was delivered a week ago",
}

_STAFF: Final = tuple(f"staff.{name}" for name in STAFF_STATEMENTS)

# Every await in the modules of the order path on what may lead to an engine, and the points it passes; none where it is
# the way to another await here, or to no engine.
WAITS: Final[Mapping[str, tuple[str, ...]]] = {
    "AsyncExitStack": (),
    "batch.drained": (),
    "book.fresher": ("ledger.sale",),
    "book.get": ("ledger.sale", "ledger.readings"),
    "book.refresh": ("ledger.sale",),
    "connection.cursor": ("pool.snapshot_claims", "pool.snapshot_buyers"),
    "connection.execute": ("pool.relay_done", "pool.relay_later", "pool.relay_failed"),
    "connection.fetch": ("pool.relay_due", "pool.sale", "pool.counts"),
    "connection.fetchrow": ("pool.snapshot_last",),
    "connection.fetchval": ("pool.relay_lock", "pool.guard"),
    "connection.transaction": ("pool.begin", "pool.commit"),
    "cursor.fetch": ("pool.snapshot_claims", "pool.snapshot_buyers"),
    "flush": (),
    "gate.configure": ("gate.configure",),
    "gate.confirm": ("gate.confirm",),
    "gate.flip": ("gate.flip",),
    "gate.hold": ("gate.hold", "gate.hold confirming"),
    "gate.load": ("gate.load",),
    "gate.release": ("gate.release not_sent", "gate.release voided", "gate.release lapsed"),
    "gate.retire": ("gate.retire",),
    "gate.stale": ("gate.stale",),
    "gate.status": ("gate.status",),
    "guards.guarding": (),
    "job": (),
    "joining": (),
    "lane.drained": (),
    "ledger.bump_epoch": ("ledger.bump",),
    "ledger.call": ("ledger.place", "ledger.lapse", "ledger.due", "reads.order", "reads.lapse", "reads.order_page"),
    "ledger.claims": ("ledger.claims",),
    "ledger.counts": ("ledger.counts",),
    "ledger.note_settled": ("ledger.note_settled",),
    "ledger.open_releases": ("ledger.open_releases",),
    "ledger.readings": ("ledger.readings",),
    "ledger.running": ("ledger.running",),
    "ledger.sale": ("ledger.sale",),
    "ledger.settle": ("ledger.settle",),
    "ledger.surpass_version": ("ledger.surpass",),
    "ledger.void": ("ledger.void",),
    "loading": (),
    "orders.expire_due": (),
    "pieces": (),
    "places": (),
    "pool.acquire": (),
    "pool.execute": ("pool.relay_purge",),
    "pool.fetch": ("pool.relay_lanes",),
    "pool.fetchval": (),  # the time
    "pool.release": (),
    "rebuilder.rebuild": (),
    "reconciler.reconcile": (),
    "reconciler.settle": (),
    "redis.execute_command": GATE_CALLS,
    "script": (),
    "session.begin": ("staff.begin", "staff.commit"),
    "session.execute": ("staff.cancel", "staff.rows", "staff.audit"),
    "session.scalar": ("staff.state",),
    "session.scalars": ("staff.history", "staff.notes"),
    "sessions": (),
    "stack.aclose": (),
    "stack.enter_async_context": (),
    "subscribers[name]": (),
    "sweeper.sweep": (),
    "writing.drained": (),
}

# Modules that are led to by what they import or write, and are no part of the way from a request to its release.
OUTSIDE: Final[Mapping[str, str]] = {
    "console/audit.py": "reads",
    "console/gate_keys.py": "reads",
    "console/watch.py": "reads",
    "inventory/selling.py": "commands of staff on a sale: tests/inventory",
    "inventory/views.py": "reads",
    "keel/clock.py": "asks PostgreSQL for the time",
    "keel/loops.py": "runs what it is given",
    "live/gate_talk.py": "talk's own keys",
    "live/headcount.py": "viewers' own keys",
    "live/roomlog.py": "the room's own keys",
    "live/stock_left.py": "reads",
    "millpond/audit.py": "reads",
    "millpond/drill_gate.py": "breaks engines on purpose",
    "millpond/wiring.py": "puts together",
    "orders/export_work.py": "reads",
    "orders/exporting.py": "reads",
    "orders/listing.py": "reads",
    "referrals/store_judging.py": "writes facts of its own",
}
