-- No order awaits payment 10 s after its hold ran out.

WITH waiting AS (
    SELECT id, expires_at FROM orders
    WHERE merchant_id = ANY (ARRAY(SELECT id FROM merchant)) AND sale_id = $1 AND state = 'awaiting_payment')
SELECT count(*) FILTER (WHERE expires_at < $2) AS broken,
       ARRAY(SELECT format('order %s was to expire at %s', id, expires_at) FROM waiting WHERE expires_at < $2 ORDER BY expires_at LIMIT 5) AS detail,
       count(*) AS awaiting_payment
FROM waiting
