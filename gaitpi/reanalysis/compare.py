"""The rows of two computations of one recording compared: which are the same, and what is not.

Rows are compared as they are stored: NaN is "not known", -0 is 0. The words of a reason are left
out: another wording is no other result.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gaitpi.coach.belt import LOOSE, MOVED
from gaitpi.coach.types import Cue, Withheld
from gaitpi.review.whatif import compare, counts
from gaitpi.runs.rows import RUNNING, SecondRow, StepRow

Floats = NDArray[np.float64]

ROUNDING: Final = 1e-9
"""Numbers so far apart, as a share of the largest of their column, are of another processor and of
no other result (docs/arm.md compares the same way)."""
APART_S: Final = 0.11
"""Two steps farther apart than this are not the same one: half of the shortest."""

LEAN_LEAST_S: Final = 60
"""Running seconds with known lean below which a mean lean is not given, as in the verdict."""

STEP: Final = StepRow._fields
SECOND: Final = SecondRow._fields
NUMBERS: Final = ("time_s", "value", "low", "high", "beat_s", "first_s", "from_s")
"""Numbers of a cue; of a withheld one there are the first four."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What a computation gave: ``steps`` (n, 13) and ``seconds`` (m, 17), columns as stored."""

    steps: Floats
    seconds: Floats
    cues: list[Cue]
    withheld: list[Withheld]

    def digest(self) -> str:
        """SHA-256 of all of it: equal for equal rows, on whatever machine."""
        text = hashlib.sha256()
        for table in (self.steps, self.seconds):
            text.update(_plain(table).tobytes())
        for rows in (self.cues, self.withheld):
            text.update(repr([_values(row) for row in rows]).encode())
        return text.hexdigest()


def table(rows: Sequence[Sequence[Any]], columns: Sequence[str]) -> Floats:
    """Rows as an array (n, columns); numbers only."""
    return np.array(rows, np.float64).reshape(len(rows), len(columns))


def _plain(values: Floats) -> Floats:
    """Little-endian, with one NaN and one zero."""
    out = np.where(np.isnan(values), math.nan, values + 0.0)
    return np.ascontiguousarray(out, "<f8")


def _values(row: Cue | Withheld) -> tuple[Any, ...]:
    """What a cue says, without its words; NaN as None, so that rows can be equal."""
    numbers = [row.time_s, row.value, *row.band]
    if isinstance(row, Cue):
        numbers += [row.beat_s, row.first_s, row.from_s]
    plain = (None if math.isnan(n) else float(n) + 0.0 for n in numbers)
    return row.cue, row.metric, row.rule, *plain


@dataclass(slots=True)
class Table:
    """How many rows there were and are; of the pairs how many are ``same``, and the rest."""

    old: int
    new: int
    same: int = 0
    changed: int = 0
    gone: int = 0
    added: int = 0
    columns: dict[str, dict[str, float | int]] = field(default_factory=dict)
    """Of each column that differs: in how many ``rows``, and by how much at most (``largest``)."""
    rounding: bool = True
    """Whether all that differs are last digits (``ROUNDING``)."""

    @property
    def all_same(self) -> bool:
        """Whether nothing differs."""
        return self.old == self.new == self.same

    def as_json(self) -> dict[str, Any]:
        """One object."""
        names = ("old", "new", "same", "changed", "gone", "added", "columns")
        return {name: getattr(self, name) for name in names}


def tables(
    old: Floats, new: Floats, columns: Sequence[str], time: str, known: Sequence[str]
) -> Table:
    """Compare two tables row by row, paired by the column ``time`` (s).

    Only the columns ``known`` to both are looked at.
    """
    out = Table(len(old), len(new))
    at = [columns.index(name) for name in known]
    a, b = old[:, at], new[:, at]
    if a.shape == b.shape and bool(_equal(a, b).all()):
        out.same = len(a)
        return out
    i, k = _pairs(old[:, columns.index(time)], new[:, columns.index(time)])
    equal = _equal(a[i], b[k])
    out.same = int(equal.all(axis=1).sum())
    out.changed = len(i) - out.same
    out.gone, out.added = len(old) - len(i), len(new) - len(i)
    for j, name in enumerate(known):
        if not (differ := ~equal[:, j]).any():
            continue
        apart = np.abs(b[k][differ, j] - a[i][differ, j])
        finite = np.isfinite(apart)
        out.columns[name] = {"rows": int(differ.sum())}
        if finite.any():
            out.columns[name]["largest"] = float(apart[finite].max())
        scale = max(map(abs, _finite(np.concatenate([a[:, j], b[:, j]]))), default=0.0)
        out.rounding &= bool(finite.all()) and float(apart.max()) <= ROUNDING * scale
    out.rounding &= out.gone == out.added == 0
    return out


