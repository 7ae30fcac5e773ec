"""The back table: weeks of load, strength, shoes, pain and form beside each other. Pure, no numpy.

Counts and ranges of what is known; what was not noted is "-", never 0. Nothing is reckoned between
columns: a handful of weeks shows what went together, and cannot show what came of what.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from gaitpi.journal import texts
from gaitpi.journal.entries import Strength
from gaitpi.review.averages import median
from gaitpi.review.change import CHANGE, NOT_KNOWN
from gaitpi.review.diary import DRIFT_KEYS, Told
from gaitpi.review.load import DAYS, Session, Use, uses
from gaitpi.review.metrics import METRICS

WIDTH: Final = 80
WEEKS_MOST: Final = 104
FEW: Final = 3
"""Fewer than so many of a kind are too few to say anything of."""


class Range(NamedTuple):
    """Levels noted: the ``least`` and the ``most`` of ``n``; None of nothing."""

    n: int = 0
    least: int | None = None
    most: int | None = None

    def words(self) -> str:
        """For a cell: "1-3(4)", "-" where nothing was noted."""
        if self.least is None or self.most is None:
            return "-"
        span = f"{self.least}" if self.least == self.most else f"{self.least}-{self.most}"
        return f"{span}({self.n})"

    def as_json(self) -> dict[str, Any] | None:
        """One object; None where nothing was noted."""
        return None if not self.n else {"n": self.n, "least": self.least, "most": self.most}


def span(values: Iterable[int | None]) -> Range:
    """The range of what is known among ``values``."""
    found = [value for value in values if value is not None]
    return Range(len(found), min(found), max(found)) if found else Range()


class Drifted(NamedTuple):
    """Drift over the runs of a week: ``median`` of the ``n`` long enough; ``named`` as changes."""

    n: int = 0
    median: float = math.nan
    named: int = 0

    def words(self, digits: int) -> str:
        """For a cell: "-2.1(3)", "-" where no run was long enough."""
        if not self.n:
            return "-"
        return f"{round(self.median, digits) + 0.0:+.{digits}f}({self.n})"

    def as_json(self) -> dict[str, Any] | None:
        """One object; None where no run was long enough."""
        return None if not self.n else self._asdict()


@dataclass(frozen=True, slots=True)
class Week:
    """A week from its Monday on. NaN or None: not known.

    ``km`` is known where it is of all ``runs``, ``known_km`` is of how many; ``use`` the largest
    run over its ceiling; ``strength`` sessions noted, None = none noted; ``marks`` of the button;
    ``cues`` None where a run was not read for them, ``marks`` and answers; ``shoes`` runs by pair,
    "" = not known which.
    """

    monday: date
    runs: int
    steps: int
    km: float
    known_km: int
    use: Use
    strength: int | None
    before: Range
    during: Range
    morning: Range
    marks: int
    drift: Mapping[str, Drifted]
    cues: int | None
    answered: int
    judged: int
    shoes: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        """One object: None where not known."""
        read = self.cues is not None
        return {
            "week": self.monday.isoformat(),
            "runs": self.runs,
            "running_steps": self.steps,
            "km": self.km if math.isfinite(self.km) else None,
            "runs_with_distance": self.known_km,
            "largest_run_of_ceiling": self.use.share if math.isfinite(self.use.share) else None,
            "by": self.use.by or None,
            "strength_sessions": self.strength,
            "pain_before": self.before.as_json(),
            "pain_during": self.during.as_json(),
            "pain_next_morning": self.morning.as_json(),
            "felt_it_here": self.marks if read else None,
            "drift": {key: one.as_json() for key, one in self.drift.items()},
            "cues": self.cues,
            "answered": self.answered if read else None,
            "judged": self.judged if read else None,
            "shoes": {name or "not known": n for name, n in sorted(self.shoes.items())},
        }


def weeks(
    runs: Sequence[Told],
    sessions: Sequence[Session],
    strength: Iterable[Strength],
    last: date,
    number: int,
) -> list[Week]:
    """The ``number`` weeks up to that of ``last``, oldest first.

    ``runs`` of these weeks; ``sessions`` all that are known, for the ceilings before each.
    """
    share = uses(sessions)
    sure = [one for one in strength if one.sure]
    first = monday(last) - timedelta(weeks=number - 1)
    found = []
    for k in range(number):
        begin = first + timedelta(weeks=k)
        inside = [r for r in runs if monday(r.session.day) == begin]
        done = sum(monday(one.date) == begin for one in sure)
        found.append(_week(begin, inside, share, done))
    return found


def monday(day: date) -> date:
    """The Monday of its week."""
    return day - timedelta(days=day.weekday())


def _week(begin: date, runs: Sequence[Told], share: Mapping[str, Use], strength: int) -> Week:
    far = [r.session.distance_m for r in runs if math.isfinite(r.session.distance_m)]
    known = [u for r in runs if math.isfinite((u := share.get(r.session.run_id, Use())).share)]
    shoes: dict[str, int] = {}
    for run in runs:
        shoes[run.shoe] = shoes.get(run.shoe, 0) + 1
    return Week(
        monday=begin,
        runs=len(runs),
        steps=sum(r.session.steps for r in runs),
        km=math.fsum(far) / 1000.0 if runs and len(far) == len(runs) else math.nan,
        known_km=len(far),
        use=max(known, key=lambda u: u.share, default=Use()),
        strength=strength or None,
        before=span(r.pain.before for r in runs),
        during=span(r.pain.during for r in runs),
        morning=span(r.pain.morning for r in runs),
        marks=sum(r.pain.marks for r in runs),
        drift={key: _drifted(runs, key) for key in DRIFT_KEYS},
        cues=None if any(r.unread for r in runs) else sum(r.cues for r in runs),
        answered=sum(r.answered for r in runs),
        judged=sum(r.judged for r in runs),
        shoes=shoes,
    )


def _drifted(runs: Iterable[Told], key: str) -> Drifted:
    found = [d for r in runs if (d := r.drift.get(key)) is not None and d.verdict != NOT_KNOWN]
    if not found:
        return Drifted()
    return Drifted(
        len(found), median(d.change for d in found), sum(d.verdict == CHANGE for d in found)
    )


class Mornings(NamedTuple):
    """Mornings noted after runs ``beyond`` their ceiling, and after ``other`` runs within it."""

    beyond: Range
    other: Range


def mornings(runs: Iterable[Told], sessions: Sequence[Session]) -> Mornings:
    """Counts and ranges; runs without a ceiling are in neither."""
    share = uses(sessions)
    known = [(share.get(r.session.run_id, Use()).share, r.pain.morning) for r in runs]
    return Mornings(
        span(level for s, level in known if s > 1.0), span(level for s, level in known if s <= 1.0)
    )


# In words.


def letters(found: Iterable[Week]) -> dict[str, str]:
    """A letter for each pair, by name; "?" where it is not known."""
    names = sorted({name for week in found for name in week.shoes if name})
    signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    made = {name: signs[k] if k < len(signs) else "+" for k, name in enumerate(names)}
    return made | {"": "?"}


_WIDTHS: Final = (6, 5, 7, 6, 4, 8, 8, 8, 8, 8, 6)
"""Of all columns but the last, shoes."""


def table(found: Sequence[Week]) -> list[str]:
    """The table, at most 80 columns wide, oldest week first."""
    km = any(w.runs for w in found) and all(w.known_km == w.runs for w in found)
    names = letters(found)
    heads = (
        *("week", "runs", "km" if km else "steps", "/ceil", "str"),
        *("before", "during", "morning", "cadence", "lean", "cues"),
    )
    groups = " " * sum(_WIDTHS[:5]) + f"{'pain 0-10, range (n)':>24}{'drift, median (n)':>18}"
    return [groups, _line(heads, "shoes"), *(_row(week, names, km=km) for week in found)]


def _line(cells: Sequence[str], last: str) -> str:
    first = f"{cells[0]:<{_WIDTHS[0]}}"
    rest = "".join(f"{c:>{w}}" for c, w in zip(cells[1:], _WIDTHS[1:], strict=True))
    return f"{first}{rest} {last}"[:WIDTH].rstrip()


def _row(w: Week, names: Mapping[str, str], *, km: bool) -> str:
    far = "-"
    if w.runs:
        far = f"{w.km:.1f}" if km else f"{w.steps / 1000.0:.1f}k"
    cadence, lean = (w.drift[key].words(METRICS[key].digits) for key in DRIFT_KEYS)
    shoes = "".join(f"{names[name]}{n}" for name, n in sorted(w.shoes.items(), reverse=True))
    cells = (
        f"{w.monday:%d %b}",
        str(w.runs),
        far,
        f"{w.use.share:.2f}" if math.isfinite(w.use.share) else "-",
        "-" if w.strength is None else str(w.strength),
        *(pain.words() for pain in (w.before, w.during, w.morning)),
        *(cadence, lean),
        _cues(w),
    )
    return _line(cells, shoes or "-")


def _cues(w: Week) -> str:
    """Answered of those that could be judged; 0 where runs were read and none came."""
    if w.cues is None or not w.runs:
        return "-"
    return f"{w.answered}/{w.judged}" if w.cues else "0"


def said(
    found: Sequence[Week],
    about: Mornings,
    names: Mapping[str, str],
    first: date | None = None,
    apart: Sequence[int] = (),
    unsure: int = 0,
) -> list[str]:
    """What has to be said below the table, a line each.

    ``first`` day of a run that is known; ``apart`` levels of pain that are of no run; ``unsure``
    entries whose day is not.
    """
    lines = []
    pairs = [f"{sign} {name}" for name, sign in names.items() if name]
    unknown = any("" in w.shoes for w in found)
    if pairs:
        lines.append(f"shoes: {', '.join(pairs)}{'; ? not known' if unknown else ''}")
    marks = sum(w.marks for w in found)
    if marks:
        runs = "once" if marks == 1 else f"{marks} times"
        lines.append(f"“Felt it here” was pressed {runs}; a press has no level.")
    if apart:
        lines.append(f"Pain noted in these weeks that is of no run: {span(apart).words()}.")
    elif not unsure and not any(w.before.n or w.during.n or w.morning.n for w in found):
        lines.append(texts.BACK_NO_PAIN)
    if unsure:
        many = "1 entry is" if unsure == 1 else f"{unsure} entries are"
        lines.append(f"{many} in no week, as the day is not sure: gaitpi journal --since all")
    lines += _beyond(about)
    stand_in = any(w.use.by == "steps" for w in found)
    how = " in steps or minutes: the study is about distance;" if stand_in else ""
    lines.append(f"/ceil: the largest run over its ceiling;{how} str: strength sessions noted.")
    known = [w for w in found if math.isfinite(w.use.share)]
    if first is not None and known and (known[0].monday - first).days < DAYS:
        lines.append(texts.BACK_FIRST)
    lines.append(texts.BACK_READING)
    return lines


def _beyond(about: Mornings) -> list[str]:
    beyond, other = about
    if not beyond.n:
        return []
    words = (
        f"Mornings noted after runs beyond their ceiling: {beyond.words()}; after other runs:"
        f" {other.words()}."
    )
    few = beyond.n < FEW or other.n < FEW
    return [f"{words} {texts.BACK_FEW if few else texts.BACK_COUNTED}"]
