"""The pipeline: blocks may be cut anywhere, decisions and seconds stay the same."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi.config import Config, apply
from gaitpi.device.pipeline import Pipeline, design_rate
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.units import G0

RATE = 104.0
CONFIG = apply(
    Config(), ["coach.target_spm=200", "coach.warmup_s=0", "coach.gate_s=30", "coach.hold_s=2"]
)
PHASES = (Phase("stand", 3.0), Phase("run", 45.0, cadence_spm=165.0))


def _samples() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    runner = SimulatedRunner(PHASES)
    n = int(runner.duration_s * RATE)
    acc, gyr = runner.samples(0, n, RATE)
    acc[n // 3] = 16.0 * G0  # a knock
    gyr[n // 3 + 1] = 34.9
    times = np.arange(n) / RATE
    times[n // 2 :] += 0.4  # samples that were lost
    return acc, gyr, times


ACC, GYR, TIMES = _samples()


def _whole() -> tuple[list[object], list[object], bytes]:
    pipeline = Pipeline(CONFIG, RATE, has_gyro=True)
    out = pipeline.update(ACC, GYR, TIMES)
    return list(out.decisions), [*out.seconds, *pipeline.finish()], out.trace.steps.tobytes()


WHOLE = _whole()


@settings(max_examples=15)
@given(st.lists(st.integers(0, len(TIMES)), max_size=30))
def test_any_cutting_gives_the_same(cuts: list[int]) -> None:
    pipeline = Pipeline(CONFIG, RATE, has_gyro=True)
    decisions: list[object] = []
    seconds: list[object] = []
    steps = b""
    edges = [0, *sorted(cuts), len(TIMES)]
    for a, b in pairwise(edges):
        out = pipeline.update(ACC[a:b], GYR[a:b], TIMES[a:b])
        decisions += out.decisions
        seconds += out.seconds
        steps += out.trace.steps.tobytes()
    seconds += pipeline.finish()
    assert repr(decisions) == repr(WHOLE[0])  # NaN equals itself in words
    assert decisions  # a run that is cued, or this shows little
    assert repr(seconds) == repr(WHOLE[1])
    assert steps == WHOLE[2]


def test_seconds_hold_every_sample_and_the_gap() -> None:
    seconds = WHOLE[1]
    table = np.array(seconds, float)
    assert table[:, 5].sum() == len(TIMES)
    assert table[:, 7].sum() == pytest.approx(0.4, abs=1e-6)
    assert (np.diff(table[:, 0]) >= 1).all()
    assert table[:, 6].sum() == 2
    clipped_s = int(TIMES[len(TIMES) // 3])
    assert table[table[:, 0] == clipped_s, 6] == 2


@given(st.floats(90.0, 1000.0), st.floats(0.0, 1e6))
def test_design_rate_is_the_same_from_rounded_times(rate: float, start: float) -> None:
    times = start + np.arange(200) / rate
    assert design_rate(times) == pytest.approx(rate, abs=0.26 + rate * 1e-6)
    assert design_rate(times - start) == pytest.approx(design_rate(times), abs=0.5)


def test_one_sample_has_no_rate() -> None:
    with pytest.raises(ValueError, match="two samples"):
        design_rate(np.array([1.0]))
