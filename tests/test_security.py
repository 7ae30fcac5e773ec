"""What must not be in the code, no listener on a network, no way out of a folder, limits.

docs/security.md says what is trusted and what is not, and has the table of limits that is checked
here.
"""

import ast
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gaitpi import calibrationfile, config, jsonlines, prescription, programmefile, targetfile
from gaitpi.cli import main
from gaitpi.cues import blindtest
from gaitpi.device import csvfile, status
from gaitpi.errors import GaitpiError, InputFileError, RunFileError, UsageError
from gaitpi.imu.virtual import source
from gaitpi.plaintext import plain, plain_lines
from gaitpi.review import fitfile
from gaitpi.runs import reader
from gaitpi.runs.reader import RunReader, list_runs, resolve
from gaitpi.runs.writer import settle
from tests.fuzz import csvs, runfiles
from tests.runs import sample

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "gaitpi").rglob("*.py"))
TREES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in FILES}

# What the code may not contain.

MODULES = {"pickle", "marshal", "shelve", "dill", "joblib", "yaml", "xml", "http", "urllib.request"}
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "tempfile.mktemp"}


def forbidden(tree: ast.AST) -> Iterator[str]:
    """What is in ``tree`` that opens the door to a stranger's code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            for name in (alias.name for alias in node.names):
                whole = f"{module}.{name}".strip(".")
                yield from (f"import {m}" for m in MODULES if f"{whole}.".startswith(f"{m}."))
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in CALLS:
                yield name
            for word in node.keywords:
                if word.arg in ("allow_pickle", "shell") and not (
                    isinstance(word.value, ast.Constant) and word.value.value is False
                ):
                    yield f"{name}({word.arg})"
            if name.endswith(("np.load", "numpy.load")) and not any(
                word.arg == "allow_pickle" for word in node.keywords
            ):
                yield "np.load without allow_pickle=False"


def test_nothing_runs_a_strangers_code() -> None:
    found = {(name, one) for name, tree in TREES.items() for one in forbidden(tree)}
    assert found == set()


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from pickle import loads",
        "import xml.etree.ElementTree",
        "from urllib import request",
        "eval('1')",
        "import os\nos.system('x')",
        "subprocess.run('x', shell=True)",
        "subprocess.run('x', shell=yes)",
        "np.load(x, allow_pickle=True)",
        "np.load(x)",
    ],
)
def test_the_scan_sees_it(text: str) -> None:
    assert list(forbidden(ast.parse(text)))


# SQL.

PARTS = {
    "column": "a name of our schema",
    "columns": "names of our schema (fields of the row types)",
    "', '.join(names)": "names of our schema",
    "', '.join(columns)": "names of our schema",
    "', '.join(_COLUMNS)": "names of our schema",
    "', '.join('?' * 12)": "question marks",
    "table": "one of rows.TABLES",
    "source": "finish or v_totals",
    "time": "one of rows.TIMES",
    "pragma": "a literal of the loop around it",
    "self._kept(table)": "one of two literals",
    "self._kept('step')": "one of two literals",
    "_SECONDS": "a constant",
    "_STEPS": "a constant",
    "marks": "question marks",
    "_PAGE": "a constant",
    "_SQL_BLOCKS": "a constant",
    "APPLICATION_ID": "a constant",
    "SCHEMA_VERSION": "a constant",
    "schema()": "the text of schema.sql",
    "', '.join('?' * (len(columns) + 1))": "question marks",
}
"""What f-strings of SQL may put in, and why no value of a file or a person can be in it."""
SQL = re.compile(r"^\s*(SELECT|INSERT|UPDATE|DELETE|PRAGMA|CREATE|DROP|ATTACH|BEGIN|VACUUM)\b")


def _is_sql(node: ast.AST) -> bool:
    text = node.value if isinstance(node, ast.Constant) else None
    return isinstance(text, str) and bool(SQL.match(text))


def sql_parts(tree: ast.AST) -> Iterator[str]:
    """What is put into texts of SQL in another way than by parameters."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            literal = "".join(
                str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values
            )
            if SQL.match(literal):
                for part in node.values:
                    if isinstance(part, ast.FormattedValue):
                        yield ast.unparse(part.value)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
            if _is_sql(node.left):
                yield ast.unparse(node)
        elif isinstance(node, ast.Attribute) and node.attr == "format" and _is_sql(node.value):
            yield ast.unparse(node)


def test_values_reach_sql_as_parameters_only() -> None:
    found = {(name, one) for name, tree in TREES.items() for one in sql_parts(tree)}
    assert len(found) > 5
    assert {one for one in found if one[1] not in PARTS} == set()


