-- Units sold are the units of placed claims.
--
-- Many claims have the same text, so texts are counted first and taken apart once.

WITH texts AS (SELECT segment, lines, count(*) AS times FROM claim WHERE sale_id = $1 AND state = 'placed' GROUP BY segment, lines),
claimed AS (
    SELECT t.segment, m.part[1]::int AS no, sum(m.part[2]::bigint * t.times)::bigint AS units
    FROM texts t, regexp_matches(t.lines, '(\d{1,5}):(\d{1,9})', 'g') AS m (part) GROUP BY t.segment, no),
found AS (
    SELECT coalesce(k.no, c.no) AS no, coalesce(k.segment, c.segment) AS segment, coalesce(k.sold, 0) AS sold, coalesce(c.units, 0) AS units
    FROM (SELECT i.no::int AS no, s.segment, s.sold FROM stock s JOIN sale_item i ON i.id = s.item_id WHERE s.sale_id = $1) k
    FULL JOIN claimed c ON c.no = k.no AND c.segment = k.segment)
SELECT count(*) FILTER (WHERE sold <> units) AS broken,
       ARRAY(SELECT format('item %s, segment %s: %s sold, %s in placed claims', no, segment, sold, units)
             FROM found WHERE sold <> units ORDER BY no, segment LIMIT 5) AS detail,
       coalesce(sum(sold), 0)::bigint AS sold, coalesce(sum(units), 0)::bigint AS in_placed_claims
FROM found
