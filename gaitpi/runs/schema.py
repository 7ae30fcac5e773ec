"""What marks a file as a gaitpi run file."""

from functools import cache
from pathlib import Path
from typing import Final

APPLICATION_ID: Final = 0x47414954
"""SQLite application_id: the letters GAIT."""

SCHEMA_VERSION: Final = 2
"""SQLite user_version; a reader refuses a higher one. 2: uncertainties in table ``second``."""

ADDED: Final = {1: {"second": ("cadence_sd_spm", "lean_sd_deg")}}
"""Columns that each older format lacks."""

_LINES_OF_1: Final = (
    """lean_from INTEGER NOT NULL, -- 0 unknown, 1 given mount, 2 own standing, 3 own mean in gait
  cadence_sd_spm REAL, lean_sd_deg REAL -- standard uncertainty of the means
""",
    """lean_from INTEGER NOT NULL  -- 0 unknown, 1 given mount, 2 own standing, 3 own mean in gait
""",
)

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
    return text.replace(*_LINES_OF_1) if version == 1 else text
