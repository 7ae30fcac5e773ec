"""Pairs of shoes: what is found that is there, and what is not said."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi.review.change import CHANGE, NO_CHANGE, NOT_KNOWN
from gaitpi.review.diary import Level, Told
from gaitpi.review.load import Session
from gaitpi.review.metrics import METRICS
from gaitpi.review.shoes import (
    COMPARED,
    LEAST_ROUNDS,
    MORNING,
    Contrast,
    compare,
    needs,
    pairs,
    trial,
)
from gaitpi.review.uncertainty import t95, t_quantile
from tests.review.made import form


def runs(
    worn: Sequence[str],
    effect: float = 0.0,
    *,
    sd: float = 1.0,
    seed: int = 1,
    slow: Callable[[int], float] = lambda _k: 0.0,
    every: float = 2.0,
    speed: Callable[[int], float] = lambda _k: math.nan,
    surface: Callable[[int], str] = lambda _k: "",
    morning: Callable[[int], int | None] = lambda _k: None,
) -> list[Told]:
    """A run a second day; ``effect`` of the pair "a" on cadence, spm."""
    rng = random.Random(seed)
    made = []
    for k, shoe in enumerate(worn):
        spm = 170.0 + effect * (shoe == "a") + slow(k) + rng.gauss(0.0, sd)
        one = form(every * k, cadence_spm=spm)
        metres = speed(k) * one.running_s
        session = Session(one.run_id, one.started, one.running_s, one.steps, metres)
        made.append(Told(session, one, shoe, surface(k), Level(morning=morning(k))))
    return made


def found(told: Sequence[Told], key: str = "cadence_spm") -> Contrast:
    (one,) = [c for c in compare(told) if c.metric.key == key]
    return one


ALTERNATING = ["a", "b"] * 12


def test_a_planted_difference_is_found_with_its_interval() -> None:
    one = found(runs(ALTERNATING, 5.0))
    assert one.verdict == CHANGE
    assert (one.shoe, one.other, one.rounds, one.runs) == ("a", "b", 12, (12, 12))
    assert abs(one.difference - 5.0) < one.wide
    assert one.bar.value == max(one.bar.value, one.wide, METRICS["cadence_spm"].smallest(170.0))
    assert one.comparisons == len(COMPARED) - 1  # no morning was noted
    # widened for the four comparisons
    assert one.wide == pytest.approx(t_quantile(1 - 0.05 / 8, 10.0) * one.u)


def test_smaller_than_the_smallest_real_difference_is_none() -> None:
    one = found(runs(ALTERNATING, 1.2, sd=0.05))
    assert abs(one.difference) > one.wide
    assert one.verdict == NO_CHANGE
    assert one.bar.by == "published"


def test_one_after_the_other_nothing_is_said() -> None:
    """Ten spm lie between the two, and it may as well be the season."""
    one = found(runs(["b"] * 12 + ["a"] * 12, 10.0))
    assert one.verdict == NOT_KNOWN
    assert one.rounds == 1
    assert one.why == "worn one after the other: time or shoe?"
    assert math.isnan(one.difference)


@pytest.mark.parametrize("worn", [ALTERNATING, ["b", "a"] * 12, ["a", "a", "b", "b"] * 6])
def test_a_trend_is_no_difference(worn: list[str]) -> None:
    for slope in (-0.5, 0.5):
        one = found(runs(worn, slow=lambda k, s=slope: s * k, sd=0.1))  # type: ignore[misc]
        assert abs(one.difference) < 0.3
        assert one.verdict == NO_CHANGE


def test_too_few_rounds() -> None:
    one = found(runs(["a", "b"] * (LEAST_ROUNDS - 1), 9.0))
    assert (one.verdict, one.why) == (NOT_KNOWN, f"5 of {LEAST_ROUNDS} rounds with both")
    # weeks apart they are no rounds: too much else has changed
    assert found(runs(ALTERNATING, 9.0, every=25.0)).rounds == 0
    assert compare(runs(["a"] * 20)) == []
    assert compare(runs([""] * 10 + ["a"] * 10)) == []


def test_runs_on_another_surface_are_not_compared() -> None:
    told = runs(ALTERNATING, 6.0, surface=lambda k: "road" if k % 2 else "trail")
    one = found(told)
    assert (one.verdict, one.rounds) == (NOT_KNOWN, 0)


def test_faster_runs_are_left_out_where_speed_is_known() -> None:
    """The pair is worn on the fast days too: the like runs say there is no difference."""
    fast = {4 * k for k in range(6)}

    def cadence(k: int) -> float:
        return 12.0 if k in fast else 0.0

    worn = ["a", "b"] * 16
    blind = found(runs(worn, slow=cadence, sd=0.5))
    assert blind.difference > 2.0
    assert blind.alike == ""
    told = runs(worn, slow=cadence, sd=0.5, speed=lambda k: 3.8 if k in fast else 2.8)
    one = found(told)
    assert one.alike == "speed"
    assert abs(one.difference) < 1.0
    assert one.runs[0] == 16 - len(fast)


def test_what_goes_with_cadence_is_compared_at_like_cadence() -> None:
    told = runs(ALTERNATING, sd=0.5)
    odd = [
        replace(r, form=form(2.0 * k, cadence_spm=190.0, contact_ms=150.0)) if k in (2, 6) else r
        for k, r in enumerate(told)
    ]
    one = found(odd, "contact_ms")
    assert one.alike == "cadence"
    assert one.runs[0] == 10
    assert one.runs[1] < 12  # those that have no other beside them any more


def test_mornings_that_were_not_noted_are_none_of_them() -> None:
    """Noted only after runs in "a", or 0 where it is not known, would be two different things."""
    only_a = runs(ALTERNATING, morning=lambda k: 5 if k % 2 == 0 else None)
    assert found(only_a, MORNING.key).verdict == NOT_KNOWN
    both = runs(ALTERNATING, morning=lambda k: 5 if k % 2 == 0 else k % 4 // 3)
    assert found(both, MORNING.key).verdict == CHANGE
    assert found(both, MORNING.key).comparisons == len(COMPARED)


def test_three_pairs_are_each_compared_with_the_others() -> None:
    told = runs(["a", "b", "c"] * 10, 4.0)
    made = compare(told)
    assert {(c.shoe, c.other) for c in made} == {(n, "the others") for n in "abc"}
    assert made[0].comparisons == 12
    called = {c.shoe for c in made if c.verdict == CHANGE and c.metric.key == "cadence_spm"}
    assert "a" in called


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["a", "b", ""]), max_size=30), st.integers(0, 999), st.randoms())
def test_order_does_not_matter_and_exchanged_names_turn_the_sign(
    worn: list[str], seed: int, mixed: random.Random
) -> None:
    told = runs(worn, 3.0, seed=seed)
    one = compare(told)
    shuffled = list(told)
    mixed.shuffle(shuffled)
    assert repr(compare(shuffled)) == repr(one)
    turned = [replace(r, shoe={"a": "b", "b": "a"}.get(r.shoe, "")) for r in told]
    for before, after in zip(one, compare(turned), strict=True):
        assert after.verdict == before.verdict
        assert after.rounds == before.rounds
        if math.isfinite(before.difference):
            assert after.difference == pytest.approx(-before.difference)
            assert after.wide == pytest.approx(before.wide)


def test_permuted_labels_without_an_effect_are_told_apart_in_one_season_of_twenty() -> None:
    """Also where nothing is too small to matter: by the interval alone."""
    told = runs(ALTERNATING + ALTERNATING, sd=1.5)
    rng = random.Random(7)
    beyond = wrong = 0
    names = [r.shoe for r in told]
    for _ in range(200):
        rng.shuffle(names)
        made = compare([replace(r, shoe=n) for r, n in zip(told, names, strict=True)])
        beyond += any(abs(c.difference) > c.wide for c in made)
        wrong += any(c.verdict == CHANGE for c in made)
    assert beyond <= 20  # 5 % expected; 20 of 200 has a chance of 0.1 %
    assert wrong == 0


def test_what_was_run_in_each_pair() -> None:
    told = runs(["a", "b", "a", ""], speed=lambda k: 2.5 if k < 2 else math.nan)
    made = pairs(told)
    assert (made["a"].runs, made["a"].steps, made["a"].runs_km) == (2, 13_600, 1)
    assert made["a"].km == pytest.approx(6.0)
    assert made[""].runs == 1
    assert (made["b"].runs_km, made[""].runs_km) == (1, 0)


def test_a_trial_needs_more_pairs_where_runs_differ_more() -> None:
    steady, restless = ({n.metric.key: n for n in needs(runs(ALTERNATING, sd=sd))} for sd in (1, 2))
    a, b = steady["cadence_spm"].pairs, restless["cadence_spm"].pairs
    assert a is not None
    assert b is not None
    assert LEAST_ROUNDS < a < b
    # the planted difference of the pairs is no scatter
    shifted = {n.metric.key: n for n in needs(runs(ALTERNATING, 9.0, sd=1.0))}
    assert shifted["cadence_spm"].pairs is not None
    assert shifted["cadence_spm"].pairs <= a
    # as many as it says make the interval as narrow as the smallest real difference
    sd, n = steady["cadence_spm"].sd, a
    least = steady["cadence_spm"].least
    t = t_quantile(1 - 0.05 / (2 * len(COMPARED)), n - 2.0)
    assert t * math.sqrt(2.0 / n) * sd <= least
    unknown = {n.metric.key: n for n in needs(runs(["a", "b"]))}
    assert unknown["cadence_spm"].pairs is None


@given(st.integers(1, 40), st.integers(0, 10_000))
def test_a_trial_is_balanced_and_can_be_drawn_again(number: int, seed: int) -> None:
    one = trial(runs(ALTERNATING), "a", "b", number=number, seed=seed)
    both = [one.order[2 * k : 2 * k + 2] for k in range(number)]
    assert all(set(pair) == {"a", "b"} for pair in both)
    first = sum(pair[0] == "a" for pair in both)
    assert first in (number // 2, number - number // 2)
    assert trial(runs(ALTERNATING), "a", "b", number=number, seed=seed).order == one.order


@pytest.mark.parametrize(
    ("share", "freedom", "t"),
    [(0.995, 10, 3.169273), (0.9995, 5, 6.868827), (0.99, 4, 3.746947), (0.999, 28, 3.408155)],
)
def test_quantiles_of_student(share: float, freedom: float, t: float) -> None:
    """Tables of Student's t."""
    assert t_quantile(share, freedom) == pytest.approx(t, rel=1e-5)


@given(st.floats(5.0, 400.0))
def test_both_quantiles_agree(freedom: float) -> None:
    assert t_quantile(0.975, freedom) == pytest.approx(t95(freedom), rel=0.01)
    assert t_quantile(0.5, freedom) == 0.0


def test_dates_decide_and_not_the_name_of_a_run() -> None:
    told = runs(ALTERNATING, 5.0)
    later = [
        replace(r, session=replace(r.session, started=r.session.started + timedelta(days=900)))
        for r in told
    ]
    assert found(later).difference == pytest.approx(found(told).difference)
