"""What makes the cues heard, felt or seen: buzzers, vibration motor and LED on GPIO pins.

Pins come from a gpiozero factory given by the caller; there is no fall-back to another one. A
pin that cannot be had is reported, and the rest is used; when none is left it is an error. A
passive buzzer is driven by hardware PWM where the Pi has it switched on for its pin, else by
gpiozero's software PWM, and that is said. gpiozero is imported only when pins are opened.
"""

import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol, TextIO

from gaitpi.config import CuesConfig
from gaitpi.cues import lines
from gaitpi.cues.pwm import PWM_CLASS, SysfsPwm, find_channel
from gaitpi.cues.vocabulary import Colour, Pattern
from gaitpi.errors import OutputError

TERMINAL_COLUMNS: Final = 80
RGB: Final[dict[Colour, tuple[int, int, int]]] = {
    "white": (1, 1, 1),
    "red": (1, 0, 0),
    "green": (0, 1, 0),
    "blue": (0, 0, 1),
    "amber": (1, 1, 0),
    "cyan": (0, 1, 1),
}
"""Colours made of full or no light: no PWM that would take time from the estimator."""


def duty(level: float) -> float:
    """Duty cycle (0 to 0.5) of the square wave whose fundamental has amplitude ``level`` (0 to 1).

    The fundamental of a square wave goes with sin(pi duty); half a period is loudest.
    """
    return math.asin(min(1.0, max(0.0, level))) / math.pi


class Output(Protocol):
    """Something that can show a tone."""

    name: str
    """For messages, e.g. ``buzzer on GPIO 18``."""

    def announce(self, sound: Pattern, time_s: float) -> None:
        """A sound begins; ``time_s`` is the run time it was decided at."""

    def tone(self, freq: float, level: float) -> None:
        """Sound at ``freq`` Hz and ``level`` 0 to 1 until told otherwise."""

    def silence(self) -> None:
        """Nothing to be heard, felt or seen."""

    def light(self, lit: bool, colour: Colour = "white") -> None:
        """Status light between sounds, where there is one."""

    def close(self) -> None:
        """Silent, and the pin given back; again does nothing."""


class _PinOutput:
    """One gpiozero output device, and what all pin outputs share."""

    def __init__(self, name: str, device: Any) -> None:
        self.name = name
        self._device = device

    def announce(self, sound: Pattern, time_s: float) -> None:
        """Pins have no words."""

    def tone(self, freq: float, level: float) -> None:  # noqa: ARG002 (on or off: no pitch)
        """On while there is a level: the rhythm alone."""
        self._device.value = 1 if level > 0 else 0

    def silence(self) -> None:
        """Pin low."""
        self._device.value = 0

    def light(self, lit: bool, colour: Colour = "white") -> None:
        """Not a light."""

    def close(self) -> None:
        """Pin low, then released."""
        if not self._device.closed:
            self._device.value = 0
            self._device.close()


class PassiveBuzzer(_PinOutput):
    """Piezo without its own oscillator: frequency and duty cycle make tone and loudness."""

    def __init__(self, pin: int, volume: int, factory: Any) -> None:
        from gpiozero import PWMOutputDevice

        device = PWMOutputDevice(pin, frequency=2700, pin_factory=factory)
        super().__init__(f"buzzer on GPIO {pin}", device)
        self._volume = volume / 100.0

    def tone(self, freq: float, level: float) -> None:
        """A square wave; a level of 0 is silence."""
        if level <= 0 or freq <= 0:
            self.silence()
            return
        self._device.frequency = freq
        self._device.value = duty(level * self._volume)


