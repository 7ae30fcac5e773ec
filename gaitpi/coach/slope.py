"""The slope of the ground from one sensor at the lower back, stride by stride.

There is no barometer here, and at a steady climb an accelerometer feels nothing of the height it
gains. What shows a slope is how the runner runs on it, against how the same runner ran just before.
Three clues, each known on its own to change with slope:

* *Lean.* The trunk follows the slope: forward uphill, back downhill.
* *Impact.* The blow of the landing is smaller uphill and larger downhill: at 3 m/s the impact peak
  is 54 % higher at -9 deg and gone at +9 deg (Gottschall & Kram 2005, J Biomech 38:445).
* *Duty factor,* contact time over step time: larger uphill, smaller downhill (Vernillo et al. 2017,
  Sports Med 47:615).

A lean far from what the other two say is a change of posture and hardly counts.

The question is asked of a deviation: the coach knows since when a runner is low, and the strides
since then are compared with those before, so that slow changes of form cancel. Impact and duty
factor change with cadence and speed as well. Cadence is measured, and its share taken out; speed is
not, so its usual spread is part of the uncertainty, alike in both clues. The clues are put together
by generalised least squares. The standard uncertainty is some 2 % of grade: slopes below 4 % are
hardly told from the level. (Herren et al. 1999, Med Sci Sports Exerc 31:1053, with sensors at lower
back and heel: 2.6 % by regression, 1.4 % by a network trained on each runner.)

Pure Python, causal, of bounded memory; no numba, so that it can be used where starting is quick.
"""

import copy
import math
from bisect import bisect_right
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

NOW: Final = 10
"""Most strides that stand for now (7 s): form wanders, so that more hardly tell more."""
NOW_LEAST: Final = 6
"""Fewest strides that a slope is told by."""
EDGE: Final = 1
"""Strides left out after the onset, which is not known to the stride."""
BEFORE: Final = 40
"""Most strides that now is compared with (29 s)."""
BEFORE_LEAST: Final = 12
APART: Final = 3
"""Strides left out before the onset: a slope may begin gently."""
KEPT: Final = 128
"""Strides kept."""
WHILE: Final = 12
"""Strides that stand for now while nothing deviates (9 s)."""
PAUSE_S: Final = 2.0
"""Without a running step for this long, a stride is not gone on with."""
STEP_MIN_S: Final = 0.2
STEP_MAX_S: Final = 0.6
IMPACT_MIN: Final = 1.0
"""m/s²; no running step has less."""

LEAN: Final = 0.5 * math.degrees(1.0)
"""Lean, deg, per unit of grade: half the angle of the slope. The sacrum of the one runner of
``alcantara`` turned by 0.6 to 1.2 of it (``python -m calibration.detection slope``)."""
IMPACT: Final = -2.7
"""ln(impact) per unit of grade at one speed and cadence (Gottschall & Kram: ln 1.54 at -0.158;
``alcantara``: -2.9 to -4.6)."""
DUTY: Final = 0.7
"""Duty factor per unit of grade at one speed and cadence (``alcantara``: 0.5 to 1.1)."""
IMPACT_STEP: Final = 0.8
DUTY_STEP: Final = -0.36
"""The same per ln(step time) on the level: half-way between a foot that stays as long (1.7, -0.7:
the flight takes the rest, and the landing is harder) and a contact that takes its share (0, 0)."""
IMPACT_STEP_SD: Final = 0.5
DUTY_STEP_SD: Final = 0.21
"""How much runners differ in that: one number, so fully correlated (harder and shorter)."""
IMPACT_SPEED: Final = 1.0
DUTY_SPEED: Final = -0.45
"""The same per ln(speed): contact goes with speed to the power of -0.6, the blow with speed."""
SPEED_GRADE: Final = -0.75
"""ln(speed) per unit of grade. Runners went 23 % slower uphill and 14 % faster downhill
(Townshend et al. 2010, Med Sci Sports Exerc 42:160), -1.5; on a treadmill 0; half-way."""
SPEED_SD: Final = 0.03
"""How much speed changes on the level within a minute, ln."""
LEAN_NOISE: Final = 1.15
LEAN_FALL: Final = -0.3
IMPACT_NOISE: Final = 0.068
DUTY_NOISE: Final = 0.021
NOISE_CORRELATION: Final = -0.6
"""Standard deviation of each clue (deg, ln, 1) between 12 strides and the 20 before on the level,
and the correlation of the last two: ``python -m calibration.detection slope`` on recordings of
jogging. That of the lean falls with the number of strides to this power, the others hardly."""
LEAN_APART: Final = 2.0
"""A lean this many standard deviations from what the other clues say is no slope's."""
SIZE_SD: Final = 0.3
"""Relative uncertainty of the sizes above from runner to runner."""

