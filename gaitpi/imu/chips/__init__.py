"""The chips gaitpi knows; adding one takes a file beside this and a line below."""

from typing import Final

from gaitpi.imu.chip import Chip
from gaitpi.imu.chips.lsm6ds import LSM6DS3, LSM6DS3TRC, LSM6DSOX
from gaitpi.imu.chips.mpu6050 import MPU6050, MPU6500

CHIPS: Final[tuple[Chip, ...]] = (MPU6050, MPU6500, LSM6DS3, LSM6DS3TRC, LSM6DSOX)


def known_addresses() -> tuple[int, ...]:
    """All I2C addresses a known chip can have, ascending."""
    return tuple(sorted({address for chip in CHIPS for address in chip.addresses}))
