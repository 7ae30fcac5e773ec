"""A target that follows the speed: along the line, within its bounds, and never a stale speed."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from gaitpi.coach import policy
from gaitpi.coach.pace import (
    LEAST_READINGS,
    LINE_RUNS,
    LINE_SD,
    LINE_WINDOWS,
    MEAN_S,
    SHIFT_MAX,
    STALE_S,
    Fit,
    Line,
    Point,
    Speed,
    fastest,
    fit,
    target_at,
)
from gaitpi.coach.types import Cue
from gaitpi.config import CoachConfig
from tests.coach.oracle import Stretch, feed, judge, unroll
from tests.coach.streams import DOWN, FOLLOW, SLOW, TIMES
from tests.coach.test_guards import mutated

lines = st.builds(
    Line,
    slope=st.floats(0.0, 40.0),
    at_ms=st.floats(2.2, 3.2),
    low_ms=st.floats(1.5, 2.2),
    high_ms=st.floats(3.2, 5.0),
    own_spm=st.floats(140.0, 190.0),
    most_spm=st.floats(140.0, 220.0),
)
speeds = st.floats(0.0, 12.0) | st.just(math.nan)


@given(lines, st.floats(140.0, 200.0), speeds, speeds)
def test_the_target_rises_with_speed_and_stays_within_its_bounds(
    line: Line, accepted: float, one: float, other: float
) -> None:
    targets = [target_at(line, accepted, speed) for speed in (one, other)]
    for speed, target in zip((one, other), targets, strict=True):
        if math.isnan(speed):
            assert target == accepted
        assert target >= accepted * (1.0 - SHIFT_MAX) - 1e-9
        assert target <= max(accepted, min(line.most_spm, accepted * (1.0 + SHIFT_MAX))) + 1e-9
        own = line.own(speed) if math.isfinite(speed) else math.nan
        if math.isfinite(own) and target <= accepted:
            # never more of a raise than was accepted, but where the shift is at its end
            least = accepted * (1.0 - SHIFT_MAX)
            assert target / own <= accepted / line.own_spm + 1e-9 or target == least
    if one <= other:
        assert targets[0] <= targets[1] + 1e-9
    assert target_at(line, accepted, line.at_ms) == pytest.approx(accepted)
    assert target_at(line, accepted, 99.0) == target_at(line, accepted, line.high_ms)


@given(
    st.lists(st.tuples(st.floats(0.0, 3.0), st.floats(-1.0, 14.0)), max_size=60),
    st.lists(st.floats(0.0, 90.0), min_size=1, max_size=10),
)
def test_a_stale_speed_is_none(readings: list[tuple[float, float]], asked: list[float]) -> None:
    """Whenever it is asked for: what is given is the mean of fresh readings, or nothing."""
    speed, t, taken = Speed(), 0.0, list[tuple[float, float]]()
    times = sorted(asked)
    for wait_s, value in readings:
        while times and times[0] < t + wait_s:
            _judge_speed(speed, taken, times.pop(0))
        t += wait_s
        speed.add(t, value)
        if not 0.5 <= value <= 8.0:
            taken = []
        elif not taken or t > taken[-1][0]:
            taken.append((t, value))
    for at in times:
        _judge_speed(speed, taken, at)


def _judge_speed(speed: Speed, taken: list[tuple[float, float]], at: float) -> None:
    found = speed.at(at)
    fresh = [value for t, value in taken if at - MEAN_S < t]
    known = len(fresh) >= LEAST_READINGS and taken[-1][0] >= at - STALE_S
    assert math.isfinite(found) == known
    if known:
        assert found == pytest.approx(sum(fresh) / len(fresh))


def _points(slope: float, noise: float, spans: list[tuple[float, float]]) -> list[Point]:
    """Ten half-minutes a run, quick and slow in turn; runs differ by 3 spm as a whole."""
    found = []
    for k, (low, high) in enumerate(spans):
        for i in range(10):
            speed = low + (high - low) * i / 9
            off = 3.0 * (k - 1) + noise * math.sin(37.0 * (10 * k + i))
            found.append(Point(f"run-{k}", speed, 160.0 + slope * (speed - 2.8) + off))
    return found


@pytest.mark.parametrize("slope", [0.5, 6.0, 12.0, 25.0])
def test_the_own_slope_is_found_within_its_uncertainty(slope: float) -> None:
    found = fit(_points(slope, 1.0, [(2.2, 3.2), (2.4, 3.4), (2.6, 3.3)]))
    assert isinstance(found, Fit)
    assert abs(found.slope - slope) <= 3.0 * found.slope_sd
    assert found.slope_sd < LINE_SD
    assert found.low_ms < found.at_ms < found.high_ms


def test_differences_between_runs_are_no_slope() -> None:
    """Quicker runs in other shoes, each at one speed: nothing is known of the slope."""
    spans = [(2.2, 2.2), (2.8, 2.8), (3.4, 3.4)]
    assert "each run is at one speed" in str(fit(_points(12.0, 0.5, spans)))


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([], f"0 of {LINE_RUNS} runs"),
        (_points(12.0, 1.0, [(2.2, 3.2)] * 2), f"2 of {LINE_RUNS} runs"),
        (_points(12.0, 1.0, [(2.2, 3.2)] * 3)[::2], f"15 of {LINE_WINDOWS} steady"),
        (_points(12.0, 1.0, [(2.7, 2.9)] * 3), "all at one speed"),
        (_points(12.0, 12.0, [(2.4, 3.1)] * 3), "is known to"),
        (_points(-9.0, 0.1, [(2.2, 3.2)] * 3), "is no runner's"),
        (_points(90.0, 0.1, [(2.2, 3.2)] * 3), "is no runner's"),
    ],
)
def test_what_is_missing_for_a_line_is_said(points: list[Point], said: str) -> None:
    found = fit(points)
    assert isinstance(found, str)
    assert said in found


EASY = replace(SLOW, spm=158.0, ticks=400)
"""At 2.0 m/s, in band for that speed (target 161.9), and well below the accepted target's."""


