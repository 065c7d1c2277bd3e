-- Every state an order entered is in its history.
--
-- The first state is awaiting_payment, or paid where nothing is to be paid; every later one adds a row.

WITH told AS (
    SELECT o.id, o.state, CASE o.total WHEN 0 THEN 'paid' ELSE 'awaiting_payment' END AS first_state, h.states
    FROM orders o CROSS JOIN LATERAL (
        SELECT array_agg(state) AS states FROM order_history WHERE merchant_id = o.merchant_id AND order_id = o.id) h
    WHERE o.merchant_id = ANY (ARRAY(SELECT id FROM merchant)) AND o.sale_id = $1),
wrong AS (
    SELECT id, state, states FROM told
    WHERE states IS NULL OR NOT states @> ARRAY[state, first_state] OR (cardinality(states) = 1) <> (state = first_state))
SELECT (SELECT count(*) FROM wrong) AS broken,
       ARRAY(SELECT format('order %s is %s, its history says %s', id, state, coalesce(array_to_string(states, ', '), 'nothing')) FROM wrong ORDER BY id LIMIT 5) AS detail,
       (SELECT count(*) FROM told) AS orders, (SELECT coalesce(sum(cardinality(states)), 0)::bigint FROM told) AS states
