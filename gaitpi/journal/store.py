"""The file of the journal, ``journal.db`` beside the runs: rows are only added, nothing is lost.

SQLite as the run files are kept (:mod:`gaitpi.runs.writer` says why): a rollback journal that is
truncated, synchronous=FULL, the folder synced. Every row has a checksum and the whole of what an
entry is after it, so that a damaged one costs itself and the way back, and triggers of the file
refuse to change or delete any. The file may come from anywhere: its tables must be exactly ours,
and what is read is checked and bounded.
"""

import contextlib
import errno
import json
import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import msgspec

from gaitpi.config import make_folder, sync_folder
from gaitpi.errors import GaitpiError
from gaitpi.hostclock import boot_id
from gaitpi.journal import NAME as NAME
from gaitpi.journal.entries import AnyEntry, Kind, Note, Pain, Shoe, Strength, Use, Worn, is_name

APPLICATION_ID: Final = 0x47414A4E
"""SQLite application_id: the letters GAJN."""
SCHEMA_VERSION: Final = 1
"""SQLite user_version; a reader refuses a higher one."""
MAX_BYTES: Final = 32 * 1024 * 1024
"""Bytes of the largest file read."""
MAX_ROWS: Final = 50_000
"""Most rows: ten entries a day for thirteen years."""
_MAX_VALUE: Final = 16 * 1024
"""Bytes of the longest value: a note of 500 signs, escaped, has less."""
_WORK: Final = 200
"""Millions of SQLite's instructions that a question may take."""
_BUSY_S: Final = 10.0
_COLUMNS: Final = (
    *("id", "batch", "act", "of_batch", "entry", "body"),
    *("wall_s", "utc_offset_s", "mono_s", "boot_id", "who"),
)
_TYPES: Final[tuple[Any, ...]] = (
    int,
    int,
    str,
    (int, type(None)),
    str,
    (str, type(None)),
    *[float] * 3,
    str,
    str,
)
_SQL_ADD: Final = (
    f"INSERT INTO change ({', '.join(_COLUMNS)}, crc32) VALUES ({', '.join('?' * 12)})"
)
_SQL_ALL: Final = f"SELECT {', '.join(_COLUMNS)}, crc32 FROM change ORDER BY id LIMIT ?"

Act = Literal["put", "import", "undo", "redo"]


class JournalError(GaitpiError, OSError):
    """The journal cannot be read or written."""

    def __init__(self, found: str, todo: str = "") -> None:
        GaitpiError.__init__(self, found, todo)


class Stamp(NamedTuple):
    """When by which clock, and who: ``wall_s`` since 1970, ``mono_s`` of the boot ``boot``."""

    wall_s: float
    offset_s: float
    mono_s: float
    boot: str
    who: str


class Put(NamedTuple):
    """What an entry shall be: ``entry`` None = not there; ``name`` "" = a new one."""

    entry: AnyEntry | None
    name: str = ""


class Change(NamedTuple):
    """A row: the entry ``name`` was ``before`` and is ``after`` (None = not there).

    ``batch`` the number of the first row of what was done at once; ``of`` the batch that was
    undone or done again, 0 for none.
    """

    number: int
    batch: int
    act: Act
    of: int
    name: str
    before: AnyEntry | None
    after: AnyEntry | None
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Wearing:
    """The pair of a run: ``shoe`` None = not known.

    ``how`` "said" of that run, "in use" then, or "" where nothing is known.
    """

    name: str = ""
    shoe: Shoe | None = None
    how: Literal["said", "in use", ""] = ""


