"""How events, angles and cadences are compared: by properties that a wrong measure breaks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.validation import metrics, naive
from calibration.validation.running import contacts_of

STEP_S = 0.35


def contacts(n: int, seed: int = 0) -> metrics.Floats:
    rng = np.random.default_rng(seed)
    return np.cumsum(STEP_S + rng.normal(0.0, 0.005, n))


@given(st.floats(-0.15, 0.15), st.integers(0, 10))
def test_one_lag_is_forgiven_and_told(lag: float, seed: int) -> None:
    truth = contacts(40, seed)
    pairs, found_lag = metrics.match(truth + lag, truth, 0.06)
    assert pairs == [(k, k) for k in range(40)]
    assert found_lag == pytest.approx(lag, abs=1e-9)


def test_a_lag_that_wanders_is_not_forgiven() -> None:
    truth = contacts(60)
    found = truth + np.linspace(-0.15, 0.15, 60)
    assert len(metrics.match(found, truth, 0.03)[0]) < 30


@given(st.lists(st.integers(0, 39), unique=True, max_size=15), st.integers(0, 20))
def test_each_event_has_at_most_one_partner(missed: list[int], invented: int) -> None:
    truth = contacts(40)
    rng = np.random.default_rng(invented)
    extra = rng.uniform(truth[0], truth[-1], invented)
    found = np.sort(np.concatenate([np.delete(truth, missed), extra]))
    pairs, _ = metrics.match(found, truth, 0.06)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    assert len(pairs) <= min(len(found), 40)
    if not invented:
        assert len(pairs) == 40 - len(missed)


def test_nothing_matches_nothing() -> None:
    none = np.zeros(0)
    assert metrics.match(none, contacts(5), 0.1)[0] == []
    assert metrics.match(contacts(5), none, 0.1)[0] == []


@given(st.integers(0, 1000), st.floats(0.01, 3.1))
def test_angle_is_the_angle_turned(seed: int, angle: float) -> None:
    rng = np.random.default_rng(seed)
    a = rng.standard_normal(3)
    across = np.cross(a, rng.standard_normal(3))
    a, across = a / np.linalg.norm(a), across / np.linalg.norm(across)
    b = np.cos(angle) * a + np.sin(angle) * across
    found = metrics.angle_deg(a[None] * 3.0, b[None])
    assert found[0] == pytest.approx(np.degrees(angle), abs=1e-6)
    assert metrics.angle_deg(a[None], a[None])[0] == 0.0


@given(st.floats(0.0, 0.1), st.integers(4, 30))
def test_a_limp_does_not_show(limp: float, n: int) -> None:
    steps = STEP_S + limp * np.where(np.arange(n) % 2, 0.5, -0.5)
    assert metrics.cadence_of(steps) == pytest.approx(60.0 / STEP_S, rel=1e-9)


def test_a_missed_step_shows_and_an_unknown_one_does_not() -> None:
    steps = np.full(20, STEP_S)
    steps[7] = 2.0 * STEP_S
    assert metrics.cadence_of(steps) < 165.0
    steps[7] = np.nan
    assert metrics.cadence_of(steps) == pytest.approx(60.0 / STEP_S)
    assert np.isnan(metrics.cadence_of(steps[:3]))


def test_windows_are_whole_and_side_by_side() -> None:
    spans = metrics.windows(3599, 100.0, 10.0)
    assert spans == [(0, 1000), (1000, 2000), (2000, 3000)]
    ic = contacts(100)
    step = np.append(np.diff(ic), np.nan)
    slow = ic > 10.0
    mixed = metrics.window_cadence(ic, np.where(slow, 1.5 * step, step), 0.0, 10.0)
    assert mixed == pytest.approx(60.0 / STEP_S, abs=1.5)


@given(st.floats(0.6, 0.9), st.sampled_from([100.0, 200.0]))
def test_the_period_of_a_stride(stride: float, rate: float) -> None:
    t = np.arange(int(10 * rate)) / rate
    wave = np.sin(2 * np.pi * t / stride) + 0.8 * np.cos(4 * np.pi * t / stride)
    assert metrics.period_s(wave, rate, 0.55, 0.95) == pytest.approx(stride, rel=0.004)


def test_contact_ends_with_the_next_toe_off_before_the_next_contact() -> None:
    ic, to = np.array([1.0, 1.4, 1.8]), np.array([0.9, 1.25, 2.05])
    np.testing.assert_allclose(contacts_of(ic, to), [0.25, np.nan, 0.25])


def test_naive_methods_find_a_plain_runner() -> None:
    rate, spm = 200.0, 168.0
    t = np.arange(int(20 * rate)) / rate
    phase = np.mod(t * spm / 60.0, 1.0)
    force = np.where(phase < 0.7, np.sin(np.pi * phase / 0.7) * np.pi / 1.4, 0.0) * 9.80665
    acc = np.stack([0.0 * t, 0.0 * t, force], axis=1)
    assert naive.fft_cadence(acc, rate) == pytest.approx(spm, abs=0.7)
    begin, end = naive.threshold_contacts(acc, rate)
    assert np.median(end - begin) == pytest.approx(0.7 * 60.0 / spm, abs=0.03)
    peaks = naive.peak_steps(acc, rate)
    assert 60.0 / np.mean(np.diff(peaks[5:])) == pytest.approx(spm, abs=1.0)
    assert naive.running(acc, rate)[500:].all()
    assert not naive.running(np.full((1000, 3), 5.66), rate).any()
