"""The response model: what its parameters say is what it does, within sampling error."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.imu.virtual.answering import Answering, AnswerParams, Memory, person
from gaitpi.units import step_time_s

SURE = AnswerParams(answers=1.0, gain_sd=0.0, learn_per_min=0.0)
HABIT = 160.0
ASKED = 172.0


def run(
    runner: Answering, seconds: float, start: float = 0.0, lean: float = 6.0
) -> list[tuple[float, float, float]]:
    """Steps at habit 160 spm: time, meant cadence, meant lean."""
    out, t = [], start
    while t < start + seconds:
        cadence, lean_deg = runner.intend(t, HABIT, lean)
        out.append((t, cadence, lean_deg))
        t += step_time_s(cadence)
    return out


def asked_once(params: AnswerParams, seconds: float = 30.0, cue: str = "step-up") -> Answering:
    runner = Answering(params)
    runner.heard(0.0, cue, step_time_s(ASKED))
    run(runner, seconds)
    return runner


def test_without_cues_he_runs_by_habit() -> None:
    assert {step[1:] for step in run(Answering(), 600.0)} == {(HABIT, 6.0)}


def test_he_reacts_some_steps_after_the_cue_and_not_before() -> None:
    runner = Answering(SURE)
    runner.heard(10.0, "step-up", step_time_s(ASKED))
    steps = run(runner, 20.0)
    first = next(t for t, cadence, _ in steps if cadence > HABIT)
    assert 0.0 <= first - (10.0 + SURE.react_steps * step_time_s(HABIT)) <= step_time_s(HABIT)
    assert runner.replies[0].from_s == first


def test_he_makes_a_share_of_the_change_with_the_time_constant_of_some_strides() -> None:
    runner = Answering(SURE)
    runner.heard(0.0, "step-up", step_time_s(ASKED))
    steps = run(runner, 40.0)
    goal = HABIT + 0.73 * (ASKED - HABIT)
    from_s = runner.replies[0].from_s
    assert runner.replies[0].goal == pytest.approx(goal)
    late = [cadence for t, cadence, _ in steps if from_s + 20.0 < t < from_s + SURE.hold_s]
    assert late == pytest.approx([goal] * len(late), abs=0.05)
    strides = sum(
        from_s <= t for t, cadence, _ in steps if cadence < HABIT + 0.632 * (goal - HABIT)
    )
    assert strides / 2 == pytest.approx(SURE.follow_strides, abs=1.0)


def test_he_holds_it_and_then_forgets() -> None:
    runner = Answering(SURE)
    runner.heard(0.0, "step-up", step_time_s(ASKED))
    steps = run(runner, 200.0)
    until = runner.replies[0].from_s + SURE.hold_s
    effort = {t: cadence - HABIT for t, cadence, _ in steps}
    held = max(effort.values())
    after = [(t - until, e) for t, e in effort.items() if t > until + 5.0]
    slope = np.polyfit([t for t, _ in after], np.log([e / held for _, e in after]), 1)[0]
    assert -1.0 / slope == pytest.approx(SURE.forget_s, rel=0.02)


@pytest.mark.parametrize("chance", [0.2, 0.8])
def test_the_share_of_answers_is_the_probability(chance: float) -> None:
    n = 1500
    yes = sum(
        asked_once(AnswerParams(seed=seed, answers=chance), 4.0).replies[0].answered
        for seed in range(n)
    )
    assert abs(yes / n - chance) < 3.5 * math.sqrt(chance * (1.0 - chance) / n)


def test_gains_scatter_as_stated() -> None:
    params = AnswerParams(answers=1.0)
    goals = [asked_once(replace(params, seed=k), 4.0).replies[0].goal for k in range(600)]
    gains = (np.array(goals) - HABIT) / (ASKED - HABIT)
    assert gains.mean() == pytest.approx(params.gain, abs=4 * params.gain_sd / math.sqrt(600))
    assert gains.std() == pytest.approx(params.gain_sd, rel=0.1)


def test_cues_annoy_and_let_go_makes_up_for_it() -> None:
    runner = Answering(replace(SURE, answers=0.8))
    for k in range(8):
        runner.heard(60.0 * k, "step-up", step_time_s(ASKED))
    runner.heard(490.0, "let-go")
    runner.heard(500.0, "step-up", step_time_s(ASKED))
    run(runner, 520.0)
    chances = [reply.chance for reply in runner.replies]
    wanted = [0.8 * 0.8 ** max(0, n - 5) for n in range(1, 9)]
    assert chances[:8] == pytest.approx(wanted)
    assert math.isnan(chances[8])
    assert chances[9] == pytest.approx(0.8)


def test_annoyance_is_over_after_ten_minutes() -> None:
    runner = Answering(SURE)
    for k in range(8):
        runner.heard(10.0 * k, "beat", step_time_s(ASKED))
    runner.heard(700.0, "beat", step_time_s(ASKED))
    run(runner, 720.0)
    assert runner.replies[7].chance < 0.6
    assert runner.replies[8].chance == 1.0


@pytest.mark.parametrize(("cue", "lean", "way"), [("tall", 14.0, -1.0), ("sink", -2.0, 1.0)])
def test_lean_cues_lead_towards_the_usual(cue: str, lean: float, way: float) -> None:
    runner = Answering(SURE)
    runner.heard(0.0, cue)
    steps = run(runner, 40.0, lean=lean)
    assert steps[-1][2] == pytest.approx(lean + way * 0.7 * 8.0, abs=0.1)
    assert {cadence for _, cadence, _ in steps} == {HABIT}


def test_a_gliding_rhythm_is_followed() -> None:
    runner = Answering(SURE)
    runner.heard(0.0, "beat", step_time_s(164.0))
    runner.rhythm(1.0, step_time_s(ASKED))
    assert run(runner, 30.0)[-1][1] == pytest.approx(HABIT + 0.73 * 12.0, abs=0.05)


def test_who_stops_forgets_what_he_heard() -> None:
    runner = Answering(SURE)
    run(runner, 10.0)
    runner.heard(9.5, "step-up", step_time_s(ASKED))
    assert [reply.cue for reply in runner.all_replies()] == ["step-up"]
    assert {cadence for _, cadence, _ in run(runner, 30.0, start=60.0)} == {HABIT}
    assert not runner.replies[0].answered
    assert math.isnan(runner.replies[0].from_s)


def test_a_habit_beyond_the_goal_is_not_held_back() -> None:
    runner = Answering(SURE)
    runner.heard(0.0, "step-up", step_time_s(ASKED))
    run(runner, 20.0)
    assert runner.intend(20.5, 175.0, 6.0)[0] >= 175.0


def practised(seconds_between: float) -> Memory:
    """Two hours, cued ever so often by a rhythm that goes on."""
    runner = Answering(replace(SURE, learn_per_min=0.012, annoyance=0.0, sag_per_h=0.0))
    for k in range(int(7200.0 / seconds_between)):
        runner.heard(seconds_between * k, "beat", step_time_s(ASKED))
    run(runner, 7200.0)
    return runner.memory


def test_practice_becomes_habit_and_what_was_led_is_lost_sooner() -> None:
    continual, faded = practised(25.0), practised(100.0)
    assert continual.learned > faded.learned > 0.01
    assert continual.own < 0.1 * continual.guided
    month = (continual.rest(30.0, SURE), faded.rest(30.0, SURE))
    kept = month[0].learned / continual.learned, month[1].learned / faded.learned
    assert kept[0] < 0.1
    assert kept[1] > 0.4
    assert month[1].session == 1
    later = Answering(SURE, Memory(own=0.02))
    assert later.intend(0.0, HABIT, 6.0)[0] == pytest.approx(1.02 * HABIT)


def test_learning_is_as_fast_as_stated() -> None:
    runner = Answering(replace(SURE, learn_per_min=0.012, hold_s=1e6))
    runner.heard(0.0, "beat", step_time_s(ASKED))
    run(runner, 600.0)
    # the goal is a cadence, so what becomes habit is taken off the effort
    full = 0.73 * (ASKED - HABIT) / HABIT
    assert runner.memory.learned == pytest.approx(full * (1 - math.exp(-0.12)), rel=0.02)


def test_people_differ_and_half_of_them_respond() -> None:
    people = [person(seed) for seed in range(400)]
    share = sum(one.answers > 0.5 for one in people) / 400
    assert abs(share - 0.5) < 3.5 * 0.5 / 20.0
    assert np.std([one.gain for one in people]) > 0.1
    assert person(3) == person(3)


@given(
    cues=st.lists(
        st.tuples(
            st.floats(0.0, 290.0),
            st.sampled_from(["step-up", "beat", "tall", "sink", "let-go", "back"]),
        ),
        max_size=20,
    ),
    later=st.floats(0.0, 300.0),
    seed=st.integers(0, 50),
)
def test_the_past_is_fixed_and_the_effort_bounded(
    cues: list[tuple[float, str]], later: float, seed: int
) -> None:
    def steps(upto: float) -> list[tuple[float, float, float]]:
        runner = Answering(AnswerParams(seed=seed))
        for t, cue in sorted(cues):
            if t < upto:
                runner.heard(t, cue, step_time_s(ASKED))
        return run(runner, 300.0)

    some, every = steps(later), steps(math.inf)
    assert [s for s in some if s[0] <= later] == [s for s in every if s[0] <= later]
    assert all(HABIT - 1e-9 <= cadence <= 1.1 * HABIT * 1.02 for _, cadence, _ in every)


@pytest.mark.parametrize("wrong", [{"answers": 1.2}, {"hold_s": -1.0}, {"forget_s": 0.0}])
def test_impossible_parameters_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        AnswerParams(**wrong)  # type: ignore[arg-type]


def test_a_rhythm_needs_its_interval() -> None:
    with pytest.raises(ValueError, match="step interval"):
        Answering().heard(0.0, "beat")
    with pytest.raises(ValueError, match="step interval"):
        Answering().rhythm(0.0, math.nan)
