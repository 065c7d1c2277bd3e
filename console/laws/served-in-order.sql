-- The order of numbers is the order of service.

WITH steps AS (
    SELECT id, segment, verdict_no, served_at, epoch, lag(served_at) OVER queue AS served_before, lag(epoch) OVER queue AS epoch_before
    FROM claim WHERE sale_id = $1 AND state <> 'void' WINDOW queue AS (PARTITION BY segment ORDER BY verdict_no, served_at, epoch)),
wrong AS (SELECT * FROM steps WHERE served_at < served_before OR epoch < epoch_before)
SELECT (SELECT count(*) FROM wrong) AS broken,
       ARRAY(SELECT CASE WHEN epoch < epoch_before THEN format('no. %s is of epoch %s, the one before of %s', verdict_no, epoch, epoch_before)
                    ELSE format('no. %s was served at %s, the one before at %s', verdict_no, served_at, served_before) END
             FROM wrong ORDER BY segment, verdict_no LIMIT 5) AS detail,
       count(*) AS served, count(DISTINCT epoch) AS epochs
FROM steps