@dataclass(frozen=True)
class Journal:
    """All that is in the file: its rows, oldest first. None stands for a damaged one."""

    rows: tuple[Change | None, ...] = ()

    @property
    def damaged(self) -> int:
        """How many rows were left out."""
        return sum(row is None for row in self.rows)

    @property
    def changes(self) -> tuple[Change, ...]:
        """The rows that can be read."""
        return tuple(row for row in self.rows if row is not None)

    @cached_property
    def entries(self) -> Mapping[str, AnyEntry]:
        """What holds now, by name: by day, then as it was first entered."""
        now: dict[str, AnyEntry] = {}
        first: dict[str, int] = {}
        for change in self.changes:
            first.setdefault(change.name, change.number)
            now.pop(change.name, None)
            if change.after is not None:
                now[change.name] = change.after
        return dict(sorted(now.items(), key=lambda item: (item[1].day, first[item[0]])))

    def named(self, kind: type[Kind]) -> list[tuple[str, Kind]]:
        """Entries of a kind with their names, by day."""
        return [(name, one) for name, one in self.entries.items() if isinstance(one, kind)]

    def of(self, kind: type[Kind]) -> list[Kind]:
        """Entries of a kind, by day."""
        return [one for _, one in self.named(kind)]

    @property
    def pains(self) -> list[Pain]:
        """Every pain that was entered, zeros too. A day that is not among them is not known."""
        return self.of(Pain)

    @property
    def strength(self) -> list[Strength]:
        """Every strength session."""
        return self.of(Strength)

    @property
    def notes(self) -> list[Note]:
        """Every note on a day."""
        return self.of(Note)

    @cached_property
    def shoes(self) -> Mapping[str, Shoe]:
        """The pairs by name of their entry, the retired ones too."""
        return dict(self.named(Shoe))

    @cached_property
    def _uses(self) -> list[Use]:
        """By the time from which each holds; what was said later of the same time wins."""
        said = [c.name for c in self.changes]
        last = {name: number for number, name in enumerate(said)}
        uses = sorted(self.named(Use), key=lambda item: (item[1].from_s, last[item[0]]))
        return [use for _, use in uses]

    @cached_property
    def _worn(self) -> Mapping[str, Worn]:
        return {worn.run: worn for worn in self.of(Worn)}

    def in_use(self, wall_s: float) -> Wearing:
        """The pair in use at that time (since 1970): the one last put in use before it."""
        name = ""
        for use in self._uses:
            if use.from_s <= wall_s:
                name = use.shoe
        shoe = self.shoes.get(name)
        return Wearing() if shoe is None else Wearing(name, shoe, "in use")

    def worn(self, run_id: str, began_s: float) -> Wearing:
        """The pair a run was run in: as was said of it, else the one in use when it began.

        ``run_id`` as in the file; ``began_s`` since 1970, its later clock.
        """
        said = self._worn.get(run_id)
        if said is None:
            return self.in_use(began_s)
        return Wearing(said.shoe, self.shoes.get(said.shoe), "said")

    @cached_property
    def _ways(self) -> tuple[list[int], list[int]]:
        """Batches that can be undone, and those that can be done again; the next one last.

        A damaged row ends the way back: what was before it is not known.
        """
        done: list[int] = []
        undone: list[int] = []
        for row in self.rows:
            if row is None:
                done.clear()
                undone.clear()
            elif row.number != row.batch:
                continue
            elif row.act == "undo" and done[-1:] == [row.of]:
                undone.append(done.pop())
            elif row.act == "redo" and undone[-1:] == [row.of]:
                done.append(undone.pop())
            elif row.act in ("put", "import"):
                done.append(row.batch)
                undone.clear()
        return done, undone

    def rows_of(self, batch: int) -> list[Change]:
        """The rows of what was done at once."""
        return [row for row in self.changes if row.batch == batch]


@dataclass(frozen=True, slots=True)
class Done:
    """What a call has written: the rows, and the journal as it is now."""

    journal: Journal
    rows: Sequence[Change] = field(default_factory=list)


def path_in(runs_directory: Path) -> Path:
    """The journal that belongs to a folder of runs."""
    return runs_directory / NAME


def stamp() -> Stamp:
    """Now, here."""
    wall_s = round(time.time(), 3)
    return Stamp(
        wall_s, float(time.localtime(wall_s).tm_gmtoff), time.monotonic(), boot_id(), _who()
    )


