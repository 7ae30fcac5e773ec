"""The virtual chips against the datasheets: registers, FIFO, scales, time, power."""

import errno
import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gaitpi.hostclock import VirtualClock
from gaitpi.imu.chips.lsm6ds.twin import VirtualLsm6ds
from gaitpi.imu.chips.mpu6050.twin import VirtualMpu6050
from gaitpi.imu.transport import Transport
from gaitpi.imu.virtual.chip import VirtualChip
from gaitpi.imu.virtual.source import Floats, RecordingSource
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.units import G0, RAD_PER_DEG

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
Counts = NDArray[np.int64]

MPU_ACC = 16 * G0 / 32768  # per count at ±16 g
MPU_GYR = RAD_PER_DEG / 16.4
LSM_ACC = 0.488e-3 * G0
LSM_GYR = 0.070 * RAD_PER_DEG


class Numbered:
    """A source of any rate whose sample k can be told from its counts, (k + axis) % 20000."""

    rate_hz: float | None = None
    duration_s = math.inf

    def __init__(self, acc_count: float, gyr_count: float) -> None:
        self._scale = acc_count, gyr_count

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        assert first >= 0
        counts = numbered(first, n).astype(np.float64)
        return counts[:, :3] * self._scale[0], counts[:, 3:] * self._scale[1]


def numbered(first: int, n: int) -> Counts:
    """Counts (n, 6), accelerometer first, of :class:`Numbered`."""
    k = np.arange(first, first + n)[:, None]
    out: Counts = (k + np.arange(6)) % 20000 * np.array([1, -1, 1, -1, 1, -1])
    return out


class Bench:
    """A chip on a bus, with shorthand for its registers."""

    def __init__(self, chip: VirtualChip, clock: VirtualClock) -> None:
        self.chip, self.clock = chip, clock
        self.bus = VirtualTransport([chip])

    def put(self, register: int, *values: int) -> None:
        self.bus.write(self.chip.address, bytes((register, *values)))

    def get(self, register: int, n: int = 1) -> bytes:
        return self.bus.write_read(self.chip.address, bytes((register,)), n)

    def reg(self, register: int) -> int:
        return self.get(register)[0]

    def samples(self, rate_hz: float) -> int:
        """Samples due since the start at 100 s."""
        return math.floor((self.clock.monotonic() - 100.0) * rate_hz) + 1


# -- MPU -------------------------------------------------------------------------------------


def mpu(clock: VirtualClock | None = None, **options: object) -> Bench:
    clock = clock or VirtualClock(100.0)
    source = options.pop("source", Numbered(MPU_ACC, MPU_GYR))
    return Bench(VirtualMpu6050(source, clock, **options), clock)  # type: ignore[arg-type]


def mpu_started(clock: VirtualClock | None = None, **options: object) -> Bench:
    """±16 g, ±2000 °/s, 1 kHz / 5 = 200 Hz, accelerometer and gyroscope into the FIFO."""
    b = mpu(clock, **options)
    b.put(0x1A, 0x01)
    b.put(0x19, 4)
    b.put(0x1B, 0x18, 0x18)
    b.put(0x23, 0x78)
    b.put(0x6A, 0x40)
    b.put(0x6B, 0x01)
    return b


def mpu_count(b: Bench) -> int:
    return int.from_bytes(b.get(0x72, 2), "big")


def mpu_counts(data: bytes) -> Counts:
    return np.frombuffer(data, ">i2").reshape(-1, 6).astype(np.int64)


def test_mpu_reset_values_and_sleep() -> None:
    b = mpu()
    values = {register: b.reg(register) for register in range(128) if register != 0x74}
    trim = range(0x0D, 0x11)  # what the factory found out: different in each part
    assert {r: v for r, v in values.items() if v and r not in trim} == {0x6B: 0x40, 0x75: 0x68}
    b.put(0x1B, 0x18, 0x18)
    b.put(0x23, 0x78)
    b.put(0x6A, 0x40)
    b.clock.sleep(1.0)
    assert b.get(0x3B, 14) == bytes(14)
    assert mpu_count(b) == 0
    assert b.reg(0x3A) == 0
    assert math.isnan(b.chip.source_start_s)


@pytest.mark.parametrize(
    ("who", "writes"),
    [
        (0x68, {0x19: 0xFF, 0x1A: 0x3F, 0x1B: 0xF8, 0x1C: 0xF8, 0x1D: 0x00, 0x37: 0xFE}),
        (0x68, {0x23: 0xFF, 0x38: 0x59, 0x6A: 0x70, 0x6C: 0xFF, 0x68: 0x00}),
        (0x71, {0x1A: 0x7F, 0x1B: 0xFB, 0x1D: 0x0F, 0x6C: 0x3F, 0x78: 0xFE}),
    ],
)
def test_mpu_write_masks(who: int, writes: dict[int, int]) -> None:
    b = mpu(who_am_i=who)
    for register, mask in writes.items():
        b.put(register, 0xFF)
        assert b.reg(register) == mask, hex(register)


