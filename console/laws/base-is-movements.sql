-- Units on the shelf are the sum of their movements.

WITH skus AS (SELECT DISTINCT merchant_id, sku_id FROM sale_item WHERE sale_id = $1),
moved AS (
    SELECT m.sku_id, sum(CASE WHEN m.kind IN ('received', 'adjusted', 'returned') THEN m.units WHEN m.kind = 'allocated' THEN -m.units ELSE 0 END)::bigint AS units
    FROM stock_movement m JOIN skus s ON s.merchant_id = m.merchant_id AND s.sku_id = m.sku_id GROUP BY m.sku_id),
found AS (
    SELECT s.sku_id, coalesce(b.on_hand, 0) AS on_hand, coalesce(m.units, 0) AS units
    FROM skus s LEFT JOIN base_stock b ON b.sku_id = s.sku_id LEFT JOIN moved m ON m.sku_id = s.sku_id)
SELECT count(*) FILTER (WHERE on_hand <> units) AS broken,
       ARRAY(SELECT format('SKU %s: %s on hand, its movements leave %s', sku_id, on_hand, units) FROM found WHERE on_hand <> units ORDER BY sku_id LIMIT 5) AS detail,
       count(*) AS skus, coalesce(sum(on_hand), 0)::bigint AS on_hand
FROM found
