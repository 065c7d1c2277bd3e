-- What the list of staff needs to stay quick. Every index is paid for by every order, so there are two of these, and two
-- partial ones of which an ordinary order pays nothing while it is placed. See docs/decisions and docs/benchmarks.md.
-- Statements are run one by one, outside a transaction; a run that was cut off is made good by the next.

DROP INDEX CONCURRENTLY IF EXISTS orders_of_sale;
CREATE INDEX CONCURRENTLY orders_of_sale ON orders (merchant_id, sale_id, id);

-- Without the id: equal totals share an entry, which keeps it small. The few rows that it is asked for are sorted.
DROP INDEX CONCURRENTLY IF EXISTS orders_by_total;
CREATE INDEX CONCURRENTLY orders_by_total ON orders (merchant_id, total);

-- Orders that await payment are found by orders_to_expire.
DROP INDEX CONCURRENTLY IF EXISTS orders_by_state;
CREATE INDEX CONCURRENTLY orders_by_state ON orders (merchant_id, state, id) WHERE state <> 'awaiting_payment';

-- The sale comes first: codes are random, and a rush would else touch as many pages as there are codes.
DROP INDEX CONCURRENTLY IF EXISTS orders_of_share;
CREATE INDEX CONCURRENTLY orders_of_share ON orders (merchant_id, sale_id, share_code, id) WHERE share_code IS NOT NULL;
