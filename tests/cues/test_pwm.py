"""Hardware PWM on a folder that is what the kernel shows, rules and all."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi.config import CuesConfig
from gaitpi.cues.outputs import HardwareBuzzer, duty, open_outputs
from gaitpi.cues.player import Player, system_cue
from gaitpi.cues.pwm import SysfsPwm, find_channel
from gaitpi.cues.vocabulary import pattern
from gaitpi.errors import OutputError
from gaitpi.hostclock import VirtualClock
from tests.cues.kernel import BCM, RP1, PwmKernel

Make = Callable[..., PwmKernel]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[PwmKernel] = []

    def build(*arguments: Any) -> PwmKernel:
        made.append(PwmKernel(tmp_path / str(len(made)), *arguments))
        return made[-1]

    yield build
    for kernel in made:
        kernel.close()


def test_a_channel_is_exported_and_sounds(make: Make) -> None:
    kernel = make()
    pwm = SysfsPwm(*find_channel(18, kernel.folder), write=kernel.write)
    assert kernel.get(0, "duty_cycle") == 0
    pwm.tone(2700.0, 0.5)
    assert kernel.get(0, "period") == 370_370
    assert kernel.get(0, "duty_cycle") == 185_185
    assert kernel.get(0, "enable") == 1
    pwm.silence()
    assert kernel.get(0, "duty_cycle") == 0
    pwm.tone(2000.0, 0.25)
    pwm.close()
    pwm.close()
    assert kernel.get(0, "duty_cycle") == kernel.get(0, "enable") == 0
    assert (kernel.chip / "unexport").read_text() == "0\n"


def test_one_left_sounding_is_silenced_first(make: Make) -> None:
    kernel = make()
    kernel.make(0)
    for name, value in (("period", 500_000), ("duty_cycle", 250_000), ("enable", 1)):
        (kernel.chip / "pwm0" / name).write_text(f"{value}\n")
    pwm = SysfsPwm(kernel.chip, 0, write=kernel.write)
    assert kernel.log[0] == ("duty_cycle", 0)
    pwm.close()


@settings(max_examples=25, deadline=None)
@given(
    tones=st.lists(
        st.tuples(st.floats(300.0, 20_000.0), st.floats(0.0, 0.5)), min_size=1, max_size=12
    )
)
def test_the_kernel_never_has_to_refuse(
    tones: list[tuple[float, float]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever order of tones: the pulse never outlasts the period on the way."""
    kernel = PwmKernel(tmp_path_factory.mktemp("pwm"))
    pwm = SysfsPwm(kernel.chip, 0, write=kernel.write)
    for freq, share in tones:
        pwm.tone(freq, share)  # raises OSError where the kernel would refuse
        assert kernel.get(0, "period") == round(1e9 / freq)
        assert kernel.get(0, "duty_cycle") == round(round(1e9 / freq) * share)
    pwm.close()
    kernel.close()


@pytest.mark.parametrize(
    ("device", "pin", "channel"),
    [
        *((BCM, pin, channel) for pin, channel in ((12, 0), (13, 1), (18, 0), (19, 1))),
        *((RP1, pin, channel) for pin, channel in ((12, 0), (13, 1), (18, 2), (19, 3))),
    ],
)
def test_the_channel_of_a_pin_on_each_family(
    make: Make, device: str, pin: int, channel: int
) -> None:
    kernel = make(device, (pin,))
    assert find_channel(pin, kernel.folder) == (kernel.chip, channel)


def test_the_fan_of_a_pi_5_is_left_alone(make: Make) -> None:
    kernel = make("1f0009c000.pwm", (18,))
    with pytest.raises(OutputError, match="is off"):
        find_channel(18, kernel.folder)


