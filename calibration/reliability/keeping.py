"""F17: the daemon killed or hung at random times: for how long it is away, and what is lost."""

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from calibration.reliability import Outcome, Row
from calibration.reliability.kept import SETTINGS
from gaitpi.config import Config, apply
from gaitpi.device.keeper import STALL_S
from gaitpi.device.virtual import twin_of
from gaitpi.faults import RESUMED
from gaitpi.hostclock import VirtualClock
from gaitpi.imu.batch import Batch, ClockLine
from gaitpi.imu.reader import open_reader
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.runs.header import RunHeader, header_crc, header_values
from gaitpi.runs.reader import RunReader
from gaitpi.runs.writer import RunWriter, run_path

PROMISE_S: Final = 6.0
LOST_S: Final = 1.0
HOUR_S: Final = 3600.0
AGAIN_S: Final = 60.0


def _worker(folder: Path) -> int:
    """The process that the status speaks of; 0 without one that has begun."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        found = json.loads((folder / "status.json").read_bytes())
        return 0 if found.get("starting") else int(found["pid"])
    return 0


def _wait_for_another(folder: Path, before: int) -> int:
    end = time.monotonic() + AGAIN_S
    while time.monotonic() < end:
        pid = _worker(folder)
        if pid not in (0, before):
            return pid
        time.sleep(0.02)
    raise TimeoutError(f"no other worker within {AGAIN_S:.0f} s")


def _struck(number: signal.Signals, trials: int, seed: int) -> Outcome:
    """Send the signal so many times to the worker of one run, and judge its file."""
    random_s = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        argv = [sys.executable, "-m", "calibration.reliability.kept", name]
        log = (folder / "log").open("w")
        keeper = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT)
        struck: list[float] = []
        try:
            pid = _wait_for_another(folder, 0)
            for _ in range(trials):
                time.sleep(random_s.uniform(1.5, 3.5))
                struck.append(time.monotonic())
                os.kill(pid, number)
                pid = _wait_for_another(folder, pid)
            time.sleep(1.5)
        finally:
            keeper.terminate()
            keeper.wait()
            log.close()
        return _judged(folder, struck)


def _judged(folder: Path, struck: list[float]) -> Outcome:
    """One run, a gap for each strike, no gap too long, not too much lost before a strike."""
    paths = sorted((folder / "runs").glob("*.gaitpi"))
    trials = len(struck)
    if len(paths) != 1:
        log = (folder / "log").read_text()
        return Outcome(trials, f"{len(paths)} runs", False, f"not one run went on: {log[-2000:]}")
    outages, lost = [], []
    with RunReader(paths[0]) as run:
        finished = run.finished
        run0 = run.header.anchor.mono_s
        end_s = 0.0
        for block in run.blocks():
            times = block.times()
            for at in struck:
                if end_s <= at - run0 < times[0]:
                    outages.append(float(times[0]) + run0 - at)
                    lost.append(at - run0 - end_s)
            end_s = float(block.line.times(block.index + len(block.counts), 1)[0])
    worst = max(outages, default=float("inf"))
    most = max(lost, default=float("inf"))
    kept = finished and len(outages) == trials and worst <= PROMISE_S and most <= LOST_S
    middle = sorted(outages)[len(outages) // 2] if outages else float("nan")
    return Outcome(
        trials,
        f"samples again {worst:.1f} s after it (median {middle:.1f}), {most:.2f} s before it lost",
        kept,
        "" if kept else f"finished {finished}, {len(outages)} gaps of {trials}",
    )


def _killed(trials: int, seed: int) -> Outcome:
    return _struck(signal.SIGKILL, trials, seed)


def _hung(trials: int, seed: int) -> Outcome:
    return _struck(signal.SIGSTOP, trials, seed)


def _long(trials: int, seed: int) -> Outcome:
    """An hour was recorded when it was cut off: it is thought through once more, and goes on."""
    dice = np.random.default_rng(seed)
    worst = 0.0
    for _ in range(trials):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "runs").mkdir()
            path = _hour(folder / "runs", dice)
            log = (folder / "log").open("w")
            argv = [sys.executable, "-m", "calibration.reliability.kept", name]
            began = time.monotonic()
            keeper = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT)
            try:
                while _blocks_after_a_gap(path) < 3 and time.monotonic() < began + AGAIN_S:
                    time.sleep(0.2)
                worst = max(worst, time.monotonic() - began)
            finally:
                keeper.terminate()
                keeper.wait()
                log.close()
            paths = list((folder / "runs").glob("*.gaitpi"))
            with RunReader(path) as run:
                again = sum(event.kind == RESUMED for event in run.events())
            text = (folder / "log").read_text()
            if paths != [path] or again != 1 or "anew" in text:
                why = f"seed {seed}: {len(paths)} runs, taken up {again} times: {text[-1000:]}"
                return Outcome(trials, f"{len(paths)} runs", False, why)
    return Outcome(trials, f"the same run, recorded on {worst:.1f} s after the start", True)


def _hour(directory: Path, dice: np.random.Generator) -> Path:
    """A run of an hour of noise from the virtual sensor, cut off 5 s ago."""
    clock = VirtualClock()
    config = apply(Config(), SETTINGS)
    twin = twin_of("mpu6050").make(SimulatedRunner((Phase("stand", 9.0),)), clock)
    reader = open_reader(VirtualTransport([twin]), clock, config.imu)
    reader.start()
    info = reader.info
    n = round(HOUR_S * info.rate_hz)
    mono_s = time.monotonic() - HOUR_S - 5.0
    header = RunHeader.new(
        mono_s=mono_s,
        wall_s=time.time() - HOUR_S - 5.0,
        sensor=info,
        config=msgspec.json.encode(config).decode(),
        calibration=None,
        segment="pelvis",
        mount="",
        design_rate_hz=info.rate_hz,
        has_gyro=True,
        virtual=False,
        source="virtual chip",
    )
    path = run_path(directory, header.run_id)
    writer = RunWriter(path, replace(header, virtual=True))
    counts = dice.normal([0, 0, 2048, 0, 0, 0], [40, 40, 40, 9, 9, 9], (n, 6)).astype(np.int16)
    line = ClockLine(0, 0.0, 1.0 / info.rate_hz)
    for seq, i in enumerate(range(0, n, 2000)):
        writer.batch(Batch(seq, i, line, counts[i : i + 2000]))
    writer.commit()
    writer.abandon()
    values = header_values(header)
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE run SET virtual = 0, crc32 = ?", (header_crc(values),))
    return path


def _blocks_after_a_gap(path: Path) -> int:
    """Raw blocks since the run went on."""
    sql = "SELECT count(*) FROM block WHERE id >= (SELECT max(id) FROM block WHERE gap_s > 1.0)"
    db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        return int(db.execute(sql).fetchone()[0])
    except sqlite3.OperationalError:  # being written
        return 0
    finally:
        db.close()


_PROMISE: Final = (
    f"samples to the coach again within {PROMISE_S:g} s, the same run goes on, the gap is in it, at"
    f" most {LOST_S:g} s before it lost"
)
ROWS: Final = (
    Row(
        "F17a",
        "daemon crashes",
        "SIGKILL of the daemon's process at random times, real threads, clock and files",
        _PROMISE,
        '"resumed" and "gap" in the run',
        _killed,
        few=2,
        many=100,
    ),
    Row(
        "F17b",
        "daemon hangs",
        f"SIGSTOP of the same for good (noticed after {STALL_S:g} s)",
        _PROMISE,
        '"resumed" and "gap" in the run',
        _hung,
        few=1,
        many=100,
    ),
    Row(
        "F17c",
        "daemon gone in the second hour",
        "a run of an hour without an end, cut off 5 s ago, and a start from nothing",
        "the same run goes on, taken up once; the worker that thinks it through is not hung",
        '"resumed" and "gap" in the run',
        _long,
        few=1,
        many=5,
    ),
)
