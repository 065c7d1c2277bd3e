-- Tallies of trees, by merchant. Workers that count in the old way are waited for, and find the old function gone.
SET LOCAL lock_timeout = '30s'; -- nobody queues here: workers only try this lock, and this takes no other that is wanted
SELECT pg_advisory_xact_lock(hashtextextended('tree tally', 0));

CREATE TABLE tree_parked (                                    -- what was due and cannot be counted: put aside, for all behind it
    no          bigint PRIMARY KEY,
    kind        text NOT NULL,
    merchant_id uuid NOT NULL,
    share_id    uuid,
    session_id  uuid,
    who         uuid,
    failed_at   timestamptz NOT NULL,
    sqlstate    text NOT NULL                                 -- of the error, as PostgreSQL's manual lists them
);
CREATE INDEX tree_parked_of ON tree_parked (merchant_id, no);

-- Of whoever changes a merchant's tallies: one at a time.
CREATE FUNCTION tree_lock(p_merchant uuid) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT hashtextextended('tree tally ' || p_merchant, 0)
$$;

CREATE FUNCTION tree_day(p_at timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT date_bin('1 day', p_at, 'epoch')
$$;

-- What is added to a broadcast is added to its family, too, but for shares, of which a family has its own; so a family's tallies
-- are those of all its broadcasts and of what came off air, and are read as fast as one broadcast's, over years. Its moments are
-- days.
ALTER FUNCTION tree_add(tree_delta[]) RENAME TO tree_add_to_scopes;
CREATE FUNCTION tree_add(p_deltas tree_delta[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_deltas IS NULL THEN
        RETURN;
    END IF;
    PERFORM tree_add_to_scopes(array(
        SELECT ROW (p.scope_id, d.share_id, d.channel, d.community, p.moment, p.shares, d.visitors, d.viewers, d.buyers, d.orders,
                    d.currency, d.placed, d.paid, d.lapsed, d.cancelled)::tree_delta
        FROM unnest(p_deltas) d JOIN tree_scope c ON c.id = d.scope_id CROSS JOIN LATERAL (
            SELECT c.id, CASE c.id WHEN c.family_id THEN tree_day(d.moment) ELSE d.moment END, d.shares
            UNION ALL
            SELECT c.family_id, tree_day(d.moment), 0
            WHERE c.id <> c.family_id AND (d.currency IS NOT NULL OR (d.visitors, d.viewers, d.buyers, d.orders) <> (0, 0, 0, 0))
        ) AS p (scope_id, moment, shares)));
END $$;

-- Make shares nodes of their scopes, with all above them: of their family; of the session that is shared, or that was on air
-- in the room that is; and of the session that somebody came into through them, or bought in, and of its room: what brings
-- somebody there is part of its tree, whatever was shared.
CREATE OR REPLACE FUNCTION tree_grow(p_due tree_due[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    grown tree_delta[];
BEGIN
    WITH named AS (SELECT DISTINCT u.share_id, u.session_id FROM unnest(p_due) u WHERE u.share_id IS NOT NULL),
    wanted AS (
        SELECT s.family_id AS scope_id, s.id AS share_id, s.family_id FROM named n JOIN share s ON s.id = n.share_id
        UNION
        SELECT p.id, s.id, coalesce(e.room_id, s.family_id)
        FROM named n JOIN share s ON s.id = n.share_id LEFT JOIN session e ON e.id = n.session_id
        CROSS JOIN LATERAL (VALUES (n.session_id), (e.room_id)) AS p (id) WHERE p.id IS NOT NULL
        UNION
        SELECT s.target_id, s.id, s.family_id FROM named n JOIN share s ON s.id = n.share_id WHERE s.target_kind = 'session'
        UNION
        SELECT e.id, s.id, s.family_id FROM named n JOIN share s ON s.id = n.share_id JOIN session e ON e.room_id = s.family_id
        WHERE s.target_kind = 'room' AND NOT e.rehearsal AND e.started_at <= s.created_at AND (e.ended_at IS NULL OR e.ended_at > s.created_at)),
    line AS (
        SELECT DISTINCT w.scope_id, w.family_id, a.id, a.merchant_id, a.depth
        FROM wanted w JOIN share s ON s.id = w.share_id JOIN share a ON a.id = ANY (s.path || s.id)
        WHERE NOT EXISTS (SELECT FROM tree_node n WHERE n.scope_id = w.scope_id AND n.share_id = w.share_id)),
    scope AS (
        INSERT INTO tree_scope (id, merchant_id, family_id) SELECT DISTINCT l.scope_id, l.merchant_id, l.family_id FROM line l
        ON CONFLICT DO NOTHING),
    node AS (
        INSERT INTO tree_node (scope_id, share_id, merchant_id, generation) SELECT l.scope_id, l.id, l.merchant_id, l.depth FROM line l
        ON CONFLICT DO NOTHING RETURNING scope_id, share_id)
    SELECT array_agg(ROW (n.scope_id, n.share_id, NULL, NULL, tree_moment(s.created_at), 1, 0, 0, 0, 0, NULL, 0, 0, 0, 0)::tree_delta)
    INTO grown FROM node n JOIN share s ON s.id = n.share_id;
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
        FROM touch t JOIN share s ON s.merchant_id = t.merchant_id AND s.id = t.share_id
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
        FROM tree_visitor v JOIN current c ON v.scope_id = c.scope_id AND v.visitor_id = c.visitor_id
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
    FROM credit c JOIN attribution a ON a.merchant_id = c.merchant_id AND a.order_id = c.order_id WHERE c.order_id = ANY (orders);

    WITH current AS (
        SELECT c.order_id, c.no, c.merchant_id, coalesce(a.session_id, s.family_id) AS scope_id, a.customer_id, c.share_id, c.touch_id,
               coalesce(t.channel, k.channel, 'unknown') AS channel, CASE WHEN t.id IS NULL THEN k.community ELSE t.community END AS community,
               a.placed_at AS at, coalesce(a.ended, o.state) AS state, a.currency, c.amount
        FROM credit c JOIN attribution a ON a.merchant_id = c.merchant_id AND a.order_id = c.order_id
        JOIN orders o ON o.merchant_id = c.merchant_id AND o.id = c.order_id JOIN share s ON s.id = c.share_id
        LEFT JOIN touch t ON t.id = c.touch_id LEFT JOIN tree_order k ON k.order_id = c.order_id AND k.no = c.no
        WHERE c.order_id = ANY (orders)),
    counted AS (
        INSERT INTO tree_order (order_id, no, merchant_id, scope_id, customer_id, share_id, touch_id, channel, community, at, state, currency, amount)
        SELECT order_id, no, merchant_id, scope_id, customer_id, share_id, touch_id, channel, community, at, state, currency, amount FROM current
        ON CONFLICT (order_id, no) DO UPDATE SET state = excluded.state, channel = excluded.channel, community = excluded.community),
    change AS (
        SELECT -1 AS sign, t.no, t.scope_id, t.customer_id, t.share_id, t.channel, t.community, t.at, t.state, t.currency, t.amount
        FROM tree_order t WHERE t.order_id = ANY (orders)
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
        FROM tree_buyer b JOIN current c ON c.scope_id = b.scope_id AND c.customer_id = b.customer_id
        UNION ALL
        SELECT 1, c.scope_id, c.share_id, c.channel, c.community, tree_moment(c.at) FROM current c WHERE c.share_id IS NOT NULL),
    difference AS (
        SELECT scope_id, share_id, channel, community, moment, sum(sign)::int AS buyers FROM change
        GROUP BY scope_id, share_id, channel, community, moment HAVING sum(sign) <> 0)
    SELECT array_agg(ROW (d.scope_id, d.share_id, d.channel, d.community, d.moment, 0, 0, 0, d.buyers, 0, NULL, 0, 0, 0, 0)::tree_delta)
    INTO changed FROM difference d;
    PERFORM tree_add(changed);
END $$;

-- Take what is due of a merchant, at most so much, in the transaction that counts it. `counted` is how much it was: nothing
-- while another worker is at it. A row that cannot be counted alone is parked, and `parked` says why; several that cannot
-- be counted together raise, and stay due: ask for fewer. So does one while PostgreSQL is not well, whatever the row: waits
-- for locks end soon, as 55P03; 57014 has its number as DETAIL, and who met it often enough has it parked: `p_given_up`.
DROP FUNCTION tree_tally(integer);
CREATE FUNCTION tree_tally(
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
        DELETE FROM tree_due d
        WHERE d.no IN (SELECT n.no FROM tree_due n WHERE n.merchant_id = p_merchant ORDER BY n.no LIMIT p_max) RETURNING d)
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

CREATE FUNCTION tree_count(p_due tree_due[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tree_grow(p_due);
    PERFORM tree_count_visitors(p_due);
    PERFORM tree_count_orders(p_due);
END $$;

-- Make due again what was parked of a merchant; how much it was.
CREATE FUNCTION tree_retry(p_merchant uuid) RETURNS bigint LANGUAGE sql AS $$
    WITH again AS (DELETE FROM tree_parked WHERE merchant_id = p_merchant RETURNING *),
    due AS (
        INSERT INTO tree_due (kind, merchant_id, share_id, session_id, who)
        SELECT kind, merchant_id, share_id, session_id, who FROM again ORDER BY no)
    SELECT count(*) FROM again
$$;

-- Forget all that was counted of a merchant, and look at everything again.
CREATE OR REPLACE FUNCTION tree_recount(p_merchant uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(tree_lock(p_merchant));
    DELETE FROM tree_due WHERE merchant_id = p_merchant;
    DELETE FROM tree_parked WHERE merchant_id = p_merchant;
    DELETE FROM tree_scope WHERE merchant_id = p_merchant;
    DELETE FROM tree_node WHERE merchant_id = p_merchant;
    DELETE FROM tree_sharer WHERE merchant_id = p_merchant;
    DELETE FROM tree_slice WHERE merchant_id = p_merchant;
    DELETE FROM tree_money WHERE merchant_id = p_merchant;
    DELETE FROM tree_visitor WHERE merchant_id = p_merchant;
    DELETE FROM tree_order WHERE merchant_id = p_merchant;
    DELETE FROM tree_buyer WHERE merchant_id = p_merchant;
    INSERT INTO tree_due (kind, merchant_id, share_id) SELECT 'share', s.merchant_id, s.id FROM share s WHERE s.merchant_id = p_merchant;
    INSERT INTO tree_due (kind, merchant_id, share_id, session_id, who)
    SELECT 'visitor', t.merchant_id, t.share_id, t.session_id, t.visitor_id FROM touch t WHERE t.merchant_id = p_merchant;
    INSERT INTO tree_due (kind, merchant_id, who)
    SELECT 'order', a.merchant_id, a.order_id FROM attribution a WHERE a.merchant_id = p_merchant AND a.outcome <> 'none';
END $$;
