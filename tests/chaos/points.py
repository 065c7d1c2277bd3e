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
)

# A piece of text that is in this statement and in no other one of the order path.
STATEMENTS: Final[Mapping[str, str]] = {
    "place": "FROM orders_place(",
    "claims": "AS w (customer, key)\n    JOIN claim",
    "readings": "SELECT s.id, s.version, array(",
    "sale": "v.title AS item_title",
    "counts": "SELECT k.item_id, i.no, k.allocated, k.sold, k.epoch",
    "running": "AND k.allocated > k.sold)))",
    "void": "FROM claims_void(",
    "bump": "SELECT max(epoch) FROM locked",
    "settle": "stock_settle(",
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
    "commit": "COMMIT;",
}
