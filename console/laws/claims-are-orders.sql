-- Every claim that is not void has its order, and every order its claim.

WITH wrong AS (
    SELECT coalesce(c.id, o.id) AS id,
           CASE WHEN o.id IS NULL THEN 'the claim has no order' WHEN c.id IS NULL THEN 'the order has no claim'
                ELSE 'claim and order differ in merchant, customer, key, segment or rehearsal' END AS what
    FROM (SELECT * FROM claim WHERE sale_id = $1 AND state <> 'void') c FULL JOIN (SELECT * FROM orders WHERE sale_id = $1) o ON o.id = c.id
    WHERE c.id IS NULL OR o.id IS NULL OR (c.merchant_id, c.customer_id, c.key, c.segment, c.rehearsal)
          IS DISTINCT FROM (o.merchant_id, o.customer_id, o.claim_key, o.segment, o.rehearsal))
SELECT (SELECT count(*) FROM wrong) AS broken, ARRAY(SELECT format('%s: %s', id, what) FROM wrong ORDER BY id LIMIT 5) AS detail,
       (SELECT count(*) FROM claim WHERE sale_id = $1 AND state <> 'void') AS claims, (SELECT count(*) FROM orders WHERE sale_id = $1) AS orders
