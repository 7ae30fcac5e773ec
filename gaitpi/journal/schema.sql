-- The journal of a runner. Format and examples: docs/journal.md.
-- A row is a change of one entry and says the whole of what it is afterwards. Rows are only added.

CREATE TABLE change (
  id INTEGER PRIMARY KEY,     -- 1, 2, 3 ... without holes
  batch INTEGER NOT NULL CHECK (batch BETWEEN 1 AND id), -- first row of what was done at once
  act TEXT NOT NULL CHECK (act IN ('put', 'import', 'undo', 'redo')),
  of_batch INTEGER,           -- what was undone or done again
  entry TEXT NOT NULL,        -- name of the entry, for ever
  body TEXT,                  -- JSON of the entry, NULL = it is not there
  wall_s REAL NOT NULL,       -- seconds since 1970 by this machine's clock
  utc_offset_s REAL NOT NULL, -- local time is ahead of UTC by this
  mono_s REAL NOT NULL,       -- CLOCK_MONOTONIC, of that boot
  boot_id TEXT NOT NULL,
  who TEXT NOT NULL,          -- the account that said so
  crc32 INTEGER NOT NULL      -- of the JSON array of all columns from id to who
) STRICT;

CREATE TRIGGER change_stays BEFORE UPDATE ON change
BEGIN SELECT RAISE(ABORT, 'rows of a journal are only added'); END;

CREATE TRIGGER change_is_kept BEFORE DELETE ON change
BEGIN SELECT RAISE(ABORT, 'rows of a journal are only added'); END;

CREATE VIEW v_entry AS SELECT
  entry, json_extract(body, '$.kind') AS kind, json_extract(body, '$.day') AS day,
  datetime(wall_s + utc_offset_s, 'unixepoch') AS last_said, who, body
FROM change AS c
WHERE body IS NOT NULL AND id = (SELECT max(id) FROM change WHERE entry = c.entry);

CREATE VIEW v_pain AS SELECT
  day, json_extract(body, '$.level') AS level, json_extract(body, '$.site') AS site,
  json_extract(body, '$.moment') AS moment, json_extract(body, '$.run') AS run
FROM v_entry WHERE kind = 'pain';
