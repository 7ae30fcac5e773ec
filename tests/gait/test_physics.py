"""What must hold whatever the signal: time, turning, lost samples, saturation, noise."""

from functools import cache
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi.gait import GaitEstimator, GaitParams, Mount, Trace, estimate
from gaitpi.units import G0

from .signals import RATE_HZ, Floats, random_rotation, simulated

P = GaitParams()
ACC, GYR = simulated("mixed")
TIME = np.arange(len(ACC)) / RATE_HZ
seeds = st.integers(0, 2**32 - 1)


@cache
def whole(mounted: bool = False) -> Trace:
    """The run as it is, with which all others are compared."""
    return estimate(ACC, GYR, RATE_HZ, mount=np.eye(3) if mounted else None)


def signed_permutations() -> list[Floats]:
    """The 48 ways to name the axes of a chip; 24 are rotations, 24 mirror it."""
    out = []
    for order, signs in product(permutations(range(3)), product([1.0, -1.0], repeat=3)):
        matrix = np.zeros((3, 3))
        matrix[range(3), order] = signs
        out.append(matrix)
    return out


PROPER = [m for m in signed_permutations() if np.linalg.det(m) > 0]
MIRRORS = [m for m in signed_permutations() if np.linalg.det(m) < 0]


# --- turning the sensor ---------------------------------------------------------------------


def check_turned(turn: Floats) -> None:
    free = estimate(ACC @ turn.T, GYR @ turn.T, RATE_HZ)
    tied = estimate(ACC @ turn.T, GYR @ turn.T, RATE_HZ, mount=turn.T)
    for trace, base in ((free, whole()), (tied, whole(mounted=True))):
        for name in ("ic_s", "to_s", "step_s", "bounce_m", "impact_ms2", "side", "activity"):
            np.testing.assert_allclose(trace.steps[name], base.steps[name], rtol=0, atol=1e-7)
        for name in ("lean_deg", "side_lean_deg", "cadence_spm", "yaw_rate"):
            np.testing.assert_allclose(
                getattr(trace, name), getattr(base, name), rtol=0, atol=1e-6, err_msg=name
            )
        np.testing.assert_array_equal(trace.activity, base.activity)
        np.testing.assert_array_equal(trace.lean_from, base.lean_from)
        np.testing.assert_allclose(trace.up @ turn, base.up, rtol=0, atol=1e-8)


@pytest.mark.parametrize("k", range(24))
def test_axes_of_the_chip_do_not_matter(k: int) -> None:
    check_turned(PROPER[k])


@settings(max_examples=8)
@given(seed=seeds)
def test_how_the_pack_is_worn_does_not_matter(seed: int) -> None:
    check_turned(random_rotation(np.random.default_rng(seed)))


@pytest.mark.parametrize("limit_g", [1.7, 2.0, 2.4])
def test_an_accelerometer_cut_off_keeps_the_steps(limit_g: float) -> None:
    """A chip set to too small a range clips every landing: steps stay, measures may not."""
    limit = limit_g * G0
    acc = np.clip(ACC, -limit, limit)
    assert np.mean(acc != ACC) > 0.0001
    trace = estimate(acc, GYR, RATE_HZ)
    base = whole()
    assert abs(len(trace.steps) - len(base.steps)) <= 2
    both = (trace.activity == 3) & (base.activity == 3)
    assert both.sum() > 0.95 * (base.activity == 3).sum()
    off = np.abs(trace.cadence_spm - base.cadence_spm)[both]
    assert np.nanmedian(off) < 0.5


@pytest.mark.parametrize("k", range(24))
def test_mirrored_mounts_are_refused(k: int) -> None:
    with pytest.raises(ValueError, match="mirrors the sensor"):
        Mount(MIRRORS[k])
    with pytest.raises(ValueError, match="mirrors the sensor"):
        GaitEstimator(100.0, MIRRORS[k])


def test_learned_mount_is_the_body_frame() -> None:
    turn = random_rotation(np.random.default_rng(11))
    est = GaitEstimator(RATE_HZ)
    assert GaitEstimator(RATE_HZ).learned_mount is None
    est.update(ACC @ turn.T, GYR @ turn.T)
    found = est.learned_mount
    assert found is not None
    # sensor = turn @ body, so the mount should undo it
    angle = np.degrees(np.arccos(np.clip((np.trace(found.rotation @ turn) - 1.0) / 2.0, -1, 1)))
    assert angle < 8.0


# --- time -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.8, 0.9, 1.1, 1.25])
def test_cadence_scales_with_time(scale: float) -> None:
    """The same film played faster: forces the same, rates and cadence times ``scale``."""
    acc, gyr = simulated("steady", start_s=60.0, seconds=40.0)
    base = estimate(acc, gyr, RATE_HZ).steps
    fast = estimate(acc, gyr * scale, RATE_HZ * scale).steps
    assert len(fast) == len(base) > 100
    np.testing.assert_allclose(fast["ic_s"] * scale, base["ic_s"], rtol=0, atol=2e-3)
    inner = slice(10, -1)
    ratio = fast["cadence_spm"][inner] / base["cadence_spm"][inner]
    np.testing.assert_allclose(ratio, scale, rtol=1e-3)