def _equal(a: Floats, b: Floats) -> NDArray[np.bool_]:
    out: NDArray[np.bool_] = (a == b) | (np.isnan(a) & np.isnan(b))
    return out


def _pairs(a: Floats, b: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of two times that are each other's nearest, at most ``APART_S`` apart."""
    none = np.zeros(0, np.intp)
    ia, ib = (np.flatnonzero(np.isfinite(x)) for x in (a, b))
    if not len(ia) or not len(ib):
        return none, none
    ia, ib = ia[np.argsort(a[ia], kind="stable")], ib[np.argsort(b[ib], kind="stable")]
    a, b = a[ia], b[ib]
    there, back = _nearest(a, b), _nearest(b, a)
    mutual = (back[there] == np.arange(len(a))) & (np.abs(b[there] - a) <= APART_S)
    return ia[mutual], ib[there[mutual]]


def _nearest(a: Floats, b: Floats) -> NDArray[np.intp]:
    """For each of ``a`` (sorted) the number of the nearest in ``b`` (sorted, not empty)."""
    right = np.clip(np.searchsorted(b, a), 1, max(1, len(b) - 1))
    left = right - 1
    right = np.minimum(right, len(b) - 1)
    out: NDArray[np.intp] = np.where(np.abs(b[right] - a) < np.abs(a - b[left]), right, left)
    return out


def cues(old: Rows, new: Rows, *, ticks: bool) -> dict[str, Any]:
    """Cues of both: how many the same, moved, gone, new.

    ``exact``: equal in every number; ``rounding``: in all but last digits, the withheld ones too.
    ``ticks`` False: the old ones do not know the times of their ticks. ``changes`` are those that
    are not the same, as ``replay --diff`` gives them.
    """
    found = compare(old.cues, new.cues, new.withheld)
    keep = slice(None) if ticks else slice(-2)
    given = [[_values(c)[keep] for c in rows.cues] for rows in (old, new)]
    held = [[_values(w) for w in rows.withheld] for rows in (old, new)]
    return {
        **{str(change): n for change, n in counts(found).items()},
        "exact": given[0] == given[1],
        "rounding": _close(*given) and _close(*held),
        "withheld": {"old": len(held[0]), "new": len(held[1]), "exact": held[0] == held[1]},
        "changes": [d.as_json() for d in found if d.change != "same"],
    }


def _close(old: list[tuple[Any, ...]], new: list[tuple[Any, ...]]) -> bool:
    """Whether two lists of :func:`_values` differ by last digits at most."""
    return len(old) == len(new) and all(
        x == y or (type(x) is type(y) is float and math.isclose(x, y, rel_tol=ROUNDING))
        for a, b in zip(old, new, strict=True)
        for x, y in zip(a, b, strict=True)
    )


def figures(rows: Rows) -> dict[str, float | int | None]:
    """The numbers of a run that a runner asks for, always by the same rules; None = not known.

    Cadence is that of all running steps (steps/min of both feet), lean the mean of the running
    seconds with a belt that sits, contact and bounce are medians of running steps.
    """
    step = {name: rows.steps[:, j] for j, name in enumerate(STEP)}
    second = {name: rows.seconds[:, j] for j, name in enumerate(SECOND)}
    runs = step["activity"] == RUNNING
    times = _finite(step["step_s"][runs])
    lasted = second["samples"].sum()
    leaning = (second["activity"] == RUNNING) & ~np.isin(second["belt"], (LOOSE, MOVED))
    leans = _finite(second["lean_deg"][leaning])
    return {
        "seconds": len(rows.seconds),
        "samples": int(lasted),
        "steps": len(rows.steps),
        "running_steps": int(runs.sum()),
        "running_s": int((second["activity"] == RUNNING).sum()),
        "cadence_spm": 60.0 * len(times) / math.fsum(times) if times else None,
        "lean_deg": math.fsum(leans) / len(leans) if len(leans) >= LEAN_LEAST_S else None,
        "contact_ms": _median(step["contact_s"][runs], 1000.0),
        "bounce_mm": _median(step["bounce_m"][runs], 1000.0),
        "cues": len(rows.cues),
    }


def _finite(values: Floats) -> list[float]:
    out: list[float] = values[np.isfinite(values)].tolist()
    return out


def _median(values: Floats, unit: float) -> float | None:
    known = _finite(values)
    return unit * median(known) if known else None
