"""A run against the runner's own usual, or two runs with each other: is it a change? Pure.

A difference is called a change only when it is larger than the smallest real difference: the
largest of what is published for the metric, of what this runner's own runs differ by from one to
the next, and of what the scatter within these runs leaves open. Else no change can be told, which
is not the same as none.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, Protocol

from gaitpi.review.averages import median
from gaitpi.review.form import Form
from gaitpi.review.metrics import METRICS, Metric
from gaitpi.review.uncertainty import Z95, between, t95

LEAST_RUNS: Final = 3
"""Earlier runs without which there is no usual."""
MOST_RUNS: Final = 20
"""The newest earlier runs that make the usual."""
CADENCE_ALIKE: Final = 0.03
"""Runs whose cadence is within this share of each other are of like cadence: half of what runners
are asked to change it by."""
SPEED_ALIKE: Final = 0.05
"""Runs whose speed is within this share of each other are of like speed: it moves cadence by some
12 steps/min for each m/s (docs/change.md), so by no more than cadence is known to."""
_MEDIAN: Final = math.sqrt(0.5 * math.pi)
"""Standard uncertainty of a median over that of a mean."""

Verdict = Literal["change", "no change that can be told", "not known"]
CHANGE: Final = "change"
NO_CHANGE: Final = "no change that can be told"
NOT_KNOWN: Final = "not known"

Speed = Literal["like", "not known", ""]
"""Whether runs that were compared were of like speed; "" where it does not matter."""


class Bar(NamedTuple):
    """What a difference must be larger than, and what by: ``published``, ``own`` or ``scatter``.

    ``value`` NaN and ``by`` "" where not known.
    """

    value: float = math.nan
    by: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One metric of a run against something else.

    ``value`` of the run, ``usual`` what it is compared with; ``difference`` with its standard
    uncertainty ``u``; ``bar`` the smallest real difference; ``runs`` how many are behind the usual
    (1: one other run); ``why`` what is not known, in words, else ""; ``speed`` whether the runs
    are of like speed.
    """

    metric: Metric
    value: float
    usual: float
    difference: float
    u: float
    bar: Bar
    runs: int
    verdict: Verdict
    why: str = ""
    speed: Speed = ""

    def as_json(self) -> dict[str, Any]:
        """One object: None where not known."""
        return told(
            self,
            value=known(self.value),
            usual=known(self.usual),
            difference=known(self.difference),
            uncertainty=known(self.u),
            smallest_real_difference=known(self.bar.value),
            smallest_by=self.bar.by or None,
            runs=self.runs,
        )


class _Judged(Protocol):
    """What is told of a metric: a difference, a drift, a trend."""

    @property
    def metric(self) -> Metric: ...

    @property
    def verdict(self) -> Verdict: ...

    @property
    def why(self) -> str: ...

    @property
    def speed(self) -> Speed: ...


def told(found: _Judged, **numbers: Any) -> dict[str, Any]:
    """One object for ``--json``: which metric, its ``numbers``, the verdict and why."""
    about = {"metric": found.metric.key, "unit": found.metric.unit}
    words = {"verdict": found.verdict, "why": found.why or None, "speed": found.speed or None}
    return about | numbers | words


def known(value: float) -> float | None:
    """A number for JSON, None where it is not known."""
    return value if math.isfinite(value) else None


class Usual(NamedTuple):
    """The runner's own usual of a metric.

    ``value`` median of ``runs`` runs; ``sd`` from run to run with its degrees of ``freedom``.
    """

    value: float = math.nan
    sd: float = math.nan
    freedom: float = 0.0
    runs: int = 0

    @property
    def u(self) -> float:
        """Standard uncertainty of the median."""
        return _MEDIAN * self.sd / math.sqrt(self.runs) if self.runs else math.nan

    @property
    def own(self) -> float:
        """Smallest real difference of two runs by the runner's own: t · √2 · sd.

        1.96 · √2 · SEM (Weir 2005, J Strength Cond Res 19:231), with Student's t for 1.96 since
        few runs tell the scatter badly.
        """
        return t95(self.freedom) * math.sqrt(2.0) * self.sd


