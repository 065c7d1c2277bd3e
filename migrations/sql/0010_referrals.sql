-- Who brought whom: shares, which are nodes of trees, and touches, which are visits through them.

-- A merchant's own word for an occasion, so that what it is judged by is not the sharer's choice.
CREATE TABLE campaign (
    id          uuid PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES merchant,
    name        text NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    title       text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    ends_at     timestamptz,                                  -- nothing is shared for it from then on; null: never
    created_at  timestamptz NOT NULL,
    archived_at timestamptz,
    UNIQUE (merchant_id, id),
    UNIQUE (merchant_id, name)
);

-- Shares ----------------------------------------------------------------------------------------------------------------

CREATE TABLE share (                                          -- written once: a trigger refuses every change
    id          uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    code        text NOT NULL CHECK (code ~ '^[2-9A-HJ-NP-Za-km-z]{8,10}$'),
    sharer_id   uuid NOT NULL,                                -- a customer; tokens made by hand name some without a row
    target_kind text NOT NULL CHECK (target_kind IN ('room', 'session', 'product', 'campaign')),
    target_id   uuid NOT NULL,
    family_id   uuid NOT NULL,                                -- the room of a room and of its sessions; else the target
    campaign    text,
    parent_id   uuid,                                         -- the share through which the sharer came; null: a root
    root_id     uuid NOT NULL,                                -- of a root its own id
    depth       smallint NOT NULL CHECK (depth BETWEEN 0 AND 30), -- shares above it
    path        uuid[] NOT NULL,                              -- their ids, from the root to the parent
    created_at  timestamptz NOT NULL,
    UNIQUE (merchant_id, id),
    CONSTRAINT share_code UNIQUE (code),
    -- Sharing the same thing again gives the same share.
    CONSTRAINT share_once UNIQUE NULLS NOT DISTINCT (merchant_id, sharer_id, target_kind, target_id, campaign, parent_id),
    CONSTRAINT share_family CHECK (target_kind = 'session' OR family_id = target_id),
    CONSTRAINT share_after_parent CHECK (parent_id < id),     -- so no cycle can ever be written
    CONSTRAINT share_depth CHECK (cardinality(path) = depth AND array_ndims(path) IS NOT DISTINCT FROM CASE WHEN depth > 0 THEN 1 END),
    CONSTRAINT share_root CHECK (CASE WHEN parent_id IS NULL THEN depth = 0 AND root_id = id
                                      ELSE depth > 0 AND root_id = path[1] AND parent_id = path[depth] END),
    FOREIGN KEY (merchant_id, parent_id) REFERENCES share (merchant_id, id),
    FOREIGN KEY (merchant_id, campaign) REFERENCES campaign (merchant_id, name)
);
CREATE INDEX share_of_sharer ON share (merchant_id, sharer_id, id);
CREATE INDEX share_of_family ON share (merchant_id, family_id, id);

CREATE FUNCTION share_fits() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    above share;
BEGIN
    SELECT * INTO above FROM share WHERE merchant_id = NEW.merchant_id AND id = NEW.parent_id;
    IF NOT FOUND OR NEW.depth <> above.depth + 1 OR NEW.path <> above.path || above.id
        OR NEW.root_id <> above.root_id OR NEW.family_id <> above.family_id
    THEN
        RAISE EXCEPTION 'share % does not fit under %', NEW.id, NEW.parent_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'share_fits';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER share_fits BEFORE INSERT ON share FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL) EXECUTE FUNCTION share_fits();

CREATE FUNCTION share_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'shares are written once' USING ERRCODE = 'restrict_violation', CONSTRAINT = 'share_stays';
END $$;
CREATE TRIGGER share_stays BEFORE UPDATE OR DELETE ON share FOR EACH ROW EXECUTE FUNCTION share_stays();

-- What there is to be shared. Rehearsals are not, nor what was put away.
CREATE VIEW share_target AS
    SELECT merchant_id, 'room' AS kind, id, id AS family_id, title, NULL::text AS campaign, NULL::timestamptz AS ends_at
    FROM room WHERE archived_at IS NULL
    UNION ALL
    SELECT s.merchant_id, 'session', s.id, s.room_id, coalesce(s.title, r.title), NULL, NULL
    FROM session s JOIN room r ON r.merchant_id = s.merchant_id AND r.id = s.room_id
    WHERE NOT s.rehearsal AND r.archived_at IS NULL
    UNION ALL
    SELECT merchant_id, 'product', id, id, title, NULL, NULL FROM product WHERE archived_at IS NULL
    UNION ALL
    SELECT merchant_id, 'campaign', id, id, title, name, ends_at FROM campaign WHERE archived_at IS NULL;

-- Where a visitor of a room comes to.
CREATE VIEW room_on_air AS
    SELECT merchant_id, room_id, id AS session_id FROM session WHERE state IN ('live', 'interrupted') AND NOT rehearsal;

-- Touches ---------------------------------------------------------------------------------------------------------------

-- No foreign keys: batches on a hot path, and a visitor of the socket has no row of ours.
CREATE TABLE touch (
    id          uuid PRIMARY KEY,                             -- made of visitor, share and ten minutes: see referrals.model
    merchant_id uuid NOT NULL,
    share_id    uuid NOT NULL,
    visitor_id  uuid NOT NULL,                                -- a customer, guests included, under the id of that moment
    channel     text NOT NULL CHECK (channel IN ('private_chat', 'group', 'moments', 'poster', 'qr',
                                                 'official_account', 'offline_store', 'unknown')),
    community   text CHECK (char_length(community) BETWEEN 1 AND 128), -- the group's own opaque id
    session_id  uuid,                                         -- the broadcast that he came to, if one was
    at          timestamptz NOT NULL                          -- the first of those ten minutes that is known of
);
CREATE INDEX touch_of_visitor ON touch (merchant_id, visitor_id, at);

CREATE TABLE touch_person (                                   -- this visitor of the socket signed in as that customer
    merchant_id uuid NOT NULL,
    visitor_id  uuid NOT NULL,
    customer_id uuid NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, visitor_id)
);
CREATE INDEX touch_person_of ON touch_person (merchant_id, customer_id);

-- Every id of whoever is known under these of a merchant, by what was linked by a time; at most 200, these among them.
CREATE FUNCTION people_of(p_merchant uuid, p_ids uuid[], p_until timestamptz) RETURNS uuid[] LANGUAGE sql STABLE AS $$
    WITH RECURSIVE linked (id) AS (
        SELECT unnest(p_ids)
        UNION
        SELECT o.id FROM linked l CROSS JOIN LATERAL (
            SELECT g.customer_id FROM customer_guest g WHERE g.merchant_id = p_merchant AND g.guest_id = l.id AND g.at <= p_until
            UNION ALL
            SELECT g.guest_id FROM customer_guest g WHERE g.merchant_id = p_merchant AND g.customer_id = l.id AND g.at <= p_until
            UNION ALL
            SELECT v.customer_id FROM touch_person v WHERE v.merchant_id = p_merchant AND v.visitor_id = l.id AND v.at <= p_until
            UNION ALL
            SELECT v.visitor_id FROM touch_person v WHERE v.merchant_id = p_merchant AND v.customer_id = l.id AND v.at <= p_until
        ) AS o (id))
    SELECT array(SELECT id FROM linked LIMIT 200)
$$;

-- Processes that gather touches: all of theirs up to flushed_until are stored. See referrals.store_touches.watermark.
CREATE TABLE touch_writer (
    id            uuid PRIMARY KEY,
    flushed_until timestamptz NOT NULL,
    seen_at       timestamptz NOT NULL
) WITH (fillfactor = 50);
