-- Every order's facts are in the outbox, while they are kept.
--
-- The outbox is not indexed by what its facts are about, so it is read once and no fact is asked for by itself. A fact's id begins
-- with its time: those of other times are read only where one is missing. EXCEPT hashes or sorts, however few PostgreSQL expects.

WITH sold AS (SELECT merchant_id, id, placed_at FROM orders WHERE merchant_id = ANY (ARRAY(SELECT id FROM merchant)) AND sale_id = $1),
due AS (
    SELECT id, 'order.placed' AS topic, id AS fact_from FROM sold WHERE placed_at > $2
    UNION ALL
    SELECT o.id, 'order.lapsed', (lpad(to_hex((extract(epoch FROM h.at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
    FROM sold o CROSS JOIN LATERAL (
        SELECT state, at FROM order_history WHERE merchant_id = o.merchant_id AND order_id = o.id OFFSET 0) h
    WHERE h.state IN ('expired', 'cancelled') AND h.at > $2),
first AS (SELECT fact_from FROM due ORDER BY fact_from LIMIT 1),
missed AS MATERIALIZED (
    SELECT id, topic FROM due EXCEPT SELECT aggregate, topic FROM outbox_event WHERE id >= (SELECT fact_from FROM first)),
wrong AS (
    SELECT id, topic FROM missed
    EXCEPT SELECT aggregate, topic FROM outbox_event WHERE EXISTS (SELECT FROM missed) AND id < (SELECT fact_from FROM first))
SELECT (SELECT count(*) FROM wrong) AS broken, ARRAY(SELECT format('order %s: no fact %s', id, topic) FROM wrong ORDER BY id LIMIT 5) AS detail,
       (SELECT count(*) FROM due) AS facts
