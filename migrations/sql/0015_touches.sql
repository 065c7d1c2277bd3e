-- Touches: the broadcast that somebody came into, and passes that two people signed in with.

-- With when it began: who came before, came into no broadcast, however late his touch is stored.
CREATE OR REPLACE VIEW room_on_air AS
    SELECT merchant_id, room_id, id AS session_id, started_at FROM session WHERE state IN ('live', 'interrupted') AND NOT rehearsal;

ALTER TABLE touch_person ADD COLUMN shared_at timestamptz;    -- somebody else signed in from there too; null: nobody did

-- Who a customer is, where he was a guest of an app before: himself, or whom that guest became.
CREATE FUNCTION person_of(p_merchant uuid, p_id uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT g.customer_id FROM customer_guest g WHERE g.merchant_id = p_merchant AND g.guest_id = p_id), p_id)
$$;

-- Every id of whoever is known under these of a merchant, by what was linked by a time; at most 200, these among them.
-- A visitor is the first customer's who signed in from there. Once somebody else did, and where there are visits since the
-- first sign-in, nobody can tell whose they were: he is nobody's.
CREATE OR REPLACE FUNCTION people_of(p_merchant uuid, p_ids uuid[], p_until timestamptz) RETURNS uuid[] LANGUAGE sql STABLE AS $$
    WITH RECURSIVE linked (id) AS (
        SELECT unnest(p_ids)
        UNION
        SELECT o.id FROM linked l CROSS JOIN LATERAL (
            SELECT g.customer_id FROM customer_guest g WHERE g.merchant_id = p_merchant AND g.guest_id = l.id AND g.at <= p_until
            UNION ALL
            SELECT g.guest_id FROM customer_guest g WHERE g.merchant_id = p_merchant AND g.customer_id = l.id AND g.at <= p_until
            UNION ALL
            SELECT v.customer_id FROM touch_person v WHERE v.merchant_id = p_merchant AND v.visitor_id = l.id AND v.at <= p_until
                AND (v.shared_at IS NULL OR v.shared_at > p_until OR NOT EXISTS (SELECT FROM touch t
                    WHERE t.merchant_id = p_merchant AND t.visitor_id = v.visitor_id AND t.at > v.at AND t.at <= p_until))
            UNION ALL
            SELECT v.visitor_id FROM touch_person v WHERE v.merchant_id = p_merchant AND v.customer_id = l.id AND v.at <= p_until
                AND (v.shared_at IS NULL OR v.shared_at > p_until OR NOT EXISTS (SELECT FROM touch t
                    WHERE t.merchant_id = p_merchant AND t.visitor_id = v.visitor_id AND t.at > v.at AND t.at <= p_until))
        ) AS o (id))
    SELECT array(SELECT id FROM linked LIMIT 200)
$$;