class HardwareBuzzer:
    """The same piezo on a channel of the Pi's own PWM."""

    def __init__(self, pin: int, volume: int, pwm: SysfsPwm) -> None:
        self.name = f"buzzer on GPIO {pin} (hardware PWM)"
        self._pwm = pwm
        self._volume = volume / 100.0

    def announce(self, sound: Pattern, time_s: float) -> None:
        """A pin has no words."""

    def tone(self, freq: float, level: float) -> None:
        """A square wave; a level of 0 is silence."""
        if level <= 0 or freq <= 0:
            self._pwm.silence()
        else:
            self._pwm.tone(freq, duty(level * self._volume))

    def silence(self) -> None:
        """Pin low."""
        self._pwm.silence()

    def light(self, lit: bool, colour: Colour = "white") -> None:
        """Not a light."""

    def close(self) -> None:
        """Pin low, channel given back; again does nothing."""
        self._pwm.close()


class ActiveBuzzer(_PinOutput):
    """Buzzer with its own tone: on or off, and silent only at volume 0."""

    def __init__(self, pin: int, volume: int, factory: Any) -> None:
        from gpiozero import DigitalOutputDevice

        super().__init__(f"buzzer on GPIO {pin}", DigitalOutputDevice(pin, pin_factory=factory))
        self._audible = volume > 0

    def tone(self, freq: float, level: float) -> None:
        """On while there is a level and a volume."""
        super().tone(freq, level if self._audible else 0.0)


class Vibration(_PinOutput):
    """Vibration motor behind a transistor; ``spared`` while the supply does not bear it."""

    spared = False

    def __init__(self, pin: int, factory: Any) -> None:
        from gpiozero import DigitalOutputDevice

        device = DigitalOutputDevice(pin, pin_factory=factory)
        super().__init__(f"vibration motor on GPIO {pin}", device)

    def tone(self, freq: float, level: float) -> None:
        """On while there is a level, unless spared."""
        super().tone(freq, 0.0 if self.spared else level)


class LedOutput(_PinOutput):
    """Single LED: shows the rhythm of the cues, and the shape of the lights between them."""

    def __init__(self, pin: int, factory: Any, *, active_high: bool = True) -> None:
        from gpiozero import DigitalOutputDevice

        device = DigitalOutputDevice(pin, active_high=active_high, pin_factory=factory)
        super().__init__(f"LED on GPIO {pin}", device)

    def light(self, lit: bool, colour: Colour = "white") -> None:  # noqa: ARG002 (it has one)
        """Lit or dark."""
        self._device.value = 1 if lit else 0


class RgbLed(_PinOutput):
    """Three-coloured LED: the rhythm of the cues in white, the lights in their colours.

    ``active_high`` False for a common anode.
    """

    def __init__(
        self, pins: tuple[int, int, int], factory: Any, *, active_high: bool = True
    ) -> None:
        from gpiozero import RGBLED

        device = RGBLED(*pins, active_high=active_high, pwm=False, pin_factory=factory)
        super().__init__(f"RGB LED on GPIO {pins[0]}, {pins[1]}, {pins[2]}", device)

    def tone(self, freq: float, level: float) -> None:  # noqa: ARG002 (no pitch)
        """White while there is a level."""
        self.light(level > 0)

    def silence(self) -> None:
        """Dark."""
        self.light(False)

    def light(self, lit: bool, colour: Colour = "white") -> None:
        """Lit in ``colour``, or dark."""
        self._device.value = RGB[colour] if lit else (0, 0, 0)

    def close(self) -> None:
        """Dark, then released."""
        if not self._device.closed:
            self.silence()
            self._device.close()


