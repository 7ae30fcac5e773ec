"""Where a programme stands, by the runs that were made under it; and what the next run is.

Every run file says which session it was (``coach.programme*`` in its configuration). Whether it
was long enough, and what came of it, is read from its tables, so a power cut at the end of a
session loses nothing: that run is booked in the next boot. No clock: the time now is handed in.
No numpy.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import fmean, median
from typing import Any, Final

import msgspec

from gaitpi.coach import detect
from gaitpi.coach.programme import MINUTE_S, Part, Plan, cued, percent, whole
from gaitpi.coach.targets import Own
from gaitpi.coach.usual import comparable
from gaitpi.config import CoachConfig, Config, build
from gaitpi.errors import ConfigError, RunFileError
from gaitpi.prescription import Prescription, clamp
from gaitpi.programmefile import Done, Journal, Record, Skipped, Started, Stopped
from gaitpi.review.ledger import entries, response
from gaitpi.review.quality import BELT_BAD
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import RUNNING, SecondRow, StepRow
from gaitpi.runs.schema import SUFFIX
from gaitpi.targetfile import CLOCK_SET_S

STEP_MIN_S: Final = 0.2
STEP_MAX_S: Final = 0.6
"""Step times of running, s: a missed contact gives one of double length."""
SURE: Final = 1.96
"""Standard deviations of a 95 % interval."""
CUED_LEAST: Final = 0.5
"""The change with cues is that of the last session with at least this share of minutes cued (of
those with most, where none has that many): in a later one there is hardly a cue any more."""
WEEK_S: Final = 7 * 86_400.0


# A run in numbers.


def coached(seconds: Iterable[SecondRow], warmup_s: float) -> Iterator[tuple[SecondRow, int]]:
    """Running seconds after the warm-up, and the minute of coached running they lie in."""
    first_s, done = math.nan, 0
    for row in seconds:
        if row.activity != RUNNING:
            continue
        if math.isnan(first_s):
            first_s = row.time_s
        if row.time_s - first_s >= warmup_s:
            yield row, int(done // MINUTE_S)
            done += 1


def book(run: RunReader) -> Done | None:
    """What ``run`` was in its programme; None when it was in none.

    As it was coached: a trim changes nothing of it, whether made before it is booked or after.
    Raises RunFileError when its tables are damaged.
    """
    run = run.whole
    coach = coach_of(run.config)
    if coach is None or not coach.programme or not coach.programme_part:
        return None
    seconds = run.seconds()
    inside = list(coached(seconds, coach.warmup_s))
    end_s = run.totals().duration_s
    found = entries(run.cues(), run.withheld(), seconds, end_s)
    answers = response(found)
    spm, sd, strides = _mean_cadence(run.steps(), {int(row.time_s) for row, _ in inside})
    leans = [row.lean_deg for row, _ in inside if _lean_known(coach, row)]
    known = [
        (with_cues(coach, minute), state)
        for row, minute in inside
        if planned(coach, minute) and (state := in_band(coach, row)) is not None
    ]
    return Done(
        wall_s=run.started.timestamp(),
        id=coach.programme,
        run_id=run.run_id,
        part=coach.programme_part,
        number=coach.programme_number,
        share=coach.programme_share if coach.programme_part == "session" else 0.0,
        minutes=coach.programme_minutes,
        coached_s=float(len(inside)),
        cued_s=float(sum(with_cues(coach, minute) for _, minute in inside)),
        cues=answers.cues,
        answered=answers.answered,
        judged=answers.judged,
        recoveries=tuple(
            round(e.after.seconds, 1)
            for e in found
            if not e.withheld and math.isfinite(e.after.seconds)
        ),
        cued_in=sum(state for cue, state in known if cue),
        cued_known=sum(cue for cue, _ in known),
        free_in=sum(state for cue, state in known if not cue),
        free_known=sum(not cue for cue, _ in known),
        cadence_spm=spm,
        cadence_sd_spm=sd,
        strides=strides,
        lean_deg=fmean(leans) if leans else None,
    )  # fmt: skip


def coach_of(config: Mapping[str, Any]) -> CoachConfig | None:
    """The coach's part of a stored configuration; None when this version cannot read it."""
    try:
        return msgspec.convert(config, Config).coach
    except msgspec.MsgspecError:
        return None


