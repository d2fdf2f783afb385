-- Version 7. Rows are added, never changed or removed, except where a comment says so.

CREATE TABLE project (
    -- one row; 'clean' and 'adopted' are the only values that change
    id INTEGER PRIMARY KEY CHECK (id = 1),
    created REAL NOT NULL,
    software TEXT NOT NULL,
    clean INTEGER NOT NULL,
    adopted TEXT
);

CREATE TABLE cases (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    image TEXT NOT NULL,              -- relative to the project where it lies inside; changes where the file was moved
    sha256 TEXT NOT NULL UNIQUE,
    height INTEGER NOT NULL,
    width INTEGER NOT NULL,
    spacing_y REAL,
    spacing_x REAL,
    unit TEXT NOT NULL,
    group_key TEXT NOT NULL,
    split TEXT NOT NULL CHECK (split IN ('train', 'heldout')),  -- may go from train to heldout, never back
    -- changes: the stroke up to which the labels are shown; undo moves it back
    cursor INTEGER NOT NULL DEFAULT 0,
    -- of a volume only: its slices lie one below the other in the tiles, slice z in the rows from z * height
    depth INTEGER, spacing_z REAL,
    look TEXT,                        -- what the image looks like: finds near copies (looks.py)
    -- JSON: where its voxels lie; null where size and spacing say all of it
    grid TEXT,
    -- changes: 1 where a person took it off the list; its strokes stay and come back with it
    removed INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE classes (
    -- what a label stands for; changes with the history's rows of kind 'class'
    label INTEGER PRIMARY KEY CHECK (label BETWEEN 1 AND 255),
    name TEXT NOT NULL,
    colour TEXT NOT NULL              -- #rrggbb
);

CREATE TABLE strokes (
    id INTEGER PRIMARY KEY,
    case_id INTEGER NOT NULL REFERENCES cases (id),
    parent INTEGER NOT NULL,          -- the stroke it was drawn on, 0 for the empty mask
    kind TEXT NOT NULL,               -- proposal, brush, ...
    created REAL NOT NULL,
    author TEXT NOT NULL,
    y0 INTEGER NOT NULL, x0 INTEGER NOT NULL, y1 INTEGER NOT NULL, x1 INTEGER NOT NULL,
    -- JSON: network, weights, ... of a proposal; 'store': the folder that holds its labels, in place of tiles
    origin TEXT
);
CREATE INDEX strokes_of_case ON strokes (case_id);

CREATE TABLE tiles (
    stroke_id INTEGER NOT NULL REFERENCES strokes (id),
    tile_y INTEGER NOT NULL,
    tile_x INTEGER NOT NULL,
    crc INTEGER NOT NULL,             -- of the bytes in 'data'
    -- zlib of the tile's uint8 labels after the stroke; of a large image, behind them, 1 where the stroke set them: what
    -- lies under it may come later
    data BLOB NOT NULL,
    PRIMARY KEY (stroke_id, tile_y, tile_x)
) WITHOUT ROWID;

CREATE TABLE revisions (
    id INTEGER PRIMARY KEY,
    case_id INTEGER NOT NULL REFERENCES cases (id),
    number INTEGER NOT NULL,
    stroke_id INTEGER NOT NULL,       -- the labels as of this stroke
    sha256 TEXT NOT NULL,             -- of the labels, row by row
    created REAL NOT NULL,
    author TEXT NOT NULL,
    box TEXT,                         -- JSON: of a large image, the part that was accepted and hashed; null: all of it
    UNIQUE (case_id, number)
);

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    folder TEXT NOT NULL,
    state TEXT NOT NULL,              -- changes: running, adopted, kept, cancelled, failed, interrupted
    created REAL NOT NULL,
    weights TEXT,                     -- changes: the file that came out
    spec TEXT NOT NULL,
    result TEXT                       -- changes: JSON of the comparison
);

CREATE TABLE history (
    id INTEGER PRIMARY KEY,
    case_id INTEGER REFERENCES cases (id),
    created REAL NOT NULL,
    author TEXT NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL,             -- JSON
    chain TEXT NOT NULL               -- sha256 over this row and the chain of the row before
);
