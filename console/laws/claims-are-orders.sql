-- Every claim that is not void has its order, and every order its claim.
--
-- An order of somebody else is looked for, too: at every merchant who has orders, found one after the other in the index.

WITH RECURSIVE merchants AS (
    (SELECT merchant_id FROM orders ORDER BY merchant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT o.merchant_id FROM orders o WHERE o.merchant_id > m.merchant_id ORDER BY o.merchant_id LIMIT 1)
    FROM merchants m WHERE m.merchant_id IS NOT NULL),
ordered AS (SELECT * FROM orders WHERE merchant_id = ANY (ARRAY(SELECT merchant_id FROM merchants)) AND sale_id = $1),
wrong AS (
    SELECT coalesce(c.id, o.id) AS id,
           CASE WHEN o.id IS NULL THEN 'the claim has no order' WHEN c.id IS NULL THEN 'the order has no claim'
                ELSE 'claim and order differ in merchant, customer, key, segment or rehearsal' END AS what
    FROM (SELECT * FROM claim WHERE sale_id = $1 AND state <> 'void') c FULL JOIN ordered o ON o.id = c.id
    WHERE c.id IS NULL OR o.id IS NULL OR (c.merchant_id, c.customer_id, c.key, c.segment, c.rehearsal)
          IS DISTINCT FROM (o.merchant_id, o.customer_id, o.claim_key, o.segment, o.rehearsal))
SELECT (SELECT count(*) FROM wrong) AS broken, ARRAY(SELECT format('%s: %s', id, what) FROM wrong ORDER BY id LIMIT 5) AS detail,
       (SELECT count(*) FROM claim WHERE sale_id = $1 AND state <> 'void') AS claims, (SELECT count(*) FROM ordered) AS orders
