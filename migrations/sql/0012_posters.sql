-- Posters: how a merchant's look, the codes of mini-programs that platforms made for shares, and what is shown.

CREATE TABLE poster_template (                                -- one per merchant; without a row the house's own
    merchant_id  uuid PRIMARY KEY REFERENCES merchant,
    version      bigint NOT NULL DEFAULT 1,
    background   text NOT NULL CHECK (background ~ '^#[0-9a-f]{6}$'),
    panel        text NOT NULL CHECK (panel ~ '^#[0-9a-f]{6}$'),
    ink          text NOT NULL CHECK (ink ~ '^#[0-9a-f]{6}$'),
    accent       text NOT NULL CHECK (accent ~ '^#[0-9a-f]{6}$'),
    headline     text NOT NULL CHECK (char_length(headline) <= 40),
    sharer_line  text NOT NULL CHECK (char_length(sharer_line) <= 40),
    footer       text NOT NULL CHECK (char_length(footer) <= 60),
    picture_url  text CHECK (char_length(picture_url) <= 2000), -- where what is shared has no picture
    show_picture boolean NOT NULL,
    show_price   boolean NOT NULL,
    show_sharer  boolean NOT NULL,
    updated_at   timestamptz NOT NULL
);

-- A platform is asked once for a share, an app and a page. While image is null, `holder` asks it until `lease_until`.
CREATE TABLE mini_code (
    share_id    uuid NOT NULL,
    app_id      text NOT NULL CHECK (char_length(app_id) BETWEEN 1 AND 64), -- the platform's own id of it
    merchant_id uuid NOT NULL,
    leads_to    text NOT NULL,                                -- version and page; with another one it is asked for anew
    image       bytea CHECK (octet_length(image) BETWEEN 1 AND 500000),
    holder      uuid NOT NULL,
    lease_until timestamptz NOT NULL,
    PRIMARY KEY (share_id, app_id),
    FOREIGN KEY (merchant_id, share_id) REFERENCES share (merchant_id, id)
);

-- What is sold under a target now: a product's cheapest to dearest SKU by their list prices, in one currency; of a
-- session what is pinned, else the first of its shelf; of a room what its broadcast has, or else its next one.
CREATE FUNCTION poster_item(p_merchant uuid, p_kind text, p_target uuid, p_at timestamptz)
RETURNS TABLE (title text, picture_url text, currency text, low bigint, high bigint) LANGUAGE sql STABLE AS $$
    WITH about (session_id) AS (
        SELECT p_target WHERE p_kind = 'session'
        UNION ALL
        (SELECT s.id FROM session s
         WHERE p_kind = 'room' AND s.merchant_id = p_merchant AND s.room_id = p_target AND NOT s.rehearsal
             AND s.state <> 'ended'
         ORDER BY s.state = 'scheduled', s.id LIMIT 1)
    ), item (item_id) AS (
        SELECT coalesce(
            (SELECT n.item_id FROM pin_interval n
             WHERE n.merchant_id = p_merchant AND n.session_id = a.session_id AND n.to_at IS NULL),
            (SELECT h.item_id FROM shelf_slot h
             WHERE h.merchant_id = p_merchant AND h.session_id = a.session_id AND NOT h.hidden
             ORDER BY h.place, h.no LIMIT 1))
        FROM about a
    ), sold (sku_id, picture_url) AS (
        SELECT k.id, k.picture_url FROM sku k
        WHERE p_kind = 'product' AND k.merchant_id = p_merchant AND k.product_id = p_target AND k.archived_at IS NULL
    ), priced AS (
        SELECT DISTINCT ON (p.sku_id, p.currency) p.sku_id, p.currency, p.price FROM sold k JOIN sku_price p ON p.sku_id = k.sku_id
        WHERE p.merchant_id = p_merchant AND p.since <= p_at ORDER BY p.sku_id, p.currency, p.since DESC
    ), span AS (
        SELECT p.currency, min(p.price) AS low, max(p.price) AS high FROM priced p
        GROUP BY p.currency ORDER BY count(*) DESC, p.currency LIMIT 1
    )
    SELECT v.title, v.picture_url, v.currency::text, v.price, v.price
    FROM item i JOIN sale_item t ON t.merchant_id = p_merchant AND t.id = i.item_id
    JOIN item_version v ON v.merchant_id = p_merchant AND v.id = t.item_version_id
    UNION ALL
    SELECT NULL, (SELECT k.picture_url FROM sold k WHERE k.picture_url IS NOT NULL ORDER BY k.sku_id LIMIT 1),
           s.currency::text, s.low, s.high
    FROM (SELECT) AS one LEFT JOIN span s ON true WHERE p_kind = 'product'
$$;