@given(register=st.sampled_from([*range(0x3A, 0x63), 0x72, 0x73, 0x75]), value=st.integers(0, 255))
def test_mpu_read_only_registers_stay(register: int, value: int) -> None:
    b = mpu()
    before = b.reg(register)
    b.put(register, value)
    assert b.reg(register) == before


def test_mpu_burst_writes_and_reads_count_up() -> None:
    b = mpu()
    b.put(0x19, 4, 3, 0x18, 0x10)
    assert b.get(0x19, 4) == bytes((4, 3, 0x18, 0x10))
    assert b.get(0x75, 1) == b"\x68"


def test_mpu_device_reset_takes_its_time() -> None:
    b = mpu_started()
    b.clock.sleep(0.3)
    assert mpu_count(b) & 0xFF
    b.put(0x6B, 0x80)
    assert b.reg(0x73) == 0
    assert b.reg(0x6B) == 0xC0
    b.put(0x1B, 0x18)  # lost
    b.clock.sleep(0.1)
    assert b.reg(0x6B) == 0x40
    assert b.get(0x19, 4) == bytes(4)
    assert b.get(0x3B, 14) == bytes(14)
    assert mpu_count(b) == 0


def test_the_6500_family_wakes_at_once() -> None:
    b = mpu(who_am_i=0x70, fifo_bytes=512)
    assert b.reg(0x6B) == 0x01
    assert b.chip.source_start_s == 100.0
    b.clock.sleep(0.01)
    assert b.get(0x3B, 6) != bytes(6)


def test_mpu_sample_rates() -> None:
    for who, config, divider, rate in [
        (0x68, 0, 7, 1000.0),
        (0x68, 7, 79, 100.0),
        (0x68, 3, 4, 200.0),
        (0x71, 3, 4, 200.0),
        (0x71, 0, 79, 8000.0),
    ]:
        b = mpu(who_am_i=who)
        b.put(0x6B, 0x40)
        b.put(0x19, divider, config)
        b.put(0x23, 0x08)
        b.put(0x6A, 0x40)
        b.put(0x6B, 0x01)
        b.clock.sleep(0.0101)
        first = 0 if who == 0x68 else 1  # the 6500 took sample 0 before it was sent to sleep
        assert mpu_count(b) == 6 * (math.floor(0.0101 * rate) + 1 - first), (who, config)


@given(st.integers(0, 31))
def test_mpu_fifo_enable_bits_decide_the_frame(bits: int) -> None:
    b = mpu_started()
    b.put(0x23, bits << 3)
    b.put(0x6A, 0x04)
    b.put(0x6A, 0x40)
    b.clock.sleep(0.0051)
    sample = b.get(0x3B, 14)
    layout = [(1, 0, 6), (16, 6, 8), (8, 8, 10), (4, 10, 12), (2, 12, 14)]
    expected = b"".join(sample[a:z] for bit, a, z in layout if bits & bit)
    assert mpu_count(b) == len(expected)
    assert b.get(0x74, len(expected)) == expected


@pytest.mark.parametrize("acc_range", range(4))
@pytest.mark.parametrize("gyr_range", range(4))
def test_mpu_scales_round_trip(acc_range: int, gyr_range: int) -> None:
    acc = np.array([[-32768, 32767, 0], [1, -1, 16384], [12345, -54, 2047]])
    gyr = acc[:, ::-1]
    clock = VirtualClock()
    source = RecordingSource.from_counts(
        acc,
        gyr,
        200.0,
        2.0 * 2**acc_range * G0 / 32768,
        RAD_PER_DEG / (131.0, 65.5, 32.8, 16.4)[gyr_range],
    )
    b = mpu(clock, source=source)
    b.put(0x1B, gyr_range << 3, acc_range << 3)
    b.put(0x23, 0x78)
    b.put(0x6A, 0x40)
    b.put(0x6B, 0x01)
    clock.sleep(0.0101)
    np.testing.assert_array_equal(mpu_counts(b.get(0x74, 36)), np.hstack((acc, gyr)))


@given(st.floats(-400, 400), st.integers(0, 3))
def test_mpu_rounds_half_to_even_and_clips(acc: float, acc_range: int) -> None:
    source = RecordingSource.from_si([[acc, 0.0, 0.0]], None, 100.0)
    b = mpu(source=source)
    b.put(0x1C, acc_range << 3)
    b.put(0x6B, 0)
    got = int.from_bytes(b.get(0x3B, 2), "big", signed=True)
    exact = acc / (2 * 2**acc_range * G0 / 32768)
    assert got == max(-32768, min(32767, round(exact)))


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.floats(0, 0.35), st.floats(0, 1.2)), max_size=40),
    st.integers(1, 300),
)
def test_mpu_fifo_loses_and_invents_nothing(polls: list[tuple[float, float]], ahead: int) -> None:
    """Any poll times and read sizes, as long as the FIFO has room (0.35 s = 840 bytes)."""
    b = mpu_started(look_ahead=ahead)
    got = b""
    for wait, part in polls:
        b.clock.sleep(wait)
        count = mpu_count(b)
        if count > 1024 - 12 * 71:
            part = 1.0
        got += b.get(0x74, min(count, int(part * count)))
    assert b.reg(0x3A) & 0x10 == 0
    got += b.get(0x74, mpu_count(b))
    np.testing.assert_array_equal(mpu_counts(got), numbered(0, b.samples(200.0)))


