"""How late the player is: from the moment a cue is submitted, and each tick after the first.

``python -m calibration.jitter`` plays trains of ticks on gpiozero's own mock pins with the real
thread and clock, idle and with the machine busy: a Python loop in the same process (it wants the
interpreter's lock as the daemon does), every core busy, and files synced all the while. The
buzzer's edges are timed as the pin is set. The interpreter's switch interval is the daemon's; the
thread's real-time priority is had only with the right to it, which the first line tells.
"""

import argparse
import contextlib
import math
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gaitpi.coach.types import Cue
from gaitpi.config import CuesConfig
from gaitpi.cues.outputs import open_outputs
from gaitpi.cues.player import Played, Player
from gaitpi.device.daemon import SWITCH_S
from gaitpi.hostclock import SystemClock

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
    args = parser.parse_args()
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
