"""The catalogue's schema as numbered steps; `PRAGMA user_version` is the last one done.

A step is never edited once released: a change is a new step.
"""

from __future__ import annotations

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE runs (
        run INTEGER PRIMARY KEY,
        verb TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('running','done','failed','interrupted','killed')),
        version TEXT NOT NULL,
        parameters TEXT NOT NULL CHECK (json_valid(parameters)),
        seed INTEGER,
        model_hash TEXT,
        input_hash TEXT,
        machine TEXT NOT NULL CHECK (json_valid(machine)),
        started TEXT NOT NULL,
        ended TEXT,
        done INTEGER NOT NULL DEFAULT 0,
        failed INTEGER NOT NULL DEFAULT 0,
        note TEXT
    ) STRICT;

    CREATE TABLE sources (
        source INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        location TEXT NOT NULL,
        relative TEXT,
        run INTEGER NOT NULL REFERENCES runs (run),
        UNIQUE (kind, location)
    ) STRICT;

    CREATE TABLE items (
        n INTEGER PRIMARY KEY,
        item TEXT NOT NULL UNIQUE,
        sha256 TEXT NOT NULL UNIQUE,
        format TEXT NOT NULL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        mode TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        alpha INTEGER NOT NULL,
        frames INTEGER NOT NULL,
        orientation INTEGER NOT NULL,
        dpi REAL,
        taken TEXT,
        icc INTEGER NOT NULL,
        run INTEGER NOT NULL REFERENCES runs (run)
    ) STRICT;

    CREATE TABLE records (
        record INTEGER PRIMARY KEY,
        item TEXT NOT NULL REFERENCES items (item),
        source INTEGER NOT NULL REFERENCES sources (source),
        key TEXT NOT NULL UNIQUE,
        path TEXT NOT NULL,
        path_raw BLOB,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        columns TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(columns)),
        run INTEGER NOT NULL REFERENCES runs (run)
    ) STRICT;
    CREATE INDEX records_item ON records (item);
    CREATE INDEX records_path ON records (path);

    CREATE TABLE failures (
        stage TEXT NOT NULL,
        subject TEXT NOT NULL,
        path TEXT NOT NULL,
        reason TEXT NOT NULL,
        time TEXT NOT NULL,
        run INTEGER NOT NULL REFERENCES runs (run),
        PRIMARY KEY (stage, subject)
    ) STRICT;

    CREATE TABLE labels (
        label INTEGER PRIMARY KEY,
        item TEXT NOT NULL REFERENCES items (item),
        variable TEXT NOT NULL,
        value TEXT NOT NULL,
        coder TEXT NOT NULL,
        seconds REAL,
        time TEXT NOT NULL,
        run INTEGER NOT NULL REFERENCES runs (run)
    ) STRICT;
    CREATE INDEX labels_current ON labels (variable, item, coder, label);
    CREATE TRIGGER labels_stay BEFORE UPDATE ON labels
        BEGIN SELECT RAISE (ABORT, 'labels are only ever added'); END;

    CREATE TABLE splits (
        split INTEGER PRIMARY KEY,
        variable TEXT NOT NULL,
        shares TEXT NOT NULL,
        seed INTEGER,
        method TEXT NOT NULL,
        time TEXT NOT NULL,
        run INTEGER NOT NULL REFERENCES runs (run)
    ) STRICT;
    CREATE TABLE split_items (
        split INTEGER NOT NULL REFERENCES splits (split),
        item TEXT NOT NULL REFERENCES items (item),
        part TEXT NOT NULL CHECK (part IN ('train','val','test')),
        PRIMARY KEY (split, item)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE setups (
        setup INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        version TEXT NOT NULL,
        parameters TEXT NOT NULL CHECK (json_valid(parameters)),
        info TEXT NOT NULL CHECK (json_valid(info)),
        used INTEGER NOT NULL REFERENCES runs (run),
        UNIQUE (name, version, parameters)
    ) STRICT;
    CREATE TABLE parts (
        part INTEGER PRIMARY KEY,
        setup INTEGER NOT NULL REFERENCES setups (setup),
        run INTEGER NOT NULL REFERENCES runs (run),
        file TEXT NOT NULL UNIQUE,
        rows INTEGER NOT NULL,
        bytes INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE measured (
        setup INTEGER NOT NULL REFERENCES setups (setup),
        n INTEGER NOT NULL REFERENCES items (n),
        part INTEGER REFERENCES parts (part),
        PRIMARY KEY (setup, n)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE models (
        model TEXT PRIMARY KEY,
        variable TEXT NOT NULL,
        split INTEGER NOT NULL REFERENCES splits (split),
        hash TEXT NOT NULL,
        card TEXT NOT NULL CHECK (json_valid(card)),
        run INTEGER NOT NULL REFERENCES runs (run)
    ) STRICT;
    CREATE TABLE validations (
        validation INTEGER PRIMARY KEY,
        subject TEXT NOT NULL,
        variable TEXT NOT NULL,
        part TEXT NOT NULL,
        hash TEXT NOT NULL,
        result TEXT NOT NULL CHECK (json_valid(result)),
        time TEXT NOT NULL,
        run INTEGER NOT NULL REFERENCES runs (run)
    ) STRICT;
    """,
    """
    ALTER TABLE items ADD COLUMN kind TEXT NOT NULL DEFAULT 'picture';
    ALTER TABLE items ADD COLUMN duration REAL;
    ALTER TABLE items ADD COLUMN frame_rate REAL;
    ALTER TABLE items ADD COLUMN sample_rate INTEGER;
    ALTER TABLE items ADD COLUMN channels INTEGER;
    ALTER TABLE items ADD COLUMN parent TEXT REFERENCES items (item);
    ALTER TABLE items ADD COLUMN place TEXT;
    ALTER TABLE items ADD COLUMN locator TEXT CHECK (locator IS NULL OR json_valid(locator));
    CREATE INDEX items_parent ON items (parent);
    ALTER TABLE records ADD COLUMN stored TEXT;
    ALTER TABLE records ADD COLUMN parent INTEGER REFERENCES records (record);
    CREATE INDEX records_parent ON records (parent);

    CREATE TABLE shots (
        item TEXT NOT NULL REFERENCES items (item),
        shot INTEGER NOT NULL,
        first_frame INTEGER NOT NULL,
        last_frame INTEGER NOT NULL,
        start REAL NOT NULL,
        stop REAL NOT NULL,
        run INTEGER NOT NULL REFERENCES runs (run),
        PRIMARY KEY (item, shot)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE downloads (
        url TEXT PRIMARY KEY,
        final_url TEXT NOT NULL,
        status INTEGER NOT NULL,
        etag TEXT,
        modified TEXT,
        type TEXT,
        bytes INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        stored TEXT NOT NULL,
        time TEXT NOT NULL,
        run INTEGER NOT NULL REFERENCES runs (run)
    ) STRICT;
    """,
    """
    CREATE TABLE gold_rules (
        variable TEXT PRIMARY KEY,
        rule TEXT NOT NULL,
        positive TEXT,
        run INTEGER NOT NULL REFERENCES runs (run)
    ) STRICT;
    """,
    """
    ALTER TABLE items ADD COLUMN found_by TEXT;
    CREATE INDEX items_found_by ON items (found_by) WHERE found_by IS NOT NULL;
    """,
    """
    UPDATE failures SET stage = 'skipped' WHERE stage = 'passed over';
    """,
    """
    CREATE TABLE columns (
        n INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        type TEXT NOT NULL CHECK (type IN ('integer', 'real', 'text', 'boolean', 'date')),
        forms INTEGER NOT NULL,
        run INTEGER NOT NULL REFERENCES runs (run)
    ) STRICT;
    CREATE TABLE columns_read (stale INTEGER NOT NULL) STRICT;
    INSERT INTO columns_read SELECT EXISTS (SELECT 1 FROM records WHERE columns <> '{}');
    CREATE INDEX measured_failed ON measured (setup, n) WHERE part IS NULL;
    CREATE INDEX items_kind ON items (kind);
    CREATE TABLE replaced (file TEXT PRIMARY KEY, time TEXT NOT NULL) STRICT, WITHOUT ROWID;
    """,
    """
    UPDATE items SET kind = 'image' WHERE kind = 'picture';
    UPDATE setups SET info = replace(info, '"picture"', '"image"');
    """,
    """
    CREATE TABLE results (
        result INTEGER PRIMARY KEY,
        run INTEGER NOT NULL REFERENCES runs (run),
        command TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('model', 'rule', 'variable')),
        subject TEXT NOT NULL,
        subject_hash TEXT NOT NULL,
        variable TEXT NOT NULL,
        part TEXT,
        model TEXT,
        model_hash TEXT,
        group_column TEXT,
        "group" TEXT,
        class TEXT NOT NULL,
        metric TEXT NOT NULL,
        estimate REAL,
        low REAL,
        high REAL,
        level REAL,
        n INTEGER,
        method TEXT,
        notes TEXT NOT NULL CHECK (json_valid(notes))
    ) STRICT;
    CREATE INDEX results_run ON results (run);
    CREATE INDEX results_subject ON results (subject, subject_hash);
    ALTER TABLE validations ADD COLUMN kind TEXT NOT NULL DEFAULT 'model';
    UPDATE validations SET kind = 'rule' WHERE subject GLOB '*[:<>=]*';
    INSERT INTO results (run, command, kind, subject, subject_hash, variable, part, class, metric,
        estimate, low, high, level, n, notes)
    SELECT run, 'validate', kind, subject, hash, variable, part,
        coalesce(nullif(json_extract(row.value, '$.class'), ''),
            json_extract(row.value, '$.label'), ''),
        json_extract(row.value, '$.score'), json_extract(row.value, '$.estimate'),
        json_extract(row.value, '$.low'), json_extract(row.value, '$.high'),
        json_extract(result, '$.level'),
        coalesce(json_extract(row.value, '$.n'), json_extract(result, '$.n')), '[]'
    FROM validations, json_each(result, '$.table') AS row ORDER BY validation, row.key;
    UPDATE validations SET result = json_remove(result, '$.table');
    """,
    """
    ALTER TABLE runs ADD COLUMN asked TEXT;
    """,
    """
    UPDATE columns_read SET stale = EXISTS (SELECT 1 FROM records WHERE columns <> '{}');
    ALTER TABLE records ADD COLUMN filled_by TEXT;
    CREATE UNIQUE INDEX records_filled_by ON records (filled_by) WHERE filled_by IS NOT NULL;
    """,
    """
    CREATE TABLE models_now (
        model TEXT PRIMARY KEY,
        variable TEXT NOT NULL,
        split INTEGER REFERENCES splits (split),
        hash TEXT NOT NULL,
        card TEXT NOT NULL CHECK (json_valid(card)),
        run INTEGER NOT NULL REFERENCES runs (run)
    ) STRICT;
    INSERT INTO models_now SELECT model, variable, split, hash, card, run FROM models;
    DROP TABLE models;
    ALTER TABLE models_now RENAME TO models;
    """,
)
