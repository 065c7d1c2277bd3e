-- A segment has one epoch, and no claim is ahead of it.

WITH claimed AS (SELECT segment, max(epoch) AS epoch FROM claim WHERE sale_id = $1 GROUP BY segment),
found AS (
    SELECT k.segment, k.lowest, k.highest, coalesce(c.epoch, 0) AS claimed
    FROM (SELECT segment, min(epoch) AS lowest, max(epoch) AS highest FROM stock WHERE sale_id = $1 GROUP BY segment) k
    LEFT JOIN claimed c ON c.segment = k.segment)
SELECT count(*) FILTER (WHERE lowest <> highest OR claimed > highest) AS broken,
       ARRAY(SELECT format('segment %s: stock rows have epochs %s to %s, claims up to %s', segment, lowest, highest, claimed)
             FROM found WHERE lowest <> highest OR claimed > highest ORDER BY segment LIMIT 5) AS detail,
       coalesce(max(highest), 0) AS epoch
FROM found
