"""Buzzer, vibration motor and LED off, whatever has become of the daemon that left them on.

What systemd runs once the daemon has ended (``ExecStopPost``): ``python -m gaitpi.device.silence``.
A process that is killed leaves its pins as they are, and hardware PWM sounds on for ever. This
takes each pin of the configuration to its quiet level and lets it go, and sets the duty cycle of
the PWM to nothing. It has to be there within a second on the slowest Pi, so it loads next to
nothing: neither the typed configuration (that the defaults are the same, a test checks) nor
pathlib, and everything else after the pins are low.
"""

import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gaitpi.cues.lines import drive

if TYPE_CHECKING:
    from pathlib import Path

SYSTEM_CONFIG: Final = "/etc/gaitpi/config.toml"
PWM_CLASS: Final = "/sys/class/pwm"
DEFAULTS: Final[Mapping[str, Any]] = {
    "buzzer": "passive",
    "buzzer_pin": 18,
    "led_pin": 17,
    "green_pin": None,
    "blue_pin": None,
    "led_common": "cathode",
    "vibration_pin": None,
}
"""As in :class:`gaitpi.config.CuesConfig`."""
WAITS_S: Final = (0, 1, 2, 5, 10, 20, 30)
"""Before the second, third ... start in a row, when none got as far as being ready, s."""
_SIZE_LIMIT: Final = 64 * 1024
_PINS: Final = range(28)

Drive = Callable[[Mapping[int, int]], list[str]]
"""Takes pins to levels and lets them go; what could not be, in words."""


class Quiet(NamedTuple):
    """``pins``: level of each at which nothing is heard, felt or seen; ``pwm`` the buzzer's pin."""

    pins: Mapping[int, int]
    pwm: int | None


def quiet(text: str) -> Quiet:
    """What has to be silenced by a configuration; by the defaults where it makes no sense."""
    cues = dict(DEFAULTS)
    if text:
        import tomllib

        try:
            cues |= tomllib.loads(text).get("cues", {})
        except (ValueError, RecursionError, AttributeError, TypeError):
            cues = dict(DEFAULTS)  # the daemon has said so, and has never opened anything
    buzzer = cues["buzzer_pin"] if cues["buzzer"] != "none" else None
    dark = 1 if cues["led_common"] == "anode" else 0
    # what is heard and felt first: each pin takes its time
    levels = [(buzzer, 0), (cues["vibration_pin"], 0)]
    levels += [(cues[name], dark) for name in ("led_pin", "green_pin", "blue_pin")]
    pins = {pin: level for pin, level in levels if type(pin) is int and pin in _PINS}
    return Quiet(pins, buzzer if buzzer in pins and cues["buzzer"] == "passive" else None)


def configuration(environ: Mapping[str, str] = os.environ) -> str:
    """The text of the daemon's configuration; empty where there is none to be read."""
    home = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111
    own = f"{environ.get('XDG_CONFIG_HOME') or home + '/.config'}/gaitpi/config.toml"
    named = environ.get("GAITPI_CONFIG")
    for path in (named,) if named else (own, SYSTEM_CONFIG):
        try:
            with open(path, "rb") as file:  # noqa: PTH123
                return file.read(_SIZE_LIMIT).decode("utf-8-sig", errors="replace")
        except OSError:
            continue
    return ""


def still_pwm(pin: int, base: str = PWM_CLASS) -> list[str]:
    """End the tone of the hardware PWM that drives ``pin``; what could not be, in words."""
    if not os.path.isdir(base) or not os.listdir(base):  # noqa: PTH112, PTH208
        return []
    from pathlib import Path

    from gaitpi.cues.pwm import find_channel
    from gaitpi.errors import OutputError

    try:
        chip, channel = find_channel(pin, Path(base))
        folder = chip / f"pwm{channel}"
        if folder.is_dir():
            (folder / "duty_cycle").write_text("0\n")
            (folder / "enable").write_text("0\n")
            (chip / "unexport").write_text(f"{channel}\n")
    except OutputError:
        return []  # the pin is driven by none
    except OSError as error:
        return [f"the PWM of GPIO {pin}: {error.strerror or error}"]
    return []


def silence(text: str, *, act: Drive = drive, pwm: str = PWM_CLASS) -> list[str]:
    """Silence what the configuration ``text`` has; what could not be, in words."""
    wanted = quiet(text)
    problems = act(wanted.pins) if wanted.pins else []
    return problems + (still_pwm(wanted.pwm, pwm) if wanted.pwm is not None else [])


# ---------------------------------------------------------------------- starts that fail


def put_off(folder: "Path", environ: Mapping[str, str]) -> int:
    """How many seconds the next start is put off, noted in ``folder``/wait for the unit.

    Nothing after a daemon that had been ready, or one that was stopped. After starts that failed
    ``WAITS_S``: a sensor that is not plugged in must not empty the battery.
    """
    failures = folder / "failures"
    failed = environ.get("SERVICE_RESULT", "success") != "success" and not _was_ready(folder)
    try:
        before = int(failures.read_text()) if failures.exists() else 0
    except (OSError, ValueError):
        before = 0
    n = before + 1 if failed else 0
    wait = WAITS_S[min(n, len(WAITS_S)) - 1] if n else 0
    try:
        failures.write_text(f"{n}\n")
        (folder / "wait").write_text(f"{wait}\n")
    except OSError:
        return 0
    return wait


def _was_ready(folder: "Path") -> bool:
    """Whether the daemon that has just ended had said READY.

    The unit makes the file after READY and removes it before each start. The status file is no
    sign: a daemon that ends by an error of its own takes it along.
    """
    return (folder / "ready").exists()


def main() -> int:
    """Silence; 1 where something could not be."""
    problems = silence(configuration())
    folder = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    if folder and "SERVICE_RESULT" in os.environ:
        from pathlib import Path

        put_off(Path(folder), os.environ)
    for problem in problems:
        print(f"gaitpi: not silenced: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
