-- An order that nobody brought costs one row when it is judged: no trigger runs for it, and nothing is due for it.

-- Credits come to the whole. Where nothing is credited there is nothing to add up when the judgement is written;
-- credit_is_whole refuses every credit to it as before.
DROP TRIGGER attribution_is_whole ON attribution;
CREATE CONSTRAINT TRIGGER attribution_is_whole AFTER INSERT ON attribution DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.outcome <> 'none') EXECUTE FUNCTION attribution_is_whole();

-- The same, in one question instead of two: it is asked for every judgement with credit, and for every credit.
CREATE OR REPLACE FUNCTION attribution_is_whole() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM attribution a CROSS JOIN LATERAL (
            SELECT coalesce(sum(c.part), 0) AS parts, coalesce(sum(c.amount), 0) AS amounts FROM credit c WHERE c.order_id = a.order_id) c
        WHERE a.order_id = NEW.order_id
            AND CASE a.outcome WHEN 'none' THEN c.parts <> 0 ELSE c.parts <> 1000000 OR c.amounts <> a.total END)
    THEN
        RAISE EXCEPTION 'the credits of order % do not come to the whole', NEW.order_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'attribution_is_whole';
    END IF;
    RETURN NULL;
END $$;

-- What is credited is due in the tallies of trees, and every credit is written with its judgement.
DROP TRIGGER tree_order_new ON attribution;
CREATE FUNCTION tree_credit_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tree_due (kind, merchant_id, who) SELECT DISTINCT 'order', n.merchant_id, n.order_id FROM fresh n;
    RETURN NULL;
END $$;
CREATE TRIGGER tree_credit_new AFTER INSERT ON credit REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION tree_credit_due();

-- What became of an order is noted once, and nothing else ever changes. Rows are compared as they are, not as JSON.
CREATE OR REPLACE FUNCTION attribution_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before attribution := OLD;
BEGIN
    before.ended := NEW.ended;
    before.ended_at := NEW.ended_at;
    IF OLD.ended IS NOT NULL OR before IS DISTINCT FROM NEW THEN
        RAISE EXCEPTION 'the attribution of order % is written once', OLD.order_id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'written_once';
    END IF;
    RETURN NEW;
END $$;

-- What there is to judge. The history is asked of orders that ended, and most did not when they are judged: OFFSET keeps
-- the condition on the order itself in front of the search.
CREATE OR REPLACE VIEW order_to_judge AS
    SELECT o.merchant_id, o.id, o.customer_id, o.sale_id, o.room_id, o.session_id, o.currency, o.total, o.share_code, o.placed_at,
           h.state AS ended, h.at AS ended_at
    FROM orders o
    LEFT JOIN LATERAL (
        SELECT e.state, e.at FROM order_history e
        WHERE o.state IN ('expired', 'cancelled') AND e.merchant_id = o.merchant_id AND e.order_id = o.id AND e.state = o.state
        OFFSET 0) h ON true
    WHERE NOT o.rehearsal;

-- Up to when, and to which order of that moment, it was looked at what became of orders, those of all merchants together.
CREATE TABLE order_moves_seen (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    until    timestamptz NOT NULL,
    order_id uuid NOT NULL
) WITH (fillfactor = 50);
-- What ended of a long history is noted, but for the last day of it.
INSERT INTO order_moves_seen (until, order_id)
    SELECT coalesce(max(h.at) - interval '1 day', 'epoch'), '00000000-0000-0000-0000-000000000000'
    FROM order_history h WHERE h.state IN ('paid', 'expired', 'cancelled');