class TerminalOutput:
    """Prints one line per sound, at most 80 columns, for trying gaitpi without hardware.

    Colour only on a terminal and without ``NO_COLOR`` (no-color.org); ``bell`` rings it too.
    """

    def __init__(self, stream: TextIO, *, bell: bool = False) -> None:
        self.name = "terminal"
        self._stream = stream
        self._bell = bell
        dumb = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        self._colour = stream.isatty() and not dumb

    def announce(self, sound: Pattern, time_s: float) -> None:
        """Time, name and meaning on a line of its own."""
        minutes, seconds = divmod(int(time_s), 60)
        line = f"{minutes:4d}:{seconds:02d}  >> {sound.name:<9} {sound.meaning}"[:TERMINAL_COLUMNS]
        if self._colour:
            line = f"\x1b[1;36m{line}\x1b[0m"
        self._stream.write(("\a" if self._bell else "") + line + "\n")
        self._stream.flush()

    def tone(self, freq: float, level: float) -> None:
        """A terminal has no tones."""

    def silence(self) -> None:
        """Always silent."""

    def light(self, lit: bool, colour: Colour = "white") -> None:
        """No light."""

    def close(self) -> None:
        """The stream stays the caller's."""


class Outputs:
    """All outputs together. One that fails is dropped and kept in ``problems``.

    When the last one fails, its OutputError is raised.
    """

    def __init__(self, outputs: list[Output], problems: list[OutputError] | None = None) -> None:
        self._outputs = list(outputs)
        self.problems = list(problems or [])

    @property
    def names(self) -> list[str]:
        """What works, for messages."""
        return [output.name for output in self._outputs]

    def announce(self, sound: Pattern, time_s: float) -> None:
        """A sound begins."""
        self._each(lambda output: output.announce(sound, time_s))

    def tone(self, freq: float, level: float) -> None:
        """Sound on every output."""
        self._each(lambda output: output.tone(freq, level))

    def spare(self, spared: bool) -> None:
        """Do without the largest load, the vibration motor, or with it again; from any thread."""
        for output in list(self._outputs):
            if isinstance(output, Vibration):
                output.spared = spared
                if spared:
                    self._try(output, lambda output: output.silence())

    def silence(self) -> None:
        """Every output silent; goes through all of them even when one fails."""
        self._each(lambda output: output.silence())

    def light(self, lit: bool, colour: Colour = "white") -> None:
        """Status light."""
        self._each(lambda output: output.light(lit, colour))

    def close(self) -> None:
        """Silence and release everything; again does nothing. Never raises."""
        for output in self._outputs:
            self._try(output, lambda output: output.close())
        self._outputs = []

    def _each(self, act: Callable[[Output], None]) -> None:
        failed = [output for output in self._outputs if not self._try(output, act)]
        for output in failed:
            self._try(output, lambda output: output.close())
            self._outputs.remove(output)
        if failed and not self._outputs:
            raise self.problems[-1]

    def _try(self, output: Output, act: Callable[[Output], None]) -> bool:
        try:
            act(output)
        except Exception as err:  # every pin library has its own error class, with no common base
            self.problems.append(
                OutputError(f"The {output.name} failed: {err}.", "Check its wiring, then restart.")
            )
            return False
        return True


def fitted(config: CuesConfig) -> bool:
    """Whether anything at all is configured that can be heard, felt or seen."""
    pins = (config.led_pin, config.vibration_pin)
    return config.buzzer != "none" or any(pin is not None for pin in pins)


def open_outputs(
    config: CuesConfig,
    factory: Any,
    *,
    pwm: Path = PWM_CLASS,
    said: Callable[[str], None] | None = None,
    holder: Callable[[int], str] = lines.holder,
) -> Outputs:
    """Open what the configuration says is fitted, on pins of ``factory`` (gpiozero's kind).

    ``pwm`` is the kernel's folder of PWM chips; ``said`` is told when a passive buzzer has to do
    with software PWM although that was not asked for; ``holder`` tells who has a busy pin. An
    output that cannot be opened is left out and listed in ``problems``. Raises OutputError, naming
    the pins, when something is fitted and nothing could be opened.
    """
    outputs: list[Output] = []
    problems: list[OutputError] = []
    for what, number, build in _wanted(config, factory, pwm, said or (lambda _text: None)):
        try:
            outputs.append(build())
        except Exception as err:  # see Outputs._try
            problems.append(_pin_error(what, number, err, holder))
    if problems and not outputs:
        raise OutputError(
            " ".join(problem.found for problem in problems), problems[0].todo
        ) from problems[0]
    return Outputs(outputs, problems)


