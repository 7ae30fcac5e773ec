"""The ICM-20948 with its magnetometer, an AK09916 behind the auxiliary bus.

Register addresses and bits: SparkFun's register header; behaviour: the drivers of SparkFun,
Pimoroni, ArduPilot and PX4; data sheet DS-000189 rev. 1.3, of which pages 25 (clock) and 30 (I2C)
were read. From memory: reset values, the latch of FIFO_COUNT. Assumed: what an empty FIFO gives.

Not modelled beside what :mod:`gaitpi.imu.virtual.chip` names: low-power (LP_CONFIG), the DMP,
offsets. Where the two sensors run at different rates, both follow the signal at the faster one.
The field the magnetometer feels stands still.
"""

import functools
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gaitpi.hostclock import HostClock
from gaitpi.imu.virtual.chip import (
    LOOK_AHEAD,
    Bytes2d,
    FifoPort,
    Registers,
    Twin,
    VirtualChip,
    to_counts,
)
from gaitpi.imu.virtual.source import Floats, SignalSource
from gaitpi.units import G0, RAD_PER_DEG

WHO_AM_I: Final = 0x00
USER_CTRL: Final = 0x03
PWR_MGMT_1: Final = 0x06
PWR_MGMT_2: Final = 0x07
INT_PIN_CFG: Final = 0x0F
INT_STATUS_1: Final = 0x1A
INT_STATUS_2: Final = 0x1B
ACCEL_XOUT_H: Final = 0x2D
TEMP_OUT_L: Final = 0x3A
EXT_SLV_SENS_DATA_00: Final = 0x3B
FIFO_EN_2: Final = 0x67
FIFO_RST: Final = 0x68
FIFO_MODE: Final = 0x69
FIFO_COUNTH: Final = 0x70
FIFO_COUNTL: Final = 0x71
FIFO_R_W: Final = 0x72
DATA_RDY_STATUS: Final = 0x74
REG_BANK_SEL: Final = 0x7F
GYRO_SMPLRT_DIV: Final = 0x200
GYRO_CONFIG_1: Final = 0x201
GYRO_CONFIG_2: Final = 0x202
ACCEL_SMPLRT_DIV_1: Final = 0x210
ACCEL_SMPLRT_DIV_2: Final = 0x211
ACCEL_CONFIG: Final = 0x214
ACCEL_CONFIG_2: Final = 0x215
I2C_SLV0_ADDR: Final = 0x303

DEVICE_RESET: Final = 0x80
SLEEP: Final = 0x40
USER_FIFO_EN: Final = 0x40
USER_I2C_MST_EN: Final = 0x20
USER_SRAM_RST: Final = 0x04
INT_ANYRD_2CLEAR: Final = 0x10
GYR_PER_DPS: Final = (131.0, 65.5, 32.8, 16.4)

_RESET: Final = {
    WHO_AM_I: 0xEA,
    0x05: 0x40,
    PWR_MGMT_1: 0x41,
    GYRO_CONFIG_1: 0x01,
    ACCEL_CONFIG: 0x01,
    0x254: 0x03,
}
# What the factory writes is different in each part: codes of this one, and how it shifts.
_TRIM: Final = {0x102: 170, 0x103: 180, 0x104: 190, 0x10E: 80, 0x10F: 90, 0x110: 100}
_SHIFT: Final = (
    2620 * 1.01 ** (np.array([80, 90, 100]) - 1.0) / 16384 * G0,
    2620 * 1.01 ** (np.array([170, 180, 190]) - 1.0) / 131 * RAD_PER_DEG,
)
# Self-clearing bits (DEVICE_RESET, the resets of USER_CTRL) are commands and read 0.
_WRITABLE: Final = {
    USER_CTRL: 0xF0,
    0x05: 0x70,
    PWR_MGMT_1: 0x6F,
    PWR_MGMT_2: 0x3F,
    INT_PIN_CFG: 0xFE,
    0x10: 0x8F,
    0x11: 0x01,
    0x12: 0x1F,
    0x13: 0x1F,
    0x66: 0x0F,
    FIFO_EN_2: 0x1F,
    FIFO_RST: 0x1F,
    FIFO_MODE: 0x1F,
    0x76: 0x01,
    REG_BANK_SEL: 0x30,
    **dict.fromkeys((0x114, 0x117, 0x11A), 0xFF),
    **dict.fromkeys((0x115, 0x118, 0x11B), 0xFE),
    GYRO_SMPLRT_DIV: 0xFF,
    GYRO_CONFIG_1: 0x3F,
    0x202: 0x3F,
    0x209: 0x01,
    **dict.fromkeys(range(0x203, 0x209), 0xFF),
    ACCEL_SMPLRT_DIV_1: 0x0F,
    ACCEL_SMPLRT_DIV_2: 0xFF,
    0x212: 0x03,
    0x213: 0xFF,
    ACCEL_CONFIG: 0x3F,
    0x215: 0x1F,
    0x252: 0xBF,
    0x253: 0x07,
    0x254: 0x01,
    0x300: 0x0F,
    0x301: 0x9F,
    0x302: 0x9F,
    **dict.fromkeys(range(I2C_SLV0_ADDR, 0x317), 0xFF),
}


