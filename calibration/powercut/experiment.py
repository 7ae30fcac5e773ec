"""Traces, cuts and judges: what ``make powercut`` and the tests call."""

import multiprocessing
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from calibration.powercut import operations as traced
from calibration.powercut.journals import JournalJudge
from calibration.powercut.operations import Operation, TraceError
from calibration.powercut.runs import LOST_MAX_S, RunJudge, sizes_of
from calibration.powercut.storage import KINDS, cuts, instants, write
from calibration.powercut.workload import RUNS, WRITERS, Marks

SYNCLESS: Final = {
    "nodir": "no folder is ever synced",
    "nojournal": "the journal is never synced before the database is written",
    "nodata": "the database is never synced",
    "noend": "the emptied journal is never synced",
}
"""Weakened in the trace: the same daemon, of whose syncs some do nothing."""

WEAKENED: Final = (*WRITERS, *SYNCLESS)

_GO_ON: Final = 10
"""In one of so many states a new run is recorded too."""

_SHARED: Final = Path("/dev/shm")


@dataclass(slots=True)
class Result:
    """Of one kind of cut. ``lost`` of each state, s (or writes); ``wrong`` with its instant."""

    kind: str
    instants: set[float] = field(default_factory=set)
    lost: list[float] = field(default_factory=list)
    unreadable: int = 0
    start_s: float = 0.0
    wrong: list[str] = field(default_factory=list)
    litter: int = 0

    @property
    def worst(self) -> float:
        """Most that was lost."""
        return max(self.lost, default=0.0)

    @property
    def median(self) -> float:
        """Lost in half of the states or more."""
        return statistics.median(self.lost) if self.lost else 0.0

    def add(self, other: "Result") -> None:
        """Take in what another process found."""
        self.instants |= other.instants
        self.lost += other.lost
        self.unreadable += other.unreadable
        self.start_s = max(self.start_s, other.start_s)
        self.wrong += other.wrong
        self.litter += other.litter


@dataclass(frozen=True, slots=True)
class Traced:
    """A process that was traced in ``folder``: what it did, and its own notes."""

    folder: Path
    operations: list[Operation]
    marks: Marks


def room() -> Path | None:
    """Where the states are made: in memory where the system has a folder for that."""
    return _SHARED if os.access(_SHARED, os.W_OK) else None


@contextmanager
def trace(what: str, *arguments: str) -> Iterator[Traced]:
    """Run ``calibration.powercut.workload`` under strace; the folder lives as long as the block.

    Raises TraceError when it cannot be traced or failed.
    """
    with tempfile.TemporaryDirectory(prefix="gaitpi-cut-") as name:
        base = Path(name).resolve()
        folder, marks = base / "folder", base / "marks"
        folder.mkdir()
        module = "calibration.powercut.workload"
        python = [sys.executable, "-m", module, what, str(folder), str(marks), *arguments]
        done = subprocess.run(
            traced.command(python, base / "trace"), capture_output=True, text=True, check=False
        )
        if done.returncode != 0 or not marks.exists():
            raise TraceError(f"What should be traced failed: {done.stderr.strip()[-400:]}")
        noted = msgspec.json.decode(marks.read_bytes(), type=Marks)
        found = traced.read(base / "trace", folder, mono_less_wall=noted.mono_less_wall)
        if not found:
            raise TraceError("The trace holds nothing.")
        yield Traced(folder, found, noted)


def without(operations: Sequence[Operation], weaken: str, folder: Path) -> list[Operation]:
    """The operations, some syncs left out, as ``SYNCLESS`` says."""
    folders = {str(folder), *(o.path for o in operations if o.kind == "mkdir")}
    kept = []
    emptied: dict[str, bool] = {}
    for operation in operations:
        journal = operation.path.endswith("-journal")
        if operation.kind in ("write", "truncate"):
            emptied[operation.path] = operation.kind == "truncate"
        sync_of = {
            "nodir": operation.path in folders,
            "nojournal": journal and not emptied.get(operation.path, True),
            "nodata": not journal and operation.path not in folders,
            "noend": journal and emptied.get(operation.path, False),
        }
        if operation.kind != "sync" or not sync_of.get(weaken, False):
            kept.append(operation)
    return kept


Judge = RunJudge | JournalJudge


@dataclass(frozen=True, slots=True)
class Task:
    """Some of the instants, for one process."""

    folder: Path
    operations: list[Operation]
    judge: Judge
    instants: list[float]
    seed: int
    keep: Path | None


