-- An order has the lines that its claim holds.

WITH held AS (
    SELECT l.order_id, string_agg(coalesce(i.no::text, '?') || ':' || l.quantity, ',' ORDER BY i.no) AS lines
    FROM orders o JOIN order_line l ON l.merchant_id = o.merchant_id AND l.order_id = o.id
    LEFT JOIN sale_item i ON i.id = l.item_id AND i.sale_id = $1
    WHERE o.sale_id = $1 GROUP BY l.order_id),
wrong AS (
    SELECT o.id, c.lines AS claimed, held.lines FROM orders o
    JOIN claim c ON c.sale_id = $1 AND c.id = o.id AND c.state <> 'void' LEFT JOIN held ON held.order_id = o.id
    WHERE o.sale_id = $1 AND held.lines IS DISTINCT FROM c.lines)
SELECT (SELECT count(*) FROM wrong) AS broken,
       ARRAY(SELECT format('order %s has lines %s, its claim %s', id, coalesce(lines, 'none'), claimed) FROM wrong ORDER BY id LIMIT 5) AS detail,
       (SELECT count(*) FROM held) AS orders
