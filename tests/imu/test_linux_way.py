"""The way Linux's own drivers go about a part, played against the virtual ones.

What Linux 6.12 writes, reads and waits for from probe to one raw value, as read from its drivers
inv_mpu6050 and st_lsm6dsx. On a real kernel the drivers themselves are the judges; this says
sooner, and anywhere, when a virtual part stops answering as they need it.
"""

import math

import numpy as np
import pytest

from gaitpi.hostclock import VirtualClock
from gaitpi.imu.chips import twins
from gaitpi.imu.virtual.chip import Twin
from gaitpi.imu.virtual.source import Floats
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.units import G0, RAD_PER_DEG

ACC = np.array([3.0, -5.0, 8.0])
GYR = np.array([0.7, -1.1, 1.9])


class Steady:
    """The same acceleration and angular rate all the time."""

    rate_hz: float | None = None
    duration_s = math.inf

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        return np.tile(ACC, (n, 1)), np.tile(GYR, (n, 1))


class Kernel:
    """A register map as the kernel uses one."""

    def __init__(self, twin: Twin) -> None:
        self.clock = VirtualClock(50.0)
        self.bus = VirtualTransport([twin.make(Steady(), self.clock)])
        self.address = twin.address

    def read(self, register: int, n: int = 1) -> bytes:
        return self.bus.write_read(self.address, bytes((register,)), n)

    def value(self, register: int) -> int:
        return self.read(register)[0]

    def write(self, register: int, *values: int, wait_s: float = 0.0) -> None:
        self.bus.write(self.address, bytes((register, *values)))
        self.clock.sleep(wait_s)

    def bits(self, register: int, mask: int, value: int, wait_s: float = 0.0) -> None:
        """Written only where it changes something."""
        before = self.value(register)
        if before & mask != value:
            self.write(register, before & ~mask | value)
        self.clock.sleep(wait_s)


def parts(*linux: str) -> list[Twin]:
    return [twin for twin in twins() if twin.linux in linux]


# ------------------------------------------------------------------ inv_mpu6050


class Mpu(Kernel):
    """Probe, as for a part without an interrupt line."""

    def __init__(self, twin: Twin, compass: bool) -> None:
        super().__init__(twin)
        self.old = twin.linux == "mpu6050"
        self.clock_bits = 0 if self.old else 1
        assert self.value(0x75) == twin.who_am_i
        self.write(0x6B, 0x80, wait_s=0.1)
        if not self.old:
            self.write(0x68, 0x07, wait_s=0.1)
        self.wake()
        self.write(0x6B, self.clock_bits | 0x08)  # thermometer off
        self.write(0x6C, 0x3F, wait_s=0.15)  # both sensors in standby
        self.write(0x1B, 0x18)
        self.write(0x1A, 0x04)
        if not self.old:
            self.write(0x1D, 0x04)
        self.write(0x19, 19)  # 50 Hz
        self.write(0x1C, 0x00)
        self.write(0x37, 0x00)
        if compass:
            self.compass()

    def wake(self) -> None:
        self.write(0x6B, self.clock_bits | 0x08, wait_s=0.005)

    def transfer(self) -> None:
        self.write(0x19, 19)
        self.write(0x6A, 0x20, wait_s=0.03)
        self.write(0x6A, 0x00)
        self.write(0x19, 19)
        self.write(0x27, 0x00)
        assert self.value(0x36) & 0x01 == 0

    def compass_read(self, register: int, n: int) -> bytes:
        self.write(0x25, 0x8C)
        self.write(0x26, register)
        self.write(0x27, 0x80 | n)
        self.transfer()
        return self.read(0x49, n)

    def compass_write(self, register: int, value: int) -> None:
        self.write(0x25, 0x0C)
        self.write(0x26, register)
        self.write(0x63, value)
        self.write(0x27, 0x81)
        self.transfer()

    def compass(self) -> None:
        self.write(0x24, 0x4D)
        self.write(0x34, 0x00)
        self.write(0x67, 0x8F)
        assert self.compass_read(0x00, 1) == b"\x48"
        self.compass_write(0x0B, 0x01)
        self.compass_write(0x0A, 0x0F)
        assert self.compass_read(0x10, 3) == b"\x80\x80\x80"
        self.compass_write(0x0A, 0x00)
        for register, value in ((0x25, 0x8C), (0x26, 0x03), (0x27, 0xD7)):
            self.write(register, value)
        for register, value in ((0x28, 0x0C), (0x29, 0x0A), (0x64, 0x11), (0x2A, 0x81)):
            self.write(register, value)

    def raw(self, register: int) -> int:
        return int.from_bytes(self.read(register, 2), "big", signed=True)


@pytest.mark.parametrize(
    "twin", parts("mpu6050", "mpu6500", "mpu9250", "mpu9255"), ids=lambda twin: twin.part
)
def test_inv_mpu6050_reads_one_value_at_a_time(twin: Twin) -> None:
    kernel = Mpu(twin, compass=twin.linux in ("mpu9250", "mpu9255"))
    kernel.write(0x6B, kernel.clock_bits | 0x48)  # asleep until somebody asks
    kernel.clock.sleep(3.0)
    for _ in range(2):
        kernel.wake()
        kernel.write(0x6C, 0x07, wait_s=0.03 + 0.02)  # the accelerometer first
        acc = [kernel.raw(0x3B + 2 * axis) for axis in range(3)]
        kernel.write(0x6C, 0x00, wait_s=0.07)
        if kernel.old:
            kernel.write(0x6B, 0x09)
        kernel.clock.sleep(0.04)
        gyr = [kernel.raw(0x43 + 2 * axis) for axis in range(3)]
        assert np.abs(np.array(acc) - ACC / (G0 / 16384)).max() <= 1
        assert np.abs(np.array(gyr) - GYR / (RAD_PER_DEG / 16.4)).max() <= 1
        kernel.write(0x6B, kernel.clock_bits, wait_s=0.03)  # thermometer on
        offset, per_c = (12420, 340.0) if kernel.old else (7011, 333.87)
        assert (kernel.raw(0x41) + offset) / per_c == pytest.approx(22.0, abs=0.2)
        kernel.write(0x6C, 0x3F, wait_s=0.15)
        kernel.write(0x6B, kernel.clock_bits | 0x48, wait_s=2.0)


