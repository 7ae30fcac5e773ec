"""Judges what a cut left of the small files: configuration, calibration, targets, journals."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from calibration.powercut.runs import Verdict
from calibration.powercut.workload import RUNS, Call, held, write_journals
from gaitpi import calibrationfile, programmefile, targetfile
from gaitpi.config import load
from gaitpi.errors import GaitpiError
from gaitpi.journal import store

APPENDED: Final = (f"{RUNS}/{programmefile.NAME}", f"{RUNS}/{store.NAME}")
"""These grow at their ends; the others are replaced at one stroke."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What the files hold by their path, None = not there; ``wrong`` in words.

    ``start_s`` is what loading them took.
    """

    texts: dict[str, bytes | None]
    start_s: float
    wrong: tuple[str, ...]


class JournalJudge:
    """Knows what was written when."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._calls: dict[str, list[Call]] = {}
        for call in calls:
            self._calls.setdefault(call.path, []).append(call)

    def see(self, folder: Path, *, go_on: bool = False) -> Texts:
        """Load every file as its owner does. With ``go_on`` each is written once more."""
        wrong = []
        texts: dict[str, bytes | None] = {}
        start = time.perf_counter()
        for path in self._calls:
            try:
                _load(folder, path)
            except GaitpiError as error:
                wrong.append(f"{path} cannot be loaded: {error}")
        start_s = time.perf_counter() - start
        for path in self._calls:
            file = folder / path
            if file.name == store.NAME:
                with contextlib.suppress(GaitpiError):  # that is wrong already
                    texts[path] = held(file).encode()
            else:
                texts[path] = file.read_bytes() if file.exists() else None
        if go_on:
            wrong += self._go_on(folder)
        return Texts(texts, start_s, tuple(wrong))

    def _go_on(self, folder: Path) -> list[str]:
        counts = {path: _load(folder, path) for path in self._calls}
        try:
            write_journals(folder, 5)
        except GaitpiError as error:
            return [f"nothing can be written any more: {error}"]
        return [
            f"{path}: {counts[path]} records, after one more {found}"
            for path in self._calls
            if path.startswith(RUNS) and (found := _load(folder, path)) != counts[path] + 1
        ]

    def judge(self, instant: float, seen: Texts) -> Verdict:
        """``lost_s`` is the number of writes that had returned and are not there."""
        wrong, lost = list(seen.wrong), 0
        for path, calls in self._calls.items():
            done = sum(call.end <= instant for call in calls)
            begun = sum(call.start <= instant for call in calls)
            text = seen.texts.get(path)
            if path in APPENDED:
                there = _whole_lines(path, text or b"")
                final = _whole_lines(path, calls[-1].text.encode())
                if there != final[: len(there)]:
                    wrong.append(f"{path}: its lines are not the first of those written")
                found = len(there)
                if found > begun:
                    wrong.append(f"{path}: {found} lines, {begun} were begun")
            else:
                versions: list[bytes | None] = [None, *(call.text.encode() for call in calls)]
                if text not in versions[: begun + 1]:
                    wrong.append(f"{path} is neither as before nor as after")
                    continue
                found = max(k for k in range(begun + 1) if versions[k] == text)
            if found < done:
                wrong.append(f"{path}: {done - found} writes that had returned are gone")
                lost = max(lost, done - found)
        return Verdict(float(lost), 0, seen.start_s, tuple(wrong))


def _load(folder: Path, path: str) -> int:
    """Load a file as its owner does; the number of its records."""
    name, file = Path(path).name, folder / path
    if name == calibrationfile.NAME:
        return len(calibrationfile.load(file).records)
    if name == targetfile.NAME:
        return len(targetfile.load(file).records)
    if name == programmefile.NAME:
        return len(programmefile.load(file).records)
    if name == store.NAME:
        return len(store.load(file).rows)
    if file.exists():
        load(file)
    return 0


def _whole_lines(path: str, text: bytes) -> list[bytes]:
    from gaitpi import jsonlines

    if path.endswith(store.NAME):
        return text.split(b"\n")[:-1]
    return [
        line
        for line in text.split(b"\n")
        if line and jsonlines.unpack(line, programmefile.Record) is not None
    ]
