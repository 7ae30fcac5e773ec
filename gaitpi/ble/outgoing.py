"""What the belt says as a foot pod, out of what its daemon says. Pure.

The convention (docs/ble.md): cadence is steps of both feet a minute, as the belt counts them and
rounded to whole ones; 0 where the belt hears no steps, or nothing is known. The belt cannot measure
speed: that of the paired foot pod is passed on while it is fresh, else the field, which must be
there, is 0. A stride (two steps) is sent only where the speed is known. No total distance.
``one_foot`` sends half of the cadence, for apps that double it.

The heart rate is passed on once for each word of the strap, and never again: where the strap has
gone, one "no contact" and then nothing.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from gaitpi.ble import heartrate, runningspeed
from gaitpi.ble.readings import BPM_MAX, BPM_MIN, SPEED_MAX_MS, STALE_S, Heart, Pod
from gaitpi.ble.runningspeed import Features

FEATURES: Final = Features(stride=True, status=True)
LIVE_S: Final = 2.0
"""A daemon that has said nothing for so long is not there, s: it speaks ten times a second."""
ZEROS_S: Final = 10.0
"""For so long after it zeros are sent, so that no watch goes on with the last number; then nothing,
s."""
ANEW_S: Final = 0.3
"""A reading of the strap so much later than the one before is another one, s: its time is known by
its age alone, to a tenth of a second."""
RUNNING: Final = 3
"""Activity of the estimator (:class:`gaitpi.gait.types.Trace`)."""
_OFF: Final = Heart(time_s=0.0, bpm=0, contact=False)


class _Strap(Struct, frozen=True):
    bpm: int | None = None
    age_s: float | None = None
    contact: bool | None = None


class _Pod(Struct, frozen=True):
    speed_ms: float | None = None
    age_s: float | None = None


class _Radio(Struct, frozen=True):
    heart: _Strap | None = None
    pod: _Pod | None = None


class _Live(Struct, frozen=True):
    """What is used of the daemon's live stream (docs/control.md)."""

    cadence_spm: float | None = None
    activity: int = 0
    radio: _Radio | None = None


class Outgoing:
    """Fed with the daemon's live objects, asked once a second for what to send.

    Times are CLOCK_MONOTONIC, s.
    """

    def __init__(self, *, relay: bool = False, one_foot: bool = False) -> None:
        self._relay = relay
        self._per_minute = 0.5 if one_foot else 1.0
        self._live = _Live()
        self._live_s = -math.inf
        self._sent_s = -math.inf
        self._said_off = True

    def heard(self, live: Mapping[str, Any], now_s: float) -> None:
        """The daemon has said so; an object that makes no sense says nothing."""
        try:
            self._live = msgspec.convert(live, _Live)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            self._live = _Live()
        self._live_s = now_s

    def speed(self, now_s: float) -> Pod | None:
        """The measurement as of ``now_s``; None: say nothing."""
        quiet_s = now_s - self._live_s
        if quiet_s > LIVE_S + ZEROS_S:
            return None
        if quiet_s > LIVE_S:
            return Pod(time_s=now_s, speed_ms=0.0, cadence_rpm=0)
        steps = _whole(self._live.cadence_spm)
        speed_ms = self._speed_ms(now_s)
        stride_m = 120.0 * speed_ms / steps if speed_ms and steps else None
        return Pod(
            time_s=now_s,
            speed_ms=speed_ms or 0.0,
            cadence_rpm=_whole(self._live.cadence_spm, self._per_minute),
            stride_m=stride_m,
            running=self._live.activity == RUNNING,
        )

    def _speed_ms(self, now_s: float) -> float | None:
        pod = self._live.radio.pod if self._live.radio else None
        if pod is None or pod.speed_ms is None or pod.age_s is None:
            return None
        fresh = 0.0 <= pod.age_s + (now_s - self._live_s) <= STALE_S
        return pod.speed_ms if fresh and 0.0 <= pod.speed_ms <= SPEED_MAX_MS else None

    def heart(self, now_s: float) -> Heart | None:
        """The strap's last word, if it was not sent yet; None: say nothing."""
        strap = self._live.radio.heart if self._live.radio else None
        if not self._relay:
            return None
        at_s = -math.inf
        if strap is not None and strap.age_s is not None and strap.age_s >= 0.0:
            at_s = self._live_s - strap.age_s
        if strap is None or not now_s - at_s <= STALE_S:
            return self._off()
        if at_s < self._sent_s + ANEW_S:
            return None
        self._sent_s = at_s
        if strap.bpm is None or not BPM_MIN <= strap.bpm <= BPM_MAX or strap.contact is False:
            return self._off()
        self._said_off = False
        return Heart(time_s=now_s, bpm=strap.bpm, contact=strap.contact)

    def _off(self) -> Heart | None:
        """There is no heart rate: said once."""
        said, self._said_off = self._said_off, True
        return None if said else _OFF

    def values(self, now_s: float) -> dict[str, bytes]:
        """What to notify now: ``speed`` and ``heart``, those that there are."""
        speed, heart = self.speed(now_s), self.heart(now_s)
        found = {}
        if speed is not None:
            found["speed"] = runningspeed.encode(speed)
        if heart is not None:
            found["heart"] = heartrate.encode(heart)
        return found


def _whole(spm: float | None, share: float = 1.0) -> int:
    """Whole steps a minute, as the field holds them; 0 where there are none."""
    return 0 if spm is None or not math.isfinite(spm) else max(0, min(255, round(spm * share)))
