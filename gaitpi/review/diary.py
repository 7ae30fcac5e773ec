"""Runs beside the journal: in which pair each was run, on what, and what pain was noted of it.

What was not noted is None, never 0. A morning belongs to the run of the day before it. Pure but
for :func:`gather`; no numpy.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from gaitpi import tagfile
from gaitpi.errors import GaitpiError, RunFileError
from gaitpi.hostclock import CLOCK_SET_S
from gaitpi.journal import store
from gaitpi.journal.entries import Pain, Strength
from gaitpi.journal.store import Journal
from gaitpi.review import load
from gaitpi.review.drift import Drift, drifts
from gaitpi.review.form import Form, read
from gaitpi.review.history import SEASON
from gaitpi.review.ledger import ledger, response
from gaitpi.review.load import Gathered, Session
from gaitpi.review.outside import imported
from gaitpi.runs.schema import SUFFIX
from gaitpi.runs.view import opened
from gaitpi.tagfile import Tags

SURFACES: Final = frozenset(
    {
        *("road", "asphalt", "concrete", "pavement", "track", "tartan", "trail", "gravel"),
        *("grass", "sand", "woodchip", "forest", "snow", "treadmill", "indoor"),
    }
)
"""Tags that say on what a run was run."""
DRIFT_KEYS: Final = ("cadence_spm", "lean_deg")


@dataclass(frozen=True, slots=True)
class Level:
    """The highest pain noted of a run, by moment; None = not noted. ``marks`` of the button."""

    before: int | None = None
    during: int | None = None
    morning: int | None = None
    marks: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """A run with all that is known of it.

    ``form`` None where it could not be read; ``shoe`` the name of the pair in words, "" = not
    known; ``surface`` the tags that say on what, joined, "" = none; ``drift`` by key of
    ``DRIFT_KEYS``; ``cues``, ``answered`` and ``judged`` of the coach, not known where it is
    ``unread``: its file could not be read for them.
    """

    session: Session
    form: Form | None = None
    shoe: str = ""
    surface: str = ""
    pain: Level = Level()
    drift: Mapping[str, Drift] = field(default_factory=dict)
    cues: int = 0
    answered: int = 0
    judged: int = 0
    unread: bool = False

    @property
    def speed_ms(self) -> float:
        """Mean speed of its running, NaN where neither that nor the distance is known."""
        if self.form is not None and math.isfinite(self.form.facts.speed_ms):
            return self.form.facts.speed_ms
        running_s = self.session.running_s
        return self.session.distance_m / running_s if running_s > 0.0 else math.nan


def levels(sessions: Sequence[Session], pains: Iterable[Pain]) -> dict[str, Level]:
    """What pain was noted of each run, by id, of several sites or times the highest.

    A pain that names a run is of that one, or of none where that is not among them. One that names
    none: before a run it is of the first of
    its day, during or after one of the last; of a morning it is of the last run of the day before.
    Where a day had two runs nobody can tell which of them a morning follows: it is of neither
    unless it names one. Days of a clock that was wrong are left out.
    """
    found: dict[str, dict[str, int]] = {}
    for pain, run, moment in _placed(sessions, pains):
        if run:
            of = found.setdefault(run, {})
            of[moment] = max(of.get(moment, 0), pain.level)
    return {
        run: Level(of.get("before"), of.get("during"), of.get("morning"))
        for run, of in found.items()
    }


def apart(
    sessions: Sequence[Session], pains: Iterable[Pain], since: date, until: date
) -> list[int]:
    """The levels noted from ``since`` to ``until`` that are of none of the runs.

    Those of a day that is not sure may be of other weeks: :func:`unsure` counts them.
    """
    return [
        pain.level
        for pain, run, _ in _placed(sessions, pains)
        if not run and pain.sure and since <= pain.date <= until
    ]


def unsure(sessions: Sequence[Session], journal: Journal, since: date, until: date) -> int:
    """How many pains and strength sessions may be of these days, but their day is not sure.

    Of a clock that had never been set all may.
    """
    found: list[Pain | Strength] = [p for p, run, _ in _placed(sessions, journal.pains) if not run]
    days = [one.date for one in (*found, *journal.strength) if not one.sure]
    never = date.fromtimestamp(CLOCK_SET_S)
    return sum(day < never or since <= day <= until for day in days)


def _placed(sessions: Sequence[Session], pains: Iterable[Pain]) -> Iterator[tuple[Pain, str, str]]:
    """Each pain with the id of its run and the moment; "" = none that can be told."""
    by_day: dict[date, list[Session]] = {}
    for session in sorted(sessions, key=lambda s: s.started.timestamp()):
        by_day.setdefault(session.day, []).append(session)
    names = [s.run_id for s in sorted(sessions, key=lambda s: s.started.timestamp())]
    for pain in pains:
        moment = {"after": "during"}.get(pain.moment, pain.moment)
        if not moment:
            yield pain, "", moment
        elif pain.run:
            yield pain, _named(names, pain.run, moment), moment
        else:
            yield pain, _run_of(by_day, pain, moment) if pain.sure else "", moment


def _named(names: Sequence[str], run: str, moment: str) -> str:
    """The run that a pain names; of one that was split its first or last part; "" where it is gone.

    It is never another of that day: the one it names may be damaged or was deleted.
    """
    if run in names:
        return run
    parts = [name for name in names if name.partition(".")[0] == run]
    return "" if not parts else parts[0 if moment == "before" else -1]


def _run_of(by_day: Mapping[date, Sequence[Session]], pain: Pain, moment: str) -> str:
    """The run that a pain of a day belongs to; "" = none that can be told."""
    if moment != "morning":
        runs = by_day.get(pain.date, ())
        return "" if not runs else runs[0 if moment == "before" else -1].run_id
    runs = by_day.get(pain.date - timedelta(days=1), ())
    files = {run.run_id.partition(".")[0] for run in runs}  # parts of one run are one run here
    return runs[-1].run_id if len(files) == 1 else ""


@dataclass(frozen=True, slots=True)
class Diary:
    """The runs of a folder since a day, oldest first, and the journal.

    ``found`` all that the folder has; ``problems`` what is wrong with a file, in words.
    """

    runs: tuple[Told, ...]
    journal: Journal
    found: Gathered
    problems: tuple[str, ...] = ()


def gather(
    directory: Path,
    since: date | None = None,
    *,
    but: str = "",
    newest: int = SEASON,
    whole: bool = True,
    reach: date | None = None,
    said: Callable[[str], None] = lambda _text: None,
) -> Diary:
    """Read the runs from ``since`` on, beside the journal. Raises JournalError, RunFileError.

    ``whole``: drifts, cues and marks too, for which every run file is read. What is wrong with one
    is ``said``. Without ``since`` the ``newest`` runs are read, and those since ``reach``:
    ``found.others`` says how many are not.
    """
    found = load.gather(directory, but=but, newest=newest, since=since or reach)
    journal = store.load(store.path_in(directory))
    try:
        tags = tagfile.load(tagfile.path_in(directory))
    except GaitpiError as error:
        said(str(error))
        tags = Tags()
    forms = {form.run_id: form for form in found.forms}
    pains = levels(found.sessions, journal.pains)
    runs = []
    for session in found.sessions:
        if since is not None and session.day < since:
            continue
        file_id = session.run_id.partition(".")[0]
        form = forms.get(session.run_id)
        if form is None and not whole:
            form = _form(directory, session.run_id, said)
        worn = journal.worn(file_id, session.started.timestamp()).shoe
        one = Told(
            session,
            form,
            worn.name if worn else "",
            "+".join(sorted(SURFACES & set(tags.of(file_id)))),
            pains.get(session.run_id, Level()),
        )
        runs.append(_whole(directory, one, said) if whole else one)
    problems = tuple(f"{run_id} is left out: {why}" for run_id, why in found.problems.items())
    return Diary(tuple(runs), journal, found, problems)


def _form(directory: Path, run_id: str, said: Callable[[str], None]) -> Form | None:
    """Of a part of a run that was split: the folder's forms are of whole runs."""
    name, _, part = run_id.partition(".")
    path = directory / f"{name}{SUFFIX}"
    try:
        with opened(path, int(part or "0")) as run:
            return read(run, imported(path)).form
    except RunFileError as error:
        said(str(error))
        return None


def _whole(directory: Path, one: Told, said: Callable[[str], None]) -> Told:
    """With what only the run file says."""
    name, _, part = one.session.run_id.partition(".")
    try:
        with opened(directory / f"{name}{SUFFIX}", int(part or "0")) as run:
            course = read(run, imported(directory / f"{name}{SUFFIX}"))
            answers = response(ledger(run))
            marks = sum(event.kind == "pain" for event in run.events())
    except RunFileError as error:
        said(str(error))
        return replace(one, unread=True)
    made = drifts(course)
    pain = one.pain
    return Told(
        one.session,
        one.form or course.form,
        one.shoe,
        one.surface,
        Level(pain.before, pain.during, pain.morning, marks),
        {key: made[key] for key in DRIFT_KEYS},
        answers.cues,
        answers.answered,
        answers.judged,
    )
