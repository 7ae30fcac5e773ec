"""A simulated run through the pipeline, for the tests of this folder."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gaitpi.coach.types import Cue, Withheld
from gaitpi.config import Config, apply
from gaitpi.device.pipeline import Pipeline
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.story import Phase

RATE_HZ = 208.0


@dataclass(frozen=True)
class Result:
    """What came of a run, and its truth."""

    runner: SimulatedRunner
    decisions: list[Cue | Withheld]
    steps: NDArray[Any]

    @property
    def cues(self) -> list[Cue]:
        """Cues only."""
        return [d for d in self.decisions if isinstance(d, Cue)]


def run(phases: tuple[Phase, ...], settings: list[str], *, seed: int = 1) -> Result:
    """Run the phases through estimator and coach, in blocks of half a minute."""
    runner = SimulatedRunner(phases, RunnerParams(seed=seed))
    pipeline = Pipeline(apply(Config(), settings), RATE_HZ, has_gyro=True)
    total, block = int(runner.duration_s * RATE_HZ), int(30 * RATE_HZ)
    decisions: list[Cue | Withheld] = []
    steps = []
    for first in range(0, total, block):
        n = min(block, total - first)
        acc, gyr = runner.samples(first, n, RATE_HZ)
        out = pipeline.update(acc, gyr, np.arange(first, first + n) / RATE_HZ)
        decisions += out.decisions
        steps.append(out.trace.steps)
    return Result(runner, decisions, np.concatenate(steps))