def cues(config: CoachConfig, stream: list[Stretch]) -> list[Cue]:
    return [said for said in feed(policy.Coach(config), unroll(stream)) if isinstance(said, Cue)]


def test_an_easy_day_is_not_nagged() -> None:
    fixed = structs.replace(FOLLOW, follow_speed=False)
    assert cues(fixed, [EASY])
    assert not cues(FOLLOW, [EASY])
    (cue, *_) = cues(FOLLOW, [replace(EASY, spm=150.0)])
    assert "(target 161.9 at 2.0 m/s)" in cue.reason
    assert cue.band[0] == pytest.approx(161.94 * 0.97, abs=0.1)
    assert cue.beat_s == pytest.approx(60.0 / 161.94, abs=1e-3)


def test_without_a_pod_the_target_is_the_accepted_one_and_said() -> None:
    config = FOLLOW
    blind = replace(EASY, speed_ms=math.nan)
    once = [(c.time_s, c.cue, c.band) for c in cues(config, [blind])]
    fixed = structs.replace(FOLLOW, follow_speed=False)
    assert once == [(c.time_s, c.cue, c.band) for c in cues(fixed, [blind])]
    assert "(no speed: fixed target 172.0)" in cues(config, [blind])[0].reason


def test_a_pod_that_doubles_moves_no_target() -> None:
    """At 3 m/s it says 6, which would be a step of 2.1 m at 170 a minute: in the band at 3."""
    well = replace(EASY, spm=170.0, speed_ms=3.0)
    assert not cues(FOLLOW, [well])
    doubled = replace(well, speed_ms=6.0)
    assert not cues(FOLLOW, [doubled])
    assert not cues(FOLLOW, [replace(well, ticks=200), doubled, replace(well, ticks=200)])
    low = cues(FOLLOW, [replace(doubled, spm=150.0)])
    assert "(no speed: fixed target 172.0)" in low[0].reason
    # without a cadence nobody can say, and nothing is moved by it either
    assert math.isnan(fastest(math.nan))


@pytest.mark.parametrize("name", ["follow_slope", "follow_own_spm", "follow_most_spm"])
def test_without_a_line_nothing_follows(name: str) -> None:
    config = structs.replace(FOLLOW, **{name: None})
    coach = policy.Coach(config)
    for event in unroll([EASY]):
        feed(coach, [event])
        assert coach.target_spm == 172.0


MUTANTS = {
    "moves while a cue is answered": ("if known and (answering or ", "if known and ("),
    "keeps old evidence": (
        "            s.forget_strides()\n        else:",
        "            pass\n        else:",
    ),
    "uses a stale speed": (
        "accepted, m.speed_ms)\n",
        "accepted, m.speed_ms) if known else before\n",
    ),
    "believes any speed": (
        "m.speed_ms > pace.fastest(m.cadence_spm)",
        "m.speed_ms > 8.0",
    ),
    "wanders": ("< pace.STEP_SPM", "< 0.0"),
    "confirms what the target did": (
        "        s.awaiting_back = False\n        if wanted",
        "        if wanted",
    ),
}
"""What somebody might write instead, each at one place of the coach."""
FOLLOWING = [
    *([replace(SLOW, ticks=n), replace(SLOW, ticks=80, speed_ms=2.8)] for n in TIMES),
    *([replace(EASY, ticks=n), replace(EASY, ticks=80, speed_ms=2.8)] for n in TIMES),
    *([replace(SLOW, ticks=n), replace(SLOW, ticks=80, speed_ms=math.nan)] for n in TIMES),
    [replace(EASY, spm=170.0, speed_ms=6.0)],
    [replace(EASY, ticks=9, speed_ms=2.8 + 0.1 * (k % 2)) for k in range(12)],
    [
        replace(DOWN, speed_ms=2.8, ticks=150),
        replace(DOWN, spm=161.0, speed_ms=2.0, ticks=80),
    ],
]


def test_a_coach_that_follows_keeps_all_rules() -> None:
    for stream in FOLLOWING:
        judge(policy.Coach(FOLLOW), FOLLOW, stream, None)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_coach_that_follows_carelessly_is_caught(name: str) -> None:
    careless = mutated(*MUTANTS[name], "careless")

    def caught(stream: list[Stretch]) -> bool:
        try:
            judge(careless(FOLLOW), FOLLOW, stream, None)
        except AssertionError:
            return True
        return False

    assert any(caught(stream) for stream in FOLLOWING)
