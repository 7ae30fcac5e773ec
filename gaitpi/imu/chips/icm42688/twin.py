"""The ICM-42688-P, from its data sheet.

Source: DS-000347 rev. 1.5 ("DS"), read; sections and pages are its.

Not modelled beside what :mod:`gaitpi.imu.virtual.chip` names: 20-bit packets, FSYNC, the pedometer
and its kin, I3C. Where the two sensors run at different rates, both follow the signal at the faster
one, and the FIFO marks the slower one's missing samples. A change of what goes into the FIFO leaves
older packets in it; should it overflow before it is read, they are dropped in the new size.
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

DEVICE_CONFIG: Final = 0x11
FIFO_CONFIG: Final = 0x16
TEMP_DATA1: Final = 0x1D
GYRO_DATA_Z0: Final = 0x2A
INT_STATUS: Final = 0x2D
FIFO_COUNTH: Final = 0x2E
FIFO_COUNTL: Final = 0x2F
FIFO_DATA: Final = 0x30
SIGNAL_PATH_RESET: Final = 0x4B
INTF_CONFIG0: Final = 0x4C
PWR_MGMT0: Final = 0x4E
GYRO_CONFIG0: Final = 0x4F
ACCEL_CONFIG0: Final = 0x50
TMST_CONFIG: Final = 0x54
FIFO_CONFIG1: Final = 0x5F
FIFO_CONFIG2: Final = 0x60
FIFO_CONFIG3: Final = 0x61
INT_SOURCE0: Final = 0x65
WHO_AM_I: Final = 0x75
REG_BANK_SEL: Final = 0x76
TMSTVAL0: Final = 0x162
OFFSET_USER0: Final = 0x477

RESET_DONE: Final = 0x10
DATA_RDY: Final = 0x08
FIFO_THS: Final = 0x04
FIFO_FULL: Final = 0x02
INVALID: Final = -32768
"""Stands where there is no measurement, unless FIFO_HOLD_LAST_DATA_EN (DS 12.8)."""

# DS 14.37, 14.38: output data rates in Hz by code; the gyroscope has no codes 12 to 14.
GYR_HZ: Final = {1: 32e3, 2: 16e3, 3: 8e3, 4: 4e3, 5: 2e3, 6: 1e3, 7: 200.0, 8: 100.0} | {
    9: 50.0,
    10: 25.0,
    11: 12.5,
    15: 500.0,
}
ACC_HZ: Final = GYR_HZ | {12: 6.25, 13: 3.125, 14: 1.5625}
# DS tables 1 and 2: counts per °/s and per g by full scale.
GYR_PER_DPS: Final = (16.4, 32.8, 65.5, 131.0, 262.0, 524.3, 1048.6, 2097.2)
ACC_PER_G: Final = (2048.0, 4096.0, 8192.0, 16384.0)

# DS 14 to 17: reset values and writable bits; what is not named is 0 and stays so. Commands
# (SOFT_RESET_CONFIG, SIGNAL_PATH_RESET) read 0.
_RESET: Final = {
    0x13: 0x05,
    0x34: 0x04,
    INTF_CONFIG0: 0x30,
    0x4D: 0x91,
    GYRO_CONFIG0: 0x06,
    ACCEL_CONFIG0: 0x06,
    0x51: 0x16,
    0x52: 0x11,
    0x53: 0x0D,
    TMST_CONFIG: 0x23,
    0x56: 0x82,
    0x62: 0x10,
    0x64: 0x10,
    INT_SOURCE0: 0x10,
    0x103: 0x80,
    0x10B: 0xA0,
    0x10C: 0x0D,
    0x10D: 0xAA,
    0x10E: 0x80,
    0x113: 0x11,
    0x17A: 0x83,
    0x17C: 0x5F,
    0x203: 0x30,
    0x204: 0x40,
    0x205: 0x62,
    0x440: 0xA2,
    0x441: 0x85,
    0x442: 0x51,
    0x443: 0xA4,
    0x444: 0x8C,
    0x445: 0x5C,
    0x446: 0x45,
    0x447: 0x5B,
}
_WRITABLE: Final = {
    DEVICE_CONFIG: 0x10,
    0x13: 0x3F,
    0x14: 0x3F,
    FIFO_CONFIG: 0xC0,
    INTF_CONFIG0: 0xF3,
    0x4D: 0x0F,
    PWR_MGMT0: 0x3F,
    GYRO_CONFIG0: 0xEF,
    ACCEL_CONFIG0: 0xEF,
    0x51: 0xEF,
    0x52: 0xFF,
    0x53: 0x1E,
    TMST_CONFIG: 0x1F,
    0x56: 0xFB,
    0x57: 0x0F,
    FIFO_CONFIG1: 0x7F,
    FIFO_CONFIG2: 0xFF,
    FIFO_CONFIG3: 0x0F,
    0x62: 0x73,
    0x63: 0x3F,
    0x64: 0x70,
    INT_SOURCE0: 0x7F,
    0x66: 0x4F,
    0x68: 0x7F,
    0x69: 0x4F,
    0x70: 0x7F,
    REG_BANK_SEL: 0x07,
    0x103: 0x3F,
    0x10B: 0x03,
    0x10C: 0x3F,
    0x113: 0x70,
    0x17A: 0x42,
    0x17B: 0x06,
    0x17C: 0x9F,
    **dict.fromkeys((*range(0x10D, 0x112), *range(0x15F, 0x162)), 0xFF),
    0x112: 0x3F,
    0x203: 0x7F,
    0x204: 0xFF,
    0x205: 0xFF,
    **dict.fromkeys(range(0x23B, 0x23E), 0xFF),
    **dict.fromkeys((*range(0x440, 0x449), *range(0x44A, 0x44D)), 0xFF),
    **dict.fromkeys(range(0x44D, 0x452), 0x7F),
    **dict.fromkeys(range(OFFSET_USER0, OFFSET_USER0 + 9), 0xFF),
}


class VirtualIcm42688(VirtualChip):
    """An ICM-42688-P, or with its ``who_am_i`` one of the relatives with the same registers.

    ``int1()`` is its interrupt line. ``power_on_s``: monotonic time at which its supply comes up,
    None = it has power.
    """

    port = FifoPort(FIFO_DATA, 1)
    reset_s = 0.001  # DS 14.1
    stays_stopped = False

    def __init__(
        self,
        source: SignalSource,
        clock: HostClock,
        *,
        address: int = 0x68,
        who_am_i: int = 0x47,
        rate_error: float = 0.0,
        rate_drift: float = 0.0,
        power_on_s: float | None = None,
        look_ahead: int = LOOK_AHEAD,
    ) -> None:
        super().__init__(
            source,
            clock,
            address,
            Registers(_RESET | {WHO_AM_I: who_am_i}, _WRITABLE, banks=8, select=REG_BANK_SEL),
            rate_error=rate_error,
            rate_drift=rate_drift,
            power_on_s=power_on_s,
            look_ahead=look_ahead,
        )

    def int1(self) -> bool:
        """True while a flag that INT_SOURCE0 lets through waits to be read (latched mode)."""
        self._catch_up()
        return bool(self._flags() & self._r[INT_SOURCE0] & 0x7F)

    def _begin(self) -> None:
        # DS 14.5 to 14.18: until the first sample all data registers read "invalid".
        self._kept = np.full(7, INVALID, dtype=">i2").tobytes()
        self._reset_done = True
        self._threshold = False
        self._uncounted = True
        self._strobed = 0
        super()._begin()

    # -- sampling --

    def _rates(self) -> tuple[float | None, float | None]:
        """Output data rates of gyroscope and accelerometer; None = off (DS 14.36)."""
        mode = self._r[PWR_MGMT0]
        gyr = GYR_HZ.get(self._r[GYRO_CONFIG0] & 0x0F) if mode >> 2 & 3 == 3 else None
        acc = ACC_HZ.get(self._r[ACCEL_CONFIG0] & 0x0F) if mode & 3 in (2, 3) else None
        return gyr, acc

    def _odr(self) -> float | None:
        return max((rate for rate in self._rates() if rate is not None), default=None)

    def _fifo_runs(self) -> bool:
        return bool(self._r[FIFO_CONFIG] >> 6 and self._r[FIFO_CONFIG1] & 0x03)

    def _fifo_stops(self) -> bool:
        return self._r[FIFO_CONFIG] >> 6 >= 2

    def _depth(self) -> int:
        return 2048

    def _entry(self) -> int:
        return 16 if self._r[FIFO_CONFIG1] & 0x03 == 0x03 else 8

    def _divisors(self) -> Sequence[int]:
        return (1,)

    def _offsets(self) -> Floats:
        """OFFSET_USER in SI (6,), gyroscope first: 1/32 °/s and 0.5 mg a step (DS 5.4)."""
        o = self._r[OFFSET_USER0 : OFFSET_USER0 + 9]
        raw = (
            (o[1] & 0x0F) << 8 | o[0],
            (o[1] & 0xF0) << 4 | o[2],
            (o[4] & 0x0F) << 8 | o[3],
            (o[4] & 0xF0) << 4 | o[5],
            (o[7] & 0x0F) << 8 | o[6],
            (o[7] & 0xF0) << 4 | o[8],
        )
        signed = np.array([value - 4096 * (value >> 11) for value in raw], dtype=np.float64)
        return signed * ([RAD_PER_DEG / 32] * 3 + [0.5e-3 * G0] * 3)

    def _counts(self, acc: Floats, gyr: Floats) -> NDArray[np.int16]:
        """Counts (n, 6), accelerometer first; -32768 and -32767 mean something else (DS 14.34)."""
        offsets = self._offsets()
        per_g = ACC_PER_G[min(self._r[ACCEL_CONFIG0] >> 5, 3)]
        per_dps = GYR_PER_DPS[self._r[GYRO_CONFIG0] >> 5]
        out = np.hstack(
            (
                to_counts(acc + offsets[3:], G0 / per_g),
                to_counts(gyr + offsets[:3], RAD_PER_DEG / per_dps),
            )
        )
        return out if self._r[INTF_CONFIG0] & 0x80 else np.maximum(out, -32766)

    def _frames(self, slots: NDArray[np.int64], acc: Floats, gyr: Floats) -> list[Bytes2d]:
        """Packets 1 to 3 of DS 6.1."""
        n, config = len(slots), self._r[FIFO_CONFIG1]
        counts = self._counts(acc, gyr).astype(">i2")
        gyr_hz, acc_hz = self._rates()
        fastest = self._odr()
        assert fastest is not None
        for columns, rate in ((slice(0, 3), acc_hz), (slice(3, 6), gyr_hz)):
            missing = slots % round(fastest / rate) != 0 if rate else np.ones(n, dtype=bool)
            counts[missing, columns] = INVALID
        words = counts.astype("<i2") if not self._r[INTF_CONFIG0] & 0x10 else counts
        data = words.view(np.uint8).reshape(n, 12)
        celsius = np.clip(np.rint((self._temperature_c(slots) - 25.0) * 2.07), -127, 127)
        hot = celsius.astype(np.int8).view(np.uint8)[:, None]
        kind = config & 0x03  # bit 1 gyroscope, bit 0 accelerometer
        if kind != 0x03:
            header = np.full((n, 1), 0x20 if kind == 0x02 else 0x40, dtype=np.uint8)
            return [np.hstack((header, data[:, 6:] if kind == 0x02 else data[:, :6], hot))]
        header = np.full((n, 1), 0x6C if config & 0x08 else 0x68, dtype=np.uint8)
        # DS 12.7: the stamp counts 30 to 32 µs of real time, in steps of 1 or 16.
        step = 16.0 if self._r[TMST_CONFIG] & 0x08 else 1.0
        ticks = np.floor((self._origin + slots) / (self._rate or 1.0) * 1e6 * 30 / 32 / step)
        stamps = (ticks.astype(np.int64) & 0xFFFF).astype(">u2").view(np.uint8).reshape(n, 2)
        return [np.hstack((header, data, hot, stamps))]

    def _data(self, acc: Floats, gyr: Floats) -> bytes:
        """TEMP_DATA1 … GYRO_DATA_Z0, high bytes first; a sensor that is off keeps its last."""
        words = np.frombuffer(self._kept, dtype=">i2").copy()
        gyr_hz, acc_hz = self._rates()
        counts = self._counts(acc, gyr)[0]
        if not self._r[PWR_MGMT0] & 0x20:  # TEMP_DIS
            words[0] = np.rint((self._temperature_c()[0] - 25.0) * 132.48)
        if acc_hz:
            words[1:4] = counts[:3]
        if gyr_hz:
            words[4:7] = counts[3:]
        return words.tobytes()

    def _empty_entry(self) -> bytes:
        return b"\xff"  # DS 14.24; as a header: FIFO is empty

    def _read_fifo(self, n: int) -> bytes:
        """Packets; without FIFO_RESUME_PARTIAL_RD only a read of all of them takes them out."""
        out = bytes(self._fifo[:n])
        if self._r[FIFO_CONFIG1] & 0x40 or n >= len(self._fifo):
            del self._fifo[:n]
        return out + self._empty_entry() * (n - len(out))

    # -- registers --

    def _bank(self) -> int:
        return self._r[REG_BANK_SEL] & 0x07

    def _after(self, register: int) -> int:
        at_port = register == FIFO_DATA and self._bank() == 0
        return register if at_port else super()._after(register)

    def _catch_up(self) -> None:
        before, had = self._next, len(self._fifo)
        super()._catch_up()
        wanted = self._r[FIFO_CONFIG2] | self._r[FIFO_CONFIG3] << 8
        if self._r[INTF_CONFIG0] & 0x40:
            wanted *= self._entry()
        if self._next > before and 0 < wanted <= len(self._fifo):
            # FIFO_WM_GT_TH: with every sample; else only when the level is reached (DS 14.45).
            self._threshold |= bool(self._r[FIFO_CONFIG1] & 0x20) or had < wanted

    def _flags(self) -> int:
        return (
            RESET_DONE * (self._reset_done and not self._resetting())
            | DATA_RDY * self._new_data
            | FIFO_THS * self._threshold
            | FIFO_FULL * self._overflowed
        )

    def _load(self, register: int) -> int:
        value = self._r[register]
        if register == INT_STATUS:
            value = self._flags()
            self._reset_done = self._reset_done and self._resetting()
            self._new_data = self._threshold = self._overflowed = False
        elif TEMP_DATA1 <= register <= GYRO_DATA_Z0:
            at = register - TEMP_DATA1
            value = self._values()[at if self._r[INTF_CONFIG0] & 0x10 else at ^ 1]
        elif register in (FIFO_COUNTH, FIFO_COUNTL):
            value = self._load_count(register)
        elif TMSTVAL0 <= register < TMSTVAL0 + 3 and self._r[TMST_CONFIG] & 0x10:
            value = self._strobed >> 8 * (register - TMSTVAL0) & 0xFF
        return value

    def _load_count(self, register: int) -> int:
        size = len(self._fifo)
        if self._r[INTF_CONFIG0] & 0x40:
            size //= self._entry()
        if self._uncounted:  # the first after a flush is 0, says Linux's driver
            size = 0
        if register == FIFO_COUNTL:
            self._uncounted = False
        high = (register == FIFO_COUNTH) == bool(self._r[INTF_CONFIG0] & 0x20)
        return size >> 8 if high else size & 0xFF

    def _values(self) -> bytes:
        data = self._data_now()
        return self._kept if data is None else data

    def _command(self, register: int, value: int) -> None:
        if register == DEVICE_CONFIG and value & 0x01:
            self._soft_reset()
        elif register == PWR_MGMT0:
            self._kept = self._values()
        elif register == FIFO_CONFIG and value >> 6 == 0:
            self._clear_fifo()
        elif register == SIGNAL_PATH_RESET:
            if value & 0x02:
                self._clear_fifo()
                self._uncounted = True
            if value & 0x04:
                seconds = 0.0 if self._start is None else self._now() - self._start
                step = 16.0 if self._r[TMST_CONFIG] & 0x08 else 1.0
                self._strobed = int(seconds * 1e6 * 30 / 32 / step) & 0xFFFFF


TWINS: Final = (
    Twin(
        "icm42688",
        "ICM-42688-P",
        0x47,
        0x68,
        "icm42688",
        True,
        functools.partial(VirtualIcm42688, who_am_i=0x47),
    ),
)