def test_on_for_another_pin_is_told_with_the_line_that_mends_it(make: Make) -> None:
    kernel = make(BCM, (12, 13))
    with pytest.raises(OutputError) as caught:
        find_channel(18, kernel.folder)
    assert "on for GPIO 12, GPIO 13, not for GPIO 18" in caught.value.found
    assert "dtoverlay=pwm,pin=18,func=2" in caught.value.todo
    with pytest.raises(OutputError, match=r"GPIO 17 has no hardware PWM.*12, 13, 18, 19"):
        find_channel(17, kernel.folder)


def test_without_rights_the_group_is_named(tmp_path: Path) -> None:
    import errno

    def write(file: int, data: bytes) -> int:
        raise OSError(errno.EACCES, "Permission denied")

    kernel = PwmKernel(tmp_path)
    with pytest.raises(
        OutputError, match=r"pwmchip0 channel 0 .*Permission denied.*group \"gpio\""
    ):
        SysfsPwm(kernel.chip, 0, write=write)
    kernel.close()


def test_no_such_chip_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be used: No such file"):
        SysfsPwm(tmp_path / "pwmchip9", 0, export_s=0.0)


# -- as an output -------------------------------------------------------------------------


def test_the_buzzer_takes_hardware_pwm_where_it_is_on(make: Make) -> None:
    kernel = make()
    said: list[str] = []
    factory = MockFactory(pin_class=MockPWMPin)
    config = CuesConfig(volume=50)
    outputs = open_outputs(config, factory, pwm=kernel.folder, said=said.append)
    assert outputs.names == ["buzzer on GPIO 18 (hardware PWM)", "LED on GPIO 17"]
    assert said == []
    outputs.tone(2500.0, 1.0)
    assert kernel.get(0, "period") == 400_000
    share = kernel.get(0, "duty_cycle") / 400_000
    assert math.sin(math.pi * share) == pytest.approx(0.5, abs=1e-4)
    outputs.tone(0.0, 0.0)
    assert kernel.get(0, "duty_cycle") == 0
    outputs.close()
    assert kernel.get(0, "enable") == 0


def test_without_it_software_pwm_is_used_and_said_once(tmp_path: Path) -> None:
    said: list[str] = []
    factory = MockFactory(pin_class=MockPWMPin)
    outputs = open_outputs(CuesConfig(), factory, pwm=tmp_path / "none", said=said.append)
    assert outputs.names[0] == "buzzer on GPIO 18"
    assert outputs.problems == []
    assert len(said) == 1
    assert "Hardware PWM is off" in said[0]
    assert "dtoverlay=pwm,pin=18" in said[0]
    outputs.close()


def test_who_insists_on_hardware_gets_it_or_is_told(tmp_path: Path) -> None:
    factory = MockFactory(pin_class=MockPWMPin)
    config = CuesConfig(pwm="hardware")
    outputs = open_outputs(config, factory, pwm=tmp_path / "none")
    assert outputs.names == ["LED on GPIO 17"]
    assert "Hardware PWM is off" in outputs.problems[0].found
    outputs.close()


def test_a_sound_on_the_files_has_its_pitches_and_ends_silent(make: Make) -> None:
    kernel = make()
    buzzer = HardwareBuzzer(18, 100, SysfsPwm(kernel.chip, 0, write=kernel.write))
    from gaitpi.cues.outputs import Outputs

    player = Player(Outputs([buzzer]), VirtualClock())
    kernel.log.clear()
    player.play_now(system_cue("hello", 0.0))
    wanted = [t.start_hz for t in pattern("hello").tones if t.level > 0]
    periods = [value for name, value in kernel.log if name == "period"]
    assert [round(1e9 / period) for period in periods] == wanted
    duties = [value for name, value in kernel.log if name == "duty_cycle"]
    assert [value > 0 for value in duties] == [True, False] * 3
    player.close()
    assert kernel.get(0, "enable") == 0


@given(st.floats(0.0, 1.0))
def test_duty_makes_the_fundamental_what_was_asked(level: float) -> None:
    assert 0.0 <= duty(level) <= 0.5
    assert math.sin(math.pi * duty(level)) == pytest.approx(level)
