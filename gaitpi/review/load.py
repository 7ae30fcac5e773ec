"""How long the next run may be: the ceiling of a single run, by the runs of the last 30 days.

A run more than 10 % longer than the longest of the 30 days before went with more injuries among
5,205 runners with 588,071 runs; the ratio of weeks, acute to chronic or one to the next, did not
predict (Frandsen et al. 2025, Br J Sports Med, doi 10.1136/bjsports-2024-109380). So there is one
number here, and none about weeks. The study is about distance: where that is not known the same
rule is laid on steps and minutes, which is a stand-in and is said. Pure but for :func:`gather`
and :func:`today`. No numpy.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from gaitpi import editfile
from gaitpi.errors import GaitpiError
from gaitpi.hostclock import CLOCK_SET_S
from gaitpi.journal import texts
from gaitpi.review.form import Form, exposure, read
from gaitpi.review.history import NEWEST, SEASON, History, history
from gaitpi.review.outside import imported
from gaitpi.runs.reader import RunReader
from gaitpi.runs.schema import SUFFIX
from gaitpi.runs.view import cut, edits_of, opened

FACTOR: Final = 1.10
DAYS: Final = 30
"""Calendar days before the day it is asked for, and that day itself: a run of 30 days ago counts,
one of 31 does not."""

By = Literal["distance", "steps", ""]


@dataclass(frozen=True, slots=True)
class Session:
    """A run as the ceiling counts it: its running alone, as it was trimmed.

    ``started`` local time where it was run; ``distance_m`` NaN unless it is known for all of the
    run, and then ``source`` says by what.
    """

    run_id: str
    started: datetime
    running_s: float
    steps: int
    distance_m: float = math.nan
    source: str = ""

    @property
    def day(self) -> date:
        """The day it began, by the clock of the place."""
        return self.started.date()

    @property
    def dated(self) -> bool:
        """False when the clock had never been set."""
        return self.started.timestamp() >= CLOCK_SET_S


class Limit(NamedTuple):
    """A ceiling: ``most`` of the next run, and the longest run it comes from."""

    most: float
    of: Session


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What the next run may be, by the runs of the 30 days up to ``day``.

    ``by`` "distance" where that can be told, "steps" (then ``steps`` and ``minutes_s`` both hold),
    "" = no ceiling. ``distance_m``, ``steps`` and ``minutes_s`` (running, s) are None where not
    known. ``runs`` of the 30 days, ``known`` of these with a distance; ``longer`` those without one
    that were longer in steps or time than the longest that has one; ``since`` the day of the
    runner's first run; ``doubts`` about clocks, in words.
    """

    day: date
    by: By = ""
    distance_m: Limit | None = None
    steps: Limit | None = None
    minutes_s: Limit | None = None
    runs: int = 0
    known: int = 0
    longer: int = 0
    since: date | None = None
    doubts: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """One object: None where not known."""
        return {
            "day": self.day.isoformat(),
            "by": self.by or None,
            "factor": FACTOR,
            "days": DAYS,
            "runs": self.runs,
            "runs_with_distance": self.known,
            "first_run": self.since.isoformat() if self.since else None,
            "distance_m": _limit_json(self.distance_m, "distance_m"),
            "steps": _limit_json(self.steps, "steps"),
            "running_s": _limit_json(self.minutes_s, "running_s"),
            "doubts": list(self.doubts),
        }


def _limit_json(found: Limit | None, name: str) -> dict[str, Any] | None:
    if found is None:
        return None
    of = found.of
    return {
        "ceiling": found.most,
        "longest": getattr(of, name),
        "run": of.run_id,
        "date": of.day.isoformat(),
        "source": of.source or None,
    }


def ceiling(sessions: Iterable[Session], day: date, *, clock_set: bool = True) -> Ceiling:
    """The ceiling of a run on ``day``, by all ``sessions``, in any order.

    Runs of that day count: the next is another one. A run dated after it, or by a clock that had
    never been set, is left out and said. Where the clock that gave ``day`` has not been set
    (``clock_set``) the day of the newest run takes its place.
    """
    found = sorted(sessions, key=lambda s: (s.started.timestamp(), s.run_id))
    dated = [s for s in found if s.dated and s.steps > 0]
    doubts = []
    if undated := sum(not s.dated for s in found):
        doubts.append(f"{_runs(undated)} of a clock that had never been set left out")
    if not clock_set:
        doubts.append("the clock has not been set: reckoned up to the newest run")
        day = max((s.day for s in dated), default=day)
    if later := sum(s.day > day for s in dated):
        doubts.append(f"{_runs(later)} dated after today left out: look at the clock")
    past = [s for s in dated if s.day <= day]
    inside = [s for s in past if (day - s.day).days <= DAYS]
    since = past[0].day if past else None
    bare = Ceiling(day, since=since, doubts=tuple(doubts))
    if not inside:
        return bare
    known = [s for s in inside if math.isfinite(s.distance_m) and s.distance_m > 0.0]
    steps, minutes = _limit(inside, _steps), _limit(inside, _time)
    # the longest by distance may hide behind a run that has none
    far = _limit(known, _distance) if known else None
    longer = sum(s not in known and far is not None and _longer(s, far.of) for s in inside)
    by: By = "distance" if far is not None and not longer else "steps"
    return replace(
        bare,
        by=by,
        distance_m=far if by == "distance" else None,
        steps=steps,
        minutes_s=minutes,
        runs=len(inside),
        known=len(known),
        longer=longer,
    )