def _who() -> str:
    """The account that asks; by number where it has no name."""
    import getpass  # only who writes is asked

    with contextlib.suppress(OSError, KeyError):
        return (os.environ.get("SUDO_USER") or getpass.getuser())[:64]
    return str(os.getuid())


def load(path: Path) -> Journal:
    """Read the file; a missing one has no entries. Raises JournalError when it cannot be read."""
    if not _checked_size(path):
        return Journal()
    with _opened(path) as db:
        return _read(db, path)


def put(path: Path, puts: Iterable[Put], now: Stamp | None = None, *, act: Act = "put") -> Done:
    """Write entries, all or none; on the card when this returns. Raises JournalError.

    What would change nothing is left out.
    """
    wanted = list(puts)
    return change(path, lambda _journal: wanted, now, act=act)


def change(
    path: Path,
    make: Callable[[Journal], Iterable[Put]],
    now: Stamp | None = None,
    *,
    act: Act = "put",
) -> Done:
    """The same where what is written depends on what is there: nobody writes in between.

    ``make`` may raise; nothing is then written.
    """

    def rows(journal: Journal) -> Iterator[tuple[Act, int, str, AnyEntry | None]]:
        there = journal.entries
        for one in make(journal):
            name = one.name or os.urandom(5).hex()
            if one.entry != there.get(name):
                yield act, 0, name, one.entry

    return _write(path, rows, now or stamp())


def undo(path: Path, now: Stamp | None = None) -> Done:
    """Take back what was done last and is not yet taken back: no rows where there is nothing.

    Done again and again it goes back to the beginning. Raises JournalError.
    """

    def rows(journal: Journal) -> Iterator[tuple[Act, int, str, AnyEntry | None]]:
        done, _ = journal._ways
        for row in reversed(journal.rows_of(done[-1]) if done else ()):
            yield "undo", row.batch, row.name, row.before

    return _write(path, rows, now or stamp(), make_file=False)


def redo(path: Path, now: Stamp | None = None) -> Done:
    """Do again what was undone last, until something new is written. Raises JournalError."""

    def rows(journal: Journal) -> Iterator[tuple[Act, int, str, AnyEntry | None]]:
        _, undone = journal._ways
        for row in journal.rows_of(undone[-1]) if undone else ():
            yield "redo", row.batch, row.name, row.after

    return _write(path, rows, now or stamp(), make_file=False)


# ---------------------------------------------------------------------- the file


_Rows = Callable[[Journal], Iterable[tuple[Act, int, str, AnyEntry | None]]]


def _write(path: Path, rows: _Rows, now: Stamp, *, make_file: bool = True) -> Done:
    """Read, ask ``rows`` what to add, and add it in one transaction."""
    there = _checked_size(path)
    if not there and not make_file:
        return Done(Journal())
    try:
        if not there:
            make_folder(path.parent)
        with _opened(path, write=True) as db:
            db.execute("BEGIN IMMEDIATE")
            if not db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
                _fill(db)
            journal = _read(db, path)
            done = _add(db, journal, list(rows(journal)), now, path)
            db.execute("COMMIT" if done.rows else "ROLLBACK")
            db.execute("PRAGMA journal_mode = DELETE")
        sync_folder(path.parent)
    except (sqlite3.Error, UnicodeDecodeError, OSError) as error:
        if isinstance(error, JournalError):
            raise
        raise _in_words(path, error) from error
    return done


def _add(
    db: sqlite3.Connection,
    journal: Journal,
    new: Sequence[tuple[Act, int, str, AnyEntry | None]],
    now: Stamp,
    path: Path,
) -> Done:
    batch = len(journal.rows) + 1
    if len(journal.rows) + len(new) > MAX_ROWS:
        raise JournalError(
            f"{path.name} has {len(journal.rows)} rows, and {len(new)} more do not fit.",
            "Export it, and begin a new one.",
        )
    state: dict[str, AnyEntry | None] = dict(journal.entries)
    added: list[Change] = []
    for number, (act, of, name, entry) in enumerate(new, batch):
        if not is_name(name) or (entry is not None and not entry.sane):
            raise ValueError(f"{name!r} is no entry that can be meant: {entry}")
        body = None if entry is None else _body(entry)
        values = (number, batch, act, of or None, name, body, *now)
        db.execute(_SQL_ADD, (*values, _crc(values)))
        added.append(Change(number, batch, act, of, name, state.get(name), entry, now))
        state[name] = entry
    return Done(Journal((*journal.rows, *added)), added)


