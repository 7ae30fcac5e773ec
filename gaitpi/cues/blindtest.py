"""The blind test of the sounds: can they be told apart by ear? Pure; the caller plays and asks.

Every sound is heard ``EXPOSURES`` times, in rounds of a random order of their own. Passed with at
least ``PASS`` of all answers right. Results are kept, one JSON object a line.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gaitpi.errors import InputFileError, OutputError

EXPOSURES: Final = 2
PASS: Final = 0.8
SIZE_LIMIT: Final = 1024 * 1024
"""Largest file of results read, signs."""
FILE: Final = "sound-tests.jsonl"
"""In the state folder."""


def questions(names: Sequence[str], seed: int, exposures: int = EXPOSURES) -> list[str]:
    """The names to play, in order: each once a round, never the same twice in succession."""
    shuffle = random.Random(seed)
    asked: list[str] = []
    for _ in range(exposures):
        order = list(names)
        shuffle.shuffle(order)
        if asked and len(order) > 1 and order[0] == asked[-1]:
            order.append(order.pop(0))
        asked += order
    return asked


@dataclass(slots=True)
class Score:
    """Answers so far: (played, answered) in order."""

    answers: list[tuple[str, str]] = field(default_factory=list)

    @property
    def right(self) -> int:
        """Answers that named what was played."""
        return sum(played == answered for played, answered in self.answers)

    @property
    def share(self) -> float:
        """Right ones of all; 0 before the first."""
        return self.right / len(self.answers) if self.answers else 0.0

    @property
    def never(self) -> list[str]:
        """Sounds not once recognised."""
        known = {played for played, answered in self.answers if played == answered}
        return sorted({played for played, _ in self.answers} - known)

    @property
    def passed(self) -> bool:
        """By the rule above."""
        return bool(self.answers) and self.share >= PASS

    @property
    def confused(self) -> list[tuple[str, str, int]]:
        """(played, taken for, how often), the most frequent first."""
        wrong = [pair for pair in self.answers if pair[0] != pair[1]]
        counts = {pair: wrong.count(pair) for pair in wrong}
        return [(*pair, n) for pair, n in sorted(counts.items(), key=lambda item: -item[1])]

    def as_dict(self) -> dict[str, Any]:
        """For the record."""
        return {
            "answers": [list(pair) for pair in self.answers],
            "right": self.right,
            "asked": len(self.answers),
            "share": round(self.share, 4),
            "never_recognised": self.never,
            "passed": self.passed,
        }


def save(path: Path, result: dict[str, Any]) -> None:
    """Add a result to the file. Raises OutputError when it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}.") from error


def load(path: Path) -> list[dict[str, Any]]:
    """All results, the oldest first; none without a file. Raises InputFileError if damaged."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(SIZE_LIMIT + 1)
        if len(text) > SIZE_LIMIT:
            raise InputFileError(f"{path} is too large to be results of a test.", "Move it away.")
        found = [json.loads(line) for line in text.splitlines() if line.strip()]
    except FileNotFoundError:
        return []
    except InputFileError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise InputFileError(f"{path} cannot be read: {error}.", "Move it away.") from error
    return [one for one in found if isinstance(one, dict)]
