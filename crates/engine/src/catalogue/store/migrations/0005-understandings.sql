-- What is understood of an image, as JSON: colours, quality, names… by the version of the method.
CREATE TABLE understandings (
    hash    BLOB PRIMARY KEY,
    version TEXT NOT NULL,
    body    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Classifiers fitted to a catalogue's own products, as JSON.
CREATE TABLE labels (
    catalogue INTEGER PRIMARY KEY REFERENCES catalogues ON DELETE CASCADE,
    body      TEXT NOT NULL
) STRICT;
