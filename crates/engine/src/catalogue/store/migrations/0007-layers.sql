-- What layers before a model's last one say of images, a signed byte a number: for heads that see them.
CREATE TABLE layers (
    hash   BLOB NOT NULL,
    model  TEXT NOT NULL,
    layers BLOB NOT NULL,
    PRIMARY KEY (hash, model)
) STRICT, WITHOUT ROWID;
