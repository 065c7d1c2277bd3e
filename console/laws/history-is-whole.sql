-- Every state an order entered is in its history.
--
-- The first state is awaiting_payment, or paid where nothing is to be paid; every later one adds a row.

WITH told AS (
    SELECT h.order_id, array_agg(h.state) AS states FROM orders o JOIN order_history h ON h.merchant_id = o.merchant_id AND h.order_id = o.id
    WHERE o.sale_id = $1 GROUP BY h.order_id),
born AS (SELECT o.id, o.state, CASE o.total WHEN 0 THEN 'paid' ELSE 'awaiting_payment' END AS first_state FROM orders o WHERE o.sale_id = $1),
wrong AS (
    SELECT b.id, b.state, t.states FROM born b LEFT JOIN told t ON t.order_id = b.id
    WHERE t.states IS NULL OR NOT t.states @> ARRAY[b.state, b.first_state] OR (cardinality(t.states) = 1) <> (b.state = b.first_state))
SELECT (SELECT count(*) FROM wrong) AS broken,
       ARRAY(SELECT format('order %s is %s, its history says %s', id, state, coalesce(array_to_string(states, ', '), 'nothing')) FROM wrong ORDER BY id LIMIT 5) AS detail,
       (SELECT count(*) FROM born) AS orders, (SELECT coalesce(sum(cardinality(states)), 0)::bigint FROM told) AS states
