"""A day in the life of the daemon, faster than real time: what grows, what leaks, what drifts.

``python -m calibration.soak --hours 24 --factor 20`` lets the whole daemon run as on the belt, with
all its threads, on a clock that is so many times as fast (``FastClock``): runs begin and end by
themselves, cues sound, run files are written and synced, the sensor is pulled and put back and
loses its supply now and then. The virtual chip runs 2 % fast and gets slower or faster all day.
Once a simulated second the time of a sample is held against the chip's own; once a simulated
minute memory, objects, threads and descriptors of the process are looked at. The first part of the
day (an hour of 24) is warm-up. Exit code 1 when a limit is missed.

On the machine's clock, not on the fast one: the recorder's retry while a card refuses (1 s) and its
wait at the end of a run (30 s), SQLite's own waits, and the status file's times. What the host
takes counts ``factor`` times, so a machine that cannot keep up overruns the sensor's memory: that
is a recorded gap, and told apart.
"""

import argparse
import gc
import math
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.day import Day, make
from calibration.validation.report import into
from gaitpi.config import Config, apply
from gaitpi.cues.outputs import Outputs
from gaitpi.cues.vocabulary import Colour, Pattern
from gaitpi.device.daemon import Daemon, Progress
from gaitpi.device.status import StatusFile
from gaitpi.device.warmup import warm_up
from gaitpi.gait._jit import compilations
from gaitpi.hostclock import FastClock, HostClock
from gaitpi.imu.batch import Batch
from gaitpi.imu.chips.lsm6ds.twin import VirtualLsm6ds
from gaitpi.imu.reader import Reader, find_sensor
from gaitpi.imu.virtual.chip import to_counts
from gaitpi.imu.virtual.source import Floats
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.runs.header import RunHeader
from gaitpi.runs.reader import RunReader
from gaitpi.runs.recorder import Recorder
from gaitpi.runs.schema import SUFFIX
from gaitpi.runs.writer import RunWriter, run_path, settle

LSM6DS3: Final = 0x69
"""The part with the longest FIFO, 3.3 s: a fast clock needs it sooner than a belt does."""
ODR_HZ: Final = 208.0
RATE_ERROR: Final = 0.02
RATE_DRIFT: Final = 1e-7
"""A share of its rate that the chip gains in a second: 0.9 % in a day."""
PULLED_S: Final = 20.0
BROWN_S: Final = 0.5
LATE_S: Final = 0.25
"""A poll so long after the one before it is counted, s of the fast clock."""

GROWTH_MIB_H: Final = 1.0
RSS_MIB: Final = 180.0
DRIFT_MS_H: Final = 1.0
ERROR_MS: Final = 10.0
"""Twice the time between samples: where the fast clock makes a host's delay so many times longer,
single times wander more, but not their median."""

DOC: Final = Path(__file__).parents[1] / "docs" / "soak.md"
COLUMNS: Final = ("hour", "rss", "anonymous", "objects", "threads", "tasks", "fds", "cpu", "run")
KIB: Final = 1024.0


class Known(VirtualLsm6ds):
    """A virtual sensor that knows afterwards which of its samples a reading was, and when taken."""

    def __init__(self, source: Day, clock: HostClock) -> None:
        self._recent: deque[tuple[int, NDArray[np.int16]]] = deque(maxlen=12)
        self.scales = (1.0, 1.0)
        super().__init__(
            source, clock, who_am_i=LSM6DS3, rate_error=RATE_ERROR, rate_drift=RATE_DRIFT
        )

    def _signal(self, first: int, n: int) -> tuple[Floats, Floats]:
        acc, gyr = super()._signal(first, n)
        if n > 1:  # a whole block, not the data registers
            counts = [to_counts(v, s) for v, s in zip((acc, gyr), self.scales, strict=True)]
            self._recent.append((first, np.hstack(counts)))
        return acc, gyr

    def taken_s(self, counts: NDArray[np.int16]) -> float:
        """When the sample with these counts (6,) was taken, s; NaN if it is not one of the last."""
        for first, block in reversed(self._recent):
            rows = np.flatnonzero((block == counts).all(axis=1))
            if len(rows):
                k, rate = first + int(rows[0]), ODR_HZ * (1.0 + RATE_ERROR)
                return (
                    self.source_start_s
                    + (math.sqrt(1.0 + 2.0 * RATE_DRIFT * k / rate) - 1.0) / RATE_DRIFT
                )
        return math.nan


