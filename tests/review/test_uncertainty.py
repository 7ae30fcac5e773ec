"""Uncertainty of means, and scatter from run to run."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.review.uncertainty import Z95, Whitening, alike, between, of_mean, t95

VALUES = st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=40)


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.706), (2, 4.303), (5, 2.571), (10, 2.228), (12, 2.179), (30, 2.042), (1000, 1.962)],
)
def test_t_as_tabled(freedom: int, quantile: float) -> None:
    assert t95(freedom) == pytest.approx(quantile, abs=0.002)


def test_t_at_the_edges() -> None:
    assert math.isnan(t95(0.0))
    assert math.isnan(t95(math.nan))
    assert t95(math.inf) == Z95


@given(a=st.floats(0.2, 200), b=st.floats(0.2, 200))
def test_t_falls_with_freedom(a: float, b: float) -> None:
    assert (t95(min(a, b)) - t95(max(a, b))) >= -1e-3


@given(VALUES, st.floats(-1e3, 1e3), st.floats(0.01, 100))
def test_shift_and_scale(values: list[float], shift: float, scale: float) -> None:
    at = list(range(len(values)))
    u = of_mean(values, at)
    moved = of_mean([scale * (v + shift) for v in values], at)
    assert moved == pytest.approx(scale * u, rel=1e-6, abs=1e-6)


@given(VALUES)
def test_equal_values_are_sure_and_few_are_unknown(values: list[float]) -> None:
    assert of_mean([values[0]] * 8, range(8)) == 0.0
    assert math.isnan(of_mean(values[:3], range(3)))


def test_more_minutes_are_surer_but_not_by_the_root() -> None:
    rng = random.Random(1)
    values = [rng.gauss(0.0, 1.0) for _ in range(64)]
    sparse, dense = of_mean(values[:16], range(16)), of_mean(values, range(64))
    assert sparse / 2.0 < dense < sparse
    # apart in time they are less alike
    assert of_mean(values[:16], range(0, 160, 10)) < sparse


def test_very_many_blocks_are_quick_and_agree() -> None:
    values = [float(k % 2) for k in range(401)]
    assert of_mean(values, range(401)) == pytest.approx(of_mean(values[:400], range(400)), rel=0.02)


@pytest.mark.parametrize("at", [range(30), [0, 1, 2, 7, 9, 30, 31]])
def test_whitening_is_that_of_the_covariance(at: list[int]) -> None:
    cov = np.array([[alike(abs(a - b)) for a in at] for b in at])
    column = np.arange(len(at), dtype=float) ** 2
    white = np.array(Whitening(at)(column.tolist()))
    assert white @ white == pytest.approx(column @ np.linalg.solve(cov, column), rel=1e-9)


def test_between_runs() -> None:
    rng = random.Random(2)
    sds = [between([rng.gauss(0.0, 2.0) for _ in range(20)])[0] for _ in range(300)]
    assert np.sqrt(np.mean(np.square(sds))) == pytest.approx(2.0, rel=0.05)


def test_a_slow_trend_and_one_odd_run_are_no_scatter() -> None:
    rng = random.Random(3)
    values = [rng.gauss(0.0, 1.0) for _ in range(20)]
    plain, _ = between(values)
    rising, _ = between([v + 0.2 * k for k, v in enumerate(values)])
    odd, _ = between([*values[:10], 50.0, *values[11:]])
    assert rising == pytest.approx(plain, rel=0.2)
    assert odd < 2.0 * plain


@given(st.lists(st.floats(-1e3, 1e3), max_size=30))
def test_between_is_known_from_three_runs_on(values: list[float]) -> None:
    sd, freedom = between(values)
    assert math.isnan(sd) == (len(values) < 3)
    assert (freedom > 0.0) == (len(values) >= 3)
    assert not sd < 0.0
