"""The one button: the grammar against a reading of whole presses, and edges on a mock pin."""

from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.cues.button import (
    DEBOUNCE_S,
    HOLD_LONG_S,
    HOLD_OFF_S,
    HOLD_S,
    PAUSE_S,
    Button,
    ButtonGrammar,
    Press,
)
from gaitpi.errors import OutputError
from gaitpi.hostclock import VirtualClock

Presses = list[tuple[float, float]]
"""(pause before, time held), s."""

pauses = st.one_of(st.floats(0.03, 0.37), st.floats(0.43, 3.0))
holds = st.one_of(
    st.floats(0.03, 1.4), st.floats(1.6, 4.9), st.floats(5.1, 9.9), st.floats(10.1, 15.0)
)
sequences = st.lists(st.tuples(pauses, holds), min_size=1, max_size=8)
WORDS = {1: "short", 2: "double", 3: "triple"}


def edges(presses: Presses, bounces: tuple[float, ...] = ()) -> list[tuple[float, bool]]:
    """Edges of the presses from 1 s on; each change of level first chatters for ``bounces``."""
    found: list[tuple[float, bool]] = []
    t = 1.0
    for pause, held in presses:
        for wait, down in ((pause, True), (held, False)):
            t += wait
            # there and back before it stands
            chatter = [(t - back, down == (k % 2 == 0)) for k, back in enumerate(bounces)]
            found += [*chatter, (t, down)]
    return found


def played(
    changes: list[tuple[float, bool]], polls_s: float | None = None
) -> list[tuple[str, float, int]]:
    """Gestures of the edges; time passes by the grammar's own deadlines, or every ``polls_s``."""
    grammar = ButtonGrammar()
    out: list[Press] = list(grammar.update(0.0, False))
    level, now = False, 0.0
    end = changes[-1][0] + 20.0
    for t, down in [*changes, (end, changes[-1][1])]:
        while True:
            due = grammar.deadline() if polls_s is None else now + polls_s
            if due is None or due >= t:
                break
            now = due
            out += grammar.update(now, level)
        out += grammar.update(t, down)
        now, level = t, down
    return [(press.gesture, round(press.time_s, 9), press.presses) for press in out]


def read(presses: Presses) -> list[tuple[str, float, int]]:
    """The same by reading whole presses, without any state: the slow twin."""
    out: list[tuple[str, float, int]] = []
    count, first, t = 0, 0.0, 1.0

    def end() -> None:
        nonlocal count
        if count:
            out.append((WORDS.get(count, "unclear"), round(first, 9), count))
        count = 0

    for pause, held in presses:
        if pause > PAUSE_S:
            end()
        start = t + pause
        t = start + held
        if held < HOLD_S:
            first = start if count == 0 else first
            count += 1
            continue
        end()
        at = round(start, 9)
        out.append(("held", at, 0))
        if held >= HOLD_LONG_S:
            out.append(("held-long", at, 0))
        if held >= HOLD_OFF_S:
            out.append(("power-off", at, 1))
        else:
            out.append(("start-stop" if held < HOLD_LONG_S else "calibrate", at, 1))
    end()
    return out


@given(sequences)
def test_the_grammar_is_what_it_says(presses: Presses) -> None:
    assert played(edges(presses)) == read(presses)


@given(sequences, st.floats(0.005, 0.3))
def test_how_often_it_is_asked_changes_nothing(presses: Presses, polls_s: float) -> None:
    assert played(edges(presses), polls_s) == read(presses)


@given(sequences)
def test_every_press_belongs_to_one_gesture(presses: Presses) -> None:
    assert sum(count for _, _, count in played(edges(presses))) == len(presses)


@given(sequences, st.floats(0.0005, 0.004))
def test_bouncing_contacts_change_nothing(presses: Presses, ms: float) -> None:
    calm = [
        (pause + 0.03 if pause < PAUSE_S / 2 else pause, held + 0.02) for pause, held in presses
    ]
    calm = [(p if abs(p - PAUSE_S) > 0.03 else 0.3, h) for p, h in calm]
    assert played(edges(calm, (3 * ms, 2 * ms))) == read(calm)


@given(st.lists(st.tuples(st.floats(0.05, 1.0), st.floats(0.0005, DEBOUNCE_S * 0.9)), min_size=1))
def test_jolts_and_sparks_are_no_presses(jolts: Presses) -> None:
    assert played(edges(jolts)) == []


def test_the_answer_comes_soon() -> None:
    grammar = ButtonGrammar()
    grammar.update(0.0, False)
    grammar.update(1.0, True)
    assert grammar.deadline() == pytest.approx(1.0 + DEBOUNCE_S)
    grammar.update(1.1, True)
    assert grammar.deadline() == pytest.approx(1.0 + HOLD_S)
    grammar.update(1.2, False)
    grammar.update(1.3, False)
    assert grammar.deadline() == pytest.approx(1.2 + PAUSE_S)
    assert grammar.update(1.2 + PAUSE_S, False) == [Press("short", 1.0, 1)]
    assert grammar.deadline() is None


def test_down_from_the_beginning_is_not_heard_until_let_go() -> None:
    """A short circuit must not switch the Pi off ten seconds after each start."""
    grammar = ButtonGrammar()
    assert [grammar.update(t, True) for t in (0.0, 2.0, 6.0, 11.0, 60.0)] == [[]] * 5
    assert grammar.deadline() is None
    assert grammar.update(61.0, False) == []
    assert grammar.update(62.0, True) == []
    assert grammar.update(62.2, False) == []
    assert grammar.update(63.0, False) == [Press("short", 62.0, 1)]


# -- on a pin -----------------------------------------------------------------------------


class Rig:
    def __init__(self) -> None:
        self.clock = VirtualClock(start_s=100.0)
        self.factory = MockFactory()
        self.button = Button(27, self.factory, self.clock)
        self.pin: Any = self.factory.pin(27)

    def press(self, held_s: float) -> None:
        self.pin.drive_low()
        self.clock.advance(held_s)
        self.pin.drive_high()

    def after(self, seconds: float) -> list[str]:
        self.clock.advance(seconds)
        return [press.gesture for press in self.button.presses()]


def test_presses_between_two_polls_are_all_heard() -> None:
    rig = Rig()
    for _ in range(2):
        rig.press(0.08)
        rig.clock.advance(0.1)
    assert rig.after(0.0) == []
    assert rig.after(0.5) == ["double"]
    rig.press(2.0)
    assert rig.after(0.05) == ["held", "start-stop"]
    rig.button.close()
    rig.button.close()
    assert rig.after(1.0) == []


def test_the_stages_of_a_hold_are_told_while_it_is_held() -> None:
    rig = Rig()
    rig.pin.drive_low()
    assert [rig.after(wait) for wait in (1.4, 0.2, 3.5, 4.8, 0.2)] == [
        [],
        ["held"],
        ["held-long"],
        [],
        ["power-off"],
    ]
    rig.pin.drive_high()
    assert rig.after(1.0) == []
    rig.button.close()


def test_the_pin_is_pulled_up_and_given_back() -> None:
    rig = Rig()
    assert rig.pin.pull == "up"
    rig.button.close()
    Button(27, rig.factory, rig.clock).close()


def test_a_pin_in_use_is_an_error_in_words() -> None:
    rig = Rig()
    with pytest.raises(OutputError, match=r"GPIO 27 \(button\).*button_pin"):
        Button(27, rig.factory, rig.clock)
    rig.button.close()
