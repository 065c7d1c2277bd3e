-- An order has the lines that its claim holds.
--
-- Claims have no index by order. A full join hashes or sorts, however few PostgreSQL expects of either; it stays one behind MATERIALIZED.

WITH pairs AS MATERIALIZED (
    SELECT o.merchant_id, o.id, c.lines AS claimed
    FROM (SELECT merchant_id, id FROM orders WHERE merchant_id = ANY (ARRAY(SELECT id FROM merchant)) AND sale_id = $1) o
    FULL JOIN (SELECT id, lines FROM claim WHERE sale_id = $1 AND state <> 'void') c ON c.id = o.id),
held AS (
    SELECT p.id, p.claimed, string_agg(coalesce(i.no::text, '?') || ':' || l.quantity, ',' ORDER BY i.no) AS lines FROM pairs p
    LEFT JOIN LATERAL (SELECT item_id, quantity FROM order_line WHERE merchant_id = p.merchant_id AND order_id = p.id OFFSET 0) l ON true
    LEFT JOIN LATERAL (SELECT no, sale_id FROM sale_item WHERE id = l.item_id OFFSET 0) i ON i.sale_id = $1
    WHERE p.id IS NOT NULL GROUP BY p.merchant_id, p.id, p.claimed),
wrong AS (SELECT id, claimed, lines FROM held WHERE claimed IS NOT NULL AND lines IS DISTINCT FROM claimed)
SELECT (SELECT count(*) FROM wrong) AS broken,
       ARRAY(SELECT format('order %s has lines %s, its claim %s', id, coalesce(lines, 'none'), claimed) FROM wrong ORDER BY id LIMIT 5) AS detail,
       (SELECT count(lines) FROM held) AS orders
