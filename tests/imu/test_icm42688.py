"""The virtual ICM-42688-P against its data sheet and Linux's driver; our driver on it."""

import errno
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gaitpi.hostclock import VirtualClock
from gaitpi.imu.chips.icm42688 import ICM42688
from gaitpi.imu.chips.icm42688.twin import VirtualIcm42688
from gaitpi.imu.reader import State
from gaitpi.imu.virtual.source import Floats
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.units import G0, RAD_PER_DEG
from tests.imu.rig import Rig, part

PART = part("ICM-42688-P")


class Counting:
    """Sample k is k counts (±16 g, ±2000 °/s) on x, two times k on y, minus k on z."""

    rate_hz: float | None = None
    duration_s = math.inf

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        counts = np.arange(first, first + n)[:, None] * np.array([1.0, 2.0, -1.0])
        return counts * G0 / 2048, counts * RAD_PER_DEG / 16.4


class Bench:
    """The part on a bus, with shorthand for its registers."""

    def __init__(self, source: Any = None, **options: Any) -> None:
        self.clock = VirtualClock(100.0)
        self.chip = VirtualIcm42688(source or Counting(), self.clock, **options)
        self._bus = VirtualTransport([self.chip])

    def put(self, register: int, *values: int) -> None:
        self._bus.write(0x68, bytes((register, *values)))

    def get(self, register: int, n: int = 1) -> bytes:
        return self._bus.write_read(0x68, bytes((register,)), n)

    def bits(self, register: int, mask: int, value: int) -> None:
        """As regmap_update_bits."""
        self.put(register, self.get(register)[0] & ~mask & 0xFF | value)

    def word(self, register: int) -> int:
        return int.from_bytes(self.get(register, 2), "big", signed=True)

    def count(self) -> int:
        return int.from_bytes(self.get(0x2E, 2), "big")

    def stream(self, fifo: int = 0x43) -> "Bench":
        """Both sensors at 200 Hz, ±16 g and ±2000 °/s, into the FIFO."""
        self.put(0x4F, 0x07, 0x07)
        self.put(0x5F, fifo)
        self.put(0x16, 0x40)
        self.put(0x4E, 0x0F)
        self.get(0x2E, 2)
        return self


def be(data: bytes) -> NDArray[np.int16]:
    return np.frombuffer(data, ">i2").astype(np.int16)


# DS 14 to 17: address (bank * 256 +), value after reset, bits that can be written.
SHEET = [
    *((0x13, 0x05, 0x3F), (0x14, 0x00, 0x3F), (0x16, 0x00, 0xC0), (0x4C, 0x30, 0xF3)),
    *((0x4D, 0x91, 0x0F), (0x4E, 0x00, 0x3F), (0x4F, 0x06, 0xEF), (0x50, 0x06, 0xEF)),
    *((0x51, 0x16, 0xEF), (0x52, 0x11, 0xFF), (0x53, 0x0D, 0x1E), (0x54, 0x23, 0x1F)),
    *((0x5F, 0x00, 0x7F), (0x60, 0x00, 0xFF), (0x61, 0x00, 0x0F), (0x64, 0x10, 0x70)),
    *((0x65, 0x10, 0x7F), (0x75, 0x47, 0x00), (0x103, 0x80, 0x3F), (0x10C, 0x0D, 0x3F)),
    *((0x17A, 0x83, 0x42), (0x17C, 0x5F, 0x9F), (0x203, 0x30, 0x7F), (0x204, 0x40, 0xFF)),
    *((0x205, 0x62, 0xFF), (0x440, 0xA2, 0xFF), (0x477, 0x00, 0xFF)),
]


@pytest.mark.parametrize(("place", "reset", "writable"), SHEET)
def test_reset_values_and_writable_bits(place: int, reset: int, writable: int) -> None:
    b = Bench()
    b.put(0x76, place >> 8)
    assert b.get(place & 0xFF)[0] == reset
    b.put(place & 0xFF, ~reset & 0xFF)
    assert b.get(place & 0xFF)[0] == reset ^ writable
    b.put(0x76, 0)
    b.put(0x11, 0x01)
    b.clock.sleep(0.001)
    b.put(0x76, place >> 8)
    assert b.get(place & 0xFF)[0] == reset


