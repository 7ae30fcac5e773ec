"""A bus, a clock and a signal that go wrong by a script.

A :class:`FaultScript` says what goes wrong and when; its text is the script itself, so a failing
one can be printed, kept and played again. Three players, each of what is its own: the
:class:`FaultyBus` around a transport, the :class:`FaultyClock` around a clock, the
:class:`FaultySource` around a signal. A rate that is off or drifts is the virtual chip's own
(``rate_error``, ``rate_drift``).

On the bus, for the transfers in the trouble's time (``register`` at one register only):

- ``nack``, ``io``, ``arbitration``: refused at once; ``gone``: the adapter is not there (ENODEV)
- ``timeout``: the adapter gives up after its 50 ms; ``slow``: each takes ``value`` s more
- ``stuck``: SDA is held low: all transfers time out from ``at_s`` on, until ``clocks`` clocks on
  SCL free it (0: only cutting the sensor's power does) or ``for_s`` is over
- ``flip``: in what is read, the bits ``value`` of byte ``where`` turn over
- ``reads``: what is read is the byte ``value``, as of a clone with another number
- ``drop``: byte ``where`` of what is read is lost on the way; ``short``: ``where`` bytes come
- ``lose``: ``where`` bytes leave the FIFO unseen before a read of it
- ``other``: another sensor has the wires (the ``other`` of the bus)
- ``brown-out``: once, at ``at_s``: no power for ``for_s``, then all registers at their defaults

Of the clock: ``wall`` steps the wall clock by ``value`` s at ``at_s``; ``stall``: a sleep that
reaches ``at_s`` lasts ``for_s`` longer, as of a process that is given no time.

Of the signal: ``frozen``: it stays as it was; ``clip-acc``, ``clip-gyr``: the axis ``where`` is
``value`` ranges long.
"""

import dataclasses
import errno
import math
import os
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from gaitpi.hostclock import HostClock
from gaitpi.imu.transport import Transport
from gaitpi.imu.virtual.chip import VirtualChip
from gaitpi.imu.virtual.source import Floats, SignalSource
from gaitpi.units import DEG_PER_RAD, G0

ADAPTER_S: Final = 0.05
"""When an adapter gives a hung transfer up, as :mod:`gaitpi.imu.smbus` sets it."""

REFUSED: Final = {
    "nack": errno.EREMOTEIO,
    "io": errno.EIO,
    "arbitration": errno.EAGAIN,
    "gone": errno.ENODEV,
}
HANGING: Final = ("timeout", "stuck")
ALTERING: Final = ("flip", "reads", "drop", "short")
BUS: Final = (*REFUSED, *HANGING, *ALTERING, "slow", "lose", "other", "brown-out")
CLOCK: Final = ("wall", "stall")
SIGNAL: Final = ("frozen", "clip-acc", "clip-gyr")
KINDS: Final = (*BUS, *CLOCK, *SIGNAL)
ONCE: Final = ("brown-out", *CLOCK)
"""Kinds that happen at a time, and not for transfers or samples."""

