"""Rows of the machine itself: pauses of Python and of the host (F18), supply (F26), memory (F28).

How late a cue comes on a loaded machine is measured by ``python -m calibration.load``, and a day of
memory by ``python -m calibration.soak``: both take their time, and have tables of their own.
"""

import gc
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from calibration.reliability import Outcome, Row
from gaitpi.config import Config, CuesConfig, apply
from gaitpi.cues.outputs import Outputs, open_outputs
from gaitpi.device.daemon import LATE_S, Daemon
from gaitpi.device.supply import SINCE, UNDER_VOLTAGE, Supply
from gaitpi.device.virtual import play, recorder_in
from gaitpi.device.warmup import warm_up
from gaitpi.gait._jit import compilations
from gaitpi.hostclock import FastClock, HostClock, VirtualClock
from gaitpi.imu.chips.mpu6050.twin import VirtualMpu6050
from gaitpi.imu.reader import open_reader
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.runs.reader import RunReader, list_runs

CHIPS: Final = ("mpu6050", "lsm6dsox", "lsm6ds3", "icm42688", "icm20948", "bmi160")
SUPPLY_S: Final = 2.0
GC_S: Final = 0.1
"""A collection may take so long, s: what is late by it is below ``LATE_S``."""
RSS_MIB: Final = 180.0
FLAGS: Final = Path("sys/devices/platform/soc/soc:firmware/get_throttled")


def compiled(trials: int, seed: int) -> Outcome:
    """Runs of all kinds after the warm-up; how many kernels numba compiles in them."""
    rng = np.random.default_rng(seed)
    warm_up()
    names: list[str] = []
    for trial in range(trials):
        chip, rate = CHIPS[trial % len(CHIPS)], float(rng.choice((100.0, 208.0, 400.0)))
        config = apply(Config(), [f"imu.rate_hz={rate:g}", "coach.target_spm=170"])
        story = (Phase("stand", 4.0), Phase("run", float(rng.uniform(4.0, 8.0))))
        runner = SimulatedRunner(story, RunnerParams(seed=seed + trial))
        with tempfile.TemporaryDirectory() as folder, compilations() as found:
            has_gyro = bool(trial % 2)
            play(runner, config, Path(folder), [], recording="row", chip=chip, has_gyro=has_gyro)
        names += found
    return Outcome(
        trials, f"{len(names)} compiled", not names, f"seed {seed}: {names}" * bool(names)
    )


class Taken(VirtualClock):
    """A clock whose sleeper is now and then away for longer: the host runs something else.

    ``away`` s of each such sleep; the next one comes 2 to 4 s later, until there were ``most``.
    """

    def __init__(self, rng: np.random.Generator, most: int) -> None:
        super().__init__()
        self.away: list[float] = []
        self._rng, self._most = rng, most
        self._next_s = 6.0

    @property
    def rested(self) -> bool:
        """All is over, and another second."""
        return len(self.away) >= self._most and self.monotonic() >= self._next_s - 1.0

    def sleep(self, seconds: float) -> None:
        """Sleep, or longer."""
        super().sleep(seconds)
        if seconds > 0 and self.monotonic() >= self._next_s and len(self.away) < self._most:
            self.away.append(float(self._rng.uniform(LATE_S + 0.01, 0.3)))
            super().sleep(self.away[-1])
            self._next_s = self.monotonic() + float(self._rng.uniform(2.0, 4.0))


def taken_away(trials: int, seed: int) -> Outcome:
    """The host takes the CPU away from the loop; each time is counted and no sample lost."""
    clock = Taken(np.random.default_rng(seed), trials)
    runner = SimulatedRunner((Phase("stand", 4.0), Phase("run", 10.0 + 4.4 * trials)))
    twin = VirtualMpu6050(runner, clock)
    with tempfile.TemporaryDirectory() as folder:
        _daemon(clock, twin, Path(folder)).run(lambda: clock.rested)
        with RunReader(list_runs(Path(folder))[0].path) as run:
            gaps = [block.gap_s for block in run.blocks() if block.gap_s > 0.0]
            late = int(run.summary["counters"].get("late", 0))
    worst = f"away for up to {1e3 * max(clock.away):.0f} ms, {late} counted, {len(gaps)} gaps"
    kept = late == trials and not gaps
    return Outcome(
        trials, worst, kept, "" if kept else f"seed {seed}: {late} of {trials} counted, gaps {gaps}"
    )


