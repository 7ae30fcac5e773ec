"""The virtual ICM-20948, judged by a driver that nobody here wrote, and our driver on it."""

import math
from typing import Any

import numpy as np
import pytest
from icm20948 import ICM20948 as Pimoroni

from gaitpi.config import ImuConfig
from gaitpi.hostclock import SystemClock, VirtualClock
from gaitpi.imu.chips.icm20948 import ICM20948
from gaitpi.imu.chips.icm20948.twin import Ak09916, VirtualIcm20948
from gaitpi.imu.reader import State, open_reader
from gaitpi.imu.transport import Transport
from gaitpi.imu.virtual.source import Floats
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.units import G0, RAD_PER_DEG
from tests.imu.rig import Rig, part

PART = part("ICM-20948")


class Still:
    rate_hz: float | None = None
    duration_s = math.inf

    def __init__(self, acc: tuple[float, ...], gyr: tuple[float, ...]) -> None:
        self._acc, self._gyr = np.array(acc), np.array(gyr)

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        return np.tile(self._acc, (n, 1)), np.tile(self._gyr, (n, 1))


class Smbus:
    """What Pimoroni's driver wants of a bus, on one of ours."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def write_byte_data(self, address: int, register: int, value: int) -> None:
        self._transport.write(address, bytes((register, value)))

    def read_byte_data(self, address: int, register: int) -> int:
        return self._transport.write_read(address, bytes((register,)), 1)[0]

    def read_i2c_block_data(self, address: int, register: int, n: int) -> list[int]:
        return list(self._transport.write_read(address, bytes((register,)), n))


@pytest.mark.parametrize("scale_dps", [250, 500, 1000, 2000])
def test_pimoroni_reads_what_we_read(scale_dps: int) -> None:
    """Its waits are real, so this part runs on the machine's clock."""
    slow = scale_dps / 2500 * 2000 * RAD_PER_DEG
    source = Still((-3.0, 30.0, G0), (slow, -slow / 2, slow / 3))
    clock = SystemClock()
    transport = VirtualTransport([VirtualIcm20948(source, clock)])
    theirs = Pimoroni(i2c_bus=Smbus(transport))
    theirs.set_gyro_full_scale(scale_dps)
    got = np.array(theirs.read_accelerometer_gyro_data())
    per_dps = {250: 131.0, 500: 65.5, 1000: 32.8, 2000: 16.4}[scale_dps]

    # Ours on the same part, which the other left at its own settings and in bank 2.
    assert transport.write_read(0x68, b"\x7f", 1) == b"\x20"
    reader = open_reader(transport, clock, ImuConfig())
    reader.start()
    assert reader.info.chip == "ICM-20948"
    counts: list[Any] = []
    while not counts:
        clock.sleep(0.02)
        reader.poll()
        counts += [held.counts for held in reader._held]
    ours = counts[0][-1] * ([reader.info.acc_scale] * 3 + [reader.info.gyr_scale] * 3)
    assert np.abs(got[:3] * G0 - ours[:3]).max() <= ICM20948.acc_scale
    slack = RAD_PER_DEG / per_dps + ICM20948.gyr_scale  # each rounds to counts of its own
    assert np.abs(got[3:] * RAD_PER_DEG - ours[3:]).max() <= slack


def test_pimoroni_finds_the_magnetometer_behind_the_auxiliary_bus() -> None:
    transport = VirtualTransport([VirtualIcm20948(Still((0, 0, G0), (0, 0, 0)), SystemClock())])
    theirs = Pimoroni(i2c_bus=Smbus(transport))
    assert theirs.read_magnetometer_data() == pytest.approx(Ak09916.FIELD_UT, abs=0.08)
    assert theirs.read_temperature() == pytest.approx(22.0, abs=0.1)


class Bench:
    """The part on a bus, with shorthand for its registers."""

    def __init__(self) -> None:
        self.clock = VirtualClock(100.0)
        source = Still((1.0, -2.0, G0), (0.5, -1.0, 2.0))
        self._bus = VirtualTransport([VirtualIcm20948(source, self.clock)])

    def put(self, place: int, *values: int) -> None:
        self._bus.write(0x68, bytes((0x7F, place >> 8 << 4)))
        self._bus.write(0x68, bytes((place & 0xFF, *values)))

    def get(self, place: int, n: int = 1) -> bytes:
        self._bus.write(0x68, bytes((0x7F, place >> 8 << 4)))
        return self._bus.write_read(0x68, bytes((place & 0xFF,)), n)

    def count(self) -> int:
        return int.from_bytes(self.get(0x70, 2), "big")

    def stream(self, fifo: int = 0x1F) -> "Bench":
        self.put(0x06, 0x01)
        self.put(0x200, 4, 0x17)
        self.put(0x210, 0, 4)
        self.put(0x214, 0x17)
        self.put(0x67, fifo)
        self.put(0x03, 0x40)
        return self


def test_it_sleeps_after_power_up_and_forgets_everything_at_a_reset() -> None:
    b = Bench()
    assert b.get(0x00) == b"\xea"
    assert b.get(0x06) == b"\x41"
    b.clock.sleep(0.1)
    assert b.get(0x2D, 14) == bytes(14)
    b.stream()
    b.clock.sleep(0.1)
    assert b.count() > 0
    b.put(0x06, 0x80)
    b.put(0x03, 0x40)  # lost: it is not ready yet
    b.clock.sleep(0.01)
    assert (b.get(0x06), b.get(0x03), b.get(0x201), b.count()) == (b"\x41", b"\0", b"\x01", 0)


