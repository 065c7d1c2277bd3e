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

-- Take what is due of a merchant, at most so much, in the transaction that counts it. `counted` is how much it was: nothing
-- while another worker is at it. A row that cannot be counted alone is parked, and `parked` says why; several that cannot
-- be counted together raise, and stay due: ask for fewer. So does one while PostgreSQL is not well, whatever the row.
DROP FUNCTION tree_tally(integer);
CREATE FUNCTION tree_tally(p_merchant uuid, p_max integer, p_at timestamptz, OUT counted integer, OUT parked text)
LANGUAGE plpgsql AS $$
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
        PERFORM tree_count(due);
    EXCEPTION WHEN query_canceled OR OTHERS THEN
        -- Data, constraints, limits, what is raised, and a row that takes for ever; not locks, nor want of space or schema.
        IF left(SQLSTATE, 2) NOT IN ('21', '22', '23', '54', 'P0', 'XX') AND SQLSTATE <> '57014' THEN
            RAISE;
        END IF;
        parked := SQLSTATE;
        INSERT INTO tree_parked (no, kind, merchant_id, share_id, session_id, who, failed_at, sqlstate)
        SELECT u.no, u.kind, u.merchant_id, u.share_id, u.session_id, u.who, p_at, parked FROM unnest(due) u;
    END;
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

-- What brought somebody into a broadcast, and was shared of something else, is a node of its room from now on.
SELECT tree_grow(array_agg(ROW (0, 'share', n.merchant_id, n.share_id, n.scope_id, NULL)::tree_due))
FROM tree_node n JOIN tree_scope c ON c.id = n.scope_id
WHERE c.id <> c.family_id AND NOT EXISTS (SELECT FROM tree_node r WHERE r.scope_id = c.family_id AND r.share_id = n.share_id);
