-- Units of lapsed orders are on sale again within 10 s.

WITH waiting AS (
    SELECT e.aggregate, e.at, d.state, d.subscriber FROM outbox_delivery d CROSS JOIN LATERAL (SELECT * FROM outbox_event WHERE id = d.event_id OFFSET 0) e
    WHERE d.state <> 'done' AND e.topic = 'order.lapsed' AND e.payload->>'sale_id' = $1::uuid::text)
SELECT count(*) FILTER (WHERE at < $2 OR state = 'dead') AS broken,
       ARRAY(SELECT format('order %s lapsed at %s, %s is %s', aggregate, at, subscriber, state)
             FROM waiting WHERE at < $2 OR state = 'dead' ORDER BY at LIMIT 5) AS detail,
       count(*) AS waiting
FROM waiting