ACC_RANGE: Final = 16 * G0
GYR_RANGE: Final = 2000.0 / DEG_PER_RAD


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that goes wrong, as the module says.

    From ``at_s`` for ``for_s`` (s since the script began), each transfer with the ``chance``
    (0..1), ``most`` times at most (0 = any). ``register`` -1 = any. Raises ValueError for what is
    none.
    """

    kind: str
    at_s: float = 0.0
    for_s: float = math.inf
    chance: float = 1.0
    most: int = 0
    register: int = -1
    where: int = 0
    value: float = 0.0
    clocks: int = 9

    def __post_init__(self) -> None:
        """Refuse what no player knows."""
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is no trouble; there are {', '.join(KINDS)}")
        if not (self.at_s >= 0.0 and self.for_s >= 0.0 and 0.0 <= self.chance <= 1.0):
            raise ValueError(f"no such time or chance: {self}")

    def covers(self, at_s: float) -> bool:
        """Whether ``at_s`` is in its time."""
        return self.at_s <= at_s < self.at_s + self.for_s

    def __str__(self) -> str:
        """``kind name=value ...``, with what is not the default."""
        words = [self.kind]
        for field in dataclasses.fields(self)[1:]:
            value = getattr(self, field.name)
            if value != field.default:
                words.append(f"{field.name}={value!r}")
        return " ".join(words)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The trouble of a text. Raises ValueError."""
        kind, *words = text.split()
        kinds = {field.name: field.type for field in dataclasses.fields(cls)}
        given: dict[str, float | int] = {}
        for word in words:
            name, _, value = word.partition("=")
            if name not in kinds or name == "kind":
                raise ValueError(f"a trouble has no {name!r}")
            given[name] = int(value) if kinds[name] is int else float(value)
        return cls(kind, **given)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class FaultScript:
    """What goes wrong in one play; chances are drawn from ``seed``, so it is the same each time.

    ``str`` gives a text that :meth:`parse` makes the same script of.
    """

    troubles: tuple[Trouble, ...] = ()
    seed: int = 0

    def of(self, kinds: Sequence[str]) -> tuple[Trouble, ...]:
        """Those of some kinds."""
        return tuple(trouble for trouble in self.troubles if trouble.kind in kinds)

    def __str__(self) -> str:
        """``seed=7; nack at_s=3.0 for_s=2.0 chance=0.1; ...``."""
        return "; ".join((f"seed={self.seed}", *map(str, self.troubles)))

    @classmethod
    def parse(cls, text: str) -> Self:
        """The script of a text. Raises ValueError."""
        head, *rest = (part.strip() for part in text.split(";"))
        name, _, seed = head.partition("=")
        if name != "seed":
            raise ValueError("a script begins with seed=")
        return cls(tuple(map(Trouble.parse, rest)), int(seed))


