"""What was done to a run afterwards, in a file beside it: ``<run>.edits.jsonl``.

Trims, splits and notes. The run file is never touched: what is trimmed away is only left out
when the run is shown, and an undo brings it back. Lines are appended and synced, each with a
checksum and the whole of what holds after it: so a damaged line in the middle costs the way
back only. Where the last word may have been in a damaged line, the run is shown untrimmed.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec.structs
from msgspec import Struct

from gaitpi import jsonlines
from gaitpi.errors import GaitpiError
from gaitpi.runs.rows import LATEST_S

ENDING: Final = ".edits.jsonl"
PARTS_MAX: Final = 99
"""Most parts of a run: they are asked for by at most two digits."""
NOTES_MAX: Final = 9999
NOTE_MAX: Final = 500
"""Signs of the longest note."""


class EditFileError(GaitpiError, OSError):
    """What was done to a run cannot be read or written."""

    def __init__(self, found: str, todo: str = "") -> None:
        GaitpiError.__init__(self, found, todo)


class Trim(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="trim"):
    """From now on ``start_s`` to ``end_s`` is kept, run time, s; None = nothing cut off there.

    ``undo``: the trim before was taken back, and this is what held before it.
    """

    wall_s: float
    start_s: float | None = None
    end_s: float | None = None
    undo: bool = False

    @property
    def sane(self) -> bool:
        """Whether it can be meant."""
        start_s, end_s = self.start_s or 0.0, LATEST_S if self.end_s is None else self.end_s
        return 0.0 <= start_s < end_s <= LATEST_S


class Split(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="split"):
    """From now on the run is cut at these times (run time, s, rising). ``undo`` as in a trim."""

    wall_s: float
    cuts: tuple[float, ...] = ()
    undo: bool = False

    @property
    def sane(self) -> bool:
        """Whether it can be meant."""
        rising = all(a < b for a, b in itertools.pairwise(self.cuts))
        within = all(0.0 < cut < LATEST_S for cut in self.cuts)
        return rising and within and len(self.cuts) < PARTS_MAX


class Note(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="note"):
    """The note of that number, from 1; without ``text`` it was taken away."""

    wall_s: float
    number: int
    text: str = ""

    @property
    def sane(self) -> bool:
        """Whether it can be meant."""
        return len(self.text) <= NOTE_MAX and 1 <= self.number <= NOTES_MAX


Record = Trim | Split | Note
Kind = TypeVar("Kind", Trim, Split)


@dataclass(frozen=True, slots=True)
class Edits:
    """All that was done to a run, oldest first; None stands for a damaged line."""

    records: tuple[Record | None, ...] = ()

    @property
    def damaged(self) -> int:
        """How many lines were left out."""
        return sum(record is None for record in self.records)

    @property
    def trim(self) -> Trim:
        """The trim in force; one without times where nothing is trimmed, or that is not known."""
        return _last(self.before(Trim), Trim(wall_s=0.0))

    @property
    def cuts(self) -> tuple[float, ...]:
        """Where the run is cut, run time, s, rising; also outside of what is kept."""
        return _last(self.before(Split), Split(wall_s=0.0)).cuts

    @property
    def notes(self) -> dict[int, Note]:
        """The notes by number, in its order."""
        written = {r.number: r for r in self.records if isinstance(r, Note)}
        return {number: note for number, note in sorted(written.items()) if note.text}

    @property
    def next_note(self) -> int:
        """The number of the next note: none is given twice."""
        return 1 + max((r.number for r in self.records if isinstance(r, Note)), default=0)

    def before(self, kind: type[Kind]) -> list[Kind]:
        """The trims or splits that may still be undone, the last one in force. One for each undo.

        Where a damaged line lies between, the way back ends there.
        """
        stack: list[Kind] = []
        for record in self.records:
            if record is None:
                stack.clear()
            elif isinstance(record, kind):
                if not record.undo:
                    stack.append(record)
                    continue
                del stack[-1:]
                # what it says holds, also where lines before it are not there
                if _says(record):
                    stack[-1:] = [record]
                elif stack and _says(stack[-1]):
                    stack.clear()
        return stack

    def lost(self, kind: type[Trim] | type[Split]) -> bool:
        """Whether a damaged line stands behind the last whole one of that kind: none holds then."""
        for record in reversed(self.records):
            if record is None:
                return True
            if isinstance(record, kind):
                return False
        return False


def _last(stack: list[Kind], nothing: Kind) -> Kind:
    return stack[-1] if stack else nothing


def _says(record: Trim | Split) -> bool:
    """Whether anything is trimmed or split by it."""
    if isinstance(record, Trim):
        return record.start_s is not None or record.end_s is not None
    return bool(record.cuts)


def undone(edits: Edits, kind: type[Kind], wall_s: float) -> Kind | None:
    """The record that takes back the last trim or split; None where there is none."""
    stack = edits.before(kind)
    if not stack:
        return None
    before = stack[-2] if len(stack) > 1 else kind(wall_s=wall_s)
    return msgspec.structs.replace(before, wall_s=wall_s, undo=True)


def path_of(run: Path) -> Path:
    """The file that belongs to a run file."""
    return run.with_name(run.stem + ENDING)


_FILE: Final = jsonlines.Kind("what was edited, {path},", "a file of edits", EditFileError)


def load(path: Path) -> Edits:
    """Read the file; a missing one is empty. Raises EditFileError when it cannot be read."""
    found: list[Record | None] = [jsonlines.unpack(line, Record) for line in _FILE.read(path)]
    return Edits(tuple(one if one is not None and one.sane else None for one in found))


def add(path: Path, records: Iterable[Record]) -> Edits:
    """Append records, synced. Raises EditFileError; at worst the last line is then torn."""
    _FILE.append(path, map(jsonlines.pack, records))
    return load(path)
