"""The daemon in real time on a machine that has other things to do: beats, readings, steps, files.

``python -m calibration.load`` runs the whole daemon against a simulated runner, as
``calibration.reaction`` does: virtual chip, driver, estimator, recorder on a disk, player and
gpiozero's mock pins, each in a process of its own, once while the machine is left alone and once
under load: two busy loops a core, a memory copier, a writer that syncs, and two processes that wake
each other without a pause. All of that at the service's priority and with the right to a real-time
one for the thread that plays cues, without that right, and as by hand. Only the policy is another:
it plays four seconds of rhythm every five.

Told are: the time of each tick against its deadline, counted from the first tick of its rhythm; how
late the loop woke up; how old each sample was when it was read (on average half a poll); from the
foot's strike to the coach's answer; and whether anything was lost. Figures hang on the machine, so
each is also given as a multiple of the same without load.
"""

import argparse
import contextlib
import gc
import json
import math
import multiprocessing
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from calibration.jitter import BEAT_S, CONFIG
from calibration.reaction import NEAR_S, Pins
from calibration.validation.report import into
from gaitpi.coach.policy import Coach
from gaitpi.coach.types import Cue, Moment, StepTaken, Withheld
from gaitpi.config import CoachConfig, Config
from gaitpi.cues.outputs import open_outputs
from gaitpi.cues.vocabulary import pattern
from gaitpi.device.daemon import Daemon
from gaitpi.device.virtual import twin_of
from gaitpi.hostclock import SystemClock
from gaitpi.imu.batch import Batch
from gaitpi.imu.reader import Reader, find_sensor
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.runs.header import RunHeader
from gaitpi.runs.reader import RunReader
from gaitpi.runs.recorder import Recorder
from gaitpi.runs.writer import RunWriter, run_path

ROOT: Final = Path(__file__).parents[1]
DOC: Final = ROOT / "docs" / "soak.md"
CHIP: Final = "mpu6050"
"""Of all families the one whose memory is full soonest, after 0.35 s at 208 Hz."""
EVERY_S: Final = 5.0
"""A rhythm begins so often, s; it takes 4."""
TICKS: Final = pattern("beat").ticks
STAND_S: Final = 4.0
SETTLE_S: Final = 10.0
"""Standing, and the first steps of the run, which wait until it is believed."""
READY_S: Final = 5.0
"""From the first poll on; a second of samples waits until the chip's rate is known, s."""
COMMIT_LATE_S: Final = 1.0
"""A power cut costs more than that when commits are further apart, s."""

Figures = dict[str, Any]


