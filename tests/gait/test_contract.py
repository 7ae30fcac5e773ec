"""Shapes, types and refusals of the estimator's front door."""

import pickle
from dataclasses import FrozenInstanceError, fields
from typing import Any

import numpy as np
import pytest

from gaitpi.gait import STEP_DTYPE, GaitEstimator, GaitParams, Mount, estimate
from gaitpi.gait.estimator import RATE_MAX_HZ, RATE_MIN_HZ

from .signals import FIELDS, simulated

ACC, GYR = simulated("mixed", 52.0, seconds=20.0)


@pytest.mark.nojit
def test_shapes_and_types() -> None:
    n = len(ACC)
    trace = estimate(ACC, GYR, 52.0)
    assert len(trace) == n
    kinds = {name: getattr(trace, name).dtype for name in FIELDS}
    assert kinds.pop("steps") == STEP_DTYPE
    assert kinds.pop("activity") == kinds.pop("lean_from") == np.uint8
    assert set(kinds.values()) == {np.dtype(np.float64)}
    assert trace.up.shape == (n, 3)
    for name in set(FIELDS) - {"up", "steps"}:
        assert getattr(trace, name).shape == (n,)
    np.testing.assert_array_equal(trace.time_s, np.arange(n) / 52.0)
    np.testing.assert_allclose(np.linalg.norm(trace.up, axis=1), 1.0, rtol=1e-12)
    assert set(np.unique(trace.steps["side"])) <= {-1, 0, 1}


@pytest.mark.nojit
def test_lists_and_other_number_types_do() -> None:
    part = slice(0, 40)
    trace = estimate(ACC[part].tolist(), GYR[part].tolist(), 52)
    again = estimate(ACC[part], GYR[part], 52.0)
    np.testing.assert_array_equal(trace.up, again.up)
    estimate(ACC[part].astype(np.float32), np.asfortranarray(GYR[part]), 52.0)


@pytest.mark.nojit
def test_the_input_is_not_touched() -> None:
    given = [ACC.copy(), GYR.copy(), np.arange(len(ACC)) / 52.0]
    acc, gyr, time = (x.copy() for x in given)
    estimate(acc, gyr, 52.0, time_s=time)
    for before, after in zip(given, (acc, gyr, time), strict=True):
        np.testing.assert_array_equal(after, before)


@pytest.mark.nojit
@pytest.mark.parametrize("shape", [(3,), (5, 2), (5, 3, 1), (5, 6), ()])
def test_wrong_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"acc must have shape \(n, 3\); found \("):
        estimate(np.zeros(shape), None, 100.0)
    if shape:
        with pytest.raises(ValueError, match=r"gyr must have shape \(n, 3\); found \("):
            estimate(np.zeros((5, 3)), np.zeros(shape), 100.0)


@pytest.mark.nojit
def test_lengths_that_differ() -> None:
    with pytest.raises(ValueError, match="acc has 5 rows but gyr has 4"):
        estimate(np.zeros((5, 3)), np.zeros((4, 3)), 100.0)
    with pytest.raises(ValueError, match=r"time_s must have shape \(5,\); found \(4,\)"):
        estimate(np.zeros((5, 3)), None, 100.0, time_s=np.arange(4))


@pytest.mark.nojit
@pytest.mark.parametrize("rate", [0.0, -100.0, 24.9, 1201.0, np.nan, np.inf])
def test_rates_that_cannot_be(rate: float) -> None:
    with pytest.raises(ValueError, match=r"sample rate of .* Hz cannot be used; 25 to 1200 Hz can"):
        GaitEstimator(rate)
    assert (RATE_MIN_HZ, RATE_MAX_HZ) == (25.0, 1200.0)


@pytest.mark.nojit
def test_a_gyroscope_may_not_come_or_go() -> None:
    with_gyro, without = GaitEstimator(52.0), GaitEstimator(52.0)
    with_gyro.update(ACC[:9], GYR[:9])
    without.update(ACC[:9], None)
    with pytest.raises(ValueError, match="has a gyroscope from its first block on, or never"):
        with_gyro.update(ACC[9:], None)
    with pytest.raises(ValueError, match="has a gyroscope from its first block on, or never"):
        without.update(ACC[9:], GYR[9:])


@pytest.mark.nojit
def test_a_refused_block_changes_nothing() -> None:
    est = GaitEstimator(52.0)
    est.update(ACC[:100], GYR[:100])
    before = pickle.dumps(est.state())
    bad: list[tuple[Any, Any, Any]] = [
        (ACC[:9], None, None),
        (ACC[:9], GYR[:8], None),
        (ACC[:9, :2], GYR[:9], None),
        (ACC[:9], GYR[:9], np.zeros(8)),
    ]
    for acc, gyr, time in bad:
        with pytest.raises(ValueError, match=r"shape|rows|gyroscope"):
            est.update(acc, gyr, time)
    assert pickle.dumps(est.state()) == before


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.eye(3)[:2], r"\(3, 3\) rotation matrix; found shape \(2, 3\)"),
        (2.0 * np.eye(3), r"\(3, 3\) rotation matrix; found shape \(3, 3\)"),
        (np.full((3, 3), np.nan), r"\(3, 3\) rotation matrix"),
        (np.diag([1.0, 1.0, -1.0]), "mirrors the sensor: one of its axes has the wrong sign"),
        (np.eye(3)[[1, 0, 2]], "mirrors the sensor"),
    ],
)
def test_mounts_that_cannot_be(matrix: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Mount(matrix)
    with pytest.raises(ValueError, match=message):
        GaitEstimator(100.0, mount=matrix)


def test_mounts_by_the_names_of_axes() -> None:
    np.testing.assert_array_equal(Mount.from_axes("x,y,z").rotation, np.eye(3))
    turned = Mount.from_axes("-z, y, x").rotation
    np.testing.assert_array_equal(turned, [[0, 0, -1], [0, 1, 0], [1, 0, 0]])
    for text, message in (("x,x,z", "rotation matrix"), ("x,-y,z", "mirrors")):
        with pytest.raises(ValueError, match=message):
            Mount.from_axes(text)


def test_a_given_mount_stays_as_given() -> None:
    given = Mount.from_axes("y,-x,z")
    est = GaitEstimator(52.0, given)
    trace = est.update(ACC, GYR)
    assert est.learned_mount is not None
    np.testing.assert_array_equal(est.learned_mount.rotation, given.rotation)
    certain = trace.lean_sd_deg <= GaitParams().lean_sd_max_deg
    assert certain[int(3 * 52.0) :].all()
    np.testing.assert_array_equal(np.isfinite(trace.lean_deg), certain)
    np.testing.assert_array_equal(trace.lean_from, certain)


def test_state_of_another_version_is_refused() -> None:
    state = GaitEstimator(52.0).state()
    state["state"] = np.zeros(1, [("samples", np.int64)])
    with pytest.raises(ValueError, match="saved by another version of gaitpi"):
        GaitEstimator.restore(state)


def test_params_are_frozen_and_explained() -> None:
    params = GaitParams()
    with pytest.raises(FrozenInstanceError):
        params.smooth_s = 1.0  # type: ignore[misc]
    for f in fields(GaitParams):
        assert f.metadata["unit"]
        assert len(f.metadata["meaning"]) > 10
        assert np.isfinite(getattr(params, f.name))
