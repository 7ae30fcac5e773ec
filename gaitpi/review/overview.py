"""A run beside the runner's own: the six lines, what changed, what drifted. No numpy.

``gaitpi`` alone, ``gaitpi show`` and ``gaitpi compare`` say the same in the same words. ± is a 95 %
interval; only what is larger than the smallest real difference (:mod:`gaitpi.review.change`) is
called a change.
"""

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gaitpi.journal import texts
from gaitpi.plaintext import plain
from gaitpi.review.change import CHANGE, NO_CHANGE, Change, against_usual, behind, usual
from gaitpi.review.drift import DRIFTS, Drift, drifts
from gaitpi.review.form import Course, Form, read
from gaitpi.review.history import History, history
from gaitpi.review.metrics import METRICS, Metric
from gaitpi.review.outside import distance_words, heart_words, imported, short_words
from gaitpi.review.uncertainty import Z95
from gaitpi.review.verdict import WIDTH, Verdict, advice, lines
from gaitpi.runs.reader import RunReader


@dataclass(frozen=True, slots=True)
class Beside:
    """A run's ``form``, the changes of it against the runner's usual, and its drifts, by key.

    There are no drifts where they were not asked for. ``runs`` is how many earlier runs could be
    compared with; ``begins_s`` the run time at which what is shown begins.
    """

    form: Form
    usual: Mapping[str, Change]
    drift: Mapping[str, Drift]
    runs: int
    begins_s: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """For ``--json``: a list each, in the order of the metrics."""
        return {
            "outside": self.form.facts.as_json(),
            "against_usual": [change.as_json() for change in self.usual.values()],
            "drift": [drift.as_json() for drift in self.drift.values()],
        }


def beside(
    run: RunReader, directory: Path, *, drift: bool = True, known: History | None = None
) -> Beside:
    """``run`` beside the other runs of ``directory``; beside none where it does not lie there.

    ``known`` the history of the folder where it has been read. Raises RunFileError when the run is
    damaged.
    """
    own, forms, course = _form(run, directory, whole=drift, known=known)
    found: dict[str, Drift] = {}
    if course is not None and drift:
        differ = {key: usual(own, forms, METRICS[key]).own for key in DRIFTS}
        found = drifts(course, differ)
    changes = against_usual(own, forms)
    runs = max((change.runs for change in changes.values()), default=0)
    return Beside(own, changes, found, runs, run.start_s)


def form_of(run: RunReader, directory: Path) -> tuple[Form, Sequence[Form]]:
    """The form of ``run``, and those of it and the runs of ``directory`` before it.

    Those are none where it does not lie there: it is somebody else's, perhaps. Raises RunFileError
    when the run is damaged.
    """
    own, forms, _ = _form(run, directory, whole=False)
    return own, forms


def _form(
    run: RunReader, directory: Path, *, whole: bool, known: History | None = None
) -> tuple[Form, Sequence[Form], Course | None]:
    """The same, and the course of the run if that was read: it is when ``whole``."""
    here = run.path.absolute().parent == directory.absolute()
    before = (known or history(directory)) if here else None
    forms = before.forms if before else ()
    kept = next((form for form in forms if form.run_id == run.run_id), None)
    if kept is not None and kept.duration_s != run.totals().duration_s:
        kept = None  # it is trimmed, and asked for untrimmed
    course = before.courses.get(run.run_id) if before and kept else None
    if course is None and (kept is None or whole):
        course = read(run, imported(run.path))
    own = kept if course is None or kept is not None else course.form
    assert own is not None
    if here and not (forms and forms[0] is own and all(f.virtual == own.virtual for f in forms)):
        forms = history(directory, like=own).forms  # the ones before it, and of its kind
    if run.part:
        forms = tuple(form for form in forms if form.run_id != run.whole.run_id)
    return own, forms, course


def said(
    v: Verdict, b: Beside, *, then: str | None = None, ending: str = "", short: bool = True
) -> list[str]:
    """The lines of :func:`gaitpi.review.verdict.lines`, with the runner's usual in them.

    And one of distance and heart rate where they are known; not ``short``, one each.
    """
    found = b.form.facts
    named = [("distance", distance_words(found)), ("heart", heart_words(found))]
    beside = [f"{name:<11}{words}" for name, words in ([short_words(found)] if short else named)]
    return lines(
        v,
        cadence=_cadence(v, b),
        lean=_lean(v, b),
        beside=[row for row in beside if row.strip() not in ("", "distance", "heart")],
        then=then,
        ending=ending,
    )


