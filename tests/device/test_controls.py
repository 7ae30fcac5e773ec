"""The button's meaning: every gesture in every situation has an answer that can be heard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.cues.button import Gesture, Press
from gaitpi.cues.vocabulary import PATTERNS
from gaitpi.device.controls import KINDS, MUTE_S, Answer, Controls, Situation

GESTURES: tuple[Gesture, ...] = (
    "short",
    "double",
    "triple",
    "unclear",
    "held",
    "held-long",
    "start-stop",
    "calibrate",
    "power-off",
)
RUN = Situation(600.0, coaching=True, recording=True, ready=False)
IDLE = Situation(0.0, coaching=False, recording=False, ready=True)

situations = st.builds(
    Situation, st.floats(-1.0, 1e5), st.booleans(), st.booleans(), st.booleans()
).filter(lambda now: (now.coaching or not now.recording) and not (now.coaching and now.ready))
presses = st.builds(Press, st.sampled_from(GESTURES), st.floats(0.0, 1e5), st.integers(0, 9))


@given(st.lists(st.tuples(presses, situations), min_size=1, max_size=12))
def test_every_press_is_answered_and_nothing_is_done_silently(
    story: list[tuple[Press, Situation]],
) -> None:
    controls = Controls()
    for press, now in story:
        answer = controls.answer(press, now)
        # start and stop are heard by what they do: record, stopped
        assert answer.sounds or answer.action in ("start", "stop")
        assert all(sound in PATTERNS for sound in answer.sounds)
        assert answer.kind in ("", *KINDS)
        assert bool(answer.kind) == bool(answer.text)
        if answer.sounds == ("no",):
            assert answer.kind == "button"
            assert answer.action == "none"
            assert answer.mute_until_s is None


def answers(controls: Controls, *gestures: Gesture, now: Situation = RUN) -> list[Answer]:
    return [controls.answer(Press(gesture, 1.0, 1), now) for gesture in gestures]


def test_on_a_run() -> None:
    found = answers(Controls(), "short", "triple", "start-stop", "calibrate", "power-off")
    assert [(a.sounds, a.kind, a.action) for a in found] == [
        (("mark",), "mark", "none"),
        (("pain",), "pain", "none"),
        ((), "button", "stop"),
        (("no",), "button", "none"),
        (("shutdown",), "button", "power-off"),
    ]


def test_between_runs() -> None:
    found = answers(Controls(), "short", "double", "triple", "start-stop", now=IDLE)
    assert [(a.sounds, a.action) for a in found] == [
        (("no",), "none"),
        (("no",), "none"),
        (("no",), "none"),
        ((), "start"),
    ]
    lost = Situation(0.0, coaching=False, recording=False, ready=False)
    (answer,) = answers(Controls(), "start-stop", now=lost)
    assert answer.sounds == ("no",)
    assert "no samples" in answer.text


def test_double_mutes_for_half_an_hour_and_again_unmutes() -> None:
    controls = Controls()
    first, second, third = answers(controls, "double", "double", "double")
    assert (first.sounds, first.mute_until_s) == (("mute",), 600.0 + MUTE_S)
    assert (second.sounds, second.mute_until_s) == (("unmute",), 600.0)
    assert third.sounds == ("mute",)
    later = Situation(600.0 + MUTE_S, coaching=True, recording=True, ready=False)
    (again,) = answers(controls, "double", now=later)  # over by itself: this is a new one
    assert again.sounds == ("mute",)


def test_hurting_twice_rests_the_cues_for_the_run() -> None:
    controls = Controls()
    first, second, third = answers(controls, "triple", "triple", "double")
    assert first.mute_until_s is None
    assert second.sounds == ("pain", "mute")
    assert second.mute_until_s is not None
    assert second.mute_until_s > 12 * 3600.0
    assert third.sounds == ("no",)
    assert "hurt twice" in third.text


@pytest.mark.parametrize("gesture", ["short", "triple"])
def test_what_cannot_be_recorded_is_not_confirmed(gesture: Gesture) -> None:
    full = Situation(600.0, coaching=True, recording=False, ready=False)
    (answer,) = answers(Controls(), gesture, now=full)
    assert answer.sounds == ("no",)
    assert "not being recorded" in answer.text
