-- Images that no product shows and nobody asked with, and since when (seconds since 1970): removed when that is long ago.
CREATE TABLE unused (
    hash  BLOB PRIMARY KEY,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX unused_by_since ON unused (since);
CREATE INDEX photos_by_hash ON photos (hash);
CREATE INDEX sources_by_hash ON sources (hash);

-- Of a shopper who wants to be forgotten.
CREATE INDEX events_by_user ON events (catalogue, user) WHERE user IS NOT NULL;
