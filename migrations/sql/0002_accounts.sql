CREATE TABLE staff (                                          -- a person who works for a merchant
    id                uuid PRIMARY KEY,
    merchant_id       uuid NOT NULL REFERENCES merchant,
    email             text NOT NULL CHECK (email = lower(email) AND char_length(email) BETWEEN 3 AND 254),
    name              text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    role              text NOT NULL CHECK (role IN ('owner', 'host', 'operator', 'analyst')),
    password_hash     text,                                   -- null until the invitation is accepted
    invitation_digest bytea UNIQUE,
    invitation_until  timestamptz,
    created_at        timestamptz NOT NULL,
    disabled_at       timestamptz,
    UNIQUE (merchant_id, id),
    UNIQUE (merchant_id, email),
    CHECK ((invitation_digest IS NULL) = (invitation_until IS NULL))
);
CREATE INDEX staff_email ON staff (email, id);

-- One sign-in on one device, and the refresh token that it is worth now. Only digests are kept: whoever reads this
-- table cannot sign in with it.
CREATE TABLE sign_in (
    id              uuid PRIMARY KEY,
    merchant_id     uuid NOT NULL REFERENCES merchant,
    kind            text NOT NULL CHECK (kind IN ('staff', 'customer')),
    subject_id      uuid NOT NULL,                            -- staff.id or customer.id
    family_digest   bytea NOT NULL,                           -- of the part that all its refresh tokens have
    current_digest  bytea NOT NULL,                           -- of the part that only the newest has
    previous_digest bytea,                                    -- of the one before it, …
    salt            bytea,                                    -- …and what made the newest out of that one
    rotated_at      timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    revoked_at      timestamptz,
    CHECK ((previous_digest IS NULL) = (salt IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX sign_in_standing ON sign_in (merchant_id, subject_id) WHERE revoked_at IS NULL;
CREATE INDEX sign_in_expiry ON sign_in (expires_at);

-- Access tokens that are refused before they expire. Every process reads what is new here once a second.
CREATE TABLE denial (
    id          uuid PRIMARY KEY,                             -- of a sign-in, or of a person as a whole
    merchant_id uuid NOT NULL REFERENCES merchant,
    at          timestamptz NOT NULL,
    until       timestamptz NOT NULL                          -- by then every token it concerns has expired
);
CREATE INDEX denial_recent ON denial (at);
CREATE INDEX denial_expiry ON denial (until);

CREATE TABLE customer_guest (                                 -- this customer was that guest, too
    merchant_id uuid NOT NULL,
    guest_id    uuid PRIMARY KEY,
    customer_id uuid NOT NULL,
    at          timestamptz NOT NULL,
    CHECK (guest_id <> customer_id),
    FOREIGN KEY (merchant_id, guest_id) REFERENCES customer (merchant_id, id),
    FOREIGN KEY (merchant_id, customer_id) REFERENCES customer (merchant_id, id)
);
CREATE INDEX customer_guest_of ON customer_guest (merchant_id, customer_id, guest_id);

ALTER TABLE customer ADD COLUMN blocked_at timestamptz;

-- Nothing has written this table before, so the index is made at once.
CREATE INDEX identity_union ON identity (merchant_id, union_id) WHERE union_id IS NOT NULL;