def planned(coach: CoachConfig, minute: int) -> bool:
    """Whether that minute lies in the session: what comes after it is no part of it."""
    return coach.programme_part != "session" or minute < coach.programme_minutes


def with_cues(coach: CoachConfig, minute: int) -> bool:
    """Whether that minute of coached running is with cues."""
    if coach.programme_part != "session" or minute >= coach.programme_minutes:
        return False
    return cued(minute, coach.programme_share)


def _lean_known(coach: CoachConfig, row: SecondRow) -> bool:
    """Whether the lean of a second is known as the usual one was measured, on a belt that sat."""
    # 0: it ceased to be known at the end of that second
    alike = row.lean_from == 0 or comparable(row.lean_from, coach.usual_lean_from)
    return alike and math.isfinite(row.lean_deg) and row.belt not in BELT_BAD


def in_band(coach: CoachConfig, row: SecondRow) -> bool | None:
    """Whether a second lies in the band of the focus; None while that is not known."""
    if coach.focus == "lean":
        if coach.usual_lean_deg is None or not _lean_known(coach, row):
            return None
        return abs(row.lean_deg - coach.usual_lean_deg) <= coach.lean_band_deg
    if coach.target_spm is None or not math.isfinite(row.cadence_spm):
        return None
    target_spm = row.target_spm if row.target_spm > 0.0 else coach.target_spm
    return row.cadence_spm >= target_spm * (1.0 - coach.band_low)


def _mean_cadence(
    steps: Sequence[StepRow], seconds: set[int]
) -> tuple[float | None, float | None, int]:
    """Mean cadence of coached running, its standard uncertainty, spm, and how many strides.

    The noise is the runner's own, long-range correlated (:mod:`gaitpi.coach.detect`).
    """
    strides: list[float] = []
    half: float | None = None
    noise = detect.CADENCE_SD
    for step in steps:
        running = step.activity == RUNNING and STEP_MIN_S <= step.step_s <= STEP_MAX_S
        if not (running and math.isfinite(step.ic_s) and int(step.ic_s) in seconds):
            half = None
            continue
        if half is None:
            half = step.step_s
            continue
        strides.append(half + step.step_s)
        half = None
        last = strides[-2 * detect.BLOCK :]
        relative = [stride / last[0] for stride in last]
        noise = detect.update_noise(noise, relative, detect.CADENCE_SD)
    if not strides:
        return None, None, 0
    spm = 120.0 / fmean(strides)
    return spm, spm * detect.mean_sd(noise, len(strides)), len(strides)


def collect(
    directory: Path, journal: Journal, *, simulated: bool = False
) -> tuple[tuple[Done, ...], tuple[str, ...]]:
    """Runs of programmes, oldest first, and the ids of files that could not be read.

    What the journal already has of a run is not read again. So a run that may be going on
    (:attr:`RunReader.going_on`) is left out until it has ended, or until another boot.
    """
    kept = {record.run_id: record for record in journal.records if isinstance(record, Done)}
    found, unreadable = dict(kept), []
    started = any(isinstance(record, Started) for record in journal.records)
    for path in sorted(directory.glob(f"*{SUFFIX}")) if started else ():
        run_id = path.name.removesuffix(SUFFIX)
        if run_id in kept:
            continue
        try:
            with RunReader(path) as run:
                # one that goes on is whole only when it has ended, or in another boot
                done = book(run) if run.virtual == simulated and not run.going_on else None
        except RunFileError:
            unreadable.append(run_id)
            continue
        if done is not None:
            found[done.run_id] = done
    runs = sorted(found.values(), key=lambda done: (done.wall_s, done.run_id))
    return tuple(runs), tuple(unreadable)


# Where it stands.


@dataclass(frozen=True, slots=True)
class Next:
    """What the next run is: ``part`` "" = an ordinary run, cued by the coach's own settings.

    ``why`` says so in words.
    """

    part: Part | str
    number: int = 0
    share: float = 1.0
    minutes: float = 0.0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """A programme as it stands: ``running`` False once it was stopped.

    ``done`` the runs that count, oldest first; ``short`` those of a session or test that were too
    short; ``again`` those of one that had counted already; ``skipped`` (part, number).
    """

    started: Started
    running: bool
    done: tuple[Done, ...]
    short: tuple[Done, ...]
    again: tuple[Done, ...]
    skipped: frozenset[tuple[str, int]]

    @property
    def plan(self) -> Plan:
        """The plan that was started."""
        return self.started.plan

    @property
    def sessions(self) -> tuple[Done, ...]:
        """The sessions that count."""
        return tuple(done for done in self.done if done.part == "session")

    def settled(self, part: Part, number: int) -> bool:
        """Whether it was run or skipped."""
        ran = any((done.part, done.number) == (part, number) for done in self.done)
        return ran or (part, number) in self.skipped


