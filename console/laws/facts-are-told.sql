-- Every order's facts are in the outbox, while they are kept.
--
-- The outbox is not indexed by what its facts are about, so no fact is asked for by itself. A fact's id begins with its time: those
-- of the sale's time are read once, the others only where one is missing. EXCEPT hashes or sorts, however few PostgreSQL expects.

WITH sold AS (SELECT merchant_id, id, placed_at FROM orders WHERE merchant_id = ANY (ARRAY(SELECT id FROM merchant)) AND sale_id = $1),
due AS (
    SELECT id, 'order.placed' AS topic, id AS fact_from, id AS fact_to FROM sold WHERE placed_at > $2
    UNION ALL
    SELECT o.id, 'order.lapsed', (t.ms || repeat('0', 20))::uuid, (t.ms || repeat('f', 20))::uuid
    FROM sold o
    CROSS JOIN LATERAL (SELECT state, at FROM order_history WHERE merchant_id = o.merchant_id AND order_id = o.id OFFSET 0) h
    CROSS JOIN LATERAL (SELECT lpad(to_hex((extract(epoch FROM h.at) * 1000)::bigint), 12, '0') AS ms) t
    WHERE h.state IN ('expired', 'cancelled') AND h.at > $2),
missed AS MATERIALIZED (
    SELECT id, topic FROM due
    EXCEPT SELECT aggregate, topic FROM outbox_event
    WHERE id BETWEEN (SELECT fact_from FROM due ORDER BY fact_from LIMIT 1) AND (SELECT fact_to FROM due ORDER BY fact_to DESC LIMIT 1)),
wrong AS (SELECT id, topic FROM missed EXCEPT SELECT aggregate, topic FROM outbox_event WHERE EXISTS (SELECT FROM missed))
SELECT (SELECT count(*) FROM wrong) AS broken, ARRAY(SELECT format('order %s: no fact %s', id, topic) FROM wrong ORDER BY id LIMIT 5) AS detail,
       (SELECT count(*) FROM due) AS facts
