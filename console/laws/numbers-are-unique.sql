-- No two orders have the same number in the queue.
--
-- Void claims stay out: a hold that never became an order may have had its number given again by a rebuilt gate.

WITH numbers AS (
    SELECT segment, verdict_no, count(*) AS orders FROM claim WHERE sale_id = $1 AND state <> 'void' GROUP BY segment, verdict_no),
lasts AS (SELECT segment, max(verdict_no) - count(*) AS gaps, max(verdict_no) AS last FROM numbers GROUP BY segment)
SELECT count(*) FILTER (WHERE orders > 1 OR verdict_no < 1) AS broken,
       ARRAY(SELECT format('segment %s: number %s was given to %s orders', segment, verdict_no, orders)
             FROM numbers WHERE orders > 1 OR verdict_no < 1 ORDER BY verdict_no LIMIT 5) AS detail,
       count(*) AS numbers, (SELECT coalesce(max(last), 0) FROM lasts) AS last, (SELECT coalesce(sum(gaps), 0)::bigint FROM lasts) AS gaps
FROM numbers
