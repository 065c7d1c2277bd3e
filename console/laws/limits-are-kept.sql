-- No customer has more than one buyer may have.
--
-- A limit that was changed while the sale ran says nothing about those who came before: that is the excuse.
-- A full join hashes or sorts, however few PostgreSQL expects of either.

WITH limits AS (SELECT no::int AS no, limit_per_customer AS most FROM sale_item WHERE sale_id = $1 AND limit_per_customer IS NOT NULL),
by_item AS (
    SELECT c.customer_id, m.part[1]::int AS no, sum(m.part[2]::bigint) AS units
    FROM claim c, regexp_matches(c.lines, '(\d{1,5}):(\d{1,9})', 'g') AS m (part)
    WHERE c.sale_id = $1 AND c.state = 'placed' AND EXISTS (SELECT FROM limits) GROUP BY c.customer_id, no),
limited AS MATERIALIZED (SELECT b.customer_id, b.no, b.units, l.most FROM by_item b FULL JOIN limits l ON l.no = b.no),
by_sale AS (
    SELECT customer_id, sum(units) AS units, (SELECT limit_per_customer FROM sale WHERE id = $1) AS most
    FROM claim WHERE sale_id = $1 AND state = 'placed' GROUP BY customer_id),
wrong AS (
    SELECT customer_id, format('%s of item %s', units, no) AS has, most FROM limited WHERE units > most
    UNION ALL SELECT customer_id, format('%s of the sale', units), most FROM by_sale WHERE units > most),
edits AS (
    SELECT count(*) AS times FROM sale s JOIN staff_audit a ON a.merchant_id = s.merchant_id AND a.subject_id = s.id
    WHERE s.id = $1 AND (a.command = 'sale.edit' AND a.detail->'fields' ? 'limit_per_customer' OR a.command = 'sale.edit_item' AND a.detail ? 'limit_per_customer')
      AND a.at >= (SELECT min(served_at) FROM claim WHERE sale_id = $1))
SELECT (SELECT count(*) FROM wrong) AS broken,
       ARRAY(SELECT format('customer %s has %s, may have %s', customer_id, has, most) FROM wrong ORDER BY customer_id LIMIT 5) AS detail,
       (SELECT CASE WHEN times > 0 THEN 'a limit was changed while the sale ran, and counts only from then on' END
        FROM edits WHERE EXISTS (SELECT FROM wrong)) AS excuse,
       (SELECT count(DISTINCT customer_id) FROM claim WHERE sale_id = $1 AND state = 'placed') AS buyers
