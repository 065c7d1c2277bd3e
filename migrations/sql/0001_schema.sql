-- People and merchants ------------------------------------------------------------------------------------------

CREATE TABLE merchant (
    id          uuid PRIMARY KEY,
    name        text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    time_zone   text NOT NULL DEFAULT 'Asia/Shanghai',       -- bill day and daily caps
    created_at  timestamptz NOT NULL,
    archived_at timestamptz
);

CREATE TABLE app (                                            -- a client application of a merchant
    id          uuid PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES merchant,
    provider    text NOT NULL,
    app_id      text NOT NULL,
    created_at  timestamptz NOT NULL,
    archived_at timestamptz,
    UNIQUE (merchant_id, id),
    UNIQUE (merchant_id, provider, app_id)
);

CREATE TABLE customer (                                       -- pseudonymous: what must outlive a person's erasure
    id          uuid PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES merchant,
    created_at  timestamptz NOT NULL,
    erased_at   timestamptz,
    UNIQUE (merchant_id, id)
);

CREATE TABLE customer_profile (                               -- personal data, deleted when a person asks for it
    merchant_id  uuid NOT NULL,
    customer_id  uuid PRIMARY KEY,
    display_name text,
    phone        text,
    FOREIGN KEY (merchant_id, customer_id) REFERENCES customer (merchant_id, id)
);

CREATE TABLE identity (
    app_id      uuid NOT NULL REFERENCES app,
    subject     text NOT NULL,
    merchant_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    union_id    text,                                         -- evidence for a merge, never a key
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (app_id, subject),
    FOREIGN KEY (merchant_id, customer_id) REFERENCES customer (merchant_id, id)
);
CREATE INDEX identity_customer ON identity (merchant_id, customer_id);

CREATE TABLE staff_audit (                                    -- one row per staff command
    id          uuid PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES merchant,
    actor       text NOT NULL,
    command     text NOT NULL,
    subject_id  uuid,
    detail      jsonb NOT NULL DEFAULT '{}',
    at          timestamptz NOT NULL
);
CREATE INDEX staff_audit_recent ON staff_audit (merchant_id, id);

-- Catalogue and base stock ----------------------------------------------------------------------------------------

CREATE TABLE product (
    id          uuid PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES merchant,
    title       text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    created_at  timestamptz NOT NULL,
    archived_at timestamptz,
    UNIQUE (merchant_id, id)
);

CREATE TABLE sku (
    id              uuid PRIMARY KEY,
    merchant_id     uuid NOT NULL,
    product_id      uuid NOT NULL,
    code            text NOT NULL CHECK (char_length(code) BETWEEN 1 AND 64),
    specification   jsonb NOT NULL DEFAULT '{}',
    picture_url     text,
    needs_recipient boolean NOT NULL DEFAULT true,
    created_at      timestamptz NOT NULL,
    archived_at     timestamptz,
    UNIQUE (merchant_id, id),
    UNIQUE (merchant_id, code),
    FOREIGN KEY (merchant_id, product_id) REFERENCES product (merchant_id, id)
);

CREATE TABLE sku_price (                                      -- price history, append-only
    merchant_id uuid NOT NULL,
    sku_id      uuid NOT NULL,
    since       timestamptz NOT NULL,
    price       bigint NOT NULL CHECK (price >= 0),           -- minor units
    currency    char(3) NOT NULL,
    PRIMARY KEY (sku_id, currency, since),
    FOREIGN KEY (merchant_id, sku_id) REFERENCES sku (merchant_id, id)
);

CREATE TABLE item_version (                                   -- what was shown on air; never changed
    id              uuid PRIMARY KEY,
    merchant_id     uuid NOT NULL,
    sku_id          uuid NOT NULL,
    title           text NOT NULL,
    specification   jsonb NOT NULL,
    picture_url     text,
    needs_recipient boolean NOT NULL,
    price           bigint NOT NULL CHECK (price >= 0),
    currency        char(3) NOT NULL,
    created_at      timestamptz NOT NULL,
    UNIQUE (merchant_id, id),
    FOREIGN KEY (merchant_id, sku_id) REFERENCES sku (merchant_id, id)
);

CREATE TABLE base_stock (
    sku_id      uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    on_hand     bigint NOT NULL CHECK (on_hand >= 0),
    FOREIGN KEY (merchant_id, sku_id) REFERENCES sku (merchant_id, id)
);

-- Rooms (the live room comes later; orders and sales already point here) --------------------------------------------

CREATE TABLE room (
    id          uuid PRIMARY KEY,
    merchant_id uuid NOT NULL REFERENCES merchant,
    title       text NOT NULL,
    created_at  timestamptz NOT NULL,
    archived_at timestamptz,
    UNIQUE (merchant_id, id)
);

CREATE TABLE session (                                        -- one broadcast
    id          uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    room_id     uuid NOT NULL,
    rehearsal   boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL,
    UNIQUE (merchant_id, id),
    FOREIGN KEY (merchant_id, room_id) REFERENCES room (merchant_id, id)
);

-- Sales ---------------------------------------------------------------------------------------------------------------

