"""Plays cues on the outputs, on time or not at all."""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from gaitpi.coach.types import Cue
from gaitpi.cues.outputs import Outputs
from gaitpi.cues.train import Train
from gaitpi.cues.vocabulary import (
    LIGHTS,
    METRONOME,
    TICK_S,
    Light,
    Pattern,
    Tone,
    frames,
    pattern,
    render,
)
from gaitpi.hostclock import HostClock
from gaitpi.priority import prefer_this_thread

STALE_S: Final = 0.25
"""A cue about running form older than this when its turn comes is dropped, s."""
STALE_SYSTEM_S: Final = 8.0
"""The same for system sounds, which stay true for longer, s: an answer to the button outlives the
longest sound it may have to wait for (``beat`` at 120 steps a minute, 5.6 s)."""
WAITING_MAX: Final = 8
ALIVE_S: Final = 0.25
"""No tick of a metronome later than this after the last good sample, s."""
LATE_S: Final = 0.02
"""A tick that would come later than this against its own rhythm is left out, s: runners must not be
led by a stumble, and a step later the rhythm is right again."""

STUCK_S: Final = 2.0
"""An output that keeps a sound for so much longer than it lasts does not come back, s."""


@dataclass(frozen=True, slots=True)
class Played:
    """What was really played: host times in s; ``complete`` False when it was cut short.

    ``ticks`` that sounded of a metronome; it is told of once, when it has ended.
    """

    cue: Cue
    start_s: float
    end_s: float
    complete: bool
    ticks: int = 0


@dataclass(frozen=True, slots=True)
class _Job:
    cue: Cue
    sound: Pattern
    tones: list[Tone]
    decided_s: float
    start_s: float = math.nan

    @property
    def stale_s(self) -> float:
        return STALE_SYSTEM_S if self.cue.metric == "system" else STALE_S


