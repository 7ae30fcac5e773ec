"""A card that can be made to fail, for a :class:`gaitpi.runs.writer.RunWriter` by constructor.

What SQLite would report of it is reported: an error with its name where it would touch the card
(at the commit, and at the opening), or a call that does not return for a while. A commit that
fails is undone, as SQLite does. Everything else is the real file.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from gaitpi.runs.writer import connect

ERRORS: Final = {
    "SQLITE_FULL": "database or disk is full",
    "SQLITE_IOERR_WRITE": "disk I/O error",
    "SQLITE_IOERR_FSYNC": "disk I/O error",
    "SQLITE_READONLY": "attempt to write a readonly database",
}
"""Names of SQLite and their texts."""


class Card:
    """The state of a card; ``connect`` goes to the writer. For any number of threads."""

    def __init__(self) -> None:
        self._fault = ""
        self._times = -1
        self.late = False
        """Whether a commit that fails has taken effect all the same."""
        self._free = threading.Event()
        self._free.set()
        self.refused = 0
        """Commits and openings it refused."""
        self.opened = 0
        """Connections made to it."""
        self.waiting = False
        """Whether a call is held up."""

    def connect(self, path: Path) -> sqlite3.Connection:
        """A connection to ``path`` on this card. Raises sqlite3.OperationalError as it is told."""
        self.touch()
        self.opened += 1
        return connect(path, factory=_on(self))

    def refuse(self, name: str, times: int = -1) -> None:
        """Fail with this error from now on, so many times (-1: until ``mend``)."""
        self._fault, self._times = name, times

    def mend(self) -> None:
        """Be a good card again."""
        self._fault = ""

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Calls begun meanwhile do not return before the end."""
        self._free.clear()
        try:
            yield
        finally:
            self._free.set()

    def touch(self) -> None:
        """Be written to. Raises sqlite3.OperationalError, or waits."""
        self.waiting = True
        self._free.wait()
        self.waiting = False
        if self._fault and self._times != 0:
            self._times -= 1
            self.refused += 1
            error = sqlite3.OperationalError(ERRORS[self._fault])
            error.sqlite_errorname = self._fault
            raise error


def _on(card: Card) -> type[sqlite3.Connection]:
    class OnCard(sqlite3.Connection):
        """Its commits touch the card."""

        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql != "COMMIT":
                return super().execute(sql, *values)
            if not card.late:
                card.touch()
            done = super().execute(sql, *values)
            if card.late:
                card.touch()
            return done

    return OnCard