def _longer(one: Session, other: Session) -> bool:
    return one.steps > other.steps or one.running_s > other.running_s


def _steps(s: Session) -> float:
    return float(s.steps)


def _time(s: Session) -> float:
    return s.running_s


def _distance(s: Session) -> float:
    return s.distance_m


def _limit(sessions: Sequence[Session], value: Callable[[Session], float]) -> Limit:
    # of two alike the newer: it is in force longer
    longest = max(sessions, key=lambda s: (value(s), s.started.timestamp()))
    return Limit(FACTOR * value(longest), longest)


def _runs(n: int) -> str:
    return f"{n} run{'s' * (n != 1)}"


class Use(NamedTuple):
    """How much of its ceiling a run was: ``share`` NaN where there was none; ``by`` what."""

    share: float = math.nan
    by: By = ""


def use(session: Session, before: Ceiling) -> Use:
    """``session`` over the ceiling there was before it.

    By distance where both have one; else by steps or by time, whichever was more of its ceiling.
    """
    if before.by == "distance" and before.distance_m and math.isfinite(session.distance_m):
        return Use(session.distance_m / before.distance_m.most, "distance")
    if before.steps is None or before.minutes_s is None:
        return Use()
    shares = [session.steps / before.steps.most]
    if before.minutes_s.most > 0.0:  # some steps may be within no second of running
        shares.append(session.running_s / before.minutes_s.most)
    return Use(max(shares), "steps")


def uses(sessions: Iterable[Session]) -> dict[str, Use]:
    """Of each run, by id, how much of the ceiling of its day it was, by the runs before it.

    Not known of a run that nobody's clock dated.
    """
    found = sorted(sessions, key=lambda s: (s.started.timestamp(), s.run_id))
    made: dict[str, Use] = {}
    dated: list[Session] = []
    for session in found:
        if not session.dated:
            made[session.run_id] = Use()
            continue
        recent = [s for s in dated if (session.day - s.day).days <= DAYS]
        made[session.run_id] = use(session, ceiling(recent, session.day))
        dated.append(session)
    return made


def today() -> tuple[date, bool]:
    """Today by this machine's clock, and whether that has ever been set."""
    wall_s = time.time()
    return date.fromtimestamp(wall_s), wall_s >= CLOCK_SET_S


# From run files.


@dataclass(frozen=True, slots=True)
class Gathered:
    """The runs of a folder, oldest first.

    ``forms`` of them, newest first (a run that was split has one, and a session a part);
    ``problems`` what is wrong with a file, by id; ``whole`` False when older runs of the 30 days
    were not read; ``simulated`` where there are no real ones; ``others`` how many older runs were
    not read.
    """

    sessions: tuple[Session, ...]
    forms: tuple[Form, ...]
    problems: Mapping[str, str]
    whole: bool
    simulated: bool
    others: int = 0


def gather(
    directory: Path,
    *,
    but: str = "",
    newest: int = NEWEST,
    known: History | None = None,
    since: date | None = None,
) -> Gathered:
    """The sessions of a folder, without the run ``but``: that which is going on.

    The ``newest`` runs, and more where 30 days have more, or where those ``since`` a day and of the
    30 days before it are not among them. Simulated ones count only where nobody ran; a file that
    cannot be read is named and left out. ``known`` the history of the folder where it has been
    read.
    """
    found = known or history(directory, newest=newest)
    if found.others and newest < SEASON and _within(found.forms):
        found = history(directory, newest=SEASON)
    while since is not None and found.others and _reach(found.forms, since):
        newest = 2 * max(newest, SEASON)
        found = history(directory, newest=newest)
    forms = [f for f in found.forms if f.run_id != but]
    real = [f for f in forms if not f.virtual]
    kept = real or forms
    sessions = [s for f in kept for s in _sessions(directory, f)]
    sessions.sort(key=lambda s: (s.started.timestamp(), s.run_id))
    whole = not (found.others and _within(found.forms))
    simulated = bool(kept) and not real
    return Gathered(tuple(sessions), tuple(kept), found.problems, whole, simulated, found.others)


def _reach(forms: Sequence[Form], since: date) -> bool:
    """Whether all of these are of the days since, or count for the ceiling of its first run."""
    return not forms or (since - forms[-1].started.date()).days <= DAYS


def _within(forms: Sequence[Form]) -> bool:
    """Whether all of these, newest first, began within the days that count."""
    return bool(forms) and (forms[0].started.date() - forms[-1].started.date()).days <= DAYS


