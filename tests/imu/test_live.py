"""The runner who hears: same signal as the deaf one, and no sample knows what comes later."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gaitpi.imu.virtual.answering import Answering, AnswerParams
from gaitpi.imu.virtual.live import LIVE_BLOCK, AnsweringRunner
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.story import Phase, story

Floats = NDArray[np.float64]
RATE = 208.0
LOW = (Phase("stand", 3.0), Phase("run", 60.0, cadence_spm=160.0, lean_deg=6.0))
SURE = AnswerParams(answers=1.0)
BEAT = 60.0 / 172.0


def play(
    cues: list[tuple[float, str]], cut: int = 10, seconds: float = 30.0
) -> tuple[Floats, AnsweringRunner]:
    """(n, 6) samples of one who hears the cues as he goes."""
    runner = AnsweringRunner(LOW, RunnerParams(seed=2, looseness=0.3), Answering(SURE))
    out, left = [], sorted(cues)
    for first in range(0, int(seconds * RATE) // cut * cut, cut):
        while left and left[0][0] * RATE <= first:
            runner.heard(*left.pop(0), BEAT)
        out.append(np.hstack(runner.samples(first, cut, RATE)))
    return np.vstack(out), runner


@pytest.mark.parametrize(("name", "loose"), [("stops", 0.5), ("hills", 0.0)])
def test_without_cues_it_is_the_simulated_runner(name: str, loose: float) -> None:
    params = RunnerParams(seed=3, looseness=loose)
    deaf, live = SimulatedRunner(story(name), params), AnsweringRunner(story(name), params)
    for first in (0, 12_000, 50_000, int((deaf.duration_s + 4.0) * RATE)):
        want, got = deaf.samples(first, 4000, RATE), live.samples(first, 4000, RATE)
        assert np.abs(want[0] - got[0]).max() < 1e-9
        assert np.abs(want[1] - got[1]).max() < 1e-9
    assert deaf.truth.steps.tobytes() == live.truth.steps.tobytes()


@settings(max_examples=12)
@given(
    at=st.floats(4.0, 25.0),
    cut=st.sampled_from([1, 10, 32, 77]),
    cue=st.sampled_from(["step-up", "tall", "let-go"]),
)
def test_no_sample_before_a_cue_knows_of_it(at: float, cut: int, cue: str) -> None:
    alone, _ = play([])
    answered, runner = play([(at, cue)], cut)
    n = int(at * RATE)
    assert answered[:n].tobytes() == alone[:n].tobytes()
    reply = runner.answering.replies[0]
    changed = np.flatnonzero((answered != alone[: len(answered)]).any(axis=1))
    assert (len(changed) > 0) == reply.answered
    if reply.answered:
        # the step before it already swings towards the next
        assert changed[0] / RATE > reply.from_s - 1.2


@pytest.mark.parametrize("cut", [1, 7, 10, 32, 64])
def test_neither_cutting_nor_asking_again_changes_a_bit(cut: int) -> None:
    cues = [(10.0, "step-up"), (18.0, "beat")]
    once, runner = play(cues)
    again, _ = play(cues, cut)
    assert again.tobytes() == once[: len(again)].tobytes()
    acc, _ = runner.samples(1000, 500, RATE)
    assert np.ascontiguousarray(once[1000:1500, :3]).tobytes() == acc.tobytes()


def test_steps_are_hardly_planned_ahead() -> None:
    runner = AnsweringRunner(LOW)
    for first in range(0, 6000, LIVE_BLOCK):
        runner.samples(first, LIVE_BLOCK, RATE)
        ahead = runner.planned_s - (first + LIVE_BLOCK) / RATE
        assert ahead < 5 * 60.0 / 160.0


def test_the_truth_has_the_answer_in_it() -> None:
    _, runner = play([(10.0, "step-up")])
    steps = runner.truth.steps
    running = steps[(steps["kind"] == 3) & np.isfinite(steps["step_s"])]
    early, late = (running["ic_s"] < 10.0), (running["ic_s"] > 20.0) & (running["ic_s"] < 45.0)
    assert 60.0 / running["step_s"][early].mean() == pytest.approx(160.0, abs=1.5)
    goal = runner.answering.replies[0].goal
    assert 60.0 / running["step_s"][late].mean() == pytest.approx(goal, abs=1.5)


def test_what_is_impossible_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one phase"):
        AnsweringRunner(())
    with pytest.raises(ValueError, match="no samples"):
        AnsweringRunner(LOW).samples(-1, 5, RATE)