def _body(entry: AnyEntry) -> str:
    """An entry as kept. What was not said is left out: an older gaitpi reads it as well."""
    fields: Mapping[str, Any] = msgspec.to_builtins(entry)
    return msgspec.json.encode({k: v for k, v in fields.items() if v is not None}).decode()


def _fill(db: sqlite3.Connection) -> None:
    """Tables and marks, in the transaction of the first row."""
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    for statement in _statements():
        db.execute(statement)


def _read(db: sqlite3.Connection, path: Path) -> Journal:
    """Every row, checked. Raises JournalError when the file is not a journal, or damaged."""
    try:
        if db.execute("PRAGMA page_count").fetchone()[0] == 0:
            return Journal()  # its very first entry was cut off
        _check(db, path)
        rows = db.execute(_SQL_ALL, (MAX_ROWS + 1,)).fetchall()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise _in_words(path, error) from error
    if len(rows) > MAX_ROWS:
        raise _damaged(path, "it has more rows than a journal can have")
    state: dict[str, AnyEntry | None] = {}
    found: list[Change | None] = []
    for row in rows:
        while len(found) + 1 < row[0] and len(found) < MAX_ROWS:
            found.append(None)  # a row that is not there was deleted: nothing of ours does that
        change = _change(row, len(found) + 1, state)
        found.append(change)
        if change is not None:
            state[change.name] = change.after
    return Journal(tuple(found))


def _change(
    row: tuple[Any, ...], number: int, state: Mapping[str, AnyEntry | None]
) -> Change | None:
    """The change of a row; None when it is damaged, or not the one of that number."""
    *values, crc = row
    if not all(isinstance(v, kind) for v, kind in zip(values, _TYPES, strict=True)):
        return None
    if values[0] != number or _crc(values) != crc:
        return None
    entry = None
    if values[5] is not None:
        try:
            entry = msgspec.json.decode(values[5], type=AnyEntry)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        if not entry.sane:
            return None
    _, batch, act, of, name, _, *when = values
    if not is_name(name):
        return None
    return Change(number, batch, act, of or 0, name, state.get(name), entry, Stamp(*when))


def _crc(values: Sequence[object]) -> int:
    """CRC-32 of the JSON array of the values, UTF-8, no spaces."""
    return zlib.crc32(json.dumps(list(values), ensure_ascii=False, separators=(",", ":")).encode())


@cache
def _statements() -> tuple[str, ...]:
    text = Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")
    statements, begun = [], ""
    for line in text.splitlines(keepends=True):
        if not begun and (not line.strip() or line.startswith("--")):
            continue
        begun += line
        if sqlite3.complete_statement(begun):
            statements.append(begun.strip().removesuffix(";"))
            begun = ""
    return tuple(statements)


@cache
def _expected() -> dict[str, str]:
    """Name and SQL of everything in the schema."""
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        for statement in _statements():
            db.execute(statement)
        return dict(db.execute("SELECT name, sql FROM sqlite_schema"))


def _check(db: sqlite3.Connection, path: Path) -> None:
    """Refuse what is not ours, newer, of other tables than ours, or damaged in its pages."""
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise _foreign(path, "it carries another program's mark")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise JournalError(
            f"{path.name} was written by a newer gaitpi (format {version}, this one reads "
            f"{SCHEMA_VERSION}).",
            "Update gaitpi to read it.",
        )
    found = dict(db.execute("SELECT name, sql FROM sqlite_schema LIMIT 100"))
    if version < 1 or found != _expected():
        raise _damaged(path, "its tables are not those of a journal")
    verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise _damaged(path, verdict)


