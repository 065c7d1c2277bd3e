-- A claim is released exactly when its order has lapsed.

WITH wrong AS (
    SELECT o.id, c.state AS claim_state, o.state FROM claim c JOIN orders o ON o.merchant_id = c.merchant_id AND o.id = c.id
    WHERE c.sale_id = $1 AND c.state <> 'void' AND (c.state = 'released') <> (o.state IN ('expired', 'cancelled')))
SELECT (SELECT count(*) FROM wrong) AS broken,
       ARRAY(SELECT format('order %s is %s, its claim is %s', id, state, claim_state) FROM wrong ORDER BY id LIMIT 5) AS detail,
       count(*) FILTER (WHERE state = 'placed') AS placed, count(*) FILTER (WHERE state = 'released') AS released,
       count(*) FILTER (WHERE state = 'void') AS void
FROM claim WHERE sale_id = $1