def standing(journal: Journal, runs: Sequence[Done]) -> Standing | None:
    """The programme started last, stopped or not; None when there was none."""
    started, running = None, False
    for record in journal.records:
        if isinstance(record, Started):
            started, running = record, True
        elif isinstance(record, Stopped):
            running = False
    if started is None:
        return None
    done, short, again = list[Done](), list[Done](), list[Done]()
    seen = set[tuple[str, int]]()
    for run in runs:
        if run.id != started.id or run.part == "rest":
            continue
        if not run.enough:
            short.append(run)
        elif (run.part, run.number) in seen:
            again.append(run)
        else:
            seen.add((run.part, run.number))
            done.append(run)
    skipped = frozenset(
        (record.part, record.number)
        for record in journal.records
        if isinstance(record, Skipped) and record.id == started.id
    )
    kinds = tuple(done), tuple(short), tuple(again)
    return Standing(started, running, *kinds, skipped)


def local_day(wall_s: float) -> date | None:
    """The local day; None when the clock had never been set."""
    if wall_s < CLOCK_SET_S:
        return None
    try:
        return datetime.fromtimestamp(wall_s).astimezone().date()
    except (OverflowError, ValueError, OSError):
        return None


def upcoming(now: Standing) -> tuple[Part, int] | None:
    """The session or test that is next, whether it may be run today or not; None at the end."""
    parts: tuple[tuple[Part, int], ...] = (
        ("session", len(now.plan.sessions)),
        ("test", len(now.plan.tests)),
    )
    for part, count in parts:
        for number in range(1, count + 1):
            if not now.settled(part, number):
                return part, number
    return None


def due(now: Standing, now_s: float) -> Next:
    """What a run started now is. Without a clock every session may be run, no later test."""
    plan, today = now.plan, local_day(now_s)
    of = len(plan.sessions)
    coming = upcoming(now)
    if coming is None:
        return Next("", why="the programme is over")
    part, number = coming
    same = [done for done in now.done if today is not None and local_day(done.wall_s) == today]
    if len(same) >= plan.per_day:
        what = "session" if same[-1].part == "session" else "silent test"
        per = f"{plan.per_day} a day" if plan.per_day > 1 else "one a day"
        return Next("rest", why=f"today's {what} is done, and there is {per}")
    if part == "session":
        session = plan.sessions[number - 1]
        why = f"session {number} of {of}: {percent(session.share)} of {session.minutes:.0f} min"
        return Next("session", number, session.share, session.minutes, f"{why} with cues")
    test = plan.tests[number - 1]
    last = max((done.wall_s for done in now.sessions), default=now.started.wall_s)
    begins = local_day(last)
    begins = None if begins is None else begins + timedelta(days=test.after_days)
    ready = test.after_days <= 1 if today is None or begins is None else today >= begins
    if ready:
        return Next("test", number, 0.0, test.minutes, f"silent test {number}: no cues at all")
    when = f"from {begins:%Y-%m-%d} on" if begins is not None else "once the clock is set"
    return Next("rest", why=f"silent until test {number}, {when}: it shows what is kept by itself")


# What the coach is given.


