"""The tables beside a physiotherapist's page: a row a run, and a row a minute. No numpy."""

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from gaitpi.plaintext import plain
from gaitpi.review.metrics import METRICS
from gaitpi.review.report.physio import Told

_RUN: Final[Mapping[str, Callable[[Told], Any]]] = {
    "id": lambda r: r.name,
    "start": lambda r: r.verdict.started.isoformat(timespec="seconds"),
    "segment": lambda r: r.verdict.segment,
    "gaitpi": lambda r: r.software,
    "sensor": lambda r: r.sensor,
    "simulated": lambda r: int(r.verdict.virtual),
    "finished": lambda r: int(r.verdict.finished),
    "duration_s": lambda r: r.verdict.duration_s,
    "running_s": lambda r: r.verdict.running_s,
    "steady_s": lambda r: r.form.steady_s,
    "steps": lambda r: r.verdict.steps,
    "running_steps": lambda r: r.verdict.running_steps,
    "cadence_all_spm": lambda r: r.verdict.cadence_spm,
    "focus": lambda r: r.verdict.focus,
    "target_spm": lambda r: r.verdict.target_spm,
    "cueable_s": lambda r: r.verdict.cueable_s,
    "in_band_share": lambda r: r.verdict.in_band,
    "cues": lambda r: r.verdict.cues,
    "judged": lambda r: r.verdict.judged,
    "answered": lambda r: r.verdict.answered,
    "answer_median_s": lambda r: r.verdict.answer_s,
    "lean_change_deg": lambda r: r.verdict.lean_change_deg,
    "lean_against": lambda r: r.verdict.lean_against,
    "gaps": lambda r: r.verdict.gaps,
    "gap_s": lambda r: r.verdict.gap_s,
    "not_recorded_s": lambda r: r.verdict.dropout_s,
    "samples": lambda r: r.verdict.samples,
    "clipped": lambda r: r.verdict.clipped,
    "faults": lambda r: r.verdict.faults,
    "belt": lambda r: r.verdict.belt,
    "belt_bad_s": lambda r: r.verdict.belt_bad_s,
    "quality": lambda r: r.verdict.quality,
    "symmetry_doubt": lambda r: r.doubt,
    "pain_marks": lambda r: len(r.pains),
    "distance_m": lambda r: r.form.facts.distance_m,
    "distance_from": lambda r: r.form.facts.distance_from or None,
    "distance_lacks_s": lambda r: r.form.facts.unknown_s if r.form.facts.distance_from else None,
    "speed_all_ms": lambda r: r.form.facts.speed_ms,
    "heart_rate_all_bpm": lambda r: r.form.facts.heart_rate_bpm,
    "heart_rate_max_bpm": lambda r: r.form.facts.heart_rate_max_bpm,
    "heart_rate_share": lambda r: r.form.facts.heart_share,
}
"""Columns of a run, before its metrics: mean of steady running and standard uncertainty of that."""

_MINUTE: Final = (
    *("start_s", "running_s", "cadence_spm", "cadence_low_spm", "cadence_high_spm"),
    *("lean_change_deg", "steps", "contact_ms", "bounce_mm", "cues", "answered"),
    *("gap_s", "belt_bad_s", "hill_s", "heart_bpm", "speed_kmh", "step_length_m"),
)


def runs_csv(runs: Iterable[Told]) -> str:
    """A row a run, oldest first."""
    heads = [*_RUN, *(name for key in METRICS for name in (key, f"{key}_u"))]
    rows = []
    for run in runs:
        row = [value(run) for value in _RUN.values()]
        for key in METRICS:
            measure = run.form[key]
            row += [measure.mean, measure.u]
        rows.append(row)
    return _text(heads, rows)


def minutes_csv(runs: Iterable[Told]) -> str:
    """A row a minute of every run, in order of time."""
    rows = [
        [run.name, *(getattr(minute, name) for name in _MINUTE)]
        for run in runs
        for minute in run.minutes
    ]
    return _text(["id", *_MINUTE], rows)


def is_ours(beginning: str) -> bool:
    """Whether a file that begins so was made here."""
    heads = (_text(["id", *_MINUTE], []), runs_csv([]))
    return any(beginning.startswith(head.strip()) for head in heads)


def _text(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    """A cell: empty where not known; a text a spreadsheet would reckon gets a quote before it."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1e6 else repr(round(value, 3))
    if isinstance(value, str):
        text = plain(value)
        return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
    return value