def _daemon(
    clock: HostClock,
    twin: VirtualMpu6050,
    folder: Path,
    *,
    outputs: Outputs | None = None,
    supply: Supply | None = None,
    realtime: bool = False,
) -> Daemon:
    config = Config()
    return Daemon(
        config,
        open_reader(VirtualTransport([twin]), clock, config.imu),
        clock,
        outputs or Outputs([]),
        recorder_in(folder, synchronous=not realtime),
        realtime=realtime,
        supply=supply,
    )


def collected(trials: int, seed: int) -> Outcome:
    """So many seconds of a run at ten times real time: what the garbage collector does in it."""
    clock = FastClock(10.0)
    runner = SimulatedRunner((Phase("stand", 4.0), Phase("run", 3600.0)), RunnerParams(seed=seed))
    began, took, own, early, watching = 0.0, list[float](), 0, 0, False

    def watch(phase: str, _info: dict[str, int]) -> None:
        nonlocal began, early
        if phase == "start":
            began = time.perf_counter()
        elif watching:
            took.append(time.perf_counter() - began)
        elif not math.isnan(twin.source_start_s):
            early += 1  # the sensor runs already, and nobody reads it

    with tempfile.TemporaryDirectory() as folder:
        twin = VirtualMpu6050(runner, clock)
        daemon = _daemon(clock, twin, Path(folder), realtime=True)
        start = clock.monotonic()

        def over() -> bool:
            nonlocal watching, own, start
            if not watching:
                watching, start = True, clock.monotonic()
            own += gc.isenabled()
            return clock.monotonic() >= start + trials

        gc.callbacks.append(watch)
        try:
            daemon.run(over)
        finally:
            gc.callbacks.remove(watch)
    longest = max(took, default=0.0)
    kept = not own and not early and longest <= GC_S and len(took) <= trials + 2
    worst = f"{len(took)} collections, the longest {1e3 * longest:.1f} ms"
    return Outcome(
        trials,
        worst,
        kept,
        "" if kept else f"seed {seed}: {worst}; enabled in {own} turns, {early} early",
    )


def sags(trials: int, seed: int) -> Outcome:
    """The supply dips for 0.1 to 3 s at any time of a short run."""
    rng = np.random.default_rng(seed)
    delays: list[float] = []
    wrong: list[str] = []
    for trial in range(trials):
        at, lasts = float(rng.uniform(5.0, 9.0)), float(rng.uniform(0.1, 3.0))
        delay, problem = _one_sag(at, lasts, seed + trial)
        delays.append(delay)
        if problem:
            wrong.append(
                f"seed {seed}, trial {trial}, dip of {lasts:.2f} s at {at:.2f} s: {problem}"
            )
    worst = f"event after {max(delays):.2f} s"
    return Outcome(trials, worst, not wrong, "; ".join(wrong))


