-- Units on the shelf are the sum of their movements.

WITH skus AS (SELECT DISTINCT merchant_id, sku_id FROM sale_item WHERE sale_id = $1),
found AS (
    SELECT s.sku_id, coalesce((SELECT b.on_hand FROM base_stock b WHERE b.sku_id = s.sku_id), 0) AS on_hand, m.units
    FROM skus s CROSS JOIN LATERAL (
        SELECT coalesce(sum(CASE WHEN kind IN ('received', 'adjusted', 'returned') THEN units
                                 WHEN kind = 'allocated' THEN -units ELSE 0 END), 0)::bigint AS units
        FROM stock_movement WHERE merchant_id = s.merchant_id AND sku_id = s.sku_id) m)
SELECT count(*) FILTER (WHERE on_hand <> units) AS broken,
       ARRAY(SELECT format('SKU %s: %s on hand, its movements leave %s', sku_id, on_hand, units) FROM found WHERE on_hand <> units ORDER BY sku_id LIMIT 5) AS detail,
       count(*) AS skus, coalesce(sum(on_hand), 0)::bigint AS on_hand
FROM found
