-- What is understood of an image, as JSON: colours, quality, names… by the version of the method.
CREATE TABLE understandings (
    hash    BLOB PRIMARY KEY,
    version TEXT NOT NULL,
    body    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
