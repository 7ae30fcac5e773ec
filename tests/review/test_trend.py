"""Trends over weeks."""

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.review.change import CHANGE, NO_CHANGE, NOT_KNOWN
from gaitpi.review.form import Form
from gaitpi.review.trend import LEAST_DAYS, sen, trends
from tests.review.made import form


def runs(
    n: int, per_week: float, *, sd: float = 1.0, every: float = 3.0, seed: int = 1
) -> list[Form]:
    rng = random.Random(seed)
    return [
        form(k * every, cadence_spm=165.0 + per_week * k * every / 7.0 + rng.gauss(0.0, sd))
        for k in range(n)
    ]


def test_a_rising_cadence() -> None:
    found = trends(runs(25, 0.8))["cadence_spm"]
    assert found.verdict == CHANGE
    assert found.slope_week == pytest.approx(0.8, abs=0.2)
    assert found.days == 25
    assert found.weeks == pytest.approx(72 / 7)
    assert found.change == pytest.approx(found.slope_week * found.weeks)


def test_nothing_rises() -> None:
    found = trends(runs(25, 0.0))
    assert {t.verdict for t in found.values()} == {NO_CHANGE}


def test_below_the_smallest_real_difference_is_no_change() -> None:
    found = trends(runs(25, 0.1, sd=0.01))["cadence_spm"]
    assert found.change > 4 * found.u
    assert found.bar == pytest.approx(0.011 * 165.5, rel=0.01)
    assert found.verdict == NO_CHANGE


def test_too_few_days_or_weeks() -> None:
    few = trends(runs(LEAST_DAYS - 1, 1.0, every=7.0))["cadence_spm"]
    short = trends(runs(15, 1.0, every=1.0))["cadence_spm"]
    twice = trends(runs(20, 1.0, every=0.25))["cadence_spm"]
    assert {t.verdict for t in (few, short, twice)} == {NOT_KNOWN}
    assert twice.days <= 6
    assert trends([]) == {}
    assert json.loads(json.dumps(few.as_json(), allow_nan=False))["change"] is None


def test_too_few_days_of_a_like_speed_are_told_as_such() -> None:
    speeds = [10.0] * 5 + [12.0] * 5 + [10.0]
    found = trends([form(4.0 * k, speed_kmh=speed) for k, speed in enumerate(speeds)])
    assert found["cadence_spm"].why == "6 of 8 days of like speed"
    assert found["contact_ms"].why == "6 of 8 days of like cadence and speed"
    assert found["lean_deg"].verdict == NO_CHANGE


def test_only_comparable_runs_of_the_last_weeks() -> None:
    others = [replace(f, segment="thorax", run_id=f"t{f.run_id}") for f in runs(25, 5.0)]
    old = [form(-200.0 + k, cadence_spm=140.0) for k in range(30)]
    plain = trends(runs(25, 0.0))["cadence_spm"]
    assert repr(trends([*runs(25, 0.0), *others[:-1], *old])["cadence_spm"]) == repr(plain)


@given(st.permutations(range(12)))
def test_the_order_does_not_matter(order: list[int]) -> None:
    made = runs(12, 0.5)
    assert repr(trends(made)) == repr(trends([made[k] for k in order]))


@given(st.lists(st.floats(-100, 100), min_size=8, max_size=30))
def test_sen_is_between_its_edges_and_mirrors(values: list[float]) -> None:
    points = [(float(k), v) for k, v in enumerate(values)]
    slope, low, high = sen(points)
    assert low <= slope <= high
    turned = sen([(x, -y) for x, y in points])
    assert turned == pytest.approx((-slope, -high, -low), abs=1e-9)


def test_one_odd_run_makes_no_trend() -> None:
    made = runs(15, 0.0, sd=0.3)
    made[-1] = form(42.0, cadence_spm=190.0)
    assert trends(made)["cadence_spm"].verdict == NO_CHANGE
