"""The ledger: every cue and every withheld one, and what the runner did after it.

From the tables of a run file; no estimator, no numpy. The coach's ``back`` is the answer: it
comes (or is withheld) when the metric is well in band again.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from gaitpi.coach.answer import ANSWER_S, GAP_S
from gaitpi.review.averages import median
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import RUNNING, CueRow, SecondRow, WithheldRow

CORRECTIONS: Final = frozenset({"step-up", "beat", "metronome", "tall", "sink"})
"""Cues that ask for something, and so can be answered."""

Outcome = Literal["answered", "not answered", "not judged", "no question"]
ASKED: Final = ("answered", "not answered")


@dataclass(frozen=True, slots=True)
class After:
    """What the runner did in the ``ANSWER_S`` after a cue.

    ``seconds`` to the return into the band: within the time of an answer, or later, or NaN when
    it was not seen; ``why`` it could not be judged, in words.
    """

    outcome: Outcome
    seconds: float = math.nan
    why: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. ``number`` counts the cues; None for a withheld one.

    ``rule`` is why it came, or what withheld it; ``played_s`` run time at which its sound began,
    NaN when none was played; ``lasted_s`` how long it was heard, NaN where not known.
    """

    number: int | None
    time_s: float
    cue: str
    metric: str
    value: float
    low: float
    high: float
    rule: str
    reason: str
    played_s: float
    lasted_s: float
    after: After

    @property
    def withheld(self) -> bool:
        """True when the runner heard nothing because a rule kept it quiet."""
        return self.number is None

    def as_json(self) -> dict[str, Any]:
        """One object for ``cues --json``: None where open or not known."""
        return {
            "number": self.number,
            "time_s": self.time_s,
            "cue": self.cue,
            "withheld": self.withheld,
            "played_s": known(self.played_s),
            "lasted_s": known(self.lasted_s),
            "metric": self.metric,
            "value": known(self.value),
            "band": [known(self.low), known(self.high)],
            "rule": self.rule,
            "reason": self.reason,
            "after": {
                "outcome": self.after.outcome,
                "seconds": known(self.after.seconds),
                "why": self.after.why or None,
            },
        }


@dataclass(frozen=True, slots=True)
class Response:
    """How the runner answered.

    ``share`` is answered of judged, NaN with none judged; ``answer_s`` the median time to the
    answer of the answered ones, ``recovery_s`` the median time back into the band of all that
    came back before the next correction, also late; NaN where there is none.
    """

    cues: int
    answered: int
    judged: int
    share: float
    answer_s: float
    recovery_s: float


def ledger(run: RunReader, seconds: Sequence[SecondRow] | None = None) -> list[Entry]:
    """All entries of ``run`` in the order of time. Raises RunFileError when damaged.

    Of a trimmed run those that are kept; what came after them is looked for in all of it.
    ``seconds`` those of all of it, where they have been read.
    """
    whole = run.whole
    rows = whole.seconds() if seconds is None else seconds
    found = entries(whole.cues(), whole.withheld(), rows, whole.totals().duration_s)
    return [entry for entry in found if run.keeps(entry.time_s)]


def ticked_words(entry: Entry) -> str:
    """How long a metronome was heard, "" where there was none or that is not known."""
    if entry.cue != "metronome" or math.isnan(entry.lasted_s):
        return ""
    return f"it ticked for {entry.lasted_s:.0f} s"


def entries(
    cues: Sequence[CueRow],
    withheld: Sequence[WithheldRow],
    seconds: Sequence[SecondRow],
    end_s: float,
) -> list[Entry]:
    """The entries made of the tables; ``end_s`` is the end of the run."""
    breaks = list(_breaks(seconds))
    found = [
        _entry(row, k + 1, row.played_s, _after(row, cues, withheld, breaks, end_s))
        for k, row in enumerate(cues)
    ]
    found += [_entry(row, None, math.nan, After("no question")) for row in withheld]
    return sorted(found, key=lambda e: e.time_s)


def _entry(row: CueRow | WithheldRow, number: int | None, played_s: float, after: After) -> Entry:
    return Entry(
        lasted_s=row.lasted_s if isinstance(row, CueRow) else math.nan,
        number=number,
        time_s=row.time_s,
        cue=row.cue,
        metric=row.metric,
        value=row.value,
        low=row.low,
        high=row.high,
        rule=row.rule,
        reason=row.reason,
        played_s=played_s,
        after=after,
    )


def _breaks(seconds: Iterable[SecondRow]) -> Iterator[tuple[float, str]]:
    """Times (s) at which the runner could not be followed any more, and why."""
    for row in seconds:
        if row.gap_s >= GAP_S:
            yield row.time_s, "data were lost"
        elif row.activity != RUNNING:
            yield row.time_s, "the runner stopped"


def _after(
    cue: CueRow,
    cues: Iterable[CueRow],
    withheld: Iterable[WithheldRow],
    breaks: Iterable[tuple[float, str]],
    end_s: float,
) -> After:
    """What came after a cue: the first of an answer, a break, the end, the next question."""
    if cue.cue not in CORRECTIONS:
        return After("no question")
    if math.isnan(cue.played_s):
        return After("not judged", why="it was not played")
    asked_s = cue.time_s
    next_s = min(
        (c.time_s for c in cues if c.time_s > asked_s and c.cue in CORRECTIONS), default=math.inf
    )
    lost_s, why = min(
        ((max(at, asked_s), why) for at, why in breaks if at + 1.0 > asked_s),
        default=(math.inf, ""),
    )
    if end_s < lost_s:
        lost_s, why = end_s, "the run ended"
    rows: list[CueRow | WithheldRow] = [*cues, *withheld]
    back_s = min(
        (
            row.time_s
            for row in rows
            if row.cue == "back" and row.metric == cue.metric and row.time_s > asked_s
        ),
        default=math.inf,
    )
    # a second is one whole: what came back in the second of a stop came before it
    back_s = back_s if back_s < min(next_s, lost_s + 1.0) else math.nan
    if back_s - asked_s <= ANSWER_S:
        return After("answered", back_s - asked_s)
    if lost_s - asked_s < ANSWER_S and lost_s < next_s:
        return After("not judged", why=f"{why} {lost_s - asked_s:.0f} s after it")
    return After("not answered", back_s - asked_s)


def response(found: Iterable[Entry]) -> Response:
    """The answers of a run, counted."""
    asked = [e for e in found if e.cue in CORRECTIONS and not e.withheld]
    judged = [e.after for e in asked if e.after.outcome in ASKED]
    answers = [a.seconds for a in judged if a.outcome == "answered"]
    recoveries = [a.seconds for a in judged if not math.isnan(a.seconds)]
    return Response(
        cues=len(asked),
        answered=len(answers),
        judged=len(judged),
        share=len(answers) / len(judged) if judged else math.nan,
        answer_s=median(answers) if answers else math.nan,
        recovery_s=median(recoveries) if recoveries else math.nan,
    )


def quiet_rules(found: Iterable[Entry]) -> Counter[str]:
    """How often each rule withheld a cue."""
    return Counter(e.rule for e in found if e.withheld)


def band_words(low: float, high: float) -> str:
    """A band in few signs: ">=166.8", "2.0..10.0", "-" without one."""
    if math.isfinite(low) and math.isfinite(high):
        return f"{low:.1f}..{high:.1f}"
    if math.isfinite(low):
        return f">={low:.1f}"
    return f"<={high:.1f}" if math.isfinite(high) else "-"


def known(value: float) -> float | None:
    """A number for JSON; None where open or not known."""
    return value if math.isfinite(value) else None
