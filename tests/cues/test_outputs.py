"""Outputs on gpiozero's own mock pins: right pin, right value, released afterwards."""

import io
import math
from pathlib import Path
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory, MockPin, MockPWMPin

from gaitpi.config import CuesConfig
from gaitpi.cues.outputs import (
    RGB,
    LedOutput,
    Output,
    Outputs,
    TerminalOutput,
    lgpio_factory,
    open_outputs,
)
from gaitpi.cues.vocabulary import LIGHTS, PATTERNS, pattern
from gaitpi.errors import OutputError


def cues(**keys: Any) -> CuesConfig:
    """On software PWM: this machine may have a real one."""
    return CuesConfig(**{"pwm": "software", **keys})


def values(pin: Any) -> list[float]:
    return [float(state.state) for state in pin.states]


@pytest.fixture
def factory() -> Any:
    return MockFactory(pin_class=MockPWMPin)


def test_a_passive_buzzer_gets_frequency_and_duty(factory: Any) -> None:
    outputs = open_outputs(cues(buzzer_pin=12, led_pin=None, volume=50), factory)
    assert outputs.names == ["buzzer on GPIO 12"]
    outputs.tone(3000.0, 1.0)
    assert (factory.pin(12).frequency, factory.pin(12).state) == (3000.0, pytest.approx(1 / 6))
    outputs.tone(2000.0, 0.6)
    assert factory.pin(12).frequency == 2000.0
    # half the volume at level 0.6: the fundamental of this wave is 0.3 of the loudest
    assert math.sin(math.pi * factory.pin(12).state) == pytest.approx(0.3)
    outputs.tone(0.0, 0.0)
    assert factory.pin(12).state == 0.0
    outputs.close()


def test_on_off_outputs_follow_the_rhythm(factory: Any) -> None:
    config = cues(buzzer="active", buzzer_pin=5, led_pin=6, vibration_pin=13)
    outputs = open_outputs(config, factory)
    assert len(outputs.names) == 3
    for level in (1.0, 0.0, 0.6, 0.0):
        outputs.tone(2700.0, level)
    for pin in (5, 6, 13):
        assert values(factory.pin(pin)) == [0.0, 1.0, 0.0, 1.0, 0.0]
    outputs.close()


def test_volume_zero_is_silent_and_still_seen_and_felt(factory: Any) -> None:
    config = cues(buzzer="active", buzzer_pin=5, led_pin=6, vibration_pin=13, volume=0)
    outputs = open_outputs(config, factory)
    outputs.tone(2700.0, 1.0)
    assert [factory.pin(pin).state for pin in (5, 6, 13)] == [0.0, 1.0, 1.0]
    outputs.close()


def test_only_the_led_is_a_light(factory: Any) -> None:
    outputs = open_outputs(cues(led_pin=6, vibration_pin=13), factory)
    outputs.light(True)
    assert [factory.pin(pin).state for pin in (18, 6, 13)] == [0.0, 1.0, 0.0]
    outputs.light(False)
    assert factory.pin(6).state == 0.0
    outputs.close()


def test_an_rgb_led_has_the_colours_and_shows_rhythm_in_white(factory: Any) -> None:
    outputs = open_outputs(cues(buzzer="none", led_pin=5, green_pin=6, blue_pin=13), factory)
    assert outputs.names == ["RGB LED on GPIO 5, 6, 13"]

    def shown() -> list[float]:
        return [factory.pin(pin).state for pin in (5, 6, 13)]

    for light in LIGHTS.values():
        outputs.light(True, light.colour)
        assert shown() == list(RGB[light.colour])
    outputs.light(False, "red")
    assert shown() == [0, 0, 0]
    outputs.tone(2700.0, 0.5)
    assert shown() == [1, 1, 1]
    outputs.silence()
    assert shown() == [0, 0, 0]
    outputs.close()
    assert [factory.pin(pin).function for pin in (5, 6, 13)] == ["input"] * 3
    assert len(set(RGB.values())) == len(RGB)


@pytest.mark.parametrize("rgb", [{}, {"green_pin": 6, "blue_pin": 13}])
def test_a_common_anode_is_lit_by_a_low_pin(factory: Any, rgb: dict[str, int]) -> None:
    outputs = open_outputs(cues(buzzer="none", led_common="anode", **rgb), factory)
    assert factory.pin(17).state == 1
    outputs.light(True, "red")
    assert factory.pin(17).state == 0
    outputs.silence()
    assert factory.pin(17).state == 1
    outputs.close()


