"""Reads run files: finished, cut short, being written, damaged or foreign.

A run file may come from anyone, so nothing in it is believed: it is opened read-only, its
tables must be exactly those of the schema (no view or trigger of somebody else's runs), every
value is checked for its type, and raw blocks for their size before and their checksum after
unpacking. Reading goes in short portions, so that a program writing the file never waits long.
numpy is imported only for raw samples and the full header.
"""

import contextlib
import json
import math
import shutil
import sqlite3
import struct
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache, cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypeVar

from gaitpi.errors import RunFileError, UsageError
from gaitpi.runs.rows import (
    TABLES,
    Anchor,
    CueRow,
    EventRow,
    SecondRow,
    StepRow,
    Totals,
    WithheldRow,
    loaded,
)
from gaitpi.runs.schema import ADDED, APPLICATION_ID, HEADER_COLUMNS, SCHEMA_VERSION, SUFFIX, schema

if TYPE_CHECKING:
    from gaitpi.imu.batch import ClockLine, Counts, Floats
    from gaitpi.runs.header import RunHeader

_BUSY_S: Final = 5.0
_MAX_VALUE: Final = 4 * 1024 * 1024
_PORTION: Final = 64

Row = TypeVar("Row", bound=NamedTuple)


@dataclass(frozen=True, slots=True)
class RawBlock:
    """Raw samples as they were recorded.

    ``index`` number of the first sample; ``line`` its clock line, run time; ``counts`` (n, 6)
    int16 ax ay az gx gy gz; ``gap_s`` time lost just before the first sample; ``clipped``
    samples at the end of the range.
    """

    index: int
    line: "ClockLine"
    counts: "Counts"
    gap_s: float
    clipped: int

    def times(self) -> "Floats":
        """Run times (n,) of the samples, s: the same bits as live."""
        return self.line.times(self.index, len(self.counts))


def clock(seconds: float) -> str:
    """Run time as mm:ss (h:mm:ss from an hour on); "--:--" when it is not known."""
    if not math.isfinite(seconds):
        return "--:--"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes:02d}:{rest:02d}"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


@cache
def _expected(version: int) -> dict[str, str]:
    """Name and SQL of every table and view of the schema of that format."""
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.executescript(schema(version))
        return dict(db.execute("SELECT name, sql FROM sqlite_schema"))


