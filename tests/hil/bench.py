"""The bench outside the guest: sensor, wires, button and logic analyser on one clock.

It runs in a process of its own, so that nothing in the test delays an edge's time stamp, and is
told what to do through a pipe: the name of a method of :class:`Bench`, and its arguments.
"""

import errno
import math
import multiprocessing
import selectors
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import numpy as np

from gaitpi.hostclock import SystemClock
from gaitpi.imu.transport import Transport
from gaitpi.imu.virtual.chip import VirtualChip
from gaitpi.imu.virtual.faulty import FaultScript, FaultyBus, Trouble
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.source import Floats, SignalSource
from gaitpi.imu.virtual.transport import VirtualTransport
from tests.hil.gpiochip import Edge, GpioChip
from tests.hil.i2cadapter import I2CAdapter

Make = Callable[[SignalSource, SystemClock], VirtualChip]
Vector = tuple[float, float, float]
BUTTON: Final = 27


@dataclass(slots=True)
class Still:
    """A sensor that lies still and turns evenly: the same m/s² and rad/s in every sample.

    ``alive``: one sample of sixteen turns a little faster; a reader that knows that no living
    gyroscope gives the same value for long does not call it frozen.
    """

    acc: Vector
    gyr: Vector
    alive: bool = False
    rate_hz: float | None = None
    duration_s: float = math.inf

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        """Samples as in :class:`~gaitpi.imu.virtual.source.SignalSource`."""
        acc, gyr = np.tile(self.acc, (n, 1)), np.tile(self.gyr, (n, 1))
        if self.alive:
            gyr[np.arange(first, first + n) % 16 == 0, 2] += math.radians(0.1)
        return acc, gyr


@dataclass(slots=True)
class Bench:
    """What can be done from outside. Times are those of the host's monotonic clock, s."""

    wires: FaultyBus
    gpio: GpioChip
    chip: VirtualChip | None = None
    source: SignalSource | None = None
    timers: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def plug(self, make: Make, source: SignalSource) -> None:
        """Solder in a sensor that feels ``source``."""
        self.chip, self.source = make(source, SystemClock()), source
        self.wires.inner = VirtualTransport([self.chip])

    def plug_other(self, make: Callable[[], Transport]) -> None:
        """Solder in something that is no chip of ours."""
        self.chip, self.wires.inner = None, make()

    def unplug(self) -> None:
        """A wire comes off; the sensor keeps its power."""
        bus = self.wires.inner
        assert isinstance(bus, VirtualTransport)
        assert self.chip is not None
        bus.unplug(self.chip.address)

    def replug(self) -> None:
        """The wire is back."""
        bus = self.wires.inner
        assert isinstance(bus, VirtualTransport)
        assert self.chip is not None
        bus.replug(self.chip.address)

    def brown_out(self, seconds: float) -> None:
        """The sensor loses its power for so long: its registers are those of the reset."""
        assert self.chip is not None
        self.chip.power_cycle(seconds)

    def nack(self, seconds: float) -> None:
        """Nobody acknowledges for so long."""
        self.wires.play(FaultScript((Trouble("nack", for_s=seconds),)))

    def nack_every(self, n: int) -> None:
        """One of ``n`` transfers is not acknowledged; 0 = all are."""
        wires = self.wires

        def rule(_register: int, _n: int) -> int:
            return errno.EREMOTEIO if n and wires.done % n == 0 else 0

        wires.rule = rule

    def press(self, seconds: float, line: int = BUTTON) -> float:
        """Press the button for so long; the time it went down."""
        now = time.monotonic()
        self.gpio.set_input(line, 0)
        self._later(seconds, lambda: self.gpio.set_input(line, 1))
        return now

    def live(self) -> None:
        """Let a :class:`Still` show that it lives."""
        assert isinstance(self.source, Still)
        self.source.alive = True

    def source_start_s(self) -> float:
        """When the signal's time 0 was."""
        assert self.chip is not None
        return self.chip.source_start_s

    def strikes(self) -> list[float]:
        """When the feet of a simulated runner really struck."""
        assert isinstance(self.source, SimulatedRunner)
        start = self.source_start_s()
        return [start + float(at) for at in self.source.truth.steps["ic_s"]]

    def refused(self) -> int:
        """Transfers that bad wires have spoilt so far."""
        return self.wires.spoilt.total()

    def transfers(self) -> int:
        """Messages over the bus so far."""
        return self.wires.done

    def now(self) -> float:
        """The clock of all these times."""
        return time.monotonic()

    def edges(self, since_s: float = 0.0) -> list[Edge]:
        """What the logic analyser saw since then."""
        return [edge for edge in self.gpio.edges if edge.time_s >= since_s]

    def keep_levels(self, on: bool) -> None:
        """Whether a line that a program lets go stays as it is: on a Pi it may."""
        self.gpio.keeps = on

    def levels(self) -> list[int]:
        """The outputs now."""
        return list(self.gpio.value)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        self.timers.append((time.monotonic() + seconds, act))


def _serve(folder: Path, pipe: Connection) -> None:
    """Serve devices and commands until the pipe closes."""
    selector = selectors.DefaultSelector()
    wires = FaultyBus(None, SystemClock(), name="bench")
    I2CAdapter(folder / "i2c.sock", selector, wires)
    bench = Bench(wires, GpioChip(folder / "gpio.sock", selector))
    over = False

    def command() -> None:
        nonlocal over
        try:
            name, args, kwargs = pipe.recv()
        except EOFError:
            over = True
            return
        try:
            pipe.send((True, getattr(bench, name)(*args, **kwargs)))
        except Exception as error:  # the test shall see it, whatever it is
            pipe.send((False, f"{type(error).__name__}: {error}"))

    selector.register(pipe.fileno(), selectors.EVENT_READ, command)
    pipe.send((True, None))
    while not over:
        now = time.monotonic()
        for timer in [t for t in bench.timers if t[0] <= now]:
            bench.timers.remove(timer)
            timer[1]()
        wait = min((at for at, _ in bench.timers), default=now + 1.0) - now
        for key, _ in selector.select(max(0.0, wait)):
            if key.fileobj in selector.get_map():  # an earlier one may have hung it up
                key.data()


class BenchError(AssertionError):
    """The bench refused a command."""


class RemoteBench:
    """The bench's other end of the pipe: its methods are those of :class:`Bench`."""

    def __init__(self, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(folder, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._answer()

    def _answer(self) -> Any:
        if not self._pipe.poll(60.0):
            raise BenchError("the bench does not answer")
        good, value = self._pipe.recv()
        if not good:
            raise BenchError(value)
        return value

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*args: object, **kwargs: object) -> Any:
            self._pipe.send((name, args, kwargs))
            return self._answer()

        return call

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(10.0)
        if self._process.is_alive():
            self._process.kill()