class Ak09916:
    """The magnetometer: identity, a field that stands still, the control registers.

    From memory of its data sheet; the names are those of SparkFun's header.
    """

    address = 0x0C
    FIELD_UT: Final = (18.0, 3.0, -42.0)

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._r = bytearray(256)
        self._r[0x00:0x02] = bytes((0x48, 0x09))  # WIA1, WIA2

    def write(self, register: int, value: int) -> None:
        """Write one register."""
        if register == 0x31:  # CNTL2: any mode measures at once here
            self._r[0x31] = value & 0x1F
            if self._r[0x31]:
                field = np.rint(np.array(self.FIELD_UT) / 0.15).astype("<i2")
                self._r[0x11:0x17] = field.tobytes()
                self._r[0x10] = 0x01  # ST1.DRDY
            if self._r[0x31] == 0x01:
                self._r[0x31] = 0  # a single measurement ends in power-down
        elif register == 0x32 and value & 0x01:  # CNTL3.SRST
            self._reset()

    def read(self, register: int, n: int) -> bytes:
        """Read ``n`` registers from ``register`` on; ST2 ends a measurement."""
        out = bytes(self._r[(register + i) & 0xFF] for i in range(n))
        if register <= 0x18 < register + n:
            self._r[0x10] = 0
        return out