def test_the_bank_is_seen_in_all_banks_and_writes_are_lost_during_reset() -> None:
    b = Bench()
    for bank in (1, 2, 4, 0):
        b.put(0x76, bank)
        assert b.get(0x76)[0] == bank
    b.put(0x11, 0x01)
    b.put(0x4F, 0x07)
    b.clock.sleep(0.001)
    assert b.get(0x4F)[0] == 0x06
    assert b.get(0x11)[0] == 0x00


def linux_probe(b: Bench) -> None:
    """The accesses of inv_icm42600 (6.12) at probe, in its order."""
    assert b.get(0x75)[0] == 0x47
    b.put(0x11, 0x01)
    b.clock.sleep(0.001)
    assert b.get(0x2D)[0] & 0x10  # "reset done bit not set" otherwise
    b.put(0x76, 1)
    b.bits(0x7C, 0x1F, 0x10)
    b.bits(0x7A, 0x40, 0x00)
    b.put(0x76, 0)
    b.bits(0x13, 0x3F, 0x09)
    b.bits(0x4C, 0x03, 0x02)
    b.bits(0x4C, 0x10, 0x10)
    b.bits(0x4D, 0x08, 0x08)
    b.put(0x4E, 0x20)
    b.put(0x4F, 0x09)
    b.put(0x50, 0x09)
    b.put(0x52, 0x00)
    b.bits(0x54, 0x1F, 0x11)
    b.bits(0x4C, 0xE0, 0x20)
    b.bits(0x5F, 0x6F, 0x60)
    b.put(0x14, 0x02)
    b.bits(0x64, 0x10, 0x00)


class Still:
    rate_hz: float | None = None
    duration_s = math.inf

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        return np.tile([1.0, -2.0, G0], (n, 1)), np.tile([0.5, -1.0, 2.0], (n, 1))


def test_linux_finds_it_and_reads_what_we_read() -> None:
    b = Bench(Still())
    linux_probe(b)
    assert b.word(0x1F) == -32768  # DS 14.7: nothing measured yet
    b.put(0x4E, 0x23)  # accelerometer in low-noise mode, temperature off
    b.clock.sleep(0.02)
    acc = [b.word(0x1F + 2 * axis) * 0.004788403 for axis in range(3)]
    assert acc == pytest.approx([1.0, -2.0, G0], abs=0.0048)
    assert b.word(0x25) == -32768
    assert b.word(0x1D) == -32768
    b.put(0x4E, 0x2F)
    b.clock.sleep(0.06)
    gyr = [b.word(0x25 + 2 * axis) * 0.001065264 for axis in range(3)]
    assert gyr == pytest.approx([0.5, -1.0, 2.0], abs=0.0022)
    b.put(0x4E, 0x0F)
    b.clock.sleep(0.02)
    assert (b.word(0x1D) + 3312) * 7.548309e-3 == pytest.approx(22.0, abs=0.05)
    b.put(0x4E, 0x20)  # all off: the last stays
    b.clock.sleep(2.0)
    assert b.word(0x1F) * 0.004788403 == pytest.approx(1.0, abs=0.0048)


def test_linux_buffer_fills_to_the_watermark_and_raises_the_line() -> None:
    b = Bench()
    linux_probe(b)
    b.put(0x50, 0x07)
    b.bits(0x5F, 0x0F, 0x05)  # accelerometer and temperature
    b.put(0x60, 5 * 8, 0)
    b.put(0x4E, 0x03)
    b.clock.sleep(0.02)
    b.bits(0x65, 0x04, 0x04)
    b.put(0x4B, 0x02)
    b.put(0x16, 0x40)
    assert b.count() == 0  # the first count after a flush, as the driver's remark has it
    b.get(0x2D)
    b.clock.sleep(0.018)
    assert not b.chip.int1()
    b.clock.sleep(0.01)
    assert b.chip.int1()
    assert b.get(0x2D)[0] & 0x04
    assert not b.chip.int1()
    n = b.count()
    assert n in (40, 48)
    packets = np.frombuffer(b.get(0x30, n), np.uint8).reshape(-1, 8)
    assert (packets[:, 0] == 0x40).all()
    x = [int.from_bytes(bytes(p[1:3]), "big", signed=True) for p in packets]
    assert (np.diff(x) == 1).all()


