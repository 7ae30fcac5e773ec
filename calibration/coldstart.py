"""How long the commands take that are typed over ssh, from a cold start of Python.

``python -m calibration.coldstart`` makes a folder with a few runs and one with a season (made up,
see ``calibration/season.py``), then starts each command in a process of its own, in turns with
``python -c "import numpy, sqlite3"``. Printed are medians and their ratio to the median of that
import, which is what a Zero 2 W and this machine have in common: of the wall time, and of the
processor's, which hardly depends on what else the machine does and so is what is judged. Cold means
a new process; files are in the memory of the kernel, and gaitpi has read the runs once before.
Promised are 1.5 times the import for ``gaitpi``, ``runs`` and ``show`` of a few runs, and 0.5 s for
300 runs listed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from calibration import season

FEW: Final = 6
SEASON: Final = 300
RATIO_MAX: Final = 1.5
LISTED_MAX_S: Final = 0.5
PROMISED: Final = ("gaitpi", "gaitpi runs", "gaitpi show")
YARDSTICK: Final = ("-c", "import numpy, sqlite3")
COMMANDS: Final[tuple[tuple[str, ...], ...]] = (
    (),
    ("runs",),
    ("show",),
    ("show", "--chart"),
    ("compare", "last"),
    ("compare", "first", "last"),
    ("cues",),
)


class Spent(NamedTuple):
    """What one start of Python took: wall time, and time of a processor, s."""

    wall_s: float
    cpu_s: float


def spent(arguments: Sequence[str], environ: Mapping[str, str]) -> Spent:
    """Start Python once. Raises CalledProcessError when it fails."""
    begin = time.perf_counter()
    argv = [sys.executable, *arguments]
    with subprocess.Popen(argv, env=environ, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, argv)
    return Spent(wall_s, used.ru_utime + used.ru_stime)


def measure(
    folder: Path, runs: int, repeats: int, *, outside: bool = False
) -> dict[str, list[Spent]]:
    """What the commands took over a folder of so many runs; "" is the yardstick."""
    paths = season.make(folder / "gaitpi" / "runs", runs, outside=outside)
    environ = dict(os.environ) | {
        "XDG_STATE_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
    }
    # an installed program is compiled, and so is it here after the first turn
    environ["OPENBLAS_NUM_THREADS"] = "1"  # else numpy's threads count twice
    environ["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    for name in ("STATE_DIRECTORY", "GAITPI_CONFIG", "PYTHONDONTWRITEBYTECODE"):
        environ.pop(name, None)
    first = paths[-1].stem
    turns: dict[str, Sequence[str]] = {"": YARDSTICK}
    for command in COMMANDS:
        words = [first if word == "first" else word for word in command]
        turns[" ".join(("gaitpi", *command))] = ("-m", "gaitpi", *words)
    found: dict[str, list[Spent]] = {name: [] for name in turns}
    for turn in range(repeats + 1):
        for name, arguments in turns.items():
            one = spent(arguments, environ)
            if turn:  # the first compiles, and brings the files into memory
                found[name].append(one)
    return found


def report(found: Mapping[str, Sequence[Spent]], runs: int) -> bool:
    """Print the table; whether a promise is broken."""
    walls = {name: median(one.wall_s for one in all_) for name, all_ in found.items()}
    cpus = {name: median(one.cpu_s for one in all_) for name, all_ in found.items()}
    print(f"{runs} runs")
    print(f"  {'':<30}{'wall':>9}{'ratio':>7}{'processor':>13}{'ratio':>7}")
    broken = False
    for name, wall_s in walls.items():
        cpu_s = cpus[name]
        late = runs == FEW and name in PROMISED and cpu_s / cpus[""] > RATIO_MAX
        late |= name == "gaitpi runs" and cpu_s > LISTED_MAX_S
        broken |= late
        took = f"{wall_s * 1e3:6.0f} ms{wall_s / walls['']:7.2f}"
        took += f"{cpu_s * 1e3:10.0f} ms{cpu_s / cpus['']:7.2f}{'  LATE' if late else ''}"
        print(f"  {name or 'import numpy, sqlite3':<30}{took}")
    return broken


def main() -> int:
    """Measure and print; 1 when a promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--season", type=int, default=SEASON, help="runs of the large folder")
    parser.add_argument("--outside", action="store_true", help="runs with strap and foot pod")
    args = parser.parse_args()
    broken = False
    for runs in (FEW, args.season):
        with tempfile.TemporaryDirectory(prefix="gaitpi-") as name:
            broken |= report(measure(Path(name), runs, args.repeats, outside=args.outside), runs)
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
