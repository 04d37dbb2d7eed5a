-- What people did and said. Times are RFC 3339 in UTC.

-- Photos that people asked with, and that the shop sent us to keep.
CREATE TABLE photos (
    catalogue INTEGER NOT NULL REFERENCES catalogues ON DELETE CASCADE,
    hash      BLOB NOT NULL,
    at        TEXT NOT NULL,
    PRIMARY KEY (catalogue, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    key       INTEGER PRIMARY KEY AUTOINCREMENT,
    catalogue INTEGER NOT NULL REFERENCES catalogues ON DELETE CASCADE,
    kind      TEXT NOT NULL,
    at        TEXT NOT NULL,
    product   TEXT,
    -- The photo that was asked with.
    photo     BLOB,
    text      TEXT,
    user      TEXT
) STRICT;
CREATE INDEX events_by_photo ON events (catalogue, photo) WHERE photo IS NOT NULL;

-- A person's word on whether a photo, or another product, shows this product. The last word on a pair counts.
CREATE TABLE reviews (
    key       INTEGER PRIMARY KEY AUTOINCREMENT,
    catalogue INTEGER NOT NULL REFERENCES catalogues ON DELETE CASCADE,
    photo     BLOB,
    other     TEXT,
    product   TEXT NOT NULL,
    verdict   TEXT NOT NULL,
    reviewer  TEXT,
    at        TEXT NOT NULL
) STRICT;
CREATE INDEX reviews_by_pair ON reviews (catalogue, photo, other, product);
