-- No item has more units sold than allocated.

WITH wrong AS (
    SELECT i.no, k.segment, k.sold, k.allocated FROM stock k JOIN sale_item i ON i.id = k.item_id
    WHERE k.sale_id = $1 AND NOT k.sold BETWEEN 0 AND k.allocated)
SELECT (SELECT count(*) FROM wrong) AS broken,
       ARRAY(SELECT format('item %s, segment %s: %s sold of %s', no, segment, sold, allocated) FROM wrong ORDER BY no, segment LIMIT 5) AS detail,
       coalesce(sum(allocated), 0)::bigint AS allocated, coalesce(sum(sold), 0)::bigint AS sold
FROM stock WHERE sale_id = $1
