-- Lines, adjustments and totals add up, in one currency, at the price shown.

WITH found AS (
    SELECT o.id, o.total, CASE
        WHEN count(l.amount) = 0 THEN 'has no lines'
        WHEN bool_or(l.amount <> l.quantity * l.unit_price) THEN 'has a line whose amount is not quantity times price'
        WHEN bool_or(v.price IS NULL OR v.price <> l.unit_price OR v.currency <> o.currency) THEN 'has a line at another price than was shown'
        WHEN o.lines_total <> sum(l.amount) THEN 'its lines do not add up to its lines total'
        WHEN o.adjustment_total <> coalesce((
            SELECT sum(a.amount) FROM order_adjustment a WHERE a.merchant_id = o.merchant_id AND a.order_id = o.id), 0) THEN 'its adjustments do not add up'
        WHEN o.total <> o.lines_total + o.adjustment_total + o.shipping_total THEN 'its parts do not add up to its total'
        WHEN o.refunded_total NOT BETWEEN 0 AND o.total THEN 'more is refunded than was to be paid'
        WHEN o.currency <> (SELECT currency FROM sale WHERE id = $1) THEN 'is in another currency than the sale' END AS what
    FROM orders o
    LEFT JOIN LATERAL (SELECT * FROM order_line WHERE merchant_id = o.merchant_id AND order_id = o.id OFFSET 0) l ON true
    LEFT JOIN LATERAL (SELECT price, currency FROM item_version WHERE id = l.item_version_id OFFSET 0) v ON true
    WHERE o.merchant_id = ANY (ARRAY(SELECT id FROM merchant)) AND o.sale_id = $1 GROUP BY o.merchant_id, o.id)
SELECT count(what) AS broken, ARRAY(SELECT format('order %s %s', id, what) FROM found WHERE what IS NOT NULL ORDER BY id LIMIT 5) AS detail,
       count(*) AS orders, coalesce(sum(total), 0)::bigint AS total
FROM found
