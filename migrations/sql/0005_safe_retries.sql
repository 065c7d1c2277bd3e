-- Committed before the index is built: a run that was cut off there begins here again.

-- Orders that fit a file are counted a stretch at a time: how many were found so far, and below which id to go on.
ALTER TABLE order_export ADD COLUMN IF NOT EXISTS rows_counted bigint NOT NULL DEFAULT 0;
ALTER TABLE order_export ADD COLUMN IF NOT EXISTS counted_below uuid;

-- Units that came in, or that a count found, under a key of the client: a retry is answered with what was on hand then.
ALTER TABLE stock_movement ADD COLUMN IF NOT EXISTS key text;
ALTER TABLE stock_movement ADD COLUMN IF NOT EXISTS on_hand bigint;
