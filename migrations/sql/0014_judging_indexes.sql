-- What became of orders, in the order of its time. An order that awaits payment has no entry, so placing one pays nothing.
-- Run by itself, outside a transaction; a run that was cut off is made good by the next.

DROP INDEX CONCURRENTLY IF EXISTS order_history_moves;
CREATE INDEX CONCURRENTLY order_history_moves ON order_history (at, order_id) WHERE state IN ('paid', 'expired', 'cancelled');
