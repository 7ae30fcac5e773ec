"""Whether a difference between runs is called a change."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.review.change import (
    CHANGE,
    LEAST_RUNS,
    MOST_RUNS,
    NO_CHANGE,
    NOT_KNOWN,
    against_usual,
    behind,
    between_runs,
    by_words,
    usual,
)
from gaitpi.review.form import Form
from gaitpi.review.metrics import METRICS
from tests.review.made import USUAL, form, season

KEYS = st.sampled_from(list(USUAL))


def test_a_run_like_the_others_is_no_change() -> None:
    found = against_usual(form(30.0), season(20, 0.01))
    assert {c.verdict for c in found.values()} == {NO_CHANGE}
    assert all(c.runs == MOST_RUNS for c in found.values())


@pytest.mark.parametrize(
    ("key", "within", "beyond"),
    [
        ("cadence_spm", 1.8, 1.95),
        ("lean_deg", 1.9, 2.1),
        ("contact_ms", 31.0, 33.0),
        ("flight_ms", 31.0, 33.0),
        ("bounce_mm", 6.5, 7.5),
    ],
)
def test_the_published_smallest_real_difference_holds(
    key: str, within: float, beyond: float
) -> None:
    steady = [form(float(day)) for day in range(10)]
    for sign in (-1.0, 1.0):
        near = against_usual(form(20.0, **{key: USUAL[key] + sign * within}), steady)[key]
        far = against_usual(form(20.0, **{key: USUAL[key] + sign * beyond}), steady)[key]
        assert (near.verdict, far.verdict) == (NO_CHANGE, CHANGE)
        assert far.bar.by == "published"
        assert far.difference == pytest.approx(sign * beyond)


def test_what_the_own_runs_differ_by_holds_where_it_is_more() -> None:
    runs = season(20, 0.02)
    found = against_usual(form(30.0, cadence_spm=176.0), runs)["cadence_spm"]
    assert found.bar.by == "own"
    assert 8.0 < found.bar.value < 16.0
    assert found.verdict == NO_CHANGE
    assert "own runs" in by_words(found.bar, found.metric)


def test_the_scatter_within_the_run_holds_where_it_is_more() -> None:
    steady = [form(float(day)) for day in range(10)]
    found = against_usual(form(20.0, u=0.1, lean_deg=7.1), steady)["lean_deg"]
    sure = against_usual(form(20.0, u=0.4, lean_deg=9.0), steady)["lean_deg"]
    assert found.bar.by == "published"
    assert (sure.bar.by, sure.verdict) == ("scatter", NO_CHANGE)


@given(KEYS, st.integers(0, LEAST_RUNS - 1))
def test_too_few_runs_are_no_usual(key: str, n: int) -> None:
    found = against_usual(form(30.0), season(n, 0.01))[key]
    assert (found.verdict, found.runs) == (NOT_KNOWN, n)
    assert math.isnan(found.usual)
    assert str(LEAST_RUNS) in found.why


@given(KEYS)
def test_what_is_not_known_stays_so(key: str) -> None:
    runs = season(10, 0.01)
    lacking = replace(form(30.0), measures={})
    assert against_usual(lacking, runs)[key].verdict == NOT_KNOWN
    assert math.isnan(against_usual(lacking, runs)[key].difference)
    assert between_runs(lacking, runs[0], runs)[key].verdict == NOT_KNOWN
    unsure = form(30.0, u=math.nan, **{key: USUAL[key] * 1.02})
    assert against_usual(unsure, runs)[key].verdict == NOT_KNOWN
    text = json.dumps(against_usual(lacking, runs)[key].as_json(), allow_nan=False)
    assert json.loads(text)["difference"] is None


@given(st.permutations(range(12)))
def test_the_order_of_runs_does_not_matter(order: list[int]) -> None:
    runs = season(12, 0.02)
    now = form(30.0, cadence_spm=173.0)
    plain = against_usual(now, runs)
    shuffled = against_usual(now, [runs[k] for k in order])
    assert repr(plain) == repr(shuffled)


def test_the_run_itself_later_runs_and_copies_do_not_count() -> None:
    runs = season(8, 0.01)
    now = runs[4]
    assert against_usual(now, runs)["cadence_spm"].runs == 4
    assert against_usual(now, [*runs, *runs])["cadence_spm"].runs == 4


OTHERWISE: list[dict[str, Any]] = [{"segment": "thorax"}, {"virtual": True}, {"session": "easy"}]


@pytest.mark.parametrize("other", OTHERWISE)
def test_runs_that_are_not_comparable_do_not_count(other: dict[str, Any]) -> None:
    runs = [replace(f, **other) for f in season(10, 0.01)]
    assert against_usual(form(30.0), runs)["cadence_spm"].runs == 0
    assert between_runs(form(30.0), runs[0])["cadence_spm"].verdict == NOT_KNOWN


@pytest.mark.parametrize("other", [{"lean_from": 1}, {"mount": "x forward"}])
def test_lean_of_another_origin_does_not_count(other: dict[str, Any]) -> None:
    runs = [replace(f, **other) for f in season(10, 0.01)]
    found = against_usual(form(30.0), runs)
    assert found["lean_deg"].runs == found["side_lean_deg"].runs == 0
    assert found["cadence_spm"].runs == 10
    assert between_runs(form(30.0), runs[0])["lean_deg"].why == "not measured alike"


def test_contact_is_compared_at_a_like_cadence() -> None:
    fast = season(10, 0.001, cadence_spm=180.0, contact_ms=200.0)
    slow = [replace(f, run_id=f"slow-{f.run_id}") for f in season(10, 0.001)]
    found = against_usual(form(30.0), [*fast, *slow])
    assert found["contact_ms"].verdict == NO_CHANGE
    assert found["contact_ms"].runs == 10
    assert found["cadence_spm"].runs == 20
    assert between_runs(form(30.0), fast[0])["contact_ms"].why == "not at a like cadence"
    assert against_usual(form(30.0), fast)["contact_ms"].verdict == NOT_KNOWN


@given(KEYS, st.floats(-50, 50))
def test_a_run_against_itself_is_no_change(key: str, more: float) -> None:
    one = form(1.0, u=0.01, **{key: USUAL[key] + more})
    found = between_runs(one, one, season(10, 0.01))[key]
    assert found.difference == 0.0
    assert found.verdict == NO_CHANGE


@given(KEYS, st.floats(0.9, 1.1), st.floats(0.9, 1.1))
def test_either_way_round(key: str, a: float, b: float) -> None:
    one, two = form(1.0, **{key: USUAL[key] * a}), form(2.0, **{key: USUAL[key] * b})
    runs = season(10, 0.01)
    there, back = between_runs(one, two, runs)[key], between_runs(two, one, runs)[key]
    assert there.difference == pytest.approx(-back.difference, nan_ok=True)
    assert there.u == pytest.approx(back.u, nan_ok=True)


def test_without_anything_published_the_own_runs_must_tell() -> None:
    one, two = form(1.0, impact_g=2.0), form(2.0, impact_g=3.0)
    assert between_runs(one, two)["impact_g"].verdict == NOT_KNOWN
    assert between_runs(one, two, season(10, 0.01))["impact_g"].verdict == CHANGE


def test_one_odd_run_does_not_move_the_usual() -> None:
    runs = season(9, 0.005)
    odd: list[Form] = [*runs[:4], form(4.0, cadence_spm=130.0), *runs[5:]]
    value = usual(form(30.0), odd, METRICS["cadence_spm"]).value
    assert value == pytest.approx(170.0, abs=1.0)


# Speed.

FASTER = {"speed_kmh": 12.0, "cadence_spm": 176.0, "step_length_m": 1.136}
EASY = {"speed_kmh": 10.0, "cadence_spm": 170.0, "step_length_m": 0.98}


def test_a_faster_run_is_compared_with_runs_as_fast() -> None:
    easy = [form(float(day), u=0.001, **EASY) for day in range(10)]
    fast = form(30.0, u=0.001, **FASTER)
    change = against_usual(fast, easy)["cadence_spm"]
    assert change.verdict == NOT_KNOWN
    assert change.why == "0 of 3 earlier runs of like speed"
    assert against_usual(fast, easy)["contact_ms"].why.endswith(" of like cadence and speed")
    assert between_runs(fast, easy[0], easy)["cadence_spm"].why == "not at a like speed"
    assert between_runs(fast, easy[0], easy)["speed_kmh"].difference == 2.0
    before = [form(20.0 + k, u=0.001, **FASTER) for k in range(3)]
    change = against_usual(fast, [*easy, *before])["cadence_spm"]
    assert (change.verdict, change.runs, change.speed) == (NO_CHANGE, 3, "like")
    found = against_usual(fast, [*easy, *before])
    assert behind(found.values()) == "3 to 13 earlier runs"
    assert behind([found["cadence_spm"]]) == "3 earlier runs"
    assert behind(against_usual(fast, []).values()) == "0 earlier runs"
    # lean does not ask for speed
    assert against_usual(fast, easy)["lean_deg"].runs == 10
    assert against_usual(fast, easy)["lean_deg"].speed == ""


def test_where_speed_is_not_known_it_is_said() -> None:
    without = [form(float(day), u=0.001) for day in range(5)]
    change = against_usual(form(30.0, u=0.001), without)["cadence_spm"]
    assert (change.verdict, change.speed) == (NO_CHANGE, "not known")
    assert change.as_json()["speed"] == "not known"
    assert against_usual(form(30.0), without)["lean_deg"].as_json()["speed"] is None
    # one of like speed is too few alone; two of unknown speed stand beside it
    mixed = [*without[:2], form(8.0, u=0.001, **EASY)]
    change = against_usual(form(30.0, u=0.001, **EASY), mixed)["cadence_spm"]
    assert (change.runs, change.speed) == (3, "not known")
    enough = [*mixed, form(9.0, u=0.001, **EASY), form(10.0, u=0.001, **EASY)]
    change = against_usual(form(30.0, u=0.001, **EASY), enough)["cadence_spm"]
    assert (change.runs, change.speed) == (3, "like")


def test_nothing_is_said_of_what_no_run_has() -> None:
    runs = season(5, 0.01)
    assert set(against_usual(form(30.0), runs)) == set(USUAL)
    assert set(between_runs(form(30.0), runs[0], runs)) == set(USUAL)
    heart = form(30.0, heart_rate_bpm=150.0)
    assert against_usual(heart, runs)["heart_rate_bpm"].why == "0 of 3 earlier runs"
    assert between_runs(heart, runs[0], runs)["heart_rate_bpm"].why == "not known in both"


def test_a_pace_that_was_chosen_is_a_change_beyond_its_scatter() -> None:
    runs = [form(float(day), u=0.001, speed_kmh=9.0 + 0.7 * day) for day in range(6)]
    a, b = form(30.0, u=0.001, speed_kmh=12.0), form(31.0, u=0.001, speed_kmh=11.5)
    change = between_runs(a, b, runs)["speed_kmh"]
    assert (change.verdict, change.bar.by) == (CHANGE, "scatter")
    assert between_runs(a, b)["speed_kmh"].verdict == CHANGE
