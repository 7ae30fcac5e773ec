"""A reader on a virtual chip, with hands on the wires."""

from calibration.reliability.rig import Rig, ViolationError, part
from gaitpi.imu.virtual.faulty import FaultyBus
from gaitpi.imu.virtual.numbered import Numbered

MPU_6050 = part("MPU-6050")
MPU_9250 = part("MPU-9250")
OX = part("LSM6DSOX")
DS3 = part("LSM6DS3")
TRC = part("LSM6DS3TR-C")

__all__ = [
    "DS3",
    "MPU_6050",
    "MPU_9250",
    "OX",
    "TRC",
    "FaultyBus",
    "Numbered",
    "Rig",
    "ViolationError",
    "part",
]
