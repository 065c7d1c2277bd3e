-- Who is credited with an order: rules, which are written in versions, and judgements, which are written once.

CREATE FUNCTION written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is written once', TG_TABLE_NAME USING ERRCODE = 'restrict_violation', CONSTRAINT = 'written_once';
END $$;

-- Rules -----------------------------------------------------------------------------------------------------------------

-- Of the versions in force at a moment the newest counts. A version comes into force some time after it was written, so
-- that whoever judges an order has seen every rule of its time: see referrals.rules.
CREATE TABLE attribution_rule (
    id              uuid PRIMARY KEY,
    merchant_id     uuid NOT NULL REFERENCES merchant,
    campaign        text,                                     -- null: the shop's own
    version         integer NOT NULL CHECK (version > 0),
    model           text NOT NULL CHECK (model IN ('last_touch', 'first_touch', 'linear', 'permanent_bind')),
    valid_for_s     integer,                                  -- how long a touch counts; null: for ever
    protected_for_s integer,                                  -- how long nobody else wins the buyer; null: for ever
    self_purchase   text NOT NULL CHECK (self_purchase IN ('allow', 'refuse', 'hold')),
    in_force_at     timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    created_by      text NOT NULL,
    UNIQUE (merchant_id, id),
    CONSTRAINT attribution_rule_version UNIQUE NULLS NOT DISTINCT (merchant_id, campaign, version),
    CONSTRAINT attribution_rule_clocks CHECK (CASE model
        WHEN 'permanent_bind' THEN valid_for_s IS NULL AND protected_for_s IS NULL
        ELSE coalesce(valid_for_s BETWEEN 60 AND 157680000 AND protected_for_s BETWEEN 0 AND valid_for_s, false) END),
    CHECK (in_force_at > created_at),
    FOREIGN KEY (merchant_id, campaign) REFERENCES campaign (merchant_id, name)
);
CREATE TRIGGER attribution_rule_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON attribution_rule
    FOR EACH STATEMENT EXECUTE FUNCTION written_once();

-- Judgements ------------------------------------------------------------------------------------------------------------

-- No foreign key to the order: it would be locked while the judgement is written, and buyers and expiry move it.
CREATE TABLE attribution (
    order_id    uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    customer_id uuid NOT NULL,                                -- the buyer, under the id that he ordered with
    sale_id     uuid NOT NULL,
    room_id     uuid,
    session_id  uuid,
    currency    char(3) NOT NULL,
    total       bigint NOT NULL CHECK (total >= 0),
    share_code  text,                                         -- as the order brought it, whatever it was
    code_state  text NOT NULL CHECK (code_state IN ('none', 'good', 'unknown', 'foreign', 'expired')),
    outcome     text NOT NULL CHECK (outcome IN ('credited', 'held', 'none')),
    reason      text NOT NULL,
    rule_id     uuid,                                         -- null: no rule was written, the one of the house counted
    rule        jsonb NOT NULL,                               -- as it was then
    touches     integer NOT NULL CHECK (touches >= 0),        -- how many were looked at
    considered  jsonb NOT NULL CHECK (jsonb_typeof(considered) = 'array'), -- who else, and why not
    placed_at   timestamptz NOT NULL,
    decided_at  timestamptz NOT NULL,
    ended       text CHECK (ended IN ('expired', 'cancelled')), -- what became of the order; all else stays as it is
    ended_at    timestamptz,
    UNIQUE (merchant_id, order_id),
    CHECK ((code_state = 'none') = (share_code IS NULL)),
    CHECK ((ended IS NULL) = (ended_at IS NULL)),
    FOREIGN KEY (merchant_id, rule_id) REFERENCES attribution_rule (merchant_id, id)
);
CREATE INDEX attribution_of_session ON attribution (merchant_id, session_id, order_id) WHERE session_id IS NOT NULL;
CREATE INDEX attribution_of_room ON attribution (merchant_id, room_id, order_id) WHERE room_id IS NOT NULL;

