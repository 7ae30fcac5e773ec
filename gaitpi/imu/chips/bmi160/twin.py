"""The BMI160.

Data sheet BST-BMI160-DS000-07 rev. 0.8 ("DS"), of which pages 17 (sensor time), 22 (frames, what
reading too far gives), 40, 54 (temperature, FIFO_LENGTH) and 68 were read; Bosch's note "BMI160
FIFO Advanced Usage" (full FIFO); addresses, codes and times: Bosch's BMI160_SensorAPI and Linux's
bmi160 driver. From memory: reset values, ERR_REG, that a frame read in part is given again, the
temperature's scale. Assumed: another choice of sensors for the FIFO, or another mode, empties it.

Not modelled beside what :mod:`gaitpi.imu.virtual.chip` names: motion interrupts, offsets, the
second bus and its magnetometer, FIFO frames that tell a change of settings. Where the two sensors
run at different rates, both follow the signal at the faster one.
"""

import functools
from collections.abc import Sequence
from typing import Final, NamedTuple

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

CHIP_ID: Final = 0x00
ERR_REG: Final = 0x02
PMU_STATUS: Final = 0x03
DATA_8: Final = 0x0C  # gyroscope
DATA_14: Final = 0x12  # accelerometer
SENSORTIME_0: Final = 0x18
STATUS: Final = 0x1B
INT_STATUS_1: Final = 0x1D
TEMPERATURE_0: Final = 0x20
FIFO_LENGTH_0: Final = 0x22
FIFO_DATA: Final = 0x24
ACC_CONF: Final = 0x40
ACC_RANGE: Final = 0x41
GYR_CONF: Final = 0x42
GYR_RANGE: Final = 0x43
FIFO_DOWNS: Final = 0x45
FIFO_CONFIG_0: Final = 0x46
FIFO_CONFIG_1: Final = 0x47
INT_EN_1: Final = 0x51
INT_OUT_CTRL: Final = 0x53
INT_MAP_1: Final = 0x56
CMD: Final = 0x7E

FIFO_BYTES: Final = 1024
TICK_S: Final = 39.0625e-6
"""Step of the sensor time, DS p. 17: 39 µs, 25.6 kHz."""
SUSPENDED_GAP_S: Final = 450e-6
"""A suspended part takes no two writes closer than this (Linux's driver, naming DS p. 93)."""
DROPPED: Final = 0x40
"""ERR_REG: a command came while another was being carried out."""
NVM_READY: Final = 0x10

# Commands to a mode of the accelerometer (shift 4 in PMU_STATUS), gyroscope (2), magnetometer (0);
# and the longest time it takes to get there from suspend, s.
MODES: Final = {
    0x10: (4, 0),
    0x11: (4, 1),
    0x12: (4, 2),
    0x14: (2, 0),
    0x15: (2, 1),
    0x17: (2, 3),
    0x18: (0, 0),
    0x19: (0, 1),
    0x1A: (0, 2),
}
SETTLE_S: Final = {4: 3.8e-3, 2: 80e-3, 0: 0.5e-3}
FAST_START_S: Final = 10e-3
"""Gyroscope from fast start-up to normal mode (Bosch's driver)."""

# Counts per g and per °/s by range code; codes that are none count as the reset value, ±2 g.
ACC_PER_G: Final = {0x3: 16384.0, 0x5: 8192.0, 0x8: 4096.0, 0xC: 2048.0}
GYR_PER_DPS: Final = (16.4, 32.8, 65.6, 131.2, 262.4)

