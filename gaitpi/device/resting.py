"""Whether cues rest because of a pain in the journal beside the runs.

The journal is read when the daemon starts and whenever it has changed, in a thread of its own: a
slow card must not hold up the sensor. A run that begins goes by what was read last.
"""

import threading
from collections.abc import Callable
from pathlib import Path

from gaitpi.errors import GaitpiError
from gaitpi.journal import store, texts
from gaitpi.journal.days import local
from gaitpi.journal.rest import Rest, severe, unknown, worst
from gaitpi.runs.header import utc_offset_s


class Resting:
    """Keeps what the journal of ``directory`` says of it (None: there is none).

    ``wall``: the clock, s since 1970. Not ``threaded``, it is read where it is looked at.
    """

    def __init__(
        self, directory: Path | None, wall: Callable[[], float], *, threaded: bool = False
    ) -> None:
        self._path = None if directory is None else store.path_in(directory)
        self._wall = wall
        self._threaded = threaded
        self._seen: tuple[int, int] | None = None
        self._reading: threading.Thread | None = None
        self._rests: tuple[Rest, ...] = ()
        self.problem = ""
        """Why the journal cannot be read, or what of it; "" where it can."""
        self._seen = self._stamp()
        self._read()

    def look(self) -> None:
        """Read the journal where it has changed."""
        stamp = self._stamp()
        if stamp == self._seen or (self._reading is not None and self._reading.is_alive()):
            return
        self._seen = stamp
        if not self._threaded:
            self._read()
            return
        self._reading = threading.Thread(target=self._read, name="gaitpi-journal", daemon=True)
        self._reading.start()

    def why(self) -> str:
        """Why cues rest in a run of now; "" where they do not."""
        if self.problem:
            return texts.NOT_KNOWN
        if not self._rests:
            return ""
        wall_s = self._wall()
        rest = worst(self._rests, local(wall_s, utc_offset_s(wall_s)).date())
        return "" if rest is None else texts.rests(*rest)

    def _read(self) -> None:
        if self._path is None:
            return
        try:
            journal = store.load(self._path)
        except GaitpiError as error:
            self.problem = f"No cues: {error}"
            return
        self._rests = tuple(severe(journal))
        lost = unknown(journal, self._wall())
        self.problem = f"No cues: a row of {self._path.name} is damaged." if lost else ""

    def _stamp(self) -> tuple[int, int] | None:
        """By which it is seen that the file has changed."""
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size