def comparable(run: Form, other: Form) -> bool:
    """Whether two runs were worn, meant and made alike: segment, session, real or simulated."""
    return (run.segment, run.session, run.virtual) == (other.segment, other.session, other.virtual)


def earlier(run: Form, history: Iterable[Form]) -> list[Form]:
    """Comparable runs before ``run``, oldest first; not the run itself, and each once."""
    key = _when(run)
    found = {f.run_id: f for f in history if f.run_id != run.run_id and comparable(run, f)}
    return sorted((f for f in found.values() if _when(f) < key), key=_when)


def _when(form: Form) -> tuple[float, str]:
    return form.started.timestamp(), form.run_id


def alike(run: Form, others: Iterable[Form], metric: Metric, least: int = LEAST_RUNS) -> list[Form]:
    """Those of ``others`` whose ``metric`` can be compared with that of ``run``, in their order.

    Lean needs the same origin and mount; what changes with cadence needs a like cadence. What
    changes with speed needs no other speed: where it is known of ``run`` those are left out that
    are known to be of another, and, where ``least`` are of like speed, those of an unknown one.
    """
    found = [f for f in others if math.isfinite(f[metric.key].mean)]
    if metric.key in ("lean_deg", "side_lean_deg"):
        found = [f for f in found if (f.lean_from, f.mount) == (run.lean_from, run.mount)]
    if metric.by_cadence:
        own = run["cadence_spm"].mean
        found = [f for f in found if abs(f["cadence_spm"].mean - own) <= CADENCE_ALIKE * own]
    if metric.by_speed:
        found = [f for f in found if not _apart(run, f) > SPEED_ALIKE]
        like = [f for f in found if _apart(run, f) <= SPEED_ALIKE]
        found = like if len(like) >= least else found
    return found


def _apart(run: Form, other: Form) -> float:
    """How far the speeds of two runs are apart, a share; NaN where one is not known."""
    own = run["speed_kmh"].mean
    return abs(other["speed_kmh"].mean - own) / own if own > 0.0 else math.nan


def speed_of(run: Form, others: Iterable[Form], metric: Metric) -> Speed:
    """Whether ``run`` and ``others``, which are alike, are known to be of like speed."""
    if not metric.by_speed:
        return ""
    return "like" if all(_apart(run, f) <= SPEED_ALIKE for f in others) else "not known"


def like_words(run: Form, metric: Metric) -> str:
    """What runs must be like to be compared, in words: " of like cadence and speed"."""
    what = ["cadence"] if metric.by_cadence else []
    what += ["speed"] if metric.by_speed and run["speed_kmh"].mean > 0.0 else []
    return f" of like {' and '.join(what)}" if what else ""


def said(metric: Metric, forms: Iterable[Form]) -> bool:
    """Whether anything is said of a metric: of one from outside only where one of ``forms`` has it.

    So a runner without strap and pod reads nothing of them.
    """
    return not metric.outside or any(math.isfinite(f[metric.key].mean) for f in forms)


def lacking(metric: Metric) -> str:
    """Why a run does not tell a metric, in words."""
    return "not known in this run" if metric.outside else "too little steady running"


def usual(run: Form, history: Iterable[Form], metric: Metric) -> Usual:
    """The runner's usual before ``run``: NaN with fewer than ``LEAST_RUNS`` runs, ``runs`` is set.

    The order of ``history`` does not matter; ``run`` itself may be in it.
    """
    return _usual(alike(run, earlier(run, history), metric)[-MOST_RUNS:], metric)


def _usual(runs: Sequence[Form], metric: Metric) -> Usual:
    values = [f[metric.key].mean for f in runs]
    if len(values) < LEAST_RUNS:
        return Usual(runs=len(values))
    return Usual(median(values), *between(values), len(values))


def smallest(metric: Metric, value: float, own: float, u: float) -> Bar:
    """The smallest real difference: the largest of published, ``own`` and 1.96 ``u``.

    Not known (NaN) without ``u``, and without both of the others; there is no own of what is
    chosen.
    """
    published = metric.smallest(value)
    own = math.nan if metric.chosen else own
    if math.isnan(u) or (published == 0.0 and math.isnan(own) and not metric.chosen):
        return Bar()
    found = [(published, "published"), (Z95 * u, "scatter")]
    if math.isfinite(own):
        found.append((own, "own"))
    return Bar(*max(found))


