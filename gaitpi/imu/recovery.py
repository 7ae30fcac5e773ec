"""Frees a bus that somebody holds low: nine clocks by hand, or a moment without power.

A sensor that lost count in the middle of a byte holds SDA low and waits for clocks which an
adapter does not give while SDA is low (UM10204, 3.1.16). The kernel's driver for a Pi's bus has no
remedy. So the two pins are taken from the adapter, SCL is clocked until SDA comes free, at most
nine times, a STOP is sent, and the pins are given back. That the pins change hands is not known to
the adapter's driver, so nothing may be transferred meanwhile: the reader keeps quiet.

On a Pi the pins change hands by the program ``pinctrl`` of Raspberry Pi OS; where it is missing or
may not, clocks are not possible. A load switch in the sensor's supply (``imu.power_pin``) helps
also where a sensor has hung itself up for good. Not tried on hardware.
"""

import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from gaitpi.config import ImuConfig
from gaitpi.errors import OutputError

CLOCKS: Final = 9
HALF_S: Final = 5e-6
"""Half a clock at 100 kHz; there is no slowest clock."""
OFF_S: Final = 0.3
"""Without power: time for the capacitors on a board to run empty, s."""
CALL_S: Final = 1.0
"""Longest that one call of pinctrl may take, s."""
WIRES: Final = {0: (0, 1), 1: (2, 3)}
"""GPIO numbers of SDA and SCL of a Pi's buses on the header."""


class Pins(Protocol):
    """The two wires of a bus, open drain: pulled down, or let go. All may raise OSError."""

    def take(self) -> None:
        """Take them from the adapter, both let go."""

    def give_back(self) -> None:
        """Let the adapter have them again."""

    def sda(self) -> bool:
        """Whether SDA is high."""

    def scl(self) -> bool:
        """Whether SCL is high."""

    def pull_sda(self, low: bool) -> None:
        """Pull SDA down, or let it go."""

    def pull_scl(self, low: bool) -> None:
        """Pull SCL down, or let it go."""


class Switch(Protocol):
    """A load switch in the sensor's supply; gpiozero's output devices are of this kind.

    All may raise what the pins' library raises.
    """

    def off(self) -> None:
        """Cut the power."""

    def on(self) -> None:
        """Give it again."""

    def close(self) -> None:
        """Release the pin."""


class Tried(NamedTuple):
    """What an attempt led to: ``freed`` by "clocks" or "power", "" = not; in ``words``."""

    freed: str
    words: str


class BusRecovery(Protocol):
    """What the reader asks of it: begin, wait until it is no longer busy, see what it led to."""

    @property
    def busy(self) -> bool:
        """Whether an attempt is on: the bus is to be left alone."""

    def begin(self) -> None:
        """Begin an attempt; does not wait for it. Never raises."""

    def result(self) -> Tried:
        """What the last attempt led to."""

    def close(self) -> None:
        """Wait for an attempt that is on, release what is held."""


def clock_out(pins: Pins, pause: Callable[[], None]) -> bool:
    """Clock until SDA is high, at most nine times, then STOP; whether both wires are free.

    ``pins`` are taken. Raises OSError.
    """
    for _ in range(CLOCKS):
        if pins.sda():
            break
        pins.pull_scl(True)
        pause()
        pins.pull_scl(False)
        pause()
    # SDA falls and rises while SCL is high: START and STOP, after which every device waits anew
    pins.pull_sda(True)
    pause()
    pins.pull_sda(False)
    pause()
    return pins.sda() and pins.scl()


