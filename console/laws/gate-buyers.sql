-- A page of the gate's buyers whose units differ from those of their placed claims, in words.
--
-- $1 sale, $2 segment, $3 fields, $4 texts
-- A field that does not begin with an id must not stop the comparison: it simply finds no claim.

WITH given AS (
    SELECT g.field, CASE WHEN g.field ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN g.field::uuid END AS customer_id,
           (SELECT string_agg(part, ',' ORDER BY part) FROM string_to_table(g.text, ',') AS part) AS lines
    FROM unnest($3::text[], $4::text[]) AS g (field, text)),
units AS (
    SELECT c.customer_id, m.part[1] AS no, sum(m.part[2]::bigint) AS units
    FROM claim c, regexp_matches(c.lines, '(\d{1,5}):(\d{1,9})', 'g') AS m (part)
    WHERE c.sale_id = $1 AND c.segment = $2 AND c.state = 'placed' AND c.customer_id = ANY (SELECT customer_id FROM given)
    GROUP BY c.customer_id, m.part[1]),
bought AS (
    SELECT customer_id, string_agg(no || ':' || units, ',' ORDER BY no || ':' || units) AS lines FROM units GROUP BY customer_id)
SELECT format('customer %s: the gate counts %s, the ledger %s', g.field, g.lines, coalesce(b.lines, 'nothing')) AS says
FROM given g LEFT JOIN bought b ON b.customer_id = g.customer_id WHERE b.lines IS DISTINCT FROM g.lines
