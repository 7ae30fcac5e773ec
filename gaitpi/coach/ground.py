"""Turns and slopes: what makes a runner run otherwise without any fault of form.

Both are judged from what :class:`~gaitpi.coach.types.Moment` tells, moment by moment.
"""

import math
from dataclasses import dataclass, field
from typing import Final

from gaitpi.coach.slope import log_ratio

YAW_MEAN_S: Final = 3
"""Long enough to take out the pelvis' own rotation, short enough for a street corner, s."""
TURN_DPS: Final = 8.0
"""A turn: a right angle in eleven seconds, 0.4 m/s² sideways at 2.8 m/s. The bend of a running
track is 4 deg/s there."""

HILL: Final = 0.03
"""Grade (rise over run) from which on a slope is called one in words."""
HILL_RATIO: Final = -1.75
"""ln of the likelihood of a slope over that of the level from which on a cue is kept back, slope or
doubt. Chosen on seeds kept for that: ``python -m calibration.detection trade``."""
HILL_CLEAR: Final = 0.0
"""The same from which on it is a slope: doubt ends at ``HILL_RATIO``, a slope at ``HILL_OVER``."""
HILL_OVER: Final = -2.7
HILL_OVER_SD: Final = 0.25
"""A slope is over, too, when the estimate is within so many standard uncertainties of the level."""

Bucket = list[float]
"""One second of a running mean: second number, sum, count."""


def collect(buckets: list[Bucket], t: float, value: float, span_s: int) -> None:
    """Add a value (NaN: none) to the mean of the last ``span_s`` seconds."""
    second = float(math.floor(t))
    while buckets and buckets[0][0] <= second - span_s:
        del buckets[0]
    if not math.isfinite(value):
        return
    if buckets and buckets[-1][0] == second:
        buckets[-1][1] += value
        buckets[-1][2] += 1.0
    else:
        buckets.append([second, value, 1.0])


def mean(buckets: list[Bucket]) -> float:
    """The mean of what was collected; there must be something."""
    return sum(b[1] for b in buckets) / sum(b[2] for b in buckets)


@dataclass(slots=True)
class Turning:
    """Whether the runner turns ``now``, and when that was last so (run time, s)."""

    yaw: list[Bucket] = field(default_factory=list)
    now: bool = False
    last_s: float | None = None

    def observe(self, t: float, yaw_rate_dps: float) -> None:
        """Take in the turning rate, deg/s (NaN: not known)."""
        collect(self.yaw, t, yaw_rate_dps, YAW_MEAN_S)
        self.now = bool(self.yaw) and abs(mean(self.yaw)) > TURN_DPS
        if self.now:
            self.last_s = t

    def forget(self) -> None:
        """What was seen so far says nothing of now."""
        self.yaw, self.now = [], False


@dataclass(slots=True)
class Ground:
    """Whether the ground slopes, or may, where the runner deviates.

    ``grade``, ``sd`` as given last, None where unknown; ``since_s`` run time of the onset of the
    deviation that it is asked about; ``clear`` whether a slope was likelier than the level since
    then; ``steep`` whether cues are kept back.
    """

    grade: float | None = None
    sd: float | None = None
    since_s: float | None = None
    clear: bool = False
    steep: bool = False

    def observe(self, grade: float, sd: float, onset_s: float | None) -> None:
        """Take in the slope since ``onset_s``, the run time since which the runner deviates.

        Without onset nothing is judged; nor where the slope is not known (``grade`` NaN, ``sd``
        infinite or NaN): a low cadence is one, until something speaks for a slope.
        """
        known = math.isfinite(grade) and math.isfinite(sd)
        self.grade, self.sd = (grade, sd) if known else (None, None)
        if onset_s != self.since_s:
            self.since_s, self.clear = onset_s, False
        if onset_s is None or not known:
            self.clear = self.steep = False
            return
        ratio = log_ratio(grade, sd)
        if ratio > HILL_CLEAR:
            self.clear = True
        elif ratio < HILL_OVER or abs(grade) < HILL_OVER_SD * sd:
            self.clear = False
        self.steep = self.clear or ratio > HILL_RATIO

    def words(self) -> str:
        """Why cues are muted, empty where they are not."""
        if not self.steep or self.since_s is None:
            return ""
        return f"{_likely(self.grade or 0.0, self.sd or 0.0)} since {_clock(self.since_s)}"


def _likely(grade: float, sd: float) -> str:
    kind = "a climb" if grade > 0 else "a descent"
    percent, spread = 100.0 * abs(grade), 100.0 * sd
    if abs(grade) > HILL:
        return f"looks like {kind} of about {percent:.0f} % (sd {spread:.0f} %)"
    return f"{kind} is not excluded ({percent:.1f} %, sd {spread:.1f} %)"


def _clock(time_s: float) -> str:
    return f"{int(time_s) // 60:02d}:{int(time_s) % 60:02d}"
