"""Judges what a cut left of the runs: by the start of a daemon, and by reading all of it."""

import contextlib
import hashlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from calibration.powercut.operations import Operation
from calibration.powercut.storage import Storage, write
from gaitpi.errors import RunFileError
from gaitpi.imu.batch import Batch, ClockLine
from gaitpi.runs.header import RunHeader
from gaitpi.runs.reader import RunReader, list_runs
from gaitpi.runs.schema import SUFFIX
from gaitpi.runs.writer import RunWriter, run_path, settle

LOST_MAX_S: Final = 1.0
START_MAX_S: Final = 2.0

_TABLES: Final = ("anchors", "steps", "seconds", "cues", "withheld", "events", "hearts", "pods")
_PLAYED: Final = ("played_s", "lasted_s")


class Block(NamedTuple):
    """A raw block: its counts as bytes."""

    first: int
    line: ClockLine
    gap_s: float
    n: int
    counts: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """All that is in a run file.

    ``tables`` rows by method of the reader, NaN as None; ``end_s`` CLOCK_MONOTONIC of the end of
    the last sample, ``run0_s`` of the first one's beginning.
    """

    header: RunHeader
    finished: bool
    totals: tuple[Any, ...]
    tables: Mapping[str, list[tuple[Any, ...]]]
    blocks: list[Block]
    run0_s: float
    end_s: float

    @property
    def size(self) -> tuple[int, ...]:
        """Rows of each table, blocks, samples, finished: what one commit leaves."""
        rows = (len(self.tables[name]) for name in _TABLES)
        samples = sum(block.n for block in self.blocks)
        return (*rows, len(self.blocks), samples, int(self.finished))