@dataclass(frozen=True, slots=True)
class Laid:
    """The configuration of the next run, what was brought down for it, and what is wrong."""

    config: Config
    next: Next
    clamped: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def lay(
    config: Config,
    now: Standing | None,
    prescribed: Prescription | None,
    now_s: float,
    problems: tuple[str, ...] = (),
) -> Laid:
    """``config`` with programme and prescription laid over it. Never more cues than either allows.

    Under a prescription with sessions there are cues in those sessions only.
    """
    config, clamped = clamp(config, prescribed)
    running = now if now is not None and now.running else None
    coming = _coming(running, prescribed, now_s)
    coach = config.coach
    to_hold = coming.part in ("session", "test")
    if running is not None and to_hold and not has_target(coach, running.plan.focus):
        words = f"The programme waits: there is no {running.plan.focus} target. 'gaitpi target'"
        problems = (*problems, f"{words} shows how to get one.")
        running, coming = None, Next("", why="without a target no session can be run")
    values: dict[str, Any] = {
        "programme": running.started.id if running is not None and coming.part else "",
        "programme_part": coming.part,
        "programme_number": coming.number,
        "programme_of": len(running.plan.sessions) if running is not None and coming.part else 0,
        "programme_minutes": coming.minutes,
    }
    if coming.part == "session":
        values["programme_share"] = min(coach.programme_share, coming.share)
    if prescribed is None and running is not None and coming.part:
        values["focus"] = running.plan.focus
        if coach.focus != running.plan.focus:
            clamped = (f"coach.focus {coach.focus} -> {running.plan.focus} (the programme's)",)
    data = msgspec.to_builtins(config)
    data["coach"].update(values)
    try:
        return Laid(build(data, "the programme"), coming, clamped, problems)
    except ConfigError as error:
        data["coach"]["enabled"] = False
        said = f"The programme cannot be run, so there are no cues: {error.found}"
        return Laid(msgspec.convert(data, Config), coming, clamped, (*problems, said))


def has_target(coach: CoachConfig, focus: str) -> bool:
    """Whether there is something to hold that focus to."""
    return (coach.target_spm if focus == "cadence" else coach.usual_lean_deg) is not None


def _coming(running: Standing | None, prescribed: Prescription | None, now_s: float) -> Next:
    """What the next run is, by the programme and, where there is one, the prescription."""
    coming = Next("", why="no programme is running") if running is None else due(running, now_s)
    if prescribed is None:
        return coming
    start = f"'gaitpi program start {prescribed.focus}' runs the prescribed one"
    if prescribed.plan is None:
        if running is not None and coming.part and running.plan.focus != prescribed.focus:
            return Next("rest", why=f"the programme is of another focus: {start}")
        return coming
    # its sessions are all the cues there are: no other programme, none before, none after
    if running is None or running.started.id != prescribed.id:
        return Next("rest", why=f"{start}; without it there are no cues")
    if not coming.part:
        return Next("rest", why=f"the prescribed sessions are over until {prescribed.expires}")
    return coming


def new_bookings(journal: Journal, runs: Sequence[Done]) -> list[Record]:
    """Runs the journal does not have yet."""
    kept = {record.run_id for record in journal.records if isinstance(record, Done)}
    return [run for run in runs if run.run_id not in kept]


# What came of it.


@dataclass(frozen=True, slots=True)
class Adherence:
    """A programme in numbers; NaN where not known.

    ``cued_min`` minutes with cues that were run; ``in_cued`` and ``in_free`` the shares of known
    seconds in band in minutes with cues and without, in the sessions that count.
    """

    sessions: int
    planned: int
    skipped: int
    weekly: float
    cued_min: float
    cued_planned_min: float
    coached_min: float
    cues: int
    answered: int
    judged: int
    response: float
    recovery_s: float
    in_cued: float
    in_free: float