_RESET: Final = {
    CHIP_ID: 0xD1,
    ACC_CONF: 0x28,
    ACC_RANGE: 0x03,
    GYR_CONF: 0x28,
    0x44: 0x0B,
    FIFO_DOWNS: 0x88,
    FIFO_CONFIG_0: 0x80,
    FIFO_CONFIG_1: 0x10,
    0x4B: 0x20,
    0x4C: 0x80,
    0x4D: 0x42,
    0x4E: 0x4C,
    0x5A: 0x07,
    0x5B: 0x30,
    0x5C: 0x81,
    0x5D: 0x0B,
    0x5E: 0xC0,
    0x60: 0x14,
    0x61: 0x14,
    0x62: 0x24,
    0x63: 0x04,
    0x64: 0x0A,
    0x65: 0x18,
    0x66: 0x48,
    0x67: 0x08,
    0x68: 0x11,
    0x7A: 0x15,
    0x7B: 0x03,
}
_WRITABLE: Final = {
    ACC_CONF: 0xFF,
    ACC_RANGE: 0x0F,
    GYR_CONF: 0x3F,
    GYR_RANGE: 0x07,
    0x44: 0x0F,
    FIFO_DOWNS: 0xFF,
    FIFO_CONFIG_0: 0xFF,
    FIFO_CONFIG_1: 0xFE,
    0x4B: 0xFE,
    0x4C: 0xBF,
    0x4D: 0xFF,
    0x4E: 0xFF,
    0x4F: 0xFF,
    0x50: 0xF7,
    INT_EN_1: 0x7F,
    0x52: 0x0F,
    INT_OUT_CTRL: 0xFF,
    0x54: 0x3F,
    **dict.fromkeys((*range(0x55, 0x58), *range(0x5A, 0x69), *range(0x71, 0x78)), 0xFF),
    0x58: 0x88,
    0x59: 0x80,
    0x69: 0x7F,
    0x6A: 0x02,
    0x6B: 0x31,
    0x6C: 0x7F,
    0x6D: 0x1F,
    0x70: 0x0F,
    0x7A: 0xFF,
    0x7B: 0x0F,
}


class _Change(NamedTuple):
    """A mode that is being entered: at host time ``at_s``, bits of PMU_STATUS at ``shift``."""

    at_s: float
    shift: int
    mode: int


