"""Turns and slopes: what makes a runner run otherwise without any fault of form.

Both are judged from what :class:`~gaitpi.coach.types.Moment` tells, moment by moment.
"""

import math
from dataclasses import dataclass, field
from typing import Final

YAW_MEAN_S: Final = 3
"""Long enough to take out the pelvis' own rotation, short enough for a street corner, s."""
TURN_DPS: Final = 15.0
"""A turn: a right angle in six seconds. The bend of a running track is 4 deg/s at 2.8 m/s."""

HILL: Final = 0.03
"""Grade (rise over run) from which on cues are muted."""
HILL_SURE: Final = 0.5
"""A slope is excluded only where it would be this many standard uncertainties off."""
HILL_SETTLE_S: Final = 20.0
"""Quiet after a slope, s: the estimate lags by some 6 s, and speed is not yet that of the level
24 s after a descent and 78 s after a climb (Townshend et al. 2010, Med Sci Sports Exerc 42:160)."""

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
    """Whether the ground slopes, or may.

    ``told`` False where nobody gave a slope (then it is not judged); ``grade``, ``sd`` as given
    last, None where unknown; ``since_s`` and ``last_s`` run time of the first and the last moment
    of the slope that is on or settling, ``steepest`` its grade where it was the steepest.
    """

    told: bool = False
    grade: float | None = None
    sd: float | None = None
    since_s: float | None = None
    last_s: float | None = None
    steepest: float = 0.0

    def observe(self, t: float, grade: float, sd: float) -> bool:
        """Take in the slope of a moment; True when one is over and has settled.

        ``grade`` NaN and ``sd`` infinite: there is an estimator, and it does not know; ``sd`` NaN:
        there is none.
        """
        self.told = not math.isnan(sd)
        known = math.isfinite(grade) and math.isfinite(sd)
        self.grade, self.sd = (grade, sd) if known else (None, None)
        if known and abs(grade) + HILL_SURE * sd > HILL:
            if self.since_s is None:
                self.since_s, self.steepest = t, grade
            if abs(grade) > abs(self.steepest):
                self.steepest = grade
            self.last_s = t
        elif self.last_s is not None and t - self.last_s >= HILL_SETTLE_S:
            self.since_s = self.last_s = None
            return True
        return False

    def words(self, t: float) -> str:
        """Why cues are muted, empty where they are not."""
        if self.last_s is not None and self.since_s is not None:
            if self.last_s < t:
                ago = f"{t - self.last_s:.0f} s ago (since {_clock(self.since_s)})"
                return f"{_kind(self.steepest)} may have ended {ago}"
            return f"{_likely(self.grade, self.sd)} since {_clock(self.since_s)}"
        if self.told and self.grade is None:
            return "the slope of the ground is not known"
        return ""


def _kind(grade: float) -> str:
    return "a climb" if grade > 0 else "a descent"


def _likely(grade: float | None, sd: float | None) -> str:
    percent, spread = 100.0 * abs(grade or 0.0), 100.0 * (sd or 0.0)
    kind = _kind(grade or 0.0)
    if percent > 100.0 * HILL:
        return f"looks like {kind} of about {percent:.0f} % (sd {spread:.0f} %)"
    return f"{kind} of {100 * HILL:.0f} % is not excluded ({percent:.1f} %, sd {spread:.1f} %)"


def _clock(t: float) -> str:
    return f"{int(t) // 60:02d}:{int(t) % 60:02d}"
