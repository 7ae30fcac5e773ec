"""What changed, in tables: against the own usual, and within a run. Every one with its uncertainty.

A difference is called a change only past the smallest real difference
(:mod:`gaitpi.review.change`); the words here say no more than that.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from gaitpi.review.change import CHANGE, NO_CHANGE, Change
from gaitpi.review.drift import Drift
from gaitpi.review.metrics import Metric
from gaitpi.review.report.data import Run
from gaitpi.review.report.html import Content, Html, el
from gaitpi.review.report.page import bullets, paragraphs, table
from gaitpi.review.report.words import value_words
from gaitpi.review.trend import Trend
from gaitpi.review.uncertainty import Z95

SYMMETRY: Final = ("contact_symmetry_pct", "step_symmetry_pct")
"""Told only where the belt sat steadily: a pack that turns makes a left-right difference."""
BELT_BAD_MAX: Final = 0.05
"""Share of running with a loose or moved belt above which nothing is said of left and right."""
GAP_MAX: Final = 0.02
"""The same for time without samples."""


def symmetry_doubt(run: Run) -> str:
    """Why nothing can be said of left and right in this run; "" where it can."""
    v = run.verdict
    known = sum(step.side != 0 for step in run.running_steps)
    if not run.running_steps:
        return "there are no running steps"
    if known < 0.8 * len(run.running_steps):
        return "which foot it was is not known for enough of the steps"
    if v.belt is None:
        return "how the belt sat is not known"
    if v.belt_bad_s > BELT_BAD_MAX * v.running_s:
        return f"the belt was {v.belt} for {v.belt_bad_s:.0f} s"
    if v.gap_s + v.dropout_s > GAP_MAX * max(v.duration_s, 1.0):
        return "too many samples are missing"
    return ""


def change_table(
    changes: Iterable[Change],
    *,
    heads: tuple[str, str],
    caption: str,
    key: str,
    whose: str = "your",
) -> Content:
    """Differences as a table, those that are not known in a list below it.

    ``heads`` name what is compared with, and what is compared; ``whose`` runs they are.
    """
    found = list(changes)
    told = [c for c in found if math.isfinite(c.difference)]
    rows = [
        (
            _name(c.metric),
            value_words(c.usual, "", c.metric.digits),
            value_words(c.value, "", c.metric.digits),
            plus_minus(c.difference, c.u, c.metric.digits),
            _bar(c),
            so(c),
        )
        for c in told
    ]
    columns = (
        "measure",
        heads[0],
        heads[1],
        "difference ± 95 %",
        "real only beyond",
        "so",
    )
    made: list[Content] = []
    if rows:
        made.append(table(caption, columns, rows, key=key, numbers=(1, 2, 3), wide=True))
        made.append(el("p", "; ".join(_bars(told, whose)), ".", class_="lead"))
    return [*made, *_not_known(c for c in found if not math.isfinite(c.difference))]


def _not_known(left: Iterable[Change | Drift]) -> Iterator[Html]:
    """What is not known, by reason."""
    reasons: dict[str, list[str]] = {}
    for one in left:
        reasons.setdefault(one.why or "no more is known", []).append(one.metric.words)
    if reasons:
        yield paragraphs(["Not known:"])
        yield bullets(f"{', '.join(names)}: {why}" for why, names in reasons.items())


def _name(metric: Metric) -> Html:
    return el("span", metric.words, " ", el("span", f"({metric.unit})", class_="unit"))


def plus_minus(value: float, u: float, digits: int) -> str:
    """A difference with its sign and the half width of its 95 % interval."""
    wide = f" ± {Z95 * u:.{digits}f}" if math.isfinite(u) else " ± not known"
    return value_words(value, "", digits, sign=True) + wide


def _bar(change: Change) -> str:
    if math.isnan(change.bar.value):
        return "not known"
    return f"{change.bar.value:.{max(1, change.metric.digits)}f} ({change.bar.by})"


def _bars(told: Iterable[Change], whose: str) -> Iterator[str]:
    """What the smallest real differences come from, those that are there."""
    found = list(told)
    kinds = {c.bar.by for c in found}
    if "own" in kinds:
        yield f"own: what {whose} own runs differ by, from one to the next"
    if "scatter" in kinds:
        yield "scatter: what the scatter within the runs leaves open"
    sources: dict[str, list[str]] = {}
    for c in found:
        if c.bar.by == "published":
            sources.setdefault(c.metric.source, []).append(c.metric.words)
    for source, words in sources.items():
        yield f"published, {', '.join(words)}: {source}"


def so(found: Change | Trend | Drift) -> Content:
    """What follows: a change, none that can be told, or not known."""
    if found.verdict == CHANGE:
        value = found.difference if isinstance(found, Change) else found.change
        return el("strong", f"a change: {'up' if value > 0 else 'down'}")
    if found.verdict == NO_CHANGE:
        return "no change that can be told"
    return f"not known{f': {found.why}' if found.why else ''}"


def drift_part(drifts: Mapping[str, Drift]) -> Content:
    """Drift within a run."""
    told = [d for d in drifts.values() if math.isfinite(d.change)]
    rows = [
        (
            _name(d.metric),
            plus_minus(d.change, d.u, d.metric.digits),
            value_words(d.bar, "", max(1, d.metric.digits)),
            _from_minute(d),
            so(d),
        )
        for d in told
    ]
    made: list[Content] = []
    if rows:
        heads = "measure", "change to the end ± 95 %", "real only beyond", "since", "so"
        caption = "Change from the level before to the end of the run, at comparable cadence"
        if any(d.speed == "like" for d in told):
            caption += " and speed"
        made.append(table(caption, heads, rows, key="drift-table", numbers=(1, 2), wide=True))
    return [*made, *_not_known(d for d in drifts.values() if not math.isfinite(d.change))]


def _from_minute(drift: Drift) -> str:
    if math.isnan(drift.from_minute):
        return "–"
    low, high = drift.between
    span = f" (between {low:.0f} and {high:.0f})" if low < high else ""
    return f"minute {drift.from_minute:.0f}{span}"


def trend_part(trends: Sequence[Trend]) -> Content:
    """Trends over the weeks."""
    told = [t for t in trends if math.isfinite(t.change)]
    if not told:
        why = sorted({t.why for t in trends if t.why})
        return paragraphs([f"No trend over the weeks can be told yet: {'; '.join(why[:3])}."])
    rows = [
        (
            _name(t.metric),
            f"{t.days} days in {t.weeks:.1f} weeks",
            plus_minus(t.change, t.u, t.metric.digits),
            value_words(t.slope_week, "", t.metric.digits + 1, sign=True),
            value_words(t.bar, "", max(1, t.metric.digits)),
            so(t),
        )
        for t in told
    ]
    heads = "measure", "from", "change ± 95 %", "a week", "real only beyond", "so"
    caption = "Trends from run to run (median of slopes)"
    return table(caption, heads, rows, key="trend-table", numbers=(2, 3, 4), wide=True)
