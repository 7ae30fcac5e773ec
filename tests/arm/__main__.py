"""``make arm``: gaitpi on emulated boards, beside gaitpi on this machine (docs/arm.md)."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.story import story
from tests.arm import compare
from tests.arm.system import (
    BOARDS,
    CHECKOUT,
    PLAIN,
    VENV,
    Board,
    CannotEmulateError,
    Done,
    emulated,
    lacking,
    measured,
    site_packages,
    system,
)

PROBE: Final = Path(__file__).with_name("probe.py")
RECORDING: Final = CHECKOUT.parent / "shared/data/sisfall_waist/SA01_D03_R01.npz"
STORY: Final = "fade"
RATE_HZ: Final = 208.0
TARGET: Final = ("--set", "coach.target_spm=172")
OWN: Final = ("id", "start")
"""What two runs never have in common."""

DESCRIPTION: Final = (
    "gaitpi on emulated 64-bit ARM boards, beside gaitpi on this machine (docs/arm.md). Exit code"
    " 0: everything installs and all numbers agree; 1: not so, or this machine cannot emulate."
)

Run = Callable[..., Done]
"""Runs a file of Python, or ``gaitpi``, with its words."""


@dataclass(frozen=True, slots=True)
class Side:
    """A machine: how it runs a program, and its folder by the name the program knows."""

    run: Run
    folder: str


@dataclass(slots=True)
class Found:
    """What one board gave: its versions, the difference of each field, figures, problems."""

    board: Board
    versions: dict[str, Any]
    fields: dict[str, compare.Difference]
    facts: dict[str, str]
    problems: list[str]


def samples(path: Path) -> list[str]:
    """Write the cases for the probe; their names in words."""
    runner = SimulatedRunner(story(STORY), RunnerParams(gyr_bias=(0.010, -0.015, 0.008)))
    n = int(runner.duration_s * RATE_HZ)
    acc, gyr = runner.samples(0, n, RATE_HZ)
    time_s, rate = np.arange(n) / RATE_HZ, np.float64(RATE_HZ)
    cases: dict[str, Any] = {
        f"{case}.{name}": values
        for case in ("simulated", "nogyro")
        for name, values in (("time", time_s), ("rate", rate), ("acc", acc), ("gyr", gyr))
        if (case, name) != ("nogyro", "gyr")
    }
    words = [f"simulated runner ({STORY}), {n} samples", "the same without gyroscope"]
    if RECORDING.exists():
        with np.load(RECORDING) as given:
            meta = json.loads(str(given["meta"]))
            rate, n = np.float64(given["fs"]), len(given["acc"])
            cases |= {"recorded.rate": rate, "recorded.time": np.arange(n) / rate}
            for name in ("acc", "gyr"):
                cases[f"recorded.{name}"] = given[name].astype(np.float64) * meta[f"{name}_lsb"]
        words.append(f"jogging recorded at the waist, {n} samples")
    np.savez(path, **cases)
    return words


def everything(side: Side) -> dict[str, Done]:
    """Run every program on one machine; its folder holds ``in.npz``. Raises CannotEmulateError."""

    def run(name: str, *words: str) -> None:
        print(f"  {name}", end="", flush=True)
        done[name] = side.run(*words)
        print(f": {done[name].seconds:.0f} s", flush=True)
        if done[name].code:
            raise CannotEmulateError(f"{name} ended with {done[name].code}:\n{done[name].err}")

    done: dict[str, Done] = {}
    at = side.folder
    run("version", "gaitpi", "--version")
    run("warmup", "gaitpi", "warmup", "--json")
    run("estimates", f"{at}/probe.py", f"{at}/in.npz", f"{at}/out.npz")
    run("simulate", "gaitpi", "simulate", "--story", STORY, "--out", f"{at}/own.csv")
    run("replay", "gaitpi", "replay", f"{at}/given.csv", "--json", *TARGET)
    run("demo", "gaitpi", "demo", "--story", STORY)
    run("show", "gaitpi", "show", "last", "--json")
    return done


def here(folder: Path) -> Side:
    """This machine."""
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT), "XDG_STATE_HOME": str(folder / "state")}
    env.pop("GAITPI_CONFIG", None)

    def run(program: str, *words: str) -> Done:
        start = ["-m", "gaitpi"] if program == "gaitpi" else [program]
        return measured([sys.executable, *start, *words], env)

    return Side(run, str(folder))


def there(board: Board, root: Path, folder: Path) -> Side:
    """The emulated board; ``folder`` lies in its root."""
    inside = f"/{folder.relative_to(root)}"
    env = {**PLAIN, "XDG_STATE_HOME": f"{inside}/state"}

    def run(program: str, *words: str) -> Done:
        file = f"{VENV}/bin/gaitpi" if program == "gaitpi" else program
        return measured(emulated(board, root, f"{VENV}/bin/python", file, *words), env)

    return Side(run, inside)


def judge(board: Board, ours: dict[str, Done], mine: Path) -> Found:
    """Run the board and hold it against this machine, whose folder is ``mine``."""
    print(f"{board.name} ({board.cpu}, Python {board.python})", flush=True)
    with (
        system(board) as root,
        tempfile.TemporaryDirectory(prefix="run-", dir=root / "tmp") as name,
    ):
        folder = Path(name)
        for file in ("in.npz", "given.csv", "probe.py"):
            (folder / file).write_bytes((mine / file).read_bytes())
        theirs = everything(there(board, root, folder))
        fields = _same_numbers(mine, folder)
        size = sum(f.stat().st_size for f in site_packages(board, root).rglob("*") if f.is_file())
    versions = json.loads(theirs["estimates"].out)
    problems = [f"{name} {one.problem}" for name, one in fields.items() if one.problem]
    problems += _same_words(ours, theirs)
    if versions["machine"] != "aarch64" or versions["cpu"] != board.cpu:
        problems.append(f"that was {versions['machine']}, {versions['cpu']}")
    if not versions["compiles"]:
        problems.append("the kernels ran as plain Python")
    warm = json.loads(theirs["warmup"].out)
    facts = {
        "kernels compiled": f"{warm['compiled'] or 'from the cache'}",
        "wheels, MB": f"{size / 1e6:.0f}",
        **{f"peak of {name}, MB": f"{done.rss_mb:.0f}" for name, done in theirs.items()},
        "lines of replay": str(len(theirs["replay"].out.splitlines())),
        "cues in them": str(theirs["replay"].out.count('"type": "cue"')),
    }
    return Found(board, versions, fields, facts, problems)


def _same_numbers(mine: Path, theirs: Path) -> dict[str, compare.Difference]:
    """Differences of every estimate, and of the simulated samples."""
    with np.load(mine / "out.npz") as a, np.load(theirs / "out.npz") as b:
        fields = compare.fields(dict(a), dict(b))
    table = [np.loadtxt(folder / "own.csv", delimiter=",", skiprows=1) for folder in (mine, theirs)]
    for name, columns in {"simulated acc": slice(1, 4), "simulated gyr": slice(4, 7)}.items():
        fields[name] = compare.arrays(table[0][:, columns], table[1][:, columns])
    return fields


def _same_words(ours: dict[str, Done], theirs: dict[str, Done]) -> list[str]:
    """What differs in what the commands print: version, replay and the run of the demo."""

    def lines(done: Done) -> list[Any]:
        return [json.loads(line) for line in done.out.splitlines()]

    found = compare.texts(ours["version"].out, theirs["version"].out, where="version")
    found += compare.texts(lines(ours["replay"]), lines(theirs["replay"]), where="replay")
    runs = [json.loads(side["show"].out) for side in (ours, theirs)]
    return found + compare.texts(runs[0], runs[1], OWN, "show")


def report(found: list[Found], versions: dict[str, Any], cases: list[str]) -> None:
    """Print the tables of docs/arm.md."""
    boards = [one.board.name for one in found]
    print(f"\nCases: {'; '.join(cases)}.\n")
    _row("", "this machine", *boards)
    _row(*["---"] * (len(boards) + 2))
    sides = [versions, *(one.versions for one in found)]
    for key in ("machine", "cpu", "python", "libc"):
        _row(key, *(side[key] for side in sides))
    for part in versions["parts"]:
        _row(part, *(side["parts"][part] or "no wheel" for side in sides))
    for key in found[0].facts:
        _row(key, "", *(one.facts[key] for one in found))
    print()
    _row("field", "values", "largest", *(f"apart: {name}" for name in boards))
    _row(*["---"] * (len(boards) + 3))
    for name in found[0].fields:
        each = [one.fields[name] for one in found]
        apart = [f"{one.apart:.1e} ({one.differ})" if one.differ else "0" for one in each]
        _row(name, str(each[0].values), f"{each[0].largest:.4g}", *apart)


def _row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |")


def main() -> int:
    """Compare the boards named, or all; print tables and problems."""
    parser = argparse.ArgumentParser(
        prog="make arm", description=DESCRIPTION, epilog="example: make arm ARGS=zero2w-bookworm"
    )
    parser.add_argument("board", nargs="*", help=f"of {', '.join(BOARDS)} (default: all)")
    args = parser.parse_args()
    unknown = [name for name in args.board if name not in BOARDS]
    if unknown:
        parser.error(f"no board is called {unknown[0]}; there are {', '.join(BOARDS)}")
    with tempfile.TemporaryDirectory(prefix="gaitpi-arm-") as name:
        try:
            return _compare([BOARDS[board] for board in args.board or BOARDS], Path(name))
        except CannotEmulateError as error:
            print(error, file=sys.stderr)
            return 1


def _compare(boards: list[Board], mine: Path) -> int:
    why = lacking()
    if why:
        raise CannotEmulateError(f"ARM cannot be emulated here: {why}.")
    cases = samples(mine / "in.npz")
    (mine / "probe.py").write_bytes(PROBE.read_bytes())
    side = here(mine)
    side.run("gaitpi", "simulate", "--story", STORY, "--out", f"{mine}/given.csv")
    print("This machine", flush=True)
    ours = everything(side)
    found = [judge(board, ours, mine) for board in boards]
    report(found, json.loads(ours["estimates"].out), cases)
    for one in found:
        for problem in one.problems:
            print(f"{one.board.name}: {problem}", file=sys.stderr)
    print("\nTimes and memory are the emulator's: they say nothing about a Pi.")
    bad = any(one.problems for one in found)
    print("The numbers do not agree." if bad else "All numbers agree.")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
