-- Not in a transaction: built while visits and orders come in. What a build that broke off left behind goes first.
DROP INDEX CONCURRENTLY IF EXISTS tree_due_of;
CREATE INDEX CONCURRENTLY tree_due_of ON tree_due (merchant_id, no);
