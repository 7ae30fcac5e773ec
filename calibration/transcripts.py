"""Transcripts in the documentation: what the program prints, printed again and compared.

``python -m calibration.transcripts [FILE ...]`` runs every command of the transcripts in these
files (without one: in all of docs/ and README.md that have any) and says which differ;
``--write`` puts in what is printed now. tests/test_guide.py does the same.

A transcript is a fenced block of the kind ``console``; a line that begins with ``$ `` is a command,
what follows is its output. It is looked at when a comment stands right above it:

    <!-- transcript scene=weeks head=12 tail=3 -->

``scene`` names what lies in the folder of runs (:mod:`calibration.scenes`); without it that of the
block before goes on, and one that was left is gone on with. Of a longer output only ``head`` lines
and the last ``tail`` are shown, with a line ``...`` between. ``code=1``: the exit code of its last
command (0 otherwise).

Commands run in a shell of their own with UTC, 80 columns and no terminal, by the clock of the scene
(:mod:`calibration.scenetime`); runs that they record get the names and dates of the scene, today
becomes the scene's day, and folders those of a Pi.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from calibration import scenes

ROOT: Final = Path(__file__).parents[1]
_MARK: Final = re.compile(r"<!-- transcript((?: [a-z]+=[\w-]+)*) -->")
_FENCE: Final = "```console"
_DOTS: Final = "..."
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
_HOME: Final = "/home/pi"
_COLD: Final = re.compile(r"^Compiling the estimator.*\n", re.MULTILINE)
"""Said only where the kernels are not compiled yet."""


@dataclass(slots=True)
class Block:
    """A transcript: ``first`` and ``end`` are lines of the file between its fences."""

    first: int
    end: int
    scene: str
    head: int
    tail: int
    code: int
    lines: list[str] = field(default_factory=list)

    @property
    def commands(self) -> list[str]:
        """The commands in it, without the prompt."""
        return [line[2:] for line in self.lines if line.startswith("$ ")]

    def outputs(self) -> list[list[str]]:
        """What stands below each command."""
        found: list[list[str]] = []
        for line in self.lines:
            if line.startswith("$ "):
                found.append([])
            elif found:
                found[-1].append(line)
        return found


def blocks(text: str) -> list[Block]:
    """The transcripts of a file. Raises ValueError for one that is no transcript."""
    found: list[Block] = []
    lines = text.split("\n")
    for number, line in enumerate(lines):
        mark = _MARK.fullmatch(line.strip())
        if mark is None:
            if line.startswith("<!-- transcript"):
                raise ValueError(f"line {number + 1}: {line} cannot be read")
            continue
        if lines[number + 1 : number + 2] != [_FENCE]:
            raise ValueError(f"line {number + 1}: no {_FENCE} below it")
        first = number + 2
        end = first + lines[first:].index("```")
        options = dict(part.split("=") for part in mark[1].split())
        block = Block(
            first,
            end,
            options.pop("scene", ""),
            int(options.pop("head", "0")),
            int(options.pop("tail", "0")),
            int(options.pop("code", "0")),
            lines[first:end],
        )
        if options or not block.commands:
            raise ValueError(f"line {number + 1}: {options or 'no command'}")
        found.append(block)
    return found


class Shell:
    """A place in which commands run as on a belt; its runs are those of a scene."""

    def __init__(self, place: Path, scene: str) -> None:
        self._place = place
        self._home = place / "home"
        self._state = self._home / ".local" / "state"
        self.runs = self._state / "gaitpi" / "runs"
        tools = place / "bin"
        tools.mkdir(parents=True)
        program = tools / "gaitpi"
        at_s = scenes.TYPED.timestamp()
        clock = f"-m calibration.scenetime {at_s}"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {clock} "$@"\n')
        program.chmod(0o755)
        kept = {k: v for k in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME") if (v := os.environ.get(k))}
        cache = Path(os.environ.get("HOME") or Path.home()) / ".cache"
        self._environ = {
            "XDG_CACHE_HOME": str(cache),
            **kept,
            "PATH": f"{tools}:{os.environ.get('PATH', '/usr/bin:/bin')}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(self._home),
            "XDG_STATE_HOME": str(self._state),
            "XDG_CONFIG_HOME": str(self._home / ".config"),
            "XDG_RUNTIME_DIR": str(place / "run"),
            "TZ": "UTC",
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "80",
            "PYTHONWARNINGS": "error",
        }
        self._home.mkdir()
        self._names = scenes.SCENES[scene](self.runs)
        self._set: list[tuple[str, str]] = []

    def run(self, command: str) -> tuple[str, int]:
        """What a command prints, as it stands in the documentation, and its exit code."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self._home,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300.0,
            check=False,
        )
        return self._settled(done.stdout), done.returncode

    def _settled(self, text: str) -> str:
        """The output with names, dates and folders of the scene."""
        if self.runs.is_dir():
            self._set += self._names.settle(self.runs)
        today = datetime.now(UTC)
        for old, new in (
            *self._set,
            (f"{today:%Y-%m-%d}", f"{self._names.today:%Y-%m-%d}"),
            (str(self._home), _HOME),
        ):
            text = text.replace(old, new)
        return _COLD.sub("", text)