class Player:
    """Sounds from a thread of its own (``submit``), or at once in virtual time (``play_now``).

    A sound of higher priority interrupts a lower one, never the reverse. Tones are timed on
    absolute deadlines of ``clock``, so a late wake-up does not move the rest of a rhythm.
    A metronome (``metronome``, ``beats``, ``hush``) ticks beneath them all: a sound takes the place
    of the ticks that fall into it, and the rhythm is kept. It ends when it is told to, and no tick
    sounds beyond the time up to which ``alive`` vouches for the runner.
    Whatever happens, the outputs are silenced. ``played`` is called after each sound, from
    the thread that played it; of a metronome, from the one that ended it. ``dropped`` counts the
    cues that came too late or found no room; ``error`` is what stopped the thread, None while all
    is well.

    ``submit`` and ``light`` wait in real time and need the machine's clock; ``play_now`` sleeps
    on the clock it was given, so a virtual clock shared with the data would move on with it. With
    ``threaded`` False a metronome, too, sounds in the caller's thread, by ``catch_up``.
    """

    def __init__(
        self,
        outputs: Outputs,
        clock: HostClock,
        played: Callable[[Played], None] | None = None,
        *,
        threaded: bool = True,
    ) -> None:
        self.dropped = 0
        self.error: Exception | None = None
        self._outputs = outputs
        self._clock = clock
        self._threaded = threaded
        self._played = played
        self._changed = threading.Condition()
        self._waiting: list[_Job] = []
        self._light = LIGHTS["off"]
        self._light_start = 0.0
        self._wink: Light | None = None
        self._train: Train | None = None
        self._virtual0_s = 0.0
        self._stop = False
        self._over_s = math.inf
        self._thread: threading.Thread | None = None

    @property
    def stuck(self) -> bool:
        """Whether a sound should have been over ``STUCK_S`` ago: an output does not come back."""
        return self._clock.monotonic() > self._over_s + STUCK_S

    def submit(self, cue: Cue, decided_s: float | None = None, first_s: float = math.nan) -> None:
        """Play as soon as possible, or from ``first_s`` on, and return at once.

        ``decided_s`` is the host time of the data behind the cue (default now), ``first_s`` that
        at which it should begin (NaN: now). When that is past, a rhythm begins on the runner's next
        step instead. Raises UsageError for an unknown sound, ValueError for a rhythmic one without
        its interval.
        """
        job = replace(self._job(cue, decided_s), start_s=first_s)
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

    def metronome(self, cue: Cue, first_s: float, alive_s: float) -> None:
        """Tick from ``first_s`` on, gliding from ``cue.from_s`` to ``cue.beat_s``, until told.

        ``alive_s``: see :meth:`alive`. One that ticks already ends. Times are those of the clock.
        Raises ValueError for an impossible rhythm.
        """
        render(METRONOME, cue.beat_s, cue.from_s)
        with self._changed:
            if self._stop:
                self.dropped += 1
                return
            over = self._end_train(complete=False)
            self._train = Train(cue, first_s, alive_s)
            self._wake_for_train()
        self._tell(over)

    def beats(self, first_s: float, beat_s: float) -> None:
        """The metronome has a tick at ``first_s`` and every ``beat_s`` from it on."""
        with self._changed:
            if self._train is not None:
                self._train.follow(first_s, beat_s)
                self._wake_for_train()

    def alive(self, until_s: float) -> None:
        """The runner is known to be running: ticks may come until ``until_s``."""
        with self._changed:
            if self._train is not None:
                self._train.alive_s = until_s

    def hush(self) -> None:
        """The metronome ends at once; ``played`` has been told of it on return."""
        with self._changed:
            over = self._end_train(complete=True)
            self._wake_for_train()
        self._tell(over)

    def catch_up(self, now_s: float) -> None:
        """Without a thread, on a virtual clock: sound the ticks that are over by ``now_s``."""
        while (train := self._train) is not None and train.due_s + TICK_S <= now_s:
            if train.vouched:
                if not train.ticks:
                    self._virtual0_s = self._clock.monotonic() - train.due_s
                # the ticks keep their distance on the clock by which they are heard
                self._sleep_until(self._virtual0_s + train.due_s)
                train.sounded(train.due_s)
                self._sound_tick(train, self._sleep_until)
            else:
                train.skip()

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
            over = self._end_train(complete=False)
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._tell(over)
        self._outputs.close()

    def _job(self, cue: Cue, decided_s: float | None) -> _Job:
        sound = pattern(cue.cue)
        now = self._clock.monotonic()
        tones = render(sound, cue.beat_s, cue.from_s)
        return _Job(cue, sound, tones, now if decided_s is None else decided_s)

    def _late(self, job: _Job) -> bool:
        return self._clock.monotonic() - job.decided_s > job.stale_s

    def _wake(self) -> None:
        """Tell the thread, starting it the first time. The lock is held."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="gaitpi-cues", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        prefer_this_thread()
        try:
            while (todo := self._next()) is not None:
                now = self._clock.monotonic()
                if isinstance(todo, _Job):
                    begin = todo.start_s if todo.start_s > now else now
                    self._over_s = begin + sum(tone.duration_s for tone in todo.tones)
                    self._play(todo, partial(self._wait_until, todo))
                else:
                    self._over_s = now + TICK_S
                    self._tick(todo)
                self._over_s = math.inf
        except Exception as err:  # the daemon asks for it; a cue must never bring down a run
            with self._changed:
                self.error, self._stop = err, True
        finally:
            self._silence_at_last()

    def _next(self) -> "_Job | Train | None":
        """The next sound, or the metronome when a tick is due, waiting with the light on.

        None at the end.
        """
        with self._changed:
            while not self._stop:
                fresh = [job for job in self._waiting if not self._late(job)]
                self.dropped += len(self._waiting) - len(fresh)
                self._waiting = fresh
                if fresh:
                    job = max(fresh, key=lambda job: job.sound.priority)
                    fresh.remove(job)
                    return job
                left = self._show_light()
                due_s = self._tick_due()
                if (train := self._train) is not None and due_s <= 0.0:
                    return train
                self._changed.wait(self._clock.real_s(min(left, due_s)))
        return None

    def _tick_due(self) -> float:
        """Seconds until the metronome's next tick, inf without one. The lock is held."""
        if self._train is None:
            return math.inf
        now = self._clock.monotonic()
        while self._train.due_s < now - LATE_S:
            self._train.skip()
        return self._train.due_s - now

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

    def _tick(self, train: Train) -> None:
        """Sound the tick that is due, unless it has ended or nobody vouches for the runner."""
        with self._changed:
            if self._train is not train:
                return
            if not train.vouched:
                train.skip()
                return
            train.sounded(self._clock.monotonic())
        self._sound_tick(train, partial(self._wait_tick, train))

    def _sound_tick(self, train: Train, wait: Callable[[float], bool]) -> None:
        tone = METRONOME.tones[0]
        try:
            if train.ticks == 1:
                self._outputs.announce(METRONOME, train.cue.time_s)
            deadline = self._clock.monotonic() + tone.duration_s
            self._outputs.tone(tone.start_hz, tone.level)
            wait(deadline)
        finally:
            self._outputs.silence()

    def _wait_tick(self, train: Train, deadline: float) -> bool:
        with self._changed:
            while (left := deadline - self._clock.monotonic()) > 0:
                if self._stop or self._train is not train:
                    return False
                self._changed.wait(self._clock.real_s(left))
            return True

    def _wake_for_train(self) -> None:
        """The lock is held."""
        if self._threaded and not self._stop and (self._train or self._thread):
            self._wake()

    def _end_train(self, *, complete: bool) -> Played | None:
        """What there is to tell of a metronome that ends here. The lock is held."""
        train, self._train = self._train, None
        if train is None or not train.ticks:
            return None
        return Played(train.cue, train.start_s, train.end_s, complete, train.ticks)

    def _tell(self, over: Played | None) -> None:
        if over is not None and self._played is not None:
            self._played(over)

    def _play(self, job: _Job, wait: Callable[[float], bool]) -> None:
        """Play; ``wait(deadline)`` returns False when the sound is to be cut short."""
        start = deadline = self._begin(job)
        if start > self._clock.monotonic() and not wait(start):
            self.dropped += 1
            return
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

    def _begin(self, job: _Job) -> float:
        """When to begin: now, or at the wanted time, or too late for that, one or more steps on."""
        now = self._clock.monotonic()
        if math.isnan(job.start_s):
            return now
        step_s = job.cue.beat_s if math.isnan(job.cue.from_s) else job.cue.from_s
        late_s = now - job.start_s
        if late_s <= LATE_S:
            return job.start_s
        return now if math.isnan(step_s) else job.start_s + math.ceil(late_s / step_s) * step_s

    def _sleep_until(self, deadline: float) -> bool:
        self._clock.sleep(deadline - self._clock.monotonic())
        return True

    def _wait_until(self, job: _Job, deadline: float) -> bool:
        with self._changed:
            while (left := deadline - self._clock.monotonic()) > 0:
                if self._stop or self._outranked(job):
                    return False
                self._changed.wait(self._clock.real_s(left))
            return not (self._stop or self._outranked(job))

    def _outranked(self, job: _Job) -> bool:
        return any(other.sound.priority > job.sound.priority for other in self._waiting)

    def _silence_at_last(self) -> None:
        try:
            self._outputs.silence()
        except Exception as err:
            self.error = self.error or err


def system_cue(name: str, time_s: float, reason: str = "") -> Cue:
    """A sound of the system itself (hello, record, trouble …) as a cue; ``time_s`` run time."""
    return Cue(time_s, name, "system", math.nan, (-math.inf, math.inf), f"system.{name}", reason)
