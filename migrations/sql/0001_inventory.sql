-- The ledger's half of placement. Custom errors: MP001 the epoch is another, MP002 not enough stock.

CREATE FUNCTION outbox_lane(aggregate uuid) RETURNS smallint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT (uuid_hash_extended(aggregate, 0) & 63)::smallint $$;

-- A UUIDv7 of this moment, for rows that are born inside the database (stock movements).
CREATE FUNCTION row_id(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid
$$;

-- Take the claims of a batch, locked in the order of their keys. A void claim is taken over by a greater id only, so
-- that a late call with a voided id can never become an order. Returns the ids that are new; the others were there.
CREATE FUNCTION claims_take(
    p_merchant uuid, p_sale uuid, p_segment smallint, p_epoch bigint, p_rehearsal boolean,
    p_ids uuid[], p_customers uuid[], p_keys text[], p_prints text[], p_lines text[], p_units int[], p_nos bigint[], p_served_ms bigint[]
) RETURNS uuid[] LANGUAGE sql AS $$
    WITH taken AS (
        INSERT INTO claim AS c (sale_id, customer_id, key, id, merchant_id, segment, fingerprint, lines, units, epoch, state, verdict_no, served_at, rehearsal)
        SELECT p_sale, w.customer, w.key, w.id, p_merchant, p_segment, w.print, w.lines, w.units, p_epoch, 'placed', w.no, to_timestamp(w.served_ms / 1000.0), p_rehearsal
        FROM unnest(p_ids, p_customers, p_keys, p_prints, p_lines, p_units, p_nos, p_served_ms) AS w (id, customer, key, print, lines, units, no, served_ms)
        ORDER BY w.customer, w.key
        ON CONFLICT (sale_id, customer_id, key) DO UPDATE
        SET id = excluded.id, fingerprint = excluded.fingerprint, lines = excluded.lines, units = excluded.units, epoch = excluded.epoch,
            state = 'placed', verdict_no = excluded.verdict_no, served_at = excluded.served_at
        WHERE c.state = 'void' AND c.id < excluded.id
        RETURNING c.id
    )
    SELECT coalesce(array_agg(id), '{}') FROM taken
$$;

-- The counters, last of all and in the order of item ids. A refusal raises, so that nothing of the batch stays.
CREATE FUNCTION stock_sell(p_merchant uuid, p_segment smallint, p_epoch bigint, p_at timestamptz, p_items uuid[], p_units bigint[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    sold_item record;
    found_epoch bigint;
BEGIN
    INSERT INTO stock_movement (id, merchant_id, sku_id, item_id, segment, kind, units, actor, at)
    SELECT row_id(p_at), p_merchant, i.sku_id, i.id, p_segment, 'sold', s.units, 'placement', p_at
    FROM unnest(p_items, p_units) AS s (item, units) JOIN sale_item i ON i.id = s.item;

    FOR sold_item IN SELECT s.item, s.units FROM unnest(p_items, p_units) AS s (item, units) ORDER BY s.item LOOP
        UPDATE stock SET sold = sold + sold_item.units
        WHERE item_id = sold_item.item AND segment = p_segment AND epoch = p_epoch AND sold + sold_item.units <= allocated;
        IF NOT FOUND THEN
            SELECT epoch INTO found_epoch FROM stock WHERE item_id = sold_item.item AND segment = p_segment;
            IF found_epoch IS DISTINCT FROM p_epoch THEN
                RAISE EXCEPTION 'epoch % is over, the ledger has %', p_epoch, found_epoch USING ERRCODE = 'MP001';
            END IF;
            RAISE EXCEPTION 'item % has not % units left', sold_item.item, sold_item.units USING ERRCODE = 'MP002';
        END IF;
    END LOOP;
END $$;

-- Give units back to the allocation: order lapsed or cancelled.
CREATE FUNCTION stock_unsell(p_merchant uuid, p_segment smallint, p_at timestamptz, p_actor text, p_items uuid[], p_units bigint[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    item record;
BEGIN
    INSERT INTO stock_movement (id, merchant_id, sku_id, item_id, segment, kind, units, actor, at)
    SELECT row_id(p_at), p_merchant, i.sku_id, i.id, p_segment, 'released', s.units, p_actor, p_at
    FROM unnest(p_items, p_units) AS s (item, units) JOIN sale_item i ON i.id = s.item;

    FOR item IN SELECT s.item, s.units FROM unnest(p_items, p_units) AS s (item, units) ORDER BY s.item LOOP
        UPDATE stock SET sold = sold - item.units WHERE item_id = item.item AND segment = p_segment;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no stock row for item %', item.item;
        END IF;
    END LOOP;
END $$;

-- Void the holds that have no order, so that none of these ids can become one. Where a void claim stands already its
-- id is raised to the greater one. A key that is in flight elsewhere is left for the next tick ('busy').
-- Returns per hold: 'void' (safe to release), 'placed' or 'released' (under this id), 'other' (under another id), 'busy'.
CREATE FUNCTION claims_void(
    p_merchant uuid, p_sale uuid, p_segment smallint, p_epoch bigint, p_rehearsal boolean,
    p_ids uuid[], p_customers uuid[], p_keys text[], p_prints text[], p_lines text[], p_units int[], p_nos bigint[], p_served_ms bigint[]
) RETURNS TABLE (id uuid, outcome text) LANGUAGE plpgsql SET lock_timeout = '50ms' AS $$
DECLARE
    hold record;
    stands record;
BEGIN
    FOR hold IN
        SELECT * FROM unnest(p_ids, p_customers, p_keys, p_prints, p_lines, p_units, p_nos, p_served_ms) AS w (id, customer, key, print, lines, units, no, served_ms)
        ORDER BY w.customer, w.key
    LOOP
        BEGIN
            INSERT INTO claim AS c (sale_id, customer_id, key, id, merchant_id, segment, fingerprint, lines, units, epoch, state, verdict_no, served_at, rehearsal)
            VALUES (p_sale, hold.customer, hold.key, hold.id, p_merchant, p_segment, hold.print, hold.lines, hold.units, p_epoch, 'void',
                    hold.no, to_timestamp(hold.served_ms / 1000.0), p_rehearsal)
            ON CONFLICT (sale_id, customer_id, key) DO UPDATE SET id = greatest(c.id, excluded.id) WHERE c.state = 'void'
            RETURNING c.id, c.state INTO stands;
            IF NOT FOUND THEN
                SELECT c.id, c.state INTO stands FROM claim c WHERE c.sale_id = p_sale AND c.customer_id = hold.customer AND c.key = hold.key;
            END IF;
            id := hold.id;
            outcome := CASE WHEN stands.state = 'void' THEN 'void' WHEN stands.id <> hold.id THEN 'other' ELSE stands.state END;
        EXCEPTION WHEN lock_not_available THEN
            id := hold.id;
            outcome := 'busy';
        END;
        RETURN NEXT;
    END LOOP;
END $$;

-- Return what a closed sale has left to base stock. The new epoch fences calls that are still under way: a hold of the
-- old one can no longer become an order. Returns the units that went back.
CREATE FUNCTION stock_settle(p_sale uuid, p_segment smallint, p_at timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    returned bigint := 0;
    part record;
BEGIN
    PERFORM 1 FROM sale WHERE id = p_sale AND state = 'closed' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    PERFORM 1 FROM base_stock b JOIN sale_item i ON i.sku_id = b.sku_id WHERE i.sale_id = p_sale ORDER BY b.sku_id FOR UPDATE OF b;
    FOR part IN
        SELECT k.item_id, k.merchant_id, i.sku_id, k.allocated - k.sold AS units FROM stock k JOIN sale_item i ON i.id = k.item_id
        WHERE k.sale_id = p_sale AND k.segment = p_segment ORDER BY k.item_id FOR UPDATE OF k
    LOOP
        UPDATE stock SET epoch = epoch + 1, allocated = sold WHERE item_id = part.item_id AND segment = p_segment;
        CONTINUE WHEN part.units = 0;
        UPDATE base_stock SET on_hand = on_hand + part.units WHERE sku_id = part.sku_id;
        INSERT INTO stock_movement (id, merchant_id, sku_id, item_id, segment, kind, units, actor, reason, at)
        VALUES (row_id(p_at), part.merchant_id, part.sku_id, part.item_id, p_segment, 'returned', part.units, 'worker', 'the sale is closed', p_at);
        returned := returned + part.units;
    END LOOP;
    RETURN returned;
END $$;
