"""From run files to pages: which runs, and all that lies beside them. No numpy.

One damaged, foreign or truncated file never stops the rest.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from gaitpi import prescription, programmefile
from gaitpi.errors import GaitpiError, RunFileError
from gaitpi.hostclock import SystemClock
from gaitpi.prescription import Prescription
from gaitpi.review import diary, programme
from gaitpi.review.history import history
from gaitpi.review.load import uses
from gaitpi.review.programme import Standing
from gaitpi.review.report import backpart
from gaitpi.review.report.backpart import Beside
from gaitpi.review.report.data import read
from gaitpi.review.report.physio import RUNS, Dossier, Told, physio_page, told
from gaitpi.review.report.runpage import run_page
from gaitpi.runs.reader import RunReader, list_runs
from gaitpi.runs.schema import SUFFIX


@dataclass(frozen=True, slots=True)
class Chosen:
    """Runs of a report, oldest first; ``words`` how they were chosen; ``notes`` what was left out.

    ``damaged`` what is wrong with files that cannot be read, by id.
    """

    runs: Sequence[Told]
    words: str
    notes: Sequence[str] = ()
    damaged: Mapping[str, str] = field(default_factory=dict)


def one(path: Path, *, part: int = 0, untrimmed: bool = False) -> tuple[str, str]:
    """Name and page of a run, or of a ``part``. Raises RunFileError, UsageError for no part."""
    run = read(path, part=part, untrimmed=untrimmed)
    return run.name, run_page(run, history(path.parent).forms)


def named(paths: Iterable[Path]) -> Chosen:
    """These runs, each once."""
    runs, damaged = _read(dict.fromkeys(paths))
    kept = runs[-RUNS:]
    notes = [f"Only the newest {RUNS} of {len(runs)} runs are shown."] if len(runs) > RUNS else []
    return Chosen(kept, f"{_count(len(kept))}, chosen by name", notes, damaged)


def weeks(directory: Path, n: float) -> Chosen:
    """The runs of the last ``n`` weeks before the newest; real ones, if there is any such.

    By the clock of the runs, not of this machine, which may never have been set.
    """
    real: list[tuple[datetime, Path]] = []
    simulated: list[tuple[datetime, Path]] = []
    damaged, still = {}, 0
    for entry in list_runs(directory):
        if entry.started is None or entry.totals is None:
            damaged[entry.run_id] = entry.problem or "it cannot be read"
        elif not entry.totals.running_steps:
            still += 1
        else:
            try:
                with RunReader(entry.path) as run:
                    (simulated if run.virtual else real).append((entry.started, entry.path))
            except RunFileError as error:
                damaged[entry.run_id] = str(error)
    found = real or simulated
    if not found:
        return Chosen((), "", (), damaged)
    newest = max(started for started, _ in found)
    since = newest - timedelta(weeks=n)
    inside = [path for started, path in found if started >= since]
    notes = []
    if real and simulated:
        notes.append(f"{_count(len(simulated))} of a simulated runner left out.")
    if still:
        notes.append(f"{_count(still)} without running left out.")
    if len(inside) > RUNS:
        notes.append(f"Only the newest {RUNS} of {len(inside)} runs are shown.")
        inside = [path for _, path in sorted(found, reverse=True)[:RUNS]]
    runs, unreadable = _read(inside)
    words = f"{_count(len(runs))}, the last {n:g} weeks up to the newest"
    return Chosen(runs, words, notes, damaged | unreadable)


def _count(n: int) -> str:
    return f"{n} run{'s' * (n != 1)}"


def _read(paths: Iterable[Path]) -> tuple[list[Told], dict[str, str]]:
    """The runs, oldest first; of each only what is told is kept, however long it was."""
    runs, damaged = [], {}
    for path in paths:
        try:
            runs.append(told(read(path)))
        except RunFileError as error:
            damaged[path.name.removesuffix(SUFFIX)] = str(error)
    runs.sort(key=lambda run: (run.verdict.started.timestamp(), run.name))
    return runs, damaged


def beside(directory: Path, chosen: Chosen) -> Beside:
    """The journal of ``directory`` beside those of the chosen runs that lie in it."""
    try:
        first = min((run.verdict.started.date() for run in chosen.runs), default=None)
        found = diary.gather(directory, whole=False, reach=first)
    except GaitpiError as error:
        return Beside(problem=str(error))
    kept = {run.name: run for run in chosen.runs}
    runs = []
    for one in found.runs:
        name = one.session.run_id
        if told := kept.get(name):
            runs.append(_joined(one, told))
        elif name.partition(".")[0] in kept:
            runs.append(replace(one, unread=True))  # a part: the report has read the whole run
    shares = uses(found.found.sessions)
    return backpart.beside(runs, found.runs, shares, found.journal.pains, found.journal.strength)


def _joined(one: diary.Told, told: Told) -> diary.Told:
    """With what the report has read of the run file."""
    return replace(
        one,
        pain=replace(one.pain, marks=len(told.pains)),
        drift={key: told.drifts[key] for key in diary.DRIFT_KEYS if key in told.drifts},
        cues=told.verdict.cues,
        answered=told.verdict.answered,
        judged=told.verdict.judged,
    )


def physio(
    directory: Path,
    chosen: Chosen,
    files: tuple[str, str, str] | None,
    noted: Beside | None = None,
) -> str:
    """The page for a physiotherapist. ``files`` are the names of the tables beside it.

    ``noted`` the journal where it has been read (:func:`beside`).
    """
    simulated = all(run.verdict.virtual for run in chosen.runs)
    standing, prescribed, problems = _programme(directory, simulated)
    return physio_page(
        Dossier(
            runs=chosen.runs,
            chosen=chosen.words,
            history=history(directory).forms,
            programme=standing,
            prescribed=prescribed,
            notes=(*chosen.notes, *problems),
            left_out=chosen.damaged,
            files=files,
            beside=beside(directory, chosen) if noted is None else noted,
        )
    )


def _programme(
    directory: Path, simulated: bool
) -> tuple[Standing | None, Prescription | None, list[str]]:
    """Programme and prescription as they stand, and what is wrong with their file."""
    try:
        journal = programmefile.load(programmefile.path_in(directory, simulated=simulated))
    except GaitpiError as error:
        return None, None, [str(error)]
    problems = list(journal.problems)
    runs, _ = programme.collect(directory, journal, simulated=simulated)
    try:
        prescribed = prescription.in_force(journal, SystemClock().wall())
    except GaitpiError as error:
        prescribed, problems = None, [*problems, str(error)]
    return programme.standing(journal, runs), prescribed, problems
