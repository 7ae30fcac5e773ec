"""The slope of the ground by the steps: sign, size, memory, and what it does not know."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.coach.slope import (
    DUTY,
    DUTY_SPEED,
    DUTY_STEP,
    IMPACT,
    IMPACT_SPEED,
    IMPACT_STEP,
    KEPT,
    LEAN,
    SPEED_GRADE,
    SlopeEstimator,
    combine,
    log_ratio,
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


def after(step: dict[str, float], n: int = 40, **other: bool) -> SlopeEstimator:
    """Level running, then so, judged since it began."""
    slope = SlopeEstimator(**other)
    t = run(slope, LEVEL, 200)
    run(slope, step, n, t)
    slope.judge(t)
    return slope


@given(st.floats(-0.12, 0.12))
def test_the_slope_assumed_is_the_slope_told(grade: float) -> None:
    slope = after(on(grade))
    assert slope.grade == pytest.approx(grade, abs=1e-6)
    assert 0.015 < slope.grade_sd < 0.05


@given(st.floats(-0.06, 0.06))
def test_what_cadence_alone_does_is_no_slope(low: float) -> None:
    """The usual runner's change of impact and contact with the step time is taken out."""
    step_s = 0.35 * math.exp(low)
    duty = 0.25 / 0.35 + DUTY_STEP * low
    slope = after(
        LEVEL
        | {
            "step_s": step_s,
            "contact_s": duty * step_s,
            "impact_ms2": 20.0 * math.exp(IMPACT_STEP * low),
        }
    )
    assert slope.grade == pytest.approx(0.0, abs=1e-6)
    assert not slope.steep


@given(
    st.floats(-5, 5),
    st.floats(-0.3, 0.3),
    st.floats(-0.1, 0.1),
    st.floats(-0.06, 0.06),
    st.integers(6, 10),
)
def test_climb_and_descent_are_told_alike(
    lean: float, impact: float, duty: float, step: float, n: int
) -> None:
    up, sd = combine(lean, impact, duty, step, n)
    down, same = combine(-lean, -impact, -duty, -step, n)
    assert down == pytest.approx(-up)
    assert same == pytest.approx(sd)
    assert log_ratio(up, sd) == pytest.approx(log_ratio(down, same))


@given(st.floats(0.015, 0.04), st.floats(0.0, 0.10), st.floats(0.005, 0.02))
def test_the_steeper_the_likelier_a_slope(sd: float, grade: float, more: float) -> None:
    def ratio(g: float) -> float:
        return log_ratio(g, math.hypot(sd, 0.3 * g))

    assert ratio(grade + more) > ratio(grade)
    assert ratio(0.0) < -0.9
    assert ratio(0.09) > 0.0


def test_nothing_is_told_before_there_is_a_level_nor_from_a_few_strides() -> None:
    slope = SlopeEstimator()
    t = run(slope, LEVEL, 20)
    run(slope, on(0.06), 40, t)
    slope.judge(t)
    assert math.isnan(slope.grade)
    assert math.isinf(slope.grade_sd)
    assert not slope.steep
    assert math.isnan(after(on(0.06), n=12).grade)
    assert math.isfinite(after(on(0.06), n=16).grade)


def test_a_long_hill_is_compared_with_what_was_before_it() -> None:
    slope = SlopeEstimator()
    t = run(slope, LEVEL, 200)
    for k in range(1000):  # six minutes
        slope.step(t + 0.35 * (k + 1), **on(0.08))
        slope.judge(t)
    assert slope.grade == pytest.approx(0.08, abs=1e-6)
    assert len(slope.state()["time_s"]) <= KEPT


def test_strides_on_a_slope_are_no_level_for_the_next_deviation() -> None:
    slope = SlopeEstimator()
    t = run(slope, LEVEL, 200)
    over = run(slope, on(0.08), 150, t)
    slope.judge(t)
    slope.judge(None)
    low = run(slope, LEVEL, 10, over)
    run(slope, LEVEL, 30, low)
    slope.judge(low)
    assert slope.grade == pytest.approx(0.0, abs=1e-6)


def test_a_stoop_is_no_climb() -> None:
    assert abs(after(LEVEL | {"lean_deg": 14.0}).grade) < 0.015


def test_without_lean_it_is_less_sure() -> None:
    plain, blind = after(on(0.05)), after(on(0.05), use_lean=False)
    assert blind.grade == pytest.approx(0.05, abs=1e-6)
    assert blind.grade_sd > 1.05 * plain.grade_sd
    bare = SlopeEstimator()
    t = run(bare, LEVEL | {"lean_deg": math.nan}, 200)
    run(bare, on(0.05) | {"lean_deg": math.nan}, 40, t)
    bare.judge(t)
    assert (bare.grade, bare.grade_sd) == (blind.grade, blind.grade_sd)


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
            slope.judge(45.0 if 130 < k < 170 else None)
    assert repr(part.state()) == repr(whole.state())
