-- What is said, what is shown, and who may buy.

-- Purchase tickets: how long a viewer must have been in the room of a sale that asks for one; null: the usual time.
ALTER TABLE sale ADD COLUMN ticket_after_s integer CHECK (ticket_after_s BETWEEN 0 AND 3600);
ALTER TABLE sale_template ADD COLUMN needs_ticket boolean NOT NULL DEFAULT false;
ALTER TABLE sale_template ADD COLUMN ticket_after_s integer CHECK (ticket_after_s BETWEEN 0 AND 3600);

ALTER TABLE session ADD COLUMN IF NOT EXISTS started_at timestamptz;  -- where broadcast offsets count from
ALTER TABLE session ADD COLUMN IF NOT EXISTS ended_at timestamptz;

-- Shelf and pins ------------------------------------------------------------------------------------------------------

CREATE TABLE shelf (                                          -- of one session; its version against lost updates
    session_id  uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    version     bigint NOT NULL DEFAULT 1,
    told        text,                                         -- what the screens were told last, as a digest; null: nothing
    FOREIGN KEY (merchant_id, session_id) REFERENCES session (merchant_id, id)
);

CREATE TABLE shelf_slot (
    session_id  uuid NOT NULL,
    no          smallint NOT NULL CHECK (no BETWEEN 1 AND 999),          -- what the host says on air
    merchant_id uuid NOT NULL,
    place       smallint NOT NULL,                            -- in which order they are shown
    sale_id     uuid NOT NULL,
    item_id     uuid NOT NULL,
    hidden      boolean NOT NULL DEFAULT false,
    PRIMARY KEY (session_id, no),
    UNIQUE (session_id, item_id),
    FOREIGN KEY (session_id) REFERENCES shelf (session_id),
    FOREIGN KEY (session_id, sale_id) REFERENCES session_sale (session_id, sale_id),
    FOREIGN KEY (merchant_id, item_id) REFERENCES sale_item (merchant_id, id)
);

CREATE TABLE pin_interval (                                   -- what was shown when: reports and chapters of replays
    id          uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    session_id  uuid NOT NULL,
    no          smallint NOT NULL,
    sale_id     uuid NOT NULL,
    item_id     uuid NOT NULL,
    from_at     timestamptz NOT NULL,
    to_at       timestamptz CHECK (to_at >= from_at),
    pinned_by   text NOT NULL,
    UNIQUE (merchant_id, id),
    FOREIGN KEY (merchant_id, session_id) REFERENCES session (merchant_id, id),
    FOREIGN KEY (merchant_id, item_id) REFERENCES sale_item (merchant_id, id)
);
CREATE UNIQUE INDEX one_pin_at_a_time ON pin_interval (session_id) WHERE to_at IS NULL;
CREATE INDEX pin_interval_of ON pin_interval (merchant_id, session_id, id);

-- Talk ----------------------------------------------------------------------------------------------------------------

CREATE TABLE talk (                                           -- the rules of a room; a room without a row has the usual ones
    room_id     uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    slow_mode_s integer NOT NULL DEFAULT 0 CHECK (slow_mode_s BETWEEN 0 AND 3600),
    review      boolean NOT NULL DEFAULT false,
    muted_all   boolean NOT NULL DEFAULT false,
    version     bigint NOT NULL DEFAULT 1,                    -- also of the room's silences: goes up with each of them
    FOREIGN KEY (merchant_id, room_id) REFERENCES room (merchant_id, id)
);

CREATE TABLE talk_silence (
    id          uuid PRIMARY KEY,
    room_id     uuid NOT NULL,
    viewer_id   uuid NOT NULL,                                -- a customer, guests included
    kind        text NOT NULL CHECK (kind IN ('mute', 'ban', 'shadow')),
    merchant_id uuid NOT NULL,
    until       timestamptz NOT NULL,
    reason      text,
    set_by      text NOT NULL,
    at          timestamptz NOT NULL,
    UNIQUE (room_id, viewer_id, kind),
    FOREIGN KEY (merchant_id, room_id) REFERENCES room (merchant_id, id)
);
CREATE INDEX talk_silence_of ON talk_silence (merchant_id, room_id, id);

CREATE TABLE talk_word_list (                                 -- goes up with each change of a merchant's words
    merchant_id uuid PRIMARY KEY REFERENCES merchant,
    version     bigint NOT NULL
);

CREATE TABLE talk_word (
    merchant_id uuid NOT NULL REFERENCES merchant,
    id          uuid NOT NULL,
    word        text NOT NULL CHECK (char_length(word) BETWEEN 1 AND 64),
    folded      text NOT NULL,                                -- as texts are compared
    action      text NOT NULL CHECK (action IN ('refuse', 'review')),
    PRIMARY KEY (merchant_id, id),
    UNIQUE (merchant_id, folded)
);

CREATE TABLE comment (                                        -- the record. No foreign keys: batches on a hot path
    merchant_id  uuid NOT NULL,
    id           uuid NOT NULL,
    room_id      uuid NOT NULL,
    session_id   uuid,
    place        uuid NOT NULL,                               -- where it is shown: the room, or a rehearsal session
    author_id    uuid NOT NULL,
    author_name  text,                                        -- personal data: blank once the person is erased
    text         text NOT NULL CHECK (char_length(text) BETWEEN 1 AND 300),
    state        text NOT NULL CHECK (state IN ('shown', 'waiting', 'shadowed', 'rejected', 'removed')),
    at           timestamptz NOT NULL,
    moderated_by text,
    moderated_at timestamptz,
    PRIMARY KEY (merchant_id, id)
);
CREATE INDEX comment_of_room ON comment (merchant_id, room_id, id);
CREATE INDEX comment_of_author ON comment (merchant_id, author_id, id);
CREATE INDEX comment_waiting ON comment (merchant_id, room_id, id) WHERE state = 'waiting';
CREATE INDEX comment_removed ON comment (place, moderated_at) WHERE state = 'removed';

CREATE TABLE announcement (
    merchant_id uuid NOT NULL,
    id          uuid NOT NULL,
    place       uuid NOT NULL,
    session_id  uuid NOT NULL,
    text        text NOT NULL CHECK (char_length(text) BETWEEN 1 AND 500),
    said_by     text NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, id),
    FOREIGN KEY (merchant_id, session_id) REFERENCES session (merchant_id, id)
);
CREATE INDEX announcement_of ON announcement (merchant_id, place, id);
