-- Lines, adjustments and totals add up, in one currency, at the price shown.

WITH sums AS (
    SELECT l.order_id, sum(l.amount) AS amount,
           bool_or(l.amount <> l.quantity * l.unit_price) AS miscounted,
           bool_or(v.id IS NULL OR v.price <> l.unit_price OR v.currency <> o.currency) AS repriced
    FROM orders o JOIN order_line l ON l.merchant_id = o.merchant_id AND l.order_id = o.id LEFT JOIN item_version v ON v.id = l.item_version_id
    WHERE o.sale_id = $1 GROUP BY l.order_id),
adjusted AS (
    SELECT a.order_id, sum(a.amount) AS amount FROM orders o JOIN order_adjustment a ON a.merchant_id = o.merchant_id AND a.order_id = o.id
    WHERE o.sale_id = $1 GROUP BY a.order_id),
found AS (
    SELECT o.id, o.total, CASE
        WHEN sums.order_id IS NULL THEN 'has no lines'
        WHEN sums.miscounted THEN 'has a line whose amount is not quantity times price'
        WHEN sums.repriced THEN 'has a line at another price than was shown'
        WHEN o.lines_total <> sums.amount THEN 'its lines do not add up to its lines total'
        WHEN o.adjustment_total <> coalesce(adjusted.amount, 0) THEN 'its adjustments do not add up'
        WHEN o.total <> o.lines_total + o.adjustment_total + o.shipping_total THEN 'its parts do not add up to its total'
        WHEN o.refunded_total NOT BETWEEN 0 AND o.total THEN 'more is refunded than was to be paid'
        WHEN o.currency <> s.currency THEN 'is in another currency than the sale' END AS what
    FROM orders o JOIN sale s ON s.id = o.sale_id LEFT JOIN sums ON sums.order_id = o.id LEFT JOIN adjusted ON adjusted.order_id = o.id
    WHERE o.sale_id = $1)
SELECT count(what) AS broken, ARRAY(SELECT format('order %s %s', id, what) FROM found WHERE what IS NOT NULL ORDER BY id LIMIT 5) AS detail,
       count(*) AS orders, coalesce(sum(total), 0)::bigint AS total
FROM found
