-- A page of the gate's buyers whose units differ from those of their placed claims, in words.
--
-- The gate may say an item twice, as a rebuild does for a buyer of several orders: it adds them up, and so does this.
--
-- $1 sale, $2 segment, $3 fields, $4 texts
-- A field that does not begin with an id must not stop the comparison: it simply finds no claim.

WITH given AS (
    SELECT g.field, CASE WHEN g.field ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN g.field::uuid END AS customer_id,
           CASE WHEN g.text !~ '^\d{1,5}:\d{1,9}(,\d{1,5}:\d{1,9})*$' THEN g.text ELSE (
               SELECT string_agg(no || ':' || units, ',' ORDER BY no || ':' || units) FROM (
                   SELECT split_part(part, ':', 1) AS no, sum(split_part(part, ':', 2)::bigint) AS units
                   FROM string_to_table(g.text, ',') AS part GROUP BY 1) u) END AS lines
    FROM unnest($3::text[], $4::text[]) AS g (field, text))
SELECT format('customer %s: the gate counts %s, the ledger %s', g.field, g.lines, coalesce(b.lines, 'nothing')) AS says
FROM given g CROSS JOIN LATERAL (
    SELECT string_agg(no || ':' || units, ',' ORDER BY no || ':' || units) AS lines FROM (
        SELECT m.part[1] AS no, sum(m.part[2]::bigint) AS units
        FROM (SELECT lines, segment, state FROM claim WHERE sale_id = $1 AND customer_id = g.customer_id OFFSET 0) c,
             regexp_matches(c.lines, '(\d{1,5}):(\d{1,9})', 'g') AS m (part)
        WHERE c.segment = $2 AND c.state = 'placed' GROUP BY m.part[1]) u) b
WHERE b.lines IS DISTINCT FROM g.lines
