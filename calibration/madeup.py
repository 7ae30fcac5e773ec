"""The sensor of runs that are made up, for what needs run files and no samples of anybody."""

from typing import Final

from gaitpi.imu.batch import SensorInfo

RATE_HZ: Final = 208.0
WALL_S: Final = 1_795_453_320.0
"""When such a run begins, seconds since 1970: a Monday evening in November 2026."""
SENSOR: Final = SensorInfo(
    chip="lsm6dsox",
    address=0x6A,
    bus="/dev/i2c-1",
    who_am_i=0x6C,
    identity="tested",
    rate_hz=RATE_HZ,
    acc_scale=0.004788,
    gyr_scale=0.00122,
    acc_range=156.9,
    gyr_range=34.9,
)
