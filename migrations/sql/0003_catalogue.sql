-- Catalogue ---------------------------------------------------------------------------------------------------------

ALTER TABLE product ADD COLUMN version bigint NOT NULL DEFAULT 1; -- against lost updates
ALTER TABLE sku
    ADD COLUMN version   bigint NOT NULL DEFAULT 1,
    ADD COLUMN low_stock bigint,                              -- at or below so many on hand the SKU is listed as low; null: nobody minds
    ADD CONSTRAINT sku_low_stock CHECK (low_stock >= 0) NOT VALID; -- new for every row there is, so there is nothing to look through

-- A catalogue is thousands of rows that no buyer writes: a plain index is made before anybody notices the lock.
-- Without the merchant in front: a foreign key's check by (merchant_id, id) must never take this index for its own.
CREATE INDEX sku_product ON sku (product_id, id);

-- Sales -------------------------------------------------------------------------------------------------------------

ALTER TABLE sale_item ADD COLUMN turned_away bigint;          -- distinct buyers told "sold out", noted when the sale was closed

CREATE TABLE sale_template (
    id                 uuid PRIMARY KEY,
    merchant_id        uuid NOT NULL REFERENCES merchant,
    title              text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    kind               text NOT NULL CHECK (kind IN ('flash', 'shelf')),
    currency           char(3) NOT NULL,
    hold_ttl_s         integer NOT NULL CHECK (hold_ttl_s > 0),
    limit_per_customer integer CHECK (limit_per_customer > 0),
    items              jsonb NOT NULL,                        -- [{sku_id, price, units, limit_per_customer}], in the order of their numbers
    created_at         timestamptz NOT NULL,
    archived_at        timestamptz
);
CREATE INDEX sale_template_list ON sale_template (merchant_id, id);

-- Jobs: what takes longer than a request may, run by a worker -----------------------------------------------------------

CREATE TABLE job (
    id          uuid PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES merchant,
    kind        text NOT NULL,                                -- who does it
    key         text NOT NULL,                                -- the idempotency key it was asked for with
    fingerprint text NOT NULL,                                -- of all that was asked, hexadecimal
    actor       text NOT NULL,
    role        text NOT NULL,
    options     jsonb NOT NULL,
    state       text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'refused', 'failed')),
    attempts    integer NOT NULL DEFAULT 0,                   -- begun so far; also says whose attempt may still write
    step        text NOT NULL DEFAULT '',
    done        bigint NOT NULL DEFAULT 0,
    total       bigint,
    result      jsonb,
    created_at  timestamptz NOT NULL,
    alive_at    timestamptz NOT NULL,                         -- last sign of life of the attempt that runs
    ended_at    timestamptz,
    UNIQUE (merchant_id, kind, key),
    CHECK ((ended_at IS NOT NULL) = (state IN ('done', 'refused', 'failed')))
);
CREATE INDEX job_open ON job (id) WHERE state IN ('waiting', 'running');

CREATE TABLE job_piece (                                      -- what a job reads, or what it made
    job_id uuid NOT NULL REFERENCES job,
    no     integer NOT NULL,
    body   bytea NOT NULL,
    PRIMARY KEY (job_id, no)
);
