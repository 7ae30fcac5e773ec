"""What a run exposes the runner to: steps, at which cadence, and the landings the belt felt.

The landings are a trend against the runner's own usual and no force: what a pack at the lower back
feels of a foot's blow says nothing of any part of the body (docs/back.md). No numpy.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from gaitpi.journal import texts
from gaitpi.review.averages import median
from gaitpi.review.change import LEAST_RUNS, MOST_RUNS, NOT_KNOWN, Verdict, against_usual, earlier
from gaitpi.review.form import BLOCK_S, Form
from gaitpi.review.steady import STEP_MAX_S, STEP_MIN_S
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import RUNNING

BAND_SPM: Final = 10
"""Width of a band of cadence, spm."""
_SQL: Final = """SELECT CAST(ic_s AS INTEGER) / :block AS minute, count(*), sum(step_s) FROM step
WHERE activity = :running AND step_s BETWEEN :least AND :most AND ic_s BETWEEN :start AND :end
GROUP BY minute LIMIT 20000"""


@dataclass(frozen=True, slots=True)
class Exposed:
    """A run's running ``steps``; by ``bands`` the steps of minutes of that cadence.

    A band is named by its lower end, spm; ``unknown`` are steps whose cadence is not known.
    ``landings`` is steps times mean impact over that of the runner's median run of ``runs``, NaN
    where not known; ``impact`` what can be told of the impact of a step alone.
    """

    run_id: str
    steps: int
    bands: tuple[tuple[int, int], ...]
    unknown: int
    landings: float
    runs: int
    impact: Verdict

    def as_json(self) -> dict[str, Any]:
        """One object: None where not known."""
        return {
            "run": self.run_id,
            "running_steps": self.steps,
            "cadence_bands": [{"from_spm": low, "steps": n} for low, n in self.bands],
            "steps_of_unknown_cadence": self.unknown,
            "landings_vs_usual": self.landings if math.isfinite(self.landings) else None,
            "usual_of_runs": self.runs,
            "impact_of_a_step": self.impact,
        }


def exposed(run: RunReader, form: Form, history: Iterable[Form]) -> Exposed:
    """The exposure of a run beside ``history``. Raises RunFileError when it is damaged."""
    counts: dict[int, int] = {}
    values = {
        "block": BLOCK_S,
        "running": RUNNING,
        "least": STEP_MIN_S,
        "most": STEP_MAX_S,
        "start": run.start_s,
        "end": run.end_s,
    }
    for _, n, lasted_s in run.summed(_SQL, values):
        low = int(60.0 * n / lasted_s) // BAND_SPM * BAND_SPM
        counts[low] = counts.get(low, 0) + n
    before = list(history)
    ratio, runs = landings(form, before)
    change = against_usual(form, before).get("impact_g")
    return Exposed(
        form.run_id,
        form.running_steps,
        tuple(sorted(counts.items())),
        max(0, form.running_steps - sum(counts.values())),
        ratio,
        runs,
        change.verdict if change else NOT_KNOWN,
    )


def landings(form: Form, history: Iterable[Form]) -> tuple[float, int]:
    """Landings of a run over those of the runner's median one, and of how many runs that is.

    NaN with fewer than three earlier runs, or where the impact of either is not known.
    """
    known = [n for f in earlier(form, history) if math.isfinite(n := _landings(f))][-MOST_RUNS:]
    if len(known) < LEAST_RUNS:
        return math.nan, len(known)
    return _landings(form) / median(known), len(known)


def _landings(form: Form) -> float:
    found = form.running_steps * form["impact_g"].mean
    return found if found > 0.0 else math.nan


def lines(found: Exposed) -> list[str]:
    """The exposure in words, a line each."""
    made = []
    if found.bands:
        shares = [
            f"{low}-{low + BAND_SPM - 1} spm {n:,}"
            for low, n in found.bands
            if n >= 0.01 * found.steps
        ]
        made.append(f"steps by cadence  {', '.join(shares)}")
    if math.isfinite(found.landings):
        many = f"{found.landings:.2f} x your median run of {found.runs}"
        one = {"change": "changed", "not known": "not known"}.get(found.impact, "no clear change")
        made.append(f"landings          {many}; impact of a step: {one} ({texts.LANDINGS})")
    else:
        made.append(f"landings          not known ({found.runs} of {LEAST_RUNS} earlier runs)")
    return made
