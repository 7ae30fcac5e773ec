"""The run file: as bytes, as a hostile database, and its packed blocks by themselves.

An input that begins with ``block`` is the codec (1 byte), the number of samples (4 bytes, signed)
and the packed bytes of one block; every other is a file.
"""

import contextlib
import io
import json
import math
import os
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from fitparse import FitFile

from gaitpi.cli import main
from gaitpi.errors import RunFileError
from gaitpi.imu.batch import ClockLine
from gaitpi.review.change import Change, against_usual, between_runs
from gaitpi.review.charts import draw
from gaitpi.review.drift import Drift, drifts
from gaitpi.review.explain import explain, sentences
from gaitpi.review.form import read
from gaitpi.review.history import NAME, history
from gaitpi.review.ledger import ledger
from gaitpi.review.listening import listen
from gaitpi.review.trend import trends
from gaitpi.review.verdict import judge, lines
from gaitpi.runs.codec import checksum, pack, unpack
from gaitpi.runs.header import header_crc
from gaitpi.runs.reader import RunReader, list_runs, resolve
from gaitpi.runs.rows import HeartRow
from gaitpi.runs.schema import HEADER_COLUMNS, SCHEMA_VERSION, SUFFIX
from tests.fuzz.csvs import signal
from tests.fuzz.target import (
    NUMBERS,
    REALS,
    TEXTS,
    Broken,
    Random,
    Target,
    must,
    scramble,
    spoken,
)

BLOCK = b"block"
_TABLES = (
    *("run", "anchor", "block", "step", "second", "cue", "withheld", "event", "finish"),
    *("heart", "pod"),
)
_NAME = f"20261123-180000-abcd-000001{SUFFIX}"


def made(folder: Path, *, finish: bool = True, codec_1: bool = False) -> bytes:
    """A small run, its pages 512 bytes."""
    from tests.runs import sample

    path = folder / "made.gaitpi"
    path.unlink(missing_ok=True)
    counts = (signal(230, sample.RATE_HZ)[:, 1:7] * 300).astype(np.int16)
    seconds = [sample.second(float(k), lean_deg=4.0 + k, lean_from=2) for k in range(3)]
    cues = [sample.cue(1.5), sample.cue(1.9, "back")]
    sample.write_run(
        path,
        seconds=seconds,
        cues=cues,
        samples=counts,
        readings=[sample.heart(0.8), sample.pod(0.9), sample.heart(1.8), sample.pod(1.9)],
        finish=finish,
        virtual=True,
    )
    db = sqlite3.connect(path, isolation_level=None)
    if codec_1:
        for row in db.execute("SELECT id, n, codec, data FROM block").fetchall():
            values = unpack(row[3], row[1], row[2])
            delta = np.diff(values, axis=0, prepend=np.zeros((1, 6), np.int16))
            planes = np.ascontiguousarray(delta.T).view(np.uint8).reshape(-1, 2).T
            data = zlib.compress(np.ascontiguousarray(planes).tobytes())
            db.execute("UPDATE block SET codec = 1, data = ? WHERE id = ?", (data, row[0]))
        sealed(db)
    db.execute("PRAGMA page_size = 512")
    db.execute("VACUUM")
    db.close()
    data = path.read_bytes()
    path.unlink()
    return data


def sealed(db: sqlite3.Connection) -> None:
    """Make every checksum fit again, where one can be made."""
    names = ", ".join(HEADER_COLUMNS)
    for row in db.execute(f"SELECT rowid, {names} FROM run").fetchall():
        with contextlib.suppress(TypeError, ValueError):
            db.execute("UPDATE run SET crc32 = ? WHERE rowid = ?", (header_crc(row[1:]), row[0]))
    for row in db.execute(
        "SELECT id, first_index, n, line_index0, line_time_s, line_period_s, gap_s, clipped,"
        " codec, data FROM block"
    ).fetchall():
        number, index, n, index0, time_s, period_s, gap_s, clipped, codec, data = row
        with contextlib.suppress(TypeError, ValueError, struct.error):
            line = ClockLine(index0, time_s, period_s)
            crc = checksum(number, index, n, line, gap_s, clipped, data, codec)
            db.execute("UPDATE block SET crc32 = ? WHERE id = ?", (crc, number))


def _seeds(folder: Path) -> Iterator[bytes]:
    yield made(folder)
    yield made(folder, finish=False)
    yield made(folder, codec_1=True)
    counts = (signal(50, 208.0)[:, 1:7] * 300).astype(np.int16)
    yield BLOCK + struct.pack("<Bi", 2, 50) + pack(counts)
    yield BLOCK + struct.pack("<Bi", 1, 1) + zlib.compress(bytes(12))


