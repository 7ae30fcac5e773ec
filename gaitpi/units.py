"""One g, and the conversions used at the border.

Inside gaitpi everything is SI (m/s², rad/s, s, m). Degrees, steps per minute and
millimetres appear only where a person or a file format reads them, with the unit in
the name. The ``float`` helpers work on arrays as well.
"""

import math
from typing import Final

G0: Final = 9.80665
"""Standard gravity, m/s² (the only value of g in the project; 3rd CGPM, 1901)."""

RAD_PER_DEG: Final = math.pi / 180.0
DEG_PER_RAD: Final = 180.0 / math.pi
S_PER_MIN: Final = 60.0


def cadence_spm(step_time_s: float) -> float:
    """Steps per minute of both feet for a step time in seconds (one foot to the other)."""
    return S_PER_MIN / step_time_s


def step_time_s(cadence: float) -> float:
    """Step time in seconds for a cadence in steps per minute of both feet."""
    return S_PER_MIN / cadence