@given(st.floats(0.45, 4000.0), st.sampled_from([1024, 512]))
def test_mpu_overflow_drops_the_oldest_bytes_and_says_so(stall: float, depth: int) -> None:
    b = mpu_started(fifo_bytes=depth)
    b.clock.sleep(stall)
    assert mpu_count(b) == depth
    stream = numbered(b.samples(200.0) - 90, 90).astype(">i2").tobytes()
    assert b.get(0x74, depth) == stream[-depth:]  # framing is lost: neither is whole frames
    assert b.reg(0x3A) & 0x10
    assert b.reg(0x3A) & 0x10 == 0
    assert mpu_count(b) == 0


def test_mpu_6500_fifo_mode_keeps_the_oldest() -> None:
    b = mpu_started(who_am_i=0x70, fifo_bytes=512)
    b.put(0x6A, 0x04)
    b.put(0x1A, 0x41)
    b.put(0x6A, 0x40)
    b.clock.sleep(100.0)
    assert mpu_count(b) == 512
    assert b.get(0x74, 504) == numbered(1, 42).astype(">i2").tobytes()
    assert b.reg(0x3A) & 0x10


def test_mpu_count_is_latched_by_its_high_byte() -> None:
    b = mpu_started()
    b.clock.sleep(0.0126)
    assert b.reg(0x72) == 0
    assert b.reg(0x73) == 36
    b.clock.sleep(0.005)
    assert b.reg(0x73) == 36
    assert mpu_count(b) == 48


def test_mpu_empty_fifo_repeats_the_last_byte() -> None:
    b = mpu_started()
    frame = b.get(0x74, 12)
    assert b.get(0x74, 5) == frame[-1:] * 5
    b.clock.sleep(0.0051)
    frame = numbered(1, 1).astype(">i2").tobytes()
    assert b.get(0x74, 14) == frame + frame[-1:] * 2


def test_mpu_fifo_reset() -> None:
    b = mpu_started()
    b.clock.sleep(0.1)
    b.put(0x6A, 0x44)  # the 6050 wants FIFO_EN = 0 for it
    assert mpu_count(b) > 0
    b.put(0x6A, 0x04)
    assert mpu_count(b) == 0
    assert b.reg(0x6A) == 0
    b.clock.sleep(0.1)
    assert mpu_count(b) == 0
    six = mpu_started(who_am_i=0x70)
    six.clock.sleep(0.1)
    six.put(0x6A, 0x44)
    assert mpu_count(six) == 0


def test_mpu_host_can_write_into_the_fifo() -> None:
    b = mpu()
    b.put(0x74, 1, 2, 3)
    assert mpu_count(b) == 3
    assert b.get(0x74, 3) == b"\x01\x02\x03"


def test_mpu_status_clears_on_read() -> None:
    b = mpu_started()
    assert b.reg(0x3A) == 0x01
    assert b.reg(0x3A) == 0x00
    b.put(0x37, 0x10)
    b.clock.sleep(0.006)
    b.get(0x3B, 1)
    assert b.reg(0x3A) == 0x00


def test_mpu_sleep_holds_the_data_and_standby_silences_an_axis() -> None:
    b = mpu_started()
    b.clock.sleep(0.1)
    held = b.get(0x3B, 14)
    b.put(0x6B, 0x40)
    b.clock.sleep(1.0)
    assert b.get(0x3B, 14) == held
    b.put(0x6C, 0x20 | 0x01)
    b.put(0x6B, 0x01)
    b.clock.sleep(0.1)
    data = np.frombuffer(b.get(0x3B, 14), ">i2")
    assert data[0] == 0
    assert data[6] == 0
    assert (data[1:6] != 0).all()


@pytest.mark.parametrize(("who", "per_c", "zero_c"), [(0x68, 340, 36.53), (0x71, 333.87, 21.0)])
def test_mpu_temperature_is_that_of_a_room_and_drifts_slowly(
    who: int, per_c: float, zero_c: float
) -> None:
    b = mpu_started(who_am_i=who)
    seen = []
    for _ in range(60):
        b.clock.sleep(60.0)
        raw = int.from_bytes(b.get(0x41, 2), "big", signed=True)
        seen.append(raw / per_c + zero_c)
    assert 20 < min(seen) < max(seen) < 35
    assert 0 < max(np.diff(seen)) < 1.0


def aux_transfer(b: Bench) -> int:
    """The bus master on for a sample at 50 Hz, as Linux does it; gives its status."""
    b.put(0x19, 19)
    b.put(0x6A, 0x20)
    b.clock.sleep(0.03)
    b.put(0x6A, 0x00)
    b.put(0x27, 0x00)
    return b.reg(0x36)


