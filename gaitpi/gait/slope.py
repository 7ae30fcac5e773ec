"""The slope of the ground from one sensor at the lower back, step by step.

There is no barometer here, and at a steady climb an accelerometer feels nothing of the height it
gains. What shows a slope is how the runner runs on it, against how the same runner ran on the level
just before. Three clues, each known on its own to change with slope:

* *Lean.* The trunk follows the slope: forward uphill, back downhill.
* *Impact.* The blow of the landing is smaller uphill and larger downhill: at 3 m/s the impact peak
  is 54 % higher at -9 deg and gone at +9 deg (Gottschall & Kram 2005, J Biomech 38:445).
* *Duty factor,* contact time over step time: larger uphill, smaller downhill (Vernillo et al. 2017,
  Sports Med 47:615).

A lean far from what the other two say is a change of posture and hardly counts.

Impact and duty factor change with cadence and speed as well. Cadence is measured, and its share
taken out; speed is not, so its usual spread is part of the uncertainty, alike in both clues. The
three are put together by generalised least squares. The standard uncertainty is some 2 % of grade:
slopes below 4 % are hardly told from the level. (Herren et al. 1999, Med Sci Sports Exerc 31:1053,
with sensors at lower back and heel: 2.6 % by regression, 1.4 % by a network trained on each
runner.)

Pure Python, causal, of bounded memory; no numba, so that it can be used where starting is quick.
"""

import copy
import math
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

BLOCK: Final = 4
"""Steps in a block: two strides, so that left and right cancel."""
RECENT: Final = 4
"""Blocks that stand for now (16 steps, 6 s)."""
APART: Final = 4
"""Blocks between those and the level they are compared with: a slope may begin gently."""
LEVEL_LEAST: Final = 12
"""Blocks of level running before a slope can be told (48 steps, 17 s)."""
LEVEL_MEMORY: Final = 64.0
"""Memory of the level, blocks (90 s of running)."""
LEVEL_FLOOR: Final = 0.1
"""Least weight of a block in the level, however steep it looks: no error lasts for ever."""
PAUSE_S: Final = 2.0
"""Without a running step for this long, what was before says nothing about now."""
STEP_MIN_S: Final = 0.2
STEP_MAX_S: Final = 0.6
IMPACT_MIN: Final = 1.0
"""m/s²; no running step has less."""

LEAN: Final = 0.5 * math.degrees(1.0)
"""Lean, deg, per unit of grade: half the angle of the slope. The sacrum of the one runner of
``alcantara`` turned by 0.6 to 1.2 of it (``python -m calibration.detection slope``)."""
IMPACT: Final = -3.0
"""ln(impact) per unit of grade at one speed and cadence (Gottschall & Kram: ln 1.54 at -0.158)."""
DUTY: Final = 0.75
"""Duty factor per unit of grade at one speed and cadence: the size is that of ``alcantara``."""
IMPACT_STEP: Final = 1.5
DUTY_STEP: Final = -0.55
"""The same per ln(step time) on the level: the foot stays as long and the flight takes the rest
(-0.75, and the landing is harder), or contact takes its share (van Oeveren et al. 2021)."""
IMPACT_STEP_SD: Final = 1.0
DUTY_STEP_SD: Final = 0.3
IMPACT_SPEED: Final = 1.0
DUTY_SPEED: Final = -0.45
"""The same per ln(speed): contact goes with speed to the power of -0.6, the blow with speed."""
SPEED_GRADE: Final = -1.0
"""ln(speed) per unit of grade. Runners went 23 % slower uphill and 14 % faster downhill
(Townshend et al. 2010, Med Sci Sports Exerc 42:160); on a treadmill they do not."""
SPEED_SD: Final = 0.05
"""How much speed changes on the level, ln."""
LEAN_NOISE: Final = 1.4
IMPACT_NOISE: Final = 0.09
DUTY_NOISE: Final = 0.026
"""Standard deviation of each clue (deg, ln, 1) between now and the minute before on the level:
``python -m calibration.detection slope`` on recordings of jogging."""
LEAN_APART: Final = 2.0
"""A lean this many standard deviations from what the other clues say is no slope's."""
SIZE_SD: Final = 0.3
"""Relative uncertainty of the sizes above from runner to runner."""

_IMPACT_SIZE: Final = IMPACT + IMPACT_SPEED * SPEED_GRADE
_DUTY_SIZE: Final = DUTY + DUTY_SPEED * SPEED_GRADE

_Block = list[float]
"""Means of lean (deg, NaN unknown), ln(impact), duty factor, ln(step time); weight as level."""


@dataclass(slots=True)
class _State:
    """Plain numbers and lists of them."""

    last_s: float = -math.inf
    n: int = 0
    leans: int = 0
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0, 0.0])
    blocks: list[_Block] = field(default_factory=list)
    level: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0, 0.0])
    seen: float = 0.0
    seen_lean: float = 0.0
    grade: float | None = None
    grade_sd: float | None = None


