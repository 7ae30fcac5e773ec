"""Buzzer, motor, LED and button: whether they can be had, and with ``--sound`` what they do."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from gaitpi.cues.button import Press
from gaitpi.cues.outputs import Outputs, fitted
from gaitpi.device.doctor import boot
from gaitpi.device.doctor.finding import Finding
from gaitpi.device.doctor.surroundings import Surroundings
from gaitpi.errors import GaitpiError, OutputError

if TYPE_CHECKING:
    from gaitpi.imu.reader import Reader

BLINKS: Final = 3
BLINK_S: Final = 0.4
PRESS_WAIT_S: Final = 10.0
STUCK_S: Final = 1.0
POLL_S: Final = 0.02


def findings(s: Surroundings, reader: "Reader | None") -> Iterator[Finding]:
    """The outputs one by one, then the button."""
    if s.status is not None:
        yield Finding(
            "outputs", "skip", "the daemon has the pins; 'gaitpi sounds play' sounds them"
        )
        return
    if not s.has_pins:
        if s.is_pi:
            todo = "Is this a kernel of Raspberry Pi OS? ls /dev/gpiochip*"
            yield Finding("outputs", "fail", "no /dev/gpiochip here", todo)
        else:
            yield Finding("outputs", "skip", "no GPIO pins here: this is no Raspberry Pi")
        return
    if fitted(s.config.cues):
        yield from _sounders(s, reader)
    else:
        yield Finding("outputs", "skip", "nothing is fitted, by the configuration")
    yield button(s)


def _sounders(s: Surroundings, reader: "Reader | None") -> Iterator[Finding]:
    said: list[str] = []
    try:
        outputs = s.outputs(said.append)
    except GaitpiError as error:
        yield Finding("outputs", "fail", error.found.rstrip("."), error.todo)
        return
    try:
        for name in outputs.names:
            yield opened(s, name, said)
        for problem in outputs.problems:
            yield Finding("outputs", "fail", problem.found.rstrip("."), problem.todo)
        if not s.sound:
            return
        if s.config.cues.buzzer != "none":
            yield heard(s, outputs, reader)
        if s.config.cues.led_pin is not None:
            yield led(s, outputs)
    finally:
        outputs.close()


def opened(s: Surroundings, name: str, said: list[str]) -> Finding:
    """An output whose pin could be had; ``said`` is what was said about a makeshift."""
    short = "buzzer" if "buzzer" in name else "LED pin" if "LED" in name else "motor"
    if short == "buzzer" and said:
        cues = s.config.cues
        line = f"dtoverlay=pwm,pin={cues.buzzer_pin},func={2 if cues.buzzer_pin in (18, 19) else 4}"
        evidence = f"{name}, but by software PWM: rougher, and it costs the CPU"
        if boot.has(s, line):
            return Finding(short, "warn", evidence, f"{line} is in config.txt: restart the Pi.")
        fix = partial(boot.add, s, line) if boot.config_txt(s) and s.is_pi else None
        return Finding(short, "warn", evidence, f"Put {line} into config.txt and restart.", fix)
    tail = "" if s.sound else "; not sounded: --sound does"
    if short == "LED pin":
        tail = "" if s.sound else "; not lit: --sound does"
    return Finding(short, "pass", f"{name} can be driven{tail}")


def heard(s: Surroundings, outputs: Outputs, reader: "Reader | None") -> Finding:
    """Tones on and off: the accelerometer beside the buzzer must feel them."""
    from gaitpi.device.doctor import hearing

    if s.config.cues.volume == 0:
        return Finding("heard", "skip", "cues.volume is 0: nothing is played")
    if reader is None:
        return Finding("heard", "skip", "without a sensor nobody here can feel it")
    try:
        best = hearing.listen(reader, s.clock, outputs, s.config.imu.poll_s)
    except OutputError as error:
        return Finding("heard", "fail", error.found.rstrip("."), error.todo)
    if best is None:
        return Finding("heard", "fail", "the sensor stopped while the buzzer played", "See rate.")
    figures = {
        "tone_hz": best.tone_hz,
        "at_hz": round(best.at_hz, 1),
        "db": round(best.db, 1),
        "size_mg": round(best.size_mg, 2),
        "chance": best.chance,
    }
    if best.sure:
        evidence = (
            f"{best.tone_hz / 1000:.2f} kHz felt as {best.at_hz:.0f} Hz on {best.axis}, "
            f"{best.db:.0f} dB over silence ({best.size_mg:.1f} mg)"
        )
        return Finding("heard", "pass", evidence, figures=figures)
    unfelt = f"the accelerometer does not feel it (best {best.db:.0f} dB)"
    by_ear = s.ask("Did you hear the buzzer, on and off for twenty seconds?")
    if by_ear:
        evidence = f"you hear it; {unfelt}, which may be too weak"
        return Finding("heard", "pass", evidence, figures=figures)
    todo = (
        "Listen yourself: gaitpi sounds play step-up. Silent: check + and - of the buzzer, its "
        f"transistor, GPIO {s.config.cues.buzzer_pin}, and that cues.buzzer is the kind fitted."
    )
    if by_ear is None:
        return Finding("heard", "warn", unfelt, todo, figures=figures)
    return Finding("heard", "fail", f"not heard by you; {unfelt}", todo, figures=figures)


def led(s: Surroundings, outputs: Outputs) -> Finding:
    """Three blinks; only a person can see them."""
    for _ in range(BLINKS):
        outputs.light(True)
        s.clock.sleep(BLINK_S)
        outputs.light(False)
        s.clock.sleep(BLINK_S)
    cues = s.config.cues
    todo = (
        f"Turn the LED round; check its resistor and GPIO {cues.led_pin}; a common anode needs "
        'cues.led_common "anode".'
    )
    seen = s.ask(f"Did the LED blink {BLINKS} times?")
    if seen is None:
        evidence = f"GPIO {cues.led_pin} was switched {BLINKS} times; nobody said what was seen"
        return Finding("LED", "skip", evidence, f"It should have blinked {BLINKS} times.")
    if seen:
        return Finding("LED", "pass", f"you saw it blink on GPIO {cues.led_pin}")
    return Finding("LED", "fail", f"not seen to blink on GPIO {cues.led_pin}", todo)


def button(s: Surroundings) -> Finding:
    """Whether the pin can be had and is not held down; with ``--sound`` that a press comes."""
    pin = s.config.cues.button_pin
    if pin is None:
        return Finding("button", "skip", "none is fitted, by the configuration")
    try:
        one = s.button()
    except GaitpiError as error:
        return Finding("button", "fail", error.found.rstrip("."), error.todo)
    try:
        if _held(s, one.down, lambda: one.down):
            evidence = f"GPIO {pin} is low all the time: pressed, or short-circuited to ground"
            todo = "Let it go; else look for solder between its legs or a pinched wire."
            return Finding("button", "fail", evidence, todo)
        if not s.sound:
            return Finding("button", "pass", f"GPIO {pin} is high, as with the button up")
        press = _press(s, one.presses)
    finally:
        one.close()
    if press is None:
        evidence = f"no press came on GPIO {pin} in {PRESS_WAIT_S:.0f} s"
        todo = "Did you press? Else its wire is off: one leg to the pin, the other to ground."
        return Finding("button", "warn", evidence, todo)
    figures = {"gesture": press.gesture}
    return Finding(
        "button", "pass", f"a press came on GPIO {pin}: {press.gesture}", figures=figures
    )


def _held(s: Surroundings, down: bool, still: Callable[[], bool]) -> bool:
    """Whether it stays down."""
    end = s.clock.monotonic() + STUCK_S
    while down and s.clock.monotonic() < end:
        s.clock.sleep(POLL_S)
        down = still()
    return down


def _press(s: Surroundings, presses: Callable[[], list[Press]]) -> Press | None:
    """The first press within the time there is."""
    s.say(f"Press the button once, within {PRESS_WAIT_S:.0f} s ...")
    end = s.clock.monotonic() + PRESS_WAIT_S
    while s.clock.monotonic() < end:
        for press in presses():
            return press
        s.clock.sleep(POLL_S)
    return None
