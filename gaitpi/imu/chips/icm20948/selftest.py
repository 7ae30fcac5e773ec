"""The self-test of the ICM-20948: the 6500's trim, in other registers.

Read: the maker's Linux driver for this generation (inv_mpu_selftest): trim table, limits, ±250 °/s
and ±2 g. From memory: registers and bits (SELF_TEST_* in bank 1, GYRO_CONFIG_2 and ACCEL_CONFIG_2
in bank 2).
"""

from typing import Final

from gaitpi.imu.bus import I2CBus
from gaitpi.imu.chip import Setting
from gaitpi.imu.chips.mpu6050.selftest import ACC_2G, GYR_250, trim_6500
from gaitpi.imu.selftest import SelfTest, Span, Stage
from gaitpi.units import G0, RAD_PER_DEG

_SELF_TEST_GYRO: Final = 0x102  # bank 1: 2 to 4
_SELF_TEST_ACCEL: Final = 0x10E  # bank 1: 14 to 16
_AWAKE: Final = Setting(0x06, 0x01, "PWR_MGMT_1", wait_s=0.05)
_SMALLEST_RANGE: Final = 0x09  # low-pass 1, in effect: 1125 samples a second


def _acc(bus: I2CBus) -> tuple[Span, Span, Span]:
    trims = [(code, trim_6500(code, ACC_2G)) for code in bus.read(_SELF_TEST_ACCEL, 3)]
    x, y, z = (
        Span(0.5 * trim, 1.5 * trim) if code else Span(0.225 * G0, 0.675 * G0)
        for code, trim in trims
    )
    return x, y, z


def _gyr(bus: I2CBus) -> tuple[Span, Span, Span]:
    # more than half of the trim, and no upper limit but the range
    trims = [(code, trim_6500(code, GYR_250)) for code in bus.read(_SELF_TEST_GYRO, 3)]
    x, y, z = (
        Span(0.5 * trim if code else 60 * RAD_PER_DEG, 250 * RAD_PER_DEG) for code, trim in trims
    )
    return x, y, z


SELF_TEST: Final = SelfTest(
    acc=Stage(
        setup=(_AWAKE, Setting(0x214, _SMALLEST_RANGE, "ACCEL_CONFIG")),
        on=(Setting(0x215, 0x1C, "ACCEL_CONFIG_2", mask=0x1C),),
        register=0x2D,
        order="big",
        scale=ACC_2G,
        settle_s=0.2,
        every_s=0.002,
        samples=200,
        spans=_acc,
    ),
    gyr=Stage(
        setup=(_AWAKE, Setting(0x201, _SMALLEST_RANGE, "GYRO_CONFIG_1")),
        on=(Setting(0x202, 0x38, "GYRO_CONFIG_2", mask=0x38),),
        register=0x33,
        order="big",
        scale=GYR_250,
        settle_s=0.2,
        every_s=0.002,
        samples=200,
        spans=_gyr,
    ),
    source="maker's inv_mpu_selftest",
)