class SlopeEstimator:
    """Slope of the ground by the running steps of one runner, given one by one.

    ``use_lean`` False leaves lean out, for a judgement of lean that must not rest on itself.

    What it calls level is how the runner ran on the whole in the last minutes: on a run that goes
    uphill from the first step, the level after it looks like a descent.
    """

    def __init__(self, *, use_lean: bool = True) -> None:
        self._use_lean = use_lean
        self._s = _State()

    def state(self) -> dict[str, Any]:
        """All of its memory as JSON-able values."""
        out = asdict(self._s)
        out["last_s"] = self._s.last_s if math.isfinite(self._s.last_s) else None
        out["blocks"] = [[_or_none(x) for x in block] for block in self._s.blocks]
        return out

    @classmethod
    def restore(cls, state: dict[str, Any], *, use_lean: bool = True) -> Self:
        """An estimator that goes on from ``state()``."""
        slope = cls(use_lean=use_lean)
        values = copy.deepcopy(state)
        if values["last_s"] is None:
            values["last_s"] = -math.inf
        values["blocks"] = [
            [math.nan if x is None else x for x in block] for block in values["blocks"]
        ]
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
        if known_s - s.last_s > PAUSE_S:
            self.pause()
        s.last_s = known_s
        if not (STEP_MIN_S <= step_s <= STEP_MAX_S and contact_s > 0.0 and impact_ms2 > IMPACT_MIN):
            return
        sums = s.sums
        if lean_deg == lean_deg:
            sums[0] += lean_deg
            s.leans += 1
        sums[1] += math.log(impact_ms2)
        sums[2] += contact_s / step_s
        sums[3] += math.log(step_s)
        s.n += 1
        if s.n == BLOCK:
            self._block()

    def pause(self) -> None:
        """The running has been interrupted: what was seen of now is past; the level stays."""
        s = self._s
        for block in s.blocks:
            self._learn(block)
        s.blocks, s.grade, s.grade_sd = [], None, None
        self._begin()

    def _begin(self) -> None:
        self._s.n, self._s.leans, self._s.sums = 0, 0, [0.0, 0.0, 0.0, 0.0]

    def _block(self) -> None:
        s = self._s
        lean = s.sums[0] / BLOCK if s.leans == BLOCK else math.nan
        s.blocks.append([lean, s.sums[1] / BLOCK, s.sums[2] / BLOCK, s.sums[3] / BLOCK, 1.0])
        self._begin()
        if len(s.blocks) > RECENT + APART:
            self._learn(s.blocks.pop(0))
        if len(s.blocks) >= RECENT and s.seen >= LEVEL_LEAST:
            self._judge()

    def _learn(self, block: _Block) -> None:
        """Let a block enter the level, less the more it looked like a slope."""
        s, weight = self._s, block[4]
        s.seen = min(s.seen + weight, LEVEL_MEMORY)
        gain = weight / s.seen
        for k in (1, 2, 3):
            s.level[k] += gain * (block[k] - s.level[k])
        if block[0] == block[0]:
            s.seen_lean = min(s.seen_lean + weight, LEVEL_MEMORY)
            s.level[0] += weight / s.seen_lean * (block[0] - s.level[0])

    def _judge(self) -> None:
        """Grade and its uncertainty from the last ``RECENT`` blocks."""
        s = self._s
        recent = s.blocks[-RECENT:]
        lean, impact, duty, step = (
            sum(block[k] for block in recent) / RECENT - s.level[k] for k in range(4)
        )
        if not self._use_lean or s.seen_lean < LEVEL_LEAST:
            lean = math.nan
        s.grade, s.grade_sd = combine(lean, impact, duty, step)
        weight = max(LEVEL_FLOOR, math.exp(-0.5 * (s.grade / s.grade_sd) ** 2))
        for block in recent:
            block[4] = min(block[4], weight)


def combine(lean: float, impact: float, duty: float, step: float) -> tuple[float, float]:
    """Grade and its standard uncertainty from changes against the level.

    ``lean`` deg (NaN: without it), ``impact`` ln, ``duty`` 1, ``step`` ln of the step time.
    Generalised least squares; speed and what cadence does to a runner enter as noise.
    """
    impact -= IMPACT_STEP * step
    duty -= DUTY_STEP * step
    a = IMPACT_NOISE**2 + (IMPACT_SPEED * SPEED_SD) ** 2 + (IMPACT_STEP_SD * step) ** 2
    b = DUTY_NOISE**2 + (DUTY_SPEED * SPEED_SD) ** 2 + (DUTY_STEP_SD * step) ** 2
    both = IMPACT_SPEED * DUTY_SPEED * SPEED_SD**2
    det = a * b - both * both
    u = (b * _IMPACT_SIZE - both * _DUTY_SIZE) / det
    v = (a * _DUTY_SIZE - both * _IMPACT_SIZE) / det
    known = u * _IMPACT_SIZE + v * _DUTY_SIZE
    told = u * impact + v * duty
    if lean == lean:
        noise = LEAN_NOISE**2
        apart = (lean - LEAN * told / known) ** 2
        if apart > LEAN_APART**2 * (noise + LEAN**2 / known):
            noise = apart  # the runner stoops, or the belt has slipped
        known, told = known + LEAN**2 / noise, told + LEAN * lean / noise
    grade = told / known
    return grade, math.sqrt(1.0 / known + (SIZE_SD * grade) ** 2)


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
