"""What marks a file as a gaitpi run file."""

from functools import cache
from pathlib import Path
from typing import Final

APPLICATION_ID: Final = 0x47414954
"""SQLite application_id: the letters GAIT."""

SCHEMA_VERSION: Final = 4
"""SQLite user_version; a reader refuses a higher one.

2: uncertainties in table ``second``. 3: slope and belt there, ticks of a rhythm in ``cue``.
4: tables of a strap's and a pod's measurements, target in ``second``.
"""

_NEW_IN_2: Final = {"cadence_sd_spm": "NULL", "lean_sd_deg": "NULL"}
_NEW_IN_3: Final = {
    "grade": "NULL",
    "grade_sd": "NULL",
    "yaw_dps": "NULL",
    "belt_value": "NULL",
    "belt": "0",
}
_NEW_IN_4: Final = {"target_spm": "NULL"}
_TICKS: Final = {"first_s": "NULL", "from_s": "NULL", "lasted_s": "NULL"}

ADDED: Final = {
    1: {"second": _NEW_IN_2 | _NEW_IN_3 | _NEW_IN_4, "cue": _TICKS},
    2: {"second": _NEW_IN_3 | _NEW_IN_4, "cue": _TICKS},
    3: {"second": _NEW_IN_4},
}
"""Columns that each older format lacks, with the SQL of what is read in their place."""

TABLES_IN_4: Final = ("heart", "pod")
"""Tables that older formats lack: they read as empty."""

_LINES: Final = {
    3: (
        (
            """  belt INTEGER NOT NULL,      -- 0 unknown, 1 steady, 2 loose, 3 moved
  target_spm REAL             -- cadence the coach wanted at its end, NULL = none
""",
            """  belt INTEGER NOT NULL       -- 0 unknown, 1 steady, 2 loose, 3 moved
""",
        ),
    ),
    2: (
        (
            """  cadence_sd_spm REAL, lean_sd_deg REAL, -- standard uncertainty of the means
  grade REAL, grade_sd REAL,  -- slope of the ground, rise over run, by the sensor alone
  yaw_dps REAL,               -- mean turning rate about the vertical, to the left
  belt_value REAL,            -- why: deg where it has moved, else its ringing (1)
  belt INTEGER NOT NULL       -- 0 unknown, 1 steady, 2 loose, 3 moved
""",
            """  cadence_sd_spm REAL, lean_sd_deg REAL -- standard uncertainty of the means
""",
        ),
        (
            """  beat_s REAL, played_s REAL,
  first_s REAL, from_s REAL,  -- of a rhythm: time of its first tick, interval it glides from
  lasted_s REAL               -- time from the beginning of the sound to its end
""",
            """  beat_s REAL, played_s REAL
""",
        ),
    ),
    1: (
        ("NOT NULL, -- 0 unknown, 1 given mount", "NOT NULL  -- 0 unknown, 1 given mount"),
        (
            """  cadence_sd_spm REAL, lean_sd_deg REAL -- standard uncertainty of the means
""",
            "",
        ),
    ),
}
"""(lines now, lines as that format had them), applied from the newest format down."""

SUFFIX: Final = ".gaitpi"

MAX_BLOCK: Final = 4096
"""Most samples in a block: a second at four times the highest rate that can be configured."""

COLUMNS: Final = 6
"""Values of a sample: ax ay az gx gy gz."""

HEADER_COLUMNS: Final = (
    *("run_id", "boot_id", "gaitpi", "schema_version", "python", "numpy", "numba"),
    *("virtual", "source", "recording", "segment", "mount", "design_rate_hz", "has_gyro"),
    *("chip", "address", "bus", "who_am_i", "identity", "rate_hz"),
    *("acc_scale", "gyr_scale", "acc_range", "gyr_range", "sensor_virtual"),
    *("calibration", "config"),
)
"""Columns of the table ``run`` in order, without ``id`` and ``crc32``."""


@cache
def schema(version: int = SCHEMA_VERSION) -> str:
    """The SQL text that makes the tables and views, as that format had it."""
    text = Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")
    if version < 4:
        for table in TABLES_IN_4:
            begin = text.index(f"CREATE TABLE {table} (")
            text = text[:begin] + text[text.index("CREATE TABLE", begin + 1) :]
    for older in range(SCHEMA_VERSION - 1, version - 1, -1):
        for now, then in _LINES[older]:
            text = text.replace(now, then)
    return text
