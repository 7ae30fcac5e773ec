"""Pairs of shoes: how far each was run, and how the runner runs in it. Pure, no numpy.

Runs in one pair are compared with those in others that were made alike: the same segment, session,
surface, and a like speed (where that is known of nearly all) or, for what changes with cadence, a
like cadence. What else changes over weeks must not be taken for the shoe: so a comparison is made
within small *rounds* in time, each with runs in both, after a straight trend over the whole is
taken off; the number of rounds, not of runs, is what there is evidence of. Shoes worn one after the
other make one round, and nothing is said. It is a difference only when it is larger than
the smallest real difference of the metric and than its own interval, which is widened for the
number of comparisons made (Bonferroni), so that of twenty runners without any difference at most
one is told of one (``python -m calibration.backseason`` measures it).
"""

import math
import random
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gaitpi.review.averages import fmean, median
from gaitpi.review.change import (
    CADENCE_ALIKE,
    NOT_KNOWN,
    SPEED_ALIKE,
    Bar,
    Speed,
    Verdict,
    judge,
    known,
    told,
)
from gaitpi.review.diary import Told
from gaitpi.review.metrics import METRICS, Metric
from gaitpi.review.uncertainty import between, t_quantile

KEYS: Final = ("cadence_spm", "lean_deg", "contact_ms", "bounce_mm")
MORNING: Final = Metric(
    "morning_pain",
    "pain next morning",
    "of 10",
    1,
    "the level noted on the morning after",
    2.0,
    source="Farrar et al. 2001, Pain 94:149 (2 points of 10)",
)
COMPARED: Final = (*(METRICS[key] for key in KEYS), MORNING)
LEAST_ROUNDS: Final = 6
"""Rounds with both below which nothing is said."""
ROUND_DAYS: Final = 21.0
"""Runs further apart are not of one round, days."""
SPEED_KNOWN: Final = 0.8
"""Share of runs whose speed must be known for that to be asked."""
LEVEL: Final = 0.05
"""Chance of any false difference among all comparisons of a runner."""
MOST_PAIRS: Final = 60
"""Pairs of runs of the longest trial."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """One metric in the pair ``shoe`` against ``other`` pairs.

    ``difference`` (shoe less other) with its standard uncertainty ``u`` and half interval ``wide``,
    which is that of all ``comparisons`` together; ``bar`` what it must be larger than; ``runs`` in
    shoe and other that were compared, in ``rounds``; ``alike`` "speed", "cadence" or "" = by what
    runs were alike; ``why`` what is not known, in words, else "".
    """

    metric: Metric
    shoe: str
    other: str
    difference: float
    u: float
    wide: float
    bar: Bar
    runs: tuple[int, int]
    rounds: int
    comparisons: int
    alike: str
    verdict: Verdict
    why: str = ""

    @property
    def speed(self) -> Speed:
        """Whether the runs were of like speed; "" where it does not matter."""
        return "like" if self.alike == "speed" else "not known" if self.metric.by_speed else ""

    def as_json(self) -> dict[str, Any]:
        """One object: None where not known."""
        return told(
            self,
            shoe=self.shoe,
            against=self.other,
            difference=known(self.difference),
            uncertainty=known(self.u),
            half_interval=known(self.wide),
            smallest_real_difference=known(self.bar.value),
            smallest_by=self.bar.by or None,
            runs=list(self.runs),
            rounds=self.rounds,
            comparisons=self.comparisons,
            alike_by=self.alike or None,
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """What was run in a pair: ``km`` known of ``runs_km`` of its ``runs``, ``km_before`` at first.

    ``first`` and ``last`` ids of runs; ``""`` where none.
    """

    name: str
    runs: int
    steps: int
    km: float
    runs_km: int
    first: str = ""
    last: str = ""


def pairs(runs: Iterable[Told]) -> dict[str, Pair]:
    """By name of the pair; runs of which none is known stand under ""."""
    found: dict[str, list[Told]] = {}
    for run in runs:
        found.setdefault(run.shoe, []).append(run)
    made = {}
    for name, worn in found.items():
        far = [r.session.distance_m for r in worn if math.isfinite(r.session.distance_m)]
        days = [f"{r.session.day}" for r in worn]
        steps = sum(r.session.steps for r in worn)
        km = math.fsum(far) / 1000.0
        made[name] = Pair(name, len(worn), steps, km, len(far), min(days), max(days))
    return made


# The comparison.


@dataclass(frozen=True, slots=True)
class _Point:
    """A run in one metric: ``at`` days, ``value``, whether in the shoe, ``group`` of like ones."""

    at: float
    value: float
    inside: bool
    group: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Rounds:
    """What a comparison rests on before it is judged."""

    metric: Metric
    shoe: str
    other: str
    differences: tuple[float, ...]
    weights: tuple[float, ...]
    runs: tuple[int, int]
    value: float
    alike: str
    apart: bool


def compare(runs: Iterable[Told]) -> list[Contrast]:
    """Every pair of shoes against the others (of two: once), in every metric.

    The order of ``runs`` does not matter. Runs of which the pair is not known are left out.
    """
    dated = sorted(
        (r for r in runs if r.shoe and r.form is not None and r.session.dated),
        key=lambda r: (r.session.started.timestamp(), r.session.run_id),
    )
    names = sorted({r.shoe for r in dated})
    if len(names) < 2:
        return []
    whose = [(names[0], names[1])] if len(names) == 2 else [(n, "the others") for n in names]
    made = [_rounds(dated, m, name, other) for name, other in whose for m in COMPARED]
    many = sum(len(r.differences) >= LEAST_ROUNDS for r in made)
    return [_judged(r, many) for r in made]


def _rounds(runs: Sequence[Told], metric: Metric, shoe: str, other: str) -> _Rounds:
    kept, alike = _like(runs, metric)
    points = [
        _Point(
            r.session.started.timestamp() / 86_400.0,
            _value(r, metric),
            r.shoe == shoe,
            _group(r, metric),
        )
        for r in kept
    ]
    flat = _detrended(points)
    made = [one for group in _grouped(flat) for one in _split(group)]
    differences, weights = [], []
    a = b = 0
    for one in made:
        inside = [p.value for p in one if p.inside]
        outside = [p.value for p in one if not p.inside]
        differences.append(fmean(inside) - fmean(outside))
        weights.append(1.0 / (1.0 / len(inside) + 1.0 / len(outside)))
        a, b = a + len(inside), b + len(outside)
    sides = [sum(p.inside for p in points), sum(not p.inside for p in points)]
    return _Rounds(
        metric,
        shoe,
        other,
        tuple(differences),
        tuple(weights),
        (a, b) if made else (sides[0], sides[1]),
        median(p.value for p in points) if points else math.nan,
        alike,
        # runs of both, and still hardly a round: they were worn one after the other
        len(made) < LEAST_ROUNDS and min(sides) > 2 * max(1, len(made)),
    )


def _value(run: Told, metric: Metric) -> float:
    if metric is MORNING:
        return math.nan if run.pain.morning is None else float(run.pain.morning)
    return math.nan if run.form is None else run.form[metric.key].mean


def _like(runs: Sequence[Told], metric: Metric) -> tuple[list[Told], str]:
    """The runs whose metric can be compared, and by what they are alike."""
    found = [r for r in runs if math.isfinite(_value(r, metric))]
    if metric is MORNING or not found:
        return found, ""
    speeds = [r.speed_ms for r in found if math.isfinite(r.speed_ms)]
    if len(speeds) >= SPEED_KNOWN * len(found):
        middle = median(speeds)
        return [r for r in found if abs(r.speed_ms - middle) <= SPEED_ALIKE * middle], "speed"
    if not metric.by_cadence:
        return found, ""
    cadences = [_value(r, METRICS["cadence_spm"]) for r in found]
    middle = median(cadences)
    near = zip(found, cadences, strict=True)
    return [r for r, spm in near if abs(spm - middle) <= CADENCE_ALIKE * middle], "cadence"


def _group(run: Told, metric: Metric) -> tuple[object, ...]:
    """What must be the same in a round."""
    form = run.form
    assert form is not None
    if metric is MORNING:
        return (form.virtual,)
    group = (form.segment, form.session, form.virtual, run.surface)
    return (*group, form.lean_from, form.mount) if metric.key == "lean_deg" else group


def _detrended(points: Sequence[_Point]) -> list[_Point]:
    """Without a straight trend over time that both share: least squares of shoe and time."""
    n = len(points)
    if n < 4:
        return list(points)
    middle = fmean(p.at for p in points)
    share = fmean(float(p.inside) for p in points)
    level = fmean(p.value for p in points)
    tt = math.fsum((p.at - middle) ** 2 for p in points)
    xx = math.fsum((p.inside - share) ** 2 for p in points)
    tx = math.fsum((p.at - middle) * (p.inside - share) for p in points)
    ty = math.fsum((p.at - middle) * (p.value - level) for p in points)
    xy = math.fsum((p.inside - share) * (p.value - level) for p in points)
    whole = tt * xx - tx * tx
    if not whole > 1e-9 * tt * xx:  # all in one pair, all at once, or shoe and time are one
        return list(points)
    slope = (ty * xx - xy * tx) / whole
    return [_Point(p.at, p.value - slope * (p.at - middle), p.inside, p.group) for p in points]


def _grouped(points: Sequence[_Point]) -> list[list[_Point]]:
    found: dict[tuple[object, ...], list[_Point]] = {}
    for point in points:
        found.setdefault(point.group, []).append(point)
    return list(found.values())


def _split(points: Sequence[_Point]) -> list[list[_Point]]:
    """Rounds in the order of time: each ends with the first run that makes it have both."""
    made: list[list[_Point]] = []
    open_: list[_Point] = []
    for point in points:
        open_ = [p for p in open_ if point.at - p.at <= ROUND_DAYS]
        open_.append(point)
        if any(p.inside != point.inside for p in open_):
            made.append(open_)
            open_ = []
    return made


def _judged(found: _Rounds, comparisons: int) -> Contrast:
    n = len(found.differences)
    difference = u = wide = math.nan
    bar = Bar()
    why = ""
    if found.apart:
        why = "worn one after the other: time or shoe?"
    elif n < LEAST_ROUNDS:
        why = f"{n} of {LEAST_ROUNDS} rounds with both"
    else:
        whole = math.fsum(found.weights)
        both = list(zip(found.weights, found.differences, strict=True))
        difference = math.fsum(w * d for w, d in both) / whole
        scatter = math.fsum(w * (d - difference) ** 2 for w, d in both) / (n - 2)
        u = math.sqrt(scatter / whole)
        wide = t_quantile(1.0 - LEVEL / (2.0 * comparisons), n - 2.0) * u
        bar = Bar(*max((found.metric.smallest(found.value), "published"), (wide, "scatter")))
    return Contrast(
        found.metric,
        found.shoe,
        found.other,
        difference,
        u,
        wide,
        bar,
        found.runs,
        n,
        comparisons,
        found.alike,
        judge(difference, bar) if not why else NOT_KNOWN,
        why,
    )


# A fair trial of two pairs.


@dataclass(frozen=True, slots=True)
class Need:
    """How many pairs of runs tell the smallest real difference of a metric.

    ``sd`` from run to run, by the runner's own ``runs``; ``pairs`` None = more than ``MOST_PAIRS``
    or not known (``sd`` NaN).
    """

    metric: Metric
    least: float
    sd: float
    runs: int
    pairs: int | None


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial of two pairs: which is worn in each run, in order; two runs make a pair of runs."""

    a: str
    b: str
    order: tuple[str, ...]
    needs: tuple[Need, ...]
    seed: int


