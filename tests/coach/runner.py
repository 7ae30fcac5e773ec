"""A simulated runner for the coach's tests: steps with realistic noise, ten moments a second."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gaitpi.coach.policy import RUNNING
from gaitpi.coach.types import Moment, StepTaken

KNOWN_LATER_S = 0.1


@dataclass(frozen=True)
class Runner:
    """Step time noise 1.5 % and left-right difference ±0.7 % around a slowly wandering cadence."""

    cadence: Callable[[float], float]
    lean: Callable[[float], float] = lambda t: 8.0
    yaw: Callable[[float], float] = lambda t: 0.0
    activity: Callable[[float], int] = lambda t: RUNNING
    wander_spm: float = 1.0
    wander_tau_s: float = 60.0
    seed: int = 0

    def events(self, duration_s: float) -> Iterator[StepTaken | Moment]:
        """Steps and moments in the order in which they become known."""
        noise = np.random.default_rng(self.seed).standard_normal((int(duration_s * 4) + 4, 2))
        t, wander, tenth = 0.0, 0.0, 1
        for k, (jitter, drift) in enumerate(noise.tolist()):
            cadence = self.cadence(t) + wander
            side = 0.007 if k % 2 else -0.007
            step_s = 60.0 / cadence * (1.0 + side + 0.015 * jitter)
            keep = math.exp(-step_s / self.wander_tau_s)
            wander = wander * keep + self.wander_spm * math.sqrt(1.0 - keep * keep) * drift
            t += step_s
            while tenth * 0.1 < t + KNOWN_LATER_S:
                if tenth * 0.1 > duration_s:
                    return
                yield self.moment(tenth * 0.1, cadence)
                tenth += 1
            if self.activity(t) == RUNNING:
                yield StepTaken(t + KNOWN_LATER_S, t - step_s, step_s, True)

    def moment(self, t: float, cadence: float) -> Moment:
        activity = self.activity(t)
        spm = cadence if activity == RUNNING else math.nan
        return Moment(t, activity, spm, self.lean(t), self.yaw(t))
