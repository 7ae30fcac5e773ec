"""The LSM6DS family of ST, with tagged and with patterned FIFO.

Register addresses, bits and tags agree with ST's own drivers (the *-pid repositories of each part)
and with what Linux 6.12's st_lsm6dsx does to the part; which pages of data sheets were read is
said in the folder's ``__init__``. From memory, by register name: reset values, the overrun flags'
ways (LSM6DSOX DS12814 "OX", LSM6DS3 DocID026899 "DS3", LSM6DSL DocID028475 "DSL"), and that BOOT
leaves the registers as they are (AN5272).

FUNC_CFG_ACCESS lays another page over all other registers. Pages keep what is written to them and
do nothing; the sensor hub's master finds nobody and reads zeros.

Not modelled beside what :mod:`gaitpi.imu.virtual.chip` names: compression and time stamps in
the FIFO, external sensors, the functions behind the pages, big-endian output (BLE), and the
1.6 Hz mode. Where the two sensors run at different rates both follow the signal at the faster
one; only the batching is slower.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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

FUNC_CFG_ACCESS: Final = 0x01
WHO_AM_I: Final = 0x0F
CTRL1_XL: Final = 0x10
CTRL2_G: Final = 0x11
CTRL3_C: Final = 0x12
CTRL4_C: Final = 0x13
CTRL5_C: Final = 0x14
CTRL9_XL: Final = 0x18
CTRL10_C: Final = 0x19
STATUS_REG: Final = 0x1E
OUT_TEMP_L: Final = 0x20
OUTX_L_G: Final = 0x22
OUTX_L_XL: Final = 0x28
OUTZ_H_XL: Final = 0x2D
FIFO_STATUS1: Final = 0x3A
FIFO_STATUS2: Final = 0x3B
FIFO_STATUS3: Final = 0x3C
FIFO_STATUS4: Final = 0x3D
INTERNAL_FREQ_FINE: Final = 0x63

SW_RESET: Final = 0x01
BOOT: Final = 0x80
IF_INC: Final = 0x04

# CTRL1_XL, CTRL2_G: output data rates in Hz by code; all three parts.
ODR_HZ: Final = (None, 12.5, 26.0, 52.0, 104.0, 208.0, 416.0, 833.0, 1660.0, 3330.0, 6660.0)
# Mechanical characteristics: mg per count by FS_XL, m°/s per count by FS_G; FS_125 last.
ACC_MG: Final = (0.061, 0.488, 0.122, 0.244)
GYR_MDPS: Final = (8.75, 17.5, 35.0, 70.0)
GYR_MDPS_125: Final = 4.375
GYR_MDPS_4000: Final = 140.0

RESET_S: Final = 50e-6
BOOT_S: Final = 0.015

TAG_GYRO: Final = 0x01
TAG_ACC: Final = 0x02
TAG_TEMPERATURE: Final = 0x03
DECIMATION: Final = (0, 1, 2, 3, 4, 8, 16, 32)  # DEC_FIFO_*, 0 = not in the FIFO


@dataclass(frozen=True, slots=True)
class _Kind:
    """What differs between the parts: registers, FIFO, temperature counts per °C.

    ``pages``: by the bits of FUNC_CFG_ACCESS, the writable bits of what they bring into sight.
    ``axes``: each axis has an enable bit, in CTRL9_XL (accelerometer) and CTRL10_C (gyroscope).
    """

    tagged: bool
    depth: int
    per_c: float
    fth_mask: int
    stop: tuple[int, int]
    pages: Mapping[int, Mapping[int, int]]
    reset: Mapping[int, int]
    writable: Mapping[int, int]
    axes: bool = False


_OX = _Kind(
    tagged=True,
    depth=512,
    per_c=256.0,
    fth_mask=0x1FF,
    stop=(0x08, 0x80),  # FIFO_CTRL2, STOP_ON_WTM
    pages={
        # Sensor hub: MASTER_CONFIG to DATAWRITE_SLV0. Embedded functions: PAGE_SEL to PAGE_RW,
        # the two pages of advanced features behind them left out.
        0x40: {0x14: 0xFF, **dict.fromkeys(range(0x15, 0x22), 0xFF)},
        0x80: {0x02: 0xF1, 0x04: 0xFF, 0x05: 0xFF, 0x17: 0xE0},
    },
    reset={0x02: 0x3F, CTRL3_C: IF_INC, CTRL9_XL: 0xE0},
    writable={
        FUNC_CFG_ACCESS: 0xC0,
        0x02: 0xC0,
        0x07: 0xFF,
        0x08: 0xD7,
        0x09: 0xFF,
        0x0A: 0xF7,
        0x0B: 0xA7,
        0x0C: 0xFF,
        0x0D: 0xFF,
        0x0E: 0x7F,
        CTRL1_XL: 0xFE,
        CTRL2_G: 0xFE,
        CTRL3_C: 0x7C,
        CTRL4_C: 0x6E,
        0x14: 0xFF,
        0x15: 0xFF,
        0x16: 0xF7,
        0x17: 0xFF,
        CTRL9_XL: 0xFE,
        CTRL10_C: 0x20,
        **dict.fromkeys(range(0x56, 0x60), 0xFF),
        **dict.fromkeys(range(0x73, 0x76), 0xFF),
    },
)
_DS3 = _Kind(
    tagged=False,
    depth=4096,
    per_c=16.0,
    fth_mask=0xFFF,
    stop=(CTRL4_C, 0x01),  # STOP_ON_FTH
    # SLV0_ADD to SM_THS, PEDO_DEB_REG, STEP_COUNT_DELTA, soft and hard iron.
    pages={0x80: dict.fromkeys((*range(0x02, 0x16), *range(0x24, 0x33)), 0xFF)},
    reset={CTRL3_C: IF_INC, CTRL9_XL: 0x38, CTRL10_C: 0x38},
    writable={
        FUNC_CFG_ACCESS: 0x80,
        0x06: 0xFF,
        0x07: 0xCF,
        0x08: 0x3F,
        0x09: 0x7F,
        0x0A: 0x7F,
        0x0B: 0x3F,
        0x0D: 0xFF,
        0x0E: 0xFF,
        CTRL1_XL: 0xFF,
        CTRL2_G: 0xFE,
        CTRL3_C: 0x7C,
        CTRL4_C: 0xFD,
        0x14: 0xEF,
        0x15: 0xF0,
        0x16: 0xFC,
        0x17: 0xE5,
        CTRL9_XL: 0x3C,
        CTRL10_C: 0x3F,
        0x1A: 0xDF,  # MASTER_CONFIG
        **dict.fromkeys(range(0x58, 0x60), 0xFF),
    },
    axes=True,
)
_DSL = _Kind(
    tagged=False,
    depth=2048,
    per_c=256.0,
    fth_mask=0x7FF,
    stop=(0x09, 0x80),  # FIFO_CTRL4, STOP_ON_FTH
    pages={
        0x80: _DS3.pages[0x80],
        0xA0: dict.fromkeys((*range(0x50, 0x5B),), 0xFF),  # bank B: tilt
    },
    reset={CTRL3_C: IF_INC, CTRL9_XL: 0xE0},
    writable={
        **_DS3.writable,
        FUNC_CFG_ACCESS: 0xE0,
        0x09: 0xFF,
        0x0B: 0x80,
        CTRL4_C: 0xFE,
        0x14: 0xFF,
        0x15: 0xFB,
        0x16: 0xF4,
        0x17: 0xFD,
        CTRL9_XL: 0xF4,
        CTRL10_C: 0xBF,
        **dict.fromkeys(range(0x73, 0x76), 0xFF),
    },
)
_DHCX = replace(_OX, writable={**_OX.writable, CTRL2_G: 0xFF})  # bit 0: FS_4000
_KINDS: Final = {0x69: _DS3, 0x6A: _DSL, 0x6B: _DHCX, 0x6C: _OX}


class VirtualLsm6ds(VirtualChip):
    """An LSM6DS by its WHO_AM_I.

    0x6C (LSM6DSOX, LSM6DSO) and 0x6B (ISM330DHCX) have a FIFO of 512 tagged words of 7
    bytes; 0x69 (LSM6DS3) and 0x6A (LSM6DS3TR-C, LSM6DSL) one of 4096 and 2048 words of 16
    bits whose place in the pattern FIFO_STATUS3/4 tell. Raises ValueError for another id.
    """

    port: FifoPort
    reset_s = RESET_S
    stays_stopped = True  # FIFO mode: restarts by way of bypass mode only

    def __init__(
        self,
        source: SignalSource,
        clock: HostClock,
        *,
        address: int = 0x6A,
        who_am_i: int = 0x6C,
        rate_error: float = 0.0,
        rate_drift: float = 0.0,
        power_on_s: float | None = None,
        look_ahead: int = LOOK_AHEAD,
    ) -> None:
        kind = _KINDS.get(who_am_i)
        if kind is None:
            raise ValueError(f"no LSM6DS answers WHO_AM_I with 0x{who_am_i:02X}")
        self._kind = kind
        self.port = FifoPort(0x78, 7) if kind.tagged else FifoPort(0x3E, 2)
        reset = {**kind.reset, WHO_AM_I: who_am_i}
        if kind.tagged:  # OX, INTERNAL_FREQ_FINE: steps of 0.15 % from the typical rate
            reset[INTERNAL_FREQ_FINE] = max(-128, min(127, round(rate_error / 0.0015))) & 0xFF
        super().__init__(
            source,
            clock,
            address,
            Registers(reset, kind.writable),
            rate_error=rate_error,
            rate_drift=rate_drift,
            power_on_s=power_on_s,
            look_ahead=look_ahead,
        )

    # -- rates and FIFO --

    def _begin(self) -> None:
        self._fresh = 0
        self._pages = {bits: bytearray(128) for bits in self._kind.pages}
        self._booted_s = -math.inf
        super()._begin()

    def _page(self, register: int) -> int:
        """Bits of FUNC_CFG_ACCESS of the page over ``register``; 0 = none."""
        return 0 if register == FUNC_CFG_ACCESS else self._r[FUNC_CFG_ACCESS] & 0xE0

    def _store(self, register: int, value: int) -> None:
        page = self._page(register)
        if not page:
            super()._store(register, value)
        elif page in self._pages and not self._resetting():
            mask = self._kind.pages[page].get(register, 0)
            kept = self._pages[page]
            kept[register] = kept[register] & ~mask | value & mask

    def _codes(self) -> tuple[int, int]:
        """ODR codes of gyroscope and accelerometer; 0 = power-down or a reserved code."""
        gyr, acc = self._r[CTRL2_G] >> 4, self._r[CTRL1_XL] >> 4
        return gyr if gyr < len(ODR_HZ) else 0, acc if acc < len(ODR_HZ) else 0

    def _odr(self) -> float | None:
        return ODR_HZ[max(self._codes())]

    def _mode(self) -> int:
        return self._r[0x0A] & 0x07

    def _fifo_runs(self) -> bool:
        # FIFO_MODE: 1 until full, 6 continuous, 3 continuous until a trigger; 4 and 7 wait for
        # a trigger, which never comes here.
        return self._mode() in (1, 3, 6)

    def _fifo_stops(self) -> bool:
        return self._mode() == 1

    def _threshold(self) -> int:
        low = 0x07 if self._kind.tagged else 0x06
        return (self._r[low] | self._r[low + 1] << 8) & self._kind.fth_mask

    def _depth(self) -> int:
        register, bit = self._kind.stop
        limited = self._r[register] & bit and self._threshold()
        return self._threshold() if limited else self._kind.depth

    def _streams(self) -> list[tuple[int, int]]:
        """(tag, samples from frame to frame) of what goes into the FIFO, in its order."""
        base = max(self._codes())
        on = [(tag, code) for tag, code in zip((TAG_GYRO, TAG_ACC), self._codes(), strict=True)]
        if self._kind.tagged:
            # OX, FIFO_CTRL3: batch rates have the codes of the output rates, each the double
            # of the one before.
            rates = {TAG_GYRO: self._r[0x09] >> 4, TAG_ACC: self._r[0x09] & 0x0F}
            streams = [
                (tag, 1 << (base - min(code, rates[tag])))
                for tag, code in on
                if code and 0 < rates[tag] < len(ODR_HZ)
            ]
            temperature = (None, -2, 1, 3)[self._r[0x0A] >> 4 & 3]  # 1.6, 12.5, 52 Hz
            if temperature is not None and base:
                streams.append((TAG_TEMPERATURE, 1 << max(0, base - temperature)))
            return streams
        # DS3, FIFO_CTRL5 and FIFO_CTRL3: written at ODR_FIFO but no faster than there are
        # data, then decimated for each sensor.
        fifo = min(base, self._r[0x0A] >> 3 & 0x0F)
        decimate = {
            TAG_GYRO: DECIMATION[self._r[0x08] >> 3 & 7],
            TAG_ACC: DECIMATION[self._r[0x08] & 7],
        }
        return [
            (tag, decimate[tag] << (base - fifo))
            for tag, code in on
            if fifo and code and decimate[tag]
        ]

    def _divisors(self) -> Sequence[int]:
        return [divisor for _, divisor in self._streams()]

    def _counts(self, acc: Floats, gyr: Floats) -> dict[int, NDArray[np.int16]]:
        """Counts (n, 3) by tag, in the ranges of CTRL1_XL and CTRL2_G."""
        fs_g = self._r[CTRL2_G]
        mdps = GYR_MDPS_125 if fs_g & 0x02 else GYR_MDPS[fs_g >> 2 & 3]
        if fs_g & 0x01:
            mdps = GYR_MDPS_4000
        mg = ACC_MG[self._r[CTRL1_XL] >> 2 & 3]
        return {
            TAG_GYRO: to_counts(gyr, mdps * 1e-3 * RAD_PER_DEG) * self._axes(CTRL10_C),
            TAG_ACC: to_counts(acc, mg * 1e-3 * G0) * self._axes(CTRL9_XL),
        }

    def _axes(self, register: int) -> NDArray[np.int16]:
        """1 for each axis x, y, z that is on; bits 3, 4, 5."""
        bits = self._r[register] >> 3 if self._kind.axes else 7
        return np.array([bits >> axis & 1 for axis in range(3)], dtype=np.int16)

    def _temperature_counts(self, celsius: Floats) -> NDArray[np.int16]:
        """OUT_TEMP: 0 at 25 °C."""
        return np.rint((celsius - 25.0) * self._kind.per_c).astype(np.int16)

    def _frames(self, slots: NDArray[np.int64], acc: Floats, gyr: Floats) -> list[Bytes2d]:
        n = len(slots)
        counts = self._counts(acc, gyr)
        counts[TAG_TEMPERATURE] = np.zeros((n, 3), dtype=np.int16)
        counts[TAG_TEMPERATURE][:, 0] = self._temperature_counts(self._temperature_c(slots))
        streams = self._streams()
        words = {tag: counts[tag].astype("<i2").view(np.uint8).reshape(n, 6) for tag, _ in streams}
        if not self._kind.tagged:
            return [words[tag] for tag, _ in streams]
        slot = slots // math.gcd(*(divisor for _, divisor in streams)) & 3
        return [np.hstack((_tags(tag, slot), words[tag])) for tag, _ in streams]

    def _data(self, acc: Floats, gyr: Floats) -> bytes:
        """OUT_TEMP_L … OUTZ_H_XL; a sensor in power-down reads 0."""
        counts = self._counts(acc, gyr)
        gyr_code, acc_code = self._codes()
        out = self._temperature_counts(self._temperature_c()).astype("<i2").tobytes()
        out += counts[TAG_GYRO].astype("<i2").tobytes() if gyr_code else bytes(6)
        out += counts[TAG_ACC].astype("<i2").tobytes() if acc_code else bytes(6)
        return out

    def _pushed(self) -> tuple[Floats, Floats] | None:
        """CTRL5_C: ST_XL 01 pushes up, 10 down; ST_G 01 up, 11 down. Sizes amid the limits."""
        acc = {1: 0.4, 2: -0.4}.get(self._r[CTRL5_C] & 3, 0.0)
        gyr = {1: 350.0, 3: -350.0}.get(self._r[CTRL5_C] >> 2 & 3, 0.0)
        if not (acc or gyr):
            return None
        return np.full(3, acc * G0), np.full(3, gyr * RAD_PER_DEG)

    def _empty_entry(self) -> bytes:
        """The tagged FIFO gives tag 0 and zeros; the patterned one keeps its last word."""
        return bytes(7) if self._kind.tagged else self._last_entry

    # -- registers --

    def _catch_up(self) -> None:
        super()._catch_up()
        if self._new_data:
            gyr_code, acc_code = self._codes()
            self._fresh = 0x04 | 0x02 * (gyr_code > 0) | 0x01 * (acc_code > 0)
            self._new_data = False

    def _resetting(self) -> bool:
        return super()._resetting() or self._clock.monotonic() < self._booted_s

    def _load(self, register: int) -> int:
        page = self._page(register)
        if page:
            return self._pages[page][register] if page in self._pages else 0
        if register == STATUS_REG:
            return self._fresh
        if OUT_TEMP_L <= register < OUTX_L_G + 6 or OUTX_L_XL <= register <= OUTZ_H_XL:
            return self._load_data(register)
        if FIFO_STATUS1 <= register <= FIFO_STATUS4:
            return self._load_fifo_status(register)
        if register == CTRL3_C and self._resetting():
            booting = self._clock.monotonic() < self._booted_s
            return self._r[register] | (BOOT if booting else SW_RESET)
        return self._r[register]

    def _load_data(self, register: int) -> int:
        if register & 1:  # the high byte of a sensor clears its data-ready flag (STATUS_REG)
            sensor = 0x04 if register < OUTX_L_G else 0x02 if register < OUTX_L_XL else 0x01
            self._fresh &= ~sensor
        data = self._data_now()
        return 0 if data is None else data[register - OUT_TEMP_L]

    def _load_fifo_status(self, register: int) -> int:
        count = self._count()
        if register == FIFO_STATUS1:
            return count & 0xFF
        if register == FIFO_STATUS2:
            reached = 0x80 * (0 < self._threshold() <= count)
            full_next = 0x20 * (count + self._per_slot() >= self._depth())
            if self._kind.tagged:
                latched, self._overflowed = 0x08 * self._overflowed, False
                high = count >> 8 & 0x03
                return reached | 0x40 * self._overwritten | full_next | latched | high
            # A full FIFO has one word more than DIFF_FIFO can say: it reads 0 with the overrun
            # bit set and the empty bit clear.
            high = count >> 8 & self._kind.fth_mask >> 8
            return reached | 0x40 * self._overwritten | full_next | 0x10 * (count == 0) | high
        if self._kind.tagged:
            return 0
        pattern = self._pattern()
        return pattern & 0xFF if register == FIFO_STATUS3 else pattern >> 8

    def _per_slot(self) -> int:
        """Entries that the next sample may bring."""
        return len(self._streams()) * (1 if self._kind.tagged else 3)

    def _pattern(self) -> int:
        """FIFO_PATTERN: place of the next word to be read in the repeating pattern."""
        divisors = self._divisors()
        if not divisors:
            return 0
        cycle = math.lcm(*divisors)
        return self._taken % (3 * sum(cycle // divisor for divisor in divisors))

    def _command(self, register: int, value: int) -> None:
        if register == CTRL3_C and value & SW_RESET:
            self._soft_reset()
        elif register == CTRL3_C and value & BOOT:
            # Trimming is loaded anew; what the registers hold stays.
            self._booted_s = self._clock.monotonic() + BOOT_S
        elif register == 0x0A and value & 0x07 == 0:
            self._clear_fifo()  # bypass mode empties the FIFO

    def _after(self, register: int) -> int:
        return super()._after(register) if self._r[CTRL3_C] & IF_INC else register


def _tags(tag: int, slot: NDArray[np.int64]) -> Bytes2d:
    """FIFO_DATA_OUT_TAG (n, 1): sensor, 2-bit count of the time slot, even parity over all."""
    byte = (tag << 3 | slot << 1).astype(np.uint8)
    parity = np.bitwise_xor.reduce(byte[:, None] >> np.arange(8, dtype=np.uint8) & 1, axis=1)
    tags: Bytes2d = (byte | parity.astype(np.uint8))[:, None]
    return tags


def _twin(name: str, part: str, who_am_i: int) -> Twin:
    make = functools.partial(VirtualLsm6ds, who_am_i=who_am_i)
    return Twin(name, part, who_am_i, 0x6A, part.lower(), False, make)


TWINS: Final[tuple[Twin, ...]] = (
    _twin("lsm6ds3", "LSM6DS3", 0x69),
    _twin("lsm6ds3tr-c", "LSM6DS3TR-C", 0x6A),
    _twin("lsm6dsox", "LSM6DSOX", 0x6C),
    _twin("lsm6dsox", "ISM330DHCX", 0x6B),
)
