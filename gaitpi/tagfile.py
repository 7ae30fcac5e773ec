"""Tags of runs, kept beside them in ``tags.jsonl``: a run file itself is never changed for one.

A run tagged ``star`` is never deleted to make room. Other tags are free. The file is replaced
at one stroke and synced, and every line has a checksum, so that a lost star is noticed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec import Struct

from gaitpi import jsonlines
from gaitpi.errors import GaitpiError, UsageError

NAME: Final = "tags.jsonl"
STAR: Final = "star"
_TAG: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,23}")


class TagFileError(GaitpiError, OSError):
    """The tags cannot be read or written."""

    def __init__(self, found: str, todo: str = "") -> None:
        GaitpiError.__init__(self, found, todo)


class Tag(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run has a tag, or (``on`` false) has it no longer; ``wall_s`` when that was said."""

    wall_s: float
    run: str
    tag: str
    on: bool = True


@dataclass(frozen=True, slots=True)
class Tags:
    """All that was said of tags, oldest first; ``damaged`` lines were left out."""

    records: tuple[Tag, ...] = ()
    damaged: int = 0

    def of(self, run_id: str) -> tuple[str, ...]:
        """The tags of a run, ``star`` first, then by name."""
        last = {record.tag: record.on for record in self.records if record.run == run_id}
        return tuple(sorted((tag for tag, on in last.items() if on), key=lambda t: (t != STAR, t)))


def path_in(runs_directory: Path) -> Path:
    """The file that belongs to a folder of runs."""
    return runs_directory / NAME


def checked(tag: str) -> str:
    """``tag`` as it is kept, in small letters. Raises UsageError when it cannot be one."""
    small = tag.lower()
    if not _TAG.fullmatch(small):
        raise UsageError(
            f"{tag!r} is no tag.", "A tag is 1 to 24 letters a-z, digits and hyphens, e.g. race."
        )
    return small


_FILE: Final = jsonlines.Kind("the tags in {path}", "a file of tags", TagFileError)


def load(path: Path) -> Tags:
    """Read the file; a missing one has no tags. Raises TagFileError when it cannot be."""
    lines = _FILE.read(path)
    found: list[Tag | None] = [jsonlines.unpack(line, Tag) for line in lines]
    records = tuple(record for record in found if record is not None)
    return Tags(records, len(lines) - len(records))


def add(path: Path, records: Iterable[Tag]) -> Tags:
    """Add records, synced; what a later record says of the same tag of a run stands alone.

    A damaged line stays: it may have been a star. Raises TagFileError; then it is as before.
    """
    lines = _FILE.read(path)
    new = list(records)
    said = {(record.run, record.tag) for record in new}
    kept = []
    for line in lines:
        old: Tag | None = jsonlines.unpack(line, Tag)
        if old is None or (old.run, old.tag) not in said:
            kept.append(line)
    _FILE.replace(path, (*kept, *map(jsonlines.pack, new)))
    return load(path)