class Recovery:
    """Nine clocks where there are ``pins``, then a cut of power where there is a ``switch``.

    ``threaded``: on a thread of its own, so that no poll waits for it; else within ``begin()``,
    for virtual time. ``sleep`` waits.
    """

    def __init__(
        self,
        pins: Pins | None,
        switch: Switch | None = None,
        *,
        threaded: bool = True,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._pins = pins
        self._switch = switch
        self._threaded = threaded
        self._sleep = sleep
        self._thread: threading.Thread | None = None
        self._result = Tried("", "not tried")

    @property
    def busy(self) -> bool:
        """Whether an attempt is on."""
        return self._thread is not None and self._thread.is_alive()

    def begin(self) -> None:
        """Begin an attempt."""
        if self.busy:
            return
        if not self._threaded:
            self._attempt()
            return
        self._thread = threading.Thread(target=self._attempt, name="gaitpi-wires", daemon=True)
        self._thread.start()

    def result(self) -> Tried:
        """What the last attempt led to."""
        return self._result

    def close(self) -> None:
        """Wait for an attempt that is on, so that the pins are the adapter's again."""
        if self._thread is not None:
            self._thread.join()
        if self._switch is not None:
            self._switch.close()
            self._switch = None

    def _attempt(self) -> None:
        try:
            self._result = self._tried()
        except _SwitchError as error:
            self._result = Tried("", str(error))
        except Exception as error:  # the thread would end, and the result before be told
            self._result = Tried("", f"the attempt failed: {type(error).__name__}: {error}")

    def _tried(self) -> Tried:
        pins = self._pins
        try:
            if pins is not None:
                pins.take()
        except OSError as error:
            why = f"its pins cannot be taken: {error.strerror or error}"
        else:
            if pins is not None:
                return self._on_pins(pins)
            why = "its pins cannot be taken here"
        return self._without_power(None) or Tried("", why)

    def _on_pins(self, pins: Pins) -> Tried:
        """With pins that are taken; they are given back whatever happens."""
        try:
            try:
                if clock_out(pins, lambda: self._sleep(HALF_S)):
                    return Tried("clocks", "clocked free")
                held = "SDA" if pins.scl() else "SCL"
                stays = Tried("", f"{held} stays low after {CLOCKS} clocks")
                return self._without_power(pins) or stays
            finally:
                pins.give_back()
        except OSError as error:
            return Tried("", f"its pins do not obey: {error.strerror or error}")

    def _without_power(self, pins: Pins | None) -> Tried | None:
        """Cut the sensor's power for a moment; None where there is no switch."""
        if self._switch is None:
            return None
        try:
            _switched(self._switch.off)
            if pins is not None:
                # else the chip lives on through the pull-ups of the wires
                pins.pull_scl(True)
                pins.pull_sda(True)
            self._sleep(OFF_S)
            if pins is not None:
                pins.pull_sda(False)
                pins.pull_scl(False)
        finally:
            _switched(self._switch.on)
        if pins is not None and not (pins.sda() and pins.scl()):
            return Tried("", "it stays low even without the sensor's power")
        return Tried("power", "the sensor's power was cut for a moment")


class _SwitchError(Exception):
    """The load switch failed; in words."""


def _switched(call: Callable[[], None]) -> None:
    """Call the load switch. Raises _SwitchError."""
    try:
        call()
    except Exception as error:  # lgpio and gpiozero have their own, with no common base
        raise _SwitchError(f"the load switch of the sensor does not obey: {error}") from error


class PinctrlPins:
    """The pins of a Pi's bus through ``program`` (pinctrl of Raspberry Pi OS).

    ``bus`` 0 or 1. Which of the pins' functions is the bus's is asked of the program, as it
    differs between models; pins that serve something else are left alone.
    """

    def __init__(self, bus: int, program: Path) -> None:
        self._sda, self._scl = WIRES[bus]
        self._names = {self._sda: f"SDA{bus}", self._scl: f"SCL{bus}"}
        self._program = program
        self._functions: dict[int, str] = {}

    def take(self) -> None:
        """Make inputs of both. Raises OSError, also where they are not the bus's."""
        found = {pin: self._function(pin) for pin in self._names}
        self._functions = found
        self._call("set", f"{self._sda},{self._scl}", "ip")

    def give_back(self) -> None:
        """Give both the function of the bus. Raises OSError."""
        functions, self._functions = self._functions, {}
        for pin, function in functions.items():
            self._call("set", str(pin), function)

    def sda(self) -> bool:
        """Whether SDA is high."""
        return self._state(self._sda)[1]

    def scl(self) -> bool:
        """Whether SCL is high."""
        return self._state(self._scl)[1]

    def pull_sda(self, low: bool) -> None:
        """Pull SDA down, or let it go."""
        self._pull(self._sda, low)

    def pull_scl(self, low: bool) -> None:
        """Pull SCL down, or let it go."""
        self._pull(self._scl, low)

    def _pull(self, pin: int, low: bool) -> None:
        # never driven high: who holds the wire would be short-circuited
        self._call("set", str(pin), *(("op", "dl") if low else ("ip",)))

    def _function(self, pin: int) -> str:
        """The name (a0 ...) of the pin's function for the bus, which it must have now.

        Or be an input: so an attempt that was killed in the middle leaves it.
        """
        listed = [word.strip() for word in self._call("funcs", str(pin)).split(",")]
        functions = [word for word in listed[1:] if not re.fullmatch(r"GPIO\d+", word)]
        if self._names[pin] not in functions:
            raise OSError(f"GPIO{pin} has no {self._names[pin]}")
        function = f"a{functions.index(self._names[pin])}"
        now = self._state(pin)[0]
        if now not in (function, "ip"):
            raise OSError(f"GPIO{pin} is in use as {now}, not as {self._names[pin]}")
        return function

    def _state(self, pin: int) -> tuple[str, bool]:
        """Function and level of a pin."""
        text = self._call("get", str(pin))
        found = re.match(r"\s*\d+:\s+(\w+)[^|]*\|\s*(hi|lo)\b", text)
        if found is None:
            raise OSError(f"pinctrl says {text.strip()!r} of GPIO{pin}")
        return found[1], found[2] == "hi"

    def _call(self, *words: str) -> str:
        try:
            done = subprocess.run(
                (str(self._program), *words), capture_output=True, text=True, timeout=CALL_S
            )
        except subprocess.TimeoutExpired:
            raise OSError(f"{self._program.name} does not return") from None
        if done.returncode != 0:
            said = (done.stdout + done.stderr).strip().splitlines()
            raise OSError(said[-1] if said else f"{self._program.name} fails")
        return done.stdout


def load_switch(pin: int, factory: Any) -> Switch:
    """The load switch at ``pin``, on, through ``factory`` (gpiozero's kind). Raises OutputError."""
    from gpiozero import DigitalOutputDevice

    try:
        switch: Switch = DigitalOutputDevice(pin, initial_value=True, pin_factory=factory)
    except Exception as error:  # lgpio and gpiozero have their own, with no common base
        raise OutputError(
            f"GPIO {pin} (load switch of the sensor) cannot be used: {error}.",
            "Check imu.power_pin, and that no other program holds the pin: see gpioinfo.",
        ) from error
    return switch


def fitted(config: ImuConfig, factory: Callable[[], Any] | None = None) -> Recovery:
    """What there is to free the bus of ``config`` with; ``factory()`` makes the pins' factory.

    Raises OutputError where a load switch is configured and cannot be used.
    """
    pin = config.power_pin
    switch = load_switch(pin, factory()) if pin is not None and factory is not None else None
    program = shutil.which("pinctrl") if config.bus in WIRES else None
    return Recovery(PinctrlPins(config.bus, Path(program)) if program else None, switch)
