-- Place a batch of held orders of one sale segment: one call, one transaction. Claims first; lines, history and outbox
-- derive from the claims that were inserted; the counters come last and raise when they refuse.
-- Returns a row for each order that is NOT new: 'placed' or 'released' (that order stands), 'reused' (the key stands
-- with another body), 'void' (this id is dead). An order without a row is placed.
CREATE FUNCTION orders_place(
    p_merchant uuid, p_sale uuid, p_segment smallint, p_epoch bigint, p_rehearsal boolean, p_currency text,
    p_at timestamptz, p_expires_at timestamptz, p_context jsonb, p_subscribers text[],
    p_ids uuid[], p_customers uuid[], p_keys text[], p_prints text[], p_lines text[], p_units int[], p_nos bigint[], p_served_ms bigint[],
    p_totals bigint[], p_shares text[],
    l_orders uuid[], l_nos smallint[], l_items uuid[], l_versions uuid[], l_units int[], l_prices bigint[],
    r_orders uuid[], r_names text[], r_phones text[], r_addresses text[]
) RETURNS TABLE (wanted_id uuid, id uuid, outcome text) LANGUAGE plpgsql AS $$
DECLARE
    fresh uuid[];
    items uuid[];
    units bigint[];
    payload jsonb := jsonb_build_object('merchant_id', p_merchant, 'sale_id', p_sale);
    all_ids uuid[] := p_ids;
    all_customers uuid[] := p_customers;
    all_keys text[] := p_keys;
    all_prints text[] := p_prints;
BEGIN
    fresh := claims_take(p_merchant, p_sale, p_segment, p_epoch, p_rehearsal, p_ids, p_customers, p_keys, p_prints, p_lines, p_units, p_nos, p_served_ms);

    IF cardinality(fresh) < cardinality(p_ids) THEN  -- rare, so that the inserts below need no filter
        SELECT coalesce(array_agg(w.id), '{}'), array_agg(w.customer), array_agg(w.key), array_agg(w.total), array_agg(w.share), array_agg(w.served_ms)
        INTO p_ids, p_customers, p_keys, p_totals, p_shares, p_served_ms
        FROM unnest(p_ids, p_customers, p_keys, p_totals, p_shares, p_served_ms) AS w (id, customer, key, total, share, served_ms)
        WHERE w.id = ANY (fresh);
        SELECT array_agg(l.order_id), array_agg(l.no), array_agg(l.item), array_agg(l.version), array_agg(l.units), array_agg(l.price)
        INTO l_orders, l_nos, l_items, l_versions, l_units, l_prices
        FROM unnest(l_orders, l_nos, l_items, l_versions, l_units, l_prices) AS l (order_id, no, item, version, units, price)
        WHERE l.order_id = ANY (fresh);
        SELECT array_agg(r.order_id), array_agg(r.name), array_agg(r.phone), array_agg(r.address)
        INTO r_orders, r_names, r_phones, r_addresses
        FROM unnest(r_orders, r_names, r_phones, r_addresses) AS r (order_id, name, phone, address)
        WHERE r.order_id = ANY (fresh);
    END IF;

    IF cardinality(fresh) > 0 THEN
        INSERT INTO orders (merchant_id, id, sale_id, segment, customer_id, claim_key, state, currency, lines_total, total, share_code, rehearsal,
                            placed_at, expires_at, room_id, session_id, pin_id, broadcast_offset_ms)
        SELECT p_merchant, w.id, p_sale, p_segment, w.customer, w.key, CASE w.total WHEN 0 THEN 'paid' ELSE 'awaiting_payment' END, p_currency,
               w.total, w.total, w.share, p_rehearsal, p_at, p_expires_at,
               (p_context->>'room_id')::uuid, (p_context->>'session_id')::uuid, (p_context->>'pin_id')::uuid,
               w.served_ms - (p_context->>'started_ms')::bigint
        FROM unnest(p_ids, p_customers, p_keys, p_totals, p_shares, p_served_ms) AS w (id, customer, key, total, share, served_ms);

        INSERT INTO order_line (merchant_id, order_id, no, item_id, item_version_id, quantity, unit_price, amount)
        SELECT p_merchant, l.order_id, l.no, l.item, l.version, l.units, l.price, l.units * l.price
        FROM unnest(l_orders, l_nos, l_items, l_versions, l_units, l_prices) AS l (order_id, no, item, version, units, price);

        INSERT INTO order_history (merchant_id, order_id, state, at, actor)
        SELECT p_merchant, w.id, CASE w.total WHEN 0 THEN 'paid' ELSE 'awaiting_payment' END, p_at, 'customer'
        FROM unnest(p_ids, p_totals) AS w (id, total);

        INSERT INTO outbox_event (id, topic, aggregate, payload, at)
        SELECT w.id, 'order.placed', w.id, payload, p_at FROM unnest(p_ids) AS w (id);

        IF cardinality(p_subscribers) > 0 THEN
            INSERT INTO outbox_delivery (event_id, subscriber, lane, aggregate, due_at)
            SELECT f, s, outbox_lane(f), f, p_at FROM unnest(p_ids) AS f, unnest(p_subscribers) AS s;
        END IF;

        IF cardinality(r_orders) > 0 THEN
            INSERT INTO order_recipient (merchant_id, order_id, name, phone, address)
            SELECT p_merchant, r.order_id, r.name, r.phone, r.address
            FROM unnest(r_orders, r_names, r_phones, r_addresses) AS r (order_id, name, phone, address);
        END IF;

        SELECT array_agg(s.item), array_agg(s.units) INTO items, units FROM (
            SELECT l.item, sum(l.units) AS units FROM unnest(l_items, l_units) AS l (item, units) GROUP BY l.item) AS s;
        PERFORM stock_sell(p_merchant, p_segment, p_epoch, p_at, items, units);
    END IF;

    IF cardinality(fresh) < cardinality(all_ids) THEN
        RETURN QUERY
        SELECT w.id, c.id, CASE WHEN c.state = 'void' THEN 'void' WHEN c.fingerprint <> w.print THEN 'reused' ELSE c.state END
        FROM unnest(all_ids, all_customers, all_keys, all_prints) AS w (id, customer, key, print)
        JOIN claim c ON c.sale_id = p_sale AND c.customer_id = w.customer AND c.key = w.key
        WHERE w.id <> ALL (fresh);
    END IF;
