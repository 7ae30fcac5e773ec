"""A reader on a virtual chip, with hands on the wires."""

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
from gaitpi.imu.transport import Transport
from gaitpi.imu.virtual.chip import Twin
from gaitpi.imu.virtual.source import Floats
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.units import G0

STEP = 0.1  # m/s² between neighbouring numbers: some 20 counts


class Numbered:
    """Every sample carries its own number, so that each one published can be recognised.

    From ``frozen_from`` on (a sample number) all are the same; z can be set to ``spike_ms2``.
    """

    rate_hz: float | None = None
    duration_s: float = math.inf

    def __init__(self) -> None:
        self.frozen_from: float = math.inf
        self.spike_ms2 = G0

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        k = np.minimum(np.arange(first, first + n), self.frozen_from)
        acc = np.stack((k % 1000 * STEP, k // 1000 * STEP, np.full(n, self.spike_ms2)), axis=1)
        gyr = np.stack((k % 10 * 0.1, k % 7 * 0.1, np.ones(n)), axis=1)
        return acc, gyr


class Faulty:
    """A transport that fails, delays or alters transfers as a rule tells it to.

    ``rule(register, n)`` is called before each transfer (n = 0 for a write) and gives an errno
    or 0; ``after(register, data)`` may change what was read.
    """

    name = "virtual"

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.rule: Callable[[int, int], int] = lambda register, n: 0
        self.after: Callable[[int, bytes], bytes] = lambda register, data: data
        self.closed = False

    def _fail(self, register: int, n: int) -> None:
        code = self.rule(register, n)
        if code:
            raise OSError(code, "injected")

    def write_read(self, address: int, out: bytes, n: int) -> bytes:
        self._fail(out[0], n)
        return self.after(out[0], self._inner.write_read(address, out, n))

    def write(self, address: int, out: bytes) -> None:
        self._fail(out[0], 0)
        self._inner.write(address, out)

    def close(self) -> None:
        self.closed = True


def _twin(part: str) -> Twin:
    return next(twin for twin in twins() if twin.part == part)


MPU_6050 = _twin("MPU-6050")
MPU_9250 = _twin("MPU-9250")
OX = _twin("LSM6DSOX")
DS3 = _twin("LSM6DS3")
TRC = _twin("LSM6DS3TR-C")


@dataclass
class Rig:
    """A reader on a virtual chip of true rate ``nominal x (1 + error)``.

    ``chip`` the virtual part, ``data`` what the driver knows of it.
    """

    part: Twin = MPU_6050
    error: float = 0.03
    config: ImuConfig = field(default_factory=ImuConfig)
    poll_s: float = 0.0503
    look_ahead: int = 256

    def __post_init__(self) -> None:
        self.clock = VirtualClock(100.0)
        self.source = Numbered()
        self.chip = self.part.make(
            self.source, self.clock, rate_error=self.error, look_ahead=self.look_ahead
        )
        self.wires = VirtualTransport([self.chip])
        self.bus = Faulty(self.wires)
        self.reader = open_reader(self.bus, self.clock, self.config)
        self.data = next(chip for chip in CHIPS if chip.name == self.part.name)
        self.batches: list[Batch] = []

    def start(self) -> "Rig":
        self.reader.start()
        return self

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
        info = self.reader.info
        acc = batch.counts[:, :3] * info.acc_scale
        gyr = batch.counts[:, 3:] * info.gyr_scale
        low, high = np.rint(acc[:, 0] / STEP), np.rint(acc[:, 1] / STEP)
        k: NDArray[np.int64] = (low + 1000 * high).astype(np.int64)
        assert np.abs(acc[:, 0] - low * STEP).max() < 0.01
        assert np.abs(acc[:, 1] - high * STEP).max() < 0.01
        assert np.abs(gyr[:, 0] - k % 10 * 0.1).max() < 0.01
        assert np.abs(gyr[:, 1] - k % 7 * 0.1).max() < 0.01
        assert np.abs(gyr[:, 2] - 1.0).max() < 0.01
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
            assert (batch.seq, batch.index) == (seq, index)
            index += len(k)
            assert (np.diff(k) == 1).all()
            assert times[0] > last_t
            assert (np.diff(times) > 0).all()
            true = self.chip.source_start_s + k / self.rate
            assert np.abs(times - true).max() < 0.004 + 1 / self.rate
            missing = int(k[0]) - last_k - 1
            if seq and batch.gap_s == 0.0:
                assert missing == 0
            elif seq:
                gaps.append((batch.gap_s, missing))
            last_k, last_t = int(k[-1]), float(times[-1])
        return gaps

    def check_gaps(self, count: int) -> None:
        gaps = self.check()
        assert len(gaps) == count
        for gap_s, missing in gaps:
            assert missing > 0
            assert abs(gap_s * self.rate - missing) <= 1.0
