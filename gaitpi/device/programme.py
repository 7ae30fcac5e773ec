"""The programme's desk: says what the next run is, before its first sample.

Files are read when the daemon starts and after each run, never while samples come: that could
take longer than the sensor's buffer lasts.
"""

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from gaitpi import programmefile
from gaitpi.config import Config
from gaitpi.errors import GaitpiError
from gaitpi.prescription import Prescription, in_force
from gaitpi.review.programme import Laid, Standing, collect, lay, new_bookings, standing


class Desk:
    """Keeps where the programme of ``directory`` stands; ``wall``: the clock, s since 1970."""

    def __init__(
        self, directory: Path, wall: Callable[[], float], *, simulated: bool = False
    ) -> None:
        self._directory = directory
        self._wall = wall
        self._simulated = simulated
        self._known: tuple[Standing | None, Prescription | None, tuple[str, ...]] = (None, None, ())
        self._blind = False
        self.refresh()

    def refresh(self) -> None:
        """Read the files again and book the runs that are new.

        What goes wrong is kept for :meth:`prepare`: a run must start all the same.
        """
        path = programmefile.path_in(self._directory, simulated=self._simulated)
        now_s = self._wall()
        try:
            journal = programmefile.load(path)
            prescribed = in_force(journal, now_s)
        except GaitpiError as error:
            # what a prescription forbids is not known: so nothing is cued
            self._blind, self._known = True, (None, None, (f"No cues: {error}",))
            return
        self._blind = False
        # a torn line that was no prescription stays for ever: that is for 'gaitpi program status'
        problems = list[str]()
        runs, _ = collect(self._directory, journal, simulated=self._simulated)
        if fresh := new_bookings(journal, runs):
            try:
                programmefile.add(path, fresh)
            except GaitpiError as error:
                problems.append(str(error))
        self._known = (standing(journal, runs), prescribed, tuple(problems))

    def prepare(self, config: Config, now_s: float) -> Laid:
        """The configuration of a run that starts now (s since 1970). Reads no file."""
        now, prescribed, problems = self._known
        if prescribed is not None and prescribed.expired(now_s):
            prescribed = None  # its last day ended since the files were read
        if self._blind:
            config = replace(config, coach=replace(config.coach, enabled=False))
        return lay(config, now, prescribed, now_s, problems)
