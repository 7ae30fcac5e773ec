-- A gaitpi run file. Format and examples: docs/run-file.md.
-- Times named time_s, ic_s ... are seconds of run time: 0 is the monotonic time of anchor 1.
-- NULL is "not known". Values are SI unless the name says otherwise.

CREATE TABLE run (            -- one row, written before the first sample
  id INTEGER PRIMARY KEY CHECK (id = 1),
  run_id TEXT NOT NULL,
  boot_id TEXT NOT NULL,
  gaitpi TEXT NOT NULL,       -- versions of what wrote the file
  schema_version INTEGER NOT NULL,
  python TEXT NOT NULL,
  numpy TEXT NOT NULL,
  numba TEXT NOT NULL,
  virtual INTEGER NOT NULL,   -- 1: virtual time (demo, simulate, replay)
  source TEXT NOT NULL,       -- where the samples came from
  recording TEXT NOT NULL,    -- story or recording played, '' for a real run
  segment TEXT NOT NULL,      -- body segment the pack sat on
  mount TEXT NOT NULL,        -- mounting as configured, '' = learned
  design_rate_hz REAL NOT NULL,
  has_gyro INTEGER NOT NULL,
  chip TEXT NOT NULL,
  address INTEGER NOT NULL,
  bus TEXT NOT NULL,
  who_am_i INTEGER NOT NULL,
  identity TEXT NOT NULL,
  rate_hz REAL NOT NULL,
  acc_scale REAL NOT NULL,    -- m/s2 per count
  gyr_scale REAL,             -- rad/s per count
  acc_range REAL NOT NULL,    -- m/s2
  gyr_range REAL,             -- rad/s
  sensor_virtual INTEGER NOT NULL,
  calibration TEXT,           -- JSON, NULL = none
  config TEXT NOT NULL,       -- JSON of the whole configuration
  crc32 INTEGER NOT NULL      -- of the JSON array of all columns from run_id to config
) STRICT;

CREATE TABLE anchor (         -- monotonic clock <-> wall clock
  id INTEGER PRIMARY KEY,
  mono_s REAL NOT NULL,
  wall_s REAL NOT NULL,       -- seconds since 1970, UTC
  utc_offset_s REAL NOT NULL
) STRICT;

CREATE TABLE block (          -- raw samples: at most 1 s, contiguous, on one clock line
  id INTEGER PRIMARY KEY,     -- 1, 2, 3 ... without holes
  first_index INTEGER NOT NULL,
  n INTEGER NOT NULL,
  line_index0 INTEGER NOT NULL,
  line_time_s REAL NOT NULL,  -- time of sample i: line_time_s + (i - line_index0) * line_period_s
  line_period_s REAL NOT NULL,
  gap_s REAL NOT NULL,        -- time lost just before the first sample
  clipped INTEGER NOT NULL,   -- samples at the end of the range
  codec INTEGER NOT NULL,     -- 1: docs/run-file.md
  crc32 INTEGER NOT NULL,
  data BLOB NOT NULL
) STRICT;

CREATE TABLE step (
  id INTEGER PRIMARY KEY,
  ic_s REAL, to_s REAL, contact_s REAL, flight_s REAL, step_s REAL,
  cadence_spm REAL, bounce_m REAL, impact_ms2 REAL,
  side INTEGER NOT NULL,      -- -1 left, +1 right, 0 unknown
  known_s REAL,
  activity INTEGER NOT NULL,  -- 0 unknown, 1 still, 2 walking, 3 running
  lean_deg REAL, side_lean_deg REAL
) STRICT;

CREATE TABLE second (         -- one row per second of run time
  id INTEGER PRIMARY KEY,
  time_s REAL,
  activity INTEGER NOT NULL,
  cadence_spm REAL,
  lean_deg REAL, side_lean_deg REAL,
  samples INTEGER NOT NULL,
  clipped INTEGER NOT NULL,
  gap_s REAL,
  lean_from INTEGER NOT NULL, -- 0 unknown, 1 given mount, 2 own standing, 3 own mean in gait
  cadence_sd_spm REAL, lean_sd_deg REAL, -- standard uncertainty of the means
  grade REAL, grade_sd REAL,  -- slope of the ground, rise over run, by the sensor alone
  yaw_dps REAL,               -- mean turning rate about the vertical, to the left
  belt_value REAL,            -- why: deg where it has moved, else its ringing (1)
  belt INTEGER NOT NULL,      -- 0 unknown, 1 steady, 2 loose, 3 moved
  target_spm REAL             -- cadence the coach wanted at its end, NULL = none
) STRICT;

CREATE TABLE cue (            -- what the runner heard, and why
  id INTEGER PRIMARY KEY,
  time_s REAL,
  cue TEXT NOT NULL, metric TEXT NOT NULL,
  value REAL, low REAL, high REAL,
  rule TEXT NOT NULL, reason TEXT NOT NULL,
  beat_s REAL, played_s REAL,
  first_s REAL, from_s REAL,  -- of a rhythm: time of its first tick, interval it glides from
  lasted_s REAL               -- time from the beginning of the sound to its end
) STRICT;