def test_packets_of_both_sensors_with_stamp_and_temperature() -> None:
    b = Bench().stream(0x47)
    b.clock.sleep(0.1)
    raw = np.frombuffer(b.get(0x30, b.count()), np.uint8).reshape(-1, 16)
    assert (raw[:, 0] == 0x68).all()
    words = be(raw[:, 1:13].tobytes()).reshape(-1, 6)
    k = words[:, 0]
    assert (np.diff(k) == 1).all()
    assert (words == k[:, None] * np.array([1, 2, -1, 1, 2, -1])).all()
    assert set(raw[:, 13].view(np.int8).tolist()) == {round((22.0 - 25.0) * 2.07)}
    stamps = raw[:, 14].astype(int) << 8 | raw[:, 15]
    assert (np.abs(np.diff(stamps) % 65536 - 5000 * 30 / 32) <= 1).all()  # DS 12.7


def test_one_sensor_alone_makes_short_packets() -> None:
    for fifo, header in ((0x41, 0x40), (0x42, 0x20)):
        b = Bench().stream(fifo)
        b.clock.sleep(0.1)
        raw = np.frombuffer(b.get(0x30, b.count()), np.uint8).reshape(-1, 8)
        assert (raw[:, 0] == header).all()
        assert (np.diff(be(raw[:, 1:3].tobytes())) == 1).all()


def test_the_slower_sensors_missing_samples_are_marked() -> None:
    b = Bench().stream()
    b.put(0x50, 0x08)  # accelerometer at 100 Hz
    b.put(0x4B, 0x02)
    b.count()
    b.clock.sleep(0.1)
    raw = np.frombuffer(b.get(0x30, b.count()), np.uint8).reshape(-1, 16)
    words = be(raw[:, 1:13].tobytes()).reshape(-1, 6)
    missing = words[:, 0] == -32768
    assert missing.sum() == pytest.approx(len(words) / 2, abs=1)
    assert (words[missing, :3] == -32768).all()
    assert (words[:, 3:] != -32768).all()


def test_ends_of_the_range_never_look_like_nothing_measured() -> None:
    class Full(Still):
        def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
            return np.full((n, 3), -400.0), np.full((n, 3), -80.0)

    b = Bench(Full()).stream()
    b.clock.sleep(0.05)
    assert set(be(b.get(0x30, 16)[1:13]).tolist()) == {-32766}
    assert b.word(0x1F) == -32766
    b.put(0x4C, 0xB0)  # FIFO_HOLD_LAST_DATA_EN
    assert b.word(0x1F) == -32768


def test_byte_orders_and_records() -> None:
    b = Bench().stream()
    b.put(0x16, 0x00)
    b.put(0x16, 0x40)
    b.clock.sleep(0.2)
    assert b.count() == 40 * 16
    b.put(0x4C, 0x70)
    assert b.count() == 40
    b.put(0x4C, 0x50)
    assert b.get(0x2E, 2) == bytes((40, 0))
    b.put(0x4C, 0x30)
    big = b.get(0x1F, 12)
    b.put(0x4C, 0x20)
    assert b.get(0x1F, 12) == be(big).astype("<i2").tobytes()


def test_a_read_in_parts_needs_its_bit() -> None:
    for fifo, resumes in ((0x03, False), (0x43, True)):
        b = Bench().stream(fifo)
        b.clock.sleep(0.1)
        n = b.count()
        first = b.get(0x30, 16)
        assert (b.get(0x30, 16) != first) == resumes
        assert b.count() == (n - 32 if resumes else n)
        b.get(0x30, n)
        assert b.count() == 0
        assert b.get(0x30) == b"\xff"


def test_a_full_fifo_drops_whole_packets_or_stops() -> None:
    b = Bench().stream()
    b.get(0x2D)
    b.clock.sleep(5.0)
    assert b.get(0x2D)[0] & 0x02
    assert b.count() == 2048
    raw = np.frombuffer(b.get(0x30, 2048), np.uint8).reshape(-1, 16)
    assert (raw[:, 0] == 0x68).all()
    assert be(raw[-1, 1:3].tobytes())[0] == 1000
    b.put(0x16, 0x80)
    b.clock.sleep(5.0)
    assert be(b.get(0x30, 16)[1:3])[0] == 1001


