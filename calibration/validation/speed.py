"""What the estimator costs, beside its peers, in one run: ``make bench``.

All times are CPU time (user and system), so that another job on the machine does not count, and
medians of repeats that take turns, so that a machine that changes its clock slows all alike. Only
ratios compare machines. Simulated running at 208 Hz throughout.

- Per sample: everything from attitude to steps, fresh estimator, against VQF's C++ orientation
  update alone (``updateBatch``), imufusion (one Python call a sample: it has no other way in) and
  skdh's gait of a whole recording at once.
- A block of 4 samples: ``GaitEstimator.update`` against its kernel on arrays made beforehand.
- Linear: time against number of samples, and the cost of a sample at 100 to 1000 Hz.
- Memory: 24 h through estimator and coach in blocks of a second, the same ten minutes over and
  over while the times go on; resident memory and, at the end, Python's own.
- Start: a fresh process until its first estimate with a warm cache, against one that imports
  numba and loads one trivial cached kernel. And how much is compiled once the daemon is ready.
- Replay: one hour recorded by the daemon on the virtual chip, from file to last item.
"""

import argparse
import contextlib
import gc
import os
import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from calibration.validation import peers, report
from calibration.validation.metrics import Floats
from calibration.validation.report import Row
from gaitpi.config import Config, apply
from gaitpi.device.pipeline import Pipeline
from gaitpi.device.replay import open_recording, replay
from gaitpi.device.unpack import unpack
from gaitpi.device.virtual import play
from gaitpi.device.warmup import warm_up
from gaitpi.gait import GaitEstimator, estimator, kernel
from gaitpi.gait.state import STATE, new_state
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.story import Phase, hold
from gaitpi.runs.reader import RunReader
from gaitpi.units import DEG_PER_RAD, G0

ROOT = Path(__file__).parents[2]
RATE_HZ = 208.0
RATES_HZ = (100.0, 200.0, 400.0, 1000.0)
BLOCK = 4
MAX_RATIO = {"vqf": 1.0, "block": 3.0, "start": 1.3}
REPLAY_S = 1.0
FLAT_MIB = 1.0
TRACED_KIB = 16.0
"""Growth that is the allocator's and not ours: a leak of 8 bytes a sample is over 100 MiB."""

Sizes = dict[str, float]
FULL: Sizes = {
    "seconds": 600,
    "repeats": 9,
    "blocks": 2000,
    "hours": 24,
    "starts": 9,
    "replay": 3600,
}
SMALL: Sizes = {"seconds": 30, "repeats": 3, "blocks": 50, "hours": 0.1, "starts": 1, "replay": 20}


def signal(seconds: float, rate_hz: float = RATE_HZ) -> tuple[Floats, Floats]:
    """``acc``, ``gyr`` (n, 3) of running."""
    runner = SimulatedRunner((Phase("stand", 5.0), Phase("run", seconds, lean_deg=6.0)))
    return runner.samples(0, int(seconds * rate_hz), rate_hz)


class Times:
    """CPU times (s) of tasks that took turns: ``of`` one the median, ``ratio`` of two.

    A ratio is the median of the ratios within a turn: what slows the machine for a while slows
    both.
    """

    def __init__(self, tasks: Mapping[str, Callable[[], Any]], repeats: int) -> None:
        self._turns: dict[str, list[float]] = {name: [] for name in tasks}
        for task in tasks.values():
            task()
        for _ in range(repeats):
            for name, task in tasks.items():
                gc.collect()
                start = time.process_time()
                task()
                self._turns[name].append(time.process_time() - start)

    def __contains__(self, name: str) -> bool:
        return name in self._turns

    def of(self, name: str) -> float:
        """Median time, s."""
        return float(np.median(self._turns[name]))

    def ratio(self, name: str, other: str) -> float:
        """How many times as long as the other."""
        return float(np.median(np.array(self._turns[name]) / np.array(self._turns[other])))


