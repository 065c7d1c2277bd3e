-- A claim's units are those of its lines.

WITH texts AS (SELECT lines, units, count(*) AS times FROM claim WHERE sale_id = $1 GROUP BY lines, units),
found AS (
    SELECT t.*, t.lines ~ '^\d{1,5}:\d{1,9}(,\d{1,5}:\d{1,9})*$' AS readable,
           (SELECT coalesce(sum(m.part[1]::bigint), 0) FROM regexp_matches(t.lines, ':(\d{1,9})', 'g') AS m (part)) AS added
    FROM texts t)
SELECT coalesce(sum(times) FILTER (WHERE NOT readable OR units <> added), 0)::bigint AS broken,
       ARRAY(SELECT format('%s claims with lines %s and %s units', times, lines, units) FROM found WHERE NOT readable OR units <> added ORDER BY lines LIMIT 5) AS detail,
       coalesce(sum(times), 0)::bigint AS claims, coalesce(sum(times * units), 0)::bigint AS units
FROM found
