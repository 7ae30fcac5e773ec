"""Writes a run file that a power cut cannot spoil.

Journal mode TRUNCATE with synchronous=FULL. A write-ahead log would hold half of the run in
a second file after a cut; the rollback journal leaves the run file complete at every instant
but that of a commit, and a commit that was cut is undone by SQLite at the next opening
(by ``RunReader`` on a copy, by ``settle`` for good). TRUNCATE rather than DELETE because
SQLite syncs the emptied journal, so that a finished commit cannot come back as an unfinished one.

Rows wait in memory until the next commit, at most ``COMMIT_S``. The file is locked only for
the commit itself, and one that failed (card full, read-only, locked) can simply be tried again.
"""

import contextlib
import errno
import fcntl
import json
import math
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import numpy as np

from gaitpi.errors import RunFileError
from gaitpi.faults import told
from gaitpi.imu.batch import Batch, ClockLine, Counts
from gaitpi.runs.codec import CODEC, checksum, pack
from gaitpi.runs.header import RunHeader, header_crc, header_values, utc_offset_s
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import (
    TABLES,
    TIMES,
    Anchor,
    CueRow,
    EventRow,
    HeartRow,
    Named,
    PodRow,
    SecondRow,
    StepRow,
    WithheldRow,
    named,
    stored,
)
from gaitpi.runs.schema import (
    APPLICATION_ID,
    COLUMNS,
    HEADER_COLUMNS,
    MAX_BLOCK,
    SCHEMA_VERSION,
    SUFFIX,
    schema,
)

if TYPE_CHECKING:
    from gaitpi.coach.types import Cue, Withheld

COMMIT_S: Final = 0.5
"""Longest wall time between commits, s: with the one in flight, a cut loses less than 1 s."""

COMMIT_SAMPLES: Final = 16384
"""Samples between commits in virtual time, where a cut does not matter but speed does."""

ANCHOR_S: Final = 0.010
"""A further anchor is stored when wall - monotonic has moved by more than this, s."""

_BUSY_S: Final = 5.0
_PAGE: Final = 8192
"""A second of raw samples takes 1 to 1.6 kB: of these in 4096 a fifth would stay empty."""

_SECOND: Final = 1.001
"""Most of a block, s: a rate just below a whole number leaves no blocks of one sample."""

Row = tuple[Any, ...]


class _Played(NamedTuple):
    """The values of ``_SQL_PLAYED``."""

    played_s: float
    lasted_s: float
    time_s: float
    cue: str


@dataclass(slots=True)
class _Block:
    """Samples being gathered for one row of ``block``; ``stored`` how many a commit has taken."""

    number: int
    index: int
    line: ClockLine
    gap_s: float
    clipped: int = 0
    n: int = 0
    stored: int = 0
    parts: list[Counts] = field(default_factory=list)

    def room(self) -> int:
        """Samples that still fit into one second."""
        second = int(_SECOND / self.line.period_s) if self.line.period_s > 0 else 1
        return max(1, min(second, MAX_BLOCK)) - self.n


def run_path(directory: Path, run_id: str) -> Path:
    """Where the run of that id is kept."""
    return directory / f"{run_id}{SUFFIX}"


def storage_error(path: Path, error: sqlite3.Error | OSError) -> RunFileError:
    """A failed write in words, with what to do."""
    name = getattr(error, "sqlite_errorname", None) or ""
    code = getattr(error, "errno", None)
    if name == "SQLITE_FULL" or code == errno.ENOSPC:
        return RunFileError(
            f"No room left to record into {path.name}.", "Copy old runs away and delete them."
        )
    if name.startswith("SQLITE_BUSY"):
        return RunFileError(
            f"{path.name} is locked by another program, so nothing can be recorded.",
            "Close the other program (an open sqlite3 shell?).",
        )
    if name == "SQLITE_READONLY_DBMOVED" or code == errno.ENOENT:
        return RunFileError(
            f"{path.name} is no longer there: it was moved or deleted, or the card is out.",
            "Put it back: what came in the last 10 min is then added to it.",
        )
    if name.startswith("SQLITE_READONLY") or code == errno.EROFS or _read_only(path):
        return RunFileError(
            f"{path.name} cannot be written: the card or folder is read-only.",
            "A card that turned read-only is often worn out: copy the runs off and replace it.",
        )
    return RunFileError(
        f"Recording into {path.name} failed: {error}.",
        "Check the card (dmesg names its errors) and the rights of the folder.",
    )