def _mutate(data: bytes, rng: Random) -> bytes:
    if data.startswith(BLOCK):
        return _block(data, rng)
    if rng.random() < 0.25:
        return scramble(data, rng)
    try:
        return _edited(data, rng)
    except (sqlite3.Error, OverflowError, UnicodeError, MemoryError):
        return scramble(data, rng)


def _block(data: bytes, rng: Random) -> bytes:
    body = data[len(BLOCK) + 5 :]
    codec, n = struct.unpack_from("<Bi", data[len(BLOCK) :].ljust(5, b"\0"))
    kind = rng.randrange(5)
    if kind == 0:
        n = rng.choice((0, -1, 1, 2, 3, 4, 4095, 4096, 4097, 2**31 - 1, n + 1, n - 1))
    elif kind == 1:
        codec = rng.choice((0, 1, 2, 3, 255))
    elif kind == 2:  # a bomb: few bytes, many zeros
        codec, body = 1, zlib.compress(bytes(rng.choice((12 * max(0, min(n, 4096)), 10**5, 10**7))))
    elif kind == 3 and body:
        body = bytes((rng.choice((0, 15, 16, 31, 96, 127, 255)),)) + body[1:]
    n = max(-(2**31), min(2**31 - 1, n))
    body = scramble(body, rng) if kind == 4 else body
    return BLOCK + struct.pack("<Bi", codec, n) + body


def _edited(data: bytes, rng: Random) -> bytes:
    """One change by SQL, with the checksums mended most of the time."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.deserialize(data)
        db.set_progress_handler(iter([0] * 20 + [1] * 10_000).__next__, 100_000)
        db.execute("PRAGMA journal_mode = MEMORY")
        kind = rng.randrange(12)
        if kind < 6:
            _value(db, rng)
        elif kind == 6:
            table = rng.choice(_TABLES)
            db.execute(f"DELETE FROM {table} WHERE rowid % {rng.choice((1, 2, 3))} = 0")
        elif kind == 7:
            table, by = rng.choice(_TABLES), rng.choice(NUMBERS)
            db.execute(f"UPDATE OR REPLACE {table} SET id = ? + id", (by,))
        elif kind == 8:
            _doubled(db, rng)
        elif kind == 9:
            _hostile(db, rng)
        elif kind == 10:
            rows = db.execute("SELECT id, n FROM block").fetchall()
            number, n = rng.choice(rows) if rows else (1, 1)
            n = max(-(2**31), min(2**31 - 1, n)) if isinstance(n, int) else 1
            head = _block(BLOCK + struct.pack("<Bi", 2, n) + b"\x00" * 6, rng)[len(BLOCK) :]
            codec, n = struct.unpack_from("<Bi", head)
            db.execute(
                "UPDATE block SET codec = ?, n = ?, data = ? WHERE id = ?",
                (codec, n, head[5:], number),
            )
        else:
            db.execute(f"PRAGMA user_version = {rng.choice((0, 1, 2, 3, 4, 5, -1, 2**31 - 1))}")
        if rng.random() < 0.9:
            with contextlib.suppress(sqlite3.Error):
                sealed(db)
        return db.serialize()[: 4 * 128 * 1024]


def _value(db: sqlite3.Connection, rng: Random) -> None:
    """Another value in one column, of its type or, the table made lax for it, of another."""
    table = rng.choice(_TABLES)
    columns = db.execute(f"PRAGMA table_info({table})").fetchall()
    _, name, kind, *_ = rng.choice(columns)
    values = {"INTEGER": NUMBERS, "REAL": REALS, "TEXT": TEXTS, "BLOB": (b"", b"\0" * 70_000)}
    if rng.random() < 0.15:
        _lax(db, table)
        kind = rng.choice(list(values))
    where = rng.choice(("1", f"rowid = {rng.randrange(1, 5)}"))
    value: Any = rng.choice(values[kind])
    if table == "event" and name == "kind" and rng.random() < 0.5:
        value = rng.choice(("dropout", "fault", "mute", "metronome", "mark", "gap"))
    db.execute(f"UPDATE OR REPLACE {table} SET {name} = ? WHERE {where}", (value,))


def _lax(db: sqlite3.Connection, table: str) -> None:
    """Any value in any column, by the schema's back door; read, the table is strict again."""
    db.execute("PRAGMA writable_schema = ON")
    db.execute(
        "UPDATE sqlite_schema SET sql = replace(replace(replace(sql, ') STRICT', ')'),"
        " ' NOT NULL', ''), ' CHECK (id = 1)', '') WHERE name = ?",
        (table,),
    )
    db.execute("PRAGMA writable_schema = RESET")


