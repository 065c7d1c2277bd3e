-- A segment has one epoch, and no claim is ahead of it.

WITH found AS (
    SELECT k.segment, min(k.epoch) AS lowest, max(k.epoch) AS highest,
           (SELECT coalesce(max(c.epoch), 0) FROM claim c WHERE c.sale_id = $1 AND c.segment = k.segment) AS claimed
    FROM stock k WHERE k.sale_id = $1 GROUP BY k.segment)
SELECT count(*) FILTER (WHERE lowest <> highest OR claimed > highest) AS broken,
       ARRAY(SELECT format('segment %s: stock rows have epochs %s to %s, claims up to %s', segment, lowest, highest, claimed)
             FROM found WHERE lowest <> highest OR claimed > highest ORDER BY segment LIMIT 5) AS detail,
       coalesce(max(highest), 0) AS epoch
FROM found
