"""What the commands of the journal share: the file, the moment, how an entry is told."""

import argparse
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from gaitpi.cli import complain, load_config
from gaitpi.config import runs_directory
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM, UsageError
from gaitpi.journal import days, store, tell, texts
from gaitpi.journal.entries import AnyEntry
from gaitpi.journal.rest import resting
from gaitpi.journal.store import Change, Journal, Stamp
from gaitpi.journal.when import When, find
from gaitpi.plaintext import plain

WIDTH: Final = 80


@dataclass(frozen=True, slots=True)
class Desk:
    """The journal as it is read for a command, beside the runs of ``directory``."""

    directory: Path
    path: Path
    journal: Journal
    now: Stamp

    @property
    def today(self) -> date:
        """The day by this machine's clock."""
        return days.today(self.now)

    def when(self, words: Iterable[str]) -> When:
        """The day and run among ``words``. Raises UsageError."""
        return find(list(words), self.directory, self.journal, self.now)

    def base(self, when: When) -> dict[str, Any]:
        """What every entry of that day has."""
        now = self.now
        return {
            "day": when.day,
            "sure": when.sure,
            "entered_s": max(0.0, now.wall_s),
            "offset_s": now.offset_s,
        }


def open_desk(args: argparse.Namespace) -> Desk:
    """Read the journal. Raises JournalError or ConfigError."""
    directory = runs_directory(load_config(args))
    path = store.path_in(directory)
    return Desk(directory, path, store.load(path), store.stamp())


def say(*sentences: str) -> None:
    """Print sentences, wrapped."""
    for sentence in sentences:
        if sentence:
            print("\n".join(textwrap.wrap(plain(sentence), WIDTH, break_on_hyphens=False)))


def row(begin: str, text: str) -> list[str]:
    """A line of a table whose last column is wrapped below itself."""
    return textwrap.wrap(
        plain(text) or "-",
        WIDTH,
        initial_indent=begin,
        subsequent_indent=" " * len(begin),
        break_on_hyphens=False,
    )


def told(change: Change, journal: Journal) -> str:
    """What was entered, and what it was before."""
    assert change.after is not None
    line = f"{tell.day(change.after)}  {tell.entry(change.after, journal)}"
    if change.before is None:
        return line
    return f"{line}; before: {tell.entry(change.before, journal)}"


def rested(before: Journal, after: Journal, today: date) -> str:
    """What a change means for the cues of the next run, in words; "" where nothing changes."""
    was, now = resting(before, today), resting(after, today)
    if was == now:
        return ""
    return texts.RESTED if now is None else texts.resting(*now)


def ending(journal: Journal, path: Path) -> int:
    """The exit code: 1 where rows are damaged, which is said."""
    if not journal.damaged:
        return EXIT_OK
    complain(
        f"{journal.damaged} damaged row{'s' * (journal.damaged > 1)} in {path} left out: an entry"
        " or a correction is lost. 'gaitpi journal --history' shows where; enter it again."
    )
    return EXIT_PROBLEM


def as_json(name: str, entry: AnyEntry | None) -> dict[str, Any] | None:
    """An entry with its name."""
    if entry is None:
        return None
    fields: Mapping[str, Any] = msgspec.to_builtins(entry)
    return {"id": name, **fields}


def since(text: str | None, today: date, weeks: int) -> date:
    """The first day that is listed. Raises UsageError."""
    if text is None:
        return today - timedelta(weeks=weeks)
    if text.lower() == "all":
        return date.min
    from gaitpi.cli.runs import ago

    if (day := ago(text)) is not None:
        return day
    found = days.find(text.split(), today)
    if found.day is None or found.rest:
        raise UsageError(
            f"{text[:20]!r} is no day.", "Use e.g. 2026-11-01, monday, or 10d or 4w, or all."
        )
    return found.day
