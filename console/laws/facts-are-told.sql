-- Every order's facts are in the outbox, while they are kept.

WITH due AS (
    SELECT o.id, 'order.placed' AS topic FROM orders o WHERE o.sale_id = $1 AND o.placed_at > $2
    UNION ALL
    SELECT o.id, 'order.lapsed' FROM orders o JOIN order_history h ON h.merchant_id = o.merchant_id AND h.order_id = o.id
    WHERE o.sale_id = $1 AND h.state IN ('expired', 'cancelled') AND h.at > $2),
wrong AS (SELECT d.id, d.topic FROM due d LEFT JOIN outbox_event e ON e.aggregate = d.id AND e.topic = d.topic WHERE e.id IS NULL)
SELECT (SELECT count(*) FROM wrong) AS broken, ARRAY(SELECT format('order %s: no fact %s', id, topic) FROM wrong ORDER BY id LIMIT 5) AS detail,
       (SELECT count(*) FROM due) AS facts