def _plain(row: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(None if isinstance(value, float) and math.isnan(value) else value for value in row)


def content(path: Path) -> Content:
    """Read all of a run file, every block unpacked. Raises RunFileError."""
    with RunReader(path) as run:
        tables = {name: [_plain(row) for row in getattr(run, name)()] for name in _TABLES}
        blocks, end_s = [], 0.0
        for block in run.blocks():
            n = len(block.counts)
            end_s = float(block.line.times(block.index + n, 1)[0])
            blocks.append(Block(block.index, block.line, block.gap_s, n, block.counts.tobytes()))
        run0_s = run.anchors()[0].mono_s
        return Content(
            *(run.header, run.finished, _plain(run.totals()), tables, blocks),
            *(run0_s, run0_s + end_s),
        )


def differs(part: Content, whole: Content) -> str:
    """In what ``part`` is not a beginning of ``whole``; "" if it is one."""
    if part.header != whole.header and repr(part.header) != repr(whole.header):
        return "another header"
    for name in _TABLES:
        rows, wanted = part.tables[name], whole.tables[name]
        if len(rows) > len(wanted):
            return f"{len(rows) - len(wanted)} {name} too many"
        for row, right in zip(rows, wanted, strict=False):
            # when a sound is heard its cue has been in the file for a while
            if row != right and not (name == "cues" and _not_yet_played(row, right)):
                return f"a wrong row in {name}: {row}, not {right}"
    for number, (block, right) in enumerate(zip(part.blocks, whole.blocks, strict=False), 1):
        last = number == len(part.blocks)
        if block[:3] != right[:3] or (block.n < right.n and not last):
            return f"block {number} is another one"
        if not right.counts.startswith(block.counts):
            return f"wrong samples in block {number}"
    return "blocks too many" if len(part.blocks) > len(whole.blocks) else ""


def _not_yet_played(row: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
    from gaitpi.runs.rows import CueRow

    return all(
        ours == theirs or (name in _PLAYED and ours is None)
        for name, ours, theirs in zip(CueRow._fields, row, right, strict=True)
    )


Found = tuple[Content | None, str]
"""What a file holds, or why it cannot be read."""

_KNOWN: Final = 300


@dataclass(slots=True)
class _Written:
    """A run in the trace.

    When it began to be made, when each commit was ``done`` and what that left (``sizes``).
    """

    whole: Content
    began_s: float = math.inf
    done: dict[int, float] = field(default_factory=dict)
    sizes: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def committed(self, instant: float) -> int:
        """Number of the last commit the writer had been told of by then, 0 = none."""
        return max((number for number, end in self.done.items() if end <= instant), default=0)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one state showed, without regard to when it came about.

    ``contents`` by file name, None where there is only an empty file; ``start_s`` how long the next
    start took; ``wrong`` in words; ``commits`` their number by file name; ``litter`` journals left.
    """

    contents: dict[str, Content | None]
    commits: dict[str, int]
    start_s: float
    wrong: tuple[str, ...] = ()
    litter: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one cut: seconds lost, earlier runs unreadable, time of the next start, violations."""

    lost_s: float
    unreadable: int
    start_s: float
    wrong: tuple[str, ...]
    litter: tuple[str, ...] = ()


class RunJudge:
    """Knows the runs of a trace, so it can say what a state lacks."""

    def __init__(
        self,
        folder: Path,
        runs: str,
        operations: Sequence[Operation],
        *,
        lost_max_s: float = LOST_MAX_S,
    ) -> None:
        """``folder`` as the traced process left it; ``runs`` the folder of runs in it."""
        self._runs = runs
        self._lost_max_s = lost_max_s
        self._known: dict[bytes, Found] = {}
        self.written = {
            path.name: _Written(content(path)) for path in (folder / runs).glob(f"*{SUFFIX}")
        }
        self._follow(operations)

    def _follow(self, operations: Sequence[Operation]) -> None:
        """Find the commits. Each has its number in the first page; the next begins a journal."""
        current: dict[str, int] = {}
        for operation in operations:
            name = Path(operation.path).name
            journal = name.endswith("-journal")
            run = self.written.get(name.removesuffix("-journal"))
            if run is None:
                continue
            name = name.removesuffix("-journal")
            run.began_s = min(run.began_s, operation.start)
            first = operation.kind == "write" and operation.offset == 0
            if journal and operation.kind in ("create", "write"):
                current.pop(name, None)
            elif first and len(operation.data) >= 28:
                current[name] = _number(operation.data)
            if name in current and operation.kind != "unlink":
                run.done[current[name]] = operation.end

    def measure(self, states: Iterator[tuple[int, Path]]) -> None:
        """What each commit leaves, from a folder for each."""
        for number, path in states:
            self.written[path.name].sizes[number] = content(path).size

    def commits(self) -> Iterator[tuple[str, int, float]]:
        """File, number and end of every commit."""
        for name, run in self.written.items():
            for number, end in run.done.items():
                yield name, number, end

    def see(self, folder: Path, *, go_on: bool = False) -> Seen:
        """:func:`look_at` the folder of runs in ``folder``."""
        if len(self._known) > _KNOWN:
            self._known.clear()
        return look_at(folder / self._runs, go_on=go_on, known=self._known)

    def judge(self, instant: float, seen: Seen) -> Verdict:
        """What is missing of what there was at ``instant``."""
        wrong = list(seen.wrong)
        lost_s, unreadable = 0.0, 0
        for name in seen.contents.keys() - self.written.keys():
            wrong.append(f"{name} is no run of this trace")
        for name, run in self.written.items():
            whole, found = run.whole, seen.contents.get(name)
            committed, last = run.committed(instant), max(run.done)
            had = min(instant, whole.end_s)
            earlier = committed == last
            # with no samples yet: since the run began, which is after the sensor's clock settled
            missing = had - run.began_s
            if found is None:
                if committed:
                    wrong.append(f"{name} is gone, {committed} commits were done")
                unreadable += earlier
            else:
                missing = had - found.end_s if found.blocks else missing
                problem = differs(found, whole)
                number = seen.commits[name]
                if number < committed:
                    wrong.append(f"{name}: commit {committed} was done, {number} is there")
                if not problem and run.sizes and run.sizes.get(number) != found.size:
                    problem = f"{found.size} rows are no commit's: {run.sizes.get(number)}"
                if problem:
                    wrong.append(f"{name}: {problem}")
                if earlier and (problem or found.size != whole.size):
                    wrong.append(f"{name}: a finished run is not whole")
                    unreadable += 1
            lost_s = max(lost_s, missing)
        if lost_s > self._lost_max_s:
            wrong.append(f"{lost_s:.2f} s lost")
        if seen.start_s > START_MAX_S:
            wrong.append(f"the next start took {seen.start_s:.2f} s")
        return Verdict(max(0.0, lost_s), unreadable, seen.start_s, tuple(wrong), seen.litter)


def look_at(runs: Path, *, go_on: bool = False, known: dict[bytes, Found] | None = None) -> Seen:
    """Read what is in a folder of runs, start as a daemon does, read it again.

    With ``go_on`` a new run is recorded into it too, and one that was cut is gone on with.
    ``known`` remembers what files hold that need nothing undone, by their bytes: the same bytes
    are not read twice.
    """
    known = {} if known is None else known
    wrong: list[str] = []
    before = {}
    for journal in runs.glob(f"*{SUFFIX}-journal"):
        if journal.stat().st_size:  # what a reader says of it that may repair nothing
            path = journal.with_name(journal.name.removesuffix("-journal"))
            before[path.name] = _read(path)[0]
    start = time.perf_counter()
    try:
        settle(runs)
        entries = list_runs(runs)
    except Exception as error:  # whatever it is, the daemon would not have started
        entries = []
        wrong.append(f"the next start failed: {error!r}")
    start_s = time.perf_counter() - start
    contents: dict[str, Content | None] = {}
    for entry in entries:
        name = entry.path.name
        key = hashlib.blake2b(entry.path.read_bytes()).digest()
        if key not in known:
            known[key] = _read(entry.path)
        contents[name], problem = known[key]
        problem = problem or entry.problem or ""
        if problem and entry.path.stat().st_size:
            wrong.append(f"{name} cannot be read: {problem}")
        if before.get(name, contents[name]) != contents[name]:
            wrong.append(f"{name} was read otherwise before the next start")
    commits = {name: _number(_head(runs / name)) for name in contents}
    litter = [p.name for p in runs.glob("*-journal")] if runs.exists() else []
    if go_on:
        wrong += _record_more(runs, contents)
        for name, found in contents.items():
            if found is not None and not found.finished:
                wrong += _resume(runs / name, found)
    return Seen(contents, commits, start_s, tuple(wrong), tuple(sorted(litter)))


def sizes_of(judge: RunJudge, folder: Path, operations: Sequence[Operation], room: Path) -> None:
    """Tell ``judge`` what each commit left, made from the trace in the folder ``room``."""
    ends = sorted((end, number, name) for name, number, end in judge.commits())
    storage, done = Storage(folder), 0

    def states() -> Iterator[tuple[int, Path]]:
        nonlocal done
        ordered = sorted(operations, key=lambda o: o.end)
        for end, number, name in ends:
            while done < len(ordered) and ordered[done].end <= end:
                storage.do(ordered[done])
                done += 1
            state = {
                Path(path).name: found
                for path, found in storage.killed().items()
                if Path(path).name == name
            }
            write(state, room)
            yield number, room / name
            (room / name).unlink()

    judge.measure(states())


def _read(path: Path) -> Found:
    try:
        return content(path), ""
    except RunFileError as error:
        return None, str(error)
    except Exception as error:  # a traceback is worse than words
        return None, repr(error)


def _head(path: Path) -> bytes:
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(100)
    return b""


def _number(head: bytes) -> int:
    """SQLite's count of changes, at byte 24 of the first page: one more with each commit."""
    return int.from_bytes(head[24:28], "big")


def _record_more(runs: Path, contents: Mapping[str, Content | None]) -> list[str]:
    """Record a short run into the folder; what is wrong with it or with the others then."""
    model = next((found for found in contents.values() if found is not None), None)
    if model is None:
        return []
    header = RunHeader.new(
        mono_s=0.0,
        wall_s=1_795_453_320.0,
        sensor=model.header.sensor,
        config="{}",
        calibration=None,
        segment="pelvis",
        mount="",
        design_rate_hz=model.header.design_rate_hz,
        has_gyro=True,
        virtual=False,
        source="after the cut",
    )
    path = run_path(runs, header.run_id)
    counts = np.arange(600, dtype=np.int16).reshape(100, 6)
    try:
        writer = RunWriter(path, header)
        writer.batch(Batch(0, 0, ClockLine(0, 0.0, 0.005), counts))
        writer.close()
    except RunFileError as error:
        return [f"no new run could be recorded: {error}"]
    found, problem = _read(path)
    if found is None or not found.finished or found.blocks[0].counts != counts.tobytes():
        return [f"the new run is not whole: {problem}"]
    path.unlink()
    return [
        f"{name} was changed by the new run"
        for name, before in contents.items()
        if before is not None and _read(runs / name)[0] != before
    ]


def _resume(path: Path, before: Content) -> list[str]:
    """Go on with a run that was cut, five seconds later; what is wrong with it then."""
    counts = np.arange(600, dtype=np.int16).reshape(100, 6)
    try:
        writer = RunWriter.resume(path)
        line = ClockLine(writer.next_index, writer.end_s + 5.0, 0.005)
        writer.batch(Batch(0, writer.next_index, line, counts, gap_s=5.0))
        writer.close()
    except RunFileError as error:
        return [f"{path.name} cannot be gone on with: {error}"]
    after, problem = _read(path)
    if after is None or not after.finished or after.blocks[-1].counts != counts.tobytes():
        return [f"{path.name} was gone on with, and is not whole: {problem}"]
    differ = differs(before, after)
    return [f"{path.name} was gone on with, and changed: {differ}"] if differ else []
