"""Coach and simulated runner step by step: what is heard changes what is run."""

import numpy as np
import pytest

from gaitpi.coach.policy import Coach
from gaitpi.coach.types import Cue
from gaitpi.config import CoachConfig
from gaitpi.device.rehearsal import Rehearsal, rehearse
from gaitpi.imu.virtual.answering import Answering, AnswerParams
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.steps import steps
from gaitpi.imu.virtual.story import Phase, story

CADENCE = CoachConfig(target_spm=172.0)
LEAN = CoachConfig(focus="lean", usual_lean_deg=6.0)
LOW = (Phase("stand", 15.0), Phase("run", 900.0, cadence_spm=164.0, lean_deg=6.0))


def tried(answering: Answering | None, config: CoachConfig = CADENCE) -> Rehearsal:
    return rehearse(Coach(config), LOW, answering)


def in_band(run: Rehearsal) -> float:
    return run.share(lambda step: step.meant_spm >= 0.97 * 172.0, 195.0)


def test_who_answers_is_longer_in_band_than_who_does_not() -> None:
    alone, deaf = tried(None), tried(Answering(AnswerParams(answers=0.0)))
    answered = tried(Answering())
    assert [c.time_s for c in alone.cues] == [c.time_s for c in deaf.cues]
    assert alone.running == deaf.running
    assert in_band(alone) == 0.0
    assert in_band(answered) > 0.4
    assert any(c.cue == "back" for c in answered.cues)
    assert len(answered.replies) == len(answered.cues)


def test_three_unanswered_cues_end_in_let_go_and_a_rest() -> None:
    cues = tried(Answering(AnswerParams(answers=0.0))).cues
    assert [c.cue for c in cues[:4]] == ["step-up", "beat", "beat", "let-go"]
    assert cues[4].time_s - cues[3].time_s >= CADENCE.rest_s


def test_the_same_runner_twice_is_the_same() -> None:
    assert tried(Answering()) == tried(Answering())
    assert tried(Answering()).running != tried(Answering(AnswerParams(seed=2))).running


def test_nothing_before_a_cue_depends_on_it() -> None:
    alone, answered = tried(None), tried(Answering(AnswerParams(answers=1.0)))
    first = answered.cues[0].time_s
    before = [step for step in answered.running if step.start_s <= first]
    assert before == alone.running[: len(before)]
    after = [step for step in answered.running if first < step.start_s < first + 20.0]
    assert max(step.meant_spm for step in after) > 168.0


@pytest.mark.parametrize(("lean", "cue"), [(12.0, "tall"), (0.0, "sink")])
def test_lean_cues_bring_him_back(lean: float, cue: str) -> None:
    phases = (Phase("stand", 15.0), Phase("run", 600.0, lean_deg=lean))
    run = rehearse(Coach(LEAN), phases, Answering(AnswerParams(answers=1.0)))
    assert {c.cue for c in run.cues} == {cue, "back"}
    alone = rehearse(Coach(LEAN), phases)

    def far(run: Rehearsal) -> float:
        return run.share(lambda step: abs(step.lean_deg - 6.0) > 4.0, 200.0)

    assert far(run) < 0.7 * far(alone)


def test_the_decisions_are_told_as_they_are_made() -> None:
    told: list[object] = []
    run = rehearse(Coach(CADENCE), LOW, None, decided=told.append)
    assert [d for d in told if isinstance(d, Cue)] == run.cues
    assert len(told) == len(run.cues) + len(run.withheld)


@pytest.mark.parametrize("name", ["full", "stops"])
def test_the_steps_are_those_of_the_simulated_runner(name: str) -> None:
    truth = SimulatedRunner(story(name), RunnerParams(seed=3)).truth.steps
    ours = [s for s in steps(story(name), seed=3) if s.running]
    theirs = truth[truth["kind"] == 3]
    assert {s.start_s for s in ours} >= set(theirs["ic_s"][np.isfinite(theirs["step_s"])].tolist())


def test_a_hill_and_a_turn_are_told_to_the_coach() -> None:
    hill = (Phase("run", 30.0), Phase("run", 30.0, grade=0.06, turn_dps=15.0))
    taken = [s for s in steps(hill) if 35.0 < s.start_s < 55.0]
    assert {s.grade for s in taken} == {0.06}
    assert np.allclose([s.turn_dps for s in taken], 15.0)


def test_fatigue_shows_after_its_minute() -> None:
    tired = AnswerParams(answers=0.0, tired_min=5.0, sag_per_h=0.2, stoop_deg_per_h=20.0)
    run = tried(Answering(tired))
    early = [s.meant_spm for s in run.running if s.start_s < 300.0]
    late = run.running[-1]
    assert early == pytest.approx([164.0] * len(early))
    hours = (late.start_s - 15.0) / 3600.0 - 5.0 / 60.0
    assert late.meant_spm == pytest.approx(164.0 * (1.0 - 0.2 * hours), abs=0.1)
