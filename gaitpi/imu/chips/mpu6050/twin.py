"""The MPU-6050 and its 6500/9250 sisters, from InvenSense's register maps.

Sources: RM-MPU-6000A-00 rev. 4.2 ("RM"; register list up to p. 8, FIFO pp. 43–44),
PS-MPU-6000A-00 rev. 3.4 ("PS"), RM-MPU-9250A-00 rev. 1.4 ("RM9"; register list up to p. 9,
FIFO p. 43). Other places are named by the decimal register number the maps are ordered by. Which
pages were read is said in the folder's ``__init__``; what is at others is from memory, checked
against what Linux 6.12's inv_mpu6050 does to the part.

Offset registers keep what is written and change nothing. The auxiliary bus serves slaves 0 to 3
into EXT_SENS_DATA, not into the FIFO; the bypass of INT_PIN_CFG leads nowhere.
"""

import functools
from collections.abc import Sequence
from typing import Final, Literal

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

SMPLRT_DIV: Final = 0x19
CONFIG: Final = 0x1A
GYRO_CONFIG: Final = 0x1B
ACCEL_CONFIG: Final = 0x1C
FIFO_EN: Final = 0x23
I2C_SLV0_ADDR: Final = 0x25  # then _REG and _CTRL; three registers for each of slaves 0 to 3
I2C_MST_STATUS: Final = 0x36
INT_PIN_CFG: Final = 0x37
INT_STATUS: Final = 0x3A
ACCEL_XOUT_H: Final = 0x3B
GYRO_ZOUT_L: Final = 0x48
EXT_SENS_DATA_00: Final = 0x49
I2C_SLV0_DO: Final = 0x63
USER_CTRL: Final = 0x6A
PWR_MGMT_1: Final = 0x6B
PWR_MGMT_2: Final = 0x6C
FIFO_COUNTH: Final = 0x72
FIFO_COUNTL: Final = 0x73
FIFO_R_W: Final = 0x74
WHO_AM_I: Final = 0x75

DEVICE_RESET: Final = 0x80
SLEEP: Final = 0x40
USER_FIFO_EN: Final = 0x40
USER_I2C_MST_EN: Final = 0x20
USER_FIFO_RESET: Final = 0x04
FIFO_MODE: Final = 0x40
INT_RD_CLEAR: Final = 0x10
INT_FIFO_OFLOW: Final = 0x10
INT_DATA_RDY: Final = 0x01

# Counts per °/s by FS_SEL (RM register 67, PS section 6.1): the rounded figures of the data sheet,
# 0.1 % from 2^15 counts at full scale.
GYR_PER_DPS: Final = (131.0, 65.5, 32.8, 16.4)

IDS_6500: Final = frozenset({0x70, 0x71, 0x73, 0x74, 0x75, 0x78, 0x98})
"""WHO_AM_I of the parts with the 6500's registers: 6500, 9250, 9255, 6515, a clone, 6880, 20689.

The last three are played as a 6500, whatever finer differences they have.
"""

# Writable bits, register list of RM. Self-clearing bits (DEVICE_RESET, the resets of USER_CTRL and
# SIGNAL_PATH_RESET) are left out: they are commands and read 0.
_WRITABLE_6050: Final = {
    **dict.fromkeys(range(0x06, 0x0C), 0xFF),  # accelerometer offsets
    **dict.fromkeys(range(0x0D, 0x10), 0xFF),  # self test
    0x10: 0x3F,
    **dict.fromkeys(range(0x13, 0x19), 0xFF),  # gyroscope offsets
    SMPLRT_DIV: 0xFF,
    CONFIG: 0x3F,
    GYRO_CONFIG: 0xF8,
    ACCEL_CONFIG: 0xF8,
    0x1F: 0xFF,  # MOT_THR
    FIFO_EN: 0xFF,
    **dict.fromkeys(range(0x24, 0x35), 0xFF),  # auxiliary bus
    INT_PIN_CFG: 0xFE,
    0x38: 0x59,  # INT_ENABLE
    **dict.fromkeys(range(0x63, 0x67), 0xFF),  # auxiliary bus, data out
    0x67: 0x9F,
    0x69: 0x30,  # MOT_DETECT_CTRL
    USER_CTRL: 0x70,
    PWR_MGMT_1: 0x6F,
    PWR_MGMT_2: 0xFF,
}
# Register list of RM9: FIFO_MODE, FCHOICE_B, ACCEL_CONFIG 2, LP_ACCEL_ODR, offsets, GYRO_STANDBY.
_WRITABLE_6500: Final = {
    **_WRITABLE_6050,
    **dict.fromkeys(range(0x03), 0xFF),  # gyroscope self test
    CONFIG: 0x7F,
    GYRO_CONFIG: 0xFB,
    0x1D: 0x0F,
    0x1E: 0x0F,
    0x69: 0xC0,
    PWR_MGMT_1: 0x7F,
    PWR_MGMT_2: 0x3F,
    **dict.fromkeys((0x77, 0x7A, 0x7D), 0xFF),  # accelerometer offsets
    **dict.fromkeys((0x78, 0x7B, 0x7E), 0xFE),
}

