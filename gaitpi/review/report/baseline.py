"""Then and now: some runs from the beginning against the newest ones. Pure.

What :mod:`gaitpi.review.change` does for one run against the usual, for two groups of runs: the
median of each, and how much runs of this runner differ from one to the next anyway.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from gaitpi.review.change import (
    Bar,
    Change,
    Usual,
    alike,
    comparable,
    judge,
    lacking,
    like_words,
    said,
    speed_of,
)
from gaitpi.review.form import Form
from gaitpi.review.metrics import METRICS, Metric
from gaitpi.review.uncertainty import Z95, between, t95

GROUP: Final = 3
"""Runs that stand for then, and for now: as many as a usual lean needs. One alone may stand for
then, where no more were made before a programme: it is known the less surely."""
MOST: Final = 20


@dataclass(frozen=True, slots=True)
class Groups:
    """Runs of then and of now, oldest first, and what then is, in words; both empty where too few.

    ``all`` are all that can be compared, up to the newest of now.
    """

    then: tuple[Form, ...]
    now: tuple[Form, ...]
    all: tuple[Form, ...]
    words: str


def groups(forms: Sequence[Form], newest: Form, since_s: float, started_s: float) -> Groups:
    """Choose the runs of then and now among those worn and meant as ``newest``, up to it.

    ``started_s``: when a programme began (seconds since 1970, NaN without one): then are the last
    ``GROUP`` runs before it, where there is any. Else the first ``GROUP`` since ``since_s``.
    """
    end_s = newest.started.timestamp()
    fitting = sorted(
        (
            f
            for f in {form.run_id: form for form in forms}.values()
            if comparable(newest, f) and f.started.timestamp() <= end_s
            and math.isfinite(f["cadence_spm"].mean)
        ),
        key=lambda f: (f.started.timestamp(), f.run_id),
    )  # fmt: skip
    before = [f for f in fitting if f.started.timestamp() <= started_s]
    later = [f for f in fitting if not f.started.timestamp() <= started_s]
    if before and len(later) >= GROUP:
        then, now = before[-GROUP:], later[-GROUP:]
        n = f"the last {len(then)} runs" if len(then) > 1 else "the one run known"
        words = f"{n} before the programme"
    else:
        inside = [f for f in fitting if f.started.timestamp() >= since_s]
        if len(inside) < 2 * GROUP:
            return Groups((), (), tuple(fitting), "")
        then, now = inside[:GROUP], inside[-GROUP:]
        words = f"the first {GROUP} of these runs"
    return Groups(tuple(then), tuple(now), tuple(fitting), words)


def then_and_now(found: Groups) -> dict[str, Change]:
    """Every metric of now against then, by key; empty without groups."""
    if not found.now:
        return {}
    return {
        key: _change(found, metric)
        for key, metric in METRICS.items()
        if said(metric, (*found.then, *found.now))
    }


def _change(found: Groups, metric: Metric) -> Change:
    """One metric. Lean must have been measured alike, and contact and the like at like cadence."""
    last = found.now[-1]
    then, now, every = (
        alike(last, group, metric) for group in (found.then, found.now, found.all[-MOST:])
    )
    sd, freedom = between([f[metric.key].mean for f in every])
    usual, new = (_median(group, metric, sd, freedom) for group in (then, now))
    u = math.hypot(usual.u, new.u) * (t95(freedom) / Z95 if freedom else math.nan)
    why = ""
    if math.isnan(last[metric.key].mean):
        why = lacking(metric)
    elif len(then) < len(found.then) or len(now) < len(found.now):
        like = like_words(last, metric) or " that measured it alike"
        n = len(then) + len(now), len(found.then) + len(found.now)
        why = f"{n[0]} of {n[1]} runs{like}"
    elif math.isnan(sd):
        why = "too few runs to know what they differ by"
    difference = math.nan if why else new.value - usual.value
    # what runs differ by is in u already, for medians instead of single runs
    bar = Bar(metric.smallest(usual.value), "published")
    if math.isnan(u):
        bar = Bar()
    elif not bar.value > Z95 * u:
        bar = Bar(Z95 * u, "own")
    verdict = judge(difference, bar)
    runs = min(len(then), len(now))
    speed = speed_of(last, (*then, *now), metric)
    return Change(metric, new.value, usual.value, difference, u, bar, runs, verdict, why, speed)


def _median(runs: Sequence[Form], metric: Metric, sd: float, freedom: float) -> Usual:
    values = [f[metric.key].mean for f in runs]
    return Usual(median(values), sd, freedom, len(values)) if values else Usual()