def look(task: Task) -> dict[str, Result]:
    """Make and judge every state of the task's instants."""
    results = {kind: Result(kind) for kind in KINDS}
    recent: dict[int, Any] = {}
    judge: Any = task.judge
    with tempfile.TemporaryDirectory(prefix="gaitpi-cut-", dir=room()) as name:
        for n, cut in enumerate(cuts(task.folder, task.operations, task.instants, task.seed)):
            go_on = n % _GO_ON == 0
            key = hash((go_on, *cut.state.items()))
            seen = recent.get(key)
            if seen is None:
                folder = Path(name, str(n))
                folder.mkdir()
                write(cut.state, folder)
                seen = judge.see(folder, go_on=go_on)
                _remove(folder)
                recent[key] = seen
                if len(recent) > 50:
                    del recent[next(iter(recent))]
            verdict = judge.judge(cut.instant, seen)
            result = results[cut.kind]
            result.instants.add(cut.instant)
            result.lost.append(verdict.lost_s)
            result.unreadable += verdict.unreadable
            result.start_s = max(result.start_s, verdict.start_s)
            result.litter += bool(verdict.litter)
            if verdict.wrong and not result.wrong and task.keep is not None:
                kept = task.keep / f"{re.sub('[^a-z0-9]+', '-', cut.kind)}-{cut.instant!r}"
                kept.mkdir(parents=True, exist_ok=True)
                write(cut.state, kept)
            result.wrong += [
                f"seed {task.seed}, instant {cut.instant!r} ({cut.during}): {why}"
                for why in verdict.wrong
            ]
    return results


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()
    folder.rmdir()


def judged(
    done: Traced,
    judge: Judge,
    n: int,
    seed: int,
    *,
    weaken: str = "",
    processes: int = 1,
    keep: Path | None = None,
) -> list[Result]:
    """Cut ``done`` at ``n`` instants drawn from ``seed``; a result for each kind of cut.

    Of each kind and process the first state that is wrong is written into the folder ``keep``.
    """
    at = instants(done.operations, n, random.Random(seed))
    kept = without(done.operations, weaken, done.folder)
    share = -(-len(at) // processes)
    tasks = [
        Task(done.folder, kept, judge, at[k : k + share], seed, keep)
        for k in range(0, len(at), share)
    ]
    if processes == 1:
        parts = [look(task) for task in tasks]
    else:
        spawning = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, mp_context=spawning) as pool:
            parts = list(pool.map(look, tasks))
    for part in parts[1:]:
        for kind, result in parts[0].items():
            result.add(part[kind])
    return list(parts[0].values())


def run_judge(done: Traced, *, lost_max_s: float = LOST_MAX_S) -> RunJudge:
    """What judges the states of a trace of runs."""
    judge = RunJudge(done.folder, RUNS, done.operations, lost_max_s=lost_max_s)
    with tempfile.TemporaryDirectory(prefix="gaitpi-cut-", dir=room()) as name:
        sizes_of(judge, done.folder, done.operations, Path(name))
    return judge


def cut_runs(
    seconds: Sequence[float],
    n: int,
    seed: int,
    *,
    weaken: str = "",
    processes: int = 1,
    lost_max_s: float = LOST_MAX_S,
    what: str = "runs",
    keep: Path | None = None,
) -> list[Result]:
    """Runs of so many ``seconds`` are recorded, one after the other, and cut ``n`` times.

    By the daemon, or (``what`` "samples") by its recorder alone. Raises TraceError.
    """
    arguments = ["--seconds", *map(str, seconds)]
    if weaken in WRITERS:
        arguments += ["--weaken", weaken]
    with trace(what, *arguments) as done:
        judge = run_judge(done, lost_max_s=lost_max_s)
        return judged(done, judge, n, seed, weaken=weaken, processes=processes, keep=keep)


def cut_journals(
    writes: int,
    n: int,
    seed: int,
    *,
    weaken: str = "",
    processes: int = 1,
    keep: Path | None = None,
) -> list[Result]:
    """``writes`` changes of the small files beside the runs, cut ``n`` times. Raises TraceError."""
    with trace("journals", "--writes", str(writes)) as done:
        judge = JournalJudge(done.marks.calls)
        return judged(done, judge, n, seed, weaken=weaken, processes=processes, keep=keep)
