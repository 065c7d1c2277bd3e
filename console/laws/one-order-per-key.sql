-- A customer's key has one order.

WITH keys AS (
    SELECT customer_id, claim_key, count(*) AS orders FROM orders
    WHERE merchant_id = ANY (ARRAY(SELECT id FROM merchant)) AND sale_id = $1 GROUP BY customer_id, claim_key)
SELECT count(*) FILTER (WHERE orders > 1) AS broken,
       ARRAY(SELECT format('customer %s, key %s: %s orders', customer_id, claim_key, orders) FROM keys WHERE orders > 1 ORDER BY customer_id LIMIT 5) AS detail,
       count(*) AS keys, coalesce(sum(orders), 0)::bigint AS orders
FROM keys
