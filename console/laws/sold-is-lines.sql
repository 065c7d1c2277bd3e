-- Units sold are the units in the lines of standing orders.

WITH lines AS (
    SELECT l.item_id, o.segment, sum(l.quantity)::bigint AS units
    FROM orders o CROSS JOIN LATERAL (
        SELECT item_id, quantity FROM order_line WHERE merchant_id = o.merchant_id AND order_id = o.id OFFSET 0) l
    WHERE o.merchant_id = ANY (ARRAY(SELECT id FROM merchant)) AND o.sale_id = $1 AND o.state NOT IN ('expired', 'cancelled')
    GROUP BY l.item_id, o.segment),
found AS (
    SELECT coalesce(k.item_id, n.item_id) AS item_id, coalesce(k.segment, n.segment) AS segment,
           coalesce(k.sold, 0) AS sold, coalesce(n.units, 0) AS units
    FROM (SELECT * FROM stock WHERE sale_id = $1) k FULL JOIN lines n ON n.item_id = k.item_id AND n.segment = k.segment),
wrong AS (SELECT (SELECT i.no FROM sale_item i WHERE i.id = f.item_id) AS no, f.* FROM found f WHERE f.sold <> f.units)
SELECT (SELECT count(*) FROM wrong) AS broken,
       ARRAY(SELECT format('item %s, segment %s: %s sold, %s in the lines of standing orders', coalesce(no::text, item_id::text), segment, sold, units)
             FROM wrong ORDER BY no, segment LIMIT 5) AS detail,
       coalesce(sum(sold), 0)::bigint AS sold, coalesce(sum(units), 0)::bigint AS in_order_lines
FROM found
