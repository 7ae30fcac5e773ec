"""What is traced: ``python -m calibration.powercut.workload WHAT FOLDER MARKS ...``.

WHAT is ``runs``, the real daemon with its threads, on the real clock and a virtual chip;
``samples``, its recorder alone; or ``journals``, everything that writes small files beside the
runs. MARKS is a file outside FOLDER that says when what was done.
"""

import argparse
import io
import math
import time
from collections.abc import Callable
from pathlib import Path
from sqlite3 import Connection
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct

from gaitpi import calibrationfile, programmefile, targetfile
from gaitpi.config import Config, apply, set_value
from gaitpi.imu.batch import Batch, ClockLine, SensorInfo
from gaitpi.journal import store
from gaitpi.journal.entries import Note
from gaitpi.runs.header import RunHeader
from gaitpi.runs.recorder import Recorder
from gaitpi.runs.rows import HeartRow, PodRow
from gaitpi.runs.writer import RunWriter, run_path

RUNS: Final = "runs"
"""The folder of the runs, in the one that is traced: it has to be made first."""

SETTINGS: Final = ["coach.target_spm=175", "coach.warmup_s=0", "coach.hold_s=4"]

WEAK: Final = {
    "off": "PRAGMA synchronous = OFF",
    "normal": "PRAGMA synchronous = NORMAL",
    "memory": "PRAGMA journal_mode = MEMORY",
}
"""What is set otherwise in a writer that does not keep the promise."""

SLOW_S: Final = 5.0

SENSOR: Final = SensorInfo(
    chip="mpu6050",
    address=0x68,
    bus="none",
    who_am_i=0x68,
    identity="tested",
    rate_hz=200.0,
    acc_scale=0.0047884,
    gyr_scale=0.0010642,
    acc_range=156.9,
    gyr_range=34.9,
    virtual=True,
)
_POLL_S: Final = 0.05
_POLLED: Final = 10


class Call(Struct, frozen=True):
    """A file was changed between ``start`` and ``end`` (CLOCK_MONOTONIC, s) to ``text``."""

    path: str
    start: float
    end: float
    text: str


class Marks(Struct, frozen=True):
    """CLOCK_MONOTONIC less wall clock (s), and what was written to the small files."""

    mono_less_wall: float
    calls: tuple[Call, ...] = ()


class WeakWriter(RunWriter):
    """A writer that breaks the promise on purpose."""

    weaken = "off"

    def _fill(self, db: Connection) -> None:
        super()._fill(db)
        db.execute(WEAK[self.weaken])


class NormalWriter(WeakWriter):
    """``synchronous=NORMAL``: the emptied journal is not synced."""

    weaken = "normal"


class MemoryWriter(WeakWriter):
    """The journal is in memory and gone with the power."""

    weaken = "memory"


class SlowWriter(RunWriter):
    """A commit every ``SLOW_S``."""

    _next_s = 0.0

    @property
    def uncommitted(self) -> int:
        return 0

    def commit_if_due(self) -> None:
        now = time.monotonic()
        if self._next_s == 0.0:
            self._next_s = now + SLOW_S
        elif now >= self._next_s:
            self._next_s = now + SLOW_S
            self.commit()


WRITERS: Final[dict[str, type[RunWriter]]] = {
    "off": WeakWriter,
    "normal": NormalWriter,
    "memory": MemoryWriter,
    "slow": SlowWriter,
}


def record(
    runs: Path,
    seconds: float,
    *,
    stop_s: float = math.inf,
    realtime: bool = True,
    weaken: str = "",
    said: Callable[[str], None] | None = None,
) -> None:
    """One run of ``seconds``, recorded from the first sample on as the daemon does.

    With ``stop_s`` it is ended so long after it began. ``realtime`` False is as fast as can be, and
    no sample is missed. The samples are always the same.
    """
    from gaitpi.cues.outputs import Outputs, TerminalOutput
    from gaitpi.device.daemon import Daemon
    from gaitpi.device.virtual import recorder_in, twin_of
    from gaitpi.hostclock import HostClock, SystemClock, VirtualClock
    from gaitpi.imu.reader import open_reader
    from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
    from gaitpi.imu.virtual.story import Phase
    from gaitpi.imu.virtual.transport import VirtualTransport

    clock: HostClock = SystemClock() if realtime else VirtualClock(wall_s=time.time())
    begun: list[float] = []

    def told(text: str) -> None:
        if text.startswith("Recording"):
            begun.append(clock.monotonic())
        if said is not None:
            said(text)

    phases = (Phase("stand", 1.0), Phase("run", max(seconds - 1.0, 0.1), cadence_spm=160.0))
    twin = twin_of("mpu6050").make(SimulatedRunner(phases, RunnerParams(seed=1)), clock)
    config = apply(Config(), SETTINGS)

    def weak(header: RunHeader) -> tuple[Recorder, Path]:
        path = run_path(runs, header.run_id)
        return Recorder.opening(header, lambda: WRITERS[weaken](path, header)), path

    daemon = Daemon(
        config,
        open_reader(VirtualTransport([twin]), clock, config.imu),
        clock,
        Outputs([TerminalOutput(io.StringIO())]),
        weak if weaken else recorder_in(runs, synchronous=not realtime),
        realtime=realtime,
        source="virtual chip",
        recording="powercut",
        said=told,
    )
    daemon.run(lambda: twin.ended or (bool(begun) and clock.monotonic() >= begun[0] + stop_s))


