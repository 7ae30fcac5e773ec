"""What the page for a physiotherapist says of pain, load, strength and shoes, by the journal.

What was not noted is shown as not noted: it is no zero.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from gaitpi.journal import texts
from gaitpi.journal.entries import Pain, Strength
from gaitpi.review import back, shoes
from gaitpi.review.back import Range, Week
from gaitpi.review.change import CHANGE, NOT_KNOWN
from gaitpi.review.diary import Level, Told
from gaitpi.review.load import Use
from gaitpi.review.metrics import METRICS
from gaitpi.review.report.chart import Days, Dot, draw_days
from gaitpi.review.report.html import Content, el
from gaitpi.review.report.page import paragraphs, table
from gaitpi.review.shoes import Contrast

DAY_S: Final = 86_400.0
ENTRIES: Final = 60
"""Most entries of pain that are listed, the newest."""
_MOMENTS: Final[Sequence[tuple[str, str, str]]] = (
    ("before", "Before the run", "before"),
    ("during", "During or after it", "during or after"),
    ("morning", "Next morning", "next morning"),
)
_SAID: Final = {
    "before": "before a run",
    "during": "during a run",
    "after": "after a run",
    "morning": "on waking",
    "": "not said when",
}


@dataclass(frozen=True, slots=True)
class Beside:
    """The journal beside the runs of a report.

    ``runs`` oldest first, those of the report that lie in the folder; ``pains`` and ``strength`` in
    their days; ``uses`` how much of its ceiling a run was, by id; ``problem`` why the journal
    could not be read.
    """

    runs: Sequence[Told] = ()
    pains: Sequence[Pain] = ()
    strength: Sequence[Strength] = ()
    weeks: Sequence[Week] = ()
    uses: Mapping[str, Use] = field(default_factory=dict)
    contrasts: Sequence[Contrast] = ()
    problem: str = ""


NOTHING: Final = Beside()
"""No journal beside the runs."""


# Pain.


def pain_words(found: Beside) -> list[str]:
    """What was noted and what was not, in words."""
    if found.problem:
        return [f"The journal cannot be read: {found.problem} So what was noted is not known."]
    n = len(found.runs)
    if not found.pains:
        return [
            "No pain was noted in the journal in these days, not on mornings either: not known,"
            " which is not the same as none."
        ]
    counts = [
        f"{words} {sum(_level(r.pain, key) is not None for r in found.runs)}"
        for key, _, words in _MOMENTS
    ]
    return [
        f"Levels from 0 (none) to 10, as the runner noted them. Noted of {n} runs:"
        f" {', '.join(counts)}. What was not noted is not known; it is shown as a gap and is no 0."
    ]


def pain_timeline(found: Beside) -> Content:
    """A chart for each moment, and their numbers as a table; nothing where nothing was noted."""
    if not found.runs or not found.pains:
        return None
    charts = [draw_days(_days(found, *moment)) for moment in _MOMENTS]
    rows = [
        (
            f"{run.session.started:%d %b %H:%M}",
            *(_cell(_level(run.pain, key)) for key, _, _ in _MOMENTS),
            str(run.pain.marks) if run.pain.marks else "–",
        )
        for run in found.runs
    ]
    heads = ("run", "before", "during or after", "next morning", "“felt it here”")
    return [
        el("div", *charts, class_="pair"),
        table("Pain, run by run", heads, rows, key="pain-run-table", numbers=range(1, 5)),
        _entries(found),
    ]


def _entries(found: Beside) -> Content:
    rows = [
        (
            f"{one.date:%d %b %Y}" + ("" if one.sure else " (by a clock that was wrong)"),
            str(one.level),
            one.site.replace("-", " ") or "not said",
            _SAID[one.moment],
        )
        for one in found.pains[-ENTRIES:]
    ]
    heads = ("day", "level", "where", "when")
    caption = "All that was noted"
    if len(found.pains) > ENTRIES:
        caption += f", the newest {ENTRIES} of {len(found.pains)}"
    return table(caption, heads, rows, key="pain-entry-table", numbers=range(1, 2))


def _days(found: Beside, key: str, title: str, words: str) -> Days:
    dots, gaps = [], []
    for run in found.runs:
        level = _level(run.pain, key)
        at = run.session.started.timestamp() / DAY_S
        day = f"{run.session.day:%d %b %Y}"
        if level is None:
            gaps.append((at, f"run of {day}: {words} not noted"))
        else:
            dots.append(Dot(at, float(level), math.nan, f"run of {day}: {words} {level}"))
    return Days(
        f"pain-{key}",
        title,
        "0 to 10",
        f"Pain {words}, a dot a run.",
        "noted",
        dots,
        labels([run.session.started for run in found.runs]),
        least=0.0,
        most=10.0,
        gaps=gaps,
        gaps_name="not noted: not known",
    )


def labels(starts: Sequence[datetime], shown: int = 3) -> list[tuple[float, str]]:
    """Some dates at equal distances below a chart."""
    first, last = min(starts), max(starts)
    n = min(shown, (last - first).days + 1)
    if n < 2:
        return [(first.timestamp() / DAY_S, f"{first:%d %b}")]
    step = (last - first) / (n - 1)
    return [((first + k * step).timestamp() / DAY_S, f"{first + k * step:%d %b}") for k in range(n)]


def _level(pain: Level, key: str) -> int | None:
    found: int | None = getattr(pain, key)
    return found


def _cell(level: int | None) -> str:
    return "–" if level is None else str(level)


# Load, strength, shoes.


def load_part(found: Beside) -> Content:
    """The weeks, what the ceiling is, strength sessions and shoes."""
    if not found.weeks:
        return paragraphs(["Not known: these runs do not lie in the folder of the journal."])
    made: list[Content] = [_weeks(found), paragraphs(_strength_words(found))]
    made.append(_shoes(found))
    return made


_Column = Callable[[Week], str]


def _weeks(found: Beside) -> Content:
    km = all(w.known_km == w.runs for w in found.weeks)
    signs = back.letters(found.weeks)
    columns: dict[str, _Column] = {
        "week of": lambda w: f"{w.monday:%d %b}",
        "runs": lambda w: str(w.runs),
        "km" if km else "steps": lambda w: (
            "–" if not w.runs else f"{w.km:.1f}" if km else f"{w.steps:,}"
        ),
        "largest run / ceiling": lambda w: (
            f"{w.use.share:.2f}" if math.isfinite(w.use.share) else "–"
        ),
        "strength": lambda w: "–" if w.strength is None else str(w.strength),
        "pain before": lambda w: _range(w.before),
        "during": lambda w: _range(w.during),
        "next morning": lambda w: _range(w.morning),
        **{
            f"{METRICS[key].words} drift": lambda w, k=key: _drift(w, k)  # type: ignore[misc]
            for key in ("cadence_spm", "lean_deg")
        },
        "shoes": lambda w: (
            " ".join(f"{signs[name]}{n}" for name, n in sorted(w.shoes.items(), reverse=True))
            or "–"
        ),
    }
    rows = [tuple(column(week) for column in columns.values()) for week in found.weeks]
    words = [
        "Ceiling: 1.10 times the longest run of the 30 days before"
        + (", in distance." if km else "; in steps or minutes where no distance is known.")
        + f" {texts.LOAD_STUDY}",
    ]
    names = [f"{sign} {name}" for name, sign in signs.items() if name]
    if names:
        words.append(f"Shoes: {', '.join(names)}; ? is not known.")
    words.append("Pain and drift: range or median, and of how many runs. " + _READING)
    made = table(
        "Week by week",
        tuple(columns),
        rows,
        key="week-table",
        numbers=range(1, len(columns) - 1),
        wide=True,
    )
    return [made, paragraphs(words)]


_READING: Final = (
    "– is not known or not noted, never 0. What stands in a line went together; what came of what"
    " it cannot say."
)


def _range(found: Range) -> str:
    return found.words().replace("-", "–").replace("(", " (") if found.n else "–"


def _drift(week: Week, key: str) -> str:
    found = week.drift[key]
    return found.words(METRICS[key].digits).replace("(", " (") if found.n else "–"


def _strength_words(found: Beside) -> list[str]:
    if not found.strength:
        return ["Strength sessions: none noted, which is not the same as none done."]
    kinds: dict[str, int] = {}
    for one in found.strength:
        kinds[one.what] = kinds.get(one.what, 0) + 1
    minutes = [one.minutes for one in found.strength if one.minutes is not None]
    words = ", ".join(f"{what.replace('-', ' ')} {n}" for what, n in sorted(kinds.items()))
    n = len(found.strength)
    told = f"Strength sessions noted: {n} ({words})"
    if minutes:
        told += f"; {math.fsum(minutes):.0f} min in {len(minutes)} of them"
    return [f"{told}."]


def _shoes(found: Beside) -> Content:
    if not found.contrasts:
        return None
    rows = [
        (
            f"{one.shoe} less {one.other}",
            one.metric.words,
            _amount(one),
            f"{one.runs[0]} and {one.runs[1]}, {one.rounds} rounds",
            one.why if one.verdict == NOT_KNOWN else _told(one),
        )
        for one in found.contrasts
    ]
    heads = ("pairs", "measure", "difference ± 95 %", "runs", "")
    by_speed = any(one.alike == "speed" for one in found.contrasts)
    made = table("Pairs of shoes, on runs alike", heads, rows, key="shoe-table", wide=True)
    return [made, paragraphs(texts.shoes(by_speed=by_speed))]


def _told(one: Contrast) -> str:
    return "a difference" if one.verdict == CHANGE else "no difference that can be told"


def _amount(one: Contrast) -> str:
    if not math.isfinite(one.difference):
        return "–"
    digits = one.metric.digits
    value = round(one.difference, digits) + 0.0
    return f"{value:+.{digits}f} ± {one.wide:.{digits}f} {one.metric.unit}"


def inside(day: date, runs: Sequence[Told]) -> bool:
    """Whether a day lies in those of the runs, or on the morning after the last."""
    if not runs:
        return False
    return runs[0].session.day <= day <= runs[-1].session.day + timedelta(days=1)


def beside(
    runs: Sequence[Told],
    every: Sequence[Told],
    uses: Mapping[str, Use],
    pains: Sequence[Pain],
    strength: Sequence[Strength],
) -> Beside:
    """``runs`` of the report beside the journal; pairs of shoes are compared over ``every`` run."""
    if not runs:
        return NOTHING
    last = runs[-1].session.day
    number = (back.monday(last) - back.monday(runs[0].session.day)).days // 7 + 1
    sessions = [run.session for run in every]
    weeks = back.weeks(runs, sessions, strength, last, min(number, back.WEEKS_MOST))
    return Beside(
        runs=runs,
        pains=[one for one in pains if inside(one.date, runs)],
        strength=[one for one in strength if inside(one.date, runs)],
        weeks=weeks,
        uses=uses,
        contrasts=shoes.compare(every),
    )
