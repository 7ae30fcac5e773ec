"""Room on the card: how much there is, and old runs deleted for it when that is configured.

Without ``keep_free_mb`` nothing is ever deleted. With it the oldest runs go until so much is
free; never one that is starred, being recorded, damaged (it may be mended), from the last 24
hours, or of an unknown date. Where the file of tags cannot be trusted nothing goes at all, and
where all that may go would not be enough, no more than recording needs. Notes stay, if a run goes.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from gaitpi import editfile, importfile, tagfile
from gaitpi.errors import GaitpiError
from gaitpi.runs.reader import RunEntry, list_runs
from gaitpi.runs.writer import being_recorded, sync_directory

FLOOR_BYTES: Final = 8_000_000
"""With less free raw samples are not written: steps, cues and the end of the run still fit."""

BACK: Final = 1.5
"""Raw samples are written again from so many times ``FLOOR_BYTES`` on."""

LEAST_BYTES: Final = 20_000_000
"""So much is kept free where the whole reserve cannot be had: some hours are recorded with it."""

RECENT_S: Final = 86_400.0
"""A run that began less than this ago is not deleted, s."""

DATED_S: Final = 1_704_067_200.0
"""1 January 2024: a clock that was earlier had never been set."""

MB: Final = 1_000_000


class Deleted(NamedTuple):
    """A run that was deleted, and the bytes of its file."""

    run_id: str
    size: int


def free_bytes(directory: Path) -> int:
    """Bytes that may still be written into ``directory`` (or where it will be made).

    Raises OSError when the file system does not say.
    """
    there = next((p for p in (directory, *directory.parents) if p.exists()), directory)
    found = os.statvfs(there)
    return found.f_bavail * found.f_frsize


class Room:
    """Looks after the room in a folder of runs. For the recorder's thread."""

    def __init__(
        self,
        directory: Path,
        keep_free_mb: float | None = None,
        *,
        floor_bytes: int = FLOOR_BYTES,
        wall: Callable[[], float] = time.time,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._directory = directory
        self._keep = None if keep_free_mb is None else keep_free_mb * MB
        self._floor = floor_bytes
        self._wall = wall
        self._free_of = free
        self.low = False
        """Whether there is too little for raw samples, as of the last ``look``."""
        self.problem = ""
        """Why less than ``keep_free_mb`` is free, in words; empty while it is."""

    def free(self) -> int | None:
        """Bytes free; None when the file system does not say."""
        with contextlib.suppress(OSError):
            return self._free_of(self._directory)
        return None

    def look(self) -> bool:
        """Find out whether the room is ``low``; True when old runs should go."""
        free = self.free()
        if free is None:
            return False
        self.low = free < self._floor * (BACK if self.low else 1.0)
        wanting = self._keep is not None and free < self._keep
        if not wanting:
            self.problem = ""
        return wanting

    def make(self, current: Path | None = None) -> Iterator[Deleted]:
        """Delete the oldest runs but ``current``, one by one, until enough is free.

        A reserve that the card cannot have, with all of them gone, is no reason to lose them all:
        then they go until ``LEAST_BYTES`` are free.
        """
        self.problem = ""
        entries = list_runs(self._directory)
        goal = self._goal(entries, current)
        for entry in reversed(entries):
            if not self.look() or (self.free() or 0) >= goal:
                break
            try:
                tags = tagfile.load(tagfile.path_in(self._directory))
            except GaitpiError as error:
                self.problem = f"No run is deleted to make room: {error}"
                return
            if tags.damaged:
                self.problem = (
                    "No run is deleted to make room: the file of tags is damaged, and a star may"
                    f" be lost. See 'gaitpi tag {entry.run_id}'."
                )
                return
            if entry.path == current or tagfile.STAR in tags.of(entry.run_id):
                continue
            if self._may_go(entry) and (size := self._delete(entry.path)) is not None:
                yield Deleted(entry.run_id, size)
        if not self.look():
            return
        if goal < (self._keep or 0.0):
            self.problem = (
                f"runs.keep_free_mb = {(self._keep or 0.0) / MB:.0f} MB cannot be had on this card,"
                f" so old runs are only deleted to keep {LEAST_BYTES / MB:.0f} MB free."
            )
        else:
            self.problem = (
                "Too little is free on the card, and no run is left that may be deleted"
                " (starred ones and those of the last 24 h stay)."
            )

    def _goal(self, entries: list[RunEntry], current: Path | None) -> float:
        """How much should be free, bytes: the reserve, where it can be had at all."""
        keep = self._keep or 0.0
        try:
            tags = tagfile.load(tagfile.path_in(self._directory))
        except GaitpiError:
            return keep  # nothing goes in any case
        gain = 0
        for entry in entries:
            starred = tagfile.STAR in tags.of(entry.run_id)
            if entry.path != current and not starred and self._may_go(entry):
                with contextlib.suppress(OSError):
                    gain += entry.path.stat().st_size
        return keep if (self.free() or 0) + gain >= keep else min(keep, LEAST_BYTES)

    def _may_go(self, entry: RunEntry) -> bool:
        if entry.problem is not None or entry.started is None:
            return False
        began_s = entry.started.timestamp()
        known = began_s >= DATED_S and self._wall() >= DATED_S
        return known and self._wall() - began_s > RECENT_S and not being_recorded(entry.path)

    def _delete(self, path: Path) -> int | None:
        """Its size, or None when it could not be deleted. The file goes before its journal.

        The other way round a cut in between would leave half a commit that nothing undoes.
        """
        try:
            size = path.stat().st_size
            path.unlink()
            path.with_name(path.name + "-journal").unlink(missing_ok=True)
            importfile.path_of(path).unlink(missing_ok=True)
            if not _noted(editfile.path_of(path)):
                editfile.path_of(path).unlink(missing_ok=True)
            sync_directory(self._directory)
        except OSError:
            return None
        return size


def _noted(path: Path) -> bool:
    """Whether the runner's own words are in a file of edits, or may be."""
    try:
        edits = editfile.load(path)
    except GaitpiError:
        return path.exists()
    return edits.damaged > 0 or bool(edits.notes)
