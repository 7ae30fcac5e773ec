"""What the daemon does when the machine gets too hot: first no more cues, then no more run.

A Pi slows down by itself at 80 to 85 °C, and what is slow may come late; in a closed pack on a
body nobody wants it that warm either. Temperatures: Linux, Documentation/driver-api/thermal
(``temp`` of a zone is in thousandths of a degree).
"""

import math
from pathlib import Path
from typing import Final, Literal

ZONES: Final = Path("/sys/class/thermal")
LOOK_S: Final = 5.0
"""How often the temperature is read, s."""
HOT_C: Final = 70.0
COOL_C: Final = 66.0
"""Below this it is no longer hot: it does not flutter at the edge."""
STOP_C: Final = 80.0
STOP_S: Final = 30.0
"""So long above ``STOP_C`` and the run is closed."""
QUIET_S: Final = 60.0
"""A mute for heat lasts so long and is renewed at half of it."""

Change = Literal["none", "hot", "cool", "stop"]


class Thermometer:
    """The warmest thermal zone of the machine. ``base`` is the kernel's folder of zones."""

    def __init__(self, base: Path = ZONES) -> None:
        self._zones = sorted(base.glob("thermal_zone*/temp"))

    def celsius(self) -> float:
        """°C, NaN where no zone can be read."""
        values = [value for zone in self._zones if math.isfinite(value := _read(zone))]
        return max(values, default=math.nan)


def _read(zone: Path) -> float:
    try:
        return int(zone.read_text()) / 1000.0
    except (OSError, ValueError):
        return math.nan


class Heat:
    """Hot or not, with hysteresis; an unknown temperature changes nothing.

    ``hot`` now; :meth:`update` says what changed.
    """

    def __init__(self) -> None:
        self.hot = False
        self._above_since_s: float | None = None

    def update(self, celsius: float, now_s: float) -> Change:
        """Take in a temperature (°C) read at ``now_s``; "stop" comes once each time."""
        if not math.isfinite(celsius):
            return "none"
        if celsius < STOP_C:
            self._above_since_s = None
        elif self._above_since_s is None:
            self._above_since_s = now_s
        if self._above_since_s is not None and now_s - self._above_since_s >= STOP_S:
            self._above_since_s = math.inf  # said once
            return "stop"
        if celsius >= HOT_C and not self.hot:
            self.hot = True
            return "hot"
        if celsius < COOL_C and self.hot:
            self.hot = False
            return "cool"
        return "none"