STEEP: Final = (0.04, 0.12)
"""Grades that are asked about, either way, each as likely."""
FLAT_SD: Final = 0.01
"""Standard deviation of what is called level."""

_IMPACT_SIZE: Final = IMPACT + IMPACT_SPEED * SPEED_GRADE
_DUTY_SIZE: Final = DUTY + DUTY_SPEED * SPEED_GRADE
_CLUES: Final = 4
_GRID: Final = 5
_LEAST: Final = 1e-300


def log_ratio(grade: float, sd: float) -> float:
    """Ln of how much likelier a slope of ``STEEP`` is than the level, with this estimate."""
    plain = math.sqrt(max(sd * sd - (SIZE_SD * grade) ** 2, 1e-8))
    low, high = STEEP
    steep = 0.0
    for k in range(_GRID):
        g = low + (high - low) * k / (_GRID - 1)
        wide = math.hypot(plain, SIZE_SD * g)
        steep += (_normal((grade - g) / wide) + _normal((grade + g) / wide)) / wide
    wide = math.hypot(plain, FLAT_SD)
    level = _normal(grade / wide) / wide
    return math.log(max(0.5 * steep / _GRID, _LEAST) / max(level, _LEAST))


def _normal(x: float) -> float:
    return math.exp(-0.5 * x * x)


@dataclass(slots=True)
class _State:
    """Plain numbers and lists of them."""

    last_s: float = -math.inf
    half: list[float] = field(default_factory=list)
    time_s: list[float] = field(default_factory=list)
    clues: list[list[float]] = field(default_factory=lambda: [[] for _ in range(_CLUES)])
    onset_s: float | None = None
    fresh: int = 0
    grade: float | None = None
    grade_sd: float | None = None