def aux_read(b: Bench, register: int, n: int, control: int = 0x80) -> bytes:
    b.put(0x25, 0x80 | 0x0C, register, control | n)
    assert aux_transfer(b) == 0
    return b.get(0x49, n)


def aux_write(b: Bench, register: int, value: int) -> None:
    b.put(0x63, value)
    b.put(0x25, 0x0C, register, 0x81)
    assert aux_transfer(b) == 0


def test_mpu9250_compass_answers_on_the_auxiliary_bus() -> None:
    b = mpu(who_am_i=0x71)
    b.put(0x1A, 0x04)
    assert aux_read(b, 0x00, 1) == b"\x48"
    assert aux_read(b, 0x10, 3) == bytes(3)  # not in this mode
    aux_write(b, 0x0A, 0x0F)  # fuse ROM
    assert aux_read(b, 0x10, 3) == b"\x80\x80\x80"
    aux_write(b, 0x0B, 0x01)  # reset
    assert aux_read(b, 0x10, 3) == bytes(3)
    aux_write(b, 0x0A, 0x11)  # a single measurement, 16 bits
    assert aux_read(b, 0x02, 1) == b"\x01"
    assert aux_read(b, 0x02, 8) == b"\x01" + bytes(6) + b"\x10"
    assert aux_read(b, 0x02, 1) == b"\x00"
    # Words swapped from an odd register on: 0x0A comes first, then 0x09.
    aux_write(b, 0x0A, 0x11)
    assert aux_read(b, 0x09, 2, 0xD0) == b"\x10\x10"
    aux_write(b, 0x0A, 0x0F)
    assert aux_read(b, 0x09, 2, 0xD0) == b"\x0f\x00"
    assert aux_read(b, 0x09, 2, 0xC0) == b"\x00\x0f"
    b.chip.power_cycle()
    b.put(0x1A, 0x04)
    assert aux_read(b, 0x10, 3) == bytes(3)


@pytest.mark.parametrize("who", [0x68, 0x70])
def test_mpu_without_compass_has_nobody_on_the_auxiliary_bus(who: int) -> None:
    b = mpu(who_am_i=who)
    b.put(0x6B, 0x01)
    b.put(0x1A, 0x04)
    b.put(0x25, 0x8C, 0x00, 0x81)
    assert aux_transfer(b) == 0x01
    assert b.reg(0x36) == 0  # reading clears it
    assert b.reg(0x49) == 0


# -- LSM6DS ----------------------------------------------------------------------------------


def lsm(who: int = 0x6C, clock: VirtualClock | None = None, **options: object) -> Bench:
    clock = clock or VirtualClock(100.0)
    source = options.pop("source", Numbered(LSM_ACC, LSM_GYR))
    chip = VirtualLsm6ds(source, clock, who_am_i=who, **options)  # type: ignore[arg-type]
    return Bench(chip, clock)


def lsm_started(who: int = 0x6C, clock: VirtualClock | None = None, **options: object) -> Bench:
    """±16 g, ±2000 °/s, 208 Hz, both into the FIFO, continuous mode."""
    b = lsm(who, clock, **options)
    if who >= 0x6B:
        b.put(0x09, 0x55)
        b.put(0x0A, 0x06)
    else:
        b.put(0x08, 0x09)
        b.put(0x0A, 5 << 3 | 6)
    b.put(0x10, 0x54, 0x5C)
    return b


def lsm_count(b: Bench) -> int:
    status = int.from_bytes(b.get(0x3A, 2), "little")
    return status & (0x3FF if b.reg(0x0F) >= 0x6B else 0xFFF if b.reg(0x0F) == 0x69 else 0x7FF)


def tagged(data: bytes) -> Iterator[tuple[int, int, list[int]]]:
    """(sensor, slot, values) of tagged words; the parity is checked."""
    for at in range(0, len(data), 7):
        tag = data[at]
        assert tag.bit_count() % 2 == 0
        yield tag >> 3, tag >> 1 & 3, np.frombuffer(data, "<i2", 3, at + 1).tolist()


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (0x6C, {0x02: 0x3F, 0x0F: 0x6C, 0x12: 0x04, 0x18: 0xE0}),
        (0x69, {0x0F: 0x69, 0x12: 0x04, 0x18: 0x38, 0x19: 0x38, 0x3B: 0x10}),
        (0x6A, {0x0F: 0x6A, 0x12: 0x04, 0x18: 0xE0, 0x3B: 0x10}),
    ],
)
def test_lsm_reset_values(who: int, expected: dict[int, int]) -> None:
    b = lsm(who)
    values = {register: b.reg(register) for register in range(128)}
    assert {r: v for r, v in values.items() if v} == expected
    b.clock.sleep(1.0)
    assert b.get(0x20, 14) == bytes(14)
    assert b.reg(0x1E) == 0


