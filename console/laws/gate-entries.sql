-- A page of the gate's keys that differ from the claims, in words.
--
-- $1 sale, $2 segment, $3 fields, $4 texts
-- A field that does not begin with an id must not stop the comparison: it simply finds no claim.

WITH given AS (
    SELECT g.field, g.text, substr(g.field, 38) AS key,
           CASE WHEN g.field ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:' THEN left(g.field, 36)::uuid END AS customer_id
    FROM unnest($3::text[], $4::text[]) AS g (field, text))
SELECT format('key %s: the gate has %s %s, the ledger %s', g.field, left(g.text, 1), substr(g.text, 3, 36),
              coalesce(c.state || ' ' || c.id, 'nothing')) AS says
FROM given g
LEFT JOIN LATERAL (SELECT * FROM claim WHERE sale_id = $1 AND customer_id = g.customer_id AND key = g.key OFFSET 0) c ON c.segment = $2
WHERE c.id IS NULL
   OR left(g.text, 1) <> CASE c.state WHEN 'placed' THEN 'C' WHEN 'released' THEN 'R' ELSE 'V' END
   OR substr(g.text, 3, 36) <> c.id::text OR substr(g.text, 39, 32) <> c.fingerprint
   OR substr(g.text, 71) <> concat_ws(';', c.verdict_no, (extract(epoch FROM c.served_at) * 1000)::bigint, c.lines)