# What the factory writes is different in each part; this one has these codes, and shifts as they
# say. 6050, RM registers 13 to 16: acc 17, 14, 20, gyro 15, 12, 18. 6500: RM9 registers 0 to 2
# and 13 to 15.
_TRIM_6050: Final = {0x0D: 4 << 5 | 15, 0x0E: 3 << 5 | 12, 0x0F: 5 << 5 | 18, 0x10: 0b01_10_00}
_TRIM_6500: Final = {0x00: 180, 0x01: 190, 0x02: 200, 0x0D: 90, 0x0E: 100, 0x0F: 110}
_SHIFT_6050: Final = (
    np.array([0.34 * (0.92 / 0.34) ** ((code - 1) / 30) for code in (17, 14, 20)]) * G0,
    np.array([25, -25, 25]) * 1.046 ** (np.array([15, 12, 18]) - 1.0) * RAD_PER_DEG,
)
_SHIFT_6500: Final = (
    2620 * 1.01 ** (np.array([90, 100, 110]) - 1.0) / 16384 * G0,
    2620 * 1.01 ** (np.array([180, 190, 200]) - 1.0) / 131 * RAD_PER_DEG,
)


IDS_AK8963: Final = frozenset({0x71, 0x73})
"""Parts with a magnetometer in the same package, on the auxiliary bus."""

AK_ADDRESS: Final = 0x0C
AK_CNTL1: Final = 0x0A
AK_CNTL2: Final = 0x0B
AK_ASAX: Final = 0x10
AK_FUSE: Final = 0x0F
_AK_RESET: Final = bytes((0x48, *bytes(0x12)))  # WIA


class _Ak8963:
    """The magnetometer of the MPU-9250 and 9255, in a field of zero: no source has one.

    Table and modes as Linux's inv_mpu_magn uses them, and RM9 section 5. A measurement is ready
    at once.
    """

    def __init__(self) -> None:
        self._r = bytearray(_AK_RESET)

    def read(self, register: int) -> int:
        if AK_ASAX <= register < AK_ASAX + 3:  # 0x80 = no adjustment; only in fuse mode
            return 0x80 if self._r[AK_CNTL1] & 0x0F == AK_FUSE else 0
        if register == 0x09:  # ST2 repeats the output width; reading it ends the measurement
            self._r[0x02] = 0
            return self._r[AK_CNTL1] & 0x10
        return self._r[register] if register < len(self._r) else 0

    def write(self, register: int, value: int) -> None:
        if register == AK_CNTL2 and value & 0x01:
            self._r = bytearray(_AK_RESET)
        elif register == AK_CNTL1:
            single = value & 0x0F == 0x01
            self._r[0x02] = 0x01 * single  # ST1: data ready, then powered down by itself
            self._r[AK_CNTL1] = value & 0x10 if single else value & 0x1F