def _wanted(
    config: CuesConfig, factory: Any, pwm: Path, said: Callable[[str], None]
) -> list[tuple[str, int, Callable[[], Output]]]:
    """What is fitted: (what, pin, how it is opened)."""
    wanted: list[tuple[str, int, Callable[[], Output]]] = []
    pin, volume = config.buzzer_pin, config.volume
    if config.buzzer == "passive":
        wanted.append(("buzzer", pin, lambda: _passive(config, factory, pwm, said)))
    elif config.buzzer == "active":
        wanted.append(("buzzer", pin, lambda: ActiveBuzzer(pin, volume, factory)))
    red, green, blue = config.led_pin, config.green_pin, config.blue_pin
    vibration, high = config.vibration_pin, config.led_common == "cathode"
    if vibration is not None:
        wanted.append(("vibration motor", vibration, lambda: Vibration(vibration, factory)))
    if red is not None and green is not None and blue is not None:
        pins = (red, green, blue)
        wanted.append(("RGB LED", red, lambda: RgbLed(pins, factory, active_high=high)))
    elif red is not None:
        wanted.append(("LED", red, lambda: LedOutput(red, factory, active_high=high)))
    return wanted


def _passive(
    config: CuesConfig, factory: Any, pwm: Path, said: Callable[[str], None]
) -> PassiveBuzzer | HardwareBuzzer:
    """The passive buzzer on the best PWM there is; ``cues.pwm`` may insist on one."""
    pin, volume = config.buzzer_pin, config.volume
    if config.pwm == "software":
        return PassiveBuzzer(pin, volume, factory)
    try:
        return HardwareBuzzer(pin, volume, SysfsPwm(*find_channel(pin, pwm)))
    except OutputError as error:
        if config.pwm == "hardware":
            raise
        buzzer = PassiveBuzzer(pin, volume, factory)
        said(f"{error.found} The buzzer uses software PWM, a little rougher. {error.todo}")
        return buzzer


def lgpio_factory() -> Any:
    """Make gpiozero's factory for the kernel's GPIO character device, and no other.

    Raises OutputError where lgpio is not installed or the GPIO chip cannot be opened.
    """
    # lgpio makes a pipe in its working directory, by default wherever we were started, which
    # under a hardened service is read-only.
    os.environ.setdefault("LG_WD", tempfile.gettempdir())
    try:
        from gpiozero.pins.lgpio import LGPIOFactory
    except ImportError as err:
        raise OutputError(
            f"The GPIO library lgpio cannot be loaded ({err}).",
            "Install it: sudo apt install python3-lgpio, or pip install lgpio.",
        ) from err
    try:
        return LGPIOFactory()
    except Exception as err:  # lgpio.error, gpiozero's PinUnknownPi, OSError: no common base
        raise OutputError(
            f"The GPIO chip cannot be opened ({err}).",
            'On a Raspberry Pi add the user to the group "gpio" and log in again; '
            "on another computer use gaitpi demo.",
        ) from err


def _pin_error(what: str, pin: int, err: Exception, holder: Callable[[int], str]) -> OutputError:
    """An error for the person with the soldering iron."""
    if isinstance(err, OutputError):
        return err
    text = str(err).strip("'\"")
    if "busy" in text.lower():
        who = holder(pin)
        text += f', held by "{who}"' if who else ""
        todo = (
            "Another program or a dtoverlay holds it: see gpioinfo, stop the other one, "
            "or choose another pin in the configuration."
        )
    elif "in use" in text.lower():
        todo = "Give each output a pin of its own in the configuration."
    else:
        todo = (
            "Check the pin in the configuration and the wiring, and the rights on /dev/gpiochip*."
        )
    return OutputError(f"GPIO {pin} ({what}) cannot be used: {text}.", todo)
