-- Who watched what. No foreign keys: batches on a hot path, and who watches is no row of ours to keep alive.

CREATE TABLE watch_interval (
    id          uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    session_id  uuid NOT NULL,
    viewer_id   uuid NOT NULL,                                -- a customer, guests included
    gateway_id  uuid NOT NULL,                                -- a life of a gateway; see watch_gateway
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz CHECK (ended_at >= started_at)    -- null: still there
);
CREATE INDEX watch_interval_of ON watch_interval (merchant_id, session_id, viewer_id);
CREATE INDEX watch_interval_open ON watch_interval (gateway_id) WHERE ended_at IS NULL;

CREATE TABLE session_viewer (                                 -- everybody who ever watched a session, once
    session_id  uuid NOT NULL,
    viewer_id   uuid NOT NULL,
    merchant_id uuid NOT NULL,
    PRIMARY KEY (session_id, viewer_id)
);

CREATE TABLE session_count (
    session_id  uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    viewers     integer NOT NULL DEFAULT 0,                   -- rows of session_viewer
    peak        integer NOT NULL DEFAULT 0                    -- the most that were online at once
) WITH (fillfactor = 50);

CREATE TABLE watch_gateway (                                  -- gateways that store intervals, while they live
    id          uuid PRIMARY KEY,
    alive_at    timestamptz NOT NULL
) WITH (fillfactor = 50);

-- Sales of a session may still move a while after it is over.
CREATE INDEX session_over ON session (ended_at) WHERE state = 'ended';