@pytest.mark.parametrize(
    ("who", "masks"),
    [
        (0x6C, {0x09: 0xFF, 0x0A: 0xF7, 0x10: 0xFE, 0x11: 0xFE, 0x13: 0x6E, 0x19: 0x20, 0x0F: 0}),
        (0x69, {0x08: 0x3F, 0x0A: 0x7F, 0x10: 0xFF, 0x11: 0xFE, 0x18: 0x3C, 0x3A: 0, 0x28: 0}),
        (0x6A, {0x09: 0xFF, 0x0A: 0x7F, 0x13: 0xFE, 0x16: 0xF4, 0x3C: 0}),
    ],
)
def test_lsm_write_masks(who: int, masks: dict[int, int]) -> None:
    for register, mask in masks.items():
        b = lsm(who)
        before = b.reg(register)
        b.put(register, 0xFF)
        assert b.reg(register) == (mask or before), hex(register)


def test_lsm_software_reset() -> None:
    for who in (0x69, 0x6A, 0x6C):
        b = lsm_started(who)
        b.clock.sleep(0.1)
        b.put(0x12, 0x01)
        assert b.reg(0x12) == 0x05
        b.clock.sleep(50e-6)
        assert b.reg(0x12) == 0x04
        assert b.get(0x10, 2) == bytes(2)
        b.clock.sleep(1.0)
        assert lsm_count(b) == 0


def test_lsm_without_if_inc_stays_at_the_register() -> None:
    b = lsm()
    b.put(0x12, 0x00)
    assert b.get(0x0F, 3) == b"\x6c\x6c\x6c"


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(0, 0.3), st.floats(0, 1)), max_size=30), st.integers(1, 300))
def test_tagged_fifo_loses_and_invents_nothing(
    polls: list[tuple[float, float]], ahead: int
) -> None:
    b = lsm_started(look_ahead=ahead)
    words = []
    for wait, part in [*polls, (0.0, 1.0)]:
        b.clock.sleep(wait)
        count = lsm_count(b)
        take = count if count > 512 - 2 * 64 else int(part * count)
        words += list(tagged(b.get(0x78, 7 * take)))
    n = b.samples(208.0)
    assert [word[0] for word in words] == [1, 2] * n
    assert [word[1] for word in words] == [k & 3 for k in range(n) for _ in (1, 2)]
    gyr = [word[2] for word in words if word[0] == 1]
    acc = [word[2] for word in words if word[0] == 2]
    np.testing.assert_array_equal(np.hstack((acc, gyr)), numbered(0, n))


def test_tagged_fifo_reads_byte_by_byte_as_in_one_burst() -> None:
    a, b = lsm_started(), lsm_started()
    for bench in (a, b):
        bench.clock.sleep(0.02)
    whole = a.get(0x78, 70)
    cut = b"".join(b.bus.write_read(0x6A, bytes((0x78 + at,)), 1) for at in range(7))
    assert cut + b.get(0x78, 63) == whole
    assert lsm_count(a) == lsm_count(b) == 0
    assert a.get(0x78, 7) == bytes(7)  # tag 0: empty


@given(st.floats(1.24, 3000.0))
def test_tagged_overflow_drops_whole_words(stall: float) -> None:
    b = lsm_started()
    b.clock.sleep(stall)
    status = int.from_bytes(b.get(0x3A, 2), "little")
    assert status & 0x3FF == 512
    assert status & 0x6800 == 0x6800  # overrun, full, latched overrun
    assert b.reg(0x3B) & 0x08 == 0
    n = b.samples(208.0)
    words = list(tagged(b.get(0x78, 7 * 512)))
    assert [word[2] for word in words if word[0] == 2] == numbered(n - 256, 256)[:, :3].tolist()
    assert b.reg(0x3B) & 0x40 == 0


def test_tagged_batch_rates_and_temperature() -> None:
    b = lsm_started()
    b.put(0x0A, 0x00)
    b.put(0x09, 0x54)  # gyroscope 208 Hz, accelerometer 104 Hz
    b.put(0x0A, 0x36)  # temperature 52 Hz
    b.clock.sleep(0.0385)
    words = list(tagged(b.get(0x78, 7 * lsm_count(b))))
    assert [word[0] for word in words] == [1, 2, 3, 1, 1, 2, 1] * 2
    temperature = [word[2][0] / 256 + 25 for word in words if word[0] == 3]
    assert all(20 < t < 30 for t in temperature)


def test_tagged_fifo_mode_stops_when_full_until_bypass() -> None:
    b = lsm_started()
    b.put(0x0A, 0x00)
    b.put(0x0A, 0x01)
    b.clock.sleep(60.0)
    assert lsm_count(b) == 512
    first = next(tagged(b.get(0x78, 7)))
    assert first[2] == numbered(1, 1)[0, 3:].tolist()
    b.clock.sleep(1.0)
    assert lsm_count(b) == 511
    b.put(0x0A, 0x00)
    assert lsm_count(b) == 0
    b.put(0x0A, 0x01)
    b.clock.sleep(0.05)
    assert lsm_count(b) > 0


