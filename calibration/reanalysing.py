"""How fast recorded hours are computed once more, and whether it matters who does it.

``python -m calibration.reanalysing`` makes some different hours of simulated runs, recorded by the
whole daemon through the virtual chip in virtual time, copies them under other ids until there are
``--hours`` of them, and lets ``gaitpi reanalyse`` do them: one worker process, two, and a Dask
cluster of two workers on this machine (loopback only). The hours are cut into rounds; in each round
all do the same files, in turning order, so that a machine that is busy with something else is busy
for all of them. Printed are medians over the rounds, and ratios within a round. The results of all
are compared byte for byte. ``--cache FOLDER`` keeps the runs for the next time (5 MB an hour);
``--quick`` takes a few minutes of running instead of hours.
"""

import argparse
import contextlib
import hashlib
import os
import platform
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Final

from gaitpi.config import Config, apply
from gaitpi.device.virtual import play
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.runs.header import header_crc
from gaitpi.runs.schema import HEADER_COLUMNS, SUFFIX

ROOT: Final = Path(__file__).parents[1]
WALL_S: Final = 1_790_000_000.0
"""Start of the first simulated run, seconds since 1970."""
SETTINGS: Final = ("coach.target_spm=170", "coach.usual_lean_deg=6")
ONE, TWO, DASK = "1 worker", "2 workers", "Dask, 2 workers"


def make(folder: Path, number: int, seconds: float) -> Path:
    """A run of so many seconds: standing, walking, running that drifts; recorded once."""
    phases = (
        Phase("stand", 15.0),
        Phase("walk", 20.0, cadence_spm=112.0),
        Phase("run", 0.6 * seconds, cadence_spm=171.0 - number, cadence_end_spm=165.0 - number),
        Phase("walk", 30.0, cadence_spm=110.0),
        Phase("run", 0.4 * seconds - 80.0, cadence_spm=168.0, lean_deg=6.0 + number),
        Phase("stand", 15.0),
    )
    runner = SimulatedRunner(phases, RunnerParams(seed=100 + number))
    config = apply(Config(), SETTINGS)
    ended = play(runner, config, folder, [], recording="hour", wall_s=WALL_S + 86_400.0 * number)
    assert ended.path is not None
    return ended.path


def copy(original: Path, target: Path) -> None:
    """The same run under the id that ``target`` has as its name: another file with other bytes."""
    scratch = target.with_suffix(".part")
    shutil.copyfile(original, scratch)
    with contextlib.closing(sqlite3.connect(scratch, isolation_level=None)) as db:
        db.execute("UPDATE run SET run_id = ?", (target.name.removesuffix(SUFFIX),))
        values = db.execute(f"SELECT {', '.join(HEADER_COLUMNS)} FROM run").fetchone()
        db.execute("UPDATE run SET crc32 = ?", (header_crc(list(values)),))
    scratch.rename(target)


def season(cache: Path, hours: int, different: int, seconds: float) -> list[Path]:
    """That many runs in ``cache``, made where they are not there yet."""
    originals = cache / f"different-{seconds:.0f}s"
    for number in range(different):
        if len(list(originals.glob(f"*{SUFFIX}"))) <= number:
            print(f"recording run {number + 1} of {different} ...", file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                made = make(Path(scratch), number, seconds)
                originals.mkdir(exist_ok=True)
                made.rename(originals / made.name)
    sources = sorted(originals.glob(f"*{SUFFIX}"))[:different]
    copies = cache / f"copies-{seconds:.0f}s"
    copies.mkdir(exist_ok=True)
    paths = [copies / f"copy-{k:04d}{SUFFIX}" for k in range(hours)]
    for k, path in enumerate(paths):
        if not path.exists():
            copy(sources[k % len(sources)], path)
    return paths


@dataclass(frozen=True)
class Measured:
    """One batch: wall and CPU seconds, and the SHA-256 of results and of what was printed."""

    wall_s: float
    cpu_s: float
    outcome: str


def batch(paths: list[Path], scratch: Path, *who: str) -> Measured:
    """Have the command do the files, from nothing to its end."""
    out = scratch / "results.jsonl"
    out.unlink(missing_ok=True)
    command = [sys.executable, "-m", "gaitpi", "reanalyse", *map(str, paths)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "--json", "--out", str(out), *who], cwd=ROOT, capture_output=True, check=False
    )
    wall_s = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"reanalyse {' '.join(who)}: {done.stderr.decode()}{done.stdout.decode()[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    text = hashlib.sha256(out.read_bytes() + done.stdout)
    return Measured(wall_s, cpu_s, text.hexdigest())