END $$;

-- Lapse orders that await payment (expired, or cancelled): the order moves, its claim is released and its units go back
-- in one transaction, with a fact for the gate that carries the epoch read here. Orders that already moved, and with
-- `p_due_by` those whose hold has not run out, are passed over; of two racing calls exactly one moves an order.
-- Returns the ids that moved.
CREATE FUNCTION orders_lapse(
    p_merchant uuid, p_ids uuid[], p_to text, p_due_by timestamptz, p_at timestamptz, p_actor text, p_reason text, p_subscribers text[]
) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
DECLARE
    lapsed uuid[];
    part record;
BEGIN
    PERFORM 1 FROM orders o JOIN claim c ON (c.sale_id, c.customer_id, c.key) = (o.sale_id, o.customer_id, o.claim_key)
    WHERE o.merchant_id = p_merchant AND o.id = ANY (p_ids) ORDER BY c.sale_id, c.customer_id, c.key FOR UPDATE OF c;

    PERFORM 1 FROM orders o WHERE o.merchant_id = p_merchant AND o.id = ANY (p_ids) ORDER BY o.id FOR UPDATE;

    WITH moved AS (
        UPDATE orders o SET state = p_to
        WHERE o.merchant_id = p_merchant AND o.id = ANY (p_ids) AND o.state = 'awaiting_payment' AND (p_due_by IS NULL OR o.expires_at <= p_due_by)
        RETURNING o.id)
    SELECT coalesce(array_agg(m.id), '{}') INTO lapsed FROM moved m;
    IF cardinality(lapsed) = 0 THEN
        RETURN;
    END IF;

    UPDATE claim c SET state = 'released' FROM orders o
    WHERE o.merchant_id = p_merchant AND o.id = ANY (lapsed) AND (c.sale_id, c.customer_id, c.key) = (o.sale_id, o.customer_id, o.claim_key);

    INSERT INTO order_history (merchant_id, order_id, state, at, actor, reason)
    SELECT p_merchant, l, p_to, p_at, p_actor, p_reason FROM unnest(lapsed) AS l;

    FOR part IN
        SELECT s.segment, array_agg(s.item_id) AS items, array_agg(s.units) AS units FROM (
            SELECT o.segment, l.item_id, sum(l.quantity) AS units
            FROM orders o JOIN order_line l ON l.merchant_id = o.merchant_id AND l.order_id = o.id
            WHERE o.merchant_id = p_merchant AND o.id = ANY (lapsed) GROUP BY o.segment, l.item_id) AS s
        GROUP BY s.segment ORDER BY s.segment
    LOOP
        PERFORM stock_unsell(p_merchant, part.segment, p_at, p_actor, part.items, part.units);
    END LOOP;

    WITH facts AS (
        INSERT INTO outbox_event (id, topic, aggregate, payload, at)
        SELECT row_id(p_at), 'order.lapsed', o.id,
               jsonb_build_object('merchant_id', p_merchant, 'sale_id', o.sale_id, 'segment', o.segment, 'customer_id', o.customer_id, 'key', o.claim_key,
                                  'id', o.id, 'state', p_to,
                                  'epoch', (SELECT max(s.epoch) FROM stock s WHERE s.sale_id = o.sale_id AND s.segment = o.segment)), p_at
        FROM orders o WHERE o.merchant_id = p_merchant AND o.id = ANY (lapsed)
        RETURNING id, aggregate)
    INSERT INTO outbox_delivery (event_id, subscriber, lane, aggregate, due_at)
    SELECT f.id, s, outbox_lane(f.aggregate), f.aggregate, p_at FROM facts f, unnest(p_subscribers) AS s;

    RETURN QUERY SELECT unnest(lapsed);
END $$;