def test_tagged_watermark_and_depth_limit() -> None:
    b = lsm_started()
    b.put(0x07, 20)
    assert b.reg(0x3B) & 0x80 == 0
    b.clock.sleep(0.1)
    assert b.reg(0x3B) & 0x80
    b.put(0x08, 0x80)  # STOP_ON_WTM
    b.clock.sleep(0.1)
    assert lsm_count(b) == 20


# By decimation (gyroscope, accelerometer): columns of a pattern and the sample each is of.
PATTERNS = {
    (1, 1): ([3, 4, 5, 0, 1, 2], [0] * 6),
    (1, 2): ([3, 4, 5, 0, 1, 2, 3, 4, 5], [0] * 6 + [1] * 3),
    (2, 1): ([3, 4, 5, 0, 1, 2, 0, 1, 2], [0] * 6 + [1] * 3),
    (0, 1): ([0, 1, 2], [0] * 3),
}


@settings(max_examples=60)
@given(
    who=st.sampled_from([0x69, 0x6A]),
    decimation=st.sampled_from(sorted(PATTERNS)),
    polls=st.lists(
        st.tuples(st.one_of(st.floats(0, 0.3), st.floats(0, 90)), st.integers(0, 200)), max_size=12
    ),
)
def test_pattern_tells_the_place_of_the_next_word(
    who: int, decimation: tuple[int, int], polls: list[tuple[float, int]]
) -> None:
    """Also after an overrun: 4096 and 2048 words are no whole number of patterns."""
    b = lsm_started(who)
    b.put(0x0A, 5 << 3)
    b.put(0x08, decimation[0] << 3 | decimation[1])
    b.put(0x0A, 5 << 3 | 6)
    columns, samples = (np.array(part) for part in PATTERNS[decimation])
    period = samples[-1] + 1
    for wait, take in polls:
        b.clock.sleep(wait)
        full = b.reg(0x3B) & 0x60 and lsm_count(b) == 0
        take = take if full else min(take, lsm_count(b))
        at = int.from_bytes(b.get(0x3C, 2), "little")
        assert at < len(columns)
        words = np.frombuffer(b.get(0x3E, 2 * take), "<i2").astype(int)
        place = at + np.arange(take)
        column = columns[place % len(columns)]
        of_sample = place // len(columns) * period + samples[place % len(columns)]
        k = words * np.where(column % 2, -1, 1) - column - of_sample
        assert len(np.unique(k % 20000)) <= 1


def test_pattern_fifo_at_a_rate_of_its_own() -> None:
    b = lsm_started(0x69)  # 208 Hz
    b.get(0x3E, 4)
    assert b.get(0x3C, 2) == b"\x02\x00"
    b.put(0x0A, 0x00)
    b.clock.sleep(0.0121)  # 2 samples
    b.put(0x0A, 3 << 3 | 6)  # 52 Hz, begins with the next sample and a whole set
    b.clock.sleep(0.0577)  # 12 samples
    assert b.get(0x3C, 2) == bytes(2)
    frames = np.frombuffer(b.get(0x3E, 2 * lsm_count(b)), "<i2").reshape(-1, 6)
    assert frames[:, 3].tolist() == [3, 7, 11]


@pytest.mark.parametrize(("who", "depth"), [(0x69, 4096), (0x6A, 2048)])
def test_pattern_fifo_overrun(who: int, depth: int) -> None:
    b = lsm_started(who)
    b.clock.sleep(30.0)
    high = b.reg(0x3B)
    assert high & 0x70 == 0x60  # overrun and full, not empty
    assert lsm_count(b) == 0  # DIFF_FIFO cannot say 2^n
    at = int.from_bytes(b.get(0x3C, 2), "little")
    assert at == -depth % 6
    words = np.frombuffer(b.get(0x3E, 2 * depth), "<i2")
    n = b.samples(208.0)
    stream = numbered(0, n)[:, [3, 4, 5, 0, 1, 2]].ravel()
    np.testing.assert_array_equal(words, stream[-depth:])
    assert b.reg(0x3B) & 0x70 == 0x10
    assert np.frombuffer(b.get(0x3E, 4), "<i2").tolist() == [stream[-1]] * 2


@pytest.mark.parametrize("who", [0x69, 0x6A, 0x6C])
def test_lsm_scales_round_trip(who: int) -> None:
    counts = np.array([[-32768, 32767, 0], [1, -1, 16384]])
    ranges = [(0, 0.061), (1, 0.488), (2, 0.122), (3, 0.244)]
    rates = [(0x0, 8.75), (0x4, 17.5), (0x8, 35.0), (0xC, 70.0), (0x2, 4.375)]
    for fs_xl, mg in ranges:
        for fs_g, mdps in rates:
            source = RecordingSource.from_counts(
                counts, counts[:, ::-1], 200.0, mg * 1e-3 * G0, mdps * 1e-3 * RAD_PER_DEG
            )
            b = lsm(who, source=source)
            b.put(0x10, 0x50 | fs_xl << 2, 0x50 | fs_g)
            for k in (0, 1):
                data = np.frombuffer(b.get(0x22, 12), "<i2").tolist()
                assert data == counts[k, ::-1].tolist() + counts[k].tolist()
                b.clock.sleep(0.00501)