class Noting(SystemClock):
    """Notes how late the main thread wakes from what it sleeps, s."""

    def __init__(self) -> None:
        self.late: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Sleep."""
        due = self.monotonic() + seconds
        super().sleep(seconds)
        if threading.current_thread() is threading.main_thread():
            self.late.append(self.monotonic() - due)


class Noted(Reader):
    """Notes how old each sample is when it has been read, s."""

    ages: list[Any]
    read = 0
    _first_s = math.inf

    def poll(self) -> list[Batch]:
        """As it is."""
        batches = super().poll()
        now = self._clock.monotonic()
        self._first_s = min(self._first_s, now)
        self.read += sum(len(batch.counts) for batch in batches)
        if now > self._first_s + READY_S:
            self.ages += [now - batch.times() for batch in batches]
        return batches


class Committed(RunWriter):
    """Notes when it has committed, s."""

    at: list[float]

    def commit(self) -> None:
        """As it is."""
        super().commit()
        self.at.append(time.monotonic())


class Beating(Coach):
    """Plays a rhythm every ``EVERY_S`` seconds, and notes when it was asked about each step."""

    def __init__(self, config: CoachConfig, *, day_second: float | None = None) -> None:
        super().__init__(config, day_second=day_second)
        self.asked: list[tuple[StepTaken, float]] = []
        self.begun: list[float] = []
        self._new: list[StepTaken] = []

    def step(self, step: StepTaken) -> None:
        """Take in a step."""
        super().step(step)
        if step.running:
            self._new.append(step)

    def moment(self, m: Moment) -> list[Cue | Withheld]:
        """A rhythm when it is time."""
        super().moment(m)
        now = time.monotonic()
        self.asked += [(step, now) for step in self._new]
        self._new.clear()
        if m.time_s < SETTLE_S or (self.begun and now - self.begun[-1] < EVERY_S):
            return []
        self.begun.append(now)
        band = (-math.inf, math.inf)
        return [Cue(m.time_s, "beat", "cadence", 0.0, band, "load", "a rhythm", BEAT_S)]


def measure(seconds: float, chip_name: str, radio: socket.socket | None = None) -> Figures:
    """So many seconds of running in this process: lists of s, and counts.

    ``radio`` the daemon's end of a socket on which readings come.
    """
    pins, coaches, starts, writers = Pins(), list[Beating](), list[float](), list[Committed]()
    recorders: list[Recorder] = []

    class Kept(Beating):
        """One that can be asked afterwards."""

        def __init__(self, config: CoachConfig, *, day_second: float | None = None) -> None:
            super().__init__(config, day_second=day_second)
            coaches.append(self)

    collected, began = list[float](), 0.0

    def collecting(phase: str, _info: dict[str, int]) -> None:
        nonlocal began
        if phase == "start":
            began = time.monotonic()
        else:
            collected.append(time.monotonic() - began)

    with tempfile.TemporaryDirectory() as name:

        def record(header: RunHeader) -> tuple[Recorder, Path]:
            starts.append(header.anchor.mono_s)
            path = run_path(Path(name), header.run_id)

            def create() -> RunWriter:
                Committed.at = []
                writers.append(Committed(path, header))
                return writers[-1]

            recorders.append(Recorder.opening(header, create))
            return recorders[-1], path

        clock = Noting()
        runner = SimulatedRunner(
            (Phase("stand", STAND_S), Phase("run", SETTLE_S - STAND_S + seconds)),
            RunnerParams(seed=1),
        )
        truth = runner.truth.steps["ic_s"]  # before it begins: it takes its time
        twin = twin_of(chip_name).make(runner, clock)
        transport = VirtualTransport([twin])
        chip, address = find_sensor(transport, clock, Config().imu)
        reader = Noted(chip.bus(transport, address, clock), chip, clock, Config().imu)
        reader.ages = []
        daemon = Daemon(
            Config(cues=CONFIG),
            reader,
            clock,
            open_outputs(CONFIG, pins.factory),
            record,
            source="virtual chip",
            recording="load",
            coach=Kept,
            radio=radio,
        )
        polls0 = 0

        def over() -> bool:
            nonlocal polls0
            if not polls0:
                polls0 = len(clock.late) or 1
                gc.callbacks.append(collecting)
            return twin.ended

        ended = daemon.run(over)
        gc.callbacks.remove(collecting)
        assert ended.path is not None
        with RunReader(ended.path) as run:
            blocks = list(run.blocks())
            gaps = [block.gap_s for block in blocks if block.gap_s > 0.0]
            samples = sum(len(block.counts) for block in blocks)
            dropouts = sum(event.kind == "dropout" for event in run.events())
            finished = run.finished
    late, silent = ticks(coaches[0].begun, pins.edges)
    commits = np.diff(writers[0].at)
    return {
        "ticks": late,
        "first": firsts(coaches[0].begun, pins.edges),
        "missing": silent,
        "rhythms": len(coaches[0].begun),
        "wake": clock.late[polls0:-1],
        "age": np.concatenate(reader.ages).tolist(),
        "step": answers(coaches[0].asked, starts[0], (twin.source_start_s + truth).tolist()),
        "samples": samples,
        "read": reader.read,
        "gaps": len(gaps),
        "dropouts": dropouts,
        "finished": finished,
        "counters": {**daemon.counters, **recorders[0].counters},
        "commits": commits.tolist(),
        "collected": collected,
        "problems": list(ended.problems),
        "cpu": time.process_time(),
        "right": right(),
    }


def ticks(begun: list[float], edges: list[float]) -> tuple[list[float], int]:
    """Ticks against their deadlines from the first of each rhythm (s), and how many are missing."""
    late: list[float] = []
    missing = 0
    for at in begun[:-1]:  # the last one is cut off by the end
        first = bisect_left(edges, at)
        train = [edge for edge in edges[first:] if edge < at + EVERY_S - 0.2]
        missing += max(0, TICKS - len(train))
        late += [edge - train[0] - k * BEAT_S for k, edge in enumerate(train[:TICKS])][1:]
    return late, missing


def firsts(begun: list[float], edges: list[float]) -> list[float]:
    """From the coach's word to the first edge of each rhythm, s."""
    found = []
    for at in begun[:-1]:
        first = bisect_left(edges, at)
        if first < len(edges) and edges[first] < at + EVERY_S:
            found.append(edges[first] - at)
    return found


