"""The quiet and safety rules hold for any configuration and any stream of moments."""

import json
import math
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi.coach.policy import Coach
from gaitpi.coach.types import Cue, Moment, StepTaken, Withheld
from gaitpi.config import CoachConfig

TICK_S = 0.5
CORRECTIONS = {"step-up", "beat", "tall", "sink", "let-go"}
OUT = list[Cue | Withheld]


@dataclass(frozen=True)
class Stretch:
    """Some time of one thing."""

    activity: int
    spm: float
    lean: float
    yaw: float
    ticks: int
    gap_s: float
    clipped: int


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


# Built without the configuration's own checks: the ceilings are in the code, not in the file.
configs = st.builds(
    CoachConfig,
    enabled=st.sampled_from([True, True, True, False]),
    focus=st.sampled_from(["cadence", "lean"]),
    target_spm=st.sampled_from([None, 172.0, 172.0, 185.0, 240.0]),
    band_low=numbers(0.0, 0.05),
    band_return=numbers(0.0, 0.05),
    window_steps=st.integers(0, 80),
    hold_s=numbers(0.0, 10.0),
    floor_s=numbers(0.0, 90.0),
    backoff=numbers(0.0, 2.0),
    unanswered_max=st.integers(0, 5),
    rest_s=numbers(0.0, 120.0),
    warmup_s=numbers(0.0, 60.0),
    gate_s=numbers(0.0, 40.0),
    gate_spm=numbers(0.0, 150.0),
    usual_lean_deg=st.sampled_from([None, 5.0, 8.0, 8.0]),
    lean_band_deg=numbers(0.0, 5.0),
    lean_hold_s=numbers(0.0, 10.0),
    lean_floor_s=numbers(0.0, 90.0),
    max_per_hour=st.integers(-1, 1000),
    quiet_hours=st.sampled_from(["", "", "12:00-12:10"]),
)
# Mostly running and out of band, so that cues do come; with interruptions of every kind.
stretches = st.builds(
    Stretch,
    activity=st.sampled_from([3, 3, 3, 3, 3, 2, 1, 0]),
    spm=st.sampled_from([162.0, 164.0, 164.0, 172.0, 172.0, 130.0, math.nan]),
    lean=st.sampled_from([20.0, 15.0, 8.0, 8.0, -2.0, math.nan]),
    yaw=st.sampled_from([0.0, 0.0, 0.0, 35.0, -60.0, math.nan]),
    ticks=st.integers(1, 300),
    gap_s=st.sampled_from([0.0, 0.0, 0.0, 0.1, 0.25, 3.0]),
    clipped=st.sampled_from([0, 0, 0, 1, 30]),
)
streams = st.lists(stretches, min_size=1, max_size=16)
day_seconds = st.sampled_from([None, 0.0, 12 * 3600.0 - 60.0])


def unroll(stream: list[Stretch]) -> list[StepTaken | Moment]:
    events: list[StepTaken | Moment] = []
    t, due = 0.0, 0.0
    for part in stream:
        gap = part.gap_s
        for k in range(part.ticks):
            t += TICK_S + gap
            stepping = part.activity == 3 and math.isfinite(part.spm)
            due = max(due, t - TICK_S)
            while stepping and due < t:
                due += 60.0 / part.spm
                events.append(StepTaken(t, due, 60.0 / part.spm, True))
            clipped = part.clipped if k == 0 else 0
            spm = part.spm if part.activity in (2, 3) else math.nan
            events.append(Moment(t, part.activity, spm, part.lean, part.yaw, gap, clipped))
            gap = 0.0
    return events


def feed(coach: Coach, events: list[StepTaken | Moment]) -> OUT:
    out: OUT = []
    for event in events:
        if isinstance(event, StepTaken):
            coach.step(event)
        else:
            out += coach.moment(event)
    return out