def _read_only(path: Path) -> bool:
    """Whether the kernel has the card as read-only."""
    with contextlib.suppress(OSError):
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    return False


def sync_directory(path: Path) -> None:
    """Make a new name in ``path`` survive a power cut."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _make_directory(path: Path) -> None:
    """Create ``path`` and its parents, each synced into the one above."""
    missing = [p for p in (path, *path.parents) if not p.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for new in reversed(missing):
        sync_directory(new.parent)


def _hold(path: Path, flags: int = 0) -> int:
    """Open ``path`` and lock it as being recorded; a descriptor to close with ``_let_go``.

    flock, which SQLite's own locks do not meet. Raises RunFileError when another recorder has it,
    OSError when it cannot be opened.
    """
    fd = os.open(path, os.O_RDWR | flags, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise RunFileError(
            f"{path.name} is being recorded by another gaitpi.",
            "Let only one record: 'systemctl stop gaitpi' stops the service.",
        ) from error
    except OSError:
        pass  # a file system without locks: one recorder is then a matter of trust
    return fd


def being_recorded(path: Path) -> bool:
    """Whether a recorder has the run file open. False also when it cannot be opened."""
    try:
        os.close(_hold(path))
    except RunFileError:
        return True
    except OSError:
        return False
    return False


def connect(
    path: Path, factory: type[sqlite3.Connection] = sqlite3.Connection
) -> sqlite3.Connection:
    """The connection a writer uses. Raises sqlite3.Error when there is no such file."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=_BUSY_S,
        isolation_level=None,
        check_same_thread=False,
        factory=factory,
    )


def _insert(table: str, columns: Iterable[str]) -> str:
    """SQL that stores a row; again if need be, since a commit can fail after it took effect."""
    names = ["id", *columns]
    marks = ", ".join("?" * len(names))
    return f"INSERT OR REPLACE INTO {table} ({', '.join(names)}) VALUES ({marks})"


_SQL: Final = {kind: _insert(table, kind._fields) for kind, table in TABLES.items()}
_SQL_RUN: Final = _insert("run", [*HEADER_COLUMNS, "crc32"])
_SQL_BLOCK: Final = _insert(
    "block",
    (
        *("first_index", "n", "line_index0", "line_time_s", "line_period_s"),
        *("gap_s", "clipped", "codec", "crc32", "data"),
    ),
)
_SQL_PLAYED: Final = "UPDATE cue SET played_s = ?, lasted_s = ? WHERE time_s = ? AND cue = ?"
_SQL_FINISH: Final = (
    "INSERT OR REPLACE INTO finish SELECT 1, duration_s, running_s, steps, running_steps,"
    " cadence_spm, (SELECT count(*) FROM block), (SELECT coalesce(sum(n), 0) FROM block), ?"
    " FROM v_totals"
)