def test_beyond_the_limits_nothing_is_claimed() -> None:
    """170 spm played at a third, at 0.7 and at twice the speed is nobody's running."""
    acc, gyr = simulated("steady", start_s=60.0, seconds=30.0)
    for scale in (1.0 / 3.0, 0.7, 2.0):
        trace = estimate(acc, gyr * scale, RATE_HZ * scale)
        assert not (trace.activity == 3).any()


def test_time_may_start_anywhere() -> None:
    late = estimate(ACC, GYR, RATE_HZ, time_s=1e6 + TIME)
    for name in ("ic_s", "to_s", "known_s"):
        np.testing.assert_allclose(late.steps[name] - 1e6, whole().steps[name], rtol=0, atol=1e-6)
    for name in ("step_s", "contact_s", "flight_s", "cadence_spm", "bounce_m", "lean_deg"):
        np.testing.assert_allclose(late.steps[name], whole().steps[name], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(late.lean_deg, whole().lean_deg, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(late.activity, whole().activity)


# --- what was not measured ------------------------------------------------------------------


def without(at_s: float, lost_s: float) -> tuple[Trace, float, float]:
    """The run with samples missing; and the times of the last before and the first after."""
    a, b = int(at_s * RATE_HZ), int((at_s + lost_s) * RATE_HZ) + 1
    keep = np.r_[0:a, b : len(ACC)]
    trace = estimate(ACC[keep], GYR[keep], RATE_HZ, time_s=TIME[keep])
    return trace, float(TIME[a - 1]), float(TIME[b])


@settings(max_examples=25)
@given(at=st.floats(14.0, 28.0), lost=st.floats(0.04, 2.0))
def test_no_step_spans_a_gap(at: float, lost: float) -> None:
    trace, last, first = without(at, lost)
    steps = trace.steps
    assert len(steps) <= len(whole().steps)
    assert (np.diff(steps["ic_s"]) > 0.15).all()
    for start in ("step_s", "contact_s"):
        end = steps["ic_s"] + steps[start]
        assert not ((steps["ic_s"] <= last) & (end >= first)).any()
    gone = (trace.time_s >= first) & (trace.time_s < first + P.gap_lean_s)
    assert np.isnan(trace.lean_deg[gone]).all()
    # then as soon as it is certain enough
    known = np.isfinite(trace.lean_deg)
    later = (trace.time_s > first + P.gap_lean_s + 0.01) & (trace.lean_from > 0)
    assert (trace.lean_sd_deg[later] <= P.lean_sd_max_deg).all()
    assert known[later].all()
    assert known[trace.time_s > first + P.gap_lean_s + 3.0].all()
    # well before and after, all is as if nothing had happened
    before = whole().steps["known_s"] < last
    assert steps[: before.sum()].tobytes() == whole().steps[before].tobytes()
    mine = steps[steps["ic_s"] > first + 3.0]
    its = whole().steps[whole().steps["ic_s"] > first + 3.0]
    assert len(mine) == len(its)
    np.testing.assert_allclose(mine["ic_s"], its["ic_s"], rtol=0, atol=0.05)


@settings(max_examples=10)
@given(seed=seeds)
def test_single_lost_samples_do_little(seed: int) -> None:
    rng = np.random.default_rng(seed)
    keep = np.ones(len(ACC), bool)
    keep[rng.choice(len(ACC) // 2, 100, replace=False) * 2] = False
    base = whole(mounted=True)
    trace = estimate(ACC[keep], GYR[keep], RATE_HZ, mount=np.eye(3), time_s=TIME[keep])
    # where walking turns into running, a step more or less hangs by a thread
    assert abs(len(trace.steps) - len(base.steps)) <= 1
    off = np.abs(trace.steps["ic_s"][:, None] - base.steps["ic_s"]).min(axis=1)
    assert np.sort(off)[-2] < 0.015
    off = np.abs(trace.lean_deg - base.lean_deg[keep])
    assert np.isfinite(off).mean() > 0.95  # at the start and in turns it is not sure enough
    assert np.nanpercentile(off, 90) < 0.3
    assert np.nanmax(off) < 1.0


@settings(max_examples=10)
@given(seed=seeds, what=st.sampled_from([np.nan, np.inf, -np.inf]))
def test_rows_that_are_no_numbers_are_skipped_and_counted(seed: int, what: float) -> None:
    """Exactly as if those rows had not been there."""
    rng = np.random.default_rng(seed)
    bad = rng.choice(len(ACC), 40, replace=False)
    acc, gyr, time = ACC.copy(), GYR.copy(), TIME.copy()
    for group, column in zip(np.split(bad, [15, 30]), (0, 1, 2), strict=True):
        if column == 2:
            time[group] = what
        else:
            (acc, gyr)[column][group, rng.integers(0, 3)] = what
    est = GaitEstimator(RATE_HZ)
    trace = est.update(acc, gyr, time)
    keep = np.ones(len(ACC), bool)
    keep[bad] = False
    alone = estimate(ACC[keep], GYR[keep], RATE_HZ, time_s=TIME[keep])
    assert est.skipped == 40
    for name in ("ic_s", "to_s", "step_s", "cadence_spm", "bounce_m", "side", "known_s"):
        np.testing.assert_array_equal(trace.steps[name], alone.steps[name])
    for name in ("up", "activity", "yaw_rate"):
        np.testing.assert_array_equal(getattr(trace, name)[keep], getattr(alone, name))


def test_time_that_stands_or_goes_back_is_skipped_and_counted() -> None:
    time = TIME.copy()
    time[2000:2010] = time[1999]
    time[3000:3005] -= 1.0
    est = GaitEstimator(RATE_HZ)
    est.update(ACC, GYR, time)
    assert est.skipped == 15


def test_a_gyroscope_cut_off_takes_lean_away() -> None:
    gyr = GYR.copy()
    at = int(25.0 * RATE_HZ)
    gyr[at, 1] = -P.gyr_clip
    trace = estimate(ACC, gyr, RATE_HZ)
    assert np.isfinite(trace.lean_deg[at - 1])
    gone = (trace.time_s >= TIME[at]) & (trace.time_s < TIME[at] + P.untrusted_s)
    assert np.isnan(trace.lean_deg[gone]).all()
    assert np.isnan(trace.side_lean_deg[gone]).all()
    assert not trace.lean_from[gone].any()
    assert np.isfinite(trace.lean_deg[at + gone.sum() + 1])
    assert len(trace.steps) == len(whole().steps)
    within = GYR.copy()
    within[at, 1] = -0.999 * P.gyr_clip
    assert np.isfinite(estimate(ACC, within, RATE_HZ).lean_deg[at])


# --- nothing there --------------------------------------------------------------------------


@pytest.mark.nojit
@pytest.mark.parametrize("rate", [(0.0, 0.0, 0.0), (0.3, -0.2, 1.0), (34.9, 34.9, 34.9), None])
@pytest.mark.parametrize(
    "force",
    [(0.0, 0.0, 0.0), (0.0, 0.0, G0), (G0, 0.0, 0.0), (5.6, 5.6, 5.6), (0.0, 0.0, 16 * G0),
     (-16 * G0, 16 * G0, 16 * G0)],
)  # fmt: skip
def test_constant_input_is_no_gait(
    force: tuple[float, float, float], rate: tuple[float, float, float] | None
) -> None:
    n = 900
    gyr = None if rate is None else np.tile(rate, (n, 1))
    trace = estimate(np.tile(force, (n, 1)), gyr, 50.0)
    assert len(trace.steps) == 0
    assert (trace.activity < 2).all()
    assert np.isnan(trace.cadence_spm).all()
    assert np.isnan(trace.lean_deg).all()
    assert np.isnan(trace.up).all() == (not any(force))


@settings(max_examples=8)
@given(seed=seeds)
def test_noise_of_a_sensor_at_rest_is_standing_still(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(20 * RATE_HZ)
    up = random_rotation(rng)[0]
    acc = G0 * up + 0.004 * G0 * rng.standard_normal((n, 3))
    gyr = rng.uniform(-0.1, 0.1, 3) + np.radians(0.1) * rng.standard_normal((n, 3))
    for g in (gyr, None):
        trace = estimate(acc, g, RATE_HZ)
        assert len(trace.steps) == 0
        np.testing.assert_array_equal(trace.activity[trace.time_s >= P.still_time_s + 0.01], 1)
        settled = trace.up[trace.time_s > 10.0] @ up
        assert settled.min() > np.cos(np.radians(0.3))
    est = GaitEstimator(RATE_HZ)
    est.update(acc, gyr)
    np.testing.assert_allclose(est.gyro_bias, gyr.mean(axis=0), rtol=0, atol=np.radians(0.06))


def test_without_a_gyroscope_lean_is_not_known() -> None:
    trace = estimate(ACC, None, RATE_HZ)
    assert np.isnan(trace.lean_deg).all()
    assert np.isnan(trace.side_lean_deg).all()
    assert np.isnan(trace.yaw_rate).all()
    assert np.isnan(trace.steps["lean_deg"]).all()
    assert not trace.lean_from.any()
    assert abs(len(trace.steps) - len(whole().steps)) <= 4
