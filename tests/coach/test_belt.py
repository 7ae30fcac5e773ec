"""A loose or moved belt: one sound, no lean cues, and cadence cues as ever."""

import json
import math
from collections.abc import Callable

import pytest
from msgspec import structs

from gaitpi.coach.belt import BELT_SETTLE_S
from gaitpi.coach.policy import Coach
from gaitpi.coach.types import Cue, Moment, StepTaken, Withheld
from gaitpi.config import CoachConfig

CADENCE = CoachConfig(target_spm=170.0)
LEAN = CoachConfig(focus="lean", usual_lean_deg=6.0)
STEADY, LOOSE, MOVED = 1, 2, 3
BAD_S = 200.0
LOW_S = 240.0


def run(
    config: CoachConfig,
    belt: Callable[[float], int],
    *,
    until_s: float = 330.0,
    day_second: float | None = None,
    muted: tuple[float, float] | None = None,
    running: Callable[[float], bool] = lambda t: True,
) -> list[Cue | Withheld]:
    """Low in cadence and stooped from 4 min on; the coach is saved and restored on the way."""
    coach, out, due = Coach(config, day_second=day_second), [], 0.0
    for tick in range(int(until_s * 10)):
        t = tick / 10
        low = t >= LOW_S
        while due + 0.1 < t:
            step_s = 60.0 / (160.0 if low else 170.0)
            due += step_s
            coach.step(StepTaken(t, due, step_s, running(t)))
        if muted and t == muted[0]:
            coach.mute(*muted)
        value = 1.4 if belt(t) == LOOSE else 12.0
        lean = 15.0 if low else 6.0
        activity = 3 if running(t) else 1
        out += coach.moment(
            Moment(t, activity, 165.0, lean, lean_sd_deg=0.5, belt=belt(t), belt_value=value)
        )
        if tick % 500 == 0:
            state = json.loads(json.dumps(coach.state(), allow_nan=False))
            coach = Coach.restore(config, state)
    return out


def bad(kind: int, from_s: float = BAD_S, until_s: float = math.inf) -> Callable[[float], int]:
    return lambda t: kind if from_s <= t < until_s else STEADY


def cues(decisions: list[Cue | Withheld], name: str = "") -> list[Cue]:
    return [d for d in decisions if isinstance(d, Cue) and (not name or d.cue == name)]


@pytest.mark.parametrize("config", [CADENCE, LEAN, CoachConfig()])
@pytest.mark.parametrize(
    ("kind", "rule", "words"),
    [
        (LOOSE, "belt.loose", "the belt has been loose since 03:20 (ringing 1.40); lean is"),
        (MOVED, "belt.moved", "the belt moved at 03:20 (by 12 deg); it sits otherwise since"),
    ],
)
def test_one_sound_says_it(config: CoachConfig, kind: int, rule: str, words: str) -> None:
    (told,) = cues(run(config, bad(kind), until_s=700.0), "belt")
    assert (told.time_s, told.metric, told.rule) == (BAD_S, "system", rule)
    assert told.reason.startswith(words)
    assert told.value == (1.4 if kind == LOOSE else 12.0)


def test_a_steady_or_unknown_belt_is_not_spoken_of() -> None:
    for belt in (0, STEADY):
        assert not cues(run(LEAN, lambda t, belt=belt: belt), "belt")  # type: ignore[misc]
        assert cues(run(LEAN, lambda t, belt=belt: belt), "tall")  # type: ignore[misc]


def test_lean_is_quiet_and_cadence_is_not() -> None:
    lean = run(LEAN, bad(LOOSE))
    assert [c.cue for c in cues(lean)] == ["belt"]
    (kept,) = [d for d in lean if isinstance(d, Withheld) and d.rule == "quiet.belt"]
    assert kept.cue == "tall"
    assert "the belt has been loose since 03:20" in kept.reason
    spoken = cues(run(CADENCE, bad(LOOSE)))
    assert [c.cue for c in spoken[:2]] == ["belt", "step-up"]
    assert spoken[1].time_s - spoken[0].time_s >= 60.0


def test_lean_is_cued_again_when_the_belt_has_settled() -> None:
    (tall,) = cues(run(LEAN, bad(LOOSE, until_s=290.0), until_s=340.0), "tall")
    assert tall.time_s >= 290.0 + BELT_SETTLE_S
    unsettled = run(LEAN, lambda t: LOOSE if t > BAD_S and t % 15 < 1 else STEADY)
    assert not cues(unsettled, "tall")


def test_a_stop_does_not_tighten_the_belt() -> None:
    """What is not known after a stop is not steady."""
    result = run(LEAN, lambda t: LOOSE if BAD_S <= t < 210.0 else 0, until_s=400.0)
    assert not cues(result, "tall")


def test_it_is_told_once_in_ten_minutes() -> None:
    for_ever = cues(run(CoachConfig(), bad(LOOSE), until_s=1500.0), "belt")
    assert [c.time_s for c in for_ever] == [BAD_S, BAD_S + 600.0, BAD_S + 1200.0]
    shaking = cues(run(CoachConfig(), lambda t: LOOSE if t % 60 < 30 else STEADY, until_s=1000.0))
    assert len(shaking) == 2


def test_it_keeps_the_ceilings() -> None:
    after = run(CADENCE, bad(LOOSE, from_s=270.0))
    step_up, belt = cues(after)[:2]
    assert step_up.cue == "step-up"
    assert belt.cue == "belt"
    assert belt.time_s >= step_up.time_s + 60.0
    one = structs.replace(CADENCE, max_per_hour=1)
    assert [c.cue for c in cues(run(one, bad(LOOSE)))] == ["belt"]
    assert not cues(run(structs.replace(CADENCE, max_per_hour=0), bad(LOOSE)))


@pytest.mark.parametrize(
    "more",
    [
        {"config": structs.replace(CADENCE, enabled=False)},
        {"config": structs.replace(CADENCE, quiet_hours="12:00-13:00"), "day_second": 43_200.0},
        {"muted": (150.0, 1000.0)},
        {"config": structs.replace(CADENCE, warmup_s=1000.0)},
        {"running": lambda t: t < 190.0},
    ],
)
def test_where_nothing_may_be_heard_it_is_not(more: dict[str, object]) -> None:
    config = more.pop("config", CADENCE)
    assert not cues(run(config, bad(LOOSE), **more))  # type: ignore[arg-type]
