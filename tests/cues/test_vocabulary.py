"""The sounds and lights are what a runner can tell apart, and what they are documented to be."""

import math
from itertools import combinations

import pytest

from gaitpi.cues.vocabulary import (
    FAULTS,
    LIGHTS,
    PATTERNS,
    RUNNING,
    Light,
    fault,
    frames,
    pattern,
    render,
)
from gaitpi.errors import UsageError

BEATS = (60.0 / 240.0, 60.0 / 172.0, 60.0 / 120.0)


def test_lengths() -> None:
    for sound in PATTERNS.values():
        length = sum(tone.duration_s for tone in render(sound, 60.0 / 172.0))
        if sound.name == "beat":
            assert length == pytest.approx(11 * 60.0 / 172.0 + 0.06)
        else:
            assert length < 1.2, sound.name


@pytest.mark.parametrize("beat_s", BEATS)
@pytest.mark.parametrize(("name", "ticks"), [("step-up", 4), ("beat", 12)])
def test_rhythmic_sounds_tick_at_the_step_interval(name: str, ticks: int, beat_s: float) -> None:
    starts, t = [], 0.0
    for tone in render(pattern(name), beat_s):
        if tone.level > 0:
            starts.append(t)
        t += tone.duration_s
    assert starts == pytest.approx([k * beat_s for k in range(ticks)])


def test_beat_is_softer_than_step_up() -> None:
    assert render(pattern("beat"), 0.35)[0].level == 0.6 < render(pattern("step-up"), 0.35)[0].level


@pytest.mark.parametrize("beat_s", [math.nan, 0.0, -1.0, 3.0, math.inf])
def test_a_rhythm_needs_its_interval(beat_s: float) -> None:
    with pytest.raises(ValueError, match="step interval"):
        render(pattern("step-up"), beat_s)
    assert render(pattern("back"), beat_s)


def test_tones_are_where_piezos_are_loud() -> None:
    for sound in PATTERNS.values():
        for tone in sound.tones:
            if tone.level > 0:
                assert min(tone.start_hz, tone.end_hz) >= 2000.0
                assert max(tone.start_hz, tone.end_hz) <= 4000.0
                assert tone.level <= 1.0


def test_glides_go_up_for_tall_and_down_for_sink() -> None:
    for name, sign in (("tall", 1), ("sink", -1)):
        tones = render(pattern(name))
        pitch = [hz for hz, level, duration in frames(tones) if level > 0]
        assert pitch == sorted(pitch, reverse=sign < 0)
        assert abs(pitch[-1] - pitch[0]) == 1600.0
        total = sum(duration for _, _, duration in frames(tones))
        assert total == pytest.approx(sum(tone.duration_s for tone in tones))


def test_priorities() -> None:
    order = [PATTERNS[name].priority for name in ("trouble", "belt", "step-up", "back", "hello")]
    assert order == sorted(order, reverse=True)
    assert len(set(order)) == 5


def test_an_unknown_sound_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="step-up"):
        pattern("fanfare")


def test_lights_repeat_their_shape() -> None:
    recording = LIGHTS["recording"]
    assert recording.at(0.0) == (True, 0.02)
    assert recording.at(1.0)[1] == pytest.approx(9.0)
    assert recording.at(30.01)[1] == pytest.approx(0.01)
    lit = sum(recording.at(k * 0.01)[0] for k in range(1000))
    assert lit == 2  # dark while running but for 20 ms in 10 s


def flashes(light: Light) -> list[float]:
    """Lengths of light and dark of one round: what is left without the colour."""
    return [duration for _, duration in light.shape]


def test_lights_differ_in_shape_alone() -> None:
    every = [*LIGHTS.values(), *(fault(n) for n in range(1, 7))]
    for a, b in combinations(every, 2):
        x, y = flashes(a), flashes(b)
        if len(x) == len(y) and a.once == b.once:
            # the same number of flashes: some length differs at least twofold
            ratio = max(max(p, q) / min(p, q) for p, q in zip(x, y, strict=True))
            assert ratio >= 1.99, (a.name, b.name, ratio)


def test_the_colours_are_those_of_the_language() -> None:
    colours = {light.name: light.colour for light in LIGHTS.values()}
    assert colours["boot"] == "white"
    assert colours["healthy"] == "green"
    assert colours["calibrating"] == colours["moving"] == "blue"
    assert colours["battery"] == "amber"
    assert colours["link-gained"] == colours["link-lost"] == "cyan"
    assert {fault(n).colour for n in range(1, 7)} == {"red"}


def test_the_sounds_of_a_run_come_first_and_are_the_named_ones() -> None:
    own = ("step-up", "beat", "back", "tall", "sink", "let-go", "belt", "ceiling", "trouble")
    assert own == RUNNING
    assert all(PATTERNS[name].priority > 1 for name in RUNNING)
    assert all(PATTERNS[name].priority == 1 for name in PATTERNS if name not in RUNNING)


@pytest.mark.parametrize("blinks", range(1, 7))
def test_faults_blink_their_number(blinks: int) -> None:
    light = fault(blinks)
    assert [lit for lit, _ in light.shape].count(True) == blinks
    assert FAULTS[blinks - 1] in light.meaning
    pauses = [duration for lit, duration in light.shape if not lit]
    assert max(pauses) > 1.0


@pytest.mark.parametrize("blinks", [0, 7])
def test_no_such_fault(blinks: int) -> None:
    with pytest.raises(ValueError, match="blinks"):
        fault(blinks)
