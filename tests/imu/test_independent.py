"""Our driver reads an MPU-6050 that was modelled by somebody else.

The model lies beside the repository, not in it (``../shared/hil/devices/fakeimu.py``).
"""

import errno
import importlib.util
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gaitpi.config import ImuConfig
from gaitpi.hostclock import VirtualClock
from gaitpi.imu.batch import Batch, Floats
from gaitpi.imu.reader import State, open_reader
from gaitpi.units import G0, RAD_PER_DEG

MODEL = Path(__file__).parents[3] / "shared" / "hil" / "devices" / "fakeimu.py"
SPEED = 1.03
"""The model's oscillator runs 3 % fast."""


@pytest.fixture(scope="module")
def fakeimu() -> Any:
    if not MODEL.is_file():
        pytest.skip(
            "the independent MPU-6050 is not here: no ../shared/hil/devices/fakeimu.py beside "
            "the repository"
        )
    spec = importlib.util.spec_from_file_location("fakeimu", MODEL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class ModelTransport:
    """The model's own bus: messages of bytes, None where nobody acknowledges."""

    name = "virtual"

    def __init__(self, bus: Any) -> None:
        self._bus = bus

    def _message(self, address: int, read: bool, data: bytes | int) -> bytes:
        answer: bytes | None = self._bus.msg(address, read, data)
        if answer is None:
            raise OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))
        return answer

    def write_read(self, address: int, out: bytes, n: int) -> bytes:
        self._message(address, False, out)
        return self._message(address, True, n)

    def write(self, address: int, out: bytes) -> None:
        self._message(address, False, out)

    def close(self) -> None:
        pass


class Bench:
    """The reader on the model, in virtual time."""

    def __init__(self, fakeimu: Any) -> None:
        self.clock = VirtualClock(100.0)
        self.model = fakeimu.FakeMPU6050(clock=lambda: SPEED * self.clock.monotonic())
        self.signal = fakeimu.gait
        transport = ModelTransport(fakeimu.Bus([self.model]))
        self.reader = open_reader(transport, self.clock, ImuConfig(rate_hz=200.0))
        self.reader.start()
        self.batches: list[Batch] = []

    def run(self, seconds: float) -> None:
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            self.clock.sleep(0.05)
            self.batches += self.reader.poll()

    def truth(self, first: int, n: int) -> tuple[Floats, Floats]:
        """The model's signal at its samples, (n, 3) m/s² and rad/s."""
        at = [self.signal(self.model.t0 + k / self.model.rate()) for k in range(first, first + n)]
        acc, gyr = (np.array([sample[i] for sample in at]) for i in (0, 1))
        return acc * G0, gyr * RAD_PER_DEG

    def number(self, batch: Batch) -> int:
        """Number of the model's sample that opens the batch: the one its times are nearest to.

        Times are good to a few ms; so some neighbours are tried.
        """
        since = SPEED * batch.times()[0] - self.model.t0
        near = round(since * self.model.rate())
        n = len(batch.counts)
        acc, _ = self.reader.info.si(batch.counts)
        errors = {
            k: np.abs(acc - self.truth(k, n)[0]).max() for k in range(max(0, near - 3), near + 4)
        }
        return min(errors, key=lambda k: errors[k])

    def check(self) -> list[int]:
        """All batches against the signal, to a count; gives the samples missing at each gap."""
        info = self.reader.info
        missing: list[int] = []
        expected: int | None = None
        for batch in self.batches:
            n = len(batch.counts)
            first = self.number(batch)
            acc, gyr = info.si(batch.counts)
            true_acc, true_gyr = self.truth(first, n)
            assert np.abs(acc - true_acc).max() <= info.acc_scale
            # The model has 2^15 counts for 2000 °/s, the data sheet's rounded 16.4 a °/s is
            # 0.1 % more.
            assert (np.abs(gyr - true_gyr) <= info.gyr_scale + 1e-3 * np.abs(true_gyr)).all()
            if batch.gap_s:
                assert expected is not None
                missing.append(first - expected)
                lost = batch.gap_s * self.model.rate() * SPEED
                assert lost == pytest.approx(first - expected, abs=1.0)
            elif expected is not None:
                assert first == expected
            expected = first + n
        return missing


def test_every_sample_is_the_models_signal_at_the_models_rate(fakeimu: Any) -> None:
    bench = Bench(fakeimu)
    bench.run(10.0)
    assert bench.check() == []
    assert sum(len(batch.counts) for batch in bench.batches) == pytest.approx(2060, abs=15)
    assert bench.reader.rate_hz == pytest.approx(200.0 * SPEED, rel=1e-3)
    assert bench.reader.counters == {}
    info = bench.reader.info
    assert (info.chip, info.identity, info.rate_hz) == ("MPU-6050", "tested", 200.0)
    assert bench.batches[-1].temperature_c == pytest.approx(36.53 + 1234 / 340)


def test_an_overflow_of_the_model_is_counted_and_told(fakeimu: Any) -> None:
    bench = Bench(fakeimu)
    bench.run(3.0)
    bench.clock.sleep(2.0)
    bench.run(3.0)
    assert bench.model.overflows > 0
    assert bench.reader.counters == {"overflow": 1}
    (missing,) = bench.check()
    assert missing == pytest.approx(2.0 * 200.0 * SPEED, abs=30)


def test_a_burst_without_acknowledge_costs_no_sample(fakeimu: Any) -> None:
    bench = Bench(fakeimu)
    bench.run(3.0)
    bench.model.fault = lambda read, data: True
    bench.run(0.2)
    bench.model.fault = None
    bench.run(3.0)
    assert bench.reader.state is State.STREAM
    assert bench.check() == []
    assert set(bench.reader.counters) == {"nack"}
    assert bench.reader.counters["nack"] >= 12


def test_a_brown_out_of_the_model_is_noticed(fakeimu: Any) -> None:
    bench = Bench(fakeimu)
    bench.run(3.0)
    before = len(bench.batches)
    bench.check()
    bench.model.power_on()
    bench.run(3.0)
    bench.batches = bench.batches[before:]  # the model counts from a new zero
    assert bench.reader.state is State.STREAM
    assert bench.reader.counters == {"register": 1}
    assert sum(len(batch.counts) for batch in bench.batches) > 400
    assert bench.batches[0].gap_s > 0
    bench.batches[0] = replace(bench.batches[0], gap_s=0.0)
    assert bench.check() == []