class SlopeEstimator:
    """Slope of the ground by the running steps of one runner, given one by one.

    ``use_lean`` False leaves lean out, for a judgement of lean that must not rest on itself;
    without gyroscope lean is NaN and left out too.

    What it calls level is how the runner ran before: on a run that goes uphill from the first step,
    the level after it looks like a descent.
    """

    def __init__(self, *, use_lean: bool = True) -> None:
        self._use_lean = use_lean
        self._s = _State()

    def state(self) -> dict[str, Any]:
        """All of its memory as JSON-able values."""
        out = asdict(self._s)
        out["last_s"] = self._s.last_s if math.isfinite(self._s.last_s) else None
        out["half"] = [_or_none(x) for x in self._s.half]
        out["clues"] = [[_or_none(x) for x in clue] for clue in self._s.clues]
        return out

    @classmethod
    def restore(cls, state: dict[str, Any], *, use_lean: bool = True) -> Self:
        """An estimator that goes on from ``state()``."""
        slope = cls(use_lean=use_lean)
        values = copy.deepcopy(state)
        if values["last_s"] is None:
            values["last_s"] = -math.inf
        values["half"] = [_or_nan(x) for x in values["half"]]
        values["clues"] = [[_or_nan(x) for x in clue] for clue in values["clues"]]
        slope._s = _State(**values)
        return slope

    @property
    def grade(self) -> float:
        """Rise over run, positive uphill; NaN while unknown."""
        return math.nan if self._s.grade is None else self._s.grade

    @property
    def grade_sd(self) -> float:
        """Standard uncertainty of the grade; infinite while the grade is unknown."""
        return math.inf if self._s.grade_sd is None else self._s.grade_sd

    def step(
        self, known_s: float, step_s: float, contact_s: float, impact_ms2: float, lean_deg: float
    ) -> None:
        """Take in a running step: s, s, s, m/s², deg (NaN where unknown), as ``STEP_DTYPE``."""
        s = self._s
        paused = known_s - s.last_s > PAUSE_S
        s.last_s = known_s
        if paused:
            s.half = []
        if not (STEP_MIN_S <= step_s <= STEP_MAX_S and contact_s > 0.0 and impact_ms2 > IMPACT_MIN):
            s.half = []
            return
        clues = [lean_deg, math.log(impact_ms2), contact_s / step_s, math.log(step_s)]
        if not s.half:
            s.half = clues
            return
        s.time_s.append(known_s)
        for clue, first, second in zip(s.clues, s.half, clues, strict=True):
            clue.append(0.5 * (first + second))
        s.half = []
        s.fresh += 1
        self._limit()

    def _limit(self) -> None:
        """Keep what now is compared with; of the strides since the onset the oldest go."""
        s = self._s
        if len(s.time_s) <= KEPT:
            return
        start = 0 if s.onset_s is None else bisect_right(s.time_s, s.onset_s)
        drop = start if start < len(s.time_s) - NOW else 0
        for column in (s.time_s, *s.clues):
            del column[drop]

    def judge(self, onset_s: float | None) -> None:
        """Tell the slope since ``onset_s``, run time; None: of the last seconds.

        Where a deviation has ended that looked like a slope, its strides are forgotten.
        """
        s = self._s
        if s.onset_s is not None and onset_s is None and self.steep:
            self._forget(s.onset_s)
        elif onset_s == s.onset_s and s.fresh < (1 if onset_s is not None else 4):
            return
        s.onset_s, s.fresh = onset_s, 0
        if onset_s is None:
            start = len(s.time_s) - WHILE
        else:
            start = bisect_right(s.time_s, onset_s) + EDGE
        first = max(start, len(s.time_s) - NOW)
        end = start - EDGE - APART
        begin = max(0, end - BEFORE)
        if len(s.time_s) - first < NOW_LEAST or end - begin < BEFORE_LEAST:
            s.grade = s.grade_sd = None
            return
        n = len(s.time_s) - first
        lean, impact, duty, step = (
            sum(clue[first:]) / n - sum(clue[begin:end]) / (end - begin) for clue in s.clues
        )
        if not self._use_lean:
            lean = math.nan
        s.grade, s.grade_sd = combine(lean, impact, duty, step, n)

    @property
    def steep(self) -> bool:
        """Whether a slope is likelier than the level."""
        s = self._s
        if s.grade is None or s.grade_sd is None:
            return False
        return log_ratio(s.grade, s.grade_sd) > 0.0

    def _forget(self, onset_s: float) -> None:
        start = max(0, bisect_right(self._s.time_s, onset_s) - APART)
        for column in (self._s.time_s, *self._s.clues):
            del column[start:]


def combine(
    lean: float, impact: float, duty: float, step: float, strides: int
) -> tuple[float, float]:
    """Grade and its standard uncertainty from changes in so many ``strides``.

    ``lean`` deg (NaN: without it), ``impact`` ln, ``duty`` 1, ``step`` ln of the step time.
    Generalised least squares; speed and what cadence does to a runner enter as noise.
    """
    impact -= IMPACT_STEP * step
    duty -= DUTY_STEP * step
    a = IMPACT_NOISE**2 + (IMPACT_SPEED * SPEED_SD) ** 2 + (IMPACT_STEP_SD * step) ** 2
    b = DUTY_NOISE**2 + (DUTY_SPEED * SPEED_SD) ** 2 + (DUTY_STEP_SD * step) ** 2
    both = NOISE_CORRELATION * IMPACT_NOISE * DUTY_NOISE
    both += IMPACT_SPEED * DUTY_SPEED * SPEED_SD**2 - IMPACT_STEP_SD * DUTY_STEP_SD * step * step
    det = a * b - both * both
    u = (b * _IMPACT_SIZE - both * _DUTY_SIZE) / det
    v = (a * _DUTY_SIZE - both * _IMPACT_SIZE) / det
    known = u * _IMPACT_SIZE + v * _DUTY_SIZE
    told = u * impact + v * duty
    if lean == lean:
        noise = (LEAN_NOISE * (strides / 12.0) ** LEAN_FALL) ** 2
        apart = (lean - LEAN * told / known) ** 2
        if apart > LEAN_APART**2 * (noise + LEAN**2 / known):
            noise = apart  # the runner stoops, or the belt has slipped
        known, told = known + LEAN**2 / noise, told + LEAN * lean / noise
    grade = told / known
    return grade, math.sqrt(1.0 / known + (SIZE_SD * grade) ** 2)


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
