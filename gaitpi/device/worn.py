"""Which way round the pack is worn, in words that can be held against the board."""

import math
from typing import Final

from gaitpi.gait import Mount
from gaitpi.units import DEG_PER_RAD

ASKEW_DEG: Final = 3.0
"""Less than this off the axes of the sensor is not worth a word: a board is soldered no better."""


def words(mount: Mount, *, given: bool) -> str:
    """The sensor's axes that point up and forward, and how far they are off.

    Rows of ``mount.rotation`` (3, 3) are the body's axes in the sensor; ``given`` True where the
    configuration says them. "sensor's +y up, -z forward, 12 deg askew (learned)".
    """
    (forward, forward_deg), (up, up_deg) = (
        _nearest(mount.rotation[row].tolist()) for row in (0, 2)
    )
    off_deg = max(forward_deg, up_deg)
    askew = f", {off_deg:.0f} deg askew" if off_deg >= ASKEW_DEG else ""
    return f"sensor's {up} up, {forward} forward{askew} ({'given' if given else 'learned'})"


def _nearest(direction: list[float]) -> tuple[str, float]:
    """The axis nearest to a unit vector, and the angle (deg) between them."""
    k = max(range(3), key=lambda i: abs(direction[i]))
    name = ("-" if direction[k] < 0.0 else "+") + "xyz"[k]
    return name, math.acos(min(1.0, abs(direction[k]))) * DEG_PER_RAD
