"""What the daemon does when the supply sags: it says so once, and spares the largest load.

A weak power bank or a thin lead shows under load; a Pi then slows down, and at last it stops. The
firmware of a Pi knows: ``get_throttled`` (docs of vcgencmd) has under-voltage, a capped clock,
throttling and a soft limit of temperature in bits 0 to 3 as they are now, and in bits 16 to 19
whether they have been since the start. Where that file is missing the kernel's hwmon alarm is
read, which knows of under-voltage alone and may be two seconds old. Elsewhere nothing is known,
and nothing said.
"""

from pathlib import Path
from typing import Final, Literal

LOOK_S: Final = 1.0
"""How often the flags are read, s."""
OVER_S: Final = 60.0
"""So long without a flag and it is over, s."""
UNDER_VOLTAGE: Final = 0x1
SLOW: Final = 0x2 | 0x4
"""The clock is capped, or throttled."""
SINCE: Final = 16
"""The same bits so far up: it has happened."""
ROOT: Final = Path("/")
_THROTTLED: Final = (
    "sys/devices/platform/*/*firmware/get_throttled",
    "sys/devices/platform/*/*/*firmware/get_throttled",
)

Change = Literal["none", "sags", "slow", "over"]


class Supply:
    """The flags of the firmware. ``root`` is the folder that ``sys`` lies in."""

    def __init__(self, root: Path = ROOT) -> None:
        self._flags = [path for pattern in _THROTTLED for path in sorted(root.glob(pattern))]
        hwmon = sorted(root.glob("sys/class/hwmon/hwmon*"))
        self._alarms = [
            folder / "in0_lcrit_alarm" for folder in hwmon if _word(folder / "name") == "rpi_volt"
        ]

    def flags(self) -> int | None:
        """Bits as in ``get_throttled``, all sources together; None where there is none."""
        values = [value for path in self._flags if (value := _number(path, 16)) is not None]
        for path in self._alarms:
            if (alarm := _number(path, 10)) is not None:
                values.append(UNDER_VOLTAGE * bool(alarm))  # cleared by the kernel when it is over
        if not values:
            return None
        flags = 0
        for value in values:
            flags |= value
        return flags


def _number(path: Path, base: int) -> int | None:
    try:
        return int(_word(path), base)
    except ValueError:
        return None


def _word(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


class Sag:
    """Whether the supply sags, from flags read one after the other.

    ``sagging`` now or less than ``OVER_S`` ago; :meth:`update` says what changed. A dip between
    two looks is seen by the bit that stays; what stayed from before the first look is old. Unknown
    flags change nothing, but for the time that passes.
    """

    def __init__(self) -> None:
        self.sagging = False
        self._slow = False
        self._seen: int | None = None
        self._last_s = 0.0

    def update(self, flags: int | None, now_s: float) -> Change:
        """Take in flags read at ``now_s``: "sags" and "slow" come once each time."""
        if flags is not None:
            before = flags if self._seen is None else self._seen
            new = (flags & ~before) >> SINCE
            self._seen = flags
            at_work = flags | new
            if at_work & UNDER_VOLTAGE:
                self._last_s = now_s
                if not self.sagging:
                    self.sagging = self._slow = True  # a sagging one is slow: said with it
                    return "sags"
            elif at_work & SLOW:
                self._last_s = now_s
                if not self._slow:
                    self._slow = True
                    return "slow"
        if self._slow and now_s - self._last_s >= OVER_S:
            was, self.sagging, self._slow = self.sagging, False, False
            return "over" if was else "none"
        return "none"