def _doubled(db: sqlite3.Connection, rng: Random) -> None:
    """The rows of a table many times."""
    table = rng.choice(_TABLES[1:])
    names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")][1:]
    for _ in range(rng.choice((1, 2, 4))):
        columns = ", ".join(names)
        db.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} LIMIT 300")


_HOSTILE = (
    "CREATE TRIGGER t AFTER INSERT ON step BEGIN DELETE FROM step; END",
    "CREATE TABLE other (a, b)",
    "CREATE INDEX i ON step (ic_s)",
    "CREATE INDEX i ON second (abs(time_s))",
    "CREATE VIEW x AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT count(*) FROM n",
    "DROP VIEW v_totals",
    "DROP VIEW v_totals; CREATE VIEW v_totals AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
    " SELECT i + 1 FROM n) SELECT i AS duration_s, i AS running_s, 1 AS steps, 1 AS"
    " running_steps, NULL AS cadence_spm FROM n",
    "DROP TABLE event; CREATE VIEW event AS SELECT 1 AS id",
    "DROP TABLE event; CREATE TABLE event (id INTEGER PRIMARY KEY, time_s, kind, text, detail)",
    "DROP TABLE finish",
    "PRAGMA application_id = 1",
    "PRAGMA encoding = 'UTF-16'",
    "PRAGMA auto_vacuum = FULL",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 2 WHERE name = 'step'",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 1 WHERE name = 'event'",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 0 WHERE name = 'cue'",
    "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema SELECT * FROM sqlite_schema LIMIT 1",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET name = 'sqlite_' || name",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = NULL WHERE type = 'view'",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = X'FF' WHERE name = 'v_run'",
)


def _hostile(db: sqlite3.Connection, rng: Random) -> None:
    """Tables, views, triggers and roots that no run has."""
    if rng.random() < 0.5:
        _lax(db, rng.choice(_TABLES))
    db.executescript(rng.choice(_HOSTILE))


def _strict(data: bytes) -> bytes:
    """The schema's text as it should be, so that what was made lax passes for a run."""
    from gaitpi.runs.reader import _expected

    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        try:
            db.deserialize(data)
            version = db.execute("PRAGMA user_version").fetchone()[0]
            wanted = _expected(version) if 1 <= version <= SCHEMA_VERSION else {}
            rows = db.execute("SELECT name, sql FROM sqlite_schema").fetchall()
            if all(not isinstance(sql, str) or wanted.get(name, sql) == sql for name, sql in rows):
                return data
            db.execute("PRAGMA writable_schema = ON")
            for name, sql in wanted.items():
                db.execute(
                    "UPDATE sqlite_schema SET sql = ? WHERE name = ? AND type = 'table'",
                    (sql, name),
                )
            return db.serialize()
        except (sqlite3.Error, UnicodeError, MemoryError):
            return data


def _read(data: bytes, folder: Path) -> None:
    if data.startswith(BLOCK):
        codec, n = struct.unpack_from("<Bi", data[len(BLOCK) :].ljust(5, b"\0"))
        try:
            counts = unpack(data[len(BLOCK) + 5 :], n, codec)
        except ValueError as error:
            raise RunFileError(f"block: {error}") from error
        must(counts.shape == (n, 6) and counts.dtype == np.int16, "shape")
        if codec == 2:
            must((unpack(pack(counts), n) == counts).all(), "packed otherwise")
        return
    path = folder / _NAME
    path.write_bytes(_strict(data))
    before = path.read_bytes()
    try:
        _use(path, folder)
    finally:
        must(path.read_bytes() == before, "the file was changed")
        names = {one.name for one in folder.iterdir()}
        must(
            names <= {path.name, NAME, "run.csv", "run.fit", "table.csv", "state"},
            f"left behind: {names}",
        )


