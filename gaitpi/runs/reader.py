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
import os
import re
import sqlite3
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import cache, cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypeVar

from gaitpi.errors import RunFileError, UsageError
from gaitpi.hostclock import boot_id
from gaitpi.runs.rows import (
    LATEST_S,
    RUNNING,
    TABLES,
    TIMES,
    Anchor,
    CueRow,
    EventRow,
    HeartRow,
    PodRow,
    SecondRow,
    StepMeans,
    StepRow,
    Totals,
    WithheldRow,
    all_loaded,
    loaded,
)
from gaitpi.runs.schema import (
    ADDED,
    APPLICATION_ID,
    HEADER_COLUMNS,
    SCHEMA_VERSION,
    SUFFIX,
    TABLES_IN_4,
    schema,
)

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

    from gaitpi.imu.batch import ClockLine, Counts, Floats
    from gaitpi.runs.header import RunHeader

    Unpack = Callable[[bytes, int, int], Counts]

_BUSY_S: Final = 5.0
MAX_BYTES: Final = 1024**3
"""Bytes of the largest file read: a hundred hours."""
_MAX_VALUE: Final = 256 * 1024
"""Bytes of the longest value: the largest block has 52 kB, the configuration 5."""
_PORTION: Final = 64
_CLOCKS_S: Final = 86_400.0
"""How far the clock of a file system may be beside that of a run, s: some keep local time."""
_LAST: Final = re.compile(r"last(-[0-9]{1,4})?")
_ROWS_AT_ONCE: Final = 4096

_SQL_BLOCKS: Final = (
    "SELECT id, first_index, n, line_index0, line_time_s, line_period_s, gap_s, clipped, codec,"
    " crc32, data FROM block"
)