@pytest.mark.parametrize(
    "text",
    [
        "f'SELECT a FROM b WHERE c = {name}'",
        "'SELECT a FROM b WHERE c = %s' % x",
        "'DELETE FROM ' + x",
        "'SELECT {}'.format(x)",
    ],
)
def test_the_scan_sees_sql(text: str) -> None:
    assert set(sql_parts(ast.parse(text))) - set(PARTS)


# No listener on a network.


def families(tree: ast.AST) -> Iterator[str]:
    """Sockets that are made, by the text of their family."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith(("AF_INET", "AF_BLUETOOTH")):
            yield node.attr
        if isinstance(node, ast.Call) and ast.unparse(node.func) in (
            *("socket.socket", "socket.create_server", "socket.create_connection", "socket"),
            *("socket.socketpair", "socket.fromfd"),
        ):
            first = ast.unparse(node.args[0]) if node.args else "AF_INET by default"
            yield first.removeprefix("socket.")


def test_no_socket_is_a_networks() -> None:
    assert {family for tree in TREES.values() for family in families(tree)} == {"AF_UNIX"}


def test_the_scan_sees_sockets() -> None:
    for text in ("socket.socket()", "socket.socket(socket.AF_INET6)", "socket.create_server(x)"):
        assert set(families(ast.parse(text))) - {"AF_UNIX"}


def _inet(pid: int) -> set[str]:
    """Inodes of the network sockets that the process has open."""
    held = set()
    for one in Path(f"/proc/{pid}/fd").iterdir():
        try:
            held.update(re.findall(r"^socket:\[(\d+)\]$", str(one.readlink())))
        except FileNotFoundError:
            continue
    known = set()
    for table in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6", "icmp", "icmp6", "packet"):
        path = Path(f"/proc/{pid}/net/{table}")
        if path.exists():
            rows = [line.split() for line in path.read_text().splitlines()[1:]]
            known |= {row[8 if table == "packet" else 9] for row in rows if len(row) > 9}
    return held & known


@pytest.mark.skipif(not Path("/proc/self/net").exists(), reason="needs Linux's /proc")
def test_a_running_daemon_listens_on_no_network(tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_INET) as mine:  # the look itself sees one
        mine.bind(("127.0.0.1", 0))
        mine.listen()
        assert _inet(os.getpid())
    names = ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")
    environ = {**os.environ, **{name: str(tmp_path) for name in names}}
    daemon = subprocess.Popen(
        [sys.executable, "-m", "gaitpi", "demo", "--realtime", "--story", "steady"],
        env=environ,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        state, until = tmp_path / "gaitpi" / "status.json", time.monotonic() + 120.0
        while time.monotonic() < until and daemon.poll() is None:
            if (found := status.read(state)) is not None and not found.starting:
                break
            time.sleep(0.1)
        else:
            pytest.fail((daemon.stderr and daemon.stderr.read()) or "it does not begin")
        for _ in range(10):
            assert _inet(daemon.pid) == set()
            time.sleep(0.1)
        assert daemon.poll() is None
    finally:
        daemon.send_signal(signal.SIGINT)
        daemon.wait(30)
        assert daemon.stderr is not None
        daemon.stderr.close()


# Paths.


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("GAITPI_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "XDG_STATE_HOME" / "gaitpi" / "runs"
    folder.mkdir(parents=True)
    return folder


def _said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) in (1, 2)
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert "fault of gaitpi" not in err
    assert all(c.isprintable() or c == "\n" for c in out + err)
    return err


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "..", "%2e%2e", "*", "\x1b[2J"]
)
@pytest.mark.parametrize("command", ["show", "cues", "why", "replay"])
def test_a_name_is_no_way_to_other_files(
    runs: Path, capsys: pytest.CaptureFixture[str], command: str, name: str
) -> None:
    said = _said(capsys, command, name)
    # replay says how what should be a CSV begins: he who asks may read it
    assert "root:" not in said or command == "replay"


def test_an_id_in_a_file_names_no_path(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = runs / "20261123-180000-abcd-000001.gaitpi"
    path.write_bytes(runfiles.made(runs))
    with sqlite3.connect(path) as db:
        db.execute("UPDATE run SET run_id = '../../../outside', recording = '../../secret'")
        runfiles.sealed(db)
    db.close()
    before = sorted(runs.parents[2].rglob("*"))
    assert [entry.run_id for entry in list_runs(runs)] == [path.stem]
    for command in (["show"], ["show", "--json"], ["cues"], ["why"], ["runs"]):
        main([*command, *([] if command == ["runs"] else [path.stem])])
        assert "Traceback" not in capsys.readouterr().err
    _said(capsys, "show", "../../../outside")
    _said(capsys, "replay", path.stem)  # a recording's name is a bare name
    # forms that were read are kept beside the runs, and nothing else is written
    assert sorted({*runs.parents[2].rglob("*")} - {runs / "forms.cache"}) == before


def test_export_writes_only_a_new_file(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample.write_run(runs / "20261123-180000-abcd-000001.gaitpi")
    target = runs.parent / "mine.csv"
    target.write_text("mine")
    _said(capsys, "export", "last", "--csv", str(target))
    link = runs.parent / "link.csv"
    link.symlink_to(runs.parent / "elsewhere.csv")
    _said(capsys, "export", "last", "--csv", str(link))
    assert target.read_text() == "mine"
    assert not (runs.parent / "elsewhere.csv").exists()


def test_links_in_the_folder_of_runs_lead_nowhere(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = runs.parent / "secret.db"
    with sqlite3.connect(secret) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t (a)")
    db.close()
    before = secret.read_bytes()
    (runs / "a.gaitpi").symlink_to(secret)
    (runs / "a.gaitpi-journal").write_bytes(b"")
    (runs / "b.gaitpi").symlink_to("/dev/zero")
    (runs / "c.gaitpi").symlink_to(runs / "c.gaitpi")
    (runs / "d.gaitpi").symlink_to("/etc/passwd")
    (runs / "e.gaitpi").mkdir()
    os.mkfifo(runs / "f.gaitpi")
    (runs / "g\x1b[2J\nh.gaitpi").write_bytes(b"x")
    assert settle(runs) == []
    assert secret.read_bytes() == before
    entries = list_runs(runs)
    assert len(entries) == 7
    assert all(entry.problem for entry in entries)
    assert main(["runs"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "root:" not in out
    assert out.count("\n") < 40


@pytest.mark.parametrize("command", ["replay", "import", "demo --play"])
@pytest.mark.parametrize("kind", ["folder", "pipe", "zero"])
def test_what_is_no_file_is_not_waited_for(
    runs: Path, capsys: pytest.CaptureFixture[str], command: str, kind: str
) -> None:
    path = runs.parent / {"replay": "a.csv", "import": "a.fit"}.get(command, "a.npz")
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    _said(capsys, *command.split(), str(path))


# Limits: the table of docs/security.md, each with one more than is allowed.


def test_csv_limits(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(csvs.text(csvs.signal(50, 104.0)))
    assert len(csvfile.read(path, most=50).time_s) == 50
    with pytest.raises(InputFileError, match="more than 49 samples"):
        csvfile.read(path, most=49)
    path.write_bytes(csvs.text(csvs.signal(50, 104.0)) + b"1" * 2 * csvfile.MAX_LINE + b"\n")
    with pytest.raises(InputFileError, match="longer than 1000 signs"):
        csvfile.read(path)
    os.truncate(path, csvfile.MAX_BYTES + 1)
    with pytest.raises(InputFileError, match="larger than 1 GiB"):
        csvfile.read(path)
    shifted = csvs.signal(50, 104.0)
    shifted[:, 0] += 2 * csvfile.MAX_TIME
    path.write_bytes(csvs.text(shifted))
    with pytest.raises(InputFileError, match="no time in s"):
        csvfile.read(path)


WIDE = reader.Limits()


def _hostile(path: Path, *sql: str, finish: bool = True, limits: reader.Limits = WIDE) -> RunReader:
    path.write_bytes(runfiles.made(path.parent, finish=finish))
    with sqlite3.connect(path) as db:
        for one in sql:
            db.execute(one)
        runfiles.sealed(db)
    db.close()
    return RunReader(path, limits=limits)


def _refused(words: str) -> pytest.RaisesExc[RunFileError]:
    return pytest.raises(RunFileError, match=words)


def test_run_file_limits(tmp_path: Path) -> None:
    path = tmp_path / "x.gaitpi"
    few = reader.Limits(rows=2, text=100)
    with _hostile(path, finish=False, limits=few) as run:
        with _refused("table step has more rows than a run can have"):
            run.totals()
        with _refused("table second has more rows than a run can have"):
            run.seconds()
        assert len(run.cues()) == 2
    long = "UPDATE event SET text = hex(zeroblob(60))"
    with _hostile(path, long, limits=few) as run, _refused("more text than a run can have"):
        run.events()
    huge = "UPDATE event SET text = hex(zeroblob(200000))"
    with _hostile(path, huge) as run, _refused("too big"):
        run.events()
    os.truncate(path, reader.MAX_BYTES + 1)
    with _refused("larger than 1024 MiB"):
        RunReader(path)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("UPDATE block SET line_period_s = 0.0", "no time of a run"),
        ("UPDATE block SET line_period_s = -0.005", "no time of a run"),
        ("UPDATE block SET line_time_s = 1e9", "no time of a run"),
        ("UPDATE block SET line_index0 = -9223372036854775807", "no time of a run"),
        ("UPDATE block SET gap_s = -1.0", "no time of a run"),
        ("UPDATE block SET gap_s = 1e9", "no time of a run"),
        ("UPDATE block SET n = 4097", "4097 samples"),
        ("UPDATE block SET codec = 3", "codec 3"),
        ("UPDATE block SET line_index0 = 0, first_index = 0, line_time_s = 0", "back in time"),
    ],
)
def test_raw_block_limits(tmp_path: Path, sql: str, words: str) -> None:
    with _hostile(tmp_path / "x.gaitpi", sql) as run, pytest.raises(RunFileError, match=words):
        list(run.blocks())


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE run SET design_rate_hz = 1e9",
        "UPDATE run SET design_rate_hz = 9e999",
        "UPDATE run SET acc_scale = 0.0",
        "UPDATE run SET gyr_scale = 1e300",
    ],
)
def test_header_limits(tmp_path: Path, sql: str) -> None:
    with _hostile(tmp_path / "x.gaitpi", sql) as run, _refused("header cannot be trusted"):
        _ = run.header


@pytest.mark.parametrize("value", ["NULL", "9e999", "2e8"])
def test_a_row_without_a_time_is_damage(tmp_path: Path, value: str) -> None:
    sql = f"UPDATE second SET time_s = {value}"
    with _hostile(tmp_path / "x.gaitpi", sql) as run, _refused("time_s is no time"):
        run.seconds()


def test_a_question_without_an_end_is_ended(tmp_path: Path) -> None:
    """A tree of 16 levels whose branches are all one page: 60 to the 16th rows in 20 kB."""
    data = (ROOT / "tests" / "corpus" / "run" / "tree-of-one-page.bin").read_bytes()
    path = tmp_path / "x.gaitpi"
    path.write_bytes(data)
    for limits in (reader.Limits(), reader.Limits(rows=10**9, work=3)):
        with RunReader(path, limits=limits) as run:
            with pytest.raises(RunFileError, match="is damaged"):
                run.steps()
            with pytest.raises(RunFileError, match=r"more rows|has no end"):
                run.totals()


def test_no_foreign_table_is_let_in(tmp_path: Path) -> None:
    with pytest.raises(RunFileError, match="not those of a run"):
        _hostile(tmp_path / "x.gaitpi", "CREATE TABLE other (a)")


@pytest.mark.parametrize(
    ("name", "size", "read"),
    [
        ("config.toml", config.SIZE_LIMIT, config.load),
        ("plan.toml", prescription.SIZE_LIMIT, prescription.read),
        ("targets.jsonl", jsonlines.SIZE_LIMIT, targetfile.load),
        ("programme.jsonl", jsonlines.SIZE_LIMIT, programmefile.load),
        ("calibration.jsonl", jsonlines.SIZE_LIMIT, calibrationfile.load),
        ("status.json", status.SIZE_LIMIT, status.read),
        ("sound-tests.jsonl", blindtest.SIZE_LIMIT, blindtest.load),
        ("a.fit", fitfile.MAX_BYTES, fitfile.read),
    ],
)
def test_small_files_have_a_largest_size(tmp_path: Path, name, size: int, read) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / name
    path.write_bytes(b"")
    os.truncate(path, size + 1)
    with pytest.raises(GaitpiError, match=r"is larger than|is too large|it has more than"):
        read(path)


def test_npz_limits(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    acc = np.zeros((source.MAX_BYTES // 6, 3), np.int16)
    np.savez_compressed(path, acc=acc, fs=100.0, meta=json.dumps({"acc_lsb": 1, "gyr_lsb": 1}))
    with pytest.raises(InputFileError, match="unpacks to more than 64 MiB"):
        source.RecordingSource.from_npz(path)
    np.savez(path, acc=np.array([[{}] * 3]), fs=100.0, meta="{}")
    with pytest.raises(InputFileError, match="not a recording"):
        source.RecordingSource.from_npz(path)


def test_a_zlib_bomb_is_not_unpacked() -> None:
    import tracemalloc

    from gaitpi.runs.codec import unpack

    bomb = zlib.compress(bytes(10**8), 9)
    tracemalloc.start()
    with pytest.raises(ValueError, match="not 1 samples"):
        unpack(bomb, 1, 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


# The terminal.


def test_signs_that_a_terminal_obeys_are_escaped() -> None:
    assert plain("näht 170 spm ±4") == "näht 170 spm ±4"
    assert plain("\x1b[2J\x9b\u202e\n") == r"\x1b[2J\x9b\u202e\n"
    assert plain_lines("a\x07\nb") == "a\\x07\nb"
    error = UsageError("\x1b[2J is\nno name.", "\x07")
    assert (str(error), error.found, error.todo) == (
        *("\\x1b[2J is\nno name. \\x07", "\\x1b[2J is\nno name.", "\\x07"),
    )


def test_resolve_stays_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "abc.gaitpi").write_bytes(b"x")
    assert resolve(tmp_path, "a") == tmp_path / "abc.gaitpi"
    with pytest.raises(UsageError):
        resolve(tmp_path, "..")
