-- Stock is the sum of its movements.

WITH moved AS (
    SELECT item_id, segment, count(*) AS movements,
           sum(CASE kind WHEN 'allocated' THEN units WHEN 'returned' THEN -units ELSE 0 END)::bigint AS allocated,
           sum(CASE kind WHEN 'sold' THEN units WHEN 'released' THEN -units ELSE 0 END)::bigint AS sold
    FROM stock_movement WHERE item_id IN (SELECT id FROM sale_item WHERE sale_id = $1) GROUP BY item_id, segment),
found AS (
    SELECT coalesce(k.item_id, m.item_id) AS item_id, coalesce(k.segment, m.segment) AS segment,
           coalesce(k.allocated, 0) AS allocated, coalesce(m.allocated, 0) AS moved_in,
           coalesce(k.sold, 0) AS sold, coalesce(m.sold, 0) AS moved_out, coalesce(m.movements, 0) AS movements
    FROM (SELECT * FROM stock WHERE sale_id = $1) k FULL JOIN moved m ON m.item_id = k.item_id AND m.segment = k.segment),
wrong AS (SELECT i.no, f.* FROM found f LEFT JOIN sale_item i ON i.id = f.item_id WHERE f.allocated <> f.moved_in OR f.sold <> f.moved_out)
SELECT (SELECT count(*) FROM wrong) AS broken,
       ARRAY(SELECT format('item %s, segment %s: %s allocated and %s moved in; %s sold and %s moved out', no, segment, allocated, moved_in, sold, moved_out)
             FROM wrong ORDER BY no, segment LIMIT 5) AS detail,
       coalesce(sum(movements), 0)::bigint AS movements
FROM found
