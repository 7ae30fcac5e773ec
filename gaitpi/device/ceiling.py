"""Lays the ceiling of a run into its configuration before its first sample.

As with a programme, run files are read when the daemon starts and after each run, never while
samples come.
"""

from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

from msgspec.structs import replace

from gaitpi.config import Config
from gaitpi.errors import GaitpiError
from gaitpi.review.load import Session, ceiling, gather, short
from gaitpi.targetfile import CLOCK_SET_S

KEYS: Final = ("ceiling_m", "ceiling_steps", "ceiling_s")


class Laid(NamedTuple):
    """The configuration of a run with its ceiling in it, and that in words ("" = none asked)."""

    config: Config
    words: str = ""


class Ceilings:
    """What the runs of ``directory`` say of the next one; reads nothing unless ``asked``."""

    def __init__(self, directory: Path, *, asked: bool) -> None:
        self._directory = directory
        self._asked = asked
        self._sessions: tuple[Session, ...] = ()
        self._problem = ""
        self.refresh()

    def refresh(self) -> None:
        """Read the runs again. What goes wrong is said by :meth:`lay`: a run must start."""
        if not self._asked:
            return
        try:
            self._sessions, self._problem = gather(self._directory).sessions, ""
        except GaitpiError as error:
            self._sessions, self._problem = (), f"No ceiling: {error}"

    def lay(self, config: Config, now_s: float) -> Laid:
        """``config`` of a run that starts now (s since 1970).

        A ceiling that the configuration has itself stays; without any run there is none.
        """
        coach = config.coach
        if not (self._asked and coach.ceiling_sound):
            return Laid(config)
        if any(getattr(coach, key) is not None for key in KEYS):
            return Laid(config, "Ceiling of this run: as configured.")
        if self._problem:
            return Laid(config, self._problem)
        found = ceiling(self._sessions, date.fromtimestamp(now_s), clock_set=now_s >= CLOCK_SET_S)
        if found.steps is None or found.minutes_s is None:
            return Laid(config, f"Ceiling: {short(found)}.")
        laid = replace(
            coach,
            ceiling_m=found.distance_m.most if found.distance_m else None,
            ceiling_steps=found.steps.most,
            ceiling_s=found.minutes_s.most,
        )
        return Laid(replace(config, coach=laid), f"Ceiling: {short(found)}.")