@contextlib.contextmanager
def cluster() -> Iterator[str]:
    """Address of a Dask scheduler on this machine, with two workers of one thread."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=50,
    ) as made:
        yield made.scheduler_address


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=100, help="recorded hours (default 100)")
    parser.add_argument("--different", type=int, default=4, help="runs that differ (default 4)")
    parser.add_argument("--rounds", type=int, default=4, help="parts of them (default 4)")
    parser.add_argument("--cache", type=Path, help="folder that keeps the runs")
    parser.add_argument("--quick", action="store_true", help="12 runs of 5 minutes instead")
    args = parser.parse_args()
    seconds = 300.0 if args.quick else 3600.0
    count = 12 if args.quick else args.hours
    rounds = 1 if args.quick else max(1, min(args.rounds, count))
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cache = args.cache or scratch
        cache.mkdir(parents=True, exist_ok=True)
        paths = season(cache, count, args.different, seconds)
        batch(
            paths[:1], scratch
        )  # the kernels are compiled, the files in memory or not as they are
        address = stack.enter_context(cluster())
        ways = {
            ONE: ("--workers", "1"),
            TWO: ("--workers", "2"),
            DASK: ("--scheduler", address),
        }
        batch(paths[:2], scratch, *ways[DASK])  # its workers stay: they have loaded the kernels
        found: dict[str, list[Measured]] = {name: [] for name in ways}
        hours: list[float] = []
        for number in range(rounds):
            part = paths[number::rounds]
            hours.append(len(part) * seconds / 3600.0)
            names = list(ways)
            for name in names[number % 3 :] + names[: number % 3]:
                found[name].append(batch(part, scratch, *ways[name]))
                print(
                    f"round {number + 1} of {rounds}: {name}, {found[name][-1].wall_s:.1f} s",
                    file=sys.stderr,
                    flush=True,
                )
    tell(found, hours, args.different, seconds)


def tell(
    found: dict[str, list[Measured]], hours: list[float], different: int, seconds: float
) -> None:
    """Print what was measured."""
    versions = ", ".join(f"{n} {metadata.version(n)}" for n in ("numpy", "numba", "distributed"))
    print(
        f"{sum(hours):g} recorded hours (runs of {seconds / 60:g} min, {different} different ones,"
        f" copied under other ids), {len(hours)} round{'s' * (len(hours) != 1)}."
    )
    print(f"Python {platform.python_version()}, {versions}; {os.cpu_count()} cores,", end=" ")
    print(f"load {os.getloadavg()[1]:.1f} over the last 5 min.\n")
    print(f"{'who':<18}{'hours/s':>9}{'hours/s of CPU':>16}{'times 1 worker':>16}   range")
    for name, runs in found.items():
        speed = median(h / m.wall_s for h, m in zip(hours, runs, strict=True))
        core = median(h / m.cpu_s for h, m in zip(hours, runs, strict=True))
        times = [one.wall_s / m.wall_s for one, m in zip(found[ONE], runs, strict=True)]
        cpu = f"{core:.2f}" if name != DASK else "-"
        span = f"{min(times):.2f}-{max(times):.2f}" if name != ONE else ""
        print(f"{name:<18}{speed:>9.2f}{cpu:>16}{median(times):>16.2f}   {span}".rstrip())
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024  # kB on Linux
    print(f"\nThe largest process took {largest:.0f} MB.", end="")
    same = all(len({m.outcome for m in part}) == 1 for part in zip(*found.values(), strict=True))
    print(f"\nThe same results byte for byte, whoever did it: {'yes' if same else 'NO'}.")
    text = hashlib.sha256("".join(m.outcome for m in found[ONE]).encode()).hexdigest()
    print(f"(SHA-256 of all of them: {text[:16]})")
    if not same:
        sys.exit(1)


if __name__ == "__main__":
    main()