def printed(found: Sequence[Block]) -> list[list[list[str]]]:
    """What the commands of each transcript print now; scenes side by side.

    Raises RuntimeError when a command ends otherwise than it should.
    """
    acts: dict[str, list[int]] = {}
    scene = ""
    for k, block in enumerate(found):
        scene = block.scene or scene
        acts.setdefault(scene, []).append(k)
    outputs: dict[int, list[list[str]]] = {}

    def play(scene: str) -> None:
        with tempfile.TemporaryDirectory(prefix="gaitpi-transcripts-") as place:
            where = Shell(Path(place), scene)
            for k in acts[scene]:
                outputs[k] = list(_typed(found[k], where))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(play, acts))
    return [outputs[k] for k in range(len(found))]


def _typed(block: Block, where: Shell) -> Iterator[list[str]]:
    for k, command in enumerate(block.commands):
        text, code = where.run(command)
        wanted = block.code if k == len(block.commands) - 1 else 0
        if code != wanted:
            raise RuntimeError(f"line {block.first}: {command} ended with {code}:\n{text}")
        yield cut(text.rstrip("\n").split("\n"), block.head, block.tail)


def cut(lines: list[str], head: int, tail: int) -> list[str]:
    """The first and the last lines, and dots between; all where that is no shorter."""
    lines = [line.rstrip() for line in lines]
    if not (head or tail) or len(lines) <= head + tail + 1:
        return lines
    return [*lines[:head], _DOTS, *(lines[-tail:] if tail else [])]


def alike(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two outputs say the same: numbers may differ by one in their last digit.

    Another processor adds up in another order.
    """
    if len(one) != len(other):
        return False
    return all(a == b or _alike(a, b) for a, b in zip(one, other, strict=True))


def _alike(a: str, b: str) -> bool:
    if _NUMBER.sub("0", a) != _NUMBER.sub("0", b):
        return False
    pairs = zip(_NUMBER.findall(a), _NUMBER.findall(b), strict=True)
    return all(_near(x, y) for x, y in pairs)


def _near(x: str, y: str) -> bool:
    digits = len(x.partition(".")[2])
    if digits != len(y.partition(".")[2]):
        return False
    return abs(float(x) - float(y)) <= 1.001 * 10.0**-digits


def differing(path: Path) -> list[str]:
    """What of the transcripts in a file is printed otherwise now, in words."""
    found = []
    stand = blocks(path.read_text(encoding="utf-8"))
    for block, outputs in zip(stand, printed(stand), strict=True):
        for command, is_now, stands in zip(block.commands, outputs, block.outputs(), strict=True):
            if not alike(is_now, stands):
                now = "\n".join(is_now)
                found.append(f"{path.name}, line {block.first}: $ {command}\n{now}")
    return found


def rewritten(path: Path) -> str:
    """The text of a file with what is printed now in its transcripts."""
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")
    stand = blocks(text)
    for block, outputs in reversed(list(zip(stand, printed(stand), strict=True))):
        new: list[str] = []
        for command, output in zip(block.commands, outputs, strict=True):
            new += [f"$ {command}", *(output if output != [""] else [])]
        lines[block.first : block.end] = new
    return "\n".join(lines)


def with_transcripts() -> list[Path]:
    """The files of the documentation that have any."""
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [path for path in paths if "<!-- transcript" in path.read_text(encoding="utf-8")]


def main() -> int:
    """Compare or write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--write", action="store_true", help="put in what is printed now")
    args = parser.parse_args()
    wrong = []
    for path in args.files or with_transcripts():
        if args.write:
            path.write_text(rewritten(path), encoding="utf-8")
        else:
            wrong += differing(path)
    print("\n\n".join(wrong) or ("written" if args.write else "all as it is printed"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