@pytest.mark.parametrize(
    ("place", "writable"),
    [
        *((0x03, 0xF0), (0x05, 0x70), (0x07, 0x3F), (0x67, 0x1F), (0x69, 0x1F), (0x201, 0x3F)),
        *((0x209, 0x01), (0x210, 0x0F), (0x211, 0xFF), (0x214, 0x3F), (0x303, 0xFF), (0x00, 0)),
    ],
)
def test_writable_bits(place: int, writable: int) -> None:
    b = Bench()
    before = b.get(place)[0]
    b.put(place, ~before & 0xFF)
    assert b.get(place)[0] == before ^ writable


def test_the_fifo_holds_what_is_chosen_in_the_order_of_the_registers() -> None:
    full = np.frombuffer(_once(0x1F), ">i2")
    assert full[:3] == pytest.approx(np.array([1.0, -2.0, G0]) / G0 * 2048, abs=0.5)
    assert full[3:6] == pytest.approx(np.array([0.5, -1.0, 2.0]) / RAD_PER_DEG * 16.4, abs=0.5)
    assert full[6] / 333.87 + 21.0 == pytest.approx(22.0, abs=0.01)
    assert np.frombuffer(_once(0x10), ">i2").tolist() == full[:3].tolist()
    assert np.frombuffer(_once(0x0E), ">i2").tolist() == full[3:6].tolist()
    assert np.frombuffer(_once(0x05), ">i2").tolist() == full[[4, 6]].tolist()


def _once(fifo: int) -> bytes:
    """The first frame that comes with these bits of FIFO_EN_2."""
    b = Bench().stream(fifo)
    b.clock.sleep(0.1)
    size = 6 * (fifo >> 4 & 1) + 2 * (fifo & 0x0F).bit_count()
    assert b.count() % size == 0
    return b.get(0x72, size)


def test_the_fifo_stands_still_while_its_reset_is_held() -> None:
    b = Bench().stream()
    b.clock.sleep(0.05)
    b.put(0x68, 0x1F)
    assert b.count() == 0
    b.clock.sleep(0.05)
    assert b.count() == 0
    b.put(0x68, 0x1E)  # as the maker's examples leave it
    b.clock.sleep(0.05)
    assert b.count() in (11 * 14, 12 * 14)


def test_a_full_fifo_overwrites_or_stands_as_the_mode_says() -> None:
    b = Bench().stream()
    b.clock.sleep(1.0)
    assert b.get(0x1B)[0] & 0x1F
    assert not b.get(0x1B)[0]
    assert b.count() == 512
    b.put(0x69, 0x01)
    b.put(0x68, 0x1F)
    b.put(0x68, 0x00)
    b.clock.sleep(1.0)
    words = np.frombuffer(b.get(0x72, 28), ">i2")
    assert words[:7].tolist() == words[7:].tolist()  # whole frames: the first ones are still there


def test_the_accelerometer_alone_has_a_divider_of_its_own() -> None:
    b = Bench().stream(0x10)
    b.put(0x07, 0x07)  # gyroscope off
    b.put(0x210, 0, 10)
    b.put(0x68, 0x1F)
    b.put(0x68, 0x00)
    b.clock.sleep(0.5)
    assert b.count() // 6 == pytest.approx(0.5 * 1125 / 11, abs=1)
    b.put(0x07, 0x3F)  # both off
    b.clock.sleep(0.5)
    assert b.count() // 6 == pytest.approx(0.5 * 1125 / 11, abs=1)


# ------------------------------------------------------------------ our driver


def test_rates_and_their_low_pass() -> None:
    assert [round(ICM20948.rate(wanted)) for wanted in (100, 208, 1000)] == [102, 225, 1125]
    fast = {s.name: s.value for s in ICM20948.table(225.0)}
    assert (fast["GYRO_CONFIG_1"], fast["ACCEL_CONFIG"]) == (0x17, 0x17)  # 120 and 111 Hz
    slow = {s.name: s.value for s in ICM20948.table(112.5)}
    assert slow["GYRO_CONFIG_1"] == 0x1F  # 51 Hz


def test_a_byte_lost_from_the_fifo_is_found() -> None:
    rig = Rig(PART).start()
    rig.run(2.0)
    rig.clock.sleep(0.03)
    rig.wires.write_read(0x68, b"\x72", 1)
    rig.run(2.0)
    assert rig.reader.counters == {"misaligned": 1}
    rig.check_gaps(1)


def test_a_word_too_many_is_told_by_the_temperature() -> None:
    """Words are lost and made up to whole frames: only the columns have moved."""
    rig = Rig(PART).start()
    rig.run(2.0)
    hits: list[int] = []

    def after(register: int, data: bytes) -> bytes:
        if register != 0x72 or hits or len(data) < 28:
            return data
        hits.append(1)
        return data[2:] + data[:2]

    rig.bus.after = after
    rig.run(2.0)
    assert hits
    assert rig.reader.counters == {"misaligned": 1}
    assert rig.state() is State.STREAM
    rig.check_gaps(1)
