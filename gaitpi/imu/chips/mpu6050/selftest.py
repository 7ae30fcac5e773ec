"""The self-test of the MPU family: shift of each axis against the factory's trim.

6050: RM-MPU-6000A-00 rev. 4.2, registers 13 to 16 (codes, trim formulas, ±14 %) and 27, 28
(self-test bits; ±250 °/s, ±8 g). 6500, 9250: the maker's application note AN-MPU-9250A-03. Neither
was read for this file: formulas and limits, also those for parts without trim (code 0), are those
of the maker's motion driver (inv_mpu.c, eMPL), which was.
"""

from collections.abc import Callable
from typing import Final

from gaitpi.imu.bus import I2CBus
from gaitpi.imu.chip import Setting, Table
from gaitpi.imu.selftest import SelfTest, Span, Stage
from gaitpi.units import G0, RAD_PER_DEG

_SELF_TEST_6050: Final = 0x0D  # 13 to 16
_SELF_TEST_GYRO: Final = 0x00  # 6500: 0 to 2
_SELF_TEST_ACCEL: Final = 0x0D  # 6500: 13 to 15
_CONFIG: Final = 0x1A
_GYRO_CONFIG: Final = 0x1B
_ACCEL_CONFIG: Final = 0x1C
_ACCEL_CONFIG_2: Final = 0x1D
_PWR_MGMT_1: Final = 0x6B
_ALL_AXES: Final = 0xE0

Spans = tuple[Span, Span, Span]


def _around(trim: float, code: int, share: float, untrimmed: Span) -> Span:
    """``trim`` ± ``share`` of it, or where there is no trim the limits for all parts."""
    return Span(trim * (1.0 - share), trim * (1.0 + share)) if code else untrimmed


def acc_trim_6050(code: int) -> float:
    """Trimmed shift for a code of 1 to 31, m/s²."""
    return float(0.34 * (0.92 / 0.34) ** ((code - 1) / 30.0)) * G0


def gyr_trim_6050(code: int) -> float:
    """Trimmed shift for a code of 1 to 31, rad/s."""
    return float(25.0 * 1.046 ** (code - 1)) * RAD_PER_DEG


def trim_6500(code: int, scale: float) -> float:
    """Trimmed shift for a code of 1 to 255 at ±2 g or ±250 °/s with ``scale`` SI per count."""
    return float(2620.0 * 1.01 ** (code - 1)) * scale


def _codes_6050(bus: I2CBus) -> tuple[tuple[int, ...], tuple[int, ...]]:
    *axes, rest = bus.read(_SELF_TEST_6050, 4)
    low = (rest >> 4 & 3, rest >> 2 & 3, rest & 3)
    acc = tuple(one >> 3 & 0x1C | bits for one, bits in zip(axes, low, strict=True))
    return acc, tuple(one & 0x1F for one in axes)


def _acc_6050(bus: I2CBus) -> Spans:
    x, y, z = (
        _around(acc_trim_6050(code), code, 0.14, Span(0.3 * G0, 0.95 * G0))
        for code in _codes_6050(bus)[0]
    )
    return x, y, z


def _gyr_6050(bus: I2CBus) -> Spans:
    x, y, z = (
        _around(gyr_trim_6050(code), code, 0.14, Span(10 * RAD_PER_DEG, 105 * RAD_PER_DEG))
        for code in _codes_6050(bus)[1]
    )
    return x, y, z


ACC_2G: Final = G0 / 16384
GYR_250: Final = RAD_PER_DEG / 131.0


def _acc_6500(bus: I2CBus) -> Spans:
    x, y, z = (
        _around(trim_6500(code, ACC_2G), code, 0.5, Span(0.225 * G0, 0.675 * G0))
        for code in bus.read(_SELF_TEST_ACCEL, 3)
    )
    return x, y, z


def _gyr_6500(bus: I2CBus) -> Spans:
    # more than half of the trim, and no upper limit but the range
    top = 250 * RAD_PER_DEG
    x, y, z = (
        Span(0.5 * trim_6500(code, GYR_250) if code else 60 * RAD_PER_DEG, top)
        for code in bus.read(_SELF_TEST_GYRO, 3)
    )
    return x, y, z


def _setup(register: int, value: int, name: str, *more: Setting) -> Table:
    return (
        Setting(_PWR_MGMT_1, 0x01, "PWR_MGMT_1", wait_s=0.05),
        Setting(_CONFIG, 0x02, "CONFIG"),  # 94 Hz: 1000 samples a second
        Setting(register, value, name),
        *more,
    )


def _acc(config: int, scale: float, spans: Callable[[I2CBus], Spans], *more: Setting) -> Stage:
    return Stage(
        setup=_setup(_ACCEL_CONFIG, config, "ACCEL_CONFIG", *more),
        on=(Setting(_ACCEL_CONFIG, _ALL_AXES | config, "ACCEL_CONFIG"),),
        register=0x3B,
        order="big",
        scale=scale,
        settle_s=0.2,
        every_s=0.002,
        samples=200,
        spans=spans,
    )


def _gyr(spans: Callable[[I2CBus], Spans]) -> Stage:
    return Stage(
        setup=_setup(_GYRO_CONFIG, 0x00, "GYRO_CONFIG"),
        on=(Setting(_GYRO_CONFIG, _ALL_AXES, "GYRO_CONFIG"),),
        register=0x43,
        order="big",
        scale=GYR_250,
        settle_s=0.2,
        every_s=0.002,
        samples=200,
        spans=spans,
    )


SELF_TEST_6050: Final = SelfTest(
    acc=_acc(0x10, G0 / 4096, _acc_6050),  # ±8 g
    gyr=_gyr(_gyr_6050),
    source="RM-MPU-6000A-00, registers 13 to 16",
)
SELF_TEST_6500: Final = SelfTest(
    acc=_acc(0x00, ACC_2G, _acc_6500, Setting(_ACCEL_CONFIG_2, 0x02, "ACCEL_CONFIG_2", mask=0x0F)),
    gyr=_gyr(_gyr_6500),
    source="AN-MPU-9250A-03",
)