@pytest.mark.parametrize("twin", parts("mpu9250", "mpu9255"), ids=lambda twin: twin.part)
def test_inv_mpu6050_reads_the_compass_with_each_sample(twin: Twin) -> None:
    kernel = Mpu(twin, compass=True)
    kernel.write(0x6A, 0x20, wait_s=0.05)
    assert kernel.value(0x36) & 0x03 == 0
    # Six bytes of a field of zero; then ST2, which says that the values have 16 bits.
    assert kernel.read(0x49, 7) == bytes(6) + b"\x10"


# ------------------------------------------------------------------ st_lsm6dsx


class Lsm(Kernel):
    """Probe, as for a part without an interrupt line and nothing on its second bus."""

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        self.kind = twin.linux or ""
        self.tagged = self.kind in ("lsm6dsox", "ism330dhcx")
        if self.kind != "lsm6ds3":
            self.page(False)
        assert self.value(0x0F) == twin.who_am_i
        status = int.from_bytes(self.read(0x3A, 2), "little")
        assert status & (0x03FF if self.tagged else 0x07FF) == 0
        self.bits(0x0A, 0x07, 0x00)
        self.bits(0x12, 0x01, 0x01, wait_s=0.05)
        self.bits(0x12, 0x80, 0x80, wait_s=0.05)
        assert self.value(0x12) & 0x81 == 0
        lir = (0x56, 0x41) if self.tagged else (0x58, 0x01)
        settings = [(0x12, 0x40), (0x0D, 0x08), lir]
        if self.tagged:
            settings += [(0x13, 0x08), (0x19, 0x20)]
        elif self.kind == "lsm6ds3":
            settings += [(0x58, 0x80), (0x5C, 0x10), (0x07, 0x80)]
        else:
            settings += [(0x19, 0x24), (0x5C, 0x10), (0x07, 0x80)]
        for register, bits in settings:
            self.bits(register, bits, bits)
            assert self.value(register) & bits == bits
        if self.kind != "lsm6ds3":
            for where, who in ((0x4F, 0x40), (0x0F, 0x3D)):
                assert self.second_bus(0x1E, where) != who

    def page(self, on: bool) -> None:
        bit = 0x40 if self.tagged else 0x80
        self.bits(0x01, bit, bit * on, wait_s=1e-4)

    def master(self, on: bool) -> None:
        if self.tagged:
            self.page(True)
        register, bit = (0x14, 0x04) if self.tagged else (0x1A, 0x01)
        self.bits(register, bit, bit * on)
        assert self.value(register) & bit == bit * on
        if self.tagged:
            self.page(False)

    def second_bus(self, address: int, register: int) -> int:
        """A byte of whatever is wired to the part's own bus."""
        slave = 0x15 if self.tagged else 0x02
        self.page(True)
        self.write(slave, address << 1 | 1, register, 0x01)
        assert self.read(slave, 3) == bytes((address << 1 | 1, register, 0x01))
        self.page(False)
        self.bits(0x10, 0xF0, 0x10)
        self.master(True)
        self.clock.sleep(0.16)
        if self.tagged:
            self.page(True)
        answer = self.value(0x02 if self.tagged else 0x2E)
        if self.tagged:
            self.page(False)
        self.bits(0x10, 0xF0, 0x00)
        self.master(False)
        return answer

    def one_shot(self, sensor: int, register: int) -> int:
        self.bits(sensor, 0xF0, 0x10, wait_s=3 / 12.5)
        raw = int.from_bytes(self.read(register, 2), "little", signed=True)
        self.bits(sensor, 0xF0, 0x00)
        return raw


@pytest.mark.parametrize(
    "twin",
    parts("lsm6ds3", "lsm6ds3tr-c", "lsm6dsox", "ism330dhcx"),
    ids=lambda twin: twin.part,
)
def test_st_lsm6dsx_reads_one_value_at_a_time(twin: Twin) -> None:
    kernel = Lsm(twin)
    for _ in range(2):
        acc = [kernel.one_shot(0x10, 0x28 + 2 * axis) for axis in range(3)]
        gyr = [kernel.one_shot(0x11, 0x22 + 2 * axis) for axis in range(3)]
        assert np.abs(np.array(acc) - ACC / (0.061e-3 * G0)).max() <= 1
        assert np.abs(np.array(gyr) - GYR / (8.75e-3 * RAD_PER_DEG)).max() <= 1
        kernel.clock.sleep(1.0)
    kernel.bits(0x10, 0x0C, 0x04)  # ±16 g
    kernel.bits(0x11, 0x0C, 0x0C)  # ±2000 °/s
    acc = [kernel.one_shot(0x10, 0x28 + 2 * axis) for axis in range(3)]
    gyr = [kernel.one_shot(0x11, 0x22 + 2 * axis) for axis in range(3)]
    assert np.abs(np.array(acc) - ACC / (0.488e-3 * G0)).max() <= 1
    assert np.abs(np.array(gyr) - GYR / (70e-3 * RAD_PER_DEG)).max() <= 1