def judge(difference: float, bar: Bar) -> Verdict:
    """The verdict on a difference."""
    if math.isnan(difference) or math.isnan(bar.value):
        return NOT_KNOWN
    return CHANGE if abs(difference) > bar.value else NO_CHANGE


def against_usual(run: Form, history: Iterable[Form]) -> dict[str, Change]:
    """Every metric of ``run`` against the runner's usual, by key."""
    before = earlier(run, history)
    return {
        key: _against(run, before, metric) for key, metric in METRICS.items() if said(metric, [run])
    }


def _against(run: Form, before: Sequence[Form], metric: Metric) -> Change:
    own = run[metric.key]
    others = alike(run, before, metric)[-MOST_RUNS:]
    use = _usual(others, metric)
    if math.isnan(own.mean):
        why = lacking(metric)
    elif math.isnan(use.value):
        why = f"{use.runs} of {LEAST_RUNS} earlier runs{like_words(run, metric)}"
    elif math.isnan(own.u):
        why = "too short a run to know its scatter"
    else:
        why = ""
    u = math.hypot(own.u, use.u)
    bar = smallest(metric, use.value, use.own, u)
    difference = own.mean - use.value
    verdict = judge(difference, bar)
    speed = speed_of(run, others, metric)
    return Change(metric, own.mean, use.value, difference, u, bar, use.runs, verdict, why, speed)


def between_runs(a: Form, b: Form, history: Iterable[Form] = ()) -> dict[str, Change]:
    """Run ``a`` against run ``b``, by key; ``history`` tells what runs of this runner differ by.

    Where the two are not comparable (:func:`comparable`, :func:`alike`) nothing is known.
    """
    others = [f for f in history if comparable(a, f)]
    return {
        key: _between(a, b, others, metric)
        for key, metric in METRICS.items()
        if said(metric, [a, b])
    }


def _between(a: Form, b: Form, history: Sequence[Form], metric: Metric) -> Change:
    one, two = a[metric.key], b[metric.key]
    use = _usual(sorted(alike(a, history, metric), key=_when)[-MOST_RUNS:], metric)
    if math.isnan(one.mean) or math.isnan(two.mean):
        why = "not known in both" if metric.outside else "too little steady running"
    elif not comparable(a, b):
        why = "not worn or meant alike"
    elif metric.by_speed and _apart(a, b) > SPEED_ALIKE:
        why = "not at a like speed"
    elif not alike(a, [b], metric):
        why = "not at a like cadence" if metric.by_cadence else "not measured alike"
    elif math.isnan(one.u) or math.isnan(two.u):
        why = "too short a run to know its scatter"
    elif metric.least == 0.0 and math.isnan(use.sd) and not metric.chosen:
        why = f"{use.runs} of {LEAST_RUNS} runs that say how much runs differ"
    else:
        why = ""
    difference = one.mean - two.mean
    # a run is as sure of itself as can be
    u = abs(difference) if a.run_id == b.run_id else math.hypot(one.u, two.u)
    bar = Bar() if why else smallest(metric, two.mean, use.own, u)
    verdict = judge(difference, bar)
    speed = speed_of(a, [b], metric)
    return Change(metric, one.mean, two.mean, difference, u, bar, 1, verdict, why, speed)


def behind(changes: Iterable[Change]) -> str:
    """How many runs are behind what is usual, in words: metrics need runs alike in other things."""
    found = list(changes)
    counts = sorted({c.runs for c in found if c.verdict != NOT_KNOWN} or {c.runs for c in found})
    most = counts[-1] if counts else 0
    least = f"{counts[0]} to " if counts and counts[0] < most else ""
    return f"{least}{most} earlier run{'s' * (most != 1)}"


def by_words(bar: Bar, metric: Metric) -> str:
    """What the smallest real difference comes from, in words."""
    return _BY.get(bar.by, "not known").format(source=metric.source)


_BY: Final[Mapping[str, str]] = {
    "published": "published: {source}",
    "own": "what your own runs differ by",
    "scatter": "the scatter within the run",
}