CREATE TABLE sale (
    id                 uuid PRIMARY KEY,
    merchant_id        uuid NOT NULL REFERENCES merchant,
    title              text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    kind               text NOT NULL CHECK (kind IN ('flash', 'shelf')),
    state              text NOT NULL CHECK (state IN ('draft', 'scheduled', 'open', 'paused', 'closed')),
    currency           char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    opens_at           timestamptz,                           -- null: armed by hand
    closes_at          timestamptz,
    hold_ttl_s         integer NOT NULL CHECK (hold_ttl_s BETWEEN 1 AND 604800),
    limit_per_customer integer CHECK (limit_per_customer > 0),
    segments           smallint NOT NULL DEFAULT 1 CHECK (segments BETWEEN 1 AND 64),
    needs_ticket       boolean NOT NULL DEFAULT false,
    rehearsal          boolean NOT NULL DEFAULT false,
    context            jsonb,                                 -- what is pinned now; returned by every verdict
    version            bigint NOT NULL DEFAULT 1,             -- of all that the gate knows of this sale
    created_at         timestamptz NOT NULL,
    settled_at         timestamptz,                           -- closed, and nothing of it can be sold any more
    archived_at        timestamptz,
    CHECK (closes_at > opens_at),
    UNIQUE (merchant_id, id)
);
CREATE INDEX sale_list ON sale (merchant_id, id);
CREATE INDEX sale_running ON sale (id) WHERE state IN ('scheduled', 'open', 'paused');

CREATE TABLE session_sale (                                   -- many to many
    merchant_id uuid NOT NULL,
    session_id  uuid NOT NULL,
    sale_id     uuid NOT NULL,
    PRIMARY KEY (session_id, sale_id),
    FOREIGN KEY (merchant_id, session_id) REFERENCES session (merchant_id, id),
    FOREIGN KEY (merchant_id, sale_id) REFERENCES sale (merchant_id, id)
);

CREATE TABLE sale_item (
    id                 uuid PRIMARY KEY,
    merchant_id        uuid NOT NULL,
    sale_id            uuid NOT NULL,
    no                 smallint NOT NULL CHECK (no BETWEEN 1 AND 200),
    sku_id             uuid NOT NULL,
    item_version_id    uuid NOT NULL,
    limit_per_customer integer CHECK (limit_per_customer > 0),
    planned            bigint NOT NULL DEFAULT 0 CHECK (planned >= 0), -- units of a draft, taken from base stock by its schedule
    UNIQUE (sale_id, no),
    UNIQUE (sale_id, sku_id),
    UNIQUE (merchant_id, id),
    FOREIGN KEY (merchant_id, sale_id) REFERENCES sale (merchant_id, id),
    FOREIGN KEY (merchant_id, sku_id) REFERENCES sku (merchant_id, id),
    FOREIGN KEY (merchant_id, item_version_id) REFERENCES item_version (merchant_id, id)
);

CREATE TABLE stock (                                          -- the last word: sold <= allocated, whatever Redis forgets
    item_id     uuid NOT NULL,
    segment     smallint NOT NULL DEFAULT 0,
    merchant_id uuid NOT NULL,
    sale_id     uuid NOT NULL,
    allocated   bigint NOT NULL CHECK (allocated >= 0),
    sold        bigint NOT NULL DEFAULT 0 CHECK (sold >= 0),
    epoch       bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (item_id, segment),
    CONSTRAINT never_oversell CHECK (sold <= allocated),
    FOREIGN KEY (merchant_id, item_id) REFERENCES sale_item (merchant_id, id)
) WITH (fillfactor = 20);                                     -- hot rows: room for in-page updates
CREATE INDEX stock_sale ON stock (sale_id, segment, item_id);

CREATE TABLE stock_movement (                                 -- append-only: base -> allocation -> sold -> returned
    id          uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    sku_id      uuid NOT NULL,
    item_id     uuid,
    segment     smallint,
    kind        text NOT NULL CHECK (kind IN ('received', 'adjusted', 'allocated', 'sold', 'released', 'returned', 'quarantined')),
    units       bigint NOT NULL CHECK (units > 0 OR (kind = 'adjusted' AND units <> 0)),
    actor       text NOT NULL,
    reason      text,
    at          timestamptz NOT NULL,
    CHECK ((item_id IS NULL) = (kind IN ('received', 'adjusted')))
);
CREATE INDEX stock_movement_sku ON stock_movement (merchant_id, sku_id, id);
CREATE INDEX stock_movement_item ON stock_movement (item_id, segment) WHERE item_id IS NOT NULL;

