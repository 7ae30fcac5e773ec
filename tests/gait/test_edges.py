"""Edges: gaps, stops, the change from walking to running, one wild sample, odd arguments."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi.gait import Mount, Trace, estimate, kernel
from tests.gait.signals import RATE_HZ, random_rotation, runner, simulated
from tests.gait.test_physics import ACC, GYR, TIME, P, whole, without
from tests.gait.test_truth import match

TRUTH = runner("mixed").truth
gap = given(at=st.floats(14.0, 28.0), lost=st.floats(0.05, 2.0))
any_gap = given(at=st.floats(4.0, 28.0), lost=st.floats(0.05, 2.0))


@pytest.mark.parametrize("name", ["steady", "fade", "lean", "stops"])
def test_sides_are_never_swapped_once_named(name: str) -> None:
    m = match(name)
    k = m.hit & (m.steps["side"] != 0)
    wrong = m.steps["side"][k] != m.true["side"][m.of[k]]
    assert wrong.sum() == 0, m.steps["ic_s"][k][wrong]


@pytest.mark.parametrize("name", ["steady", "stops"])
def test_sides_without_gyroscope_are_unknown(name: str) -> None:
    m = match(name, False)
    assert len(m.steps) > 100
    assert (m.steps["side"] == 0).all()


@settings(max_examples=25)
@gap
def test_sides_after_a_gap(at: float, lost: float) -> None:
    trace, _, _ = without(at, lost)
    s = trace.steps[trace.steps["side"] != 0]
    of = np.abs(s["ic_s"][:, None] - TRUTH.steps["ic_s"]).argmin(axis=1)
    np.testing.assert_array_equal(s["side"], TRUTH.steps["side"][of])


@settings(max_examples=25)
@gap
def test_no_contact_is_invented_at_a_gap(at: float, lost: float) -> None:
    trace, last, first = without(at, lost)
    ic = trace.steps["ic_s"]
    assert not ((ic > last) & (ic < first)).any()
    near = (ic > first - 1.0) & (ic < first + 2.0) & (trace.steps["activity"] == 3)
    off = np.abs(ic[near][:, None] - TRUTH.steps["ic_s"]).min(axis=1)
    assert off.max() < 0.03


@settings(max_examples=40)
@any_gap
def test_no_contact_lies_in_a_gap(at: float, lost: float) -> None:
    """Walking included: a contact that waits to be seen from both sides counts, or none."""
    trace, last, first = without(at, lost)
    ic = trace.steps["ic_s"]
    assert not ((ic > last) & (ic < first)).any()
    assert (trace.steps["known_s"] >= ic).all()


@settings(max_examples=25)
@gap
def test_cadence_after_a_gap(at: float, lost: float) -> None:
    trace, _, first = without(at, lost)
    k = (trace.time_s >= first) & (trace.time_s < first + 3.0)
    error = np.abs(trace.cadence_spm - TRUTH.cadence_spm(trace.time_s))[k]
    assert np.nanmax(error, initial=0.0) < 20.0


@settings(max_examples=25)
@gap
def test_lean_after_a_gap(at: float, lost: float) -> None:
    trace, _, first = without(at, lost)
    base = np.interp(trace.time_s, TIME, whole().lean_deg)
    after = (trace.time_s > first) & np.isfinite(trace.lean_deg)
    assert np.abs(trace.lean_deg - base)[after].max() < 2.0


def test_lean_after_one_wild_rate() -> None:
    gyr = GYR.copy()
    gyr[int(25.0 * RATE_HZ), 1] = P.gyr_clip
    trace = estimate(ACC, gyr, RATE_HZ)
    after = (TIME > 25.0) & np.isfinite(trace.lean_deg)
    assert np.abs(trace.lean_deg - whole().lean_deg)[after].max() < 2.0


def test_no_contact_before_the_first_sample() -> None:
    acc, gyr = simulated("steady", start_s=60.0, seconds=20.0)
    assert estimate(acc, gyr, RATE_HZ).steps["ic_s"].min() >= 0.0


def test_skipped_rows_do_not_weigh_in_the_lean_of_a_step() -> None:
    rng = np.random.default_rng(0)
    bad = rng.choice(len(ACC), 40, replace=False)
    acc = ACC.copy()
    acc[bad] = np.nan
    keep = np.ones(len(ACC), bool)
    keep[bad] = False
    one = estimate(acc, GYR, RATE_HZ).steps
    other = estimate(ACC[keep], GYR[keep], RATE_HZ, time_s=TIME[keep]).steps
    np.testing.assert_array_equal(one["lean_deg"], other["lean_deg"])


def test_still_is_not_claimed_across_a_gap() -> None:
    n = 400
    acc = np.tile([0.0, 0.0, 9.80665], (n, 1))
    time = np.arange(n) / 100.0
    time[200:] += 600.0
    trace: Trace = estimate(acc, np.zeros((n, 3)), 100.0, time_s=time)
    assert (trace.activity[200:290] == 0).all()


@pytest.mark.parametrize("text", ["", "x,y,", "x,y,q", "fx,y,z"])
def test_axes_that_are_none_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="x, y or z"):
        Mount.from_axes(text)


@settings(max_examples=8)
@given(seed=st.integers(0, 1000))
def test_read_only_input_needs_no_second_compilation(seed: int) -> None:
    compiled: Any = kernel.block
    acc = ACC[:50].copy()
    acc.flags.writeable = False
    estimate(acc @ random_rotation(np.random.default_rng(seed)).T * 1.0, GYR[:50], RATE_HZ)
    before = len(compiled.signatures)
    estimate(acc, GYR[:50], RATE_HZ)
    assert len(compiled.signatures) == before


@pytest.mark.parametrize("seed", [8, 35, 67])
def test_forward_is_not_backward_where_walking_turns_into_running(seed: int) -> None:
    rng = np.random.default_rng(seed)
    keep = np.ones(len(ACC), bool)
    keep[rng.choice(len(ACC) // 2, 100, replace=False) * 2] = False
    trace = estimate(ACC[keep], GYR[keep], RATE_HZ, time_s=TIME[keep])
    k = np.isfinite(trace.lean_deg) & (trace.activity == 3)
    assert np.abs(trace.lean_deg - TRUTH.lean_deg(trace.time_s))[k].max() < 10.0