def _use(path: Path, folder: Path) -> None:
    """Everything that is made of a run: each part by itself, so that one damage hides no other."""
    refused: list[RunFileError] = []
    for entry in list_runs(folder):
        spoken(f"{entry.run_id} {entry.recording} {entry.problem or ''}")
        must(resolve(folder, entry.run_id).parent == folder, "an id led out of the folder")
    with RunReader(path) as run:
        for part in (
            lambda: _header(run),
            lambda: json.dumps(run.config),
            lambda: json.dumps(run.summary),
            lambda: f"{run.run_id} {run.segment} {run.recording}",
            lambda: run.started.isoformat(),
            lambda: _rows(run),
            lambda: "\n".join(lines(judge(run))),
            lambda: _charts(run),
            lambda: _compared(run),
            lambda: ledger(run),
            lambda: "\n".join(sentences(explain(run, None))),
            lambda: "\n".join(sentences(explain(run, 1.7))),
            lambda: _blocks(run),
        ):
            try:
                said = part()
                spoken(said if isinstance(said, str) else "")
            except RunFileError as error:
                spoken(str(error))
                refused.append(error)
    listen(folder, "")
    json.dumps({key: t.as_json() for key, t in trends(history(folder).forms).items()})
    shows = (["show", "--chart"], ["show", "--json"], ["compare"], ["compare", "--json"])
    for command in (*shows, ["cues"], ["cues", "--json"], ["why"]):
        _command([*command, str(path)], folder)
    _command(["replay", str(path)], folder)
    _command(["export", str(path), "--csv", str(folder / "run.csv")], folder)
    _command(["export", str(path), "--fit", str(folder / "run.fit")], folder)
    for table in ("steps", "seconds", "cues"):
        csv = str(folder / "table.csv")
        _command(["export", str(path), "--csv", csv, "--table", table, "--force"], folder)
    with contextlib.suppress(FileNotFoundError):
        FitFile(str(folder / "run.fit"), check_crc=True).parse()
    if refused:
        raise refused[0]


def _header(run: RunReader) -> None:
    sensor = run.header.sensor
    must(isinstance(sensor.chip, str), "chip is no text")


def _rows(run: RunReader) -> None:
    tables = (run.steps(), run.seconds(), run.cues(), run.withheld(), run.events())
    for rows in (*tables, run.hearts(), run.pods()):
        for row in rows:
            for name, value in row._asdict().items():
                if isinstance(value, str):
                    if isinstance(row, HeartRow) and name == "rr_s":
                        must(all(0 <= x <= 64 for x in row.intervals_s), "an interval is none")
                    elif name != "detail":  # JSON, never shown as it is
                        spoken(value)
                else:
                    must(isinstance(value, int | float), "a value is no number")
    totals = run.totals()
    must(all(isinstance(v, int | float) for v in totals), "a total is no number")


def _compared(run: RunReader) -> str:
    """The run against itself and nothing, and its drift: all of it can be told as JSON."""
    made = read(run)
    found: list[Change | Drift] = [
        *against_usual(made.form, [made.form]).values(),
        *between_runs(made.form, made.form).values(),
        *drifts(made).values(),
    ]
    for one in found:
        json.dumps(one.as_json(), allow_nan=False)
    return " ".join(one.why for one in found)


def _charts(run: RunReader) -> str:
    """The charts: whatever is in the file, they keep their width."""
    drawn = draw(run, run.seconds())
    must(all(len(line) <= 80 for line in drawn), "a chart is too wide")
    return "\n".join(drawn)


def _blocks(run: RunReader) -> None:
    problems: list[str] = []
    samples, end_s = 0, -math.inf
    for block in run.blocks(lambda error: problems.append(str(error))):
        times = block.times()
        must(block.counts.dtype == np.int16 and block.counts.shape[1] == 6, "counts")
        must(bool(np.isfinite(times).all()), "a time is not finite")
        must(bool((np.diff(times) > 0).all()), "time does not increase in a block")
        must(float(times[0]) > end_s, "blocks go back in time")
        end_s = float(times[-1])
        samples += len(times)
    must(samples < 10_000_000, "too much")
    for problem in problems:
        spoken(problem)


def _command(arguments: list[str], folder: Path) -> None:
    """A command, as typed: its words, or one sentence of what is wrong."""
    os.environ["XDG_STATE_HOME"] = str(folder / "state")
    os.environ["XDG_CONFIG_HOME"] = str(folder / "state")
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    crash = folder / "state" / "gaitpi" / "last-error.txt"
    if crash.exists():
        raise Broken(f"{arguments[0]}: {' | '.join(crash.read_text().splitlines()[-4:])}")
    spoken(out.getvalue())
    spoken(err.getvalue())
    must(code in (0, 1, 78), f"{arguments[0]}: exit code {code}")
    lines = out.getvalue().splitlines()
    if arguments[0] in ("show", "cues", "why") and "--json" not in arguments:
        must(all(len(line) <= 80 for line in lines), f"{arguments[0]}: a line is too wide")


TARGET = Target(
    "run",
    _seeds,
    _mutate,
    _read,
    ("gaitpi.runs", "gaitpi.review"),
)
