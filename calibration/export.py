"""What an export costs, as ratios to reading the same tables with plain SQLite.

A made-up run of an hour (steps, seconds, cues, raw samples) is written in every format, in this
process, the best of some tries; ``--columns`` prints the tables of columns of docs/files.md.
``python -m calibration.export [--minutes 60] [--season 100]``.
"""

import argparse
import contextlib
import math
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from calibration.madeup import RATE_HZ, SENSOR, WALL_S
from gaitpi.cli import main as command
from gaitpi.imu.batch import Batch, ClockLine
from gaitpi.review import tables
from gaitpi.runs.header import RunHeader
from gaitpi.runs.reader import RunReader
from gaitpi.runs.writer import RunWriter


def made_up(path: Path, minutes: int, *, wall_s: float = WALL_S, raw: bool = True) -> Path:
    """A run of 171 steps a minute whose values are noise around what runners have."""
    rng = np.random.default_rng(int(wall_s) % 2**32)
    header = RunHeader.new(
        mono_s=100.0,
        wall_s=wall_s,
        sensor=SENSOR,
        config="{}",
        calibration=None,
        segment="pelvis",
        mount="",
        design_rate_hz=RATE_HZ,
        has_gyro=True,
        virtual=False,
        source="made up",
    )
    writer = RunWriter(path, header)
    n, step_s = 60 * minutes, 60.0 / 171.0
    for k in range(n if raw else 1):
        first = k if raw else n - 1
        counts = rng.normal(0.0, 900.0, (208, 6)).astype(np.int16)
        writer.batch(Batch(k, 208 * k, ClockLine(208 * k, float(first), 1 / RATE_HZ), counts))
    writer.seconds(
        {
            "time_s": float(k),
            "activity": 3,
            "cadence_spm": 171.0 + rng.normal(),
            "lean_deg": 5.0 + rng.normal(),
            "side_lean_deg": rng.normal(),
            "samples": 208,
            "clipped": 0,
            "gap_s": 0.0,
            "lean_from": 2,
            "cadence_sd_spm": 0.3,
            "lean_sd_deg": 0.8,
            "grade": 0.0,
            "grade_sd": 0.02,
            "yaw_dps": 0.0,
            "belt_value": 0.1,
            "belt": 1,
        }
        for k in range(n)
    )
    writer.steps(
        {
            "ic_s": k * step_s,
            "to_s": k * step_s + 0.25,
            "contact_s": 0.25 + 0.01 * rng.normal(),
            "flight_s": 0.1,
            "step_s": step_s,
            "cadence_spm": 171.0,
            "bounce_m": 0.08 + 0.004 * rng.normal(),
            "impact_ms2": 25.0,
            "side": 1 if k % 2 else -1,
            "known_s": k * step_s + 0.4,
            "activity": 3,
            "lean_deg": 5.0,
            "side_lean_deg": math.nan,
        }
        for k in range(int(n / step_s))
    )
    writer.close({})
    return path