def adherence(now: Standing) -> Adherence:
    """How the sessions went that count."""
    runs = now.sessions
    judged = sum(run.judged for run in runs)
    answered = sum(run.answered for run in runs)
    recoveries = [seconds for run in runs for seconds in run.recoveries]
    days = sorted(run.wall_s for run in runs if run.wall_s >= CLOCK_SET_S)
    weeks = (days[-1] - days[0]) / WEEK_S if len(days) > 1 else 0.0
    return Adherence(
        sessions=len(runs),
        planned=len(now.plan.sessions),
        skipped=sum(part == "session" for part, _ in now.skipped),
        weekly=(len(days) - 1) / weeks if weeks > 0 else math.nan,
        cued_min=sum(run.cued_s for run in runs) / MINUTE_S,
        cued_planned_min=float(now.plan.cued_minutes),
        coached_min=sum(run.coached_s for run in runs) / MINUTE_S,
        cues=sum(run.cues for run in runs),
        answered=answered,
        judged=judged,
        response=answered / judged if judged else math.nan,
        recovery_s=median(recoveries) if recoveries else math.nan,
        in_cued=_share(sum(run.cued_in for run in runs), sum(run.cued_known for run in runs)),
        in_free=_share(sum(run.free_in for run in runs), sum(run.free_known for run in runs)),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


@dataclass(frozen=True, slots=True)
class Retention:
    """What a silent test shows. NaN where not known.

    ``change_test`` and ``change_cued`` in spm against the own cadence before, in the test and in
    the last session with cues (``session``); ``kept`` their ratio, with a 95 % interval ``low`` to
    ``high``; ``in_band`` of the test. ``why`` says what cannot be told.
    """

    test: int
    session: int
    change_test: float
    change_sd: float
    change_cued: float
    kept: float
    low: float
    high: float
    in_band: float
    why: str = ""


def retention(now: Standing, number: int) -> Retention | None:
    """The verdict of silent test ``number``; None when it was not run."""
    test = next((d for d in now.done if (d.part, d.number) == ("test", number)), None)
    if test is None:
        return None
    inside = _share(test.free_in, test.free_known)

    def cannot(why: str, session: int = 0) -> Retention:
        nothing = (math.nan,) * 6
        return Retention(number, session, *nothing, in_band=inside, why=why)

    if now.plan.focus == "lean":
        return cannot("lean is held to your usual: what is kept is the time in band")
    if now.started.own is None or now.started.own_sd is None:
        return cannot("your own cadence before the programme is not known")
    if test.cadence_spm is None or test.cadence_sd_spm is None:
        return cannot("too few minutes to say")
    with_cues = [run for run in now.sessions if run.share > 0 and run.cadence_spm]
    own, own_sd = now.started.own, now.started.own_sd
    change, change_sd = test.cadence_spm - own, math.hypot(test.cadence_sd_spm, own_sd)
    if not with_cues:
        return Retention(
            number, 0, change, change_sd, *(math.nan,) * 4, inside, "no session with cues counts"
        )
    last = max(with_cues, key=lambda run: (min(run.share, CUED_LEAST), run.number))
    assert last.cadence_spm is not None
    cued_spm = last.cadence_spm - own
    sds = test.cadence_sd_spm, last.cadence_sd_spm or 0.0, own_sd
    kept, low, high = ratio(change, cued_spm, *sds)
    why = "" if math.isfinite(kept) else "the change with cues is too small to say what is kept"
    return Retention(number, last.number, change, change_sd, cued_spm, kept, low, high, inside, why)


def own_sd(own: Own) -> float:
    """Standard uncertainty of the own cadence, spm, with the long-range noise of a runner in it.

    Windows of half a minute, of which ``error_spm`` is made, do not show that noise.
    """
    strides = max(1, round(own.steady_s * own.cadence_spm / 120.0))
    return max(own.error_spm, own.cadence_spm * detect.mean_sd(detect.CADENCE_SD, strides))


def ratio(
    change: float, cued_change: float, test_sd: float, cued_sd: float, own_sd: float
) -> tuple[float, float, float]:
    """The share kept and its 95 % interval; NaN where the change with cues is not sure.

    Fieller's interval (1954, J R Stat Soc B 16:175): both changes share the uncertainty of the own
    cadence they are counted from.
    """
    shared = own_sd * own_sd
    top, bottom = test_sd * test_sd + shared, cued_sd * cued_sd + shared
    z = SURE * SURE
    a = cued_change * cued_change - z * bottom
    if a <= 0.0 or cued_change <= 0.0:
        return (math.nan,) * 3
    b = change * cued_change - z * shared
    c = change * change - z * top
    root = math.sqrt(max(0.0, b * b - a * c))
    return change / cued_change, (b - root) / a, (b + root) / a


def retention_words(found: Retention) -> str:
    """The verdict in a sentence."""
    inside = "" if math.isnan(found.in_band) else f"; in band {whole(found.in_band)} of it"
    if math.isnan(found.change_test):
        return f"{found.why}{inside}"
    change = f"{found.change_test:+.1f} ±{SURE * found.change_sd:.1f} spm against your own"
    if math.isnan(found.kept):
        return f"{found.why}; {change}{inside}"
    if found.low <= 0.0:
        return (
            f"no change is left for sure: {change}, {found.change_cued:+.1f} in session "
            f"{found.session} with cues (kept {100.0 * found.low:.0f} to {whole(found.high)})"
            f"{inside}"
        )
    return (
        f"kept {whole(found.kept)} of the change without cues "
        f"({100.0 * found.low:.0f} to {whole(found.high)}): "
        f"{change}, {found.change_cued:+.1f} in session {found.session} with cues{inside}"
    )