def _sessions(directory: Path, form: Form) -> list[Session]:
    """A run, or the parts of one that was split."""
    path = directory / f"{form.run_id}{SUFFIX}"
    parts = 0
    if editfile.path_of(path).exists():
        with contextlib.suppress(GaitpiError), RunReader(path) as whole:
            # cuts are times of the recording, of which the form may have a piece alone
            parts = len(cut(edits_of(path), whole.totals().duration_s).parts)
    if not parts:
        metres, source = distance(form)
        steps = form.running_steps
        return [Session(form.run_id, form.started, form.running_s, steps, metres, source)]
    made = []
    for part in range(1, parts + 1):
        try:
            with opened(path, part) as run:
                of = read(run, imported(path)).form
        except GaitpiError:  # it was edited just now, or is damaged: then it was no session
            continue
        metres, source = distance(of)
        name, steps = f"{form.run_id}.{part}", of.running_steps
        made.append(Session(name, of.started, of.running_s, steps, metres, source))
    return made


def distance(form: Form) -> tuple[float, str]:
    """Distance of a run, m (NaN where not known for all of it), and by what it is known."""
    metres = exposure(form).distance_m
    return metres, _FROM.get(form.facts.distance_from, "") if math.isfinite(metres) else ""


_FROM: Final = {"pod": "foot pod", "imported": "imported"}


# In words.


def short(found: Ceiling) -> str:
    """The ceiling in one line of at most 69 signs."""
    if found.distance_m is not None:
        far = found.distance_m
        longest = f"{_km(far.of.distance_m)} on {_day(far.of.day)}"
        return f"next run at most {_km(far.most)} ({FACTOR:.2f} x {longest})"
    if found.steps is None or found.minutes_s is None:
        return f"no run in {DAYS} days: no ceiling"
    many = f"{_steps_words(found.steps.most)}, {_minutes(found.minutes_s.most)}"
    return f"next run at most {many} (no distance known)"


def lines(found: Ceiling) -> list[str]:
    """The ceiling and what it rests on, a line each (longer ones are wrapped by the caller)."""
    made = []
    if found.distance_m is not None:
        far = found.distance_m
        how = f" ({far.of.source})" if far.of.source else ""
        made.append(
            f"longest run in {DAYS} days  {_km(far.of.distance_m)} on {_day(far.of.day)}{how}"
        )
        made.append(f"ceiling of the next run {_km(far.most)} (x {FACTOR:.2f})")
    elif found.steps is not None and found.minutes_s is not None:
        steps, minutes = found.steps, found.minutes_s
        longest = f"{_steps_words(steps.of.steps)} on {_day(steps.of.day)}"
        if minutes.of is steps.of:
            longest = f"{_steps_words(steps.of.steps)}, {_minutes(minutes.of.running_s)} on "
            longest += _day(steps.of.day)
        else:
            longest += f"; {_minutes(minutes.of.running_s)} on {_day(minutes.of.day)}"
        made.append(f"longest run in {DAYS} days  {longest}")
        most = f"{_steps_words(steps.most, 'steps')} or {_minutes(minutes.most)}"
        made.append(f"ceiling of the next run {most} of running (x {FACTOR:.2f})")
    return made


def said(found: Ceiling, of: Gathered | None = None) -> list[str]:
    """What has to be said beside the ceiling: what is not known first, then the study."""
    made = []
    if not found.by:
        if found.since is None:
            made.append(texts.LOAD_FIRST)
        else:
            made.append(f"No run in {DAYS} days: no ceiling. {texts.LOAD_BREAK}")
    if found.by == "steps":
        made.append(texts.LOAD_STAND_IN)
        if found.longer:
            made.append(
                f"{_runs(found.longer)} without a distance may have been longer than the longest"
                " that has one. 'gaitpi import' brings the distance of a watch."
            )
        elif not found.known:
            made.append(texts.LOAD_BRING)
    elif found.by == "distance" and found.known < found.runs:
        made.append(
            f"{found.known} of {_runs(found.runs)} have a distance; the others were shorter in"
            " steps and time."
        )
    if found.by and found.since is not None and (found.day - found.since).days < DAYS:
        days = (found.day - found.since).days
        made.append(
            f"Your runs go back {days} day{'s' * (days != 1)}, not {DAYS}: a ceiling of"
            f" {_runs(found.runs)}."
        )
    made += [f"{doubt[0].upper()}{doubt[1:]}." for doubt in found.doubts]
    if of is not None and of.simulated:
        made.append(texts.LOAD_SIMULATED)
    if of is not None and not of.whole:
        made.append("There are more runs in these days than are read: the longest may be missing.")
    return [*made, texts.LOAD_STUDY] if found.by else made


def _km(metres: float) -> str:
    return f"{metres / 1000.0:.1f} km"


def _steps_words(steps: float, what: str = "running steps") -> str:
    # rounded down: what is printed is no more than the ceiling
    return f"{math.floor(steps + 1e-6):,} {what}"


def _minutes(seconds: float) -> str:
    return f"{math.floor(seconds / 60.0 + 1e-6)} min"


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"
