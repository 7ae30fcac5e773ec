"""Configuration, prescriptions, the journals beside the runs, the status file, a recording.

The first byte says what the rest is: c the configuration; s an assignment (``--set`` and ``config
set``) on its first line and a configuration; p and j a prescription in TOML and JSON; t, g, k, i
a journal of targets, programme, calibration, imports as it is; T, G, K, I the same, each line given
its checksum; e and E what was trimmed, split and noted of a run; u the status file; n an .npz to
play.
"""

import contextlib
import io
import json
import math
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from gaitpi import calibrationfile, config, editfile, prescription, programmefile, targetfile
from gaitpi.cli import main
from gaitpi.coach.programme import Plan, Session
from gaitpi.device import status
from gaitpi.errors import ConfigError, GaitpiError
from gaitpi.imu.virtual.source import RecordingSource
from gaitpi.jsonlines import pack
from gaitpi.runs.reader import RunReader
from gaitpi.runs.view import cut
from tests.fuzz.csvs import signal
from tests.fuzz.target import (
    NUMBERS,
    REALS,
    TEXTS,
    TOKENS,
    Broken,
    Random,
    Target,
    must,
    other_json,
    scramble,
    spoken,
)
from tests.runs.sample import second, write_run

_RUN = "20261124-005534-cab6-57aa15"

_CONFIG = """# mine
[coach]
target_spm = 172   # steps
session = "easy"
quiet_hours = "22:00-06:30"

[imu]
address = 0x6a
chip = "lsm6dsox"

[mount]
axes = "-y,x,z"

[runs]
directory = "~/runs"
"""
_KEYS = tuple(config.keys())
_SECTIONS = tuple(config.Config.__struct_fields__)


def _targets() -> bytes:
    one = targetfile.Accepted(
        wall_s=1.8e9, metric="cadence", value=172.0, how="set", reason="me", runs=("a", "b")
    )
    two = targetfile.Accepted(wall_s=1.8e9, metric="lean", value=5.0, how="accept", lean_from=2)
    return pack(one) + pack(two)


def _programme() -> bytes:
    plan = Plan(name="faded", focus="cadence", sessions=(Session(share=1.0, minutes=20.0),))
    text = prescription.TEMPLATE
    return b"".join(
        map(
            pack,
            (
                programmefile.Started(wall_s=1.8e9, id="20270115-1", plan=plan, target=172.0),
                programmefile.Skipped(wall_s=1.8e9, id="20270115-1", part="session", number=1),
                programmefile.Stopped(wall_s=1.8e9, id="20270115-1", reason="ill"),
                programmefile.Prescribed(wall_s=1.8e9, sha256="0" * 64, text=text, kind="toml"),
            ),
        )
    )


def _calibration() -> bytes:
    return pack(
        calibrationfile.RestRecord(
            wall_s=1.8e9,
            boot_id="b",
            why="still",
            chip="lsm6dsox",
            address=0x6A,
            gyro_bias=(0.01, 0.0, -0.01),
            gyro_bias_sd=1e-4,
            gravity=9.81,
            acc_noise=0.01,
            gyro_noise=0.001,
            seconds=10.0,
        )
    )


def _edits() -> bytes:
    records = (
        editfile.Trim(wall_s=1.8e9, start_s=2.0, end_s=8.0),
        editfile.Split(wall_s=1.8e9, cuts=(4.0, 6.0)),
        editfile.Note(wall_s=1.8e9, number=1, text="legs heavy"),
        editfile.Trim(wall_s=1.8e9, undo=True),
    )
    return b"".join(map(pack, records))


