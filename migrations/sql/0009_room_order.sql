-- The order in which screens hear of a place.

CREATE TABLE place_told (                                      -- a row is locked by whoever tells something of the place
    place   uuid PRIMARY KEY,                                 -- a room, or a session that is a rehearsal
    last_id uuid NOT NULL                                     -- of the event told last: the next one's is above it
);

ALTER TABLE session_sale ADD link_no bigint NOT NULL DEFAULT 0; -- the session's version that it came with: grows link by link
