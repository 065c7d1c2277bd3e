-- What people write about orders, and the files that are made of them.

CREATE TABLE order_note (                                     -- append-only
    merchant_id uuid NOT NULL,
    order_id    uuid NOT NULL,
    id          uuid NOT NULL,
    author      text NOT NULL,
    text        text NOT NULL CHECK (char_length(text) BETWEEN 1 AND 1000),
    at          timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, order_id, id),
    FOREIGN KEY (merchant_id, order_id) REFERENCES orders (merchant_id, id)
);

-- A file of orders in the making. Whoever works on it holds it until `lease_until`; `lease_no` goes up with each holder,
-- so that one who froze and wakes again can write nothing.
CREATE TABLE order_export (
    id           uuid PRIMARY KEY,                            -- also the newest order id that it may hold
    merchant_id  uuid NOT NULL REFERENCES merchant,
    asked_by     text NOT NULL,
    plain        boolean NOT NULL,                            -- with recipients as they are, not masked
    filter       jsonb NOT NULL,
    state        text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    rows_done    bigint NOT NULL DEFAULT 0,
    rows_total   bigint,
    bytes        bigint NOT NULL DEFAULT 0,
    chunks       integer NOT NULL DEFAULT 0,
    resume_below uuid NOT NULL,
    lease_no     bigint NOT NULL DEFAULT 0,
    lease_until  timestamptz,
    tries        integer NOT NULL DEFAULT 0,                  -- leases since the last chunk
    error        text,
    created_at   timestamptz NOT NULL,
    ended_at     timestamptz,
    UNIQUE (merchant_id, id)
);
CREATE INDEX order_export_open ON order_export (id) WHERE state IN ('waiting', 'running');

CREATE TABLE order_export_chunk (
    export_id uuid NOT NULL REFERENCES order_export ON DELETE CASCADE,
    no        integer NOT NULL,
    content   bytea NOT NULL,
    PRIMARY KEY (export_id, no)
);
