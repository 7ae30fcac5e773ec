"""The quiet and safety rules hold for any configuration and any stream of moments."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi.coach.policy import Coach
from gaitpi.coach.types import Cue
from gaitpi.config import CoachConfig
from tests.coach.oracle import (
    Stretch,
    configs,
    day_seconds,
    feed,
    judge,
    streams,
    unroll,
)


@settings(max_examples=150)
@given(configs, streams, day_seconds)
def test_the_rules_no_configuration_can_break(
    config: CoachConfig, stream: list[Stretch], day_second: float | None
) -> None:
    judge(Coach(config, day_second=day_second), config, stream, day_second)


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
        config = CoachConfig(
            focus=focus,
            target_spm=172.0,
            usual_lean_deg=8.0,
            warmup_s=0.0,
            metronome="adaptive",
        )
        coach = Coach(config)
        events = unroll([part] * 12)
        half = len(events) // 2
        feed(coach, events[:half])
        size = {k: len(v) for k, v in coach.state().items() if isinstance(v, list)}
        feed(coach, events[half:])
        after = {k: len(v) for k, v in coach.state().items() if isinstance(v, list)}
        varying = {"cued": 0, "strides": 0, "due": 0, "contacts": 0, "train": 0}
        assert after | varying == size | varying
        assert after["contacts"] <= 8
        assert after["train"] <= 2
        assert after["strides"] <= 64
        assert after["due"] <= 64
        assert after["cued"] <= 20
        assert after["steps"] <= 64
