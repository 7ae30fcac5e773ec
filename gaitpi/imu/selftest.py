"""A chip's built-in self-test: it pushes its own masses, and they must move as they should.

The self-test shifts the output of each axis by a force from inside; the mean with it less the mean
without must lie within limits, which the maker gives for all parts or has measured on this one
(factory trim). Data beside the chip's other data, one procedure for all. The sensor must lie still.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from gaitpi.imu.batch import Floats
from gaitpi.imu.bus import I2CBus
from gaitpi.imu.chip import ByteOrder, Setting, Table

AXES: Final = ("x", "y", "z")


class Span(NamedTuple):
    """From ``low`` to ``high``, SI: where the size of a shift must lie."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Stage:
    """The self-test of one sensor, begun from a chip that was just reset.

    ``setup`` wakes it and sets range and rate; ``on`` switches the self-test on; ``register`` the
    first of six with x, y, z, in ``order``; ``scale`` SI per count at that range. After either
    ``settle_s`` s, then ``samples`` means one ``every_s``, which must be longer than a sample
    takes. ``spans(bus)`` gives the limits of x, y, z; it may ask the chip for its trim.
    """

    setup: Table
    on: Table
    register: int
    order: ByteOrder
    scale: float
    settle_s: float
    every_s: float
    samples: int
    spans: Callable[[I2CBus], tuple[Span, Span, Span]]


@dataclass(frozen=True, slots=True)
class SelfTest:
    """Both sensors' self-test; ``source`` says where procedure and limits come from."""

    acc: Stage
    gyr: Stage
    source: str


class Shift(NamedTuple):
    """What an axis did: ``size`` m/s² or rad/s, and where it should lie."""

    sensor: str
    axis: str
    size: float
    span: Span

    @property
    def sound(self) -> bool:
        """Whether it lies there."""
        return self.span.low <= self.size <= self.span.high


def run(bus: I2CBus, reset: Setting, test: SelfTest) -> tuple[Shift, ...]:
    """Six shifts, x y z of acceleration, then of angular rate; the chip is reset afterwards.

    Raises BusFault.
    """
    shifts: list[Shift] = []
    try:
        for sensor, stage in (("acc", test.acc), ("gyr", test.gyr)):
            _write((reset,), bus)
            spans = stage.spans(bus)
            _write(stage.setup, bus)
            without = _mean(bus, stage)
            _write(stage.on, bus)
            size = np.abs(_mean(bus, stage) - without)
            shifts += [
                Shift(sensor, axis, float(one), span)
                for axis, one, span in zip(AXES, size, spans, strict=True)
            ]
    finally:
        _write((reset,), bus)
        bus.rest()
    return tuple(shifts)


def same(span: Span) -> Callable[[I2CBus], tuple[Span, Span, Span]]:
    """Limits that are the same for every axis of every part."""
    return lambda _bus: (span, span, span)


def _write(table: Table, bus: I2CBus) -> None:
    for setting in table:
        setting.write(bus)
        bus.clock.sleep(setting.wait_s)


def _mean(bus: I2CBus, stage: Stage) -> Floats:
    """Mean (3,) of the samples after settling, SI."""
    kind = ">i2" if stage.order == "big" else "<i2"
    bus.clock.sleep(stage.settle_s)
    rows = []
    for _ in range(stage.samples):
        bus.clock.sleep(stage.every_s)
        rows.append(np.frombuffer(bus.read(stage.register, 6), dtype=kind).astype(np.float64))
    mean: Floats = np.mean(rows, axis=0) * stage.scale
    return mean
