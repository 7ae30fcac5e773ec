"""Which seconds of a run are steady running: what a runner's own numbers are taken from.

The first three minutes, half a minute after every start, walk breaks, and whatever is near a gap or
a knock are left out.
"""

import math
from dataclasses import dataclass
from typing import Final

from gaitpi.runs.rows import RUNNING

WARMUP_S: Final = 180.0
SETTLE_S: Final = 30.0
CLIP_BURST: Final = 5
"""Clipped samples in a second that are a knock or a fall."""
STEP_MIN_S: Final = 0.2
STEP_MAX_S: Final = 0.6
"""Step times of running, s: a missed contact gives one of double length."""
STEP_APART_S: Final = 1e-3
"""A step that begins further than this from the end of the one before: one is missing, s."""


@dataclass(slots=True)
class Steady:
    """Takes the seconds in their order."""

    first_s: float = math.nan
    since_s: float = math.nan
    last_s: float = math.nan

    def takes(self, time_s: float, activity: int, gap_s: float, clipped: int) -> bool:
        """Whether that second counts. ``gap_s`` NaN where not known: then it is no whole second."""
        if activity != RUNNING:
            self.since_s = math.nan
            return False
        whole = gap_s == 0 and clipped < CLIP_BURST
        if not whole or time_s - self.last_s > 1.5 or math.isnan(self.since_s):
            self.since_s = time_s
        if math.isnan(self.first_s):
            self.first_s = time_s
        self.last_s = time_s
        return time_s - self.first_s >= WARMUP_S and time_s - self.since_s >= SETTLE_S
