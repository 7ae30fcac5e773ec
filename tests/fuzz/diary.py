"""The runner's journal: a hostile database, and the table that is read into one.

An input that begins with ``d`` is the file; ``c`` a table of CSV.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from gaitpi.journal import days, store, table, tell
from gaitpi.journal.ofrun import pains
from gaitpi.journal.rest import resting, unknown
from gaitpi.journal.store import Journal, Put
from tests.fuzz.runfiles import _command
from tests.fuzz.target import NUMBERS, REALS, TEXTS, TOKENS, Random, Target, must, scramble, spoken
from tests.journal.made import journal_of, pain, shoe, stamp, use

_COLUMNS = (*store._COLUMNS, "crc32")
_TOKENS = (*TOKENS, b"pain", b"shoe", b"use", b"worn", b"2026-05-03", b"1970-01-01", b";", b"'=")
_BODIES = (
    '{"kind":"pain"}',
    '{"kind":"note","day":"2026-05-03","entered_s":1.0,"text":"\\u001b[31m"}',
    '{"kind":"pain","day":"2026-05-03","entered_s":1e999,"level":3}',
    '{"kind":"use","day":"2026-05-03","entered_s":1.0,"shoe":"../x","from_s":1.0}',
    '{"kind":"note","day":"9999-99-99","entered_s":1.0,"text":"x"}',
    '{"kind":"worn","day":"2026-05-03","entered_s":1.0,"run":"/etc/passwd","shoe":""}',
    '{"kind":"shoe","day":"2026-05-03","entered_s":1.0,"name":"' + "x" * 4000 + '"}',
)
_HOSTILE = (
    "CREATE TABLE other (a)",
    "CREATE TRIGGER t AFTER INSERT ON change BEGIN DELETE FROM change; END",
    "CREATE INDEX i ON change (abs(wall_s))",
    "DROP VIEW v_pain",
    "DROP VIEW v_entry; CREATE VIEW v_entry AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT"
    " i + 1 FROM n) SELECT i AS entry FROM n",
    "DROP TABLE change; CREATE VIEW change AS SELECT 1 AS id",
    "PRAGMA application_id = 1",
    "PRAGMA user_version = 7",
    "PRAGMA encoding = 'UTF-16'",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 1 WHERE name = 'change'",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = X'FF' WHERE name = 'v_pain'",
)


def _puts() -> list[Put]:
    return [
        *(Put(shoe("Ghost 15"), "abc"), Put(use("abc", 1e9)), Put(pain(site="lower-left"))),
        Put(pain(level=7, moment="during", run="20260503-1")),
    ]


def _file(folder: Path) -> bytes:
    path = store.path_in(folder)
    journal_of(folder, *_puts())
    store.put(path, [Put(None, "abc")], stamp())
    store.undo(path, stamp())
    data = path.read_bytes()
    path.unlink()
    return data


def _seeds(folder: Path) -> Iterator[bytes]:
    yield b"d" + _file(folder)
    yield b"c" + table.text(Journal()).encode() + b"pain,2026-05-03,3,lower-left,morning\n"
    journal = journal_of(folder, *_puts())
    store.path_in(folder).unlink()
    yield b"c" + table.text(journal).encode()


def _mutate(data: bytes, rng: Random) -> bytes:
    head, body = data[:1], data[1:]
    if head != b"d" or rng.random() < 0.25:
        return head + scramble(body, rng, _TOKENS)
    try:
        return b"d" + _edited(body, rng)
    except (sqlite3.Error, OverflowError, UnicodeError, MemoryError):
        return b"d" + scramble(body, rng)


def _edited(data: bytes, rng: Random) -> bytes:
    """One change by SQL, with the checksums mended most of the time, triggers and all."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.deserialize(data)
        triggers = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        kept = [one for one in triggers.fetchall() if isinstance(one[1], str)]
        for name, _ in kept:
            db.execute(f'DROP TRIGGER "{name}"')
        kind = rng.randrange(6)
        row = rng.randrange(1, 8)
        if kind < 2:
            name = rng.choice(_COLUMNS)
            value = rng.choice((*TEXTS, *NUMBERS, *REALS, None))
            db.execute(f"UPDATE OR REPLACE change SET {name} = ? WHERE id = ?", (value, row))
        elif kind == 2:
            db.execute("UPDATE change SET body = ? WHERE id = ?", (rng.choice(_BODIES), row))
        elif kind == 3:
            db.execute(f"DELETE FROM change WHERE id % {rng.choice((1, 2, 3))} = 0")
        elif kind == 4:
            db.executescript(rng.choice(_HOSTILE))
        else:
            for act, of in (("undo", row), ("redo", row)):
                db.execute(
                    "INSERT INTO change SELECT max(id) + 1, max(id) + 1, ?, ?, entry, body, wall_s,"
                    " utc_offset_s, mono_s, boot_id, who, 0 FROM change",
                    (act, of),
                )
        if rng.random() < 0.9:
            with contextlib.suppress(sqlite3.Error, TypeError, ValueError):
                _seal(db)
        for _, sql in kept:
            with contextlib.suppress(sqlite3.Error):
                db.execute(sql)
        return db.serialize()[: 4 * 128 * 1024]


def _seal(db: sqlite3.Connection) -> None:
    """Make every checksum fit again."""
    for row in db.execute(f"SELECT {', '.join(store._COLUMNS)} FROM change").fetchall():
        db.execute("UPDATE change SET crc32 = ? WHERE id = ?", (store._crc(row), row[0]))


def _read(data: bytes, folder: Path) -> None:
    path = store.path_in(folder)
    if data[:1] == b"d":
        path.write_bytes(data[1:])
        before = path.read_bytes()
        try:
            _use(store.load(path))
        finally:
            must(path.read_bytes() == before, "it was changed by reading")
    else:
        journal = journal_of(folder, *_puts())
        done = store.change(path, lambda j: table.puts(data[1:], j, stamp()), stamp(), act="import")
        must(len(done.journal.rows) >= len(journal.rows), "rows are gone")
        again = store.change(
            path, lambda j: table.puts(data[1:], j, stamp()), stamp(), act="import"
        )
        must(not again.rows, "read twice it changes something")
        _use(done.journal)
    os.environ["XDG_STATE_HOME"] = str(folder / "state")
    runs = folder / "state" / "gaitpi" / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    path.rename(runs / path.name)
    for command in (["journal"], ["journal", "--history"], ["pain"], ["shoe"], ["note"]):
        _command(command, folder)
    _command(["journal", "--undo"], folder)


def _use(journal: Journal) -> None:
    """Everything that is made of it."""
    today = date(2026, 5, 3)
    for entry in journal.entries.values():
        must(entry.sane, "an entry makes no sense")
        spoken(f"{tell.day(entry)} {tell.entry(entry, journal)}")
    for change in journal.changes:
        spoken(tell.change(change, journal))
    resting(journal, today)
    unknown(journal, 1.8e9)
    journal.worn("x", 1.8e9)
    pains(journal, "x", "2026-05-03")
    spoken(days.doubt(stamp(), journal))
    raw = table.text(journal).encode()
    must(not table.puts(raw, journal, stamp()), "its own table changes it")
    fresh = {one.name: one.entry for one in table.puts(raw, Journal(), stamp())}
    must(set(fresh) == set(journal.entries), "its table has other entries")


TARGET = Target("journal", _seeds, _mutate, _read, ("gaitpi.journal.store", "gaitpi.journal.table"))