def per_sample(size: Sizes) -> list[Row]:
    """The whole pipeline against the peers."""
    acc, gyr = signal(size["seconds"])
    few = min(len(acc), 5000)
    minute = min(len(acc), int(60 * RATE_HZ))
    tasks: dict[str, Callable[[], Any]] = {
        "gaitpi": lambda: GaitEstimator(RATE_HZ).update(acc, gyr)
    }
    counts = {"gaitpi": len(acc), "VQF": len(acc), "imufusion": few, "skdh": minute}
    vqf, imufusion = peers.module("vqf"), peers.module("imufusion")
    if vqf is not None:
        tasks["VQF"] = lambda: vqf.VQF(1.0 / RATE_HZ).updateBatch(gyr, acc)
    if imufusion is not None:
        a, g = acc[:few] / G0, gyr[:few] * DEG_PER_RAD

        def call_each() -> None:
            ahrs = peers.imufusion_filter(imufusion, RATE_HZ)
            for i in range(few):
                ahrs.update_no_magnetometer(g[i], a[i])

        tasks["imufusion"] = call_each
    if peers.module("skdh.gait") is not None:
        tasks["skdh"] = lambda: peers.skdh_steps(acc[:minute], RATE_HZ)
    took = Times(tasks, 2 * int(size["repeats"]))
    ns = {name: 1e9 * took.of(name) / counts[name] for name in tasks}
    out = []
    for peer, what, limit in (
        ("VQF", "VQF C++ updateBatch", MAX_RATIO["vqf"]),
        ("imufusion", "imufusion, a call a sample", None),
        ("skdh", "skdh gait, whole recording", None),
    ):
        there = peer in ns
        out.append(
            Row(
                f"per sample, of {peer}'s",
                "simulated",
                f"{counts[peer]}",
                took.ratio("gaitpi", peer) * counts[peer] / len(acc) if there else np.nan,
                "×",
                3,
                f"{what} {ns[peer]:.0f} ns" if there else f"{peer} {peers.NOT_INSTALLED}",
                limit=limit if there else None,
                note=f"gaitpi {ns['gaitpi']:.0f} ns" if peer == "VQF" else "",
            )
        )
    return out


def kernel_calls(parts: Sequence[tuple[Floats, Floats, Floats]]) -> list[tuple[Any, ...]]:
    """What the estimator hands to its kernel for each part (time, acc, gyr) of a stream."""
    calls: list[tuple[Any, ...]] = []

    def note(*arguments: Any) -> int:
        calls.append(arguments)
        return kernel.block(*arguments)

    with patch.object(estimator, "block", note):
        stream = GaitEstimator(RATE_HZ)
        for t, acc, gyr in parts:
            stream.update(acc, gyr, t)
    return calls


def small_blocks(size: Sizes) -> list[Row]:
    """A block of four samples through the estimator and through the kernel alone."""
    n = int(size["blocks"])
    acc, gyr = signal(max(30.0, n * BLOCK / RATE_HZ))
    cuts = [slice(k * BLOCK, (k + 1) * BLOCK) for k in range(n)]
    parts = [(np.arange(c.start, c.stop) / RATE_HZ, acc[c].copy(), gyr[c].copy()) for c in cuts]

    def whole() -> None:
        stream = GaitEstimator(RATE_HZ)
        for t, a, g in parts:
            stream.update(a, g, t)

    calls = kernel_calls(parts)
    state = next(a for a in calls[0] if getattr(a, "dtype", None) == STATE)

    def bare() -> None:
        state[:] = new_state()
        for arguments in calls:
            kernel.block(*arguments)

    took = Times({"whole": whole, "bare": bare}, int(size["repeats"]))
    return [
        Row(
            "block of 4 samples, of its kernel's",
            "simulated",
            f"{n} blocks",
            took.ratio("whole", "bare"),
            "×",
            2,
            f"kernel alone {1e6 * took.of('bare') / n:.1f} µs",
            limit=MAX_RATIO["block"],
            note=f"update {1e6 * took.of('whole') / n:.1f} µs",
        )
    ]


def estimate_anew(rate_hz: float, acc: Floats, gyr: Floats) -> None:
    """A fresh estimator over a whole recording."""
    GaitEstimator(rate_hz).update(acc, gyr)