class FaultyBus:
    """A :class:`gaitpi.imu.transport.Transport` in front of ``inner`` that plays a script.

    ``chips`` are the virtual ones behind it, for their power; ``other`` what answers in place of
    ``inner`` in the trouble of that name. The script begins now, or with :meth:`play`. A test with
    a fault of its own sets ``rule(register, n)`` (called before each transfer, n = 0 for a write;
    an errno, or 0; counted as ``rule``) and ``after(register, data)`` (may change what was read).

    ``done`` transfers were asked for and ``spoilt`` counts by kind what was done to them;
    ``slowest_s`` is the longest that one took.
    """

    def __init__(
        self,
        inner: Transport | None,
        clock: HostClock,
        script: FaultScript | None = None,
        *,
        chips: Sequence[VirtualChip] = (),
        other: Transport | None = None,
        name: str = "",
    ) -> None:
        self.inner = inner
        self.name = name or (inner.name if inner is not None else "virtual")
        self.rule: Callable[[int, int], int] = lambda register, n: 0  # noqa: ARG005
        self.after: Callable[[int, bytes], bytes] = lambda register, data: data  # noqa: ARG005
        self.closed = False
        self.done = 0
        self.spoilt: Counter[str] = Counter()
        self.slowest_s = 0.0
        self._clock = clock
        self._chips = tuple(chips)
        self._other = other
        self.play(script or FaultScript())

    def play(self, script: FaultScript) -> None:
        """Begin a script now; what was left of the one before is over."""
        self._began_s = self._clock.monotonic()
        self._random = random.Random(script.seed)
        self._left = {
            trouble: trouble.most or math.inf
            for trouble in script.of([kind for kind in BUS if kind not in ONCE])
        }
        self._outs = sorted(script.of(("brown-out",)), key=lambda trouble: trouble.at_s)
        self._clocked: Counter[Trouble] = Counter()

    # ------------------------------------------------------------------ the transport

    def write_read(self, address: int, out: bytes, n: int) -> bytes:
        """As the bus behind does, if the script lets it. Raises OSError."""
        began = self._clock.monotonic()
        try:
            bus, struck = self._through(out[0], n)
            for trouble in struck:
                if trouble.kind == "lose":
                    bus.write_read(address, out, max(1, trouble.where))
            data = bus.write_read(address, out, n)
            for trouble in struck:
                data = _altered(trouble, data)
            return self.after(out[0], data)
        finally:
            self.slowest_s = max(self.slowest_s, self._clock.monotonic() - began)

    def write(self, address: int, out: bytes) -> None:
        """As the bus behind does, if the script lets it. Raises OSError."""
        began = self._clock.monotonic()
        try:
            self._through(out[0], 0)[0].write(address, out)
        finally:
            self.slowest_s = max(self.slowest_s, self._clock.monotonic() - began)

    def close(self) -> None:
        """Release the adapter."""
        self.closed = True
        if self.inner is not None:
            self.inner.close()

    # ------------------------------------------------------------------ the other end

    @property
    def held(self) -> bool:
        """Whether SDA is held low now."""
        return any(trouble.kind == "stuck" for trouble in self._now())

    def clock_pulse(self) -> None:
        """A pulse on SCL, given by somebody who has taken the pins."""
        for trouble in self._now():
            if trouble.kind == "stuck" and trouble.clocks:
                self._clocked[trouble] += 1
                if self._clocked[trouble] >= trouble.clocks:
                    del self._left[trouble]

    def cut_power(self) -> None:
        """The sensors' power is cut: who held a wire lets go of it."""
        for trouble in self._now():
            if trouble.kind == "stuck":
                del self._left[trouble]
        for chip in self._chips:
            chip.power_cycle(math.inf)

    def give_power(self) -> None:
        """And given again."""
        for chip in self._chips:
            chip.power_cycle(0.0)

    # ------------------------------------------------------------------ the script

    @property
    def _elapsed_s(self) -> float:
        return self._clock.monotonic() - self._began_s

    def _now(self) -> list[Trouble]:
        """What may strike now."""
        now = self._elapsed_s
        return [trouble for trouble in self._left if trouble.covers(now)]

    def _through(self, register: int, n: int) -> tuple[Transport, list[Trouble]]:
        """The bus to use and what strikes this transfer. Raises OSError."""
        self.done += 1
        while self._outs and self._outs[0].at_s <= self._elapsed_s:
            out = self._outs.pop(0)
            self.spoilt[out.kind] += 1
            for chip in self._chips:
                chip.power_cycle(out.for_s)
        struck = [trouble for trouble in self._now() if self._strikes(trouble, register, n)]
        bus = self.inner
        for trouble in struck:
            if trouble.kind == "slow":
                self._clock.sleep(trouble.value)
            elif trouble.kind == "other":
                bus = self._other
            elif trouble.kind in HANGING:
                self._clock.sleep(ADAPTER_S)
                raise _error(errno.ETIMEDOUT)
            elif trouble.kind in REFUSED:
                raise _error(REFUSED[trouble.kind])
        code = self.rule(register, n)
        if code:
            self.spoilt["rule"] += 1
            raise _error(code)
        if bus is None:
            raise _error(errno.EREMOTEIO)
        return bus, struck

    def _strikes(self, trouble: Trouble, register: int, n: int) -> bool:
        if trouble.register not in (-1, register):
            return False
        if n == 0 and trouble.kind in (*ALTERING, "lose"):
            return False
        if trouble.chance < 1.0 and self._random.random() >= trouble.chance:
            return False
        self.spoilt[trouble.kind] += 1
        self._left[trouble] -= 1
        if self._left[trouble] <= 0:
            del self._left[trouble]
        return True


def _error(code: int) -> OSError:
    return OSError(code, os.strerror(code))


def _altered(trouble: Trouble, data: bytes) -> bytes:
    """What is left of ``data`` after the trouble."""
    at = trouble.where % max(1, len(data))
    if trouble.kind == "flip":
        return data[:at] + bytes((data[at] ^ int(trouble.value),)) + data[at + 1 :]
    if trouble.kind == "reads":
        return bytes((int(trouble.value),)) * len(data)
    if trouble.kind == "drop":
        # the adapter goes on clocking: nobody pulls down what then comes
        return data[:at] + data[at + 1 :] + b"\xff"
    if trouble.kind == "short":
        return data[:at]
    return data