CREATE TABLE credit (
    order_id    uuid NOT NULL,
    no          smallint NOT NULL CHECK (no > 0),
    merchant_id uuid NOT NULL,
    share_id    uuid NOT NULL,
    sharer_id   uuid NOT NULL,
    root_id     uuid NOT NULL,
    chain       uuid[] NOT NULL,                              -- the shares from the root to this one, both included
    part        integer NOT NULL CHECK (part BETWEEN 1 AND 1000000), -- of the order, in millionths
    amount      bigint NOT NULL CHECK (amount >= 0),          -- of its total, in minor units
    touch_id    uuid,                                         -- the visit that speaks for it; null: the order's own code alone
    touched_at  timestamptz NOT NULL,
    PRIMARY KEY (order_id, no),
    UNIQUE (order_id, share_id),
    CHECK (chain[1] = root_id AND chain[cardinality(chain)] = share_id AND array_ndims(chain) = 1),
    FOREIGN KEY (merchant_id, order_id) REFERENCES attribution (merchant_id, order_id),
    FOREIGN KEY (merchant_id, share_id) REFERENCES share (merchant_id, id)
);
CREATE INDEX credit_of_share ON credit (merchant_id, share_id, order_id);
CREATE INDEX credit_of_sharer ON credit (merchant_id, sharer_id, order_id);

CREATE TRIGGER credit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON credit FOR EACH STATEMENT EXECUTE FUNCTION written_once();
CREATE TRIGGER attribution_stays BEFORE DELETE OR TRUNCATE ON attribution FOR EACH STATEMENT EXECUTE FUNCTION written_once();

-- That the order ended is noted once; nothing else ever changes.
CREATE FUNCTION attribution_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended IS NOT NULL OR to_jsonb(NEW) - '{ended,ended_at}'::text[] <> to_jsonb(OLD) - '{ended,ended_at}'::text[] THEN
        RAISE EXCEPTION 'the attribution of order % is written once', OLD.order_id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'written_once';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER attribution_ends_once BEFORE UPDATE ON attribution FOR EACH ROW EXECUTE FUNCTION attribution_ends_once();

-- The parts come to the whole, so no credit can be added later either.
CREATE FUNCTION attribution_is_whole() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    it attribution;
    parts bigint;
    amounts bigint;
BEGIN
    SELECT * INTO it FROM attribution WHERE order_id = NEW.order_id;
    SELECT coalesce(sum(part), 0), coalesce(sum(amount), 0) INTO parts, amounts FROM credit WHERE order_id = NEW.order_id;
    IF (CASE it.outcome WHEN 'none' THEN parts <> 0 ELSE parts <> 1000000 OR amounts <> it.total END) THEN
        RAISE EXCEPTION 'the credits of order % do not come to the whole', NEW.order_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'attribution_is_whole';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER attribution_is_whole AFTER INSERT ON attribution DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION attribution_is_whole();
CREATE CONSTRAINT TRIGGER credit_is_whole AFTER INSERT ON credit DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION attribution_is_whole();

-- All orders of a merchant with an id up to here are judged, but for those that were stored long after their time.
CREATE TABLE attribution_reach (
    merchant_id uuid PRIMARY KEY REFERENCES merchant,
    order_id    uuid NOT NULL
) WITH (fillfactor = 50);
-- What was placed before there were shares was brought by nobody: a day of it is looked at, and no more.
INSERT INTO attribution_reach
    SELECT m.id, o.id FROM merchant m
    CROSS JOIN LATERAL (SELECT id FROM orders WHERE merchant_id = m.id ORDER BY id DESC LIMIT 1) o;


-- What there is to judge. Rehearsals bring nobody anything.
CREATE VIEW order_to_judge AS
    SELECT o.merchant_id, o.id, o.customer_id, o.sale_id, o.room_id, o.session_id, o.currency, o.total, o.share_code, o.placed_at,
           h.state AS ended, h.at AS ended_at
    FROM orders o
    LEFT JOIN order_history h ON h.merchant_id = o.merchant_id AND h.order_id = o.id AND h.state = o.state AND h.state IN ('expired', 'cancelled')
    WHERE NOT o.rehearsal;
