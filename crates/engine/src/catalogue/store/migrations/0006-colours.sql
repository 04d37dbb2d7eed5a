-- The colours of an image as numbers, for heads that see them, by the way they are made.
CREATE TABLE colours (
    hash       BLOB PRIMARY KEY,
    version    TEXT NOT NULL,
    descriptor BLOB NOT NULL
) STRICT, WITHOUT ROWID;
