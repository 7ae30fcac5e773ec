"""Hostile input: every input that once broke a reader, and a little fuzzing of each.

The long way is ``make fuzz`` (docs/security.md).
"""

import importlib.util
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gaitpi.errors import InputFileError
from tests.fuzz import engine
from tests.fuzz.formats import MODULES, target
from tests.fuzz.target import Broken, Target, judge, scramble

CORPUS = Path(__file__).parent / "corpus"
SECONDS = 1.5
NEVER_BROKEN = ("socket", "heart", "pod", "device")
NAMES = [
    name
    for name in MODULES
    if name != "socket" or importlib.util.find_spec("gaitpi.device.control") is not None
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "RUNTIME_DIRECTORY"):
        monkeypatch.setenv(name, str(tmp_path))  # put back after what the targets set
    monkeypatch.delenv("RUNTIME_DIRECTORY")
    monkeypatch.delenv("GAITPI_CONFIG", raising=False)
    made = tmp_path / "folder"
    made.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(made))
    return made


@pytest.mark.parametrize("name", NAMES)
def test_what_broke_a_reader_once_does_so_no_more(name: str, folder: Path) -> None:
    found = target(name)
    engine.warm(found, folder)
    inputs = sorted((CORPUS / name).glob("*.bin"))
    assert inputs or name in NEVER_BROKEN
    wrong = {
        path.name: outcome.finding
        for path in inputs
        if (outcome := judge(found, path.read_bytes(), folder, seconds=60.0)).finding
    }
    assert not wrong


@pytest.mark.parametrize("name", NAMES)
def test_a_little_fuzzing(name: str, folder: Path, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**31)
    print(f"seed {seed}")
    found = target(name)
    engine.warm(found, folder)
    bench = engine.Bench(found, tmp_path, tmp_path, hang_s=None)
    engine.own(found, bench, SECONDS, seed)
    assert not bench.findings
    assert bench.accepted  # else it only looked at how files are refused


# The judge itself.


def _judged(folder: Path, read: Callable[[bytes, Path], None]) -> str:
    fake = Target("fake", lambda _: iter(()), scramble, read, ())
    return judge(fake, b"x", folder, seconds=0.2).finding


def _burn(_data: bytes, _folder: Path) -> None:
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass


def _refuse(_data: bytes, _folder: Path) -> None:
    raise InputFileError("x.csv is \x1b[2J not a file")


def _connect(_data: bytes, _folder: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))


def _write_inside(_data: bytes, folder: Path) -> None:
    (folder / "a").write_text("x")
    (folder / "b").mkdir()


@pytest.mark.parametrize(
    ("read", "finding"),
    [
        (lambda d, f: None, ""),
        (_refuse, ""),  # the error itself has escaped it
        (_write_inside, ""),
        (lambda d, f: [][0], "IndexError"),
        (lambda d, f: (_ for _ in ()).throw(Broken("odd")), "odd"),
        (_burn, "s of CPU"),
        (_connect, "socket.bind"),
        (lambda d, f: (f.parent / "out").write_text("x"), "wrote"),
        (lambda d, f: (f.parent / "d").mkdir(), "os.mkdir"),
        (lambda d, f: (f / "l").symlink_to("/"), "os.symlink"),
        (lambda d, f: subprocess.run(["true"], check=False), "subprocess.Popen"),
        (lambda d, f: os.system("true"), "os.system"),
    ],
)
def test_the_judge_sees_what_must_not_be(
    folder: Path, read: Callable[[bytes, Path], None], finding: str
) -> None:
    found = _judged(folder, read)
    assert found.startswith(finding) if not finding else finding in found
    assert bool(found) == bool(finding)
    assert not list(folder.iterdir())


def test_too_much_memory_is_a_finding(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; from tests.fuzz.target import Target, judge, limit_memory;"
        "limit_memory(64 << 20);"
        "read = lambda d, f: bytearray(256 << 20) and None;"
        "t = Target('x', lambda f: (), lambda d, r: d, read, ());"
        f"print(judge(t, b'', Path({str(tmp_path)!r})).finding)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "MemoryError" in done.stdout


def test_counts_outlive_a_process_that_dies(tmp_path: Path) -> None:
    bench = engine.Bench(target("csv"), tmp_path, tmp_path, hang_s=None)
    bench.one(b"x")
    bench.save()
    again = engine.Bench(target("csv"), tmp_path, tmp_path, hang_s=None)
    assert (again.executions, again.kinds) == (1, bench.kinds)


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[1])
