-- What an order costs does not grow with the sale, whatever the statistics of the tables say. They are old in every sale, for
-- tables grow within a minute; joins are then planned for a row or two, and read all that there is for each batch, or compare all
-- with all. What is asked of a row is asked of an index here: OFFSET keeps that from becoming a join.

-- As before, but for claims that were there, which are read key by key.
CREATE OR REPLACE FUNCTION orders_place(
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
        FROM unnest(all_ids, all_customers, all_keys, all_prints) AS w (id, customer, key, print) CROSS JOIN LATERAL (
            SELECT * FROM claim c WHERE c.sale_id = p_sale AND c.customer_id = w.customer AND c.key = w.key OFFSET 0) c
        WHERE w.id <> ALL (fresh);
    END IF;
END $$;

-- As before, but that the orders that were locked are looked at, and not all that are due; lines are read order by order.
CREATE OR REPLACE FUNCTION orders_lapse(
    p_merchant uuid, p_ids uuid[], p_to text, p_due_by timestamptz, p_at timestamptz, p_actor text, p_reason text, p_subscribers text[]
) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
DECLARE
    lapsed uuid[];
    part record;
BEGIN
    PERFORM 1 FROM orders o JOIN claim c ON (c.sale_id, c.customer_id, c.key) = (o.sale_id, o.customer_id, o.claim_key)
    WHERE o.merchant_id = p_merchant AND o.id = ANY (p_ids) ORDER BY c.sale_id, c.customer_id, c.key FOR UPDATE OF c;

    -- Of these, and not the other way round: asked for orders that are due, PostgreSQL may read all that are.
    SELECT coalesce(array_agg(o.id), '{}') INTO lapsed FROM (
        SELECT o.id, o.state, o.expires_at FROM orders o WHERE o.merchant_id = p_merchant AND o.id = ANY (p_ids) ORDER BY o.id FOR UPDATE OFFSET 0) o
    WHERE o.state = 'awaiting_payment' AND (p_due_by IS NULL OR o.expires_at <= p_due_by);
    IF cardinality(lapsed) = 0 THEN
        RETURN;
    END IF;
    UPDATE orders o SET state = p_to WHERE o.merchant_id = p_merchant AND o.id = ANY (lapsed);

    UPDATE claim c SET state = 'released' FROM orders o
    WHERE o.merchant_id = p_merchant AND o.id = ANY (lapsed) AND (c.sale_id, c.customer_id, c.key) = (o.sale_id, o.customer_id, o.claim_key);

    INSERT INTO order_history (merchant_id, order_id, state, at, actor, reason)
    SELECT p_merchant, l, p_to, p_at, p_actor, p_reason FROM unnest(lapsed) AS l;

    FOR part IN
        SELECT s.segment, array_agg(s.item_id) AS items, array_agg(s.units) AS units FROM (
            SELECT o.segment, l.item_id, sum(l.quantity) AS units
            FROM orders o CROSS JOIN LATERAL (
                SELECT * FROM order_line l WHERE l.merchant_id = o.merchant_id AND l.order_id = o.id OFFSET 0) l
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

-- What is due is taken up to a number: to look for each number of a list would compare the batch with itself.
CREATE OR REPLACE FUNCTION tree_tally(
    p_merchant uuid, p_max integer, p_at timestamptz, p_given_up bigint DEFAULT NULL, OUT counted integer, OUT parked text)
LANGUAGE plpgsql SET lock_timeout = '1s' AS $$
DECLARE
    due tree_due[];
BEGIN
    counted := 0;
    IF NOT pg_try_advisory_xact_lock(tree_lock(p_merchant)) THEN
        RETURN;
    END IF;
    WITH taken AS (
        DELETE FROM tree_due d WHERE d.merchant_id = p_merchant AND d.no <= (
            SELECT max(n.no) FROM (SELECT n.no FROM tree_due n WHERE n.merchant_id = p_merchant ORDER BY n.no LIMIT p_max) n)
        RETURNING d)
    SELECT array_agg(t.d) INTO due FROM taken t;
    IF due IS NULL THEN
        RETURN;
    END IF;
    counted := cardinality(due);
    IF counted > 1 THEN
        PERFORM tree_count(due);
        RETURN;
    END IF;
    BEGIN
        IF due[1].no = p_given_up THEN
            parked := '57014';
        ELSE
            PERFORM tree_count(due);
        END IF;
    EXCEPTION WHEN query_canceled THEN
        RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM, DETAIL = due[1].no;
    WHEN OTHERS THEN
        -- Data, constraints, limits, what is raised; not locks, nor want of time, space or schema.
        IF left(SQLSTATE, 2) NOT IN ('21', '22', '23', '54', 'P0', 'XX') THEN
            RAISE;
        END IF;
        parked := SQLSTATE;
    END;
    IF parked IS NOT NULL THEN
        INSERT INTO tree_parked (no, kind, merchant_id, share_id, session_id, who, failed_at, sqlstate)
        SELECT u.no, u.kind, u.merchant_id, u.share_id, u.session_id, u.who, p_at, parked FROM unnest(due) u;
    END IF;
END $$;

-- Add differences to the tallies. Every share among them is a node of its scope already, so that nothing is inserted as a node:
-- said so, each is found by its key.
CREATE OR REPLACE FUNCTION tree_add_to_scopes(p_deltas tree_delta[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH own AS (
        SELECT d.scope_id, d.share_id, sum(d.shares)::int AS shares, sum(d.visitors)::int AS visitors, sum(d.viewers)::int AS viewers,
               sum(d.buyers)::int AS buyers, sum(d.orders)::int AS orders
        FROM unnest(p_deltas) d GROUP BY d.scope_id, d.share_id),
    line AS (
        SELECT o.*, a.id AS node_id, a.sharer_id, a.merchant_id, a.depth, a.id = o.share_id AS mine, s.depth - a.depth AS below
        FROM own o JOIN share s ON s.id = o.share_id JOIN share a ON a.id = ANY (s.path || s.id)),
    node AS (
        SELECT l.scope_id, l.node_id, l.merchant_id, l.depth, sum(l.visitors) FILTER (WHERE l.mine) AS visitors, sum(l.viewers) FILTER (WHERE l.mine) AS viewers,
               sum(l.buyers) FILTER (WHERE l.mine) AS buyers, sum(l.orders) FILTER (WHERE l.mine) AS orders,
               sum(l.shares) AS within_shares, sum(l.visitors) AS within_visitors, sum(l.viewers) AS within_viewers,
               sum(l.buyers) AS within_buyers, sum(l.orders) AS within_orders, max(l.below) FILTER (WHERE l.shares > 0) AS levels
        FROM line l GROUP BY l.scope_id, l.node_id, l.merchant_id, l.depth),
    tallied AS (
        INSERT INTO tree_node AS n (scope_id, share_id, merchant_id, generation, visitors, viewers, buyers, orders,
                                    within_shares, within_visitors, within_viewers, within_buyers, within_orders, levels)
        SELECT c.scope_id, c.node_id, c.merchant_id, c.depth, coalesce(c.visitors, 0), coalesce(c.viewers, 0), coalesce(c.buyers, 0),
               coalesce(c.orders, 0), c.within_shares, c.within_visitors, c.within_viewers, c.within_buyers, c.within_orders,
               coalesce(c.levels, 0)
        FROM node c
        ON CONFLICT (scope_id, share_id) DO UPDATE SET
            visitors = n.visitors + excluded.visitors, viewers = n.viewers + excluded.viewers,
            buyers = n.buyers + excluded.buyers, orders = n.orders + excluded.orders,
            within_shares = n.within_shares + excluded.within_shares, within_visitors = n.within_visitors + excluded.within_visitors,
            within_viewers = n.within_viewers + excluded.within_viewers, within_buyers = n.within_buyers + excluded.within_buyers,
            within_orders = n.within_orders + excluded.within_orders, levels = greatest(n.levels, excluded.levels)),
    person AS (                                               -- once each, though somebody were in a line twice
        SELECT l.scope_id, l.share_id, l.sharer_id, l.merchant_id, bool_or(l.mine) AS mine, max(l.below) AS below, min(l.shares) AS shares,
               min(l.visitors) AS visitors, min(l.viewers) AS viewers, min(l.buyers) AS buyers, min(l.orders) AS orders
        FROM line l GROUP BY l.scope_id, l.share_id, l.sharer_id, l.merchant_id)
    INSERT INTO tree_sharer AS t (scope_id, sharer_id, merchant_id, shares, visitors, viewers, buyers, orders,
                                  within_shares, within_visitors, within_viewers, within_buyers, within_orders, levels)
    SELECT p.scope_id, p.sharer_id, p.merchant_id, coalesce(sum(p.shares) FILTER (WHERE p.mine), 0),
           coalesce(sum(p.visitors) FILTER (WHERE p.mine), 0), coalesce(sum(p.viewers) FILTER (WHERE p.mine), 0),
           coalesce(sum(p.buyers) FILTER (WHERE p.mine), 0), coalesce(sum(p.orders) FILTER (WHERE p.mine), 0),
           sum(p.shares), sum(p.visitors), sum(p.viewers), sum(p.buyers), sum(p.orders), coalesce(max(p.below) FILTER (WHERE p.shares > 0), 0)
    FROM person p GROUP BY p.scope_id, p.sharer_id, p.merchant_id
    ON CONFLICT (scope_id, sharer_id) DO UPDATE SET
        shares = t.shares + excluded.shares, visitors = t.visitors + excluded.visitors, viewers = t.viewers + excluded.viewers,
        buyers = t.buyers + excluded.buyers, orders = t.orders + excluded.orders, within_shares = t.within_shares + excluded.within_shares,
        within_visitors = t.within_visitors + excluded.within_visitors, within_viewers = t.within_viewers + excluded.within_viewers,
        within_buyers = t.within_buyers + excluded.within_buyers, within_orders = t.within_orders + excluded.within_orders,
        levels = greatest(t.levels, excluded.levels);

    INSERT INTO tree_slice AS t (scope_id, by, key, generation, merchant_id, shares, visitors, viewers, buyers, orders)
    SELECT d.scope_id, k.by, k.key, s.depth, s.merchant_id, sum(d.shares), sum(d.visitors), sum(d.viewers), sum(d.buyers), sum(d.orders)
    FROM unnest(p_deltas) d JOIN share s ON s.id = d.share_id CROSS JOIN LATERAL (VALUES
        ('generation', ''), ('channel', d.channel), ('community', d.community), ('moment', extract(epoch FROM d.moment)::bigint::text)) AS k (by, key)
    WHERE k.key IS NOT NULL GROUP BY d.scope_id, k.by, k.key, s.depth, s.merchant_id
    ON CONFLICT (scope_id, by, key, generation) DO UPDATE SET
        shares = t.shares + excluded.shares, visitors = t.visitors + excluded.visitors, viewers = t.viewers + excluded.viewers,
        buyers = t.buyers + excluded.buyers, orders = t.orders + excluded.orders;

    INSERT INTO tree_money AS t (scope_id, by, key, generation, currency, merchant_id, placed, paid, lapsed, cancelled)
    SELECT d.scope_id, k.by, k.key, k.generation, d.currency, s.merchant_id, sum(d.placed), sum(d.paid), sum(d.lapsed), sum(d.cancelled)
    FROM unnest(p_deltas) d JOIN share s ON s.id = d.share_id CROSS JOIN LATERAL (
        VALUES ('generation', '', s.depth), ('channel', d.channel, s.depth), ('community', d.community, s.depth),
               ('share', d.share_id::text, 0), ('sharer', s.sharer_id::text, 0)
        UNION SELECT unnest(ARRAY['subtree', 'reach']), unnest(ARRAY[a.id, a.sharer_id]::text[]), 0
        FROM share a WHERE a.id = ANY (s.path || s.id)) AS k (by, key, generation)
    WHERE d.currency IS NOT NULL AND k.key IS NOT NULL GROUP BY d.scope_id, k.by, k.key, k.generation, d.currency, s.merchant_id
    ON CONFLICT (scope_id, by, key, generation, currency) DO UPDATE SET
        placed = t.placed + excluded.placed, paid = t.paid + excluded.paid, lapsed = t.lapsed + excluded.lapsed,
        cancelled = t.cancelled + excluded.cancelled;
END $$;

-- Make shares nodes of their scopes, with all above them: of their family; of the session that is shared, or that was on air
-- in the room that is; and of the session that somebody came into through them, or bought in, and of its room: what brings
-- somebody there is part of its tree, whatever was shared.
CREATE OR REPLACE FUNCTION tree_grow(p_due tree_due[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    grown tree_delta[];
BEGIN
    WITH named AS (
        SELECT s.*, u.session_id FROM (SELECT DISTINCT u.share_id, u.session_id FROM unnest(p_due) u) u
        CROSS JOIN LATERAL (SELECT * FROM share s WHERE s.id = u.share_id OFFSET 0) s),
    wanted AS (
        SELECT s.family_id AS scope_id, s.id AS share_id, s.family_id FROM named s
        UNION
        SELECT p.id, s.id, coalesce(e.room_id, s.family_id)
        FROM named s LEFT JOIN session e ON e.id = s.session_id
        CROSS JOIN LATERAL (VALUES (s.session_id), (e.room_id)) AS p (id) WHERE p.id IS NOT NULL
        UNION
        SELECT s.target_id, s.id, s.family_id FROM named s WHERE s.target_kind = 'session'
        UNION
        SELECT e.id, s.id, s.family_id FROM named s JOIN session e ON e.room_id = s.family_id
        WHERE s.target_kind = 'room' AND NOT e.rehearsal AND e.started_at <= s.created_at AND (e.ended_at IS NULL OR e.ended_at > s.created_at)),
    line AS (
        SELECT DISTINCT w.scope_id, w.family_id, a.id, a.merchant_id, a.depth
        FROM wanted w CROSS JOIN LATERAL (SELECT unnest(s.path || s.id) AS id FROM share s WHERE s.id = w.share_id OFFSET 0) u
        CROSS JOIN LATERAL (SELECT * FROM share a WHERE a.id = u.id OFFSET 0) a
        WHERE NOT EXISTS (SELECT FROM tree_node n WHERE n.scope_id = w.scope_id AND n.share_id = w.share_id OFFSET 0)),
    scope AS (
        INSERT INTO tree_scope (id, merchant_id, family_id) SELECT DISTINCT l.scope_id, l.merchant_id, l.family_id FROM line l
        ON CONFLICT DO NOTHING),
    node AS (
        INSERT INTO tree_node (scope_id, share_id, merchant_id, generation) SELECT l.scope_id, l.id, l.merchant_id, l.depth FROM line l
        ON CONFLICT DO NOTHING RETURNING scope_id, share_id)
    SELECT array_agg(ROW (n.scope_id, n.share_id, NULL, NULL, tree_moment(s.created_at), 1, 0, 0, 0, 0, NULL, 0, 0, 0, 0)::tree_delta)
    INTO grown FROM node n CROSS JOIN LATERAL (SELECT s.created_at FROM share s WHERE s.id = n.share_id OFFSET 0) s;
    PERFORM tree_add(grown);
END $$;

-- Count visitors where they came first, and viewers among them: who opens his own link is none. What was counted before
-- is taken off.
CREATE OR REPLACE FUNCTION tree_count_visitors(p_due tree_due[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    found tree_visitor[];
    changed tree_delta[];
BEGIN
    WITH due AS (
        SELECT DISTINCT coalesce(u.session_id, s.family_id) AS scope_id, u.session_id, u.merchant_id, u.who AS visitor_id
        FROM unnest(p_due) u LEFT JOIN share s ON s.id = u.share_id WHERE u.kind = 'visitor')
    SELECT array_agg(ROW (d.scope_id, d.visitor_id, d.merchant_id, f.share_id, f.channel, f.community, f.at,
                          f.share_id IS NOT NULL AND EXISTS (
                              SELECT FROM session_viewer v WHERE v.session_id = d.session_id AND v.viewer_id = d.visitor_id))::tree_visitor)
    INTO found FROM due d LEFT JOIN LATERAL (
        SELECT t.share_id, t.channel, t.community, t.at
        FROM touch t CROSS JOIN LATERAL (SELECT * FROM share s WHERE s.merchant_id = t.merchant_id AND s.id = t.share_id OFFSET 0) s
        WHERE t.merchant_id = d.merchant_id AND t.visitor_id = d.visitor_id AND t.session_id IS NOT DISTINCT FROM d.session_id
            AND (d.session_id IS NOT NULL OR s.family_id = d.scope_id) AND s.sharer_id <> t.visitor_id
        ORDER BY t.at, t.id LIMIT 1) f ON true;
    -- Whoever watched may be due before the visit that brought him, and with it the share, is.
    PERFORM tree_grow(array_agg(ROW (0, 'visitor', c.merchant_id, c.share_id, c.scope_id, c.visitor_id)::tree_due)) FROM unnest(found) c
    WHERE c.share_id IS NOT NULL AND NOT EXISTS (SELECT FROM tree_node n WHERE n.scope_id = c.scope_id AND n.share_id = c.share_id);

    WITH current AS (SELECT c.* FROM unnest(found) c),
    counted AS (
        INSERT INTO tree_visitor AS v (scope_id, visitor_id, merchant_id, share_id, channel, community, at, watched)
        SELECT scope_id, visitor_id, merchant_id, share_id, channel, community, at, watched FROM current WHERE share_id IS NOT NULL
        ON CONFLICT (scope_id, visitor_id) DO UPDATE SET
            share_id = excluded.share_id, channel = excluded.channel, community = excluded.community, at = excluded.at, watched = excluded.watched
        WHERE (v.share_id, v.channel, v.community, v.at, v.watched)
            IS DISTINCT FROM (excluded.share_id, excluded.channel, excluded.community, excluded.at, excluded.watched)),
    gone AS (
        DELETE FROM tree_visitor v USING current c
        WHERE v.scope_id = c.scope_id AND v.visitor_id = c.visitor_id AND c.share_id IS NULL),
    change AS (
        SELECT v.scope_id, v.share_id, v.channel, v.community, tree_moment(v.at) AS moment, -1 AS visitors, -v.watched::int AS viewers
        FROM current c CROSS JOIN LATERAL (
            SELECT * FROM tree_visitor v WHERE v.scope_id = c.scope_id AND v.visitor_id = c.visitor_id OFFSET 0) v
        UNION ALL
        SELECT c.scope_id, c.share_id, c.channel, c.community, tree_moment(c.at), 1, c.watched::int FROM current c WHERE c.share_id IS NOT NULL),
    difference AS (
        SELECT scope_id, share_id, channel, community, moment, sum(visitors)::int AS visitors, sum(viewers)::int AS viewers
        FROM change GROUP BY scope_id, share_id, channel, community, moment HAVING sum(visitors) <> 0 OR sum(viewers) <> 0)
    SELECT array_agg(ROW (d.scope_id, d.share_id, d.channel, d.community, d.moment, 0, d.visitors, d.viewers, 0, 0, NULL, 0, 0, 0, 0)::tree_delta)
    INTO changed FROM difference d;
    PERFORM tree_add(changed);
END $$;

-- Count the credits of orders, those on hold among them, and buyers. An order counts where the most of it is credited first. Once
-- the visit that it came by is forgotten, it stays with the channel and the community that it was counted with.
CREATE OR REPLACE FUNCTION tree_count_orders(p_due tree_due[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    orders uuid[];
    buyers tree_buyer[];
    changed tree_delta[];
BEGIN
    SELECT array_agg(o.id) INTO orders FROM (
        SELECT u.who AS id FROM unnest(p_due) u WHERE u.kind = 'order'
        UNION
        SELECT t.order_id FROM unnest(p_due) u JOIN tree_order t ON t.touch_id = u.who WHERE u.kind = 'touch') o;
    IF orders IS NULL THEN
        RETURN;
    END IF;
    PERFORM tree_grow(array_agg(ROW (0, 'order', c.merchant_id, c.share_id, a.session_id, c.order_id)::tree_due))
    FROM unnest(orders) AS o (id) CROSS JOIN LATERAL (SELECT * FROM credit c WHERE c.order_id = o.id OFFSET 0) c
    CROSS JOIN LATERAL (SELECT * FROM attribution a WHERE a.merchant_id = c.merchant_id AND a.order_id = c.order_id OFFSET 0) a;

    WITH current AS (
        SELECT c.order_id, c.no, c.merchant_id, coalesce(a.session_id, s.family_id) AS scope_id, a.customer_id, c.share_id, c.touch_id,
               coalesce(t.channel, k.channel, 'unknown') AS channel, CASE WHEN t.id IS NULL THEN k.community ELSE t.community END AS community,
               a.placed_at AS at, coalesce(a.ended, o.state) AS state, a.currency, c.amount
        FROM unnest(orders) AS w (id) CROSS JOIN LATERAL (SELECT * FROM credit c WHERE c.order_id = w.id OFFSET 0) c
        CROSS JOIN LATERAL (SELECT * FROM attribution a WHERE a.merchant_id = c.merchant_id AND a.order_id = c.order_id OFFSET 0) a
        CROSS JOIN LATERAL (SELECT * FROM orders o WHERE o.merchant_id = c.merchant_id AND o.id = c.order_id OFFSET 0) o
        CROSS JOIN LATERAL (SELECT * FROM share s WHERE s.id = c.share_id OFFSET 0) s
        LEFT JOIN LATERAL (SELECT * FROM touch t WHERE t.id = c.touch_id OFFSET 0) t ON true
        LEFT JOIN LATERAL (SELECT * FROM tree_order k WHERE k.order_id = c.order_id AND k.no = c.no OFFSET 0) k ON true),
    counted AS (
        INSERT INTO tree_order (order_id, no, merchant_id, scope_id, customer_id, share_id, touch_id, channel, community, at, state, currency, amount)
        SELECT order_id, no, merchant_id, scope_id, customer_id, share_id, touch_id, channel, community, at, state, currency, amount FROM current
        ON CONFLICT (order_id, no) DO UPDATE SET state = excluded.state, channel = excluded.channel, community = excluded.community),
    change AS (
        SELECT -1 AS sign, t.no, t.scope_id, t.customer_id, t.share_id, t.channel, t.community, t.at, t.state, t.currency, t.amount
        FROM unnest(orders) AS w (id) CROSS JOIN LATERAL (SELECT * FROM tree_order t WHERE t.order_id = w.id OFFSET 0) t
        UNION ALL
        SELECT 1, c.no, c.scope_id, c.customer_id, c.share_id, c.channel, c.community, c.at, c.state, c.currency, c.amount FROM current c),
    difference AS (
        SELECT scope_id, share_id, channel, community, tree_moment(at) AS moment, currency,
               sum(sign) FILTER (WHERE no = 1 AND state IN ('awaiting_payment', 'paid')) AS orders,
               sum(sign * amount) FILTER (WHERE state IN ('awaiting_payment', 'paid')) AS placed, sum(sign * amount) FILTER (WHERE state = 'paid') AS paid,
               sum(sign * amount) FILTER (WHERE state = 'expired') AS lapsed, sum(sign * amount) FILTER (WHERE state = 'cancelled') AS cancelled
        FROM change GROUP BY scope_id, share_id, channel, community, tree_moment(at), currency),
    seen AS (SELECT DISTINCT scope_id, customer_id FROM change)
    SELECT (SELECT array_agg(ROW (d.scope_id, d.share_id, d.channel, d.community, d.moment, 0, 0, 0, 0, coalesce(d.orders, 0), d.currency,
                                  coalesce(d.placed, 0), coalesce(d.paid, 0), coalesce(d.lapsed, 0), coalesce(d.cancelled, 0))::tree_delta)
            FROM difference d),
           (SELECT array_agg(ROW (s.scope_id, s.customer_id, NULL, NULL, NULL, NULL, NULL)::tree_buyer) FROM seen s)
    INTO changed, buyers;
    PERFORM tree_add(changed);

    WITH current AS (
        SELECT b.scope_id, b.customer_id, f.merchant_id, f.share_id, f.channel, f.community, f.at
        FROM unnest(buyers) b LEFT JOIN LATERAL (
            SELECT o.merchant_id, o.share_id, o.channel, o.community, o.at FROM tree_order o
            WHERE o.scope_id = b.scope_id AND o.customer_id = b.customer_id AND o.state IN ('awaiting_payment', 'paid')
            ORDER BY o.order_id, o.no LIMIT 1) f ON true),
    counted AS (
        INSERT INTO tree_buyer AS b (scope_id, customer_id, merchant_id, share_id, channel, community, at)
        SELECT scope_id, customer_id, merchant_id, share_id, channel, community, at FROM current WHERE share_id IS NOT NULL
        ON CONFLICT (scope_id, customer_id) DO UPDATE SET
            share_id = excluded.share_id, channel = excluded.channel, community = excluded.community, at = excluded.at),
    gone AS (
        DELETE FROM tree_buyer b USING current c WHERE b.scope_id = c.scope_id AND b.customer_id = c.customer_id AND c.share_id IS NULL),
    change AS (
        SELECT -1 AS sign, b.scope_id, b.share_id, b.channel, b.community, tree_moment(b.at) AS moment
        FROM current c CROSS JOIN LATERAL (
            SELECT * FROM tree_buyer b WHERE b.scope_id = c.scope_id AND b.customer_id = c.customer_id OFFSET 0) b
        UNION ALL
        SELECT 1, c.scope_id, c.share_id, c.channel, c.community, tree_moment(c.at) FROM current c WHERE c.share_id IS NOT NULL),
    difference AS (
        SELECT scope_id, share_id, channel, community, moment, sum(sign)::int AS buyers FROM change
        GROUP BY scope_id, share_id, channel, community, moment HAVING sum(sign) <> 0)
    SELECT array_agg(ROW (d.scope_id, d.share_id, d.channel, d.community, d.moment, 0, 0, 0, d.buyers, 0, NULL, 0, 0, 0, 0)::tree_delta)
    INTO changed FROM difference d;
    PERFORM tree_add(changed);
END $$;