class RunReader:
    """One run file, opened read-only. Use it in a ``with`` statement, or ``close`` it.

    Every method raises RunFileError, in words, when what it needs is damaged.
    """

    def __init__(self, path: Path) -> None:
        """Open and check. Raises RunFileError: not there, not a run file, newer, damaged."""
        self.path = path
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        self._refuse_by_size()
        self._db = self._connect(path)
        try:
            try:
                self._check()
            except _CutInCommitError:
                self._open_copy()
                self._check()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
        if self._copy is not None:
            self._copy.cleanup()

    @cached_property
    def header(self) -> "RunHeader":
        """The header, its checksum verified."""
        from gaitpi.runs.header import header_crc, header_of

        values = [self._run[name] for name in HEADER_COLUMNS]
        try:
            if header_crc(values) != self._run["crc32"]:
                raise ValueError("checksum")
            return header_of(values, self.anchors()[0])
        except ValueError as error:
            raise self._damaged("its header cannot be trusted") from error

    @cached_property
    def run_id(self) -> str:
        """The id in the header."""
        return self._name("run_id")

    @cached_property
    def segment(self) -> str:
        """Body segment the pack sat on."""
        return self._name("segment")

    @cached_property
    def recording(self) -> str:
        """Story or recording played; "" for a real run."""
        return self._name("recording")

    @cached_property
    def virtual(self) -> bool:
        """True when time was virtual."""
        return bool(self._run["virtual"])

    @cached_property
    def config(self) -> dict[str, Any]:
        """The configuration of the run, as nested dicts."""
        return self._json(self._text("config"))

    @cached_property
    def calibrated(self) -> bool:
        """True when a calibration was in use."""
        return self._run["calibration"] is not None

    @cached_property
    def started(self) -> datetime:
        """Local time of run time 0, by the last clock anchor: the best informed one."""
        anchors = self.anchors()
        last = anchors[-1]
        wall = last.wall_s - (last.mono_s - anchors[0].mono_s)
        try:
            return datetime.fromtimestamp(wall, timezone(timedelta(seconds=last.utc_offset_s)))
        except (OverflowError, ValueError, OSError) as error:
            raise self._damaged("its start time is impossible") from error

    @property
    def finished(self) -> bool:
        """True when the run was closed; False while it is written or after a power cut."""
        return bool(self._fetch("SELECT id FROM finish"))

    @property
    def summary(self) -> dict[str, Any]:
        """What the daemon gave on closing; empty for an unfinished run."""
        rows = self._fetch("SELECT summary FROM finish")
        return self._json(rows[0][0]) if rows else {}

    def totals(self) -> Totals:
        """Duration, running time, steps and cadence without reading raw blocks."""
        source = "finish" if self.finished else "v_totals"
        columns = ", ".join(Totals._fields)
        rows = self._fetch(f"SELECT {columns} FROM {source}")
        return self._load(Totals, rows[0])

    def anchors(self) -> list[Anchor]:
        """Clock anchors in order; the first is that of the header."""
        anchors = self._table(Anchor)
        if not anchors:
            raise self._damaged("it has no clock anchor")
        return anchors

    def steps(self) -> list[StepRow]:
        """All steps in the order they became known."""
        return self._table(StepRow)

    def seconds(self) -> list[SecondRow]:
        """The values of every second."""
        return self._table(SecondRow)

    def cues(self) -> list[CueRow]:
        """All cues."""
        return self._table(CueRow)

    def withheld(self) -> list[WithheldRow]:
        """Cues that a quiet rule held back."""
        return self._table(WithheldRow)

    def events(self) -> list[EventRow]:
        """Faults, gaps, marks, commands, dropouts ..."""
        return self._table(EventRow)

    def blocks(self, on_damage: Callable[[RunFileError], None] | None = None) -> Iterator[RawBlock]:
        """The raw samples, block after block.

        A damaged block raises RunFileError with its number and time. With ``on_damage`` that
        error is handed over instead, the block left out and its time added to the next gap.
        """
        from gaitpi.imu.batch import ClockLine
        from gaitpi.runs.codec import CODEC, checksum, unpack

        finish = self._fetch("SELECT blocks FROM finish")
        number, end_s, lost = 0, 0.0, False
        for row in self._block_rows():
            number += 1
            try:
                identity, index, n, index0, time_s, period_s, gap_s, clipped, codec, crc, data = row
                _need_types(row)
                if identity != number:
                    raise ValueError("a block is missing")
                if codec != CODEC:
                    raise ValueError(f"codec {codec} is not known")
                line = ClockLine(index0, time_s, period_s)
                if checksum(number, index, n, line, gap_s, clipped, data) != crc:
                    raise ValueError("the checksum does not fit")
                counts = unpack(data, n)
            except (ValueError, struct.error) as error:
                found = self._block_error(number, end_s, str(error))
                if on_damage is None:
                    raise found from error
                on_damage(found)
                number, lost = max(number, _whole(row[0])), True
                continue
            times = line.times(index, n + 1)
            if lost:
                gap_s, lost = max(gap_s, float(times[0]) - end_s), False
            end_s = float(times[-1])
            yield RawBlock(index, line, counts, gap_s, clipped)
        if finish and finish[0][0] != number:
            why = f"the run has {finish[0][0]} blocks"
            found = self._block_error(number + 1, end_s, why)
            if on_damage is None:
                raise found
            on_damage(found)

    def _block_rows(self) -> Iterator[tuple[Any, ...]]:
        """Rows of the table, a portion at a time so that a writer can commit in between."""
        last = 0
        while True:
            rows = self._fetch(
                "SELECT id, first_index, n, line_index0, line_time_s, line_period_s, gap_s,"
                " clipped, codec, crc32, data FROM block WHERE id > ? ORDER BY id LIMIT ?",
                (last, _PORTION),
            )
            for row in rows:
                if _whole(row[0]) <= last:
                    raise self._damaged(f"its blocks are out of order after number {last}")
                last = row[0]
                yield row
            if not rows:
                return

    def _block_error(self, number: int, end_s: float, why: str) -> RunFileError:
        return RunFileError(
            f"{self.path.name}: raw block {number} at {clock(end_s)} is damaged ({why}).",
            "Steps, cues and the verdict are kept apart from it: gaitpi show still works."
            " Use a backup copy for the raw samples, and check the card.",
        )

    @cached_property
    def _run(self) -> dict[str, Any]:
        """The row of the table ``run``."""
        names = [*HEADER_COLUMNS, "crc32"]
        rows = self._fetch(f"SELECT {', '.join(names)} FROM run")
        if len(rows) != 1:
            raise self._damaged("its header is missing")
        return dict(zip(names, rows[0], strict=True))

    def _text(self, name: str) -> str:
        value = self._run[name]
        if not isinstance(value, str):
            raise self._damaged(f"{name} in its header is not a text")
        return value

    def _name(self, name: str) -> str:
        """A text of the header that is shown: no control signs for the terminal in it."""
        value = self._text(name)
        if not value.isprintable():
            raise self._damaged(f"{name} in its header is not a name")
        return value

    def _json(self, text: object) -> dict[str, Any]:
        try:
            value = json.loads(text) if isinstance(text, str) else None
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise self._damaged("a JSON text in it cannot be read")
        return value

    def _table(self, kind: type[Row]) -> list[Row]:
        table = TABLES[kind]
        lacks = self._lacks.get(table, {})
        columns = ", ".join(lacks.get(name, name) for name in kind._fields)
        rows = self._fetch(f"SELECT {columns} FROM {table} ORDER BY id")
        return [self._load(kind, row) for row in rows]

    def _load(self, kind: type[Row], row: tuple[Any, ...]) -> Row:
        try:
            value: Row = loaded(kind, row)
        except ValueError as error:
            raise self._damaged(f"table {TABLES.get(kind, 'finish')}: {error}") from error
        return value

    def _fetch(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(sql, values).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._in_words(error) from error

    def _in_words(self, error: Exception) -> RunFileError:
        name = getattr(error, "sqlite_errorname", None) or ""
        if name == "SQLITE_READONLY_ROLLBACK":
            return _CutInCommitError("cut")
        if name == "SQLITE_NOTADB":
            return self._foreign("it is not an SQLite file")
        if name.startswith("SQLITE_BUSY"):
            return RunFileError(
                f"{self.path.name} is locked by another program.", "Try again in a moment."
            )
        if name.startswith(("SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
            return RunFileError(
                f"{self.path.name} cannot be opened.", "Check that it is there and readable."
            )
        return self._damaged(str(error))

    def _damaged(self, why: str) -> RunFileError:
        return RunFileError(
            f"{self.path.name} is damaged: {why}.", "Use a backup copy, and check the card."
        )

    def _foreign(self, why: str) -> RunFileError:
        return RunFileError(
            f"{self.path.name} is not a gaitpi run file: {why}.",
            f"Run files end in {SUFFIX} and are listed by gaitpi runs.",
        )

    def _refuse_by_size(self) -> None:
        try:
            size = self.path.stat().st_size
            regular = self.path.is_file()
        except OSError as error:
            raise RunFileError(
                f"{self.path} cannot be read: {error.strerror}.", "gaitpi runs lists the runs."
            ) from error
        if not regular:
            raise self._foreign("it is not a file")
        if size == 0:
            raise RunFileError(
                f"{self.path.name} is empty: power was cut before the first sample.",
                "Nothing was recorded into it; it can be deleted.",
            )

    def _connect(self, path: Path, mode: str = "ro") -> sqlite3.Connection:
        try:
            db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True,
                timeout=_BUSY_S,
                isolation_level=None,
            )
        except sqlite3.Error as error:
            raise self._in_words(error) from error
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE)
        return db

    def _open_copy(self) -> None:
        """Undo a commit that a power cut left half done, in a copy: this file stays untouched."""
        self._db.close()
        self._copy = tempfile.TemporaryDirectory(prefix="gaitpi-")
        copy = Path(self._copy.name) / "run"
        try:
            shutil.copyfile(self.path, copy)
            shutil.copyfile(f"{self.path}-journal", f"{copy}-journal")
        except OSError as error:
            raise RunFileError(
                f"{self.path.name} was cut in mid-write and cannot be copied to be read: "
                f"{error.strerror}.",
                "Free some room in the folder for temporary files, or start the daemon once.",
            ) from error
        self._db = self._connect(copy, "rw")

    def _check(self) -> None:
        """Refuse what is not ours, newer, or has other tables than those we make."""
        marked = self._fetch("PRAGMA application_id")[0][0]
        if marked != APPLICATION_ID:
            raise self._foreign("it carries another program's mark")
        for pragma in ("trusted_schema = 0", "query_only = 1", "cell_size_check = 1"):
            self._fetch(f"PRAGMA {pragma}")
        version = self._fetch("PRAGMA user_version")[0][0]
        if version > SCHEMA_VERSION:
            raise RunFileError(
                f"{self.path.name} was written by a newer gaitpi (format {version}, this one "
                f"reads {SCHEMA_VERSION}).",
                "Update gaitpi to read it.",
            )
        found = dict(self._fetch("SELECT name, sql FROM sqlite_schema"))
        if version < 1 or any(found.get(name) != sql for name, sql in _expected(version).items()):
            raise self._damaged("its tables are not those of a run")
        self._lacks = ADDED.get(version, {})


class _CutInCommitError(RunFileError):
    """A commit was cut off by a power cut; undoing it needs a writable copy."""


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _need_types(row: tuple[Any, ...]) -> None:
    """Raise ValueError unless the values of a block row have the types of their columns."""
    kinds = (int,) * 4 + (float,) * 3 + (int,) * 3 + (bytes,)
    if not all(isinstance(value, kind) for value, kind in zip(row, kinds, strict=True)):
        raise ValueError("a value has the wrong type")
    if not all(map(math.isfinite, row[4:7])):
        raise ValueError("a time is not a number")


@dataclass(frozen=True, slots=True)
class RunEntry:
    """A run in the list, with the id it is asked for by; ``problem`` says what is wrong."""

    path: Path
    run_id: str
    started: datetime | None = None
    totals: Totals | None = None
    finished: bool = False
    recording: str = ""
    problem: str | None = None


def _entry(path: Path) -> RunEntry:
    run_id = path.name.removesuffix(SUFFIX)
    try:
        with RunReader(path) as run:
            return RunEntry(path, run_id, run.started, run.totals(), run.finished, run.recording)
    except RunFileError as error:
        return RunEntry(path, run_id, problem=str(error))


def _age(entry: RunEntry) -> tuple[float, str]:
    """Sorting key: the start; for a file that does not tell, when it was last written."""
    if entry.started is not None:
        return entry.started.timestamp(), entry.run_id
    try:
        return entry.path.stat().st_mtime, entry.run_id
    except OSError:
        return 0.0, entry.run_id


def list_runs(directory: Path) -> list[RunEntry]:
    """All runs of a folder, newest first; raw samples are not read.

    A damaged or foreign file becomes an entry with its problem. A missing folder has no runs.
    """
    return sorted(map(_entry, directory.glob(f"*{SUFFIX}")), key=_age, reverse=True)


def resolve(directory: Path, name: str) -> Path:
    """The run file meant by ``last``, an id, the beginning of one id, or a path.

    ``last`` is the newest run that can be read. Raises UsageError when there is none or the
    beginning fits several.
    """
    hint = "gaitpi runs lists the runs."
    if name == "last":
        readable = [entry.path for entry in list_runs(directory) if entry.problem is None]
        if not readable:
            raise UsageError(f"There is no run in {directory} yet.", "Record one with gaitpi run.")
        return readable[0]
    if name.endswith(SUFFIX) or "/" in name:
        return Path(name).expanduser()
    ids = sorted(path.name.removesuffix(SUFFIX) for path in directory.glob(f"*{SUFFIX}"))
    fitting = [name] if name in ids else [i for i in ids if name and i.startswith(name)]
    if not fitting:
        raise UsageError(f"There is no run {name!r} in {directory}.", hint)
    if len(fitting) > 1:
        shown = ", ".join(fitting[-3:])
        raise UsageError(f"{name!r} is the beginning of {len(fitting)} runs ({shown}).", hint)
    return directory / f"{fitting[0]}{SUFFIX}"
