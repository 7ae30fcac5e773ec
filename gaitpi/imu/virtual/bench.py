"""A pack that lies on a bench, as a signal for the virtual chip, and a buzzer beside the sensor.

What the buzzer plays shakes the sensor from that moment on. So the signal reacts: the chip must
ask for few samples at once (``look_ahead=1``).
"""

import math
from bisect import bisect_right
from collections.abc import Callable
from typing import Final

import numpy as np

from gaitpi.imu.virtual.runner import BLOCK, sensor_noise
from gaitpi.imu.virtual.source import Floats
from gaitpi.units import G0, RAD_PER_DEG

ACC_NOISE: Final = 4.5e-3 * G0
"""400 µg/√Hz (MPU-6050 data sheet) over some 130 Hz, m/s² RMS."""
GYR_NOISE: Final = 0.06 * RAD_PER_DEG
"""0.005 °/s/√Hz over the same, rad/s RMS."""
SHAKE: Final = 0.1
"""Amplitude at full level, m/s². Assumed: nobody has measured it on a pack."""


class Bench:
    """Lies still, z up; ``tilt_deg`` about x; ``hand`` (m/s² RMS) shakes it below 4 Hz.

    ``acc_scale`` is what gravity is multiplied with, ``gyr_bias`` rad/s; ``shake`` m/s² along z
    at full level of the buzzer; ``began()`` host time of source time 0, s; ``now()`` host time.
    """

    rate_hz: float | None = None
    duration_s = math.inf

    def __init__(
        self,
        now: Callable[[], float],
        *,
        acc_noise: float = ACC_NOISE,
        gyr_noise: float = GYR_NOISE,
        acc_scale: float = 1.0,
        gyr_bias: tuple[float, float, float] = (0.02, -0.03, 0.01),
        tilt_deg: float = 4.0,
        hand: float = 0.0,
        shake: float = SHAKE,
        seed: int = 1,
    ) -> None:
        self._now = now
        self._noise = acc_noise, gyr_noise
        tilt = tilt_deg * RAD_PER_DEG
        self._gravity = acc_scale * G0 * np.array([0.0, math.sin(tilt), math.cos(tilt)])
        self._bias = np.array(gyr_bias)
        self._hand = hand
        self._seed = seed
        self.began: Callable[[], float] = lambda: 0.0
        self._shake = shake
        self._since = [-math.inf]
        self._tones = [(0.0, 0.0)]
        self._block: tuple[int, Floats] | None = None

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        """Samples as in :class:`~gaitpi.imu.virtual.source.SignalSource`."""
        k = np.arange(first, first + n)
        noise = self._white(first, n)
        acc = self._gravity + self._noise[0] * noise[0]
        gyr = self._bias + self._noise[1] * noise[1]
        t = k / rate_hz
        if self._hand:
            swing = math.sqrt(2.0) * self._hand
            acc += swing * np.sin(2.0 * math.pi * np.outer(t, (0.7, 1.9, 3.1)))
            gyr += 0.3 * swing * np.cos(2.0 * math.pi * np.outer(t, (0.9, 1.3, 2.3)))
        acc[:, 2] += self._felt(t + self.began())
        return acc, gyr

    def _white(self, first: int, n: int) -> Floats:
        """Standard normal noise (2, n, 3), the same for a sample whenever it is asked for."""
        parts = []
        at = first
        while at < first + n:
            block, skip = divmod(at, BLOCK)
            if self._block is None or self._block[0] != block:
                self._block = block, sensor_noise(self._seed, block)
            take = min(BLOCK - skip, first + n - at)
            parts.append(self._block[1][:, skip : skip + take])
            at += take
        return np.concatenate(parts, axis=1)

    def buzz(self, freq: float, level: float) -> None:
        """From now on the buzzer sounds at ``freq`` Hz and ``level`` 0 to 1 (0 = silent)."""
        self._since.append(self._now())
        self._tones.append((freq, level))

    def _felt(self, times: Floats) -> Floats:
        """The buzzer's share (n,) along z at host ``times``, m/s²."""
        out = np.zeros(len(times))
        for i, t in enumerate(times.tolist()):
            freq, level = self._tones[bisect_right(self._since, t) - 1]
            if level > 0.0:
                out[i] = self._shake * level * math.sin(2.0 * math.pi * freq * t)
        return out