def _checked_size(path: Path) -> int:
    """Bytes of the file, 0 when it is not there. Raises JournalError when it cannot be one."""
    try:
        size = path.stat().st_size
        regular = path.is_file()
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise _in_words(path, error) from error
    if not regular:
        raise _foreign(path, "it is not a file")
    if size > MAX_BYTES:
        raise JournalError(
            f"{path.name} is larger than {MAX_BYTES // 1024**2} MiB: no journal is.",
            "Move it away and restore a backup.",
        )
    return size


@contextlib.contextmanager
def _opened(path: Path, *, write: bool = False) -> Iterator[sqlite3.Connection]:
    """The file, set up. A commit that was cut off is undone: in a copy where it may not be here."""
    with contextlib.ExitStack() as held:
        try:
            db = held.enter_context(contextlib.closing(_connect(path, write)))
            _set_up(db, write)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            if write or _name(error) != "SQLITE_READONLY_ROLLBACK":
                raise _in_words(path, error) from error
            db = held.enter_context(contextlib.closing(_connect(_copied(path, held), write=True)))
        yield db


def _set_up(db: sqlite3.Connection, write: bool) -> None:
    for pragma in ("trusted_schema = 0", "cell_size_check = 1"):
        db.execute(f"PRAGMA {pragma}")
    if write:
        db.execute("PRAGMA journal_mode = TRUNCATE")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA cache_spill = OFF")  # nothing reaches the file before a commit
    else:
        db.execute("SELECT count(*) FROM sqlite_schema").fetchone()


def _connect(path: Path, write: bool) -> sqlite3.Connection:
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={'rwc' if write else 'ro'}",
        uri=True,
        timeout=_BUSY_S,
        isolation_level=None,
    )
    worked = 0

    def more() -> bool:
        nonlocal worked
        worked += 1
        return worked > _WORK

    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE)
    db.set_progress_handler(more, 1_000_000)
    return db


def _copied(path: Path, held: contextlib.ExitStack) -> Path:
    """A copy in which a commit left half done can be undone: this file stays untouched."""
    import shutil
    import tempfile

    try:
        folder = held.enter_context(tempfile.TemporaryDirectory(prefix="gaitpi-"))
        copy = Path(folder) / NAME
        shutil.copyfile(path, copy)
        shutil.copyfile(f"{path}-journal", f"{copy}-journal")
    except OSError as error:
        raise _in_words(path, error) from error
    return copy


def _name(error: BaseException) -> str:
    return getattr(error, "sqlite_errorname", None) or ""


def _in_words(path: Path, error: Exception) -> JournalError:
    """A failure in words, with what to do."""
    name, code = _name(error), getattr(error, "errno", None)
    if name == "SQLITE_FULL" or code == errno.ENOSPC:
        return JournalError(
            f"No room left to write {path.name}: nothing was entered.",
            "Copy old runs away and delete them, then enter it again.",
        )
    if name.startswith("SQLITE_BUSY"):
        return JournalError(f"{path.name} is locked by another program.", "Try again in a moment.")
    if name.startswith("SQLITE_READONLY") or code in (errno.EROFS, errno.EACCES, errno.EPERM):
        return JournalError(
            f"{path} cannot be written: this user may not, or the card is read-only.",
            "Try it with sudo, or join the group of the service.",
        )
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return JournalError(
            f"{path} cannot be opened.",
            "Check the rights of the folder, or run it as the user of the service.",
        )
    if name == "SQLITE_INTERRUPT":
        return _damaged(path, "a question to it has no end")
    if name == "SQLITE_NOTADB":
        return _foreign(path, "it is not an SQLite file")
    return _damaged(path, str(error))


def _damaged(path: Path, why: str) -> JournalError:
    return JournalError(
        f"{path.name} is damaged: {why}.",
        "Move it away and 'gaitpi restore' a backup; runs are not touched by it.",
    )


def _foreign(path: Path, why: str) -> JournalError:
    return JournalError(f"{path} is not a journal of gaitpi: {why}.", "Move it away.")
