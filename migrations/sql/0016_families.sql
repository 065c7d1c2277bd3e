-- What was counted of broadcasts is summed for their families, whose tallies were those of what came off air.

-- What brought somebody into a broadcast, and was shared of something else, is a node of its room from now on.
SELECT tree_grow(array_agg(ROW (0, 'share', n.merchant_id, n.share_id, n.scope_id, NULL)::tree_due))
FROM tree_node n JOIN tree_scope c ON c.id = n.scope_id
WHERE c.id <> c.family_id AND NOT EXISTS (SELECT FROM tree_node r WHERE r.scope_id = c.family_id AND r.share_id = n.share_id);

UPDATE tree_node r SET
    visitors = r.visitors + x.visitors, viewers = r.viewers + x.viewers, buyers = r.buyers + x.buyers, orders = r.orders + x.orders,
    within_visitors = r.within_visitors + x.within_visitors, within_viewers = r.within_viewers + x.within_viewers,
    within_buyers = r.within_buyers + x.within_buyers, within_orders = r.within_orders + x.within_orders
FROM (
    SELECT c.family_id, n.share_id, sum(n.visitors) AS visitors, sum(n.viewers) AS viewers, sum(n.buyers) AS buyers, sum(n.orders) AS orders,
           sum(n.within_visitors) AS within_visitors, sum(n.within_viewers) AS within_viewers, sum(n.within_buyers) AS within_buyers,
           sum(n.within_orders) AS within_orders
    FROM tree_node n JOIN tree_scope c ON c.id = n.scope_id WHERE c.id <> c.family_id GROUP BY c.family_id, n.share_id) x
WHERE r.scope_id = x.family_id AND r.share_id = x.share_id;

UPDATE tree_sharer r SET
    visitors = r.visitors + x.visitors, viewers = r.viewers + x.viewers, buyers = r.buyers + x.buyers, orders = r.orders + x.orders,
    within_visitors = r.within_visitors + x.within_visitors, within_viewers = r.within_viewers + x.within_viewers,
    within_buyers = r.within_buyers + x.within_buyers, within_orders = r.within_orders + x.within_orders
FROM (
    SELECT c.family_id, n.sharer_id, sum(n.visitors) AS visitors, sum(n.viewers) AS viewers, sum(n.buyers) AS buyers, sum(n.orders) AS orders,
           sum(n.within_visitors) AS within_visitors, sum(n.within_viewers) AS within_viewers, sum(n.within_buyers) AS within_buyers,
           sum(n.within_orders) AS within_orders
    FROM tree_sharer n JOIN tree_scope c ON c.id = n.scope_id WHERE c.id <> c.family_id GROUP BY c.family_id, n.sharer_id) x
WHERE r.scope_id = x.family_id AND r.sharer_id = x.sharer_id;

-- Moments of a family are days.
CREATE TEMPORARY TABLE family_slice ON COMMIT DROP AS
    SELECT c.family_id AS scope_id, t.by, CASE t.by WHEN 'moment' THEN (t.key::bigint / 86400 * 86400)::text ELSE t.key END AS key,
           t.generation, t.merchant_id, coalesce(sum(t.shares) FILTER (WHERE c.id = c.family_id), 0) AS shares,
           sum(t.visitors) AS visitors, sum(t.viewers) AS viewers, sum(t.buyers) AS buyers, sum(t.orders) AS orders
    FROM tree_slice t JOIN tree_scope c ON c.id = t.scope_id GROUP BY 1, 2, 3, 4, 5;
DELETE FROM tree_slice t USING tree_scope c WHERE c.id = t.scope_id AND c.id = c.family_id;
INSERT INTO tree_slice (scope_id, by, key, generation, merchant_id, shares, visitors, viewers, buyers, orders)
SELECT scope_id, by, key, generation, merchant_id, shares, visitors, viewers, buyers, orders FROM family_slice
ORDER BY scope_id, by, key, generation;

INSERT INTO tree_money AS t (scope_id, by, key, generation, currency, merchant_id, placed, paid, lapsed, cancelled)
SELECT c.family_id, m.by, m.key, m.generation, m.currency, m.merchant_id, sum(m.placed), sum(m.paid), sum(m.lapsed), sum(m.cancelled)
FROM tree_money m JOIN tree_scope c ON c.id = m.scope_id WHERE c.id <> c.family_id
GROUP BY c.family_id, m.by, m.key, m.generation, m.currency, m.merchant_id
ORDER BY c.family_id, m.by, m.key
ON CONFLICT (scope_id, by, key, generation, currency) DO UPDATE SET
    placed = t.placed + excluded.placed, paid = t.paid + excluded.paid, lapsed = t.lapsed + excluded.lapsed,
    cancelled = t.cancelled + excluded.cancelled;
