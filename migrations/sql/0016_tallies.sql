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
