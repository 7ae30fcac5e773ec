"""Drift within a run: whether a metric changed at comparable cadence, and from which minute on.

Minutes of steady running on the level are looked at. A metric that changes with cadence is first
freed of what cadence explains of it, and, where speed is known in all of them, one that changes
with speed of what that explains. What is fitted is a level that turns into a slope at some
minute and keeps on to the end (a broken stick; Quandt 1958, J Am Stat Assoc 53:873). Minutes are
alike, near and far, which counts in the uncertainty: generalised least squares for noise of the
exponent :data:`gaitpi.review.uncertainty.HURST`. A drift is named only where the change from the
level to the end is larger than the smallest real difference and than ``SURE`` of its standard
uncertainties, which also pays for the choice of the minute; how often it is named where there is
none is measured (``python -m calibration.change``). Pure, standard library alone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import mul
from typing import Any, Final

from gaitpi.review.averages import fmean
from gaitpi.review.change import CHANGE, NO_CHANGE, NOT_KNOWN, Speed, Verdict, known, said, told
from gaitpi.review.form import Block, Course
from gaitpi.review.metrics import METRICS, Metric
from gaitpi.review.uncertainty import Z95, Whitening, t95

DRIFTS: Final = (
    *("cadence_spm", "lean_deg", "contact_ms", "bounce_mm", "stride_cv_pct"),
    "heart_rate_bpm",
)
"""Metrics that are looked at, by key."""
LEAST_BLOCKS: Final = 12
"""Minutes of steady running without which no drift is looked for."""
MOST_BLOCKS: Final = 64
"""Blocks of longer runs are joined, so that the work stays small."""
TAIL: Final = 6
"""A turn later than so many minutes before the end would be a moment, not a drift."""
KNOTS: Final = 30
"""Turns that are tried, at most."""
SURE: Final = 4.0
"""Standard uncertainties a drift must be larger than."""


@dataclass(frozen=True, slots=True)
class Drift:
    """The drift of one metric.

    ``change`` from the level before it to the end of the run, with its standard uncertainty ``u``;
    ``slope_h`` the same an hour; ``bar`` what it must be larger than; ``from_minute`` of run time
    where it began, with the minutes ``between`` which that lies (95 %), NaN unless it is called a
    change; ``why`` what is not known, else ""; ``speed`` "like" where it was freed of speed.
    """

    metric: Metric
    change: float
    u: float
    slope_h: float
    bar: float
    minutes: int
    from_minute: float
    between: tuple[float, float]
    verdict: Verdict
    why: str = ""
    speed: Speed = ""

    def as_json(self) -> dict[str, Any]:
        """One object: None where not known."""
        return told(
            self,
            change=known(self.change),
            uncertainty=known(self.u),
            per_hour=known(self.slope_h),
            smallest_real_difference=known(self.bar),
            minutes=self.minutes,
            from_minute=known(self.from_minute),
            from_minute_between=[known(edge) for edge in self.between],
        )


def drifts(course: Course, own: Mapping[str, float] | None = None) -> dict[str, Drift]:
    """The drift of each metric of ``DRIFTS``, by key.

    ``own`` smallest real differences by the runner's own runs, by key (NaN: not known), for metrics
    of which none is published.
    """
    return {
        key: drift(course.blocks, METRICS[key], (own or {}).get(key, math.nan))
        for key in DRIFTS
        if said(METRICS[key], [course.form])
    }


def drift(blocks: Sequence[Block], metric: Metric, own: float = math.nan) -> Drift:
    """The drift of one metric over the blocks of a run."""
    minutes: list[int] = []
    rows: list[tuple[float, float, float]] = []
    for block in blocks:
        row = block.mean(metric.key), block.mean("cadence_spm"), block.mean("speed_kmh")
        if math.isfinite(row[0]) and math.isfinite(row[1]):
            minutes.append(block.minute)
            rows.append(row)
    if len(rows) < LEAST_BLOCKS:
        return _unknown(metric, len(rows), f"{len(rows)} of {LEAST_BLOCKS} steady minutes")
    minutes, values, cadences, speeds = _joined(minutes, rows)
    speed: Speed = ""
    if metric.by_speed:
        speed = "like" if all(map(math.isfinite, speeds)) else "not known"
    explaining = [cadences] if metric.by_cadence else []
    explaining += [speeds] if speed == "like" else []
    fits = _fits(minutes, values, explaining)
    if not fits:
        words = ["cadence"] if metric.by_cadence else []
        words += ["speed"] if speed == "like" else []
        return _unknown(metric, len(values), f"{' and '.join(words)} explain as much")
    best = min(fits, key=lambda fit: fit.left)
    # what days differ by (shoes, belt, stand) is the same within a run: only where nothing else is
    smallest = metric.smallest(math.fsum(values) / len(values)) or own
    bar = max(smallest, SURE * best.u) if smallest > 0.0 else math.nan
    verdict: Verdict = NOT_KNOWN
    if smallest > 0.0:
        verdict = CHANGE if abs(best.change) > bar else NO_CHANGE
    called = verdict == CHANGE
    return Drift(
        metric,
        best.change,
        best.u,
        best.change / (minutes[-1] - best.turn) * 60.0,
        bar,
        len(values),
        float(best.turn) if called else math.nan,
        _near(fits, best, len(values)) if called else (math.nan, math.nan),
        verdict,
        "" if smallest > 0.0 else "too few runs to know what they differ by",
        speed,
    )


def _joined(
    minutes: Sequence[int], rows: Sequence[tuple[float, float, float]]
) -> tuple[list[int], list[float], list[float], list[float]]:
    """Blocks of so many minutes that there are at most ``MOST_BLOCKS`` of a long run."""
    size = 1 + (minutes[-1] - minutes[0]) // MOST_BLOCKS
    groups: dict[int, list[int]] = {}
    for k, minute in enumerate(minutes):
        groups.setdefault((minute - minutes[0]) // size, []).append(k)
    values, cadences, speeds = (
        [fmean(rows[k][column] for k in ks) for ks in groups.values()] for column in range(3)
    )
    return [minutes[0] + group * size for group in groups], values, cadences, speeds


def _unknown(metric: Metric, minutes: int, why: str) -> Drift:
    nan = math.nan
    return Drift(metric, nan, nan, nan, nan, minutes, nan, (nan, nan), NOT_KNOWN, why)


def _turns(minutes: Sequence[int]) -> list[int]:
    """Minutes at which it may turn: the first (a drift all along), and later ones."""
    later = [m for m in minutes if minutes[0] + TAIL <= m <= minutes[-1] - TAIL]
    stride = -(-len(later) // KNOTS) or 1
    return [minutes[0], *later[::stride]]


@dataclass(frozen=True, slots=True)
class _Fit:
    """A turn at that minute: ``change`` to the end with ``u``; ``left`` squares not explained."""

    turn: int
    change: float
    u: float
    left: float


def _fits(
    minutes: Sequence[int], values: Sequence[float], explaining: Sequence[Sequence[float]]
) -> list[_Fit]:
    """Generalised least squares for every turn; what ``explaining`` explains is no drift."""
    white, level, sticks = _whitened(tuple(minutes))
    fixed = [level]
    for column in explaining:
        middle = math.fsum(column) / len(column)
        fixed.append(white([c - middle for c in column]))
    fixed = [own for k, column in enumerate(fixed) if any(own := _without(fixed[:k], column))]
    rest = _without(fixed, white(values))
    freedom = len(values) - len(fixed) - 1
    fits = []
    for turn, bent in sticks:
        # by Frisch, Waugh and Lovell: both freed of what the fixed columns explain
        stick = _without(fixed, bent)
        square = _dot(stick, stick)
        if not square > 1e-9:
            continue  # they explain it as well
        change = _dot(stick, rest) / square
        left = max(_dot(rest, rest) - change * change * square, 0.0)
        u = math.sqrt(left / freedom / square) * t95(freedom) / Z95
        fits.append(_Fit(turn, change, u, left))
    return fits


@lru_cache(maxsize=8)
def _whitened(
    minutes: tuple[int, ...],
) -> tuple[Whitening, list[float], list[tuple[int, list[float]]]]:
    """Whitening for these minutes, and a level and every turn whitened: alike for all metrics."""
    white = Whitening(minutes)
    sticks = [(turn, white(_stick(minutes, turn))) for turn in _turns(minutes)]
    return white, white([1.0] * len(minutes)), sticks


def _stick(minutes: Sequence[int], turn: int) -> list[float]:
    """0 until the turn, then straight to 1 at the end."""
    return [max(0.0, (m - turn) / (minutes[-1] - turn)) for m in minutes]


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return float(sum(map(mul, a, b)))


def _without(axes: Sequence[Sequence[float]], column: Sequence[float]) -> list[float]:
    """``column`` less what ``axes``, at right angles to each other, explain of it."""
    own = list(column)
    for axis in axes:
        share = _dot(axis, own) / _dot(axis, axis)
        own = [o - share * a for o, a in zip(own, axis, strict=True)]
    return own if _dot(own, own) > 1e-12 * _dot(column, column) else [0.0] * len(own)


def _near(fits: Sequence[_Fit], best: _Fit, n: int) -> tuple[float, float]:
    """The turns that fit nearly as well: profile likelihood, 95 %."""
    near = [fit.turn for fit in fits if fit.left <= best.left * math.exp(3.841 / n)]
    return float(min(near)), float(max(near))
