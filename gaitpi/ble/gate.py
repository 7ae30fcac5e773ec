"""What of a stream of notifications goes on: not faster than a sensor measures, not late.

BlueZ hands a notification on as a D-Bus signal without a time. When BlueZ, the bus or this process
stood still, what had queued comes at once, and its time would be that of the end of the queue: old
values as fresh ones. So the first notification after a gap is held for a moment. If another one
follows sooner than a sensor sends two, both came out of a queue and are left out, and so is all
that follows as fast.

A peer that sends without end costs a comparison a notification: beyond :data:`RATE_HZ` nothing is
parsed, only counted.
"""

from dataclasses import dataclass, field
from typing import Final

RATE_HZ: Final = 10.0
"""So many readings a second go on; straps and pods send one, some up to four."""
GAP_S: Final = 1.5
"""After so long without a notification the next may have waited in a queue, s."""
HOLD_S: Final = 0.15
"""So long is it held, s; two notifications that come closer came out of a queue."""
STORM_HZ: Final = 100.0
STORM_S: Final = 10.0
"""More than so many a second for so long is no sensor: the link is ended, s."""


@dataclass(slots=True)
class Gate:
    """One characteristic's stream. Times are CLOCK_MONOTONIC, s."""

    left_out: int = 0
    """Notifications that came too fast or too late."""
    _last_s: float = -1e9
    _held: tuple[float, bytes] | None = None
    _queue: bool = False
    """The last notification came out of a queue."""
    _room: float = RATE_HZ
    _filled_s: float = -1e9
    _window: list[float] = field(default_factory=lambda: [0.0, 0.0])
    """Start of the second that is counted, and the notifications in it."""
    _storm_s: float = 0.0

    def offer(self, now_s: float, data: bytes) -> tuple[float, bytes] | None:
        """A notification that came now; what goes on at once, with its time."""
        gap_s = now_s - self._last_s
        self._last_s = now_s
        self._count(now_s)
        if gap_s < HOLD_S and (self._held is not None or self._queue):
            self.left_out += 1 + (self._held is not None)
            self._held, self._queue = None, True
            return None
        before, self._held = self._held, None  # due, though nobody has come for it yet
        self._queue = False
        if gap_s >= GAP_S:
            self._held = (now_s, data)
            return before
        if not self._take(now_s):
            self.left_out += 1
            return before
        if before is not None:
            self.left_out += 1  # never two at once: the older one is no use any more
        return now_s, data

    @property
    def due_s(self) -> float | None:
        """When the notification that is held goes on; None without one."""
        return None if self._held is None else self._held[0] + HOLD_S

    def release(self, now_s: float) -> tuple[float, bytes] | None:
        """What was held, once it is sure that nothing followed it."""
        if self._held is None or now_s < self._held[0] + HOLD_S:
            return None
        held, self._held = self._held, None
        return held

    def begin(self) -> None:
        """A new subscription: what comes first may have waited."""
        self.left_out += self._held is not None
        self._held, self._queue, self._last_s, self._storm_s = None, False, -1e9, 0.0

    @property
    def storms(self) -> bool:
        """Whether this has been no sensor for :data:`STORM_S`."""
        return self._storm_s >= STORM_S

    def _take(self, now_s: float) -> bool:
        self._room = min(RATE_HZ, self._room + (now_s - self._filled_s) * RATE_HZ)
        self._filled_s = now_s
        if self._room < 1.0:
            return False
        self._room -= 1.0
        return True

    def _count(self, now_s: float) -> None:
        """Seconds in a row with more than :data:`STORM_HZ`."""
        start_s, count = self._window
        if now_s - start_s < 1.0:
            self._window[1] = count + 1
            return
        self._storm_s = self._storm_s + 1.0 if count > STORM_HZ and now_s - start_s < 2.0 else 0.0
        self._window[0], self._window[1] = now_s, 1
