-- Stock is the sum of its movements.

WITH moved AS (
    SELECT i.id AS item_id, m.* FROM sale_item i CROSS JOIN LATERAL (
        SELECT segment, count(*) AS movements,
               sum(CASE kind WHEN 'allocated' THEN units WHEN 'returned' THEN -units ELSE 0 END)::bigint AS allocated,
               sum(CASE kind WHEN 'sold' THEN units WHEN 'released' THEN -units ELSE 0 END)::bigint AS sold
        FROM stock_movement WHERE item_id = i.id GROUP BY segment) m
    WHERE i.sale_id = $1),
found AS (
    SELECT coalesce(k.item_id, m.item_id) AS item_id, coalesce(k.segment, m.segment) AS segment,
           coalesce(k.allocated, 0) AS allocated, coalesce(m.allocated, 0) AS moved_in,
           coalesce(k.sold, 0) AS sold, coalesce(m.sold, 0) AS moved_out, coalesce(m.movements, 0) AS movements
    FROM (SELECT * FROM stock WHERE sale_id = $1) k FULL JOIN moved m ON m.item_id = k.item_id AND m.segment = k.segment),
wrong AS (SELECT (SELECT i.no FROM sale_item i WHERE i.id = f.item_id) AS no, f.* FROM found f WHERE f.allocated <> f.moved_in OR f.sold <> f.moved_out)
SELECT (SELECT count(*) FROM wrong) AS broken,
       ARRAY(SELECT format('item %s, segment %s: %s allocated and %s moved in; %s sold and %s moved out', no, segment, allocated, moved_in, sold, moved_out)
             FROM wrong ORDER BY no, segment LIMIT 5) AS detail,
       coalesce(sum(movements), 0)::bigint AS movements
FROM found