def answers(asked: list[tuple[StepTaken, float]], run0: float, strikes: list[float]) -> list[float]:
    """From the strike that ended a step to the coach being asked about it, s."""
    out = []
    for step, at in asked:
        if step.ic_s < SETTLE_S:
            continue
        ended = run0 + step.ic_s + step.step_s
        i = bisect_left(strikes, ended)
        near = min(strikes[max(0, i - 1) : i + 1], key=lambda s, e=ended: abs(s - e))  # type: ignore[misc]
        if abs(near - ended) <= NEAR_S:
            out.append(at - near)
    return out


def right() -> bool:
    """Whether this process may have real-time priority; tried, and given back."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except OSError:
        return False
    return True


# ---------------------------------------------------------------------- load


def _spin() -> None:
    while True:
        sum(range(100_000))


def _copy() -> None:
    a = np.zeros(8 << 20)
    b = np.empty_like(a)
    while True:
        np.copyto(b, a)


def _write(folder: str) -> None:
    with tempfile.TemporaryFile(dir=folder) as file:
        while True:
            file.write(bytes(1 << 20))
            file.flush()
            os.fsync(file.fileno())
            if file.tell() > 64 << 20:
                file.seek(0)


def _ping() -> None:
    """Two processes and two pipes: each waits for the other, and ends when it has ended."""
    (a_out, a_in), (b_out, b_in) = os.pipe(), os.pipe()
    first = bool(os.fork())
    source, sink, *others = (a_out, b_in, a_in, b_out) if first else (b_out, a_in, a_out, b_in)
    for fd in others:
        os.close(fd)
    with contextlib.suppress(BrokenPipeError):
        os.write(sink, b"x")
        while got := os.read(source, 1):
            os.write(sink, got)
    os._exit(0)


@contextlib.contextmanager
def loaded() -> Iterator[None]:
    """All of it, until the end."""
    context = multiprocessing.get_context("spawn")
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        jobs: list[tuple[Callable[..., None], tuple[str, ...]]] = [(_spin, ())] * (2 * cores)
        jobs += [(_copy, ()), (_write, (folder,)), (_ping, ())]
        processes = [context.Process(target=job, args=args, daemon=True) for job, args in jobs]
        for process in processes:
            process.start()
        time.sleep(2.0)
        try:
            yield
        finally:
            for process in processes:
                process.terminate()
                process.join()


# ---------------------------------------------------------------------- table

ROWS: Final = (
    ("tick against its deadline", "ticks", (0.5, 0.99, 0.999, 1.0)),
    ("loop woken late", "wake", (0.5, 0.99, 0.999, 1.0)),
    ("age of a sample when read", "age", (0.5, 0.99, 0.999, 1.0)),
    ("foot strike to the coach's answer", "step", (0.5, 0.99, 0.999, 1.0)),
    ("from commit to commit", "commits", (0.5, 0.99, 1.0)),
    ("a collection of garbage", "collected", (0.5, 1.0)),
)


def spread(values: list[float], shares: tuple[float, ...]) -> list[float]:
    """Quantiles of the sizes, ms."""
    return [1e3 * float(q) for q in np.quantile(np.abs(values), shares)]


def table(found: dict[str, tuple[Figures, Figures]]) -> str:
    """In Markdown: a column for each way the daemon was run, alone → under load (× the ratio)."""
    lines = [["ms", "", *found], ["---"] * (len(found) + 2)]
    for what, key, shares in ROWS:
        for i, share in enumerate(shares):
            name = "worst" if share == 1.0 else f"p{100 * share:g}"
            cells = [change(*(spread(one[key], (share,))[0] for one in f)) for f in found.values()]
            lines.append([what if i == 0 else "", name, *cells])
    for what, tell in COUNTS:
        lines.append([what, "", *(f"{tell(a)} → {tell(b)}" for a, b in found.values())])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def change(alone: float, load: float) -> str:
    """Both, and the ratio."""
    ratio = f" (× {load / alone:.1f})" if alone > 0.0 else ""
    return f"{alone:.2f} → {load:.2f}{ratio}"


def _faults(f: Figures) -> str:
    return ", ".join(f"{k} {n}" for k, n in sorted(f["counters"].items()) if n) or "none"


COUNTS: Final[tuple[tuple[str, Callable[[Figures], str]], ...]] = (
    ("ticks due, not played", lambda f: f"{TICKS * (f['rhythms'] - 1)}, {f['missing']}"),
    ("samples read, recorded", lambda f: f"{f['read']}, {f['samples']}"),
    ("gaps, dropouts", lambda f: f"{f['gaps']}, {f['dropouts']}"),
    (
        f"commits later than {COMMIT_LATE_S:g} s",
        lambda f: f"{sum(x > COMMIT_LATE_S for x in f['commits'])} of {len(f['commits'])}",
    ),
    ("faults", _faults),
    ("CPU, s", lambda f: f"{f['cpu']:.1f}"),
)


def lost(found: Figures) -> list[str]:
    """What was lost, in words."""
    out = []
    if found["gaps"] or found["dropouts"] or found["read"] != found["samples"]:
        out.append(
            f"samples: {found['gaps']} gaps, {found['dropouts']} dropouts, {found['samples']} "
            f"of {found['read']} recorded"
        )
    if not found["finished"]:
        out.append("the end of the run")
    if found["missing"]:
        out.append(f"{found['missing']} ticks")
    out += found["problems"]
    return out


# ---------------------------------------------------------------------- ways to run it

NICE: Final = ("nice", "-n", "-10")
"""As the service has it."""
NO_RIGHT: Final = ("setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice")


def ways() -> dict[str, tuple[str, ...]]:
    """What may be tried here: name, and the command in front."""
    if os.geteuid() != 0 or not (shutil.which("setpriv") and shutil.which("nice")):
        return {"real-time priority" if right() else "by hand": ()}
    return {
        "as the service: nice −10, real-time priority": NICE,
        "nice −10, no real-time priority": (*NICE, *NO_RIGHT),
        "by hand: neither": NO_RIGHT,
    }


def apart(seconds: float, front: tuple[str, ...], chip: str = CHIP) -> Figures:
    """:func:`measure` in a process of its own, with this command in front."""
    args = [
        *front,
        sys.executable,
        "-m",
        "calibration.load",
        "--child",
        str(seconds),
        "--chip",
        chip,
    ]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))

    done = subprocess.run(args, cwd=ROOT, check=True, stdout=subprocess.PIPE, preexec_fn=limit)
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> int:
    """Print the table; 1 when something was lost in the first way, which is the service's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=180.0, help="of running, each time")
    parser.add_argument("--write", action="store_true", help="put the table into docs/soak.md")
    parser.add_argument("--chip", default=CHIP, help="virtual part (default: %(default)s)")
    parser.add_argument("--child", type=float, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child is not None:
        print(json.dumps(measure(args.child, args.chip)))
        return 0
    before = (
        f"{os.cpu_count()} cores, load of others before it {os.getloadavg()[0]:.1f}, "
        f"{args.seconds:.0f} s of running each time.\n"
    )
    print(before)
    found: dict[str, tuple[Figures, Figures]] = {}
    problems: list[str] = []
    for way, front in ways().items():
        idle = apart(args.seconds, front, args.chip)
        with loaded():
            busy = apart(args.seconds, front, args.chip)
        found[way] = idle, busy
        for name, one in (("alone", idle), ("under load", busy)):
            problems += [f"{way}, {name}: lost {what}" for what in lost(one)]
    print(table(found))
    if args.write:
        into(DOC, "load", f"{before}\n{table(found).rstrip()}")
    for problem in problems:
        print(f"{problem}.", file=sys.stderr)
    return 1 if any(lost(one) for one in next(iter(found.values()))) else 0


if __name__ == "__main__":
    sys.exit(main())
