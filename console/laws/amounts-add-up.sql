-- Lines, adjustments and totals add up, in one currency, at the price shown.

WITH found AS (
    SELECT o.id, o.total, CASE
        WHEN sums.amount IS NULL THEN 'has no lines'
        WHEN sums.miscounted THEN 'has a line whose amount is not quantity times price'
        WHEN sums.repriced THEN 'has a line at another price than was shown'
        WHEN o.lines_total <> sums.amount THEN 'its lines do not add up to its lines total'
        WHEN o.adjustment_total <> adjusted.amount THEN 'its adjustments do not add up'
        WHEN o.total <> o.lines_total + o.adjustment_total + o.shipping_total THEN 'its parts do not add up to its total'
        WHEN o.refunded_total NOT BETWEEN 0 AND o.total THEN 'more is refunded than was to be paid'
        WHEN o.currency <> (SELECT currency FROM sale WHERE id = $1) THEN 'is in another currency than the sale' END AS what
    FROM orders o
    CROSS JOIN LATERAL (
        SELECT sum(l.amount) AS amount, bool_or(l.amount <> l.quantity * l.unit_price) AS miscounted,
               bool_or(v.price IS NULL OR v.price <> l.unit_price OR v.currency <> o.currency) AS repriced
        FROM order_line l LEFT JOIN LATERAL (SELECT price, currency FROM item_version WHERE id = l.item_version_id OFFSET 0) v ON true
        WHERE l.merchant_id = o.merchant_id AND l.order_id = o.id) sums
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(a.amount), 0) AS amount FROM order_adjustment a WHERE a.merchant_id = o.merchant_id AND a.order_id = o.id) adjusted
    WHERE o.merchant_id = ANY (ARRAY(SELECT id FROM merchant)) AND o.sale_id = $1)
SELECT count(what) AS broken, ARRAY(SELECT format('order %s %s', id, what) FROM found WHERE what IS NOT NULL ORDER BY id LIMIT 5) AS detail,
       count(*) AS orders, coalesce(sum(total), 0)::bigint AS total
FROM found
