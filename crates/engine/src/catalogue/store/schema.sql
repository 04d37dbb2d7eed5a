-- The truth. Times are RFC 3339 in UTC; hashes are BLAKE3, 32 bytes; `revision` grows by one with each change of a catalogue.

CREATE TABLE catalogues (
    key              INTEGER PRIMARY KEY AUTOINCREMENT,
    name             TEXT NOT NULL UNIQUE,
    created_at       TEXT NOT NULL,
    revision         INTEGER NOT NULL DEFAULT 0,
    -- Up to which revision the index of `indexed_space` is known to be on disk.
    indexed_revision INTEGER NOT NULL DEFAULT 0,
    indexed_space    TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE products (
    -- Never used twice: it is the product's number in the index.
    key       INTEGER PRIMARY KEY AUTOINCREMENT,
    catalogue INTEGER NOT NULL REFERENCES catalogues ON DELETE CASCADE,
    id        TEXT NOT NULL,
    revision  INTEGER NOT NULL,
    -- First 16 bytes of the hash of the product as it was given, to know it again.
    given     BLOB NOT NULL,
    -- The product as JSON, its pictures with their hashes.
    body      TEXT NOT NULL,
    UNIQUE (catalogue, id)
) STRICT;
CREATE INDEX products_by_revision ON products (catalogue, revision);

-- Products that are gone, until the index on disk knows it.
CREATE TABLE removals (
    key       INTEGER PRIMARY KEY,
    catalogue INTEGER NOT NULL REFERENCES catalogues ON DELETE CASCADE,
    revision  INTEGER NOT NULL
) STRICT;
CREATE INDEX removals_by_revision ON removals (catalogue, revision);

CREATE TABLE product_images (
    product  INTEGER NOT NULL REFERENCES products ON DELETE CASCADE,
    position INTEGER NOT NULL,
    hash     BLOB NOT NULL,
    PRIMARY KEY (product, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX product_images_by_hash ON product_images (hash);

CREATE TABLE images (
    hash   BLOB PRIMARY KEY,
    -- Pixels, as the picture is to be seen.
    width  INTEGER NOT NULL,
    height INTEGER NOT NULL,
    bytes  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a model says of an image: 16-bit floats, little endian.
CREATE TABLE features (
    hash    BLOB NOT NULL,
    model   TEXT NOT NULL,
    feature BLOB NOT NULL,
    PRIMARY KEY (hash, model)
) STRICT, WITHOUT ROWID;

-- What was found at a path or address the last time, so that it need not be read again.
CREATE TABLE sources (
    source        TEXT PRIMARY KEY,
    hash          BLOB NOT NULL,
    -- Of a file.
    size          INTEGER,
    modified      INTEGER,
    -- Of an answer.
    etag          TEXT,
    last_modified TEXT,
    checked_at    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
    id       TEXT PRIMARY KEY,
    state    TEXT NOT NULL,
    -- What was asked for, and how it stands, as JSON.
    request  TEXT NOT NULL,
    job      TEXT NOT NULL,
    -- Rows of the feed that are done for good, from its beginning.
    position INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The ledger.
CREATE TABLE job_errors (
    job    TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
    number INTEGER NOT NULL,
    error  TEXT NOT NULL,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;