def _one_sag(at: float, lasts: float, seed: int) -> tuple[float, str]:
    """How long after the dip the event came, s, and what was wrong."""
    from gpiozero.pins.mock import MockFactory, MockPWMPin

    end = at + lasts + 2.5
    clock = VirtualClock()
    runner = SimulatedRunner((Phase("stand", 4.0), Phase("run", 60.0)), RunnerParams(seed=seed))
    twin = VirtualMpu6050(runner, clock)
    factory = MockFactory(pin_class=MockPWMPin)
    outputs = open_outputs(CuesConfig(buzzer="active", buzzer_pin=18, vibration_pin=23), factory)
    pins: list[bool] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        flags = folder / FLAGS
        flags.parent.mkdir(parents=True)
        flags.write_text("0\n")
        steps: list[tuple[float, Callable[[], object]]] = [
            (at, lambda: flags.write_text(f"{UNDER_VOLTAGE | UNDER_VOLTAGE << SINCE:x}\n")),
            (at + lasts, lambda: flags.write_text(f"{UNDER_VOLTAGE << SINCE:x}\n")),
            (end, lambda: outputs.tone(2700.0, 1.0)),
            (end, lambda: pins.extend(bool(factory.pin(n).state) for n in (18, 23))),
        ]

        def until() -> bool:
            while steps and clock.monotonic() >= steps[0][0]:
                steps.pop(0)[1]()
            return not steps

        daemon = _daemon(clock, twin, folder / "runs", outputs=outputs, supply=Supply(folder))
        daemon.run(until)
        with RunReader(list_runs(folder / "runs")[0].path) as run:
            start = run.header.anchor.mono_s
            times = [start + e.time_s - at for e in run.events() if e.kind == "supply"]
            counted = int(run.summary["counters"].get("supply", 0))
    if not times:
        return float("inf"), "no event"
    problem = "" if 0.0 <= times[0] <= SUPPLY_S else f"after {times[0]:.2f} s"
    if counted != 1:
        problem += f" counted {counted} times"
    if pins != [True, False]:
        problem += f" buzzer and motor {pins}"
    return times[0], problem


MEMORY: Final = """
import sys, tempfile
from pathlib import Path
from gaitpi.config import Config
from gaitpi.device.virtual import play
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.story import Phase

def rss():
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in x)
    return int(line.split()[1]) / 1024

seen, minutes = [], float(sys.argv[1])
def told(progress):
    if not seen or progress.time_s >= 5.0 * len(seen):
        seen.append(rss())
runner = SimulatedRunner((Phase("stand", 5.0), Phase("run", 60.0 * minutes)))
with tempfile.TemporaryDirectory() as folder:
    play(runner, Config(), Path(folder), [], recording="memory", told=told)
print(max(seen), seen[-1] - seen[len(seen) // 2])
"""


def memory(trials: int, seed: int) -> Outcome:
    """A process of its own, so many quarters of a minute in virtual time: its memory."""
    out = subprocess.run(
        [sys.executable, "-c", MEMORY, str(trials / 4.0)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    most, grown = (float(x) for x in out.split())
    worst = f"{most:.0f} MiB; {grown:+.1f} MiB in the second half"
    kept = most <= RSS_MIB
    return Outcome(trials, worst, kept, "" if kept else f"seed {seed}: {worst}")


ROWS: Final = (
    Row(
        "F18a",
        "a kernel is compiled while running",
        "runs of all chips, rates and modes after the warm-up; numba is watched",
        "0 compiled after READY=1",
        "measured; `gaitpi warmup`",
        compiled,
        few=2,
        many=60,
    ),
    Row(
        "F18b",
        "the host takes the CPU away",
        "a clock that oversleeps by 0.11 to 0.3 s",
        "each time counted, no sample lost",
        "late",
        taken_away,
        few=4,
        many=200,
    ),
    Row(
        "F18c",
        "Python collects garbage",
        "seconds of a run with all threads at 10 × real time; the collector is watched",
        "only once a second, between samples; ≤ 100 ms",
        "late",
        collected,
        few=10,
        many=600,
    ),
    Row(
        "F26",
        "the supply sags",
        "the firmware's flag for 0.1 to 3 s at any time",
        "event in the log ≤ 2 s; the motor rests, beeps go on",
        "supply",
        sags,
        few=3,
        many=100,
    ),
    Row(
        "F28",
        "memory runs full",
        "a process of its own, minutes of a run; a day: docs/soak.md",
        "≤ 180 MiB",
        "measured; MemoryMax of the service",
        memory,
        few=1,
        many=480,
    ),
)
