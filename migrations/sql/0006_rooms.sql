-- Rooms -------------------------------------------------------------------------------------------------------------

ALTER TABLE room
    ADD COLUMN cover_url  text,
    ADD COLUMN grace_s    integer NOT NULL DEFAULT 120,       -- an interruption may last so long, then the session ends
    ADD COLUMN idle_end_s integer,                            -- so long on air without a picture ends it; null: never
    ADD COLUMN version    bigint NOT NULL DEFAULT 1,          -- against lost updates
    ADD CONSTRAINT room_grace CHECK (grace_s BETWEEN 5 AND 86400) NOT VALID, -- every row there is keeps these two
    ADD CONSTRAINT room_idle_end CHECK (idle_end_s BETWEEN 60 AND 86400) NOT VALID;
CREATE INDEX room_list ON room (merchant_id, id);

CREATE TABLE room_crew (                                      -- what a member of staff may do in one room beside the role
    merchant_id uuid NOT NULL,
    room_id     uuid NOT NULL,
    staff_id    uuid NOT NULL,
    role        text NOT NULL CHECK (role IN ('cohost', 'assistant', 'moderator')),
    added_at    timestamptz NOT NULL,
    PRIMARY KEY (room_id, staff_id),
    FOREIGN KEY (merchant_id, room_id) REFERENCES room (merchant_id, id),
    FOREIGN KEY (merchant_id, staff_id) REFERENCES staff (merchant_id, id)
);

-- Sessions ------------------------------------------------------------------------------------------------------------

-- Nothing made sessions so far.
ALTER TABLE session
    ADD COLUMN title          text,                           -- null: the room's
    ADD COLUMN state          text NOT NULL DEFAULT 'scheduled',
    ADD COLUMN starts_at      timestamptz,                    -- as planned; null: whenever it is begun
    ADD COLUMN autostart      boolean NOT NULL DEFAULT true,  -- the picture begins it, not before starts_at
    ADD COLUMN started_at     timestamptz,                    -- on air for the first time; null and ended: called off
    ADD COLUMN quiet_since    timestamptz,                    -- on air or interrupted, and without a picture since
    ADD COLUMN ended_at       timestamptz,
    ADD COLUMN version        bigint NOT NULL DEFAULT 1,
    ADD CONSTRAINT session_state CHECK (state IN ('scheduled', 'live', 'interrupted', 'ended')),
    ADD CONSTRAINT session_ended CHECK ((ended_at IS NOT NULL) = (state = 'ended')),
    ADD CONSTRAINT session_started CHECK (started_at IS NOT NULL OR state IN ('scheduled', 'ended'));
CREATE INDEX session_list ON session (merchant_id, id);
CREATE INDEX session_room ON session (room_id, id);           -- without the merchant in front, as sku_product
CREATE INDEX session_open ON session (state, id) WHERE state <> 'ended';
-- A room shows one broadcast at a time. Rehearsals are places of their own.
CREATE UNIQUE INDEX session_on_air ON session (room_id) WHERE state IN ('live', 'interrupted') AND NOT rehearsal;

CREATE INDEX session_sale_sale ON session_sale (sale_id);

CREATE TABLE session_history (                                -- a row per move, whoever made it
    id          uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    session_id  uuid NOT NULL,
    source      text NOT NULL,
    target      text NOT NULL,
    reason      text NOT NULL,
    actor       text NOT NULL,
    at          timestamptz NOT NULL,
    FOREIGN KEY (merchant_id, session_id) REFERENCES session (merchant_id, id)
);
CREATE INDEX session_history_session ON session_history (session_id, id);

-- Ingest: who sends the picture of a place (a room, or a rehearsal session) ---------------------------------------------

CREATE TABLE ingest (
    place       uuid PRIMARY KEY,                             -- the room's id, or the rehearsal session's
    merchant_id uuid NOT NULL,
    room_id     uuid NOT NULL,
    key_no      integer NOT NULL DEFAULT 1,                   -- push keys of an older number are taken back
    client      text,                                         -- of the media server, who publishes now; null: nobody
    since       timestamptz,
    alive_at    timestamptz,                                  -- last sign of life; null: this media server gives none
    gone        jsonb NOT NULL DEFAULT '[]',                  -- [[client, when in ms]], the last few who left
    FOREIGN KEY (merchant_id, room_id) REFERENCES room (merchant_id, id),
    CHECK ((client IS NULL) = (since IS NULL))
);
CREATE INDEX ingest_alive ON ingest (alive_at) WHERE client IS NOT NULL;
