"""The sounds are told apart by rhythm alone, and the measure of that is one."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.cues.distance import (
    BLUR_S,
    LEAST,
    SHIFT_S,
    between,
    distance,
    edits,
    nearest,
    notes,
)
from gaitpi.cues.vocabulary import PATTERNS, Pattern, Tone, pattern

times = st.lists(st.floats(0.0, 2.0), max_size=6).map(sorted)
rhythms = st.lists(
    st.tuples(st.floats(0.02, 0.5), st.floats(0.02, 0.5)), min_size=1, max_size=5
).map(
    lambda pairs: notes(
        [Tone(2700.0, 2700.0, d, level) for on, off in pairs for d, level in ((on, 1.0), (off, 0))]
    )
)


@pytest.mark.parametrize("blur_s", [0.0, BLUR_S])
def test_no_two_sounds_are_alike_heard_or_felt(blur_s: float) -> None:
    least, a, b = nearest(blur_s=blur_s)[0]
    assert least >= LEAST, (a, b, least)
    n = len(PATTERNS)
    assert len(nearest(blur_s=blur_s)) == n * (n - 1) // 2


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_a_copy_of_any_sound_at_another_pitch_is_found(name: str) -> None:
    """The guard above goes red when two sounds are made alike."""
    sound = pattern(name)
    shrill = tuple(
        replace(tone, start_hz=3900.0, end_hz=3800.0, level=tone.level / 2) for tone in sound.tones
    )
    copy = Pattern("copy", "the same rhythm", 1, shrill, sound.ticks)
    assert between(sound, copy) == 0.0
    assert nearest([*PATTERNS.values(), copy])[0][0] < LEAST


def test_a_slip_of_one_note_is_found() -> None:
    slipped = Pattern("slipped", "", 1, (*pattern("no").tones[:2], Tone(2e3, 2e3, 0.37, 1.0)))
    assert 0.0 < between(pattern("no"), slipped) < LEAST


def test_by_hand() -> None:
    assert edits([0.0, 0.3], [0.0, 0.3]) == 0.0
    assert edits([0.0], [0.0, 0.3]) == 1.0
    assert edits([0.0, 0.3], [0.0, 0.35]) == pytest.approx(0.05 / SHIFT_S)
    assert edits([0.0, 0.3], [0.0, 0.9]) == 2.0  # taken away and added again
    # one note of 60 ms against one of 160: only the end has moved, by as much as one edit
    assert distance([(0.0, 0.06)], [(0.0, 0.16)]) == pytest.approx(0.25)
    with pytest.raises(ValueError, match="at least one note"):
        distance([], [(0.0, 0.1)])


def test_gaps_that_a_motor_cannot_follow_run_together() -> None:
    tones = pattern("back").tones
    assert notes(tones) == [(0.0, 0.06), (0.12, 0.18)]
    assert notes(tones, BLUR_S) == [(0.0, 0.18)]
    exact = [Tone(2e3, 2e3, 0.3, 1.0), Tone(0.0, 0.0, BLUR_S, 0.0), Tone(2e3, 2e3, 0.3, 1.0)]
    assert len(notes(exact, BLUR_S)) == 2


@given(times, times, times)
def test_edits_are_a_metric(a: list[float], b: list[float], c: list[float]) -> None:
    assert edits(a, a) == 0.0
    assert edits(a, b) == pytest.approx(edits(b, a))
    assert edits(a, c) <= edits(a, b) + edits(b, c) + 1e-9
    assert abs(len(a) - len(b)) <= edits(a, b) <= len(a) + len(b)


@given(rhythms, rhythms)
def test_distance_lies_between_nothing_and_everything(
    a: list[tuple[float, float]], b: list[tuple[float, float]]
) -> None:
    assert 0.0 <= distance(a, b) <= 1.0
    assert math.isclose(distance(a, b), distance(b, a), abs_tol=1e-12)
    assert distance(a, a) == 0.0
