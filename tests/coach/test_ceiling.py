"""The sound of the ceiling: once, when it is reached, where it was asked for and may be heard."""

import json
import math
from collections.abc import Callable
from itertools import pairwise

import pytest
from msgspec import structs

from gaitpi.coach.policy import Coach
from gaitpi.coach.types import Cue, Moment, StepTaken, Withheld, decided
from gaitpi.config import CoachConfig

ASKED = CoachConfig(ceiling_sound=True, ceiling_steps=800.0)


def run(
    config: CoachConfig,
    *,
    until_s: float = 600.0,
    spm: float = 170.0,
    day_second: float | None = None,
    mute: tuple[float, float] | None = None,
    standing: tuple[float, float] = (math.inf, math.inf),
    speed: Callable[[float], float] = lambda _t: math.nan,
    belt: int = 0,
) -> list[Cue]:
    """Even running; the coach is saved and restored on the way."""
    coach, due = Coach(config, day_second=day_second), 0.0
    out: list[Cue | Withheld] = []
    for tick in range(int(until_s * 10)):
        t = tick / 10
        running = not standing[0] <= t < standing[1]
        while due + 0.1 < t:
            due += 60.0 / spm
            if running:
                coach.step(StepTaken(t, due, 60.0 / spm, True))
        if mute and t == mute[0]:
            coach.mute(*mute)
        out += coach.moment(Moment(t, 3 if running else 1, spm, 6.0, speed_ms=speed(t), belt=belt))
        if tick % 700 == 0:
            state = json.loads(json.dumps(coach.state(), allow_nan=False))
            coach = Coach.restore(config, state)
    return [d for d in out if isinstance(d, Cue)]


def test_said_once_when_the_steps_are_run() -> None:
    (told,) = run(ASKED)
    assert (told.cue, told.metric, told.rule) == ("ceiling", "system", "load.ceiling")
    assert told.time_s == pytest.approx(800.0 * 60.0 / 170.0, abs=1.0)
    assert told.reason == "800 running steps, the ceiling is 800"
    assert decided(told.cue, told.metric)


def test_the_speed_of_a_pod_that_doubles_is_no_distance() -> None:
    """It would end the run at half of it; steps are counted instead."""
    (told,) = run(structs.replace(ASKED, ceiling_m=900.0), speed=lambda _t: 6.0)
    assert told.reason == "800 running steps, the ceiling is 800"


def test_said_by_time_where_that_comes_first() -> None:
    (told,) = run(structs.replace(ASKED, ceiling_s=240.0, ceiling_steps=5000.0))
    assert told.time_s == pytest.approx(240.0, abs=0.2)
    assert told.reason == "4 min of running, that is the ceiling"
    # a stop is no running
    paused = structs.replace(ASKED, ceiling_s=240.0, ceiling_steps=None)
    (later,) = run(paused, standing=(100.0, 160.0))
    assert later.time_s == pytest.approx(300.0, abs=0.3)


@pytest.mark.parametrize(
    "config",
    [
        structs.replace(ASKED, ceiling_sound=False),
        structs.replace(ASKED, ceiling_steps=None),
        structs.replace(ASKED, enabled=False),
        structs.replace(ASKED, max_per_hour=0),
        structs.replace(ASKED, warmup_s=900.0),
        structs.replace(ASKED, quiet_hours="00:00-12:00"),
    ],
)
def test_silent_where_it_must_be(config: CoachConfig) -> None:
    assert run(config, day_second=0.0) == []


def test_it_waits_for_the_end_of_a_mute_and_of_the_warm_up() -> None:
    (told,) = run(ASKED, mute=(250.0, 400.0))
    assert told.time_s == pytest.approx(410.0, abs=0.2)
    (warm,) = run(structs.replace(ASKED, ceiling_steps=100.0))
    assert warm.time_s == pytest.approx(180.0, abs=0.2)


def test_a_belt_that_has_moved_is_nothing_to_it() -> None:
    """Lean is quiet then for the rest of the run; how long it is, is known as well as before."""
    lean = structs.replace(ASKED, focus="lean", usual_lean_deg=6.0)
    assert [cue.cue for cue in run(lean, belt=3)] == ["belt", "ceiling"]


def test_it_keeps_the_distance_to_other_cues() -> None:
    low = structs.replace(ASKED, target_spm=180.0)
    heard = run(low, until_s=500.0)
    assert {cue.cue for cue in heard} >= {"step-up", "ceiling"}
    times = [cue.time_s for cue in heard]
    assert min(b - a for a, b in pairwise(times)) >= 60.0
    fade = structs.replace(ASKED, programme="p", programme_part="test", programme_minutes=15.0)
    assert [cue.cue for cue in run(fade)] == ["ceiling"]


FAR = structs.replace(ASKED, ceiling_m=900.0, ceiling_steps=600.0)


def test_by_distance_where_a_pod_knows_it() -> None:
    (told,) = run(FAR, speed=lambda _t: 2.5)
    assert told.time_s == pytest.approx(900.0 / 2.5, abs=0.3)
    assert told.reason == "0.90 km by the foot pod, the ceiling is 0.90"
    # further than the steps of the longest run, and not yet as far as its way: silence
    assert run(FAR, speed=lambda _t: 1.4) == []


def test_a_distance_with_holes_is_none() -> None:
    """What the link lost is not filled in: steps stand in for the way."""
    (told,) = run(FAR, speed=lambda t: math.nan if 60.0 <= t < 120.0 else 2.5)
    assert told.reason.startswith("600 running steps")
    (short,) = run(FAR, speed=lambda t: math.nan if 60.0 <= t < 66.0 else 2.5)
    assert "foot pod" in short.reason
    (without,) = run(FAR)
    assert without.time_s == pytest.approx(600.0 * 60.0 / 170.0, abs=1.0)


def test_it_is_heard_beside_a_metronome_the_runner_asked_for() -> None:
    plain = structs.replace(ASKED, metronome="plain", target_spm=170.0)
    assert [cue.cue for cue in run(plain)] == ["ceiling"]
