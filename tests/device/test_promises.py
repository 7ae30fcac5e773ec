"""The first promise: it never cues wrongly, and it does cue what it should."""

from dataclasses import replace

import numpy as np
import pytest

from gaitpi.imu.virtual.story import STORIES, Phase, hold, story

from .simulated import run

RUNNING = 3
STEADY = Phase("run", 240.0, cadence_spm=170.0, lean_deg=6.0)
STAND = Phase("stand", 15.0)


@pytest.mark.parametrize("seed", range(6))
def test_a_cadence_drop_is_cued_in_time(seed: int) -> None:
    dropped = replace(STEADY, duration_s=60.0, cadence_spm=161.0)
    result = run((STAND, STEADY, dropped), ["coach.target_spm=170"], seed=seed)
    assert [c.cue for c in result.cues][:1] == ["step-up"]
    first = result.cues[0]
    assert 255.0 < first.time_s < 255.0 + 20.0
    assert first.value < 170 * 0.97
    assert first.beat_s == pytest.approx(60 / 170)
    assert "below 164.9" in first.reason


@pytest.mark.parametrize(("lean", "cue"), [(13.0, "tall"), (-1.0, "sink")])
def test_a_lean_drift_is_cued_the_right_way(lean: float, cue: str) -> None:
    drifted = replace(STEADY, duration_s=90.0, lean_deg=lean)
    settings = ["coach.focus=lean", "coach.usual_lean_deg=6"]
    result = run((STAND, STEADY, drifted), settings)
    assert [c.cue for c in result.cues] == [cue]
    assert 255.0 + 20.0 < result.cues[0].time_s < 255.0 + 45.0


def test_lean_measured_from_elsewhere_than_the_usual_is_not_judged() -> None:
    """He stood first, so lean is from his own standing (2); a usual from the mount (1) is not."""
    leaning = Phase("run", 60.0, cadence_spm=170.0, lean_deg=15.0)
    settings = ["coach.focus=lean", "coach.usual_lean_deg=5", "coach.lean_hold_s=5"]
    settings += ["coach.warmup_s=0"]
    for origin, cued in ((0, True), (2, True), (1, False), (3, False)):
        result = run((STAND, leaning), [*settings, f"coach.usual_lean_from={origin}"])
        assert bool(result.decisions) == cued


def test_a_usual_lean_does_not_judge_a_lean_from_the_run_s_own_mean() -> None:
    """He began without a stand: lean is a change about 0, whatever the posture, and no angle."""
    running = Phase("run", 120.0, cadence_spm=170.0, lean_deg=6.0)
    settings = ["coach.focus=lean", "coach.usual_lean_deg=6", "coach.warmup_s=0"]
    result = run((running, running), settings)
    assert result.decisions == []


def test_the_focus_alone_speaks() -> None:
    both = replace(STEADY, duration_s=120.0, cadence_spm=158.0, lean_deg=14.0)
    settings = ["coach.target_spm=170", "coach.usual_lean_deg=6"]
    for focus, names in (("cadence", {"step-up", "beat"}), ("lean", {"tall"})):
        result = run((STAND, STEADY, both), [*settings, f"coach.focus={focus}"])
        spoken = {c.cue for c in result.cues}
        assert spoken
        assert spoken <= names


def test_recovery_is_confirmed_once() -> None:
    low = replace(STEADY, duration_s=20.0, cadence_spm=160.0)
    result = run((STAND, STEADY, low, STEADY), ["coach.target_spm=170"])
    assert [c.cue for c in result.cues] == ["step-up", "back"]


def test_ten_hours_on_target_are_silent() -> None:
    result = run(hold(36_000.0, 170.0), ["coach.target_spm=170"])
    assert result.cues == []
    truth = result.runner.truth.steps
    assert abs(len(result.steps) - len(truth)) <= 5


@pytest.mark.parametrize("name", sorted(STORIES))
@pytest.mark.parametrize("focus", ["cadence", "lean"])
def test_no_cue_while_walking_standing_or_just_started(name: str, focus: str) -> None:
    """A target nobody can reach: only the quiet rules keep the coach silent."""
    settings = [
        "coach.target_spm=220",
        "coach.usual_lean_deg=30",
        "coach.gate_spm=140",
        "coach.warmup_s=0",
        f"coach.focus={focus}",
    ]
    result = run(story(name), settings)
    assert result.cues  # else this would test nothing
    for cue in result.cues:
        before = result.runner.truth.activity(np.arange(cue.time_s - 30.0, cue.time_s, 0.1))
        assert (before == RUNNING).all(), cue


def test_no_cue_in_the_warm_up() -> None:
    slow = replace(STEADY, duration_s=400.0, cadence_spm=150.0)
    result = run((STAND, slow), ["coach.target_spm=170"])
    assert result.cues[0].time_s >= 15.0 + 180.0


def test_listening_is_silent() -> None:
    slow = replace(STEADY, duration_s=400.0, cadence_spm=150.0, lean_deg=20.0)
    assert run((STAND, slow), []).decisions == []
    assert run((STAND, slow), ["coach.focus=lean"]).decisions == []
