-- One movement for each key of a SKU. Few movements have one, so few are in it; built without stopping sales.
-- Run by itself, outside a transaction; a run that was cut off is made good by the next.

DROP INDEX CONCURRENTLY IF EXISTS stock_movement_key;
CREATE UNIQUE INDEX CONCURRENTLY stock_movement_key ON stock_movement (merchant_id, sku_id, key) WHERE key IS NOT NULL;
