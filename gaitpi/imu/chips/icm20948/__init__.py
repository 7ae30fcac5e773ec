"""TDK InvenSense ICM-20948 (its magnetometer is left alone).

Data sheet DS-000189 rev. 1.3, of which pages 25 and 30 were read; register names, addresses and
bits are those of SparkFun's register header, which names them as the sheet does. How the FIFO is
laid out, emptied and how much it holds: ArduPilot's and PX4's drivers. Reset values, start-up time
and INT_STATUS_2 from memory.

A bare ICM-20948 takes 1.8 V on its pins: boards for a Pi have a level shifter, or need one.
"""

from typing import Final

from gaitpi.imu.bus import Banks
from gaitpi.imu.chip import Chip, Field, Fifo, Frames, Setting, Table
from gaitpi.imu.chips.icm20948.selftest import SELF_TEST
from gaitpi.units import G0, RAD_PER_DEG

_WHO_AM_I: Final = 0x00
_USER_CTRL: Final = 0x03
_LP_CONFIG: Final = 0x05
_PWR_MGMT_1: Final = 0x06
_PWR_MGMT_2: Final = 0x07
_INT_ENABLE_2: Final = 0x12
_INT_STATUS_2: Final = 0x1B
_FIFO_EN_1: Final = 0x66
_FIFO_EN_2: Final = 0x67
_FIFO_RST: Final = 0x68
_FIFO_MODE: Final = 0x69
_FIFO_COUNT: Final = 0x70
_FIFO_R_W: Final = 0x72
_REG_BANK_SEL: Final = 0x7F
_GYRO_SMPLRT_DIV: Final = 0x200  # bank 2
_GYRO_CONFIG_1: Final = 0x201
_ODR_ALIGN_EN: Final = 0x209
_ACCEL_SMPLRT_DIV_1: Final = 0x210
_ACCEL_SMPLRT_DIV_2: Final = 0x211
_ACCEL_CONFIG: Final = 0x214

_INTERNAL_HZ: Final = 1125.0
_RATES: Final = {_INTERNAL_HZ / (1 + divider): divider for divider in range(11)}
_SENSORS: Final = 0x1F  # FIFO_EN_2: accelerometer, gyroscope z y x, temperature
_FIFO_ON: Final = 0x40

# Not in the table: in another bank every register of the table reads wrong.
_BANK_0: Final = Setting(_REG_BANK_SEL, 0x00, "REG_BANK_SEL", mask=0x30)


def _table(rate_hz: float) -> Table:
    divider = _RATES[rate_hz]
    # Low-pass 2: 111 Hz (accelerometer), 120 Hz (gyroscope); 3: 50 and 51 Hz. The first is the
    # nearest to 94 Hz (why that: foot strike reaches the trunk as a shock of some 10 to 60 Hz),
    # and what lies above half of 225 samples a second stays out; slower rates need the second.
    low_pass = 2 if rate_hz > 180.0 else 3
    config = low_pass << 3 | 0b11 << 1 | 1  # largest range, low-pass and divider in effect
    return (
        # After a reset the part sleeps (0x41). 0x01: awake, the best clock there is (p. 25). The
        # gyroscope needs 35 ms from sleep.
        Setting(_PWR_MGMT_1, 0x01, "PWR_MGMT_1", wait_s=0.05, critical=True),
        Setting(_PWR_MGMT_2, 0x00, "PWR_MGMT_2", critical=True),
        Setting(_LP_CONFIG, 0x00, "LP_CONFIG", critical=True),  # nothing on and off by turns
        Setting(_GYRO_SMPLRT_DIV, divider, "GYRO_SMPLRT_DIV", critical=True),
        Setting(_GYRO_CONFIG_1, config, "GYRO_CONFIG_1", critical=True),  # ±2000 °/s
        Setting(_ODR_ALIGN_EN, 0x01, "ODR_ALIGN_EN"),  # both sensors begin together
        Setting(_ACCEL_SMPLRT_DIV_1, 0x00, "ACCEL_SMPLRT_DIV_1", mask=0x0F, critical=True),
        Setting(_ACCEL_SMPLRT_DIV_2, divider, "ACCEL_SMPLRT_DIV_2", critical=True),
        Setting(_ACCEL_CONFIG, config, "ACCEL_CONFIG", critical=True),  # ±16 g: foot strike
        Setting(_INT_ENABLE_2, 0x01, "INT_ENABLE_2"),  # so that the overflow flag is kept
        Setting(_FIFO_MODE, 0x00, "FIFO_MODE"),  # the newest overwrite the oldest
        Setting(_FIFO_EN_1, 0x00, "FIFO_EN_1", critical=True),
        Setting(_FIFO_EN_2, _SENSORS, "FIFO_EN_2", critical=True),
        Setting(_USER_CTRL, _FIFO_ON, "USER_CTRL", critical=True),  # FIFO on, I2C master off
    )


ICM20948: Final = Chip(
    name="icm20948",
    addresses=(0x68, 0x69),
    who_am_i=_WHO_AM_I,
    tested={0xEA: "ICM-20948"},
    tolerated={},  # the ICM-20648 and ICM-20649 have other numbers, the latter other scales
    reset=Setting(_PWR_MGMT_1, 0x80, "PWR_MGMT_1", wait_s=0.1),
    rates_hz=tuple(_RATES),
    table=_table,
    fifo=Fifo(
        data=_FIFO_R_W,
        level=Field(_FIFO_COUNT, 0x1FFF, 2, "big"),
        level_bytes=1,
        size_bytes=512,
        overflow=Field(_INT_STATUS_2, 0x1F),
        flush=(
            Setting(_FIFO_EN_2, 0x00, "FIFO_EN_2"),
            Setting(_USER_CTRL, 0x00, "USER_CTRL"),
            Setting(_FIFO_RST, 0x1F, "FIFO_RST"),
            Setting(_FIFO_RST, 0x00, "FIFO_RST"),
            Setting(_USER_CTRL, _FIFO_ON, "USER_CTRL"),
            Setting(_FIFO_EN_2, _SENSORS, "FIFO_EN_2"),
        ),
        # In the order of the output registers 0x2D to 0x3A. The temperature rides along because
        # it tells a shifted frame from a whole one.
        layout=Frames(words=7, order="big", columns=(0, 1, 2, 3, 4, 5), temperature=6),
    ),
    acc_scale=G0 / 2048,
    gyr_scale=RAD_PER_DEG / 16.4,
    acc_range=16 * G0,
    gyr_range=2000 * RAD_PER_DEG,
    zero_c=21.0,
    counts_per_c=333.87,
    self_test=SELF_TEST,
    home=(_BANK_0,),
    banks=Banks(select=_REG_BANK_SEL, shift=4),
)

CHIPS: Final = (ICM20948,)
