"""How late the player is: from the moment a cue is submitted, and each tick after the first.

``python -m calibration.jitter`` plays trains of ticks on gpiozero's own mock pins with the real
thread and clock, idle and with the machine busy: a Python loop in the same process (it wants the
interpreter's lock as the daemon does), every core busy, and files synced all the while. The
buzzer's edges are timed as the pin is set. The interpreter's switch interval is the daemon's; the
thread's real-time priority is had only with the right to it, which the first line tells.

``--storm`` measures the main loop instead: how late its turns begin on a virtual chip in real time,
alone, with one who watches live, and with eight hostile clients at its control socket
(:mod:`calibration.storm`, a process of its own), and what was cued each time.
"""

import argparse
import contextlib
import math
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gaitpi.coach.types import Cue
from gaitpi.config import Config, CuesConfig, apply
from gaitpi.controlclient import Client
from gaitpi.cues.outputs import Outputs, open_outputs
from gaitpi.cues.player import Played, Player
from gaitpi.device.control import Board
from gaitpi.device.controlsocket import Server
from gaitpi.device.daemon import SWITCH_S, Daemon, Progress
from gaitpi.device.virtual import recorder_in, twin_of
from gaitpi.errors import ControlError
from gaitpi.hostclock import SystemClock
from gaitpi.imu.reader import open_reader
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.runs.reader import RunReader

ROOT = Path(__file__).parents[1]
"""Where other processes find these modules, whatever folder this one is in."""
BEAT_S = 60.0 / 172.0
CONFIG = CuesConfig(pwm="software", volume=100)


def trains(n: int) -> tuple[list[float], list[float]]:
    """(submit to first edge, edge minus its own deadline), s.

    Of n times ``beat``, and for the first also of five times as many ``mark``.
    """
    from gpiozero.pins.mock import MockFactory, MockPWMPin

    edges: list[float] = []

    class Timed(MockPWMPin):  # type: ignore[misc]  # gpiozero has no types
        """Notes when it goes up."""

        def _set_state(self, value: Any) -> None:
            super()._set_state(value)
            if value > 0 and self.info.name == "GPIO18":
                edges.append(time.monotonic())

    done = threading.Event()

    def played(_: Played) -> None:
        done.set()

    player = Player(
        open_outputs(CONFIG, MockFactory(pin_class=Timed)), SystemClock(), played=played
    )
    sys.setswitchinterval(SWITCH_S)
    first: list[float] = []
    late: list[float] = []
    for name, times in (("mark", 5 * n), ("beat", n)):
        for _ in range(times):
            edges.clear()
            done.clear()
            time.sleep(0.05)
            cue = Cue(0.0, name, "cadence", 0.0, (0.0, math.inf), "r", "", BEAT_S)
            start = time.monotonic()
            player.submit(cue)
            done.wait()
            first.append(edges[0] - start)
            # from the first edge on: what the runner hears as an uneven rhythm
            late += [edge - edges[0] - k * BEAT_S for k, edge in enumerate(edges)][1:]
    player.close()
    return first, late


def floor(n: int) -> list[float]:
    """Wake-up minus deadline of a bare thread that sleeps a quarter of a beat, s: the machine's."""
    late: list[float] = []

    def sleep() -> None:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        due = time.monotonic()
        for _ in range(12 * n):
            due += BEAT_S / 4
            time.sleep(max(0.0, due - time.monotonic()))
            late.append(time.monotonic() - due)

    thread = threading.Thread(target=sleep)
    thread.start()
    thread.join()
    return late


@contextmanager
def idle() -> Iterator[None]:
    """Nothing else."""
    yield


@contextmanager
def python_loop() -> Iterator[None]:
    """A thread of this process that never waits."""
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            sum(range(1000))

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _busy() -> None:
    while True:
        sum(range(100_000))


@contextmanager
def all_cores() -> Iterator[None]:
    """A busy process on each core."""
    context = multiprocessing.get_context("spawn")
    spinning = [context.Process(target=_busy, daemon=True) for _ in range(os.cpu_count() or 1)]
    for process in spinning:
        process.start()
    try:
        yield
    finally:
        for process in spinning:
            process.terminate()
            process.join()


@contextmanager
def logging() -> Iterator[None]:
    """A thread that writes and syncs without a pause."""
    stop = threading.Event()

    def write() -> None:
        with tempfile.TemporaryFile() as file:
            while not stop.is_set():
                file.write(bytes(8192))
                file.flush()
                os.fsync(file.fileno())
                if file.tell() > 1 << 24:
                    file.seek(0)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class Timed(SystemClock):
    """A clock that notes how late its maker's thread wakes up, s; ``speed`` times real time."""

    def __init__(self, speed: float = 1.0) -> None:
        self.late: list[float] = []
        self._speed = speed
        self._thread = threading.get_ident()

    def monotonic(self) -> float:
        """Seconds, ``speed`` a second."""
        return time.monotonic() * self._speed

    def sleep(self, seconds: float) -> None:
        """Sleep, and see how much too long it was."""
        due = time.monotonic() + seconds / self._speed
        super().sleep(seconds / self._speed)
        if threading.get_ident() == self._thread:
            self.late.append(time.monotonic() - due)


