"""The logic analyser's ear: every sound is told by its rhythm, none is taken for another."""

import random

import pytest

from gaitpi.cues.vocabulary import PATTERNS
from tests.hil.gpiochip import Edge
from tests.hil.observer import Heard, shape, sounds

BEAT_S = 60.0 / 172.0
PIN = 18


def edges(*names: str, pause_s: float, jitter_s: float = 0.0, seed: int = 0) -> list[Edge]:
    """The edges of these sounds, one after the other."""
    noise = random.Random(seed)
    out: list[Edge] = []
    now = 10.0
    for name in names:
        pattern = PATTERNS[name]
        level = 1
        for span in shape(pattern, BEAT_S if pattern.ticks else float("nan")):
            out.append(Edge(now + noise.uniform(-jitter_s, jitter_s), PIN, level))
            now += span
            level = 1 - level
        out.append(Edge(now + noise.uniform(-jitter_s, jitter_s), PIN, 0))
        now += pause_s
    return out


def names(found: list[Heard]) -> list[str]:
    return [sound.name for sound in found]


@pytest.mark.parametrize("name", list(PATTERNS))
def test_every_sound_is_known_by_its_rhythm(name: str) -> None:
    for seed in range(5):
        found = sounds(edges(name, pause_s=2.0, jitter_s=0.004, seed=seed), PIN)
        assert names(found) == [name]
    if PATTERNS[name].ticks:
        assert found[0].beat_s == pytest.approx(BEAT_S, abs=0.005)


def test_two_that_follow_closely_are_two() -> None:
    found = sounds(edges("hello", "record", "mark", pause_s=0.25), PIN)
    assert names(found) == ["hello", "record", "mark"]
    assert found[1].start_s == pytest.approx(found[0].end_s + 0.25)


def test_what_is_no_sound_of_ours_has_no_name() -> None:
    strange = [Edge(1.0, PIN, 1), Edge(1.7, PIN, 0), Edge(1.9, PIN, 1), Edge(2.6, PIN, 0)]
    assert names(sounds(strange, PIN)) == [""]
    # four ticks out of step are no rhythm
    uneven = [Edge(t, PIN, i % 2 == 0) for i, t in enumerate((1, 1.06, 1.3, 1.36, 1.9, 1.96))]
    assert "step-up" not in names(sounds(uneven, PIN))


def test_a_sound_that_has_not_ended_is_not_told_yet() -> None:
    assert sounds([Edge(1.0, PIN, 1)], PIN) == []
    assert names(sounds([*edges("mark", pause_s=2.0), Edge(20.0, PIN, 1)], PIN)) == ["mark"]


def test_other_pins_are_not_listened_to() -> None:
    others = [Edge(e.time_s, 17, e.level) for e in edges("trouble", pause_s=1.0)]
    assert sounds(others, PIN) == []