class VirtualIcm20948(VirtualChip):
    """An ICM-20948, asleep after power-up and reset.

    ``power_on_s``: monotonic time at which its supply comes up, None = it has power.
    """

    port = FifoPort(FIFO_R_W, 1)
    # Assumed: Pimoroni's driver writes again after 10 ms, and works on real parts.
    reset_s = 0.008
    stays_stopped = False

    def __init__(
        self,
        source: SignalSource,
        clock: HostClock,
        *,
        address: int = 0x68,
        who_am_i: int = 0xEA,
        rate_error: float = 0.0,
        rate_drift: float = 0.0,
        power_on_s: float | None = None,
        look_ahead: int = LOOK_AHEAD,
    ) -> None:
        self._magnetometer = Ak09916()
        super().__init__(
            source,
            clock,
            address,
            Registers(
                _RESET | _TRIM | {WHO_AM_I: who_am_i}, _WRITABLE, banks=4, select=REG_BANK_SEL
            ),
            rate_error=rate_error,
            rate_drift=rate_drift,
            power_on_s=power_on_s,
            look_ahead=look_ahead,
        )

    def _begin(self) -> None:
        self._latched = bytes(2)
        self._external = bytearray(24)
        super()._begin()

    def read(self, n: int) -> bytes:
        """One read transfer; with INT_ANYRD_2CLEAR any read clears the status."""
        out = super().read(n)
        if self._r[INT_PIN_CFG] & INT_ANYRD_2CLEAR:
            self._new_data = self._overflowed = False
        return out

    # -- sampling --

    def _odr(self) -> float | None:
        """1125 Hz over 1 + divider, and 9 kHz (4.5 kHz) without the low-pass."""
        if self._r[PWR_MGMT_1] & SLEEP:
            return None
        rates = []
        if self._r[PWR_MGMT_2] & 0x07 != 0x07:
            divided = 1125.0 / (1 + self._r[GYRO_SMPLRT_DIV])
            rates.append(divided if self._r[GYRO_CONFIG_1] & 1 else 9000.0)
        if self._r[PWR_MGMT_2] & 0x38 != 0x38:
            divider = self._r[ACCEL_SMPLRT_DIV_1] << 8 | self._r[ACCEL_SMPLRT_DIV_2]
            rates.append(1125.0 / (1 + divider) if self._r[ACCEL_CONFIG] & 1 else 4500.0)
        return max(rates, default=None)

    def _fifo_runs(self) -> bool:
        on = self._r[USER_CTRL] & USER_FIFO_EN and not self._r[FIFO_RST] & 0x01
        return bool(on and self._r[FIFO_EN_2])

    def _fifo_stops(self) -> bool:
        return bool(self._r[FIFO_MODE] & 0x01)

    def _depth(self) -> int:
        return 512

    def _divisors(self) -> Sequence[int]:
        return (1,)

    def _sensors(self, acc: Floats, gyr: Floats, temperature_c: Floats) -> Bytes2d:
        """Registers 0x2D to 0x3A of each sample, (n, 14): acc, gyro, temperature, high first."""
        per_g = 16384 >> (self._r[ACCEL_CONFIG] >> 1 & 3)
        per_dps = GYR_PER_DPS[self._r[GYRO_CONFIG_1] >> 1 & 3]
        words = np.empty((len(acc), 7), dtype=">i2")
        words[:, :3] = to_counts(acc, G0 / per_g)
        words[:, 3:6] = to_counts(gyr, RAD_PER_DEG / per_dps)
        words[:, 6] = np.rint((temperature_c - 21.0) * 333.87)
        if self._r[PWR_MGMT_2] & 0x38 == 0x38:
            words[:, :3] = 0
        if self._r[PWR_MGMT_2] & 0x07 == 0x07:
            words[:, 3:6] = 0
        return words.view(np.uint8).reshape(len(acc), 14)

    def _frames(self, slots: NDArray[np.int64], acc: Floats, gyr: Floats) -> list[Bytes2d]:
        """What FIFO_EN_2 lets in, in the order of the registers."""
        flags = self._r[FIFO_EN_2]
        columns = [
            column
            for bit, first, last in ((4, 0, 6), (1, 6, 8), (2, 8, 10), (3, 10, 12), (0, 12, 14))
            if flags >> bit & 1
            for column in range(first, last)
        ]
        return [self._sensors(acc, gyr, self._temperature_c(slots))[:, columns]]

    def _data(self, acc: Floats, gyr: Floats) -> bytes:
        return self._sensors(acc, gyr, self._temperature_c()).tobytes()

    def _pushed(self) -> tuple[Floats, Floats] | None:
        """AX_ST_EN … in bits 4 to 2, XGYRO_CTEN … in bits 5 to 3."""
        asked = self._r[ACCEL_CONFIG_2] >> 2 & 7, self._r[GYRO_CONFIG_2] >> 3 & 7
        if not any(asked):
            return None
        on = [np.array([bits >> 2 & 1, bits >> 1 & 1, bits & 1]) for bits in asked]
        return _SHIFT[0] * on[0], _SHIFT[1] * on[1]

    def _empty_entry(self) -> bytes:
        return b"\xff"

    # -- registers --

    def _bank(self) -> int:
        return self._r[REG_BANK_SEL] >> 4 & 0x03

    def _after(self, register: int) -> int:
        at_port = register == FIFO_R_W and self._bank() == 0
        return register if at_port else super()._after(register)

    def _load(self, register: int) -> int:
        value = self._r[register]
        if register in (INT_STATUS_1, DATA_RDY_STATUS):
            value, self._new_data = int(self._new_data), False
        elif register == INT_STATUS_2:
            value, self._overflowed = int(self._overflowed), False
        elif register == FIFO_COUNTH:  # this read latches both bytes
            self._latched = self._count().to_bytes(2, "big")
            value = self._latched[0]
        elif register == FIFO_COUNTL:
            value = self._latched[1]
        elif ACCEL_XOUT_H <= register <= TEMP_OUT_L:
            data = self._data_now()
            value = 0 if data is None else data[register - ACCEL_XOUT_H]
        elif 0 <= register - EXT_SLV_SENS_DATA_00 < 24:
            value = self._external[register - EXT_SLV_SENS_DATA_00]
        elif register == PWR_MGMT_1 and self._resetting():
            value |= DEVICE_RESET
        return value

    def _command(self, register: int, value: int) -> None:
        if register == PWR_MGMT_1 and value & DEVICE_RESET:
            self._soft_reset()
        elif register == FIFO_RST and value & 0x01:
            self._clear_fifo()
        elif register == USER_CTRL:
            if value & USER_SRAM_RST:
                self._clear_fifo()
            if value & USER_I2C_MST_EN and not self._resetting():
                self._exchange()

    def _exchange(self) -> None:
        """The auxiliary bus is switched on: each slave that is enabled gets its turn."""
        at = 0
        for slave in range(4):
            first = I2C_SLV0_ADDR + 4 * slave
            address, register, control, out = self._r[first : first + 4]
            if not control & 0x80:
                continue
            ours = address & 0x7F == self._magnetometer.address
            if not address & 0x80:
                if ours:
                    self._magnetometer.write(register, out)
                continue
            n = min(control & 0x0F, 24 - at)
            self._external[at : at + n] = self._magnetometer.read(register, n) if ours else bytes(n)
            at += n


TWINS: Final = (
    Twin(
        "icm20948",
        "ICM-20948",
        0xEA,
        0x68,
        None,
        False,
        functools.partial(VirtualIcm20948, who_am_i=0xEA),
    ),
)
