"""The programme's desk: says what the next run is, before its first sample.

Run files are read when the daemon starts and after each run, never while samples come: that could
take longer than the sensor's buffer lasts.
"""

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from gaitpi import programmefile
from gaitpi.config import Config
from gaitpi.errors import GaitpiError
from gaitpi.prescription import Prescription, in_force
from gaitpi.programmefile import Done, Journal
from gaitpi.review.programme import Laid, Standing, collect, lay, new_bookings, standing


class Desk:
    """Keeps where the programme of ``directory`` stands; ``wall``: the clock, s since 1970."""

    def __init__(
        self, directory: Path, wall: Callable[[], float], *, simulated: bool = False
    ) -> None:
        self._directory = directory
        self._path = programmefile.path_in(directory, simulated=simulated)
        self._wall = wall
        self._simulated = simulated
        self._runs: tuple[Done, ...] = ()
        self._seen: tuple[int, int] | None = None
        self._standing: Standing | None = None
        self._prescribed: Prescription | None = None
        self._problems: tuple[str, ...] = ()
        self._blind = False
        self.refresh()

    def refresh(self) -> None:
        """Read the files again and book the runs that are new.

        One that may be going on is not: the daemon reads this before it takes up a run that was
        cut off. What goes wrong is kept for :meth:`prepare`: a run must start all the same.
        """
        journal = self._look()
        if journal is None:
            return
        self._runs, _ = collect(self._directory, journal, simulated=self._simulated)
        problems = []
        if fresh := new_bookings(journal, self._runs):
            try:
                programmefile.add(self._path, fresh)
            except GaitpiError as error:
                problems.append(str(error))
        self._look()
        self._problems += tuple(problems)

    def prepare(self, config: Config, now_s: float) -> Laid:
        """The configuration of a run that starts now (s since 1970).

        Reads the small file of the programme where that has changed, and no run file.
        """
        if self._stamp() != self._seen:
            self._look()
        if self._blind:
            config = replace(config, coach=replace(config.coach, enabled=False))
        prescribed = self._prescribed
        if prescribed is not None and prescribed.expired(now_s):
            prescribed = None
        return lay(config, self._standing, prescribed, now_s, self._problems)

    def _look(self) -> Journal | None:
        """Read the file of the programme; None when it cannot be."""
        self._seen = self._stamp()
        self._standing, self._prescribed, self._problems = None, None, ()
        try:
            journal = programmefile.load(self._path)
            self._prescribed = in_force(journal, self._wall())
        except GaitpiError as error:
            # what a prescription forbids is not known: so nothing is cued
            self._blind, self._problems = True, (f"No cues: {error}",)
            return None
        # a torn line that was no prescription stays for ever: 'gaitpi program status' says it
        self._blind = False
        self._standing = standing(journal, self._runs)
        return journal

    def _stamp(self) -> tuple[int, int] | None:
        """By which it is seen that the file has changed."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size