def record_samples(runs: Path, seconds: float, *, weaken: str = "") -> None:
    """A run of ``seconds`` by the recorder alone: noise, 200 samples a second in real time.

    It starts at once, where a daemon loads its estimator first.
    """
    mono_s = time.monotonic()
    header = RunHeader.new(
        mono_s=mono_s,
        wall_s=time.time(),
        sensor=SENSOR,
        config="{}",
        calibration=None,
        segment="pelvis",
        mount="",
        design_rate_hz=SENSOR.rate_hz,
        has_gyro=True,
        virtual=False,
        source="noise",
    )
    path = run_path(runs, header.run_id)
    writer = WRITERS[weaken] if weaken else RunWriter
    recorder = Recorder.opening(header, lambda: writer(path, header))
    rng = np.random.default_rng(1)
    line = ClockLine(0, 0.0, 1.0 / SENSOR.rate_hz)
    for k in range(int(seconds / _POLL_S)):
        time.sleep(max(0.0, mono_s + (k + 1) * _POLL_S - time.monotonic()))
        counts = rng.integers(-3000, 3000, (_POLLED, 6)).astype(np.int16)
        recorder.batch(Batch(k, k * _POLLED, line, counts))
        if k % 4 == 0:
            recorder.event(k * _POLL_S, "mark", "x" * (k % 90), number=k)
            at_s = (k + 1) * _POLL_S
            recorder.reading(HeartRow(at_s, at_s, 140 + k % 9, 1.0, math.nan, "[0.42]"))
            recorder.reading(PodRow(at_s, at_s, 2.8, 170, 1.0, 2.8 * at_s, 1))
    if problem := recorder.close():
        raise SystemExit(problem)


def write_journals(folder: Path, writes: int) -> list[Call]:
    """``writes`` changes of the small files, in turn."""
    runs = folder / RUNS
    calls = []
    for k in range(writes):
        path, change = _journal(folder, runs, k)
        start = time.monotonic()
        change()
        end = time.monotonic()
        text = held(path)
        calls.append(Call(path.relative_to(folder).as_posix(), start, end, text))
        time.sleep(0.002)
    return calls


def held(path: Path) -> str:
    """The text of a small file; of the runner's journal its rows, a line each.

    Raises GaitpiError where that cannot be read.
    """
    if path.name != store.NAME:
        return path.read_text(errors="backslashreplace")
    return "".join(f"{msgspec.json.encode(row).decode()}\n" for row in store.load(path).rows)


def _journal(folder: Path, runs: Path, k: int) -> tuple[Path, Callable[[], object]]:
    """The file of the ``k``-th change, and what makes it."""
    wall = 1_795_453_320.0 + k
    match k % 5:
        case 0:
            config = folder / "config.toml"
            return config, lambda: set_value(config, "coach.target_spm", str(150 + k))
        case 1:
            rest = calibrationfile.RestRecord(
                wall_s=wall,
                boot_id="cut",
                chip="mpu6050",
                address=0x68,
                why="x" * (40 * (k % 7)),
                gyro_bias=(0.01, 0.02, float(k)),
                gyro_bias_sd=0.001,
                gravity=9.8,
                acc_noise=0.01,
                gyro_noise=0.001,
                seconds=10.0,
            )
            path = calibrationfile.path_in(runs)
            return path, lambda: calibrationfile.add(path, rest)
        case 2:
            accepted = targetfile.Accepted(
                wall_s=wall, metric="cadence", value=160.0 + k, how="set", reason="y" * k
            )
            path = targetfile.path_in(runs)
            return path, lambda: targetfile.add(path, [accepted])
        case 3:
            note = Note(day="2026-11-23", entered_s=wall, text="n" * (1 + 40 * (k % 9)))
            stamp = store.Stamp(wall, 0.0, float(k), "cut", "me")
            path = store.path_in(runs)
            return path, lambda: store.put(path, [store.Put(note)], stamp)
        case _:
            stopped = programmefile.Stopped(wall_s=wall, id=str(k), reason="z" * (30 * (k % 9)))
            path = programmefile.path_in(runs)
            return path, lambda: programmefile.add(path, [stopped])


def main() -> None:
    """Do it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["runs", "samples", "journals"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("marks", type=Path)
    parser.add_argument("--seconds", type=float, nargs="+", default=[4.0, 60.0])
    parser.add_argument("--writes", type=int, default=52)
    parser.add_argument("--weaken", choices=WRITERS, default="")
    args = parser.parse_args()
    # the wall clock is what strace notes; both are read as near to each other as can be
    pairs = [(time.monotonic(), time.time(), time.monotonic()) for _ in range(20)]
    before, wall, after = min(pairs, key=lambda pair: pair[2] - pair[0])
    calls: list[Call] = []
    if args.what == "journals":
        calls = write_journals(args.folder, args.writes)
    elif args.what == "samples":
        for seconds in args.seconds:
            record_samples(args.folder / RUNS, seconds, weaken=args.weaken)
    else:
        from gaitpi.device.warmup import warm_up

        warm_up()
        for seconds in args.seconds:
            record(args.folder / RUNS, seconds, weaken=args.weaken)
    marks = Marks((before + after) / 2 - wall, tuple(calls))
    args.marks.write_bytes(msgspec.json.encode(marks))


if __name__ == "__main__":
    main()