Row = TypeVar("Row", bound=NamedTuple)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a reader takes of a file that may be made to harm.

    ``rows`` of a table (steps of four days); ``text`` signs of all texts of a table, since pages of
    a damaged file can stand for many rows; ``work`` millions of SQLite's instructions a question
    may take (four days of steps take about ten).
    """

    rows: int = 1_000_000
    text: int = 32 * 1024 * 1024
    work: int = 200


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

    def __init__(self, path: Path, *, limits: Limits = Limits()) -> None:
        """Open and check. Raises RunFileError: not there, not a run file, newer, damaged."""
        self.path = path
        self._limits = limits
        self._copy: TemporaryDirectory[str] | None = None
        self._work = 0
        self._refuse_by_name()
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
        except (ValueError, TypeError) as error:
            raise self._damaged("its header cannot be trusted") from error

    @cached_property
    def run_id(self) -> str:
        """The id in the header."""
        return self._name("run_id")

    @property
    def going_on(self) -> bool:
        """Whether it may be going on: it has no end, and was recorded in this boot.

        So it is while it is recorded, and until a daemon that was cut off takes it up again.
        """
        return not self.finished and self._name("boot_id") == boot_id()

    @cached_property
    def segment(self) -> str:
        """Body segment the pack sat on."""
        return self._name("segment")

    @cached_property
    def software(self) -> str:
        """Version of gaitpi that recorded it."""
        return self._name("gaitpi")

    @cached_property
    def chip(self) -> str:
        """The sensor's chip, by name."""
        return self._name("chip")

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

    part = 0
    """Number of the part of a split run that is read, from 1; 0 = all of it."""
    start_s = 0.0
    """Run time at which what is kept of it begins, s (:mod:`gaitpi.runs.view`)."""

    @property
    def end_s(self) -> float:
        """Run time at which what is kept of it ends, s."""
        return self.totals().duration_s

    @property
    def began(self) -> datetime:
        """Local time at which what is kept of it begins."""
        return self.started + timedelta(seconds=self.start_s)

    @property
    def whole(self) -> "RunReader":
        """The run with nothing trimmed away: what the coach knew."""
        return self

    def keeps(self, time_s: float) -> bool:  # noqa: ARG002 - a view looks at it
        """Whether that run time is not trimmed away."""
        return True

    @property
    def finished(self) -> bool:
        """True when the run was closed; False while it is written or after a power cut."""
        return bool(self._fetch("SELECT id FROM finish LIMIT 1"))

    @property
    def summary(self) -> dict[str, Any]:
        """What the daemon gave on closing; empty for an unfinished run."""
        rows = self._fetch("SELECT summary FROM finish LIMIT 1")
        return self._json(rows[0][0]) if rows else {}

    def totals(self) -> Totals:
        """Duration, running time, steps and cadence without reading raw blocks."""
        source = "finish" if self.finished else "v_totals"
        columns = ", ".join(Totals._fields)
        if source == "v_totals":
            for table in ("step", "second"):  # a count is the one thing SQLite does not interrupt
                sql = f"SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT ?)"
                self._refuse_by_rows(table, self._fetch(sql, (self._limits.rows + 1,))[0][0])
            # before the first sample the view gives a whole number
            columns = columns.replace("duration_s", "CAST(duration_s AS REAL)")
        rows = self._fetch(f"SELECT {columns} FROM {source} LIMIT 1")
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

    def step_means(self, every_s: float) -> list[StepMeans]:
        """Running steps over stretches of ``every_s`` seconds: a chart needs no single ones.

        SQLite adds them up, five times as quick as reading them.
        """
        sql = (
            "SELECT CAST(ic_s / :every AS INTEGER) AS number, count(*),"
            " avg(contact_s), avg(bounce_m)"
            f" FROM step WHERE activity = :running AND ic_s >= 0 AND {self._kept('step')}"
            " GROUP BY number ORDER BY number LIMIT :most"
        )
        values = {"every": every_s, "running": RUNNING, "most": self._limits.rows}
        rows = self._fetch(sql, values | self._bounds)
        return [self._load(StepMeans, row) for row in rows]

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

    def hearts(self) -> list[HeartRow]:
        """A strap's measurements, in the order they came in."""
        return self._table(HeartRow)

    def pods(self) -> list[PodRow]:
        """A foot pod's measurements, in the order they came in."""
        return self._table(PodRow)

    def ask(self, table: str, names: Sequence[str], most: int) -> list[tuple[Any, ...]]:
        """The first ``most`` rows of some columns of ``second`` or ``step``, None = not known.

        Quicker than whole rows, and as little believed: what has a wrong type is damage. Of a whole
        run ``heart`` and ``pod`` can be asked for too.
        """
        if table in self._without:
            return []
        kind = next(kind for kind, name in TABLES.items() if name == table)
        lacks = self._lacks.get(table, {})
        columns = ", ".join(lacks.get(name, name) for name in names)
        sql = f"SELECT {columns} FROM {table} WHERE {self._kept(table)} ORDER BY id LIMIT :most"
        rows = self._fetch(sql, {"most": most, **self._bounds})
        types = [kind.__annotations__[name] for name in names]
        allowed = [{float, type(None)} if t is float else {t} for t in types]
        for values, kinds, name in zip(zip(*rows, strict=True), allowed, names, strict=False):
            if not set(map(type, values)) <= kinds or (name in TIMES.values() and None in values):
                raise self._damaged(f"table {table}: {name} holds what it cannot")
        return rows

    def _kept(self, table: str) -> str:  # noqa: ARG002 - a view looks at it
        """SQL of the rows of ``second`` or ``step`` that are not trimmed away; see ``_bounds``."""
        return "1"

    @property
    def _bounds(self) -> dict[str, Any]:
        """The values of its parameters."""
        return {}

    def summed(self, sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The answer to a question of ours with ``:name`` parameters; its types are the asker's."""
        return self._fetch(sql, values)

    def blocks(
        self,
        on_damage: Callable[[RunFileError], None] | None = None,
        unpack: "Unpack | None" = None,
    ) -> Iterator[RawBlock]:
        """The raw samples, block after block; ``unpack`` None = :func:`gaitpi.runs.codec.unpack`.

        A damaged block raises RunFileError with its number and time. With ``on_damage`` that
        error is handed over instead, the block left out and its time added to the next gap.
        """
        finish = self._fetch("SELECT blocks FROM finish LIMIT 1")
        number, end_s, last_s, lost = 0, 0.0, -math.inf, False
        for row in self._block_rows():
            number += 1
            try:
                block = _block(row, number, unpack)
                if _span(row)[0] <= last_s:
                    raise ValueError("it goes back in time")
            except (ValueError, struct.error) as error:
                found = self._block_error(number, end_s, str(error))
                if on_damage is None:
                    raise found from error
                on_damage(found)
                number, lost = max(number, _whole(row[0])), True
                continue
            times = block.line.times(block.index, len(block.counts) + 1)
            if lost:
                gap_s, lost = max(block.gap_s, float(times[0]) - end_s), False
                block = replace(block, gap_s=gap_s)
            end_s, last_s = float(times[-1]), float(times[-2])
            yield block
        if finish and finish[0][0] != number:
            why = f"the run has {finish[0][0]} blocks"
            found = self._block_error(number + 1, end_s, why)
            if on_damage is None:
                raise found
            on_damage(found)

    def last_block(self) -> RawBlock | None:
        """The last raw block; None when there is none. Raises RunFileError when it is damaged."""
        number = self._fetch("SELECT count(*) FROM block")[0][0]
        for row in self._fetch(f"{_SQL_BLOCKS} ORDER BY id DESC LIMIT 1"):
            try:
                return _block(row, number)
            except (ValueError, struct.error) as error:
                raise self._block_error(_whole(row[0]), math.nan, str(error)) from error
        return None

    def last_ids(self) -> dict[str, int]:
        """The last id in use by table, "block", "step", "second", "cue" ...; 0 for none."""
        tables = ("block", *(table for table in TABLES.values() if table not in self._without))
        columns = ", ".join(f"coalesce((SELECT max(id) FROM {table}), 0)" for table in tables)
        return dict(zip(tables, self._fetch(f"SELECT {columns}")[0], strict=True))

    def newest(self) -> dict[str, float]:
        """Run time of the newest row by table of :data:`gaitpi.runs.rows.TIMES`; -inf for none."""
        columns = ", ".join(f"(SELECT max({time}) FROM {table})" for table, time in TIMES.items())
        found = self._fetch(f"SELECT {columns}")[0]
        return {
            table: time if isinstance(time, float) else -math.inf
            for table, time in zip(TIMES, found, strict=True)
        }

    def _block_rows(self) -> Iterator[tuple[Any, ...]]:
        """Rows of the table, a portion at a time so that a writer can commit in between."""
        last = 0
        while True:
            sql = f"{_SQL_BLOCKS} WHERE id > ? ORDER BY id LIMIT ?"
            rows = self._fetch(sql, (last, _PORTION))
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
        rows = self._fetch(f"SELECT {', '.join(names)} FROM run LIMIT 2")
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
        if table in self._without:
            return []
        lacks = self._lacks.get(table, {})
        columns = ", ".join(lacks.get(name, name) for name in kind._fields)
        sql = f"SELECT id, {columns} FROM {table} WHERE id > ? ORDER BY id LIMIT ?"
        found: list[Row] = []
        last, signs = 0, 0
        while rows := self._fetch(sql, (last, _ROWS_AT_ONCE)):
            for number, *_ in rows:
                if _whole(number) <= last:
                    raise self._damaged(f"table {table} is out of order after row {last}")
                last = number
            values = [row[1:] for row in rows]
            found += self._load_all(kind, values)
            if str in kind.__annotations__.values():
                signs += sum(len(v) for row in values for v in row if isinstance(v, str))
            self._refuse_by_rows(table, len(found))
            if signs > self._limits.text:
                raise self._damaged(f"table {table} has more text than a run can have")
            if len(rows) < _ROWS_AT_ONCE:
                break
        return found

    def _refuse_by_rows(self, table: str, rows: int) -> None:
        if rows > self._limits.rows:
            raise self._damaged(f"table {table} has more rows than a run can have")

    def _load(self, kind: type[Row], row: tuple[Any, ...]) -> Row:
        try:
            value: Row = loaded(kind, row)
        except ValueError as error:
            raise self._damaged(f"table {TABLES.get(kind, 'finish')}: {error}") from error
        return value

    def _load_all(self, kind: type[Row], rows: list[tuple[Any, ...]]) -> list[Row]:
        try:
            return all_loaded(kind, rows)
        except ValueError as error:
            raise self._damaged(f"table {TABLES.get(kind, 'finish')}: {error}") from error

    def _fetch(
        self, sql: str, values: tuple[Any, ...] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        self._work = 0
        try:
            return self._db.execute(sql, values).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._in_words(error) from error

    def _in_words(self, error: Exception) -> RunFileError:
        name = getattr(error, "sqlite_errorname", None) or ""
        if name == "SQLITE_READONLY_ROLLBACK":
            return _CutInCommitError("cut")
        if name == "SQLITE_INTERRUPT":
            return self._damaged("a question to it has no end")
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

    def _refuse_by_name(self) -> None:
        """Raise RunFileError for a name that is no text: no table, cache or report can hold it."""
        try:
            self.path.name.encode()
        except UnicodeEncodeError as error:
            raise RunFileError(
                f"The name of {self.path.name} is not UTF-8.", "Give the file another name."
            ) from error

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
        if size > MAX_BYTES:
            raise RunFileError(
                f"{self.path.name} is larger than {MAX_BYTES // 1024**2} MiB: no run is.",
                "Delete it, or move it out of the folder.",
            )
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
        db.set_progress_handler(self._worked, 1_000_000)
        return db

    def _worked(self) -> bool:
        """True ends the question: called by SQLite after each million of instructions."""
        self._work += 1
        return self._work > self._limits.work

    def _open_copy(self) -> None:
        """Undo a commit that a power cut left half done, in a copy: this file stays untouched."""
        import shutil
        import tempfile

        self._db.close()
        try:
            self._copy = tempfile.TemporaryDirectory(prefix="gaitpi-")
            copy = Path(self._copy.name) / "run"
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
        self.version: int = version
        if version > SCHEMA_VERSION:
            raise RunFileError(
                f"{self.path.name} was written by a newer gaitpi (format {version}, this one "
                f"reads {SCHEMA_VERSION}).",
                "Update gaitpi to read it.",
            )
        found = dict(self._fetch("SELECT name, sql FROM sqlite_schema LIMIT 100"))
        if version < 1 or found != _expected(version):
            raise self._damaged("its tables are not those of a run")
        self._lacks = ADDED.get(version, {})
        self._without = TABLES_IN_4 if version < 4 else ()


class _CutInCommitError(RunFileError):
    """A commit was cut off by a power cut; undoing it needs a writable copy."""


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _block(row: tuple[Any, ...], number: int, unpack: "Unpack | None" = None) -> RawBlock:
    """The block of a row that should be the one of that number. Raises ValueError, struct.error."""
    from gaitpi.imu.batch import ClockLine
    from gaitpi.runs import codec as packing

    identity, index, n, index0, time_s, period_s, gap_s, clipped, codec, crc, data = row
    _need_types(row)
    if identity != number:
        raise ValueError("a block is missing")
    line = ClockLine(index0, time_s, period_s)
    if packing.checksum(number, index, n, line, gap_s, clipped, data, codec) != crc:
        raise ValueError("the checksum does not fit")
    counts = (unpack or packing.unpack)(data, n, codec)
    return RawBlock(index, line, counts, gap_s, clipped)


def _need_types(row: tuple[Any, ...]) -> None:
    """Raise ValueError unless the values of a block row have the types of their columns."""
    kinds = (int,) * 4 + (float,) * 3 + (int,) * 3 + (bytes,)
    if not all(isinstance(value, kind) for value, kind in zip(row, kinds, strict=True)):
        raise ValueError("a value has the wrong type")
    if not all(map(math.isfinite, row[4:7])):
        raise ValueError("a time is not a number")
    begin_s, _ = _span(row)
    if not (math.isfinite(begin_s) and 0.0 <= row[6] <= LATEST_S):
        raise ValueError("a time is no time of a run")


def _span(row: tuple[Any, ...]) -> tuple[float, float]:
    """Times of the first and last sample of a block row, s; (inf, -inf) where they make no sense.

    Clock lines of 1 Hz to 100 kHz make sense, and times no run is longer than.
    """
    _, index, n, index0, time_s, period_s, *_ = row
    try:
        begin_s = time_s + (index - index0) * period_s
        end_s = begin_s + (n - 1) * period_s
    except (TypeError, OverflowError):
        return math.inf, -math.inf
    sane = 1e-5 <= period_s <= 1.0 and max(abs(time_s), abs(begin_s), abs(end_s)) <= LATEST_S
    return (begin_s, end_s) if sane else (math.inf, -math.inf)


@dataclass(frozen=True, slots=True)
class RunEntry:
    """A run in the list, with the id it is asked for by; ``problem`` says what is wrong.

    ``kept`` begin and end in run time (s) of what is not trimmed away, None for all of it;
    ``parts`` of a split run (:mod:`gaitpi.runs.view`).
    """

    path: Path
    run_id: str
    started: datetime | None = None
    totals: Totals | None = None
    finished: bool = False
    recording: str = ""
    problem: str | None = None
    kept: tuple[float, float] | None = None
    parts: tuple["RunEntry", ...] = ()


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


def files_in(directory: Path) -> list[Path]:
    """The run files of a folder, in no order; a missing folder has none.

    Raises RunFileError when this user may not look into it.
    """
    try:
        with os.scandir(directory) as entries:
            return [directory / entry.name for entry in entries if entry.name.endswith(SUFFIX)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise RunFileError(
            f"{directory} cannot be read: {error.strerror}.",
            "If it is the service's: use sudo, or join its group"
            " (sudo usermod -aG gaitpi $USER, then log in anew).",
        ) from error


def list_runs(directory: Path) -> list[RunEntry]:
    """All runs of a folder, newest first; raw samples are not read.

    A damaged or foreign file becomes an entry with its problem. A missing folder has no runs.
    """
    return sorted(map(_entry, files_in(directory)), key=_age, reverse=True)


def newest(directory: Path, count: int) -> list[RunEntry]:
    """The newest runs that can be read, as in :func:`list_runs`, without opening all of them.

    A run began before its file was last written, so a file written long before the last of those
    found began need not be opened.
    """
    written = []
    for path in files_in(directory):
        with contextlib.suppress(OSError):
            written.append((path.stat().st_mtime, path.name, path))
    found: list[tuple[tuple[float, str], RunEntry]] = []
    for mtime, _, path in sorted(written, reverse=True):
        if len(found) == count and mtime + _CLOCKS_S < found[-1][0][0]:
            break
        entry = _entry(path)
        if entry.problem is None:
            found.append((_age(entry), entry))
            found = sorted(found, key=lambda one: one[0], reverse=True)[:count]
    return [entry for _, entry in found]


def _last(directory: Path, name: str) -> Path:
    """The run meant by ``last`` or ``last-N``."""
    back = int(name[5:] or "0")
    found = newest(directory, back + 1)
    if not found:
        raise UsageError(f"There is no run in {directory} yet.", "Record one with gaitpi run.")
    if len(found) <= back:
        many = "is only 1 run" if len(found) == 1 else f"are only {len(found)} runs"
        raise UsageError(f"There {many} in {directory}.", "gaitpi runs lists the runs.")
    return found[back].path


def resolve(directory: Path, name: str) -> Path:
    """The run file meant by ``last``, ``last-1``, an id, the beginning of one id, or a path.

    ``last`` is the newest run that can be read, ``last-1`` the one before. Raises UsageError when
    there is none or the beginning fits several.
    """
    hint = "gaitpi runs lists the runs."
    if _LAST.fullmatch(name):
        return _last(directory, name)
    if name.endswith(SUFFIX) or "/" in name:
        return Path(name).expanduser()
    ids = sorted(path.name.removesuffix(SUFFIX) for path in files_in(directory))
    fitting = [name] if name in ids else [i for i in ids if name and i.startswith(name)]
    if not fitting:
        run, dot, part = name.rpartition(".")
        if dot and part.isdigit() and (_LAST.fullmatch(run) or any(i.startswith(run) for i in ids)):
            if not int(part):
                raise UsageError(f"{name!r} is no part.", f"The first one of a run is {run}.1.")
            raise UsageError(f"{name!r} is a part, and this takes whole runs.", f"Use {run!r}.")
        raise UsageError(f"There is no run {name!r} in {directory}.", hint)
    if len(fitting) > 1:
        shown = ", ".join(fitting[-3:])
        raise UsageError(f"{name!r} is the beginning of {len(fitting)} runs ({shown}).", hint)
    return directory / f"{fitting[0]}{SUFFIX}"