CREATE TABLE withheld (       -- what the runner would have heard but for a quiet rule
  id INTEGER PRIMARY KEY,
  time_s REAL,
  cue TEXT NOT NULL, metric TEXT NOT NULL,
  value REAL, low REAL, high REAL,
  rule TEXT NOT NULL, reason TEXT NOT NULL
) STRICT;

CREATE TABLE event (          -- faults, gaps, marks, commands, dropouts
  id INTEGER PRIMARY KEY,
  time_s REAL,
  kind TEXT NOT NULL, text TEXT NOT NULL,
  detail TEXT NOT NULL        -- JSON object
) STRICT;

CREATE TABLE heart (          -- a Heart Rate Measurement of a strap
  id INTEGER PRIMARY KEY,
  time_s REAL,                -- when it came in
  known_s REAL,               -- counts from the coach's first moment after this on
  bpm INTEGER NOT NULL,
  contact REAL,               -- 1 skin contact, 0 none
  energy_j REAL,              -- expended since the strap's reset
  rr_s TEXT NOT NULL          -- JSON array: its RR intervals in s, oldest first
) STRICT;

CREATE TABLE pod (            -- a measurement of a foot pod (Running Speed and Cadence)
  id INTEGER PRIMARY KEY,
  time_s REAL, known_s REAL,  -- as of heart
  speed_ms REAL,
  cadence_rpm INTEGER NOT NULL, -- the number as sent: steps of both feet, by some of one
  stride_m REAL, distance_m REAL, -- as sent; distance is the pod's own total
  running INTEGER NOT NULL    -- 0: the pod says walking
) STRICT;

CREATE TABLE finish (         -- one row when the run was closed; none after a power cut
  id INTEGER PRIMARY KEY CHECK (id = 1),
  duration_s REAL NOT NULL,
  running_s REAL NOT NULL,
  steps INTEGER NOT NULL,
  running_steps INTEGER NOT NULL,
  cadence_spm REAL,
  blocks INTEGER NOT NULL,
  samples INTEGER NOT NULL,
  summary TEXT NOT NULL       -- JSON object
) STRICT;

CREATE VIEW v_totals AS SELECT
  coalesce(max(
    coalesce((SELECT line_time_s + (first_index + n - line_index0) * line_period_s
              FROM block ORDER BY id DESC LIMIT 1), 0),
    coalesce((SELECT time_s FROM second ORDER BY id DESC LIMIT 1), 0)), 0) AS duration_s,
  (SELECT CAST(count(*) AS REAL) FROM second WHERE activity = 3) AS running_s,
  (SELECT count(*) FROM step) AS steps,
  (SELECT count(*) FROM step WHERE activity = 3) AS running_steps,
  (SELECT 60.0 * count(step_s) / sum(step_s) FROM step WHERE activity = 3) AS cadence_spm;

CREATE VIEW v_run AS SELECT
  run_id,
  datetime(a.wall_s - a.mono_s + b.mono_s + a.utc_offset_s, 'unixepoch') AS started,
  segment, chip, rate_hz, source, recording, gaitpi,
  EXISTS (SELECT 1 FROM finish) AS finished
FROM run
JOIN anchor AS b ON b.id = 1
JOIN anchor AS a ON a.id = (SELECT max(id) FROM anchor);

CREATE VIEW v_steps AS SELECT
  id,
  printf('%02d:%02d', CAST(ic_s AS INTEGER) / 60, CAST(ic_s AS INTEGER) % 60) AS at,
  CASE activity WHEN 1 THEN 'still' WHEN 2 THEN 'walking' WHEN 3 THEN 'running'
                ELSE 'unknown' END AS activity,
  CASE side WHEN -1 THEN 'left' WHEN 1 THEN 'right' ELSE '?' END AS side,
  round(cadence_spm, 1) AS cadence_spm,
  round(contact_s * 1000) AS contact_ms,
  round(flight_s * 1000) AS flight_ms,
  round(bounce_m * 1000) AS bounce_mm,
  round(impact_ms2 / 9.80665, 2) AS impact_g,
  round(lean_deg, 1) AS lean_deg
FROM step;

CREATE VIEW v_seconds AS SELECT
  printf('%02d:%02d', CAST(time_s AS INTEGER) / 60, CAST(time_s AS INTEGER) % 60) AS at,
  CASE activity WHEN 1 THEN 'still' WHEN 2 THEN 'walking' WHEN 3 THEN 'running'
                ELSE 'unknown' END AS activity,
  round(cadence_spm, 1) AS cadence_spm,
  round(lean_deg, 1) AS lean_deg,
  round(side_lean_deg, 1) AS side_lean_deg,
  samples, clipped, gap_s
FROM second;

CREATE VIEW v_cues AS SELECT
  printf('%02d:%02d', CAST(time_s AS INTEGER) / 60, CAST(time_s AS INTEGER) % 60) AS at,
  cue, metric,
  round(value, 1) AS value,
  CASE WHEN low > -9e999 THEN round(low, 1) END AS low,
  CASE WHEN high < 9e999 THEN round(high, 1) END AS high,
  rule, reason
FROM cue;