class VirtualBmi160(VirtualChip):
    """A BMI160, suspended after power-up and reset.

    ``int1()`` is its interrupt line. ``power_on_s``: monotonic time at which its supply comes up,
    None = it has power.
    """

    port = FifoPort(FIFO_DATA, 1)
    reset_s = 0.0009  # assumed: Linux and Bosch's driver go on after 1 ms
    stays_stopped = False

    def __init__(
        self,
        source: SignalSource,
        clock: HostClock,
        *,
        address: int = 0x68,
        who_am_i: int = 0xD1,
        rate_error: float = 0.0,
        rate_drift: float = 0.0,
        power_on_s: float | None = None,
        look_ahead: int = LOOK_AHEAD,
    ) -> None:
        super().__init__(
            source,
            clock,
            address,
            Registers(_RESET | {CHIP_ID: who_am_i}, _WRITABLE),
            rate_error=rate_error,
            rate_drift=rate_drift,
            power_on_s=power_on_s,
            look_ahead=look_ahead,
        )

    def int1(self) -> bool:
        """True while INT1, if it is an output, has a reason to be active."""
        self._catch_up()
        mapped = self._r[INT_MAP_1]  # bits 7, 6, 5: data ready, watermark, full
        wanted = mapped >> 7 << 4 | mapped & 0x60
        return bool(self._r[INT_OUT_CTRL] & 0x08 and self._interrupts() & wanted)

    def _begin(self) -> None:
        self._at: float | None = None
        self._born = self._now()
        self._change: _Change | None = None
        self._written = -SUSPENDED_GAP_S
        self._kept = bytes(12)
        self._fresh = 0
        self._skipped = 0
        super()._begin()

    # -- modes --

    def _mode(self, shift: int) -> int:
        return self._r[PMU_STATUS] >> shift & 3

    @property
    def _suspended(self) -> bool:
        return self._mode(4) == 0 and self._mode(2) != 1

    def _now(self) -> float:
        at = self._at
        return super()._now() if at is None else at

    def _catch_up(self) -> None:
        change = self._change
        if change is not None and change.at_s <= self._now():
            # What was measured until then, first; and the sensor starts then, not now.
            self._at = change.at_s
            self._take()
            self._kept = self._values()
            self._r[PMU_STATUS] &= ~(3 << change.shift) & 0xFF
            self._r[PMU_STATUS] |= change.mode << change.shift
            self._change = None
            self._clear_fifo()
            self._apply()
            self._at = None
        self._take()

    def _take(self) -> None:
        super()._catch_up()
        if self._new_data:
            gyr, acc = self._rates()
            self._fresh = 0x80 * (acc is not None) | 0x40 * (gyr is not None)
            self._new_data = False

    def write(self, data: bytes) -> None:
        """One write transfer; while suspended only one register, and not at once after another."""
        if len(data) > 1:
            self._catch_up()
            if self._suspended:
                if self._clock.monotonic() - self._written < SUSPENDED_GAP_S:
                    return
                data = data[:2]
            self._written = self._clock.monotonic()
        super().write(data)

    # -- sampling --

    def _rates(self) -> tuple[float | None, float | None]:
        """Output data rates of gyroscope and accelerometer; None = not measuring."""
        gyr_code, acc_code = self._r[GYR_CONF] & 0x0F, self._r[ACC_CONF] & 0x0F
        gyr = 100.0 * 2.0 ** (gyr_code - 8) if 6 <= gyr_code <= 13 else None
        acc = 100.0 * 2.0 ** (acc_code - 8) if 1 <= acc_code <= 12 else None
        return gyr if self._mode(2) == 1 else None, acc if self._mode(4) else None

    def _odr(self) -> float | None:
        return max((rate for rate in self._rates() if rate is not None), default=None)

    def _content(self) -> int:
        """Which sensors a frame holds, as in its header: 0x08 gyroscope, 0x04 accelerometer."""
        gyr, acc = self._rates()
        config = self._r[FIFO_CONFIG_1]
        return 0x08 * (gyr is not None and config >> 7) | 0x04 * (
            acc is not None and config >> 6 & 1
        )

    def _fifo_runs(self) -> bool:
        return self._content() != 0

    def _fifo_stops(self) -> bool:
        return False  # the oldest are discarded: "FIFO Advanced Usage"

    def _depth(self) -> int:
        return FIFO_BYTES

    def _entry(self) -> int:
        header = self._r[FIFO_CONFIG_1] >> 4 & 1
        return max(1, header + 6 * self._content().bit_count())

    def _overwrite(self, size: int) -> None:
        self._skipped += size // self._entry()
        super()._overwrite(size)

    def _clear_fifo(self) -> None:
        super()._clear_fifo()
        self._skipped = 0

    def _divisors(self) -> Sequence[int]:
        """FIFO_DOWNS: 2^n samples to a frame; the accelerometer's n when both are in."""
        downs = self._r[FIFO_DOWNS]
        return (1 << (downs >> 4 & 7 if self._content() & 0x04 else downs & 7),)

    def _counts(self, acc: Floats, gyr: Floats) -> NDArray[np.int16]:
        """Counts (n, 6), gyroscope first, in the ranges of the registers."""
        per_g = ACC_PER_G.get(self._r[ACC_RANGE], ACC_PER_G[0x3])
        per_dps = GYR_PER_DPS[min(self._r[GYR_RANGE], 4)]
        return np.hstack((to_counts(gyr, RAD_PER_DEG / per_dps), to_counts(acc, G0 / per_g)))

    def _frames(self, slots: NDArray[np.int64], acc: Floats, gyr: Floats) -> list[Bytes2d]:
        """DS p. 22: the header, where there are headers, and what is in."""
        n, content = len(slots), self._content()
        data = self._counts(acc, gyr).astype("<i2").view(np.uint8).reshape(n, 12)
        parts = [data[:, :6]] * bool(content & 0x08) + [data[:, 6:]] * bool(content & 0x04)
        if self._r[FIFO_CONFIG_1] & 0x10:
            parts.insert(0, np.full((n, 1), 0x80 | content, dtype=np.uint8))
        return [np.hstack(parts)]

    def _data(self, acc: Floats, gyr: Floats) -> bytes:
        """DATA_8 … DATA_19; a sensor that does not measure keeps its last."""
        out = self._counts(acc, gyr).astype("<i2").tobytes()
        gyr_hz, acc_hz = self._rates()
        return (out if gyr_hz else self._kept)[:6] + (out if acc_hz else self._kept)[6:]

    def _values(self) -> bytes:
        data = self._data_now()
        return self._kept if data is None else data

    def _empty_entry(self) -> bytes:
        return b"\x80"  # DS p. 22

    def _prefix(self) -> bytes:
        """A full FIFO with headers begins with the number of frames that were dropped."""
        if not self._skipped or not self._r[FIFO_CONFIG_1] & 0x10:
            return b""
        return bytes((0x40, min(self._skipped, 255)))

    def _read_fifo(self, n: int) -> bytes:
        """Frames; one that is not read to its end stays, and is given again."""
        prefix = self._prefix()
        out = (prefix + bytes(self._fifo[:n]))[:n]
        if n >= len(prefix):
            whole = (len(out) - len(prefix)) // self._entry() * self._entry()
            self._drop(whole)
            if prefix:
                self._skipped = 0
        if len(out) < n and self._r[FIFO_CONFIG_1] & 0x12 == 0x12:
            out += b"\x44" + self._sensortime()
        return (out + self._empty_entry() * n)[:n]

    # -- registers --

    def _after(self, register: int) -> int:
        return register if register == FIFO_DATA else super()._after(register)

    def _sensortime(self) -> bytes:
        return (int((self._now() - self._born) / TICK_S) & 0xFFFFFF).to_bytes(3, "little")

    def _interrupts(self) -> int:
        """INT_STATUS_1 of what INT_EN_1 lets through, not latched."""
        size, mark = len(self._fifo), 4 * self._r[FIFO_CONFIG_0]
        flags = (
            0x10 * bool(self._fresh)
            | 0x20 * (size > FIFO_BYTES - 2 * self._entry())
            | 0x40 * (0 < mark <= size)
        )
        return flags & self._r[INT_EN_1]

    def _load(self, register: int) -> int:
        value = self._r[register]
        if register == ERR_REG:
            self._r[ERR_REG] = 0
        elif DATA_8 <= register < DATA_8 + 12:
            self._fresh &= ~(0x40 if register < DATA_14 else 0x80)
            value = self._values()[register - DATA_8]
        elif 0 <= register - SENSORTIME_0 < 3:
            value = self._sensortime()[register - SENSORTIME_0]
        elif register == STATUS:
            value = self._fresh | NVM_READY
        elif register == INT_STATUS_1:
            value = self._interrupts()
        elif 0 <= register - TEMPERATURE_0 < 2:
            raw = -32768 if self._odr() is None else round((self._temperature_c()[0] - 23.0) * 512)
            value = (raw & 0xFFFF) >> 8 * (register - TEMPERATURE_0) & 0xFF
        elif 0 <= register - FIFO_LENGTH_0 < 2:
            size = len(self._fifo) + len(self._prefix())
            value = size >> 8 * (register - FIFO_LENGTH_0) & 0xFF
        return value

    def _command(self, register: int, value: int) -> None:
        if register == FIFO_CONFIG_1 and (value ^ self._r[FIFO_CONFIG_1]) & 0xF0:
            self._clear_fifo()
        if register != CMD:
            return
        if value == 0xB6:
            self._soft_reset()
        elif value == 0xB0:
            self._clear_fifo()
        elif value in MODES:
            self._enter(*MODES[value])

    def _enter(self, shift: int, mode: int) -> None:
        """Begin to change the mode of a sensor; a change under way lets no other in."""
        if self._change is not None:
            self._r[ERR_REG] |= DROPPED
            return
        settle_s = SETTLE_S[shift]
        if mode == self._mode(shift) or mode == 0:
            settle_s = 0.0
        elif shift == 2 and self._mode(2) == 3:
            settle_s = FAST_START_S
        self._change = _Change(self._now() + settle_s, shift, mode)


TWINS: Final = (
    Twin(
        "bmi160",
        "BMI160",
        0xD1,
        0x68,
        "bmi160",
        False,
        functools.partial(VirtualBmi160, who_am_i=0xD1),
    ),
)
