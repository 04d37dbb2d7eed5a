-- Spaces: each catalogue has an active one, and the one before it to roll back to. `default` is the one of the build.
ALTER TABLE catalogues ADD COLUMN active_space TEXT NOT NULL DEFAULT 'default';
ALTER TABLE catalogues ADD COLUMN previous_space TEXT;

-- Spaces that were trained on a catalogue. Their heads are files, under `spaces` in the data folder.
CREATE TABLE spaces (
    catalogue  INTEGER NOT NULL REFERENCES catalogues ON DELETE CASCADE,
    id         TEXT NOT NULL,
    created_at TEXT NOT NULL,
    -- How it was made, and how it compares, as JSON.
    provenance TEXT NOT NULL,
    report     TEXT NOT NULL,
    PRIMARY KEY (catalogue, id)
) STRICT;

-- Up to which revision the index of a catalogue in a space is known to be on disk.
CREATE TABLE indexes (
    catalogue INTEGER NOT NULL REFERENCES catalogues ON DELETE CASCADE,
    space     TEXT NOT NULL,
    revision  INTEGER NOT NULL,
    PRIMARY KEY (catalogue, space)
) STRICT, WITHOUT ROWID;
INSERT INTO indexes (catalogue, space, revision)
    SELECT key, indexed_space, indexed_revision FROM catalogues WHERE indexed_space <> '';
ALTER TABLE catalogues DROP COLUMN indexed_revision;
ALTER TABLE catalogues DROP COLUMN indexed_space;
