"""Own cadence and limits: the numbers, and what must hold for any of them."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.coach.targets import (
    CAP,
    LEAN_RUNS,
    LISTEN_S,
    RAISE,
    WEEK_RAISE,
    WEEK_S,
    Own,
    Window,
    limit,
    own_cadence,
    propose,
    round_down,
    usual_lean,
    windows_of,
)

cadences = st.floats(130.0, 200.0)
times = st.floats(-WEEK_S, 200 * WEEK_S)
lasts = st.one_of(st.none(), st.floats(120.0, 240.0))


def own(spm: float) -> Own:
    return Own(spm, 1.0, 0.2, 600.0)


def test_own_cadence_is_found_with_its_spread() -> None:
    noise = random.Random(1)
    true = [160.0 + noise.gauss(0, 1.5) for _ in range(400)]
    windows = [Window(t + noise.gauss(0, 0.5), 0.5, 30.0) for t in true]
    found = own_cadence(windows)
    assert found is not None
    assert found.cadence_spm == pytest.approx(160.0, abs=0.25)
    assert found.spread_spm == pytest.approx(1.5, abs=0.15)
    assert found.error_spm == pytest.approx(math.hypot(1.5, 0.5) / math.sqrt(400), rel=0.15)
    assert found.steady_s == 12_000.0


def test_scattered_windows_weigh_less() -> None:
    steady = [Window(160.0 + 0.3 * (-1) ** k, 0.3, 30.0) for k in range(10)]
    found = own_cadence([*steady, *(Window(166.0, 6.0, 30.0) for _ in range(10))])
    assert found is not None
    assert found.cadence_spm == pytest.approx(160.0, abs=0.2)


def test_too_little_is_not_known() -> None:
    assert own_cadence([]) is None
    assert own_cadence([Window(160.0, 0.3, LISTEN_S - 1)]) is None
    assert own_cadence([Window(160.0, 0.0, LISTEN_S)]) is not None
    assert usual_lean([5.0] * (LEAN_RUNS - 1)) is None
    usual = usual_lean([5.0, 9.0, 6.0])
    assert usual is not None
    assert (usual.lean_deg, usual.runs) == (6.0, 3)


@given(
    st.lists(
        st.builds(Window, cadences, st.floats(0, 20), st.floats(30, 35)), min_size=10, max_size=40
    )
)
def test_own_cadence_lies_among_its_windows(windows: list[Window]) -> None:
    found = own_cadence(windows)
    assert found is not None
    values = [w.cadence_spm for w in windows]
    assert min(values) - 1e-6 <= found.cadence_spm <= max(values) + 1e-6
    assert found.spread_spm >= 0
    assert found.error_spm > 0


def test_windows() -> None:
    strides = [(0.75 * k, 0.75 + 0.01 * (-1) ** k) for k in range(101)]
    found = windows_of(strides, window_s=30.0, scatter_max=0.05)
    assert len(found) == 2
    assert found[0].cadence_spm == pytest.approx(160.0, abs=0.1)
    assert found[0].sd_spm == pytest.approx(160.0 * 0.01 / 0.75 / math.sqrt(40), rel=0.05)
    wild = [(t, s + 0.1 * (-1) ** k) for k, (t, s) in enumerate(strides)]
    assert windows_of(wild, window_s=30.0, scatter_max=0.05) == []


def test_the_ladder() -> None:
    """5 % first; then 2 % a week up to the cap; never more."""
    assert propose(own(160.0), None, 0.0).spm == 168.0
    assert limit(own(160.0), None, 0.0).spm == pytest.approx(176.0)
    week = limit(own(160.0), 168.0, WEEK_S)
    assert week.rule == "ramp"
    assert week.spm == pytest.approx(171.36)
    assert limit(own(160.0), 168.0, 10 * WEEK_S).rule == "cap"
    assert limit(own(160.0), 168.0, 1e30).spm == pytest.approx(176.0)
    assert limit(own(160.0), 168.0, -WEEK_S).spm == 168.0
    # the runner's own cadence has grown
    assert propose(own(165.0), 168.0, WEEK_S).spm == 171.0
    assert propose(own(165.0), 168.0, 0.0).spm is None
    # it is there already, or lower
    assert propose(own(160.0), 168.0, WEEK_S).spm is None
    assert propose(own(160.0), 190.0, WEEK_S).spm is None


@given(cadences, lasts, times)
def test_a_proposal_passes_no_limit_and_lowers_nothing(
    spm: float, last: float | None, since_s: float
) -> None:
    most = limit(own(spm), last, since_s)
    assert most.spm <= CAP * spm + 1e-9
    if last is not None:
        assert most.spm <= last * WEEK_RAISE ** max(0.0, since_s / WEEK_S) + 1e-6
    found = propose(own(spm), last, since_s)
    if found.spm is not None:
        assert found.spm <= most.spm + 1e-6
        assert found.spm <= RAISE * spm + 1e-6
        assert last is None or found.spm > last
        assert found.spm % 0.5 == 0.0
    assert found.reason


@given(cadences, cadences, lasts, times, times)
def test_more_time_or_more_cadence_never_means_less(
    a: float, b: float, last: float | None, early: float, late: float
) -> None:
    a, b, early, late = min(a, b), max(a, b), min(early, late), max(early, late)
    assert limit(own(a), last, early).spm <= limit(own(b), last, late).spm + 1e-9
    first, second = propose(own(a), last, early).spm, propose(own(b), last, late).spm
    if first is not None:
        assert second is not None
        assert second >= first


@given(st.floats(120.0, 260.0))
def test_rounding(spm: float) -> None:
    rounded = round_down(spm)
    assert spm - 0.5 < rounded <= spm + 1e-6
    assert round_down(rounded) == rounded


def test_multiples_stay() -> None:
    assert [round_down(k / 2) for k in range(240, 480)] == [k / 2 for k in range(240, 480)]