@contextmanager
def storming(path: Path, seed: int = 1) -> Iterator[list[str]]:
    """Hostile clients at ``path`` in a process of their own; what they say is in the list."""
    process = subprocess.Popen(
        [sys.executable, "-m", "calibration.storm", str(path), "--seed", str(seed)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    said: list[str] = []
    try:
        yield said
    finally:
        said += process.communicate("\n")[0].splitlines()


@contextmanager
def looking(path: Path) -> Iterator[list[str]]:
    """Somebody who watches live, in a process of his own."""
    code = "import sys; from calibration.jitter import watch; watch(sys.argv[1])"
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=ROOT)
    try:
        yield []
    finally:
        process.terminate()
        process.wait()


def watch(path: str) -> None:
    """Read what is sent live, to the end."""
    for _ in range(100):
        with contextlib.suppress(OSError, ControlError), Client(Path(path)) as client:
            for _live in client.live():
                pass
            return
        time.sleep(0.1)


@contextmanager
def nobody(path: Path) -> Iterator[list[str]]:
    """No clients at all."""
    del path
    yield []


def turns(
    folder: Path,
    seconds: float,
    guests: Callable[[Path], Any],
    speed: float = 1.0,
    cues: int = 1_000_000,
) -> tuple[list[float], Path, list[str]]:
    """Lateness of the main loop's turns (s) in so many seconds of a run, its file, what was said.

    It ends earlier with so many ``cues``. The clients begin with the run, and end after it.
    """
    told: list[Progress] = []
    path = folder / "control.sock"
    config = apply(
        Config(),
        ["coach.target_spm=175", "coach.warmup_s=0", "coach.hold_s=4", "coach.quiet_hours="],
    )
    clock, board = Timed(speed), Board()
    source = SimulatedRunner((Phase("run", 3600.0, cadence_spm=160.0),))
    chip = twin_of("lsm6dsox").make(source, clock)  # its FIFO holds more than a second
    reader = open_reader(VirtualTransport([chip]), clock, config.imu)
    daemon = Daemon(
        config,
        reader,
        clock,
        Outputs([]),
        recorder_in(folder / "runs", synchronous=False),
        board=board,
        told=told.append,
    )
    with Server(path, board), guests(path) as said:
        began: list[float] = []

        def until() -> bool:
            if not began:
                began.append(clock.monotonic())
                clock.late.clear()
            cued = bool(told) and told[-1].cues >= cues
            return cued or clock.monotonic() - began[0] > seconds

        ended = daemon.run(until)
    assert ended.path is not None, ended.problems
    return clock.late[:-1], ended.path, [*said, *ended.problems]


def storm(seconds: float) -> None:
    """Print the main loop's lateness without and with a storm."""
    print("| clients | | p50, ms | p99, ms | worst, ms | cues |\n|---|---|---|---|---|---|")
    words = ""
    cases = (("none", nobody), ("one watches", looking), ("eight, hostile", storming))
    for name, guests in (*cases, *cases):
        with tempfile.TemporaryDirectory() as folder:
            late, path, said = turns(Path(folder), seconds, guests)
            with RunReader(path) as run:
                cues = ", ".join(f"{cue.cue} {cue.time_s:.1f} s" for cue in run.cues())
        print(row(f"| {name} | turn of the main loop |", late), cues, "|")
        words = "; ".join(said) or words
    print(f"\n{seconds:g} s each. {words}.")


LOADS: dict[str, Callable[[], Any]] = {
    "idle": idle,
    "syncing files": logging,
    "every core busy": all_cores,
    "a busy loop in the same process": python_loop,
}


def row(name: str, values: list[float]) -> str:
    """p50, p99 and worst in ms."""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return f"{name} {1e3 * cuts[49]:.2f} | {1e3 * cuts[98]:.2f} | {1e3 * max(values):.2f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trains", type=int, default=12, help="beats of 12 ticks a load")
    parser.add_argument("--storm", action="store_true", help="the main loop and its clients")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each --storm")
    args = parser.parse_args()
    if args.storm:
        storm(args.seconds)
        return
    limit = resource.getrlimit(resource.RLIMIT_RTPRIO)[0]
    right = os.geteuid() == 0 or limit != 0
    print(f"Real-time priority {'allowed' if right else 'not allowed'}, nice {os.nice(0)}.\n")
    print("| load | | p50, ms | p99, ms | worst, ms |\n|---|---|---|---|---|")
    for name, load in LOADS.items():
        with load():
            first, late = trains(args.trains)
            bare = floor(args.trains)
        print(row(f"| {name} | submit to first edge |", first))
        print(row("| | tick against its deadline, absolute |", [abs(x) for x in late]))
        print(row("| | a bare thread that only sleeps |", bare))


if __name__ == "__main__":
    main()
