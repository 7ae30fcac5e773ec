"""What is known before the first sample: the bias, and how the runner stands."""

import math

import numpy as np
import pytest

from gaitpi.gait import GaitEstimator, Start, Trace
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.units import DEG_PER_RAD

from .signals import RATE_HZ

BIAS = (0.08, -0.03, 0.01)
"""4.6 deg/s about one axis, as the real MPU-6050 of the recordings has, rad/s."""
RUN = Phase("run", 40.0, cadence_spm=170.0, lean_deg=6.0)
STAND = Phase("stand", 8.0)
TALL = (math.sin(math.radians(5.0)), 0.0, math.cos(math.radians(5.0)))
"""The upright of a pack that hangs 5 deg from the axis."""


def trace(phases: tuple[Phase, ...], start: Start | None, block: int | None = None) -> Trace:
    source = SimulatedRunner(phases, RunnerParams(gyr_bias=BIAS))
    n = int(source.duration_s * RATE_HZ)
    acc, gyr = source.samples(0, n, RATE_HZ)
    estimator = GaitEstimator(RATE_HZ, start=start)
    size = block or n
    parts = [estimator.update(acc[k : k + size], gyr[k : k + size]) for k in range(0, n, size)]
    return Trace.join(parts)


def tilt_error_deg(found: Trace, first_s: float, last_s: float) -> float:
    """Mean RMS of up against the truth of a runner whose pack is his body, deg."""
    truth = SimulatedRunner((RUN,), RunnerParams(gyr_bias=BIAS)).truth
    use = (found.time_s >= first_s) & (found.time_s < last_s)
    true = truth.up(found.time_s[use])
    cosine = np.clip(np.einsum("ij,ij->i", found.up[use], true), -1.0, 1.0)
    return float(np.sqrt(np.mean(np.arccos(cosine) ** 2))) * DEG_PER_RAD


def test_a_known_bias_is_used_from_the_first_sample() -> None:
    known = Start(gyro_bias=BIAS, gyro_bias_sd=0.001)
    without, with_it = trace((RUN,), None), trace((RUN,), known)
    assert GaitEstimator(RATE_HZ, start=known).gyro_bias.tolist() == list(BIAS)
    early = [tilt_error_deg(t, 3.0, 15.0) for t in (without, with_it)]
    assert early[1] < 0.7 * early[0]
    # and a wrong one that is not sure of itself does little harm
    doubtful = Start(gyro_bias=(0.0, 0.0, 0.0), gyro_bias_sd=math.radians(2.0))
    late = [tilt_error_deg(t, 30.0, 40.0) for t in (without, trace((RUN,), doubtful))]
    assert late[1] == pytest.approx(late[0], abs=0.05)


def lean_of(found: Trace) -> float:
    return float(np.nanmean(found.lean_deg[found.time_s > found.time_s[-1] - 10.0]))


def test_the_upright_given_is_the_zero_of_lean() -> None:
    given = Start(up=TALL, up_sd=0.01)
    for phases in ((RUN,), (Phase("walk", 10.0, cadence_spm=110.0, speed_mps=1.4), RUN)):
        found = trace(phases, given)
        assert set(found.lean_from[-1000:]) == {2}
        # 5 deg nearer to the runner's own lean than the axis of the pack
        assert lean_of(found) == pytest.approx(6.0 + 5.0, abs=1.0)


def test_what_was_measured_on_purpose_stays_and_the_rest_gives_way() -> None:
    for fixed, lean in ((True, 11.0), (False, 6.0)):
        found = trace((STAND, RUN), Start(up=TALL, up_sd=0.01, fixed=fixed))
        assert set(found.lean_from[-1000:]) == {2}
        assert lean_of(found) == pytest.approx(lean, abs=1.0)


def test_an_upright_that_is_another_way_round_or_stale_is_not_used() -> None:
    for start in (
        Start(up=(0.0, 1.0, 0.0), up_sd=0.01, fixed=True),
        Start(up=TALL, up_sd=0.01, stand_s=-700.0),
    ):
        assert set(trace((RUN,), start).lean_from[-1000:]) == {3}


def test_what_one_estimator_knows_another_can_start_from() -> None:
    source = SimulatedRunner((STAND,), RunnerParams(gyr_bias=BIAS))
    acc, gyr = source.samples(0, int(8 * RATE_HZ), RATE_HZ)
    estimator = GaitEstimator(RATE_HZ)
    assert estimator.known == Start()
    estimator.update(acc, gyr)
    known = estimator.known
    assert known.up is not None
    assert known.up[2] == pytest.approx(1.0, abs=1e-4)
    assert 7.0 < known.stand_s < 8.0
    assert known.gyro_bias == pytest.approx(BIAS, abs=0.002)
    assert 0.0 < known.gyro_bias_sd < 0.002
    without = GaitEstimator(RATE_HZ)
    without.update(acc, None)
    assert without.known == Start()  # a bias there is not


def test_any_cutting_gives_the_same_bits() -> None:
    start = Start(BIAS, 0.001, TALL, 0.01, fixed=True)
    whole, cut = trace((STAND, RUN), start), trace((STAND, RUN), start, block=7)
    np.testing.assert_array_equal(whole.lean_deg, cut.lean_deg)
    assert whole.steps.tobytes() == cut.steps.tobytes()
