"""Rows of the service: pins that cannot be had, a wrong configuration, outputs left on."""

import contextlib
import io
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPWMPin

from calibration.reliability import Outcome, Row
from gaitpi import cli
from gaitpi.config import CuesConfig, Key, build, keys
from gaitpi.cues.outputs import open_outputs
from gaitpi.errors import EXIT_CONFIG, ConfigError, OutputError

SAID_S: Final = 2.0
SILENT_S: Final = 1.0

# ---------------------------------------------------------------------- F21


class HeldFactory(MockFactory):  # type: ignore[misc]
    """Pins of which some are somebody else's: opening one fails as lgpio does."""

    def __init__(self, held: frozenset[int]) -> None:
        super().__init__(pin_class=MockPWMPin)
        self._held = held

    def pin(self, name: int) -> Any:
        """The pin, if nobody has it."""
        if name in self._held:
            raise RuntimeError("'GPIO busy'")
        return super().pin(name)


def judge_pins(trials: int, seed: int) -> Outcome:
    """Each trial: three outputs on pins drawn at random, some of them held by others."""
    draw = random.Random(seed)
    worst, dropped = 0.0, 0
    for trial in range(trials):
        pins = draw.sample(range(28), 3)
        held = frozenset(pin for pin in pins if draw.random() < 0.5)
        cues = CuesConfig(
            buzzer="active", buzzer_pin=pins[0], led_pin=pins[1], vibration_pin=pins[2]
        )
        began = time.monotonic()
        words, left = _opened(cues, held)
        worst = max(worst, time.monotonic() - began)
        dropped += len(held)
        why = _untold(words, held) or ("" if left == 3 - len(held) else f"{left} outputs left")
        if why or worst > SAID_S:
            return Outcome(trial + 1, f"{worst:.2f} s", False, f"trial {trial}, seed {seed}: {why}")
    why = _without_lgpio()
    if why:
        return Outcome(trials, f"{worst:.2f} s", False, why)
    return Outcome(trials, f"{dropped} held pins, each named with its holder; {worst:.2f} s", True)


def _opened(cues: CuesConfig, held: frozenset[int]) -> tuple[list[str], int]:
    """What is said of the pins, and how many outputs work."""
    try:
        opened = open_outputs(cues, HeldFactory(held), holder=lambda pin: f"program-{pin}")
    except OutputError as error:
        return [str(error)], 0
    left = len(opened.names)
    opened.close()
    return [str(problem) for problem in opened.problems], left


def _untold(words: list[str], held: frozenset[int]) -> str:
    text = " ".join(words)
    missing = [pin for pin in held if f"GPIO {pin} (" not in text or f'"program-{pin}"' not in text]
    return f"GPIO {missing} not named with its holder: {text}" if missing else ""


