"""A reader on a virtual chip whose samples carry their numbers, with hands on wires and clock."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gaitpi.config import ImuConfig
from gaitpi.hostclock import VirtualClock
from gaitpi.imu.batch import Batch
from gaitpi.imu.chips import CHIPS, twins
from gaitpi.imu.reader import State, open_reader
from gaitpi.imu.recovery import BusRecovery
from gaitpi.imu.virtual.chip import Twin
from gaitpi.imu.virtual.faulty import FaultScript, FaultyBus, FaultyClock
from gaitpi.imu.virtual.numbered import Numbered, numbers
from gaitpi.imu.virtual.transport import VirtualTransport


class ViolationError(AssertionError):
    """The reader handed on what was not so."""


def need(good: bool, what: str) -> None:
    """Raise ViolationError unless ``good``."""
    if not good:
        raise ViolationError(what)


def part(name: str) -> Twin:
    """The virtual part the maker calls ``name``."""
    return next(twin for twin in twins() if twin.part == name)


@dataclass
class Rig:
    """A reader on a virtual chip of true rate ``nominal x (1 + error)``.

    ``chip`` the virtual part, ``data`` what the driver knows of it, ``bus`` what a script or a rule
    can spoil, in front of ``wires``; ``recovery`` makes what frees the bus.
    """

    part: Twin = field(default_factory=lambda: part("MPU-6050"))
    error: float = 0.03
    config: ImuConfig = field(default_factory=ImuConfig)
    poll_s: float = 0.0503
    look_ahead: int = 256
    recovery: Callable[[FaultyBus], BusRecovery] | None = None

    def __post_init__(self) -> None:
        self.clock = FaultyClock(VirtualClock(100.0))
        self.source = Numbered()
        self.chip = self.part.make(
            self.source, self.clock, rate_error=self.error, look_ahead=self.look_ahead
        )
        self.wires = VirtualTransport([self.chip])
        self.bus = FaultyBus(self.wires, self.clock, chips=[self.chip])
        recovery = self.recovery(self.bus) if self.recovery else None
        self.reader = open_reader(self.bus, self.clock, self.config, recovery)
        self.data = next(chip for chip in CHIPS if chip.name == self.part.name)
        self.batches: list[Batch] = []

    def start(self) -> "Rig":
        self.reader.start()
        return self

    def play(self, script: FaultScript) -> None:
        """Begin a script on bus and clock now."""
        self.bus.play(script)
        self.clock.play(script)

    def run(self, seconds: float, *, until: Callable[[], bool] = lambda: False) -> list[Batch]:
        """Poll for a while; gives the new batches."""
        end = self.clock.monotonic() + seconds
        before = len(self.batches)
        while self.clock.monotonic() < end and not until():
            self.clock.sleep(self.poll_s)
            self.batches += self.reader.poll()
        return self.batches[before:]

    def state(self) -> State:
        return self.reader.state

    @property
    def rate(self) -> float:
        return self.reader.info.rate_hz * (1 + self.error)

    def numbers(self, batch: Batch) -> NDArray[np.int64]:
        """The numbers of the samples of a batch; fails where one is not what was measured."""
        k = numbers(self.reader.info, batch.counts)
        need(bool((k >= 0).all()), f"batch {batch.seq} holds what was not measured")
        return k

    def check(self) -> list[tuple[float, int]]:
        """All that must hold of any stream; gives (gap_s, samples missing) for each gap.

        Samples are whole and in order, batches contiguous inside, numbered through, times
        rise, and lie within a few ms of the truth.
        """
        gaps = []
        last_k, last_t, index = -1, -math.inf, 0
        for seq, batch in enumerate(self.batches):
            k, times = self.numbers(batch), batch.times()
            need((batch.seq, batch.index) == (seq, index), f"batch {seq} is not numbered through")
            index += len(k)
            need(bool((np.diff(k) == 1).all()), f"batch {seq} is not in order")
            need(times[0] > last_t and bool((np.diff(times) > 0).all()), f"times turn in {seq}")
            true = self.chip.source_start_s + k / self.rate
            late = np.abs(times - true).max()
            need(late < 0.004 + 1 / self.rate, f"batch {seq} is {1000 * late:.1f} ms off")
            missing = int(k[0]) - last_k - 1
            if seq and batch.gap_s == 0.0:
                need(missing == 0, f"{missing} samples missing before batch {seq}, no gap told")
            elif seq:
                gaps.append((batch.gap_s, missing))
            last_k, last_t = int(k[-1]), float(times[-1])
        return gaps

    def check_gaps(self, count: int) -> None:
        gaps = self.check()
        need(len(gaps) == count, f"{len(gaps)} gaps, not {count}")
        for gap_s, missing in gaps:
            need(missing > 0, "a gap of nothing")
            off = abs(gap_s * self.rate - missing)
            need(off <= 1.0, f"a gap of {missing} samples is {off:.1f} off")
