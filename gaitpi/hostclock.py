"""The clocks of the host, handed in by constructor.

Everything is timed on CLOCK_MONOTONIC; the wall clock appears only as an anchor in the
run file. ``VirtualClock`` lets the same daemon run faster than real time: sleeping is
what makes its time pass. ``FastClock`` does so with the daemon's own threads.
"""

import time
from functools import cache
from pathlib import Path
from typing import Final, Protocol

CLOCK_SET_S: Final = 1_704_067_200.0
"""1 January 2024: a clock that is earlier has never been set."""
_DAY_S: Final = 86_400.0
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@cache
def boot_id() -> str:
    """The kernel's id of this boot, in which CLOCK_MONOTONIC counts; a random one without it."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        import secrets

        return secrets.token_hex(16)


def day_second(wall_s: float, utc_offset_s: float) -> float | None:
    """Local second of the day; None by a clock that has never been set."""
    return (wall_s + utc_offset_s) % _DAY_S if wall_s >= CLOCK_SET_S else None


class HostClock(Protocol):
    """What the daemon asks of a clock."""

    def monotonic(self) -> float:
        """Seconds on a clock that never steps."""

    def wall(self) -> float:
        """Seconds since 1970 (UTC) as the machine believes them; may step at any time."""

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass (0 or less returns at once)."""

    def real_s(self, seconds: float) -> float:
        """How many real seconds that is: for who waits for a lock, which no clock of ours moves."""


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

    def real_s(self, seconds: float) -> float:
        """The same."""
        return seconds


class FastClock:
    """The machine's clocks, ``factor`` times as fast from now on; any number of threads.

    Both begin at what the machine's say, and the wall clock never steps. All that a process does
    takes ``factor`` times as long on it. Raises ValueError for a factor that is none.
    """

    def __init__(self, factor: float) -> None:
        if not 0.0 < factor < float("inf"):
            raise ValueError(f"factor must be positive, not {factor}")
        self._factor = factor
        self._real0 = time.monotonic()
        self._wall_offset = time.time() - self._real0

    def monotonic(self) -> float:
        """Fast seconds."""
        return self._real0 + (time.monotonic() - self._real0) * self._factor

    def wall(self) -> float:
        """Fast seconds since 1970."""
        return self.monotonic() + self._wall_offset

    def sleep(self, seconds: float) -> None:
        """Sleep for so many fast seconds."""
        if seconds > 0:
            time.sleep(self.real_s(seconds))

    def real_s(self, seconds: float) -> float:
        """The share of it that passes on the machine's clock."""
        return seconds / self._factor


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

    def real_s(self, seconds: float) -> float:
        """The same: nobody waits on it in another thread."""
        return seconds

    advance = sleep

    def step_wall(self, seconds: float) -> None:
        """Step the wall clock as an NTP correction would; monotonic time is untouched."""
        self._wall_offset += seconds
