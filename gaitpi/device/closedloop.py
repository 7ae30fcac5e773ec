"""Simulated runner, estimator and coach in a ring, without chip, daemon and run file."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gaitpi.coach.types import Cue
from gaitpi.config import Config
from gaitpi.device.pipeline import RATE_SAMPLES, Pipeline, design_rate
from gaitpi.imu.virtual.live import AnsweringRunner

Floats = NDArray[np.float64]
POLL_S: Final = 0.05
"""Samples are taken as often as by the daemon, s: a cue is heard at the end of its block."""


def coached(
    runner: AnsweringRunner, config: Config, rate_hz: float, cues: list[Cue], *, has_gyro: bool
) -> Iterator[tuple[Floats, Floats, Floats]]:
    """Samples of ``runner``, who hears what the coach decides from them; block by block.

    Yields time (n,) s, acc (n, 3) m/s² and gyr (n, 3) rad/s; ``cues`` is filled as they come. A
    replay of the samples with the same ``config`` gives the same cues.
    """
    rate = design_rate(np.arange(RATE_SAMPLES) / rate_hz)
    pipeline = Pipeline(config, rate, has_gyro=has_gyro)
    total, size = int(runner.duration_s * rate_hz), max(1, round(POLL_S * rate_hz))
    for first in range(0, total, size):
        n = min(size, total - first)
        times = np.arange(first, first + n) / rate_hz
        acc, gyr = runner.samples(first, n, rate_hz)
        for decision in pipeline.update(acc, gyr, times).decisions:
            if isinstance(decision, Cue):
                cues.append(decision)
                runner.heard(float(times[-1]), decision.cue, decision.beat_s)
        yield times, acc, gyr