-- Idempotency, tombstone, source of the limits and of the rebuild in one table. No foreign keys on the rows that a
-- placement writes: one server-side function writes them together, and the audit holds them against each other.
CREATE TABLE claim (
    sale_id     uuid NOT NULL,
    customer_id uuid NOT NULL,
    key         text NOT NULL,                                -- the buyer's idempotency key
    id          uuid NOT NULL,                                -- = order id; grows with time
    merchant_id uuid NOT NULL,
    segment     smallint NOT NULL,
    fingerprint text NOT NULL,                                -- of the request's body, hexadecimal
    lines       text NOT NULL,                                -- item no:units, ascending: '1:2,3:1'
    units       integer NOT NULL CHECK (units > 0),
    epoch       bigint NOT NULL,
    state       text NOT NULL CHECK (state IN ('placed', 'void', 'released')),
    verdict_no  bigint NOT NULL,
    served_at   timestamptz NOT NULL,                         -- by the gate's own clock, which never goes back
    rehearsal   boolean NOT NULL DEFAULT false,
    PRIMARY KEY (sale_id, customer_id, key)
);

-- Orders --------------------------------------------------------------------------------------------------------------

CREATE TABLE orders (
    merchant_id         uuid NOT NULL,
    id                  uuid NOT NULL,
    sale_id             uuid NOT NULL,
    segment             smallint NOT NULL,
    customer_id         uuid NOT NULL,
    claim_key           text NOT NULL,
    app_id              uuid,
    state               text NOT NULL CHECK (state IN ('awaiting_payment', 'paid', 'expired', 'cancelled')),
    currency            char(3) NOT NULL,
    lines_total         bigint NOT NULL CHECK (lines_total >= 0),
    adjustment_total    bigint NOT NULL DEFAULT 0,
    shipping_total      bigint NOT NULL DEFAULT 0 CHECK (shipping_total >= 0),
    tax_included        boolean NOT NULL DEFAULT true,
    total               bigint NOT NULL CHECK (total >= 0),
    refunded_total      bigint NOT NULL DEFAULT 0 CHECK (refunded_total BETWEEN 0 AND total),
    room_id             uuid,
    session_id          uuid,
    pin_id              uuid,
    broadcast_offset_ms bigint,
    share_code          text,
    rehearsal           boolean NOT NULL DEFAULT false,
    placed_at           timestamptz NOT NULL,
    expires_at          timestamptz NOT NULL,                 -- of the hold, while payment is awaited
    PRIMARY KEY (merchant_id, id),
    CHECK (total = lines_total + adjustment_total + shipping_total)
);
CREATE INDEX orders_of_customer ON orders (merchant_id, customer_id, id);
CREATE INDEX orders_to_expire ON orders (expires_at, id) WHERE state = 'awaiting_payment';

CREATE TABLE order_line (
    merchant_id     uuid NOT NULL,
    order_id        uuid NOT NULL,
    no              smallint NOT NULL,
    item_id         uuid NOT NULL,
    item_version_id uuid NOT NULL,
    quantity        integer NOT NULL CHECK (quantity > 0),
    unit_price      bigint NOT NULL CHECK (unit_price >= 0),
    amount          bigint NOT NULL,
    PRIMARY KEY (merchant_id, order_id, no),
    CHECK (amount = quantity * unit_price)
);

CREATE TABLE order_adjustment (
    merchant_id uuid NOT NULL,
    order_id    uuid NOT NULL,
    no          smallint NOT NULL,
    kind        text NOT NULL,
    amount      bigint NOT NULL CHECK (amount <> 0),
    reason      text NOT NULL,
    PRIMARY KEY (merchant_id, order_id, no),
    FOREIGN KEY (merchant_id, order_id) REFERENCES orders (merchant_id, id)
);

CREATE TABLE order_history (
    merchant_id uuid NOT NULL,
    order_id    uuid NOT NULL,
    state       text NOT NULL,                                -- entered; no state is entered twice
    at          timestamptz NOT NULL,
    actor       text NOT NULL,
    reason      text,
    PRIMARY KEY (merchant_id, order_id, state)
);

CREATE TABLE order_recipient (                                -- personal data
    merchant_id uuid NOT NULL,
    order_id    uuid NOT NULL,
    name        text NOT NULL,
    phone       text NOT NULL,
    address     text NOT NULL,
    PRIMARY KEY (merchant_id, order_id)
);

CREATE TABLE order_origin (                                   -- cold: read when somebody asks about fraud
    merchant_id uuid NOT NULL,
    order_id    uuid NOT NULL,
    address     inet,
    device_hash text,
    app_version text,
    scene       text,
    PRIMARY KEY (merchant_id, order_id)
);

-- Outbox --------------------------------------------------------------------------------------------------------------

CREATE TABLE outbox_event (
    id        uuid PRIMARY KEY,
    topic     text NOT NULL,
    aggregate uuid NOT NULL,
    payload   jsonb NOT NULL,
    at        timestamptz NOT NULL
);

CREATE TABLE outbox_delivery (                                -- one per subscriber; no cursor over a sequence
    event_id   uuid NOT NULL,
    subscriber text NOT NULL,
    lane       smallint NOT NULL CHECK (lane BETWEEN 0 AND 63),
    aggregate  uuid NOT NULL,
    state      text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'dead')),
    due_at     timestamptz NOT NULL,
    attempts   integer NOT NULL DEFAULT 0,
    error      text,
    done_at    timestamptz,
    PRIMARY KEY (event_id, subscriber)
);
CREATE INDEX outbox_open ON outbox_delivery (lane, event_id) WHERE state <> 'done';
