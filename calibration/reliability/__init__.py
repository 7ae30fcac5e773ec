"""What gaitpi promises of each fault, measured: the fault matrix of docs/reliability.md.

A module holds the rows of one subject in a tuple ``ROWS``; each row injects its fault so many
times, drawing where and when from a seed, and gives the worst that was seen. The tests judge every
row with few trials; ``python -m calibration.reliability`` with many, and writes the table.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was seen.

    ``trials`` injected, the ``worst`` of them in words and units, ``kept`` whether the promise held
    in every one, and if not, ``why`` (which trial, with its seed).
    """

    trials: int
    worst: str
    kept: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the matrix.

    ``number`` as in the matrix, with a letter where a row has several ("F13a"); ``fault`` and
    ``promise`` in words, the promise with its figure; ``injector`` how the fault is made;
    ``counter`` where it is told afterwards (a name in :data:`gaitpi.faults.FAULTS`, or in words);
    ``judge(trials, seed)`` does it. ``few`` trials in the tests, ``many`` for the table.
    ``needs`` what the machine must have beyond Python ("guest": :mod:`tests.hil`; "strace"), ""
    for nothing.
    """

    number: str
    fault: str
    injector: str
    promise: str
    counter: str
    judge: Callable[[int, int], Outcome]
    few: int
    many: int
    needs: str = ""
