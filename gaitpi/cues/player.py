"""Plays cues on the outputs, on time or not at all."""

import contextlib
import math
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from gaitpi.coach.types import Cue
from gaitpi.cues.outputs import Outputs
from gaitpi.cues.vocabulary import LIGHTS, Light, Pattern, Tone, frames, pattern, render
from gaitpi.hostclock import HostClock

STALE_S: Final = 0.25
"""A cue about running form older than this when its turn comes is dropped, s."""
STALE_SYSTEM_S: Final = 8.0
"""The same for system sounds, which stay true for longer, s: an answer to the button outlives the
longest sound it may have to wait for (``beat`` at 120 steps a minute, 5.6 s)."""
WAITING_MAX: Final = 8


@dataclass(frozen=True, slots=True)
class Played:
    """What was really played: host times in s; ``complete`` False when it was cut short."""

    cue: Cue
    start_s: float
    end_s: float
    complete: bool


@dataclass(frozen=True, slots=True)
class _Job:
    cue: Cue
    sound: Pattern
    tones: list[Tone]
    decided_s: float

    @property
    def stale_s(self) -> float:
        return STALE_SYSTEM_S if self.cue.metric == "system" else STALE_S


class Player:
    """Sounds from a thread of its own (``submit``), or at once in virtual time (``play_now``).

    A sound of higher priority interrupts a lower one, never the reverse. Tones are timed on
    absolute deadlines of ``clock``, so a late wake-up does not move the rest of a rhythm.
    Whatever happens, the outputs are silenced. ``played`` is called after each sound, from
    the thread that played it. ``dropped`` counts the cues that came too late or found no
    room; ``error`` is what stopped the thread, None while all is well.

    ``submit`` and ``light`` wait in real time and need the machine's clock; ``play_now`` sleeps
    on the clock it was given, so a virtual clock shared with the data would move on with it.
    """

    def __init__(
        self,
        outputs: Outputs,
        clock: HostClock,
        played: Callable[[Played], None] | None = None,
    ) -> None:
        self.dropped = 0
        self.error: Exception | None = None
        self._outputs = outputs
        self._clock = clock
        self._played = played
        self._changed = threading.Condition()
        self._waiting: list[_Job] = []
        self._light = LIGHTS["off"]
        self._light_start = 0.0
        self._wink: Light | None = None
        self._stop = False
        self._thread: threading.Thread | None = None

    def submit(self, cue: Cue, decided_s: float | None = None) -> None:
        """Play as soon as possible and return at once.

        ``decided_s`` is the host time of the data behind the cue (default now). Raises
        UsageError for an unknown sound, ValueError for a rhythmic one without its interval.
        """
        job = self._job(cue, decided_s)
        with self._changed:
            if self._stop or self._late(job) or len(self._waiting) >= WAITING_MAX:
                self.dropped += 1
                return
            self._waiting.append(job)
            self._wake()

    def light(self, light: str | Light) -> None:
        """Show this light between sounds from now on; one with ``once``, one time only."""
        shown = LIGHTS[light] if isinstance(light, str) else light
        with self._changed:
            if shown.once:
                self._wink = shown
            else:
                self._light, self._wink = shown, None
            self._light_start = self._clock.monotonic()
            if not self._stop:
                self._wake()

    def play_now(self, cue: Cue) -> None:
        """Play in this thread, on the given clock, and return when it is over."""
        self._play(self._job(cue, None), self._sleep_until)

    def play_pattern(self, sound: Pattern, beat_s: float = math.nan) -> None:
        """The same for a sound that need not be of the vocabulary; ``played`` is told of it too."""
        cue = replace(system_cue(sound.name, 0.0), beat_s=beat_s)
        job = _Job(cue, sound, render(sound, beat_s), self._clock.monotonic())
        self._play(job, self._sleep_until)

    def close(self) -> None:
        """Stop at once, silence and release the outputs; calling it again does nothing."""
        with self._changed:
            self._stop = True
            self.dropped += len(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._outputs.close()

    def _job(self, cue: Cue, decided_s: float | None) -> _Job:
        sound = pattern(cue.cue)
        now = self._clock.monotonic()
        return _Job(cue, sound, render(sound, cue.beat_s), now if decided_s is None else decided_s)

    def _late(self, job: _Job) -> bool:
        return self._clock.monotonic() - job.decided_s > job.stale_s

    def _wake(self) -> None:
        """Tell the thread, starting it the first time. The lock is held."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="gaitpi-cues", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        _prefer_this_thread()
        try:
            while (job := self._next()) is not None:
                self._play(job, partial(self._wait_until, job))
        except Exception as err:  # the daemon asks for it; a cue must never bring down a run
            with self._changed:
                self.error, self._stop = err, True
        finally:
            self._silence_at_last()

    def _next(self) -> _Job | None:
        """The next sound to play, waiting for it with the light on; None at the end."""
        with self._changed:
            while not self._stop:
                fresh = [job for job in self._waiting if not self._late(job)]
                self.dropped += len(self._waiting) - len(fresh)
                self._waiting = fresh
                if fresh:
                    job = max(fresh, key=lambda job: job.sound.priority)
                    fresh.remove(job)
                    return job
                self._changed.wait(self._show_light())
        return None

    def _show_light(self) -> float:
        """Show the light as it is now; returns the seconds until it changes. The lock is held."""
        elapsed = self._clock.monotonic() - self._light_start
        if self._wink is not None and elapsed >= self._wink.period_s:
            self._light_start += self._wink.period_s
            elapsed -= self._wink.period_s
            self._wink = None
        shown = self._wink or self._light
        lit, left = shown.at(elapsed)
        self._outputs.light(lit, shown.colour)
        return left

    def _play(self, job: _Job, wait: Callable[[float], bool]) -> None:
        """Play; ``wait(deadline)`` returns False when the sound is to be cut short."""
        start = deadline = self._clock.monotonic()
        complete = True
        try:
            self._outputs.announce(job.sound, job.cue.time_s)
            for freq, level, duration in frames(job.tones):
                self._outputs.tone(freq, level)
                deadline += duration
                if not wait(deadline):
                    complete = False
                    break
        finally:
            self._outputs.silence()
        if self._played is not None:
            self._played(Played(job.cue, start, self._clock.monotonic(), complete))

    def _sleep_until(self, deadline: float) -> bool:
        self._clock.sleep(deadline - self._clock.monotonic())
        return True

    def _wait_until(self, job: _Job, deadline: float) -> bool:
        with self._changed:
            while (left := deadline - self._clock.monotonic()) > 0:
                if self._stop or self._outranked(job):
                    return False
                self._changed.wait(left)
            return not (self._stop or self._outranked(job))

    def _outranked(self, job: _Job) -> bool:
        return any(other.sound.priority > job.sound.priority for other in self._waiting)

    def _silence_at_last(self) -> None:
        try:
            self._outputs.silence()
        except Exception as err:
            self.error = self.error or err


def _prefer_this_thread() -> None:
    """Let this thread go before those that compute, where the system allows (LimitRTPRIO).

    It sleeps nearly always; without the right it is only later on a busy machine.
    """
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def system_cue(name: str, time_s: float, reason: str = "") -> Cue:
    """A sound of the system itself (hello, record, trouble …) as a cue; ``time_s`` run time."""
    return Cue(time_s, name, "system", math.nan, (-math.inf, math.inf), f"system.{name}", reason)