@cache
def _run() -> bytes:
    """A run of ten seconds."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / f"{_RUN}.gaitpi"
        write_run(path, seconds=[second(float(k)) for k in range(10)])
        return path.read_bytes()


def _npz() -> bytes:
    out = io.BytesIO()
    counts = (signal(30, 100.0)[:, 1:4] * 300).astype(np.int16)
    meta = json.dumps({"acc_lsb": 0.0048, "gyr_lsb": 0.0012})
    np.savez_compressed(out, acc=counts, gyr=counts, fs=100.0, meta=meta)
    return out.getvalue()


def _seeds(_folder: Path) -> Iterator[bytes]:
    yield b"c" + _CONFIG.encode()
    yield b"scoach.band_low=0.05\n" + _CONFIG.encode()
    yield b"p" + prescription.TEMPLATE.encode()
    data = {"date": "2026-11-24", "expires": "2027-02-01", "focus": "cadence", "percent": 5}
    yield b"j" + json.dumps(data).encode()
    for letter, text in (
        (b"t", _targets()),
        (b"g", _programme()),
        (b"k", _calibration()),
        (b"e", _edits()),
    ):
        yield letter + text
        yield letter.upper() + b"\n".join(line[12:-1] for line in text.splitlines())
    yield b"u" + msgspec.json.encode(
        status.Status(state="running", pid=1, version="1", boot_id="b", since_s=1.0, updated_s=2.0)
    )
    yield b"n" + _npz()


def _mutate(data: bytes, rng: Random) -> bytes:
    kind, body = data[:1], data[1:]
    choice = rng.randrange(4)
    if choice == 0 or (kind == b"n" and choice < 2):
        return kind + scramble(body, rng, TOKENS)
    if kind == b"n":
        return kind + _other_npz(rng)
    text = body.decode("utf-8", "replace")
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    value = _value(rng)
    if kind in b"cs":
        if kind == b"s" and choice == 1:
            lines[0] = f"{rng.choice((*_KEYS, 'coach.x', '..', 'a.b.c'))}={value}"
        elif choice == 1:
            lines.insert(at, f"[{rng.choice((*_SECTIONS, 'x', 'coach.a', '[runs]'))}]")
        else:
            key = rng.choice(_KEYS)
            short = key.partition(".")[2]
            lines.insert(at, rng.choice((f"{short} = {value}", f"{key} = {value}")))
    elif kind == b"p":
        name, equals, _ = lines[at].partition("=")
        lines[at] = f"{name}= {value}" if equals else rng.choice(lines)
    else:
        lines[at] = other_json(lines[at], rng)
        if choice == 2:
            lines.append(rng.choice(lines))
    return (kind + "\n".join(lines).encode("utf-8", "replace"))[: 96 * 1024]


def _value(rng: Random) -> str:
    one: Any = rng.choice((*NUMBERS, *REALS, *TEXTS[:14], True, [], {}, "none"))
    if isinstance(one, float) and not math.isfinite(one):
        return rng.choice(("nan", "inf", "-inf"))
    return json.dumps(one) if not isinstance(one, dict) else "{ a = 1 }"


def _other_npz(rng: Random) -> bytes:
    """A zip whose members are not what a recording has."""
    out = io.BytesIO()
    counts: Any = (signal(30, 100.0)[:, 1:4] * 300).astype(np.int16)
    fields: dict[str, Any] = {"acc": counts, "gyr": counts, "fs": 100.0, "meta": '{"acc_lsb":1}'}
    name = rng.choice(list(fields))
    fields[name] = rng.choice(
        (
            np.zeros((0, 3)),
            np.zeros(3),
            np.float64(rng.choice(REALS)),
            np.array("\x1b[31m"),
            np.array([complex(1, 2)] * 3),
            np.array([1e300] * 9).reshape(3, 3),
            np.array(['{"acc_lsb":1e999,"gyr_lsb":' + "9" * 400 + "}"]),
            np.array("[" * 4000),
            np.zeros((2, 3), dtype="datetime64[s]"),
            np.zeros((2, 3), dtype=[("a", "i2")]),
        )
    )
    if rng.random() < 0.2:
        del fields[name]
    np.savez_compressed(out, **fields)
    if rng.random() < 0.4:
        head = (
            b"\x93NUMPY\x01\x00v\x00{'descr': '%s', 'fortran_order': False, 'shape': (%s,), }"
            % (rng.choice((b"<i2", b"|O", b"<f8", b"<U1")), rng.choice((b"3", b"10**9", b"9" * 12)))
        )
        body = head.ljust(127) + b"\n" + bytes(rng.choice((8, 10**6)))
        file = zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED)
        with contextlib.suppress(UserWarning), file:  # of a name that is there twice
            file.writestr(f"{rng.choice(('acc', 'extra'))}.npy", body)
    return out.getvalue()


def _read(data: bytes, folder: Path) -> None:
    kind = data[:1].decode("latin-1")
    read = _READERS.get(kind)
    if read is not None:
        read(data[1:], folder)


def _config(data: bytes, folder: Path) -> None:
    path = folder / "config.toml"
    path.write_bytes(data)
    try:
        found = config.load(path)
    except ConfigError:
        _command(["config", "--config", str(path), "check"], folder, (78,))
        raise
    _sound(found)
    for action in ("check", "show"):
        _command(["--config", str(path), "config", action], folder, (0,))


def _sound(found: config.Config) -> None:
    """A configuration that was taken is written and read again the same."""
    for name in _KEYS:
        value = config.get(found, name)
        if isinstance(value, float):
            must(math.isfinite(value), f"{name} is {value}")
    must(config.build(msgspec.to_builtins(found), "again") == found, "built otherwise")


def _assign(data: bytes, folder: Path) -> None:
    line, _, text = data.partition(b"\n")
    assignment = line.decode("utf-8", "replace").replace("\0", "")
    path = folder / "config.toml"
    path.write_bytes(text)
    name, _, value = assignment.partition("=")
    refused: GaitpiError | None = None
    try:
        _sound(config.apply(config.Config(), [assignment]))
    except GaitpiError as error:
        refused = error
    try:
        _, found = config.set_value(path, name, value)
    except GaitpiError:
        must(path.read_bytes() == text, "a refused change changed the file")
        raise
    must(config.load(path) == found, "written otherwise")
    if refused is not None:
        raise refused


def _prescription(kind: str) -> Callable[[bytes, Path], None]:
    def read(data: bytes, folder: Path) -> None:
        path = folder / f"plan.{kind}"
        path.write_bytes(data)
        found, text, _ = prescription.read(path)
        for one in (found.name, found.by, found.note, found.above_cap):
            spoken(one)
        journal = programmefile.path_in(folder)
        programmefile.add(
            journal,
            [
                programmefile.Prescribed(
                    wall_s=1.8e9, sha256=found.sha256, text=text, kind=kind, baseline_spm=165.0
                )
            ],
        )
        kept = prescription.latest(programmefile.load(journal))
        must(kept is not None and kept.sha256 == found.sha256, "kept otherwise")
        _, words = prescription.clamp(config.Config(), kept)
        for one in words:
            spoken(one)

    return read


def _crced(data: bytes) -> bytes:
    return b"".join(b'["%08x",%s]\n' % (zlib.crc32(line), line) for line in data.split(b"\n"))


def _journal(name: str, whole: bool, commands: tuple[tuple[str, ...], ...]) -> Any:
    def read(data: bytes, folder: Path) -> None:
        runs = folder / "runs"
        runs.mkdir(exist_ok=True)
        (runs / name).write_bytes(_crced(data) if whole else data)
        settings = folder / "config.toml"
        settings.write_text(f"[runs]\ndirectory = {json.dumps(str(runs))}\n")
        for command in commands:
            _command(["--config", str(settings), *command], folder, (0, 1, 2, 78))

    return read


def _edited(whole: bool) -> Any:
    """Whatever the edits say, the run is shown, and is what it was."""
    shown = _journal(f"{_RUN}{editfile.ENDING}", whole, _EDITED)

    def read(data: bytes, folder: Path) -> None:
        path = folder / "runs" / f"{_RUN}.gaitpi"
        path.parent.mkdir()
        path.write_bytes(_run())
        shown(data, folder)
        must(path.read_bytes() == _run(), "the run file is another")
        with RunReader(path) as run:
            found = cut(editfile.load(editfile.path_of(path)), run.totals().duration_s)
        must(found.window.end_s > max(0.0, found.window.start_s), "an empty window")

    return read


def _status(data: bytes, folder: Path) -> None:
    path = folder / "status.json"
    path.write_bytes(data)
    os.environ["RUNTIME_DIRECTORY"] = str(folder)
    try:
        _command(["status"], folder, (0, 1))
        _command(["status", "--json"], folder, (0, 1))
        status.read(path)
    finally:
        del os.environ["RUNTIME_DIRECTORY"]


def _recording(data: bytes, folder: Path) -> None:
    path = folder / "recording.npz"
    path.write_bytes(data)
    found = RecordingSource.from_npz(path)
    rate = found.rate_hz
    assert rate is not None
    acc, gyr = found.samples(0, len(found) + 2, rate)
    must(bool(np.isfinite(acc).all() and np.isfinite(gyr).all()), "a value is not finite")
    must(acc.shape == gyr.shape == (len(found) + 2, 3), "shape")


def _command(arguments: list[str], folder: Path, codes: tuple[int, ...]) -> None:
    """A command, as typed: its words, or some sentences of what is wrong."""
    os.environ["XDG_STATE_HOME"] = os.environ["XDG_CONFIG_HOME"] = str(folder / "state")
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    crash = folder / "state" / "gaitpi" / "last-error.txt"
    if crash.exists():
        raise Broken(f"{arguments}: {' | '.join(crash.read_text().splitlines()[-4:])}")
    spoken(out.getvalue())
    spoken(err.getvalue())
    must(code in codes, f"{arguments[0]}: exit code {code}")


_TARGETS = (("target", "show"), ("target", "show", "--json"))
_PROGRAM = (("program", "status"), ("program", "status", "--json"), ("target", "show"))
_CALIBRATION = (("calibrate", "check"),)
_EDITED = (
    *(("runs",), ("runs", "--json"), ("show", "last", "--chart"), ("show", "last.1", "--json")),
    *(("trim", "last"), ("split", "last"), ("note", "last"), ("trim", "last", "--undo")),
)

_READERS: dict[str, Callable[[bytes, Path], None]] = {
    "c": _config,
    "s": _assign,
    "p": _prescription("toml"),
    "j": _prescription("json"),
    "t": _journal(targetfile.NAME, False, _TARGETS),
    "T": _journal(targetfile.NAME, True, _TARGETS),
    "g": _journal(programmefile.NAME, False, _PROGRAM),
    "G": _journal(programmefile.NAME, True, _PROGRAM),
    "k": _journal(calibrationfile.NAME, False, _CALIBRATION),
    "K": _journal(calibrationfile.NAME, True, _CALIBRATION),
    "e": _edited(False),
    "E": _edited(True),
    "u": _status,
    "n": _recording,
}

TARGET = Target("config", _seeds, _mutate, _read, ("gaitpi.config", "gaitpi.prescription"))