def test_close_leaves_pins_low_released_and_may_be_called_again(factory: Any) -> None:
    config = cues(vibration_pin=13)
    outputs = open_outputs(config, factory)
    outputs.tone(2700.0, 1.0)
    outputs.close()
    outputs.close()
    for pin in (18, 17, 13):
        assert values(factory.pin(pin))[-1] == 0.0
        assert factory.pin(pin).function == "input"
    open_outputs(config, factory).close()  # the pins are free again


def test_a_plain_pin_is_driven_low_before_it_is_released() -> None:
    factory = MockFactory(pin_class=MockPin)
    outputs = open_outputs(cues(buzzer="active"), factory)
    outputs.tone(2700.0, 1.0)
    outputs.close()
    for pin in (18, 17):
        assert values(factory.pin(pin)) == [0.0, 1.0, 0.0]
        assert factory.pin(pin).function == "input"


def test_nothing_fitted_is_not_an_error(factory: Any) -> None:
    outputs = open_outputs(cues(buzzer="none", led_pin=None), factory)
    outputs.tone(2700.0, 1.0)
    assert outputs.names == []


def test_one_pin_for_two_outputs_is_told_and_the_first_is_used(factory: Any) -> None:
    outputs = open_outputs(cues(buzzer_pin=17, led_pin=17), factory)
    assert outputs.names == ["buzzer on GPIO 17"]
    (problem,) = outputs.problems
    assert "GPIO 17 (LED)" in problem.found
    assert "pin of its own" in problem.todo
    outputs.close()


class BusyPin(MockPWMPin):  # type: ignore[misc]  # gpiozero has no types
    """A pin another process holds, in lgpio's words."""

    def __init__(self, factory: Any, info: Any) -> None:
        raise RuntimeError("'GPIO busy'")


def test_all_pins_busy_names_them_and_says_what_to_do() -> None:
    with pytest.raises(OutputError) as caught:
        open_outputs(cues(), MockFactory(pin_class=BusyPin))
    assert "GPIO 18 (buzzer)" in caught.value.found
    assert "GPIO 17 (LED)" in caught.value.found
    assert "gpioinfo" in caught.value.todo


def test_a_pin_without_pwm_costs_only_the_passive_buzzer() -> None:
    factory = MockFactory(pin_class=MockPin)
    outputs = open_outputs(cues(), factory)
    assert outputs.names == ["LED on GPIO 17"]
    assert "GPIO 18 (buzzer)" in outputs.problems[0].found
    outputs.close()


@pytest.mark.skipif(Path("/dev/gpiochip0").exists(), reason="this machine has GPIO pins")
def test_without_gpio_lgpio_is_refused_with_advice() -> None:
    with pytest.raises(OutputError) as caught:
        lgpio_factory()
    assert "lgpio" in caught.value.todo or "gpio" in caught.value.todo


class Breaking(TerminalOutput):
    """Works for some tones, then its driver fails."""

    def __init__(self, good: int) -> None:
        super().__init__(io.StringIO())
        self.name = "breaking"
        self.good = good
        self.closed = 0

    def tone(self, freq: float, level: float) -> None:
        self.good -= 1
        if self.good < 0:
            raise OSError("Input/output error")

    def close(self) -> None:
        self.closed += 1


def test_an_output_that_fails_later_is_dropped_while_another_works(factory: Any) -> None:
    broken, led = Breaking(1), LedOutput(17, factory)
    every: list[Output] = [broken, led]
    outputs = Outputs(every)
    for _ in range(3):
        outputs.tone(2700.0, 1.0)
    assert factory.pin(17).state == 1.0
    assert outputs.names == ["LED on GPIO 17"]
    assert broken.closed == 1
    assert "breaking failed: Input/output error" in outputs.problems[0].found
    outputs.close()


def test_the_last_output_failing_is_an_error() -> None:
    outputs = Outputs([Breaking(0)])
    with pytest.raises(OutputError, match="breaking"):
        outputs.tone(2700.0, 1.0)


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_terminal_lines_are_plain_and_fit() -> None:
    stream = io.StringIO()
    output = TerminalOutput(stream)
    for sound in PATTERNS.values():
        output.announce(sound, 754.3)
    lines = stream.getvalue().splitlines()
    assert len(lines) == len(PATTERNS)
    assert all(len(line) <= 80 and line.isascii() and line.isprintable() for line in lines)
    assert lines[0] == "  12:34  >> step-up   cadence low: run on this rhythm"
    for sound, line in zip(PATTERNS.values(), lines, strict=True):
        assert line.endswith(sound.meaning)


def test_colour_and_bell_only_when_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    colour = Tty()
    TerminalOutput(colour, bell=True).announce(pattern("back"), 0.0)
    assert colour.getvalue().startswith("\a\x1b[")
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Tty()
    TerminalOutput(plain).announce(pattern("back"), 0.0)
    assert "\x1b" not in plain.getvalue()
    assert "\a" not in plain.getvalue()
