"""The self-test of the LSM6DS family: a push on each axis, with the same limits for all parts.

Read: the maker's examples lsm6ds3_self_test.c and lsm6dsox_self_test.c (STMems_Standard_C_drivers):
ranges, rates, waits, five samples, limits. The register bits (CTRL5_C: ST_XL 1-0, ST_G 3-2) are of
the data sheets that the folder names, from memory.
"""

from typing import Final

from gaitpi.imu.chip import Setting
from gaitpi.imu.selftest import SelfTest, Span, Stage, same
from gaitpi.units import G0, RAD_PER_DEG

_CTRL1_XL: Final = 0x10
_CTRL2_G: Final = 0x11
_CTRL3_C: Final = Setting(0x12, 0x44, "CTRL3_C")  # BDU, IF_INC
_CTRL5_C: Final = 0x14
_GYR: Final = Span(150 * RAD_PER_DEG, 700 * RAD_PER_DEG)


def _self_test(least_g: float, source: str) -> SelfTest:
    return SelfTest(
        acc=Stage(
            setup=(_CTRL3_C, Setting(_CTRL1_XL, 0x38, "CTRL1_XL")),  # 52 Hz, ±4 g
            on=(Setting(_CTRL5_C, 0x01, "CTRL5_C"),),
            register=0x28,
            order="little",
            scale=0.122e-3 * G0,
            settle_s=0.2,
            every_s=0.022,
            samples=20,
            spans=same(Span(least_g * G0, 1.7 * G0)),
        ),
        gyr=Stage(
            setup=(_CTRL3_C, Setting(_CTRL2_G, 0x5C, "CTRL2_G", wait_s=0.6)),  # 208 Hz, ±2000 °/s
            on=(Setting(_CTRL5_C, 0x04, "CTRL5_C"),),
            register=0x22,
            order="little",
            scale=70e-3 * RAD_PER_DEG,
            settle_s=0.2,
            every_s=0.006,
            samples=20,
            spans=same(_GYR),
        ),
        source=source,
    )


SELF_TEST_DS3: Final = _self_test(0.09, "maker's example lsm6ds3_self_test.c")
SELF_TEST_OX: Final = _self_test(0.05, "maker's example lsm6dsox_self_test.c")