class VirtualMpu6050(VirtualChip):
    """An MPU-6050, or with a ``who_am_i`` of that family an MPU-6500/9250/9255.

    The 6050 sleeps after power-up and reset (PWR_MGMT_1 = 0x40, RM p. 8); the 6500 family
    wakes at once (0x01, RM9 p. 9). ``fifo_bytes`` 1024 (6050) or 512 (6500 family).
    ``power_on_s``: monotonic time at which its supply comes up, None = it has power.
    Raises ValueError for a FIFO size no part has.
    """

    port = FifoPort(FIFO_R_W, 1)
    # Longest start-up for register access, PS section 6.5 (20 ms typical): a driver that
    # neither waits that long nor looks at the bit is caught.
    reset_s = 0.1
    stays_stopped = False  # the 6500 goes on as soon as there is room (RM9 register 26)

    def __init__(
        self,
        source: SignalSource,
        clock: HostClock,
        *,
        address: int = 0x68,
        who_am_i: int = 0x68,
        rate_error: float = 0.0,
        rate_drift: float = 0.0,
        power_on_s: float | None = None,
        fifo_bytes: Literal[512, 1024] = 1024,
        look_ahead: int = LOOK_AHEAD,
    ) -> None:
        if fifo_bytes not in (512, 1024):
            raise ValueError(f"an MPU has a FIFO of 1024 or 512 bytes, not {fifo_bytes}")
        self._fifo_bytes = fifo_bytes
        self._is_6500 = who_am_i in IDS_6500
        self._compass = _Ak8963() if who_am_i in IDS_AK8963 else None
        super().__init__(
            source,
            clock,
            address,
            Registers(
                {
                    WHO_AM_I: who_am_i,
                    PWR_MGMT_1: 0x01 if self._is_6500 else SLEEP,
                    **(_TRIM_6500 if self._is_6500 else _TRIM_6050),
                },
                _WRITABLE_6500 if self._is_6500 else _WRITABLE_6050,
            ),
            rate_error=rate_error,
            rate_drift=rate_drift,
            power_on_s=power_on_s,
            look_ahead=look_ahead,
        )

    def _begin(self) -> None:
        self._latched = bytes(2)
        super()._begin()

    def power_cycle(self, off_s: float = 0.0) -> None:
        """Power fails for both dies of the package."""
        super().power_cycle(off_s)
        if self._compass is not None:
            self._compass = _Ak8963()

    def read(self, n: int) -> bytes:
        """One read transfer; with INT_RD_CLEAR any read clears the status (RM register 55)."""
        out = super().read(n)
        if self._r[INT_PIN_CFG] & INT_RD_CLEAR:
            self._new_data = self._overflowed = False
        return out

    def _odr(self) -> float | None:
        """RM register 25: 8 kHz without the low-pass, else 1 kHz, over 1 + SMPLRT_DIV.

        The 6500 family divides only the filtered 1 kHz (RM9 register 25).
        """
        if self._r[PWR_MGMT_1] & SLEEP:
            return None
        divided = 1 + self._r[SMPLRT_DIV]
        if self._is_6500 and self._r[GYRO_CONFIG] & 0x03:
            return 32000.0
        if self._r[CONFIG] & 0x07 in (0, 7):
            return 8000.0 if self._is_6500 else 8000.0 / divided
        return 1000.0 / divided

    def _fifo_runs(self) -> bool:
        return bool(self._r[USER_CTRL] & USER_FIFO_EN and self._r[FIFO_EN] & 0xF8)

    def _fifo_stops(self) -> bool:
        return bool(self._is_6500 and self._r[CONFIG] & FIFO_MODE)

    def _depth(self) -> int:
        return self._fifo_bytes

    def _divisors(self) -> Sequence[int]:
        return (1,)

    def _sensors(self, acc: Floats, gyr: Floats, temperature_c: Floats) -> Bytes2d:
        """Registers 0x3B to 0x48 of each sample, (n, 14): acc, temperature, gyro, high first."""
        # RM register 59: 16384 counts per g at ±2 g, half for each step of AFS_SEL.
        acc_count = G0 / (16384 >> (self._r[ACCEL_CONFIG] >> 3 & 3))
        gyr_count = RAD_PER_DEG / GYR_PER_DPS[self._r[GYRO_CONFIG] >> 3 & 3]
        # RM register 65; RM9 register 65 with 333.87 counts per °C and 0 at 21 °C.
        per_c, zero_c = (333.87, 21.0) if self._is_6500 else (340.0, 36.53)
        words = np.empty((len(acc), 7), dtype=">i2")
        words[:, :3] = to_counts(acc, acc_count)
        words[:, 3] = np.rint((temperature_c - zero_c) * per_c)
        words[:, 4:] = to_counts(gyr, gyr_count)
        standby = self._r[PWR_MGMT_2]
        for bit, word in enumerate((6, 5, 4, 2, 1, 0)):  # STBY_ZG … STBY_XA, register 108
            if standby >> bit & 1:
                words[:, word] = 0
        return words.view(np.uint8).reshape(len(acc), 14)

    def _frames(self, slots: NDArray[np.int64], acc: Floats, gyr: Floats) -> list[Bytes2d]:
        """What FIFO_EN lets in, in the order of the registers (RM register 35, p. 44)."""
        flags = self._r[FIFO_EN]
        columns = [
            column
            for bit, first, last in ((3, 0, 6), (7, 6, 8), (6, 8, 10), (5, 10, 12), (4, 12, 14))
            if flags >> bit & 1
            for column in range(first, last)
        ]
        return [self._sensors(acc, gyr, self._temperature_c(slots))[:, columns]]

    def _catch_up(self) -> None:
        before = self._next
        super()._catch_up()
        if self._r[USER_CTRL] & USER_I2C_MST_EN:
            # A read shows what a write of the sample before began; the field never changes.
            for _ in range(min(self._next - before, 2)):
                self._ask_slaves()

    def _ask_slaves(self) -> None:
        """The auxiliary bus: slaves 0 to 3 are served once a sample (RM registers 37 to 54)."""
        at = EXT_SENS_DATA_00
        for n in range(4):
            address, register, control = self._r[I2C_SLV0_ADDR + 3 * n : I2C_SLV0_ADDR + 3 * n + 3]
            size = control & 0x0F
            if not control & 0x80:
                continue
            if self._compass is None or address & 0x7F != AK_ADDRESS:
                self._r[I2C_MST_STATUS] |= 1 << n  # no acknowledge
            elif address & 0x80:
                data = bytes(self._compass.read(register + i) for i in range(size))
                data = _swapped(data, register, control)[: EXT_SENS_DATA_00 + 24 - at]
                self._r[at : at + len(data)] = data
            else:
                self._compass.write(register, self._r[I2C_SLV0_DO + n])
            at += size * (address >> 7)

    def _data(self, acc: Floats, gyr: Floats) -> bytes:
        return self._sensors(acc, gyr, self._temperature_c()).tobytes()

    def _pushed(self) -> tuple[Floats, Floats] | None:
        """RM registers 27, 28: a bit for each axis from 7 (x) to 5 (z)."""
        asked = [self._r[register] >> 5 for register in (ACCEL_CONFIG, GYRO_CONFIG)]
        if not any(asked):
            return None
        on = [np.array([bits >> 2 & 1, bits >> 1 & 1, bits & 1]) for bits in asked]
        acc, gyr = _SHIFT_6500 if self._is_6500 else _SHIFT_6050
        return acc * on[0], gyr * on[1]

    def _empty_entry(self) -> bytes:
        """RM p. 44: the byte read last, again and again."""
        return self._last_entry

    def _load(self, register: int) -> int:
        value = self._r[register]
        if register == INT_STATUS:
            value = INT_DATA_RDY * self._new_data | INT_FIFO_OFLOW * self._overflowed
            self._new_data = self._overflowed = False
        elif register == FIFO_COUNTH:  # RM p. 43: this read latches both bytes
            self._latched = self._count().to_bytes(2, "big")
            value = self._latched[0]
        elif register == FIFO_COUNTL:
            value = self._latched[1]
        elif ACCEL_XOUT_H <= register <= GYRO_ZOUT_L:
            data = self._data_now()
            value = 0 if data is None else data[register - ACCEL_XOUT_H]
        elif register == I2C_MST_STATUS:  # RM register 54: cleared by reading
            self._r[register] = 0
        elif register == PWR_MGMT_1 and self._resetting():
            value |= DEVICE_RESET
        return value

    def _command(self, register: int, value: int) -> None:
        if register == PWR_MGMT_1 and value & DEVICE_RESET:
            self._soft_reset()
        elif register == USER_CTRL and value & USER_FIFO_RESET:
            # RM register 106: on the 6050 the reset needs FIFO_EN = 0; the 6500 resets at any time.
            if self._is_6500 or not value & USER_FIFO_EN:
                self._clear_fifo()
        elif register == FIFO_R_W:
            self._fifo = (self._fifo + bytes((value,)))[-self._fifo_bytes :]

    def _after(self, register: int) -> int:
        return register if register == FIFO_R_W else super()._after(register)


def _swapped(data: bytes, register: int, control: int) -> bytes:
    """Words with their bytes exchanged where I2C_SLVx_BYTE_SW asks for it (RM register 39).

    I2C_SLVx_GRP = 1: words begin at odd registers.
    """
    out = bytearray(data)
    if control & 0x40:
        begin = (control >> 4 ^ register) & 1
        for i in range(begin, len(data) - 1, 2):
            out[i], out[i + 1] = data[i + 1], data[i]
    return bytes(out)


def _twin(name: str, part: str, who_am_i: int, fifo_bytes: Literal[512, 1024], linux: str) -> Twin:
    make = functools.partial(VirtualMpu6050, who_am_i=who_am_i, fifo_bytes=fifo_bytes)
    return Twin(name, part, who_am_i, 0x68, linux, False, make)


TWINS: Final[tuple[Twin, ...]] = (
    _twin("mpu6050", "MPU-6050", 0x68, 1024, "mpu6050"),
    _twin("mpu6500", "MPU-6500", 0x70, 512, "mpu6500"),
    _twin("mpu6500", "MPU-9250", 0x71, 512, "mpu9250"),
    _twin("mpu6500", "MPU-9255", 0x73, 512, "mpu9255"),
)