class RunWriter:
    """Writes one run. For one thread at a time; :class:`Recorder` is the way in from a loop.

    Everything given is kept in memory at once and written by the next ``commit``, which the
    calls make by themselves every ``COMMIT_S`` (or ``COMMIT_SAMPLES`` when the header says
    virtual). They raise RunFileError when that commit fails: what was given is not lost but
    waits for the next one. Times are run time (0 = ``header.anchor.mono_s``).
    """

    def __init__(
        self,
        path: Path,
        header: RunHeader,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        connect: Callable[[Path], sqlite3.Connection] = connect,
    ) -> None:
        """Create the file with its header, safely on the card when this returns.

        Raises RunFileError when ``path`` exists or cannot be created.
        """
        self._begin(path, header, monotonic, connect)
        self._anchor = header.anchor
        self._lock, self._db = self._create()
        self._last_commit = monotonic()

    def _begin(
        self,
        path: Path,
        header: RunHeader,
        monotonic: Callable[[], float],
        connect: Callable[[Path], sqlite3.Connection],
    ) -> None:
        self.path = path
        self.header = header
        self._monotonic = monotonic
        self._connect = connect
        self._rows: list[tuple[str, Row]] = []
        self._ids: dict[str, int] = {}
        self._block: _Block | None = None
        self._last_line: ClockLine | None = None
        self._next_index = 0
        self._carried_gap_s = 0.0
        self._uncommitted = 0
        self._closed = False
        self._lock = -1
        self._reached = dict.fromkeys(TIMES, -math.inf)

    @classmethod
    def resume(
        cls,
        path: Path,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        connect: Callable[[Path], sqlite3.Connection] = connect,
    ) -> Self:
        """Go on with a run that was cut off: in the same boot, since run time is monotonic time.

        A commit left half done is undone, what is in the file stays as it is. Samples go on with
        the number ``next_index`` in a new block; the first batch says as ``gap_s`` how long after
        ``end_s`` it begins. Raises RunFileError, with the file as it was, when the run is finished,
        of another format, damaged in header or last block, not a run, or being recorded.
        """
        new = cls.__new__(cls)
        try:
            lock = _hold(path)
        except OSError as error:
            raise storage_error(path, error) from error
        db = None
        try:
            db = connect(path)
            with contextlib.suppress(sqlite3.Error):  # what is wrong with it the reader says better
                db.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # undoes half a commit
            with RunReader(path) as run:
                new._begin(path, run.header, monotonic, connect)
                new._take_up(run)
            _set_up(db)
        except BaseException as error:
            if db is not None:
                db.close()
            os.close(lock)
            if isinstance(error, sqlite3.Error):
                raise storage_error(path, error) from error
            raise
        new._lock, new._db = lock, db
        new._last_commit = monotonic()
        return new

    def _take_up(self, run: RunReader) -> None:
        """Go on where the file ends. Raises RunFileError when it should not."""
        if run.finished:
            raise RunFileError(
                f"{self.path.name} is finished: nothing is added to it.", "Begin a new run."
            )
        if run.version != SCHEMA_VERSION:
            raise RunFileError(
                f"{self.path.name} is of format {run.version}, this gaitpi writes {SCHEMA_VERSION}:"
                " it cannot be gone on with.",
                "Begin a new run; the old one is read as before.",
            )
        self._ids = run.last_ids()
        self._anchor = run.anchors()[-1]
        self._reached = run.newest()
        last = run.last_block()
        if last is not None:
            self._last_line = last.line
            self._next_index = last.index + len(last.counts)

    @property
    def next_index(self) -> int:
        """Number of the sample after the last one given."""
        return self._next_index

    @property
    def end_s(self) -> float:
        """Run time one period after the last sample given, s; 0 before the first."""
        if self._last_line is None:
            return 0.0
        return float(self._last_line.times(self._next_index, 1)[0])

    def counts(self) -> dict[str, int]:
        """Rows given so far by table: "step", "second", "cue" ...; after ``resume`` those stored.

        What the samples in the file give once more may have been stored or not, up to the last
        commit: of the rows derived anew those beyond these numbers are missing.
        """
        return {table: self._ids.get(table, 0) for table in ("block", *TABLES.values())}

    def reached(self) -> dict[str, float]:
        """Run time of the newest row stored before ``resume`` by table, -inf for none.

        "step" (its ``known_s``), "second", "cue" and "withheld": what is derived anew up to that
        time is in the file. Exact also where samples were dropped, which ``counts`` is not.
        """
        return dict(self._reached)

    def batch(self, batch: Batch) -> None:
        """Keep the samples of a batch, and its faults as an event.

        ``batch.line`` is in run time. Samples missing before it (``gap_s``, or numbers skipped
        because batches were dropped on the way here) become the gap of the block it starts.
        Raises ValueError when counts are not (n, 6) int16 or numbers run backwards.
        """
        counts = batch.counts
        if counts.ndim != 2 or counts.shape[1] != COLUMNS or counts.dtype != np.int16:
            raise ValueError(f"counts are {counts.dtype} {counts.shape}, not int16 (n, {COLUMNS})")
        if not all(map(math.isfinite, (batch.gap_s, batch.line.time_s, batch.line.period_s))):
            raise ValueError(f"a time of batch {batch.seq} is not a number")
        if self._last_line is not None and batch.index < self._next_index:
            raise ValueError(f"sample {batch.index} after {self._next_index - 1}")
        gap_s = self._gap_before(batch)
        if batch.faults:
            text = ", ".join(told(batch.faults))
            self._event(float(batch.line.times(batch.index, 1)[0]), "fault", text, batch.faults)
        if len(counts):
            self._add_samples(batch, gap_s)
            self._carried_gap_s = 0.0
        else:
            self._carried_gap_s = gap_s
        self.commit_if_due()

    def _gap_before(self, batch: Batch) -> float:
        """Time lost before the first sample, s."""
        if not all(map(math.isfinite, (batch.gap_s, batch.line.time_s, batch.line.period_s))):
            raise ValueError(f"a time of batch {batch.seq} is not a number")
        if self._last_line is not None and batch.index > self._next_index:
            end = self._last_line.times(self._next_index, 1)[0]
            return max(0.0, float(batch.line.times(batch.index, 1)[0] - end))
        return batch.gap_s + self._carried_gap_s

    def _add_samples(self, batch: Batch, gap_s: float) -> None:
        """Append the samples to the open block; a gap, a jump or a new line starts another."""
        block = self._block
        joins = block is not None and gap_s == 0 and block.line == batch.line
        if not joins or batch.index != self._next_index:
            self._end_block()
        taken, clipped = 0, batch.clipped
        while taken < len(batch.counts):
            if self._block is None:
                number = self._next_id("block")
                self._block = _Block(number, batch.index + taken, batch.line, gap_s)
                gap_s = 0.0
            part = batch.counts[taken : taken + self._block.room()]
            self._block.parts.append(part.copy())
            self._block.n += len(part)
            self._block.clipped += clipped
            clipped = 0
            taken += len(part)
            if self._block.room() == 0:
                self._end_block()
        self._uncommitted += taken
        self._last_line = batch.line
        self._next_index = batch.index + taken

    def _end_block(self) -> None:
        """Turn the open block into a row."""
        block, self._block = self._block, None
        if block is not None and block.n > block.stored:
            self._rows.append(self._block_row(block))

    def _block_row(self, block: _Block) -> tuple[str, Row]:
        data = pack(np.concatenate(block.parts))
        line = block.line
        gap_s = block.gap_s + 0.0  # SQLite does not keep the sign of a zero
        line = ClockLine(line.index0, line.time_s + 0.0, line.period_s)
        crc = checksum(block.number, block.index, block.n, line, gap_s, block.clipped, data)
        place = (block.index, block.n, line.index0, line.time_s, line.period_s)
        values = (block.number, *place, gap_s, block.clipped, CODEC, crc, data)
        return _SQL_BLOCK, values

    def steps(self, rows: Iterable[Named]) -> None:
        """Keep steps: rows with the fields of ``StepRow`` (a structured array will do)."""
        for row in rows:
            self._add(StepRow, named(StepRow, row))

    def seconds(self, rows: Iterable[Named]) -> None:
        """Keep per-second values: rows with the fields of ``SecondRow``, of which some may lack."""
        for row in rows:
            self._add(SecondRow, named(SecondRow, row))

    def cue(self, cue: "Cue", played_s: float | None = None) -> None:
        """Keep a cue; ``played_s`` run time at which its sound began, None = not played."""
        self._add(
            CueRow,
            (
                *(cue.time_s, cue.cue, cue.metric, cue.value, *cue.band),
                *(cue.rule, cue.reason, cue.beat_s, played_s, cue.first_s, cue.from_s, None),
            ),
        )

    def played(self, cue: "Cue", played_s: float, lasted_s: float | None = None) -> None:
        """Note when the sound of a cue kept before began (run time, s), and how long it was."""
        row = (played_s, lasted_s, cue.time_s, cue.cue)
        self._rows.append((_SQL_PLAYED, stored(_Played, row)))

    def withheld(self, cue: "Withheld") -> None:
        """Keep a cue that a quiet rule held back."""
        self._add(
            WithheldRow,
            (cue.time_s, cue.cue, cue.metric, cue.value, *cue.band, cue.rule, cue.reason),
        )

    def event(self, time_s: float, kind: str, text: str, **detail: object) -> None:
        """Keep what happened: ``kind`` fault, gap, clip, mark, command, dropout ...

        ``detail`` must be JSON-able; TypeError when it is not.
        """
        self._event(time_s, kind, text, detail)

    def _event(self, time_s: float, kind: str, text: str, detail: Mapping[str, object]) -> None:
        written = json.dumps(dict(detail), ensure_ascii=False)
        self._add(EventRow, (time_s, kind, text, written))

    def reading(self, row: HeartRow | PodRow) -> None:
        """Keep a measurement of a strap or a foot pod.

        Given before the first samples that it counts for: a commit that has those has it too.
        """
        self._add(type(row), row)

    def anchor(self, mono: float, wall: float) -> None:
        """Compare the clocks (CLOCK_MONOTONIC and wall seconds, read together).

        Kept only when wall - monotonic has moved by more than ``ANCHOR_S`` since the last kept.
        """
        moved = (wall - mono) - (self._anchor.wall_s - self._anchor.mono_s)
        if ANCHOR_S < abs(moved) < math.inf:
            self._anchor = Anchor(mono, wall, utc_offset_s(wall))
            self._add(Anchor, self._anchor)

    def reopen(self) -> None:
        """Open the file anew: a card that was out is another device to the kernel.

        Raises RunFileError when it cannot be opened or is another run; the writer must then be
        opened anew before it can write. What is pending stays.
        """
        self._let_go()
        try:
            self._lock = _hold(self.path)
            self._db = self._connect(self.path)
            _set_up(self._db)
            found = self._db.execute("SELECT run_id FROM run").fetchall()
        except (sqlite3.Error, OSError) as error:
            raise storage_error(self.path, error) from error
        if found != [(self.header.run_id,)]:
            raise RunFileError(
                f"{self.path.name} is another run now.", "Put the card back that it began on."
            )

    def commit_if_due(self) -> None:
        """Commit when ``COMMIT_S`` has passed (virtual time: ``COMMIT_SAMPLES`` samples)."""
        if self.header.virtual:
            due = self._uncommitted >= COMMIT_SAMPLES
        else:
            due = self._monotonic() - self._last_commit >= COMMIT_S
        if due:
            self.commit()

    def commit(self) -> None:
        """Write everything given so far; on the card when this returns.

        Raises RunFileError when that failed; the rows wait for the next commit.
        """
        self._last_commit = self._monotonic()
        self._uncommitted = 0
        rows, block = self._rows, self._block
        if block is not None and block.n > block.stored:
            # it goes on: the next commit writes it again, longer. Short blocks take more room.
            rows = [*rows, self._block_row(block)]
        if not rows:
            return
        try:
            self._write(rows)
        except sqlite3.Error as error:
            raise storage_error(self.path, error) from error
        if block is not None:
            block.stored = block.n
        self._rows.clear()

    def close(self, summary: Mapping[str, object] | None = None) -> None:
        """Commit, mark the run as finished with ``summary`` (JSON-able), and close the file.

        The file is closed in any case; RunFileError says that its end could not be written.
        A second call does nothing.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._end_block()
            finish = json.dumps(dict(summary or {}), ensure_ascii=False)
            self._write([*self._rows, (_SQL_FINISH, (finish,))])
            self._rows.clear()
            self._db.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error as error:
            raise storage_error(self.path, error) from error
        finally:
            self._let_go()
        with contextlib.suppress(OSError):  # the data are safe, only the journal's name is not gone
            sync_directory(self.path.parent)

    def leave(self) -> None:
        """Commit and let go without an end, for somebody who goes on with it.

        The file is closed in any case; RunFileError says that the last rows could not be written.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self.commit()
        finally:
            self._let_go()

    def abandon(self) -> None:
        """Let go of the file as a power cut would: without a finish, without what is pending."""
        self._closed = True
        self._let_go()

    def _let_go(self) -> None:
        """Close the file, then its lock: closing any descriptor ends SQLite's locks on it."""
        self._db.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    @property
    def uncommitted(self) -> int:
        """Samples given since the last commit."""
        return self._uncommitted

    @property
    def pending(self) -> int:
        """Rows that are not on the card yet."""
        return len(self._rows)

    def _add(self, kind: type[NamedTuple], values: Iterable[Any]) -> None:
        storable = stored(kind, values)
        self._rows.append((_SQL[kind], (self._next_id(TABLES[kind]), *storable)))

    def _next_id(self, table: str) -> int:
        self._ids[table] = self._ids.get(table, 0) + 1
        return self._ids[table]

    def _write(self, rows: Iterable[tuple[str, Row]]) -> None:
        """All rows in one transaction, or none."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for sql, values in rows:
                self._db.execute(sql, values)
            self._db.execute("COMMIT")
        except sqlite3.Error:
            if self._db.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
            raise

    def _create(self) -> tuple[int, sqlite3.Connection]:
        """Make the file: tables, marks and header in one transaction. Its lock and connection."""
        path = self.path
        try:
            _make_directory(path.parent)
        except OSError as error:
            raise storage_error(path, error) from error
        try:
            lock = _hold(path, os.O_CREAT | os.O_EXCL)
        except FileExistsError as error:
            raise RunFileError(
                f"{path.name} exists already.", "A run never overwrites another: use a new name."
            ) from error
        except OSError as error:
            raise storage_error(path, error) from error
        db = None
        try:
            db = self._connect(path)
            self._fill(db)
            sync_directory(path.parent)
        except (sqlite3.Error, OSError) as error:
            if db is not None:
                db.close()
            os.close(lock)
            with contextlib.suppress(OSError):
                path.unlink()
                path.with_name(path.name + "-journal").unlink(missing_ok=True)
            raise storage_error(path, error) from error
        return lock, db

    def _fill(self, db: sqlite3.Connection) -> None:
        """Settings that belong to the file, then its first transaction."""
        db.execute(f"PRAGMA page_size = {_PAGE}")
        _set_up(db)
        db.executescript(
            f"BEGIN; PRAGMA application_id = {APPLICATION_ID};"
            f"PRAGMA user_version = {SCHEMA_VERSION}; {schema()}"
        )
        values = header_values(self.header)
        db.execute(_SQL_RUN, (1, *values, header_crc(values)))
        db.execute(_SQL[Anchor], (self._next_id("anchor"), *self.header.anchor))
        db.execute("COMMIT")


def _set_up(db: sqlite3.Connection) -> None:
    """How a connection that records must be set."""
    db.execute("PRAGMA journal_mode = TRUNCATE")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA cache_spill = OFF")  # nothing reaches the file before a commit


def _undo(path: Path) -> None:
    """Undo a commit that was cut off, as SQLite does on opening for writing."""
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=0.0)
    with contextlib.closing(db):
        db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        db.execute("PRAGMA journal_mode = TRUNCATE")
        db.execute("PRAGMA journal_mode = DELETE")


def settle(directory: Path) -> list[Path]:
    """Undo commits that a power cut left half done, as SQLite does on opening for writing.

    For the daemon to call once when it starts. Returns the run files that had such a journal.
    Files in use are left alone, and so are those that cannot be opened: their reader says why.
    """
    cut = [Path(str(j)[: -len("-journal")]) for j in directory.glob(f"*{SUFFIX}-journal")]
    cut = [path for path in cut if not path.is_symlink()]  # it would be written where that leads
    for path in cut:
        # a message about a damaged file may quote its bytes, which are no text
        with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
            _undo(path)
    return cut
