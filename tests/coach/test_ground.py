"""Quiet on slopes and in turns, for either focus."""

import json
import math
from collections.abc import Callable

import pytest

from gaitpi.coach.ground import Ground
from gaitpi.coach.policy import Coach
from gaitpi.coach.types import Cue, Moment, StepTaken, Withheld
from gaitpi.config import CoachConfig

CADENCE = CoachConfig(target_spm=170.0)
LEAN = CoachConfig(focus="lean", usual_lean_deg=6.0)
LOW_S = 240.0
Slope = Callable[[float], tuple[float, float]]


def run(
    config: CoachConfig,
    slope: Slope,
    *,
    until_s: float = 330.0,
    yaw: Callable[[float], float] = lambda t: 0.0,
) -> list[Cue | Withheld]:
    """Low in cadence and stooped from 4 min on; the coach is saved and restored on the way."""
    coach, out, due = Coach(config), [], 0.0
    for tick in range(int(until_s * 10)):
        t = tick / 10
        low = t >= LOW_S
        while due + 0.1 < t:
            step_s = 60.0 / (160.0 if low else 170.0)
            due += step_s
            coach.step(StepTaken(t, due, step_s, True))
        lean = 15.0 if low else 6.0
        grade, sd = slope(t)
        out += coach.moment(
            Moment(t, 3, 165.0, lean, yaw(t), lean_sd_deg=0.5, grade=grade, grade_sd=sd)
        )
        if tick % 500 == 0:
            coach = Coach.restore(config, json.loads(json.dumps(coach.state(), allow_nan=False)))
    return out


def cues(decisions: list[Cue | Withheld]) -> list[Cue]:
    return [d for d in decisions if isinstance(d, Cue)]


@pytest.mark.parametrize("config", [CADENCE, LEAN])
@pytest.mark.parametrize(
    ("grade", "words"),
    [
        (0.06, "looks like a climb of about 6 % (sd 2 %) since 03:5"),
        (-0.06, "looks like a descent of about 6 % (sd 2 %) since 03:5"),
        (0.028, "a climb is not excluded (2.8 %, sd 2.0 %) since 03:5"),
    ],
)
def test_no_cue_on_a_slope(config: CoachConfig, grade: float, words: str) -> None:
    flat = run(config, lambda t: (0.0, 0.02))
    assert cues(flat)
    hill = run(config, lambda t: (grade if t >= 230.0 else 0.0, 0.02))
    assert cues(hill) == []
    kept = [d for d in hill if isinstance(d, Withheld)]
    assert {d.rule for d in kept} == {"quiet.hill"}
    assert kept[0].reason.startswith(words) or words.replace("03:5", "04:0") in kept[0].reason
    assert kept[0].time_s == pytest.approx(cues(flat)[0].time_s, abs=0.2)


@pytest.mark.parametrize("told", [(math.nan, math.inf), (math.nan, math.nan)])
def test_where_the_slope_is_not_known_a_low_cadence_is_one(told: tuple[float, float]) -> None:
    flat = cues(run(CADENCE, lambda t: (0.0, 0.02)))
    assert cues(run(CADENCE, lambda t: told))[0].time_s == flat[0].time_s


@pytest.mark.parametrize("sd", [0.018, 0.02, 0.026])
def test_doubt_ends_at_once_and_a_slope_only_when_it_is_surely_over(sd: float) -> None:
    ground = Ground()

    def quiet(grade: float, told_sd: float = 0.02) -> bool:
        ground.observe(grade, told_sd, 100.0)
        return ground.steep

    assert quiet(0.028)
    assert not quiet(0.02)
    assert quiet(0.06)
    assert quiet(0.02)  # the same estimate, after a slope
    assert not quiet(0.004, sd)


def test_another_deviation_is_judged_anew() -> None:
    ground = Ground()
    ground.observe(0.06, 0.02, 100.0)
    ground.observe(0.02, 0.02, 150.0)
    assert not ground.steep


def test_the_onset_of_a_long_deviation_is_kept() -> None:
    """Longer than the strides that are kept: the hill must not be compared with itself."""
    coach, due = Coach(CADENCE), 0.0
    for tick in range(4000):
        t = tick / 10
        while due + 0.1 < t:
            due += 60.0 / (160.0 if t >= LOW_S else 170.0)
            coach.step(StepTaken(t, due, 60.0 / (160.0 if t >= LOW_S else 170.0), True))
        coach.moment(Moment(t, 3, 165.0, 6.0, 0.0, grade=0.06, grade_sd=0.02))
        if t == LOW_S - 1.0:
            assert coach.onset_s is None
    assert coach.onset_s == pytest.approx(LOW_S, abs=1.5)


@pytest.mark.parametrize("config", [CADENCE, LEAN])
def test_no_cue_in_a_turn(config: CoachConfig) -> None:
    bend = run(config, lambda t: (0.0, 0.02), yaw=lambda t: -25.0 if t >= 235.0 else 0.0)
    assert cues(bend) == []


@pytest.mark.parametrize(("config", "delay_s"), [(CADENCE, 8.0), (LEAN, 20.0)])
def test_a_corner_is_followed_by_quiet(config: CoachConfig, delay_s: float) -> None:
    """The evidence is there before the corner is over; without the rule it would cue at once."""
    straight = cues(run(config, lambda t: (0.0, 0.02)))[0].time_s
    assert straight == pytest.approx(LOW_S + delay_s, abs=3.0)
    corner = LOW_S + delay_s - 4.0
    out = run(
        config, lambda t: (0.0, 0.02), yaw=lambda t: 30.0 if corner < t < corner + 3.0 else 0.0
    )
    assert cues(out)[0].time_s > corner + 3.0 + 10.0
    assert any(isinstance(d, Withheld) and d.rule == "quiet.turn" for d in out)
