"""The clocks of the host, handed in by constructor.

Everything is timed on CLOCK_MONOTONIC; the wall clock appears only as an anchor in the
run file. ``VirtualClock`` lets the same daemon run faster than real time: sleeping is
what makes its time pass.
"""

import time
from typing import Protocol


class HostClock(Protocol):
    """What the daemon asks of a clock."""

    def monotonic(self) -> float:
        """Seconds on a clock that never steps."""

    def wall(self) -> float:
        """Seconds since 1970 (UTC) as the machine believes them; may step at any time."""

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass (0 or less returns at once)."""


class SystemClock:
    """The machine's own clocks."""

    def monotonic(self) -> float:
        """Seconds on CLOCK_MONOTONIC."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970 on CLOCK_REALTIME."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Sleep for real."""
        if seconds > 0:
            time.sleep(seconds)


class VirtualClock:
    """A clock whose time passes only by sleeping, for one thread.

    ``start_s`` is the first monotonic reading; ``wall_s`` the wall time then (UTC seconds).
    ``advance`` moves time without a sleep, ``step_wall`` steps only the wall clock.
    """

    def __init__(self, start_s: float = 0.0, wall_s: float = 1_700_000_000.0) -> None:
        self._now = start_s
        self._wall_offset = wall_s - start_s

    def monotonic(self) -> float:
        """Virtual seconds."""
        return self._now

    def wall(self) -> float:
        """Virtual wall seconds."""
        return self._now + self._wall_offset

    def sleep(self, seconds: float) -> None:
        """Move virtual time on."""
        if seconds > 0:
            self._now += seconds

    advance = sleep

    def step_wall(self, seconds: float) -> None:
        """Step the wall clock as an NTP correction would; monotonic time is untouched."""
        self._wall_offset += seconds