def _without_lgpio() -> str:
    """Where there is no GPIO, the real command says so in time and takes no other factory."""
    if any(Path("/dev").glob("gpiochip*")):
        return ""  # a Pi: nothing is missing here
    code = (
        "from gaitpi.cues.outputs import lgpio_factory\n"
        "from gaitpi.errors import OutputError\n"
        "from gpiozero import Device\n"
        "try:\n    lgpio_factory()\nexcept OutputError as error:\n"
        "    print(error)\n    raise SystemExit(0 if Device.pin_factory is None else 3)\n"
        "raise SystemExit(4)\n"
    )
    began = time.monotonic()
    done = subprocess.run(
        (sys.executable, "-c", code),
        env={**os.environ, "GPIOZERO_PIN_FACTORY": "mock"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60.0,
    )
    took = time.monotonic() - began
    if done.returncode or "GPIO" not in done.stdout or Device.pin_factory is not None:
        return f"without GPIO: code {done.returncode}, {done.stdout}{done.stderr}"
    # the interpreter's own start is not the promise's; a busy machine has its say in it
    return "" if took < 10 * SAID_S else f"without GPIO: {took:.1f} s"


# ---------------------------------------------------------------------- F23

Wrong = tuple[str, str, str]
"""Table, key and value as TOML writes them."""


def wrong_values() -> Iterator[Wrong]:
    """For every key: one nearly like it, a value of another type, and one beyond each bound."""
    for name, key in keys().items():
        table, _, one = name.partition(".")
        typo = one[:-1] + ("x" if one[-1] != "x" else "y")
        yield table, typo, _toml(key.default if key.default is not None else 1)
        yield table, one, "[1, 2]"
        yield table, one, "1979-05-27"
        yield table, one, '"text"' if key.low is not None or key.choices else "17"
        yield from ((table, one, value) for value in _beyond(key))


def _beyond(key: Key) -> Iterator[str]:
    """Values just out of the bounds of a number; a word that is none of a choice."""
    if key.choices:
        yield '"none of them"'
    if key.low is None or key.high is None:
        return
    whole = key.kind == "a whole number"
    low, high = key.low, key.high
    yield str(int(low) - 1) if whole else repr(math.nextafter(low, -math.inf))
    yield str(int(high) + 1) if whole else repr(math.nextafter(high, math.inf))
    if whole:
        yield "1.5"
    else:
        yield from ("nan", "inf", "-inf")


def _toml(value: bool | float | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def judge_configuration(trials: int, seed: int) -> Outcome:
    """Every wrong value through the configuration, and so many of them through the daemon."""
    every = list(wrong_values())
    for table, key, value in every:
        text = f"[{table}]\n{key} = {value}\n"
        try:
            build({table: _value(text, table)}, "config.toml", text)
        except ConfigError as error:
            if f"{table}.{key}" in str(error):
                continue
            return _not_named(text, str(error), seed)
        return _not_named(text, "it was taken", seed)
    some = random.Random(seed).sample(every, min(trials, len(every)))
    for table, key, value in some:
        # a bus that no machine has: who looked for the sensor first would say so
        bus = "[imu]\nbus = 63\n" if table != "imu" else ""
        text = f"{bus}[{table}]\n{key} = {value}\n"
        code, said = _daemon(text)
        if code != EXIT_CONFIG or f"{table}.{key}" not in said:
            return _not_named(text, f"exit {code}: {said}", seed)
    n = len(keys())
    words = f"{len(every)} wrong values of {n} keys refused by name, {len(some)} by the daemon: 78"
    return Outcome(len(every) + len(some), words, True)


def _value(text: str, table: str) -> Any:
    import tomllib

    return tomllib.loads(text)[table]


def _daemon(text: str) -> tuple[int, str]:
    """Exit code and words of ``gaitpi run`` with this configuration."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text(text)
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            code = cli.main(["--config", str(path), "run"])
        return code, said.getvalue()


def _not_named(text: str, words: str, seed: int) -> Outcome:
    why = f"seed {seed}: {text!r} gave: {words}"
    return Outcome(1, words, False, why)


# ---------------------------------------------------------------------- F25


def judge_silence(trials: int, seed: int) -> Outcome:
    """Kill the service at random instants of a sound, on lines that stay as they are."""
    from tests.hil.build import build as guest_of
    from tests.hil.station import BUZZER, CONFIG, Station, steady, warm_disk

    draw = random.Random(seed)
    guest = guest_of()
    worst, sounding = 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        station = Station(guest, warm_disk(guest, Path(folder)), Path(folder) / "station")
        try:
            station.configure(CONFIG)
            station.bench.keep_levels(True)
            station.boot()
            since = station.bench.now()
            station.start(steady())
            for trial in range(trials):
                rising = station.rising(BUZZER, since, 60.0)
                time.sleep(draw.uniform(0.0, 0.4))
                killed, was_on = station.kill_all(BUZZER)
                sounding += was_on
                took = station.silent_after(BUZZER, killed, SILENT_S + 0.3)
                worst = max(worst, took)
                if took > SILENT_S:
                    why = f"trial {trial}, seed {seed}: {took:.2f} s after {rising:.2f}"
                    return Outcome(trial + 1, f"{worst:.2f} s", False, why)
                since = killed + took + 0.02
        finally:
            station.close()
    words = f"silent {worst:.2f} s after the kill at worst; {sounding} in the middle of a sound"
    return Outcome(trials, words, True)


ROWS: Final = (
    Row(
        "F21",
        "GPIO pins busy or missing",
        "three outputs on random pins, each held by another program with a chance of a half; "
        "a machine without GPIO",
        "each pin named with its holder within 2 s; the other outputs work; no other pin library",
        "the journal, gaitpi doctor",
        judge_pins,
        few=40,
        many=2000,
    ),
    Row(
        "F23",
        "a mistake in the configuration",
        "every key: misspelt, four wrong types, just beyond each bound, not a number",
        "refused by its full name, exit code 78, before any hardware is touched",
        "the journal, gaitpi config check",
        judge_configuration,
        few=60,
        many=10_000,
    ),
    Row(
        "F25",
        "an output left on",
        "SIGKILL of the service at random instants of a sound, on lines that keep their level",
        "silent within 1 s",
        "the pin itself",
        judge_silence,
        few=3,
        many=40,
        needs="guest",
    ),
)