@settings(max_examples=120)
@given(configs, streams, day_seconds)
def test_the_rules_no_configuration_can_break(
    config: CoachConfig, stream: list[Stretch], day_second: float | None
) -> None:
    coach = Coach(config, day_second=day_second)
    spoken: list[float] = []
    run_since: float | None = None
    disturbed = -math.inf
    last_any, back_allowed = -math.inf, False
    for event in unroll(stream):
        if isinstance(event, StepTaken):
            coach.step(event)
            continue
        t = event.time_s
        if event.activity != 3 or not event.cadence_spm >= config.gate_spm:
            run_since = None
        elif run_since is None or event.gap_s >= 2.0:
            run_since = t
        if event.gap_s >= 0.25 or event.clipped >= 5:
            disturbed = t
        out = coach.moment(event)
        assert len(out) <= 1
        for cue in (c for c in out if isinstance(c, Cue)):
            assert event.activity == 3
            assert run_since is not None
            assert t - run_since >= 30.0
            assert t - run_since >= config.gate_s
            assert t - disturbed >= 10.0
            assert t >= config.warmup_s
            assert config.enabled
            assert cue.metric == config.focus
            target = config.target_spm if config.focus == "cadence" else config.usual_lean_deg
            assert target is not None
            assert t - last_any >= 2.0
            last_any = t
            assert cue.rule
            assert cue.reason
            if cue.metric == "lean":
                assert math.isfinite(event.lean_deg)
            if config.quiet_hours:
                assert day_second is not None
                assert not 43_200.0 <= day_second + t < 43_800.0
            if cue.cue == "back":
                assert back_allowed
                back_allowed = False
                continue
            assert cue.cue in CORRECTIONS
            back_allowed = cue.cue != "let-go"
            assert not spoken or t - spoken[-1] >= 60.0
            spoken.append(t)
            assert sum(t - at <= 3600.0 for at in spoken) <= 20


def test_twenty_an_hour_whatever_the_configuration_says() -> None:
    # Two hours of a runner who answers each cue and drops again at once.
    config = CoachConfig(
        target_spm=172.0, max_per_hour=1000, floor_s=0.0, hold_s=0.0, gate_s=0.0, warmup_s=0.0
    )
    up = Stretch(3, 172.0, 8.0, 0.0, 60, 0.0, 0)
    down = Stretch(3, 160.0, 8.0, 0.0, 80, 0.0, 0)
    spoken = [
        c.time_s
        for c in feed(Coach(config), unroll([up, down] * 102))
        if isinstance(c, Cue) and c.cue != "back"
    ]
    assert len(spoken) == 40
    for first in spoken:
        assert sum(first <= at <= first + 3600.0 for at in spoken) <= 20


@settings(max_examples=40)
@given(configs, streams, day_seconds, st.data())
def test_deterministic_and_the_same_after_save_and_restore(
    config: CoachConfig, stream: list[Stretch], day_second: float | None, data: Any
) -> None:
    events = unroll(stream)
    cut = data.draw(st.integers(0, len(events)))
    muted = data.draw(st.booleans())
    runs: list[tuple[str, str]] = []
    for restored in (False, False, True):
        coach = Coach(config, day_second=day_second)
        out = feed(coach, events[:cut])
        if muted:
            coach.mute(cut * 0.1, cut * 0.1 + 30.0)
        if restored:
            state = json.loads(json.dumps(coach.state(), allow_nan=False))
            coach = Coach.restore(config, state)
            assert coach.state() == state
        out += feed(coach, events[cut:])
        runs.append((repr(out), json.dumps(coach.state(), allow_nan=False)))
    assert runs[0] == runs[1] == runs[2]


def test_memory_does_not_grow() -> None:
    part = Stretch(3, 164.0, 20.0, 0.0, 400, 0.0, 0)
    for focus in ("cadence", "lean"):
        config = CoachConfig(focus=focus, target_spm=172.0, usual_lean_deg=8.0, warmup_s=0.0)
        coach = Coach(config)
        events = unroll([part] * 12)
        half = len(events) // 2
        feed(coach, events[:half])
        size = {k: len(v) for k, v in coach.state().items() if isinstance(v, list)}
        feed(coach, events[half:])
        after = {k: len(v) for k, v in coach.state().items() if isinstance(v, list)}
        varying = {"cued": 0, "strides": 0, "due": 0}
        assert after | varying == size | varying
        assert after["strides"] <= 64
        assert after["due"] <= 64
        assert after["cued"] <= 20
        assert after["steps"] <= 64
