-- A claim is released exactly when its order has lapsed.
--
-- A full join hashes or sorts, however few PostgreSQL expects of either; it stays one behind MATERIALIZED.

WITH pairs AS MATERIALIZED (
    SELECT o.id, c.state AS claim_state, o.state FROM (SELECT * FROM claim WHERE sale_id = $1 AND state <> 'void') c
    FULL JOIN (SELECT * FROM orders WHERE merchant_id = ANY (ARRAY(SELECT id FROM merchant)) AND sale_id = $1) o
    ON o.merchant_id = c.merchant_id AND o.id = c.id),
wrong AS (SELECT * FROM pairs WHERE (claim_state = 'released') <> (state IN ('expired', 'cancelled')))
SELECT (SELECT count(*) FROM wrong) AS broken,
       ARRAY(SELECT format('order %s is %s, its claim is %s', id, state, claim_state) FROM wrong ORDER BY id LIMIT 5) AS detail,
       count(*) FILTER (WHERE state = 'placed') AS placed, count(*) FILTER (WHERE state = 'released') AS released,
       count(*) FILTER (WHERE state = 'void') AS void
FROM claim WHERE sale_id = $1