class Watched(Reader):
    """A reader that keeps count of its polls and of what it handed on."""

    samples = 0
    lost_s = 0.0
    late = 0
    worst_s = 0.0
    last: Batch | None = None
    _before_s = math.nan

    def poll(self) -> list[Batch]:
        """As it is, counted."""
        now = self._clock.monotonic()
        gap = now - self._before_s
        self._before_s = now
        if gap > LATE_S:
            self.late += 1
        if gap > self.worst_s:
            self.worst_s = gap
        batches = super().poll()
        for batch in batches:
            self.samples += len(batch.counts)
            self.lost_s += batch.gap_s
            self.last = batch
        return batches


class Silent:
    """An output that counts its tones and keeps nothing."""

    name = "counter"

    def __init__(self) -> None:
        self.tones = 0

    def announce(self, sound: Pattern, time_s: float) -> None:
        """A sound begins."""

    def tone(self, freq: float, level: float) -> None:  # noqa: ARG002 (counted)
        """Counted."""
        self.tones += 1

    def silence(self) -> None:
        """Nothing."""

    def light(self, lit: bool, colour: Colour = "white") -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


@dataclass
class Looks:
    """What was seen of the process; all room for it is taken at the beginning."""

    minutes: NDArray[np.float64]
    errors: NDArray[np.float64]
    n: int = 0
    seconds: int = 0
    unknown: int = 0
    collections: int = 0
    longest_s: float = 0.0
    began_s: float = 0.0

    @classmethod
    def of(cls, hours: float) -> "Looks":
        """Room for so many hours: a row of ``COLUMNS`` a minute, an error (s) a second."""
        return cls(
            np.full((int(hours * 60) + 5, len(COLUMNS)), np.nan),
            np.full(int(hours * 3600) + 60, np.nan),
        )

    def look(self, hour: float) -> None:
        """Note a row."""
        if self.n < len(self.minutes):
            self.minutes[self.n] = (hour, *process())
            self.n += 1

    def collected(self, phase: str, _info: dict[str, int]) -> None:
        """For ``gc.callbacks``."""
        if phase == "start":
            self.began_s = time.perf_counter()
        else:
            self.collections += 1
            self.longest_s = max(self.longest_s, time.perf_counter() - self.began_s)


def process() -> tuple[float, ...]:
    """RSS and what of it is no file (MiB), then as ``COLUMNS`` (CPU time in s), of this process."""
    memory = {"Rss": 0.0, "Anonymous": 0.0}
    with Path("/proc/self/smaps_rollup").open() as file:
        for line in file:
            name, _, rest = line.partition(":")
            if name in memory:
                memory[name] = int(rest.split()[0]) / KIB
    return (
        memory["Rss"],
        memory["Anonymous"],
        len(gc.get_objects()),
        threading.active_count(),
        sum(1 for _ in Path("/proc/self/task").iterdir()),
        sum(1 for _ in Path("/proc/self/fd").iterdir()) - 1,  # the one of this listing
        time.process_time(),
        any("recorder" in thread.name for thread in threading.enumerate()),
    )


class Line(NamedTuple):
    """A line of the table: what, its value in words, its limit in words ("" = none), kept."""

    what: str
    value: str
    limit: str
    kept: bool


@dataclass
class Report:
    """What came of a soak: the lines of its table, and what was seen each minute."""

    lines: list[Line] = field(default_factory=list)
    minutes: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, len(COLUMNS))))

    def add(self, what: str, value: str, limit: str = "", *, kept: bool = True) -> None:
        """One more line."""
        self.lines.append(Line(what, value, limit, kept))

    @property
    def missed(self) -> list[str]:
        """What missed its limit."""
        return [line.what for line in self.lines if not line.kept]

    def table(self) -> str:
        """In Markdown."""
        head = "| what | found | limit |\n|---|---|---|\n"
        rows = [
            f"| {line.what} | {'' if line.kept else '**missed** '}{line.value} | {line.limit} |"
            for line in self.lines
        ]
        return head + "\n".join(rows)


def theil_sen(x: Floats, y: Floats) -> float:
    """Median of the slopes of all pairs: a few jumps do not move it. NaN for less than two."""
    i, j = np.triu_indices(len(x), 1)
    ok = x[j] != x[i]
    return float(np.median((y[j] - y[i])[ok] / (x[j] - x[i])[ok])) if ok.any() else math.nan