def test_lsm_data_ready_and_temperature() -> None:
    b = lsm(0x69)
    b.put(0x10, 0x50)
    b.clock.sleep(0.01)
    assert b.reg(0x1E) == 0x05  # temperature and accelerometer; the gyroscope is off
    assert b.get(0x22, 6) == bytes(6)
    b.get(0x28, 6)
    assert b.reg(0x1E) == 0x04
    celsius = int.from_bytes(b.get(0x20, 2), "little", signed=True) / 16 + 25
    assert 20 < celsius < 30
    assert b.reg(0x1E) == 0


def test_lsm_boot_loads_trimming_and_leaves_the_registers() -> None:
    b = lsm_started()
    kept = b.get(0x09, 12)
    b.put(0x12, 0x84)
    assert b.reg(0x12) & 0x81 == 0x80
    b.put(0x10, 0x00)  # lost
    b.clock.sleep(0.016)
    assert b.reg(0x12) & 0x81 == 0
    assert b.get(0x09, 12) == kept
    b.put(0x12, 0x05)
    b.clock.sleep(0.001)
    assert b.get(0x10, 2) == bytes(2)


@pytest.mark.parametrize(
    ("who", "page", "register"), [(0x6C, 0x40, 0x15), (0x6C, 0x80, 0x04), (0x69, 0x80, 0x02)]
)
def test_lsm_pages_lie_over_the_registers(who: int, page: int, register: int) -> None:
    b = lsm(who)
    b.put(0x10, 0x5C, 0x5C)
    before = b.get(0x02, 0x1C)
    b.put(0x01, page)
    assert b.reg(0x01) == page
    assert b.reg(0x0F) != who
    b.put(register, 0x3D)
    assert b.reg(register) == 0x3D
    b.put(0x01, 0x00)
    assert b.get(0x02, 0x1C) == before
    b.put(0x01, page)
    assert b.reg(register) == 0x3D
    b.chip.power_cycle()
    assert (b.reg(0x01), b.reg(0x0F)) == (0, who)


def test_lsm_ranges_and_axes_one_part_alone_has() -> None:
    dhcx, ox, ds3 = lsm(0x6B), lsm(0x6C), lsm(0x69)
    for b in (dhcx, ox, ds3):
        b.put(0x10, 0x54, 0x5D)
        b.put(0x18, 0x10)
        b.put(0x19, 0x20)
        b.clock.sleep(1.0)
    assert (dhcx.reg(0x11), ox.reg(0x11)) == (0x5D, 0x5C)  # FS_4000
    full, half = (np.frombuffer(b.get(0x22, 6), "<i2").astype(int) for b in (ox, dhcx))
    assert np.abs(full - 2 * half).max() <= 1
    assert np.abs(full).min() > 100
    on = np.frombuffer(ds3.get(0x22, 12), "<i2") != 0
    assert on.tolist() == [False, False, True, False, True, False]


# -- time, power, bus ------------------------------------------------------------------------


@pytest.mark.parametrize("error", [-0.08, 0.0, 0.05])
def test_the_true_rate_is_off_by_the_rate_error(error: float) -> None:
    for b, rate, frame in (
        (mpu_started(rate_error=error), 200.0, 12),
        (lsm_started(rate_error=error), 208.0, 14),
    ):
        total = 0
        for _ in range(100):
            b.clock.sleep(0.2)
            if frame == 12:
                total += len(b.get(0x74, mpu_count(b)))
            else:
                total += len(b.get(0x78, 7 * lsm_count(b)))
        assert abs(total / frame - 20.0 * rate * (1 + error)) <= 1.01


def test_internal_freq_fine_tells_the_rate_error() -> None:
    assert lsm(rate_error=0.015).reg(0x63) == 10
    assert lsm(rate_error=-0.015).reg(0x63) == 246


class Wave:
    """1 Hz on one axis, any rate."""

    rate_hz: float | None = None
    duration_s = 1e9

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        t = np.arange(first, first + n) / rate_hz
        acc = np.zeros((n, 3))
        acc[:, 0] = 100 * np.sin(2 * np.pi * t)
        return acc, np.zeros((n, 3))


def test_drift_changes_the_rate_and_not_the_motion() -> None:
    """Samples come faster and faster, each of the host time it is taken at."""
    drift = 1e-3
    b = mpu_started(source=Wave(), rate_drift=drift)
    got = b""
    for _ in range(200):
        b.clock.sleep(0.1)
        got += b.get(0x74, mpu_count(b))
    x = mpu_counts(got)[:, 0] * MPU_ACC
    k = np.arange(len(x)) / 200.0
    assert abs(len(x) - 200 * (20 + 0.5 * drift * 20**2)) <= 1
    t = (np.sqrt(1 + 2 * drift * k) - 1) / drift
    # 0.012: the line between two samples under a sine of 100 m/s² at 200 Hz, and half a count.
    assert np.abs(x - 100 * np.sin(2 * np.pi * t)).max() < 0.02


