"""The next contact is predicted, with its uncertainty, and ticks lead from it to the target."""

import math
from itertools import accumulate, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.coach import rhythm
from gaitpi.coach.rhythm import Prediction, glide, hear, predict, pulled
from gaitpi.coach.types import StepTaken

intervals = st.floats(0.2, 0.6)
paces = st.floats(0.25, 0.5)


def contacts_of(steps: list[float], start_s: float = 100.0) -> list[float]:
    """What is kept of steps of these lengths (s)."""
    contacts: list[float] = []
    for ic_s, step_s in zip(accumulate([start_s, *steps]), steps, strict=False):
        hear(contacts, StepTaken(ic_s + step_s + 0.1, ic_s, step_s, True))
    return contacts


@pytest.mark.parametrize("side", [0.0, 0.012])
def test_a_regular_runner_is_predicted_to_the_last_digit(side: float) -> None:
    steps = [0.35 + (side if k % 2 else -side) for k in range(40)]
    truth = list(accumulate([100.0, *steps]))
    contacts = contacts_of(steps[:20])
    assert contacts == pytest.approx(truth[13:21])
    for n in (21, 22, 25):
        found = predict(contacts, truth[n] - 0.05)
        assert found is not None
        assert found.first_s == pytest.approx(truth[n], abs=1e-9)
        assert found.sd_s < 1e-6
        assert found.step_s == pytest.approx(0.35)
        assert found.sure


def test_a_contact_far_off_is_left_out() -> None:
    steps = [0.35] * 12
    contacts = contacts_of(steps)
    exact = predict(contacts, contacts[-1] + 0.1)
    for k in range(1, 7):
        off = [t + (0.08 if i == k else 0.0) for i, t in enumerate(contacts)]
        found = predict(off, contacts[-1] + 0.1)
        assert exact is not None
        assert found is not None
        assert found.first_s == pytest.approx(exact.first_s, abs=1e-6)


def test_it_starts_anew_where_steps_do_not_follow_each_other() -> None:
    contacts = contacts_of([0.35] * 10)
    last = contacts[-1]
    hear(contacts, StepTaken(0.0, last + 0.35, 0.36, True))  # one was missed before it
    assert contacts == [last + 0.35, pytest.approx(last + 0.71)]
    assert predict(contacts, last + 1.0) is None
    for step in (
        StepTaken(0.0, contacts[-1], 0.36, False),
        StepTaken(0.0, contacts[-1], math.nan, True),
        StepTaken(0.0, contacts[-1], 0.8, True),
    ):
        contacts = contacts_of([0.35] * 10)
        hear(contacts, step)
        assert contacts == []


@given(st.lists(intervals, min_size=4, max_size=30), st.floats(0.0, 1.0))
def test_the_contact_predicted_is_the_first_that_comes_in_time(
    steps: list[float], wait_s: float
) -> None:
    contacts = contacts_of(steps)
    assert len(contacts) == min(len(steps) + 1, rhythm.CONTACTS)
    after_s = contacts[-1] + wait_s
    found = predict(contacts, after_s)
    if found is None:
        return
    assert found.first_s >= after_s
    assert found.sd_s >= 0.0
    assert 0.2 <= found.step_s <= 0.6
    # none was passed over: the first one after the last known, or within a step and a limp
    limp = max(abs(a - b) for a, b in pairwise(steps[-7:]))
    late = found.first_s - max(after_s, contacts[-1])
    assert late <= 2.0 * (found.step_s + limp) + 0.6


@given(st.lists(intervals, min_size=4, max_size=12), st.floats(0.0, 86_400.0))
def test_the_time_of_day_does_not_matter(steps: list[float], later_s: float) -> None:
    early = predict(contacts_of(steps, 10.0), 10.0 + sum(steps) + 0.15)
    late = predict(contacts_of(steps, 10.0 + later_s), 10.0 + later_s + sum(steps) + 0.15)
    if early is None or late is None:
        return
    # rounding may fall to either side of "in time"
    n = round((late.first_s - later_s - early.first_s) / early.step_s)
    assert abs(n) <= 1
    if n == 0:
        assert late.first_s - later_s == pytest.approx(early.first_s, abs=1e-6)
        assert late.sd_s == pytest.approx(early.sd_s, abs=1e-6)


def test_its_uncertainty_is_that_of_a_runner_whose_steps_vary() -> None:
    """Steps of 1.5 % noise, none made up for: errors come out as large as it says."""
    rng = np.random.default_rng(5)
    errors, ratios = [], []
    for _ in range(1500):
        steps = (0.35 * (1.0 + 0.015 * rng.standard_normal(14))).tolist()
        truth = list(accumulate([100.0, *steps]))
        found = predict(contacts_of(steps[:11]), truth[11] + 0.25)
        assert found is not None
        off = [found.first_s - t for t in truth]
        errors.append(min(off, key=abs))
        ratios.append(errors[-1] / found.sd_s)
    assert np.mean(errors) == pytest.approx(0.0, abs=0.001)
    assert np.percentile(np.abs(errors), 95) < 0.025
    # a few ratios are wild where eight contacts happened to be regular: so the middle two thirds
    assert np.percentile(np.abs(ratios), 68) == pytest.approx(1.0, abs=0.2)


@given(paces, paces, st.integers(1, 12))
def test_a_glide_goes_in_equal_ratios_and_ends_at_the_target(
    from_s: float, beat_s: float, n: int
) -> None:
    gliding = glide(from_s, beat_s, n)
    assert len(gliding) == n
    assert gliding[-1] == pytest.approx(beat_s)
    ratios = [b / a for a, b in pairwise([from_s, *gliding])]
    assert ratios == pytest.approx([ratios[0]] * n)
    assert glide(math.nan, beat_s, n) == [beat_s] * n


@given(paces, st.floats(0.0, 1.0), st.floats(0.9, 1.1))
def test_it_is_pulled_towards_the_contact_and_never_by_more_than_is_noticed(
    target_s: float, phase: float, slower: float
) -> None:
    step_s = slower * target_s
    contact = Prediction(50.0 + phase * step_s, 0.005, step_s)
    beat_s = pulled(target_s, 50.0, contact)
    assert abs(beat_s / target_s - 1.0) <= rhythm.PULL + 1e-9
    if 0.01 < phase < 0.49:  # the foot comes after the tick: ticks come later
        assert beat_s > target_s
    if 0.51 < phase < 0.99:
        assert beat_s < target_s
    assert pulled(target_s, 50.0, None) == target_s
    assert pulled(target_s, 50.0, contact._replace(sd_s=0.2 * step_s)) == target_s


@pytest.mark.parametrize("phase", [-0.45, -0.2, 0.1, 0.3, 0.45])
def test_ticks_and_feet_of_one_tempo_come_together(phase: float) -> None:
    target_s, tick_s = 0.35, 100.0 + phase * 0.35
    for _ in range(60):  # blocks
        nearest = 100.0 + round((tick_s - 100.0) / target_s) * target_s
        beat_s = pulled(target_s, tick_s, Prediction(nearest, 0.005, target_s))
        tick_s += rhythm.BLOCK_TICKS * beat_s
    off = (tick_s - 100.0) / target_s
    assert abs(off - round(off)) < 0.05
