"""Simulated runners: step times with the noise of real ones, ten moments a second.

Stride time = mean stride time x (1 + long-range noise); a stride's two steps differ by a constant
left-right share and by the timing error of each contact. Long-range noise is fractional
Gaussian noise, made exactly (Davies & Harte 1987, Biometrika 74:95).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gaitpi.coach.types import Moment, StepTaken

Floats = NDArray[np.float64]

KNOWN_LATER_S: Final = 0.1
"""From initial contact to a step that is known, s."""
WALKING: Final = 2
RUNNING: Final = 3


@dataclass(frozen=True, slots=True)
class StrideNoise:
    """How strides differ.

    ``sd``, ``hurst`` of the long-range part of a stride (relative); ``contact`` timing error of
    one initial contact, as a share of the stride time; ``side`` left-right difference of
    the steps, share of a step; ``lean_sd`` deg, ``lean_hurst`` of the lean of a stride.

    Defaults: medians of the recordings, ``python -m calibration.detection noise``.
    """

    sd: float = 0.0164
    hurst: float = 0.78
    contact: float = 0.0072
    side: float = 0.015
    lean_sd: float = 2.1
    lean_hurst: float = 0.8


MEASURED: Final = StrideNoise()


def fractional_noise(n: int, hurst: float, rng: np.random.Generator) -> Floats:
    """(n,) fractional Gaussian noise of standard deviation 1. ``hurst`` in 0.5 .. 1."""
    k = np.arange(n + 1, dtype=float)
    power = 2.0 * hurst
    cov = 0.5 * (np.abs(k + 1) ** power - 2 * k**power + np.abs(k - 1) ** power)
    eigen = np.fft.fft(np.concatenate([cov, cov[-2:0:-1]])).real
    size = len(eigen)
    white = rng.standard_normal(size) + 1j * rng.standard_normal(size)
    out = np.fft.fft(np.sqrt(np.maximum(eigen, 0.0) / size) * white)[:n]
    return np.asarray(out.real)


Course = Callable[[float], float]
"""A mean that may change with time (s)."""


def upright(_t: float) -> float:
    """The usual lean all the time, deg."""
    return 8.0


def running(_t: float) -> int:
    """Running all the time."""
    return RUNNING


@dataclass(frozen=True)
class Runner:
    """A runner whose mean cadence and lean follow a course in time (s).

    ``cadence`` spm; ``lean`` deg; ``activity`` 3 running, 2 walking, else no steps; ``missed``
    share of contacts not seen, so that a step of double length comes.
    """

    cadence: Course
    lean: Course = upright
    activity: Callable[[float], int] = running
    noise: StrideNoise = MEASURED
    missed: float = 0.0
    seed: int = 0

    def steps(self, duration_s: float) -> Iterator[tuple[float, float, float, float]]:
        """Initial contact (s), step time (s), mean cadence (spm) and lean (deg) of each step."""
        noise = self.noise
        rng = np.random.default_rng(self.seed)
        n = int(duration_s * 2.1) + 64
        slow = (noise.sd * fractional_noise(n, noise.hurst, rng)).tolist()
        leans = (noise.lean_sd * fractional_noise(n, noise.lean_hurst, rng)).tolist()
        errors = (noise.contact * rng.standard_normal(2 * n)).tolist()
        unseen = (rng.random(2 * n) < self.missed).tolist()
        t = seen = known = 0.0
        for k in range(2 * n):
            if t > duration_s:
                return
            spm = self.cadence(t)
            half = 60.0 / spm * (1.0 + slow[k // 2])
            t += half * (1.0 + (0.5 if k % 2 else -0.5) * noise.side)
            if unseen[k]:
                continue
            seen = t + errors[k] * 2.0 * half
            yield seen, seen - known, spm, self.lean(t) + leans[k // 2]
            known = seen

    def events(self, duration_s: float) -> Iterator[StepTaken | Moment]:
        """Steps and moments in the order in which they become known."""
        tenth = 1
        leans = (math.nan, math.nan)
        for ic, step_s, spm, lean in self.steps(duration_s):
            while tenth * 0.1 < ic + KNOWN_LATER_S:
                at = tenth * 0.1
                doing = self.activity(at)
                stepping = doing in (WALKING, RUNNING)
                yield Moment(at, doing, spm if stepping else math.nan, sum(leans) / 2, 0.0)
                tenth += 1
            doing = self.activity(ic)
            if doing in (WALKING, RUNNING):
                leans = (leans[1], lean)
                yield StepTaken(ic + KNOWN_LATER_S, ic - step_s, step_s, doing == RUNNING)


def strides(noise: StrideNoise, n: int, rng: np.random.Generator) -> Floats:
    """(n,) deviation of stride times from their mean, relative, of a runner who holds a cadence."""
    error = noise.contact * rng.standard_normal(n + 1)
    return noise.sd * fractional_noise(n, noise.hurst, rng) + np.diff(error)


def autocovariance(noise: StrideNoise, n: int) -> Floats:
    """(n,) autocovariance of :func:`strides`."""
    k = np.arange(n, dtype=float)
    power = 2.0 * noise.hurst
    out = 0.5 * ((k + 1) ** power - 2 * k**power + np.abs(k - 1) ** power) * noise.sd**2
    out[0] += 2.0 * noise.contact**2
    out[1] -= noise.contact**2
    return np.asarray(out)