def _cadence(v: Verdict, b: Beside) -> str:
    change = b.usual.get("cadence_spm")
    if change is None or change.verdict not in _SAID or not math.isfinite(v.cadence_spm):
        return ""
    target = ""
    if math.isfinite(v.target_spm):
        aim = f"{v.target_spm:.1f}" if math.isnan(v.target_low_spm) else "by speed"
        target = f"  {v.cadence_spm - v.target_spm:+z.1f} vs target {aim},"
    return f"{v.cadence_spm:.1f} spm{target} {_against(change)}"


def _lean(v: Verdict, b: Beside) -> str:
    """Against the runs before, unless a usual was accepted: that is what was cued by."""
    change = b.usual.get("lean_deg")
    if v.lean_against == "usual" or change is None or change.verdict not in _SAID:
        return ""
    return f"{_against(change, 'deg ')} ({v.segment})"


_SAID: Final = {CHANGE: "a real change", NO_CHANGE: "no clear change"}


def _against(change: Change, unit: str = "") -> str:
    wide = amount(change.metric, change.difference, change.u)
    return f"{wide} {unit}vs usual: {_SAID[change.verdict]}"


def amount(metric: Metric, value: float, u: float) -> str:
    """A difference with its 95 % interval: "+3.1 ±0.9"."""
    spread = f" ±{Z95 * u:.{metric.digits}f}" if math.isfinite(u) else ""
    return f"{round(value, metric.digits) + 0.0:+.{metric.digits}f}{spread}"


def more(b: Beside) -> list[str]:
    """What drifted within the run, and what is not as usual, in a line each or a little more."""
    rows = [("drift", _drift_words(b.drift.values())), ("usual", _usual_words(b))]
    rows += [("doubt", "; ".join(b.form.facts.doubts))]
    if late := _late(b):
        rows.insert(1, ("strength", texts.strength(late)))
    return [
        part
        for name, words in rows
        if words
        for part in textwrap.wrap(
            plain(words), WIDTH, initial_indent=f"{name:<11}", subsequent_indent=" " * 11
        )
    ]


LATE: Final = 0.5
"""A drift that began after this share of the run is one late in it."""


def _late(b: Beside) -> str:
    """The first metric that drifted late in the run, by name; "" where none did."""
    half_s = b.begins_s + LATE * b.form.duration_s
    for drift in b.drift.values():
        if drift.verdict == CHANGE and drift.from_minute * 60.0 >= half_s:
            return drift.metric.words
    return ""


def _drift_words(found: Iterable[Drift]) -> str:
    drifts = list(found)
    called = [
        f"{d.metric.words} {amount(d.metric, d.change, d.u)} {d.metric.unit}"
        f" from minute {d.from_minute:.0f} on"
        for d in drifts
        if d.verdict == CHANGE
    ]
    if called:
        return "; ".join(called)
    known = [d.minutes for d in drifts if d.verdict == NO_CHANGE]
    if known:
        return f"none that can be told in {max(known)} steady minutes"
    why = next((d.why for d in drifts if d.why), "too little steady running")
    return f"not known ({why})"


def _usual_words(b: Beside) -> str:
    changed = [c for c in b.usual.values() if c.verdict == CHANGE]
    called = [
        f"{c.metric.words} {amount(c.metric, c.difference, c.u)} {c.metric.unit}" for c in changed
    ]
    if called:
        return f"{', '.join(called)} vs {behind(changed)}"
    known = sum(c.verdict == NO_CHANGE for c in b.usual.values())
    if known:
        return f"no clear change in {known} metrics vs {behind(b.usual.values())}"
    why = next((c.why for c in b.usual.values() if c.why), "no earlier runs")
    return f"not known ({why})"


def suggestion(v: Verdict, b: Beside, *, recording: bool) -> str:
    """The one thing to do next."""
    if recording:
        return "see what it hears now:  gaitpi live"
    if todo := advice(v):
        return todo
    changed = [c.metric.words for c in b.usual.values() if c.verdict == CHANGE]
    if changed:
        return f"{changed[0]} is not as usual; all differences:  gaitpi compare last"
    if v.programme:
        return "where the programme stands:  gaitpi program status"
    if v.cues:
        return "what you heard, and what came of it:  gaitpi cues"
    return "the run minute by minute:  gaitpi show"