def linear(size: Sizes) -> list[Row]:
    """Cost against the number of samples, and against the rate."""
    acc, gyr = signal(size["seconds"])
    lengths = np.array([len(acc) // k for k in (8, 4, 2, 1)])
    tasks = {str(n): partial(estimate_anew, RATE_HZ, acc[:n], gyr[:n]) for n in lengths}
    took = Times(tasks, int(size["repeats"]))
    times = np.array([took.of(str(n)) for n in lengths])
    slope, fixed = np.polyfit(lengths, times, 1)
    off = np.abs(times / (fixed + slope * lengths) - 1.0)
    signals = {rate: signal(size["seconds"] * RATE_HZ / rate, rate) for rate in RATES_HZ}
    by_rate = Times(
        {str(rate): partial(estimate_anew, rate, *signals[rate]) for rate in RATES_HZ},
        int(size["repeats"]),
    )
    rates = [1e9 * by_rate.of(str(r)) / len(signals[r][0]) for r in RATES_HZ]
    ns = 1e9 * times / lengths
    line = ", ".join(f"{n} samples {x:.0f} ns each" for n, x in zip(lengths, ns, strict=True))
    other = ", ".join(f"{r:.0f} Hz {x:.0f} ns" for r, x in zip(RATES_HZ, rates, strict=True))
    return [
        Row(
            "cost against number, off a straight line",
            "simulated",
            f"{len(lengths)} lengths",
            100.0 * float(off.max()),
            "%",
            1,
            note=f"{line}; the line: {1e3 * fixed:.2f} ms + {1e9 * slope:.0f} ns a sample",
        ),
        Row(
            "a sample at the dearest rate, of the cheapest",
            "simulated",
            f"{len(rates)} rates",
            max(rates) / min(rates),
            "×",
            2,
            note=f"{other}: as many samples at each",
        ),
    ]


def resident_kib() -> float:
    """Resident memory of this process, KiB."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS"):
                return float(line.split()[1])
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def memory(size: Sizes) -> list[Row]:
    """A day through estimator and coach, in blocks of a second.

    Resident memory from the second hour to the last; Python's own is traced over the last two of
    24, because tracing every allocation of a day takes long.
    """
    acc, gyr = signal(600.0 if size["hours"] > 1 else 30.0)
    second = int(RATE_HZ)
    loop = len(acc) // second
    pipeline = Pipeline(apply(Config(), ["coach.target_spm=170"]), RATE_HZ, has_gyro=True)
    total = int(size["hours"] * 3600.0)
    begin, trace, settled = total // 12, total * 22 // 24, total * 45 // 48
    rss = traced = 0.0
    for k in range(total):
        if k == trace:
            tracemalloc.start()
        if k in (begin, settled):
            gc.collect()
            rss = resident_kib() if k == begin else rss
            traced = tracemalloc.get_traced_memory()[0] / 1024.0
        a = (k % loop) * second
        t = np.arange(k * second, (k + 1) * second) / RATE_HZ
        pipeline.update(acc[a : a + second], gyr[a : a + second], t)
        if k == trace - 1:
            gc.collect()
            grown = resident_kib() - rss
    gc.collect()
    traced = tracemalloc.get_traced_memory()[0] / 1024.0 - traced
    tracemalloc.stop()
    return [
        Row(
            "resident memory, growth",
            "simulated",
            f"hours 2 to {size['hours'] * 22 / 24:.2g}",
            grown / 1024.0,
            "MiB",
            2,
            limit=FLAT_MIB,
        ),
        Row(
            "Python's memory, growth",
            "simulated",
            f"the last {size['hours'] * 90 / 24:.0f} min",
            traced,
            "KiB",
            1,
            limit=TRACED_KIB,
        ),
    ]


FIRST = """
import numpy as np
from gaitpi.gait import GaitEstimator
GaitEstimator(208.0).update(np.zeros((4, 3)), np.zeros((4, 3)))
"""
TRIVIAL = """
import numba
@numba.njit(cache=True)
def one_more(x):
    return x + 1.0
one_more(1.0)
"""
READY = """
import json, sys, tempfile
from pathlib import Path
from gaitpi.config import Config
from gaitpi.device.unpack import unpack
from gaitpi.device.virtual import play
from gaitpi.device.warmup import warm_up
from gaitpi.gait._jit import compilations
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.story import Phase
warm_up()
with tempfile.TemporaryDirectory() as folder, compilations() as compiled:
    for has_gyro in (True, False):
        runner = SimulatedRunner((Phase("stand", 4.0), Phase("run", 8.0)))
        play(runner, Config(), Path(folder), [], recording="ready", has_gyro=has_gyro)
print(len(compiled))
"""


def process_s(*command: str) -> float:
    """CPU time (s) of a Python process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, *command], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def start(size: Sizes) -> list[Row]:
    """From nothing to the first estimate; and what is compiled once ready."""
    with tempfile.TemporaryDirectory() as folder:
        trivial, first = Path(folder) / "trivial.py", Path(folder) / "first.py"
        trivial.write_text(TRIVIAL, encoding="utf-8")
        first.write_text(FIRST, encoding="utf-8")
        times: dict[Path, list[float]] = {first: [], trivial: []}
        for k in range(int(size["starts"]) + 1):
            for script, values in times.items():
                took = process_s(str(script))
                if k:  # the first fills the caches
                    values.append(took)
        mine, least = (float(np.median(v)) for v in times.values())
    compiled = subprocess.run(
        [sys.executable, "-c", READY],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ).stdout.split()[-1]
    return [
        Row(
            "process start to first estimate",
            "warm cache",
            f"{int(size['starts'])} starts",
            mine / least,
            "×",
            2,
            f"numba and one kernel {least:.2f} s",
            limit=MAX_RATIO["start"],
            note=f"gaitpi {mine:.2f} s",
        ),
        Row(
            "kernels compiled once ready",
            "virtual chip",
            "2 runs",
            float(compiled),
            "",
            0,
            limit=0.0,
        ),
    ]


def recorded(seconds: float, folder: Path) -> Path:
    """A run file of so many seconds, made by the daemon on the virtual chip at 208 Hz."""
    config = apply(Config(), ["coach.target_spm=170", "imu.rate_hz=208"])
    runner = SimulatedRunner(hold(seconds - 15.0))
    ended = play(runner, config, folder, [], recording="hold", chip="lsm6ds3tr-c")
    assert ended.path is not None
    return ended.path


def replaying(size: Sizes) -> list[Row]:
    """An hour from its run file, and where its time goes."""
    with tempfile.TemporaryDirectory() as folder:
        path = recorded(size["replay"], Path(folder))
        samples = 0

        def whole() -> None:
            recording = open_recording(path)
            for _ in replay(recording, recording.config or Config()):
                pass

        def rows() -> None:
            with RunReader(path) as run:
                for _ in run._block_rows():
                    pass

        def unpacked() -> None:
            nonlocal samples
            samples = 0
            with RunReader(path) as run:
                for raw in run.blocks(unpack=unpack):
                    samples += len(raw.counts)

        def si() -> Iterator[tuple[Floats, Floats, Floats]]:
            recording = open_recording(path)
            yield from recording.blocks

        parts = list(si())

        def estimated() -> None:
            stream = GaitEstimator(RATE_HZ)
            for t, acc, gyr in parts:
                stream.update(acc, gyr, t)

        tasks = {"whole": whole, "rows": rows, "unpacked": unpacked, "kernel": estimated}
        took = Times(tasks, max(3, int(size["repeats"]) // 2))
    split = {
        "SQLite": took.of("rows"),
        "decompression": took.of("unpacked") - took.of("rows"),
        "kernel": took.of("kernel"),
    }
    split["coach and the rest"] = took.of("whole") - sum(split.values())
    most = max(split, key=lambda name: split[name])
    return [
        Row(
            "one hour replayed from its run file" if size["replay"] == 3600 else "replay",
            "virtual chip",
            f"{samples} samples",
            took.of("whole"),
            "s",
            2,
            limit=REPLAY_S,
            note="; ".join(f"{name} {s:.2f} s" for name, s in split.items())
            + f". The limit is: {most}",
        )
    ]


PARTS: dict[str, Callable[[Sizes], list[Row]]] = {
    "sample": per_sample,
    "block": small_blocks,
    "linear": linear,
    "start": start,
    "replay": replaying,
    "memory": memory,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m calibration.validation.speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--small", action="store_true", help="a quick look; figures mean nothing")
    report.add_outputs(parser)
    args = parser.parse_args(argv)
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if args.documents and (args.parts or args.small):
        parser.error("--documents wants all parts, whole")
    warm_up()
    rows: list[Row] = []
    for name, part in PARTS.items():
        if not args.parts or name in args.parts:
            print(f"{name} ...", file=sys.stderr, flush=True)
            rows += part(SMALL if args.small else FULL)
    print(report.terminal(rows))
    report.write_files(args, rows)
    if args.documents:
        report.into(ROOT / "README.md", "speed", report.markdown(rows, notes=False))
        report.into(ROOT / "docs" / "algorithms.md", "speed", report.markdown(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
