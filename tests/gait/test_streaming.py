"""Any cutting of the samples gives the same bits, and so does saving and going on later."""

import pickle
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi.gait import GaitEstimator, GaitParams, Trace, estimate

from .signals import FIELDS, Floats, random_rotation, recording, simulated

Signal = tuple[Floats, Floats | None, Floats, float]


def spoilt(name: str, rate_hz: float, seconds: float, start_s: float = 0.0) -> Signal:
    """A simulated run with lost samples, gaps, repeated times, NaN and a clipped gyroscope."""
    acc, gyr = (x.copy() for x in simulated(name, rate_hz, start_s, seconds))
    time = 40.0 + np.arange(len(acc)) / rate_hz
    rng = np.random.default_rng(3)
    for at, lost in ((0.3, 0.01), (0.45, 0.2), (0.6, 0.7), (0.8, 1.6)):
        time[int(at * len(time)) :] += lost
    time[100] = time[99]
    acc[rng.integers(0, len(acc), 5)] = np.nan
    gyr[rng.integers(0, len(acc), 5), 1] = np.inf
    gyr[len(gyr) // 2, 2] = 34.9
    return acc, gyr, time, rate_hz


def same(a: Trace, b: Trace) -> None:
    for name in FIELDS:
        x, y = getattr(a, name), getattr(b, name)
        assert x.dtype == y.dtype
        assert x.shape == y.shape
        if name == "steps":
            assert x.tobytes() == y.tobytes()
        else:
            assert np.array_equal(x, y, equal_nan=True), name


def pieces(signal: Signal, cuts: list[int], est: GaitEstimator) -> Trace:
    acc, gyr, time, _ = signal
    edges = [0, *sorted(cuts), len(acc)]
    return Trace.join(
        [
            est.update(acc[a:b], None if gyr is None else gyr[a:b], time[a:b])
            for a, b in pairwise(edges)
        ]
    )


def whole(signal: Signal) -> Trace:
    acc, gyr, time, rate = signal
    return estimate(acc, gyr, rate, time_s=time)


RUN = spoilt("mixed", 104.0, 54.0)


@cache
def one() -> Trace:
    """``RUN`` in one block."""
    return whole(RUN)


def test_the_signal_is_rich_enough() -> None:
    trace = one()
    assert set(np.unique(trace.activity)) == {0, 1, 2, 3}
    assert len(trace.steps) > 70
    assert np.isfinite(trace.lean_deg).mean() > 0.3
    assert set(np.unique(trace.steps["side"])) == {-1, 0, 1}


@pytest.mark.parametrize("gyro", [True, False])
def test_blocks_of_one(gyro: bool) -> None:
    acc, gyr, time, rate = RUN
    signal = (acc, gyr if gyro else None, time, rate)
    same(pieces(signal, list(range(1, len(acc))), GaitEstimator(rate)), whole(signal))


@settings(max_examples=15)
@given(st.lists(st.integers(0, len(RUN[0])), max_size=40))
def test_random_cuts(cuts: list[int]) -> None:
    same(pieces(RUN, cuts, GaitEstimator(RUN[3])), one())


@settings(max_examples=15)
@given(at=st.integers(0, len(RUN[0])))
def test_save_restore_and_go_on(at: int) -> None:
    acc, gyr, time, rate = RUN
    est = GaitEstimator(rate)
    first = est.update(acc[:at], gyr[:at] if gyr is not None else None, time[:at])
    saved = pickle.loads(pickle.dumps(est.state()))
    est.update(acc[at:], gyr[at:] if gyr is not None else None, time[at:])  # the copy is its own
    again = GaitEstimator.restore(saved)
    second = again.update(acc[at:], gyr[at:] if gyr is not None else None, time[at:])
    same(Trace.join([first, second]), one())
    assert again.skipped == est.skipped > 0
    np.testing.assert_array_equal(again.gyro_bias, est.gyro_bias)


@pytest.mark.nojit
def test_everything_is_restored() -> None:
    """Own times, parameters and mount go with the state."""
    acc, gyr = simulated("mixed", 52.0, 10.0, 8.0)
    mount = random_rotation(np.random.default_rng(5))
    params = GaitParams(weigh_s=0.2, bout_steps=3.0)
    together = estimate(acc, gyr, 52.0, mount=mount, params=params)
    est = GaitEstimator(52.0, mount, params)
    parts = []
    for k in range(0, len(acc), 37):
        parts.append(est.update(acc[k : k + 37], gyr[k : k + 37]))
        est = GaitEstimator.restore(pickle.loads(pickle.dumps(est.state())))
    same(Trace.join(parts), together)
    assert est.params == params
    assert est.rate_hz == 52.0
    assert est.learned_mount is not None
    np.testing.assert_array_equal(est.learned_mount.rotation, mount)


def test_a_restored_stream_refuses_another_kind_of_sensor() -> None:
    est = GaitEstimator(104.0)
    est.update(np.zeros((3, 3)), None)
    again = GaitEstimator.restore(est.state())
    with pytest.raises(ValueError, match="from its first block on, or never"):
        again.update(np.zeros((3, 3)), np.zeros((3, 3)))


@pytest.mark.parametrize(
    "name",
    ["sisfall_waist/SA03_D04_R01", "ipol_lowback_walk/2-1", "adept_outdoor_run/hip_dev"],
)
def test_recordings_in_pieces(shared_data: Path, name: str) -> None:
    acc, gyr, rate = recording(shared_data, name)
    n = int(40 * rate)
    acc, gyr = acc[:n], None if gyr is None else gyr[:n]
    signal = (acc, gyr, np.arange(len(acc)) / rate, rate)
    cuts = np.random.default_rng(1).integers(0, len(acc), 60).tolist()
    trace = estimate(acc, gyr, rate)
    same(whole(signal), trace)
    same(pieces(signal, cuts, GaitEstimator(rate)), trace)
    assert len(trace.steps) > 5


def test_empty_blocks_change_nothing() -> None:
    est = GaitEstimator(104.0)
    before = est.state()["state"].tobytes()
    trace = est.update(np.zeros((0, 3)), np.zeros((0, 3)))
    assert len(trace) == len(trace.steps) == 0
    assert trace.up.shape == (0, 3)
    assert est.state()["state"].tobytes() == before
