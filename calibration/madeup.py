"""The sensor of runs that are made up, for what needs run files and no samples of anybody.

And a strap and a foot pod, which send as such devices do: once a second, in the steps their
characteristics count by, and not while the link is lost.
"""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from gaitpi.imu.batch import SensorInfo
from gaitpi.runs.rows import HeartRow, PodRow

RATE_HZ: Final = 208.0
WALL_S: Final = 1_795_453_320.0
"""When such a run begins, seconds since 1970: a Monday evening in November 2026."""
SENSOR: Final = SensorInfo(
    chip="lsm6dsox",
    address=0x6A,
    bus="/dev/i2c-1",
    who_am_i=0x6C,
    identity="tested",
    rate_hz=RATE_HZ,
    acc_scale=0.004788,
    gyr_scale=0.00122,
    acc_range=156.9,
    gyr_range=34.9,
)
LATE_S: Final = 0.05
"""From a notification to the moment from which on it counts, s."""
Drops = Sequence[tuple[float, float]]
"""Run times between which a link was lost, s."""


def strap(length_s: float, bpm: Callable[[float], float], drops: Drops = ()) -> Iterator[HeartRow]:
    """What a strap sends of a heart of that rate over run time; beats in a drop are not told."""
    beat_s, left = 0.0, list[float]()
    for k in range(int(length_s)):
        at_s = k + 0.31
        while beat_s < at_s:
            beat_s += 60.0 / bpm(beat_s)
            left.append(round(60.0 / bpm(beat_s) * 1024.0) / 1024.0)
        if not _lost(at_s, drops):
            yield HeartRow(at_s, at_s + LATE_S, round(bpm(at_s)), 1.0, math.nan, json.dumps(left))
        left = []


def pod(
    length_s: float,
    speed_ms: Callable[[float], float],
    drops: Drops = (),
    *,
    spm: Callable[[float], float] = lambda _at_s: 170.0,
    first_m: float = 0.0,
    scale: float = 1.0,
) -> Iterator[PodRow]:
    """What a pod sends of that speed over run time; it counts on while its link is lost.

    ``spm`` steps of both feet; ``first_m`` its count at the beginning; ``scale`` what it measures
    of a metre.
    """
    way_m = first_m
    for k in range(int(length_s)):
        at_s = k + 0.64
        speed = scale * speed_ms(at_s)
        way_m += speed
        if not _lost(at_s, drops):
            yield PodRow(
                at_s,
                at_s + LATE_S,
                round(speed * 256.0) / 256.0,
                round(spm(at_s)) if speed > 0.0 else 0,
                round(120.0 * speed / spm(at_s), 2),
                round(way_m % (2**32 / 10.0), 1),
                int(speed > 2.0),
            )


def _lost(at_s: float, drops: Drops) -> bool:
    return any(begin <= at_s < end for begin, end in drops)