def test_user_offsets_of_bank_4_are_added() -> None:
    b = Bench(Still()).stream()
    b.put(0x76, 4)
    b.put(0x77, 0x20, 0x0F, 0xE0)  # x +32/32 °/s, y 0xFE0 = -32/32 ... upper nibbles in 0x78
    b.put(0x78, 0xF0)
    b.put(0x7B, 0x00, 0xC8)  # x + 200 * 0.5 mg
    b.put(0x76, 0)
    b.clock.sleep(0.02)
    got = be(b.get(0x1F, 12))
    assert got[0] == pytest.approx((1.0 + 0.1 * G0) / G0 * 2048, abs=1)
    assert got[3] == pytest.approx((0.5 / RAD_PER_DEG + 1.0) * 16.4, abs=1)
    assert got[4] == pytest.approx((-1.0 / RAD_PER_DEG - 1.0) * 16.4, abs=1)


def test_the_time_register_is_latched_by_the_strobe() -> None:
    b = Bench().stream()
    b.put(0x54, 0x11)
    b.clock.sleep(0.5)
    b.put(0x4B, 0x04)
    b.clock.sleep(0.3)
    b.put(0x76, 1)
    assert int.from_bytes(b.get(0x62, 3), "little") == pytest.approx(0.5e6 * 30 / 32, abs=2)


# ------------------------------------------------------------------ our driver


def test_rates_and_their_low_pass() -> None:
    assert [ICM42688.rate(wanted) for wanted in (100, 208, 400, 1000)] == [100, 200, 500, 1000]
    table = {s.name: s.value for s in ICM42688.table(200.0)}
    assert (table["GYRO_CONFIG0"], table["ACCEL_CONFIG0"]) == (0x07, 0x07)
    assert table["GYRO_ACCEL_CONFIG0"] == 0x11  # 92 Hz


def damaged(offset: int, value: int) -> Rig:
    """A reader in whose FIFO one byte is read wrong, once, some time after the start."""
    rig = Rig(PART).start()
    rig.run(2.0)
    hits: list[int] = []

    def after(register: int, data: bytes) -> bytes:
        if register != 0x30 or hits or len(data) < 48:
            return data
        hits.append(1)
        return data[:offset] + bytes((value,)) + data[offset + 1 :]

    rig.bus.after = after
    rig.run(2.0)
    assert hits
    assert rig.state() is State.STREAM
    return rig


def test_a_header_that_is_none_is_flushed_and_told() -> None:
    rig = damaged(16, 0x20)
    assert rig.reader.counters == {"misaligned": 1}
    rig.check_gaps(1)


def test_a_sample_that_was_not_measured_is_not_published() -> None:
    rig = Rig(PART).start()
    rig.run(2.0)
    hits: list[int] = []

    def after(register: int, data: bytes) -> bytes:
        if register != 0x30 or hits or len(data) < 48:
            return data
        hits.append(1)
        return data[:17] + b"\x80\x00" + data[19:]

    rig.bus.after = after
    rig.run(2.0)
    assert hits
    assert rig.reader.counters == {"misaligned": 1}
    rig.check_gaps(1)


def test_half_a_packet_lost_is_found() -> None:
    rig = Rig(PART).start()
    rig.run(2.0)
    rig.clock.sleep(0.03)
    rig.wires.write_read(0x68, b"\x30", 8)
    rig.run(2.0)
    assert rig.reader.counters == {"misaligned": 1}
    rig.check_gaps(1)


def test_without_its_acknowledge_the_spike_filter_is_still_set() -> None:
    """A remark in Linux's driver: this write may cost its own acknowledge. It is repeated."""
    rig = Rig(PART)
    seen: list[int] = []

    def rule(register: int, n: int) -> int:
        if register == 0x7C and n == 0:
            seen.append(register)
            return errno.EREMOTEIO if len(seen) == 1 else 0
        return 0

    rig.bus.rule = rule
    rig.start()
    rig.run(2.0)
    assert len(seen) == 2
    assert rig.reader.counters == {"nack": 1}
    assert rig.check() == []
