"""The slope of the ground by the steps: sign, size, memory, and what it does not know."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.gait.slope import (
    DUTY,
    DUTY_SPEED,
    IMPACT,
    IMPACT_SPEED,
    LEAN,
    SPEED_GRADE,
    SlopeEstimator,
    combine,
)

LEVEL = {"step_s": 0.35, "contact_s": 0.25, "impact_ms2": 20.0, "lean_deg": 6.0}


def on(grade: float) -> dict[str, float]:
    """Steps of a runner who is moved by a slope just as is assumed."""
    duty = 0.25 / 0.35 + (DUTY + DUTY_SPEED * SPEED_GRADE) * grade
    return {
        "step_s": 0.35,
        "contact_s": duty * 0.35,
        "impact_ms2": 20.0 * math.exp((IMPACT + IMPACT_SPEED * SPEED_GRADE) * grade),
        "lean_deg": 6.0 + LEAN * grade,
    }


def run(slope: SlopeEstimator, step: dict[str, float], n: int, from_s: float = 0.0) -> float:
    for k in range(n):
        slope.step(from_s + 0.35 * (k + 1), **step)
    return from_s + 0.35 * n


@given(st.floats(-0.12, 0.12))
def test_the_slope_assumed_is_the_slope_told(grade: float) -> None:
    slope = SlopeEstimator()
    t = run(slope, LEVEL, 300)
    assert slope.grade == pytest.approx(0.0, abs=1e-9)
    run(slope, on(grade), 20, t)
    assert slope.grade == pytest.approx(grade, abs=1e-6)
    assert 0.015 < slope.grade_sd < 0.05


@given(st.floats(-5, 5), st.floats(-0.3, 0.3), st.floats(-0.1, 0.1), st.floats(-0.06, 0.06))
def test_climb_and_descent_are_told_alike(
    lean: float, impact: float, duty: float, step: float
) -> None:
    up, sd = combine(lean, impact, duty, step)
    down, same = combine(-lean, -impact, -duty, -step)
    assert down == pytest.approx(-up)
    assert same == pytest.approx(sd)


def test_nothing_is_told_before_there_is_a_level_nor_after_a_pause() -> None:
    slope = SlopeEstimator()
    t = run(slope, LEVEL, 40)
    assert math.isnan(slope.grade)
    assert math.isinf(slope.grade_sd)
    t = run(slope, LEVEL, 100, t)
    assert math.isfinite(slope.grade)
    t = run(slope, LEVEL, 1, t + 10.0)
    assert math.isnan(slope.grade)
    run(slope, on(0.06), 20, t)
    assert slope.grade == pytest.approx(0.06, abs=1e-6)  # the level is kept


def test_the_level_does_not_follow_onto_the_hill() -> None:
    slope = SlopeEstimator()
    t = run(slope, LEVEL, 500)
    t = run(slope, on(0.08), 340, t)  # two minutes
    assert slope.grade > 0.06
    run(slope, LEVEL, 20, t)
    assert abs(slope.grade) < 0.02


def test_a_stoop_is_no_climb() -> None:
    slope = SlopeEstimator()
    t = run(slope, LEVEL, 300)
    run(slope, LEVEL | {"lean_deg": 14.0}, 20, t)
    assert abs(slope.grade) < 0.01


def test_without_lean_it_is_less_sure() -> None:
    plain, blind = SlopeEstimator(), SlopeEstimator(use_lean=False)
    for slope in (plain, blind):
        run(slope, on(0.05), 20, run(slope, LEVEL, 300))
    assert blind.grade == pytest.approx(0.05, abs=1e-6)
    assert blind.grade_sd > 1.05 * plain.grade_sd


@given(st.integers(0, 200))
def test_saved_and_restored_it_goes_on_the_same(at: int) -> None:
    whole, part = SlopeEstimator(), SlopeEstimator()
    steps = [
        on(0.0004 * (k % 90)) | ({"lean_deg": math.nan} if k % 31 == 0 else {}) for k in range(200)
    ]
    for k, step in enumerate(steps):
        if k == at:
            part = SlopeEstimator.restore(json.loads(json.dumps(part.state(), allow_nan=False)))
        for slope in (whole, part):
            slope.step(0.35 * k, **step)
    assert repr(part.state()) == repr(whole.state())
    assert part.grade == whole.grade
