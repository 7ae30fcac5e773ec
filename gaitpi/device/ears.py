"""The ears of a simulated runner: an output that hears what is really played.

Rhythm is heard as the time between ticks, so a tempo that was asked for and not played is not
followed.
"""

import math
from collections.abc import Callable
from typing import Final, Protocol

from gaitpi.cues.vocabulary import METRONOME, RUNNING, Colour, Pattern
from gaitpi.hostclock import HostClock

INTERVALS: Final = 3
"""Intervals of a rhythm whose mean is its tempo: a late tick is no other tempo."""


class Hearer(Protocol):
    """Who hears: :class:`~gaitpi.imu.virtual.live.AnsweringRunner`."""

    def heard(self, time_s: float, cue: str, beat_s: float = math.nan) -> None:
        """A cue begins; a rhythmic one is told at its second tick."""

    def rhythm(self, time_s: float, beat_s: float) -> None:
        """Its interval from now on."""


class Ears:
    """An :class:`~gaitpi.cues.outputs.Output` that tells ``hearer`` what it hears.

    ``now_s`` is the time of the hearer (s); ``sound_clock`` the clock sounds are played on, which
    in virtual time is another than that of the data, and stands still between sounds.
    """

    def __init__(self, hearer: Hearer, now_s: Callable[[], float], sound_clock: HostClock) -> None:
        self.name = "ears of the simulated runner"
        self._hearer = hearer
        self._now_s = now_s
        self._clock = sound_clock
        self._sound: Pattern | None = None
        self._start_s = 0.0
        self._began = 0.0
        self._sounding = False
        self._ticks: list[float] = []

    def announce(self, sound: Pattern, time_s: float) -> None:  # noqa: ARG002 (when decided)
        """A sound begins; it is heard with its first tone. Those of the system say nothing here."""
        self._sound = sound if sound.name in (*RUNNING, METRONOME.name) else None
        self._start_s, self._began = self._now_s(), self._clock.monotonic()
        self._sounding, self._ticks = False, []

    def tone(self, freq: float, level: float) -> None:
        """A tone, or with level 0 none."""
        began = level > 0.0 and freq > 0.0 and not self._sounding
        self._sounding = level > 0.0 and freq > 0.0
        if began and self._sound is not None:
            self._tick(self._sound, self._start_s + self._clock.monotonic() - self._began)

    def silence(self) -> None:
        """The sound is over."""
        self._sounding = False

    def light(self, lit: bool, colour: Colour = "white") -> None:
        """Ears see nothing."""

    def close(self) -> None:
        """Nothing to give back."""

    def _tick(self, sound: Pattern, at_s: float) -> None:
        self._ticks.append(at_s)
        count = len(self._ticks)
        if not sound.ticks:
            if count == 1:
                self._hearer.heard(at_s, sound.name)
        elif count > 1:
            last = self._ticks[-1 - INTERVALS :]
            beat_s = (last[-1] - last[0]) / (len(last) - 1)
            if count == 2:
                self._hearer.heard(self._ticks[0], sound.name, beat_s)
            else:
                self._hearer.rhythm(at_s, beat_s)