def soak(
    hours: float,
    factor: float,
    *,
    leak: Callable[[Progress], None] | None = None,
    growth_mib_h: float = GROWTH_MIB_H,
    said: Callable[[str], None] | None = None,
) -> Report:
    """Run the daemon for ``hours`` on a clock ``factor`` times as fast, and judge.

    ``leak`` is told each second of a run, for the test of the test. ``growth_mib_h`` is what memory
    may grow: a short soak sees the allocator more than the daemon.
    """
    short = hours < 6.0
    scale = min(1.0, max(0.1, hours / 6.0))
    config = apply(
        Config(),
        [
            f"imu.rate_hz={ODR_HZ:g}",
            "coach.target_spm=170",
            f"runs.stop_s={90 if short else 240}",
        ],
    )
    rate = ODR_HZ * (1.0 + RATE_ERROR)
    with tempfile.TemporaryDirectory(prefix="gaitpi-soak-") as name:
        folder, runs = Path(name), Path(name) / "runs"
        make(folder, rate, scale)
        settle(runs)
        warm_up()
        looks = Looks.of(hours)
        before = threads_and_fds()
        with Day(folder, rate, hours * 3600.0) as day, compilations() as compiled:
            gc.callbacks.append(looks.collected)
            try:
                told = _live(config, day, hours, factor, runs, folder, looks, leak, said)
            finally:
                gc.callbacks.remove(looks.collected)
        after = threads_and_fds()
        report = _report(looks, told, hours, factor, growth_mib_h)
        _ends(report, before, after, looks, compiled)
        _files(report, runs, told)
    return report


class Told(NamedTuple):
    """What the daemon's parts say at the end."""

    reader: Watched
    output: Silent
    sentences: int
    injected: int
    took_s: float
    played_s: float
    problems: tuple[str, ...]


def _live(
    config: Config,
    day: Day,
    hours: float,
    factor: float,
    runs: Path,
    folder: Path,
    looks: Looks,
    leak: Callable[[Progress], None] | None,
    said: Callable[[str], None] | None,
) -> Told:
    clock = FastClock(factor)
    twin = Known(day, clock)
    transport = VirtualTransport([twin])
    chip, address = find_sensor(transport, clock, config.imu)
    reader = Watched(chip.bus(transport, address, clock), chip, clock, config.imu)
    twin.scales = (chip.acc_scale, chip.gyr_scale)
    output = Silent()
    sentences = 0

    def record(header: RunHeader) -> tuple[Recorder, Path]:
        path = run_path(runs, header.run_id)
        return Recorder.opening(
            header, lambda: RunWriter(path, header, monotonic=clock.monotonic)
        ), path

    def heard(text: str) -> None:
        nonlocal sentences
        sentences += 1
        if said is not None:
            said(f"{(clock.monotonic() - start) / 3600.0:6.2f} h  {text}")

    daemon = Daemon(
        config,
        reader,
        clock,
        Outputs([output]),
        record,
        source="virtual chip",
        recording="soak",
        status=StatusFile(folder / "status.json"),
        told=leak,
        said=heard,
        auto=True,
    )
    injected = [0]
    faults = _faults(day, twin, transport, injected)
    next_fault = next(faults, None)
    start = clock.monotonic()
    real0 = time.monotonic()
    due = [start + 60.0, start + 5.0]

    def over() -> bool:
        nonlocal next_fault
        now = clock.monotonic()
        if next_fault is not None and now - twin.source_start_s >= next_fault[0]:
            next_fault[1]()
            next_fault = next(faults, None)
        if now >= due[0]:
            due[0] += 60.0
            looks.look((now - start) / 3600.0)
        if now >= due[1]:
            due[1] = now + 1.0
            _compare(looks, reader, twin)
        return now - start >= hours * 3600.0

    ended = daemon.run(over)
    took = time.monotonic() - real0
    played = clock.monotonic() - start
    return Told(reader, output, sentences, injected[0], took, played, ended.problems)


def _compare(looks: Looks, reader: Watched, twin: Known) -> None:
    """The daemon's time of the newest sample against the chip's own."""
    batch, reader.last = reader.last, None
    if batch is None or looks.seconds >= len(looks.errors):
        return
    taken = twin.taken_s(batch.counts[-1])
    if math.isnan(taken):
        looks.unknown += 1
        return
    said = float(batch.line.times(batch.index + len(batch.counts) - 1, 1)[0])
    looks.errors[looks.seconds] = said - taken
    looks.seconds += 1