def trial(
    runs: Sequence[Told], a: str, b: str, *, number: int = 0, seed: int | None = None
) -> Trial:
    """A fair trial of ``a`` and ``b``; ``number`` of pairs of runs, 0 = as many as it needs.

    In each pair of runs both are worn once; which comes first is drawn, in half of the pairs each.
    """
    found = needs(runs)
    known_pairs = [n.pairs for n in found if n.pairs is not None]
    number = number or min(max(known_pairs, default=LEAST_ROUNDS), MOST_PAIRS)
    if seed is None:
        seed = zlib.crc32(f"{a}\n{b}".encode())
    rng = random.Random(seed)
    first = [k % 2 == 0 for k in range(number)]
    rng.shuffle(first)
    order = tuple(name for one in first for name in ((a, b) if one else (b, a)))
    return Trial(a, b, order, tuple(found), seed)


def needs(runs: Iterable[Told]) -> list[Need]:
    """By the runner's own scatter, over those of his newest runs that are alike."""
    dated = sorted(
        (r for r in runs if r.form is not None and r.session.dated),
        key=lambda r: (r.session.started.timestamp(), r.session.run_id),
    )
    made = []
    for metric in COMPARED[:-1]:
        kept, _ = _like(dated, metric)
        newest = kept[-1] if kept else None
        same = [r for r in kept if newest and _group(r, metric) == _group(newest, metric)][-20:]
        values = [_value(r, metric) for r in same]
        sd, _freedom = between(_without_shoe(same, values))
        least = metric.smallest(median(values)) if values else math.nan
        made.append(Need(metric, least, sd, len(values), _enough(least, sd)))
    return made


def _without_shoe(runs: Sequence[Told], values: Sequence[float]) -> list[float]:
    """Values less the mean of their pair: what pairs differ by is no scatter."""
    by_shoe: dict[str, list[float]] = {}
    for run, value in zip(runs, values, strict=True):
        by_shoe.setdefault(run.shoe, []).append(value)
    return [value - fmean(by_shoe[run.shoe]) for run, value in zip(runs, values, strict=True)]


def _enough(least: float, sd: float) -> int | None:
    """Pairs of runs after which the interval is as narrow as the smallest real difference."""
    if not (math.isfinite(least) and math.isfinite(sd)):
        return None
    for n in range(LEAST_ROUNDS, MOST_PAIRS + 1):
        t = t_quantile(1.0 - LEVEL / (2.0 * len(COMPARED)), n - 2.0)
        if t * math.sqrt(2.0 / n) * sd <= least:
            return n
    return None
