"""The ticks of a metronome that goes on until it is told to end: when the next one is due. Pure."""

import math

from gaitpi.coach.rhythm import GLIDE_TICKS, glide
from gaitpi.coach.types import Cue
from gaitpi.cues.vocabulary import TICK_S


class Train:
    """Ticks from ``first_s`` on, gliding from ``cue.from_s`` to ``cue.beat_s``, then steady.

    All times are those of one clock, s. Nothing sounds after ``alive_s``, up to which the runner
    is known to be running; :meth:`follow` moves the grid from a certain tick on.
    """

    def __init__(self, cue: Cue, first_s: float, alive_s: float) -> None:
        self.cue = cue
        self.alive_s = alive_s
        self.due_s = first_s
        self.ticks = 0
        self.start_s = math.nan
        self.end_s = math.nan
        self._beat_s = cue.beat_s
        self._glide = glide(cue.from_s, cue.beat_s, GLIDE_TICKS)
        self._next: tuple[float, float] | None = None

    def follow(self, first_s: float, beat_s: float) -> None:
        """A tick at ``first_s`` and every ``beat_s`` from it on; those before it stay."""
        self._next = (first_s, beat_s)
        self._join()

    def sounded(self, start_s: float) -> None:
        """The tick that was due sounds from ``start_s`` on; next is the one after it."""
        if not self.ticks:
            self.start_s = start_s
        self.ticks += 1
        self.end_s = start_s + TICK_S
        self.skip()

    def skip(self) -> None:
        """On to the next tick, in silence."""
        self.due_s += self._glide.pop(0) if self._glide else self._beat_s
        self._join()

    @property
    def vouched(self) -> bool:
        """Whether the tick that is due ends before ``alive_s``."""
        return self.due_s + TICK_S <= self.alive_s

    def _join(self) -> None:
        """Change to the new grid at its first tick, or late, at the nearest one: never in between.

        The tick that is due keeps its number, so none is doubled and none left out.
        """
        if self._next is None:
            return
        first_s, beat_s = self._next
        if self.due_s > first_s - beat_s / 2:
            self.due_s = first_s + max(0, round((self.due_s - first_s) / beat_s)) * beat_s
            self._beat_s, self._glide, self._next = beat_s, [], None