def _faults(
    day: Day, twin: Known, transport: VirtualTransport, injected: list[int]
) -> Iterator[tuple[float, Callable[[], None]]]:
    """(when, what): in each long run the sensor is pulled, in each short one its supply fails."""

    def pull() -> None:
        injected[0] += 1
        transport.unplug(twin.address)

    def brown() -> None:
        injected[0] += 1
        twin.power_cycle(BROWN_S)

    times: list[tuple[float, Callable[[], None]]] = []
    for at in day.starts_s("long"):
        times += [
            (at + 150.0, pull),
            (at + 150.0 + PULLED_S, lambda: transport.replug(twin.address)),
        ]
    times += [(at + 150.0, brown) for at in day.starts_s("short")]
    yield from sorted(times, key=lambda pair: pair[0])


def threads_and_fds() -> tuple[int, int, int]:
    """Threads of Python, tasks of the kernel, open descriptors."""
    return tuple(int(x) for x in process()[3:6])  # type: ignore[return-value]


def _report(looks: Looks, told: Told, hours: float, factor: float, growth: float) -> Report:
    rows = looks.minutes[: looks.n]
    report = Report(minutes=rows)
    column = {name: rows[:, i] for i, name in enumerate(COLUMNS)}
    warm = rows[:, 0] >= min(1.0, hours / 4.0)
    hour = column["hour"][warm]
    real = told.played_s / told.took_s
    report.add("simulated", f"{told.played_s / 3600.0:.2f} h at {real:.1f} × real time")
    rss, own = column["rss"][warm], column["anonymous"][warm]
    slopes = {"RSS": theil_sen(hour, rss), "memory without files": theil_sen(hour, own)}
    for name, slope in slopes.items():
        report.add(
            f"growth of {name}",
            f"{slope:+.3f} MiB/h",
            f"≤ {growth:g} MiB/h",
            kept=slope <= growth,
        )
    report.add(
        "RSS once warm, last, most",
        f"{rss[0]:.1f}, {rss[-1]:.1f}, {np.nanmax(rss):.1f} MiB",
        f"≤ {RSS_MIB:g} MiB",
        kept=bool(np.nanmax(rss) <= RSS_MIB),
    )
    report.add("growth of Python objects", f"{theil_sen(hour, column['objects'][warm]):+.1f}/h")
    cpu, spent = column["cpu"][warm], np.diff(column["hour"][warm])
    share = np.diff(cpu) / (spent * 3600.0)
    k = max(1, len(share) // 4)
    report.add(
        "CPU of a simulated second, first and last quarter",
        f"{1e3 * np.median(share[:k]):.1f}, {1e3 * np.median(share[-k:]):.1f} ms",
    )
    for name, words in (("threads", "threads"), ("fds", "descriptors")):
        values = column[name][warm]
        first, last = _halves(values, column["run"][warm])
        report.add(
            f"{words}: least in the first and second half",
            f"{first}, {last}",
            "no more",
            kept=last <= first,
        )
    errors = 1e3 * looks.errors[: looks.seconds]
    if len(errors):
        at = np.linspace(0.0, told.played_s / 3600.0, len(errors))
        minute = max(1, len(errors) // max(1, int(hours * 60)))
        whole = len(errors) // minute * minute
        medians = np.median(errors[:whole].reshape(-1, minute), axis=1)
        slope = theil_sen(at[:whole:minute], medians)
        off = np.abs(errors)
        report.add(
            "time of a sample − truth: median, p99, worst",
            f"{np.median(errors):+.2f}, {np.quantile(off, 0.99):.1f}, {off.max():.1f} ms",
            f"median ≤ {ERROR_MS:g} ms",
            kept=bool(abs(np.median(errors)) <= ERROR_MS),
        )
        report.add(
            "its drift",
            f"{slope:+.4f} ms/h",
            f"≤ {DRIFT_MS_H:g} ms/h",
            kept=abs(slope) <= DRIFT_MS_H or short_of(hours),
        )
    found, lost = looks.seconds, looks.unknown
    report.add("samples compared, not found", f"{found}, {lost}", kept=found > 9 * lost)
    reader, worst = told.reader, 1e3 * told.reader.worst_s
    report.add(
        f"polls later than {1e3 * LATE_S:.0f} ms, worst",
        f"{reader.late}, {worst:.0f} ms ({worst / factor:.1f} ms real)",
    )
    return report


def _halves(values: Floats, run: Floats) -> tuple[int, int]:
    """The least in the first and the second half, like with like: waiting, else recording."""
    k = len(values) // 2
    for state in (0.0, 1.0):
        first, last = values[:k][run[:k] == state], values[k:][run[k:] == state]
        if len(first) and len(last):
            return int(first.min()), int(last.min())
    return 0, 0


def short_of(hours: float) -> bool:
    """Too short to judge a drift by the hour."""
    return hours < 3.0


def _ends(
    report: Report,
    before: Sequence[int],
    after: Sequence[int],
    looks: Looks,
    compiled: list[str],
) -> None:
    for i, words in ((0, "threads"), (2, "descriptors")):
        report.add(
            f"{words} before the daemon and after it",
            f"{before[i]}, {after[i]}",
            "none left",
            kept=after[i] <= before[i],
        )
    report.add("kernels compiled", f"{len(compiled)}", "0", kept=not compiled)
    report.add("collections, the longest", f"{looks.collections}, {1e3 * looks.longest_s:.1f} ms")


def _files(report: Report, runs: Path, told: Told) -> None:
    """What the run files say."""
    steps = cues = dropouts = unfinished = damaged = 0
    gaps = seconds = 0.0
    paths = sorted(runs.glob(f"*{SUFFIX}"))
    for path in paths:
        bad: list[Any] = []
        with RunReader(path) as run:
            for block in run.blocks(bad.append):
                seconds += len(block.counts) * block.line.period_s
                gaps += block.gap_s
            steps += len(run.steps())
            cues += len(run.cues())
            dropouts += sum(event.kind == "dropout" for event in run.events())
            unfinished += not run.finished
        damaged += len(bad)
    counters = {name: n for name, n in told.reader.counters.items() if n}
    report.add("runs, steps, cues", f"{len(paths)}, {steps}, {cues}", "", kept=steps > 0)
    report.add(
        "runs without their end, damaged blocks, dropouts",
        f"{unfinished}, {damaged}, {dropouts}",
        "0",
        kept=not (unfinished or damaged or dropouts),
    )
    report.add("recorded, and gaps in it", f"{seconds / 3600.0:.2f} h, {gaps:.1f} s")
    overflow = told.reader.counters.get("overflow", 0)
    report.add("faults injected; overflows", f"{told.injected}; {overflow}")
    report.add(
        "faults counted", ", ".join(f"{k} {n}" for k, n in sorted(counters.items())) or "none"
    )
    report.add("tones", f"{told.output.tones}")


class Leak:
    """Keeps 200 KiB each second of a run, and each minute a thread and an open file."""

    def __init__(self) -> None:
        self._kept: list[object] = []

    def __call__(self, _progress: Progress) -> None:
        """A second."""
        self._kept.append(b"\xa5" * (200 << 10))
        if len(self._kept) % 60 == 0:
            self._kept.append(Path(__file__).open())  # noqa: SIM115 (a leak)
            threading.Thread(target=threading.Event().wait, daemon=True).start()


def main() -> int:
    """Print the table; 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=24.0, help="simulated")
    parser.add_argument("--factor", type=float, default=20.0, help="times real time")
    parser.add_argument("--growth", type=float, default=GROWTH_MIB_H, help="allowed, MiB/h")
    parser.add_argument("--inject", action="store_true", help="leak, to see that it is seen")
    parser.add_argument("--rows", type=Path, help="keep what was seen each minute in this CSV file")
    parser.add_argument("--write", action="store_true", help="put the table into docs/soak.md")
    parser.add_argument("--quiet", action="store_true", help="without what the daemon says")
    args = parser.parse_args()
    said = None if args.quiet else lambda text: print(text, file=sys.stderr, flush=True)
    leak = Leak() if args.inject else None
    report = soak(args.hours, args.factor, leak=leak, growth_mib_h=args.growth, said=said)
    print(report.table())
    if args.write:
        into(DOC, "soak", report.table())
    if args.rows is not None:
        np.savetxt(args.rows, report.minutes, "%.4f", ",", header=",".join(COLUMNS), comments="")
    for what in report.missed:
        print(f"Missed: {what}.", file=sys.stderr)
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