def test_a_recording_keeps_its_own_rate() -> None:
    acc = np.arange(300).reshape(100, 3)
    source = RecordingSource.from_counts(acc, None, 50.0, MPU_ACC, MPU_GYR)
    b = mpu_started(source=source)  # registers: 200 Hz
    b.clock.sleep(0.9999)
    assert mpu_counts(b.get(0x74, mpu_count(b)))[:, :3].tolist() == acc[:50].tolist()
    ended = [b.chip.ended]
    b.clock.sleep(1.0002)
    ended.append(b.chip.ended)
    assert ended == [False, True]
    b.clock.sleep(0.5)
    held = mpu_counts(b.get(0x74, mpu_count(b)))
    assert held[:50, :3].tolist() == acc[50:].tolist()
    assert (held[50:, :3] == acc[-1]).all()
    with pytest.raises(ValueError, match="own rate"):
        mpu(source=source, rate_error=0.01)


def test_power_failure_gives_reset_values_and_the_body_moves_on() -> None:
    b = mpu_started()
    b.clock.sleep(1.0)
    b.chip.power_cycle(0.5)
    with pytest.raises(OSError) as caught:
        b.reg(0x75)
    assert caught.value.errno == errno.EREMOTEIO
    b.clock.sleep(0.5)
    assert b.reg(0x6B) == 0x40
    assert mpu_count(b) == 0
    b.put(0x1A, 0x01)
    b.put(0x19, 4)
    b.put(0x1B, 0x18, 0x18)
    b.put(0x23, 0x78)
    b.put(0x6A, 0x40)
    b.put(0x6B, 0x01)
    b.clock.sleep(0.0051)
    assert mpu_counts(b.get(0x74, 12)).tolist() == numbered(301, 1).tolist()
    assert b.chip.source_start_s == 100.0


def test_supply_that_comes_up_late() -> None:
    b = mpu(power_on_s=100.2)
    with pytest.raises(OSError):
        b.reg(0x75)
    b.clock.sleep(0.2)
    assert b.reg(0x75) == 0x68


def test_the_bus() -> None:
    clock = VirtualClock()
    source = Numbered(1.0, 1.0)
    two = [VirtualMpu6050(source, clock), VirtualLsm6ds(source, clock)]
    bus: Transport = VirtualTransport(two)
    assert bus.name == "virtual"
    assert bus.write_read(0x68, b"\x75", 1) == b"\x68"
    assert bus.write_read(0x6A, b"\x0f", 1) == b"\x6c"
    with pytest.raises(OSError) as nobody:
        bus.write(0x69, b"\x00")
    assert nobody.value.errno == errno.EREMOTEIO
    with pytest.raises(ValueError, match="one address"):
        VirtualTransport([two[0], VirtualMpu6050(source, clock)])
    bus.close()
    bus.close()
    with pytest.raises(OSError):
        bus.write(0x68, b"\x00")


def test_an_unplugged_chip_runs_on() -> None:
    b = mpu_started()
    b.bus.unplug(0x68)
    b.clock.sleep(0.101)
    with pytest.raises(OSError) as caught:
        mpu_count(b)
    assert caught.value.errno == errno.EREMOTEIO
    b.bus.replug(0x68)
    assert mpu_count(b) == 12 * 21


def test_unknown_parts_are_refused() -> None:
    clock = VirtualClock()
    with pytest.raises(ValueError, match="0x68"):
        VirtualLsm6ds(Numbered(1, 1), clock, who_am_i=0x68)
    with pytest.raises(ValueError, match="700"):
        VirtualMpu6050(Numbered(1, 1), clock, fifo_bytes=700)  # type: ignore[arg-type]


# -- recordings ------------------------------------------------------------------------------


def recordings() -> list[Path]:
    return sorted(DATA.glob("*/*.npz"))


@pytest.mark.skipif(not recordings(), reason="no recordings at ../shared/data")
def test_every_recording_comes_back_bit_for_bit() -> None:
    for path in recordings():
        with np.load(path) as file:
            acc = file["acc"]
            gyr = file["gyr"] if "gyr" in file.files else None
            fs = float(file["fs"])
            meta = json.loads(str(file["meta"]))
        assert meta["acc_lsb"] == pytest.approx(MPU_ACC, rel=1e-12)
        b = mpu_started(source=RecordingSource.from_npz(path))
        got = []
        while not b.chip.ended:
            b.clock.sleep(80 / fs)
            got.append(b.get(0x74, mpu_count(b)))
            assert b.reg(0x3A) & 0x10 == 0
        played = mpu_counts(b"".join(got))[: len(acc)]
        assert np.array_equal(played[:, :3], acc), path.name
        assert gyr is None or np.array_equal(played[:, 3:], gyr), path.name
