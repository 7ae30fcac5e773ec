"""A trend over weeks: whether a metric changes from run to run in one direction. Pure.

The slope is the median of the slopes of all pairs of runs, so that one odd run does not make it,
and its interval that of Sen (1968, J Am Stat Assoc 63:1379), which asks nothing of how runs are
distributed. Runs of one day count as one.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gaitpi.review.averages import fmean, median
from gaitpi.review.change import (
    CHANGE,
    NO_CHANGE,
    NOT_KNOWN,
    Speed,
    Verdict,
    alike,
    comparable,
    known,
    like_words,
    said,
    speed_of,
    told,
)
from gaitpi.review.form import Form
from gaitpi.review.metrics import METRICS, Metric
from gaitpi.review.uncertainty import Z95

LEAST_DAYS: Final = 8
"""Days with a run without which no trend is told."""
LEAST_WEEKS: Final = 3.0
WEEKS: Final = 12.0
"""Only the last weeks before the newest run are looked at."""
MOST_DAYS: Final = 100
DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Trend:
    """The trend of one metric.

    ``change`` over the ``weeks`` from the first run to the last, with its standard uncertainty
    ``u``; ``slope_week`` the same a week; ``bar`` what the change must be larger than; ``speed``
    whether the runs are of like speed.
    """

    metric: Metric
    change: float
    u: float
    slope_week: float
    bar: float
    days: int
    weeks: float
    verdict: Verdict
    why: str = ""
    speed: Speed = ""

    def as_json(self) -> dict[str, Any]:
        """One object: None where not known."""
        return told(
            self,
            change=known(self.change),
            uncertainty=known(self.u),
            per_week=known(self.slope_week),
            smallest_real_difference=known(self.bar),
            days=self.days,
            weeks=self.weeks,
        )


def trends(history: Iterable[Form], *, weeks: float = WEEKS) -> dict[str, Trend]:
    """The trend of each metric up to the newest run, by key; empty without a run."""
    forms = sorted(history, key=lambda f: (f.started.timestamp(), f.run_id))
    if not forms:
        return {}
    last = forms[-1]
    since_s = last.started.timestamp() - weeks * 7.0 * DAY_S
    alikes = [f for f in forms if comparable(last, f) and f.started.timestamp() >= since_s]
    found = {}
    for key, metric in METRICS.items():
        if said(metric, alikes):
            runs = alike(last, alikes, metric, LEAST_DAYS)
            like = like_words(last, metric)
            found[key] = trend(runs, metric, speed_of(last, runs, metric), like)
    return found


def trend(forms: Sequence[Form], metric: Metric, speed: Speed = "", like: str = "") -> Trend:
    """The trend of one metric over runs that can be compared; ``like`` what in, in words."""
    days: dict[int, list[tuple[float, float]]] = {}
    for form in forms:
        value, wall_s = form[metric.key].mean, form.started.timestamp()
        if math.isfinite(value):
            days.setdefault(form.started.date().toordinal(), []).append((wall_s, value))
    points = sorted((fmean(t for t, _ in d), fmean(v for _, v in d)) for d in days.values())
    points = points[-MOST_DAYS:]
    weeks = (points[-1][0] - points[0][0]) / (7.0 * DAY_S) if points else 0.0
    nan, n = math.nan, len(points)
    if n < LEAST_DAYS or weeks < LEAST_WEEKS:
        why = f"{n} of {LEAST_DAYS} days" if n < LEAST_DAYS else f"{weeks:.1f} of 3 weeks"
        why += like
        return Trend(metric, nan, nan, nan, nan, n, weeks, NOT_KNOWN, why, speed)
    slope, low, high = sen(points)
    scale = points[-1][0] - points[0][0]
    change, half = slope * scale, 0.5 * (high - low) * scale
    bar = max(metric.smallest(median(v for _, v in points)), half)
    sure = low > 0.0 or high < 0.0
    verdict: Verdict = CHANGE if sure and abs(change) > bar else NO_CHANGE
    return Trend(metric, change, half / Z95, change / weeks, bar, n, weeks, verdict, "", speed)


def sen(points: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Median slope and its 95 % interval; ``points`` (x, y) in order of x, all x different."""
    slopes = sorted(
        (b[1] - a[1]) / (b[0] - a[0]) for i, a in enumerate(points) for b in points[i + 1 :]
    )
    n = len(points)
    sd = math.sqrt(n * (n - 1) * (2 * n + 5) / 18.0)
    edge = max(0, math.floor((len(slopes) - Z95 * sd) / 2.0))
    return median(slopes), slopes[edge], slopes[len(slopes) - 1 - edge]