class VirtualPins:
    """The two wires of a :class:`FaultyBus`, for :class:`gaitpi.imu.recovery.Recovery`.

    ``taken`` while they are not the adapter's; ``refuse`` True: they cannot be taken.
    """

    def __init__(self, bus: FaultyBus, *, refuse: bool = False) -> None:
        self._bus = bus
        self._refuse = refuse
        self._scl_low = self._sda_low = False
        self.taken = False

    def take(self) -> None:
        """Take them from the adapter, both let go. Raises OSError."""
        if self._refuse:
            raise OSError(errno.ENOENT, "there is no pinctrl here")
        self.taken = True

    def give_back(self) -> None:
        """They are the adapter's again."""
        self.taken = self._scl_low = self._sda_low = False

    def sda(self) -> bool:
        """Whether SDA is high."""
        return not (self._sda_low or self._bus.held)

    def scl(self) -> bool:
        """Whether SCL is high."""
        return not self._scl_low

    def pull_sda(self, low: bool) -> None:
        """Pull SDA down, or let it go."""
        self._sda_low = low

    def pull_scl(self, low: bool) -> None:
        """Pull SCL down, or let it go."""
        if self._scl_low and not low:
            self._bus.clock_pulse()
        self._scl_low = low


class VirtualSwitch:
    """The load switch in the sensors' supply."""

    def __init__(self, bus: FaultyBus) -> None:
        self._bus = bus
        self.cut = 0

    def off(self) -> None:
        """Cut the power."""
        self.cut += 1
        self._bus.cut_power()

    def on(self) -> None:
        """Give it again."""
        self._bus.give_power()

    def close(self) -> None:
        """Nothing is held."""


class FaultyClock:
    """A :class:`gaitpi.hostclock.HostClock` around ``inner`` that plays a script from now on.

    ``stalls`` tells how many there were.
    """

    def __init__(self, inner: HostClock, script: FaultScript | None = None) -> None:
        self._inner = inner
        self.stalls = 0
        self.play(script or FaultScript())

    def play(self, script: FaultScript) -> None:
        """Begin a script now."""
        self._began_s = self._inner.monotonic()
        self._steps = script.of(("wall",))
        self._stalls = sorted(script.of(("stall",)), key=lambda trouble: trouble.at_s)

    def monotonic(self) -> float:
        """Seconds; steps of the wall clock do not show."""
        return self._inner.monotonic()

    def wall(self) -> float:
        """Wall seconds with the steps so far."""
        now = self._inner.monotonic() - self._began_s
        return self._inner.wall() + sum(step.value for step in self._steps if step.at_s <= now)

    def sleep(self, seconds: float) -> None:
        """Sleep, and longer where the process is given no time."""
        self._inner.sleep(seconds)
        while self._stalls and self._inner.monotonic() - self._began_s >= self._stalls[0].at_s:
            self._inner.sleep(self._stalls.pop(0).for_s)
            self.stalls += 1

    def real_s(self, seconds: float) -> float:
        """As the clock inside."""
        return self._inner.real_s(seconds)

    advance = sleep


class FaultySource:
    """A :class:`gaitpi.imu.virtual.source.SignalSource` around ``inner`` that plays a script.

    Times of the script are those of the signal.
    """

    def __init__(self, inner: SignalSource, script: FaultScript) -> None:
        self._inner = inner
        self.rate_hz = inner.rate_hz
        self.duration_s = inner.duration_s
        self._troubles = script.of(SIGNAL)

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        """Samples as in :class:`gaitpi.imu.virtual.source.SignalSource`."""
        acc, gyr = (values.copy() for values in self._inner.samples(first, n, rate_hz))
        at = np.arange(first, first + n) / rate_hz
        for trouble in self._troubles:
            inside = (at >= trouble.at_s) & (at < trouble.at_s + trouble.for_s)
            if not inside.any():
                continue
            if trouble.kind == "frozen":
                held = self._inner.samples(math.floor(trouble.at_s * rate_hz), 1, rate_hz)
                acc[inside], gyr[inside] = held[0][0], held[1][0]
            elif trouble.kind == "clip-acc":
                acc[inside, trouble.where % 3] = trouble.value * ACC_RANGE
            else:
                gyr[inside, trouble.where % 3] = trouble.value * GYR_RANGE
        return acc, gyr