def plain_sqlite(path: Path, *names: str) -> None:
    """All rows of tables, fetched and let go."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        for name in names:
            for _ in db.execute(f"SELECT * FROM {name}"):  # names of ours
                pass


def best(work: Callable[[], Any], tries: int = 3) -> float:
    """The least CPU time of some tries, s."""
    times = []
    for _ in range(tries):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what commands print."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def exported(path: Path, *arguments: str) -> Callable[[], None]:
    """What exports ``path`` so."""

    def work() -> None:
        with quiet():
            assert command(["export", str(path), *arguments, "--force"]) == 0

    return work


def by_fit_tool(records: int) -> Callable[[], None]:
    """The same records by the library fit-tool, when it is there."""
    from fit_tool.fit_file_builder import FitFileBuilder
    from fit_tool.profile.messages.record_message import RecordMessage

    def work() -> None:
        builder = FitFileBuilder(auto_define=True)
        for k in range(records):
            one = RecordMessage()
            one.timestamp = round(WALL_S + k) * 1000
            one.cadence, one.fractional_cadence = 85, 0.5
            one.vertical_oscillation, one.stance_time = 80.1, 250.0
            one.stance_time_percent, one.stance_time_balance = 35.0, 50.0
            builder.add(one)
        builder.build().to_bytes()

    return work


def peak_mib(path: Path, *arguments: str) -> float:
    """Most memory of a process that exports, MiB."""
    code = (
        "import sys\n"
        "from gaitpi.cli import main\n"
        "main(['export', *sys.argv[1:]])\n"
        "print(next(x for x in open('/proc/self/status') if 'VmHWM' in x).split()[1])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), *arguments, "--force"],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout.split()[-1]) / 1024


def one_run(folder: Path, minutes: int) -> None:
    """The table of formats."""
    path = made_up(folder / "a.gaitpi", minutes)
    short = made_up(folder / "b.gaitpi", max(1, minutes // 10))
    rows = best(lambda: plain_sqlite(path, "step", "second", "cue", "withheld", "event"))
    blobs = best(lambda: plain_sqlite(path, "block"))
    with RunReader(path) as run:
        unpacked = best(lambda: [block.times() for block in run.blocks()])
    print(f"An hour is {minutes} min here; plain SQLite reads its rows in {rows * 1e3:.0f} ms,")
    print(f"its raw blocks in {blobs * 1e3:.0f} ms ({unpacked * 1e3:.0f} ms unpacked).\n")
    print(
        "| export | CPU time, of plain SQLite reading all rows | size, MB | memory, hour | 1/10 |"
    )
    print("| --- | --- | --- | --- | --- |")
    for words, *arguments in (
        ("FIT", "--fit"),
        ("CSV steps", "--table", "steps", "--csv"),
        ("CSV seconds", "--table", "seconds", "--csv"),
        ("CSV raw", "--csv"),
        ("Parquet steps", "--table", "steps", "--parquet"),
        ("Parquet seconds", "--table", "seconds", "--parquet"),
        ("Parquet raw", "--parquet"),
    ):
        target = folder / "out"
        took = best(exported(path, *arguments, str(target)), 2)
        size = target.stat().st_size / 1e6
        long, little = (peak_mib(p, *arguments, str(target)) for p in (path, short))
        print(
            f"| {words} | {took / rows:.1f}× | {size:.2f} | {long:.0f} MiB | {little:.0f} MiB |",
            flush=True,
        )
    try:
        peer = best(by_fit_tool(60 * minutes), 1)
    except ImportError:
        return
    ours = best(exported(path, "--fit", str(folder / "out")), 2)
    print(f"\nFIT by fit-tool, records alone: {peer / ours:.1f}× the time of ours, everything.")


def season(folder: Path, runs: int) -> None:
    """What a season costs at first, and when nothing has changed."""
    from gaitpi.review.season import export

    source = folder / "runs"
    source.mkdir()
    for k in range(runs):
        made_up(source / f"r{k:04}.gaitpi", 40, wall_s=WALL_S + 86_400.0 * k, raw=False)

    def read() -> None:
        for path in source.glob("*.gaitpi"):
            plain_sqlite(path, "step", "second")

    rows = best(read, tries=1)
    first = best(lambda: export(source, folder / "season"), tries=1)
    again = best(lambda: export(source, folder / "season"), tries=2)
    size = sum(p.stat().st_size for p in (folder / "season").rglob("*.parquet")) / 1e6
    print(f"\nA season of {runs} runs of 40 min, {size:.0f} MB: first {first / rows:.1f}× the time")
    print(f"of plain SQLite reading all rows, again {again / rows:.2f}× ({again:.2f} s here).")


def columns() -> None:
    """The tables of columns as they stand in docs/files.md."""
    for table in tables.TABLES.values():
        print("\n".join(markdown(table)), end="\n\n")


def markdown(table: tables.Table) -> list[str]:
    """The columns of a table in Markdown."""
    lines = [f"`{table.name}`: one row is {table.row}.", "", "| column | unit | meaning | from |"]
    lines.append("|---|---|---|---|")
    lines += [f"| `{c.name}` | {c.unit or '–'} | {c.meaning} | {c.source} |" for c in table.columns]
    return lines


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--season", type=int, default=100, metavar="RUNS")
    parser.add_argument("--columns", action="store_true")
    args = parser.parse_args()
    if args.columns:
        columns()
        return
    with tempfile.TemporaryDirectory() as name:
        one_run(Path(name), args.minutes)
        season(Path(name), args.season)


if __name__ == "__main__":
    main()
