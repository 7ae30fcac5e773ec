"""TDK InvenSense MPU-6050 and its relatives MPU-6500, MPU-9250, MPU-9255.

The maps are ordered by register number, given below in decimal as they do. Read for this folder:

- RM, the Register Map RM-MPU-6000A-00 rev. 4.2 of the MPU-6000/6050: p. 8 (USER_CTRL to WHO_AM_I,
  reset values), p. 12 (sample rate), section 4.18 (temperature), pp. 40 and 41 (reset, sleep,
  clock), p. 43 (FIFO count, its latch), p. 44 (order of the FIFO, overflow, reading when empty).
- PS, the Product Specification PS-MPU-6000A-00 rev. 3.4: p. 12 (16.4 counts a °/s, 30 ms from
  power-on to ±1 °/s), p. 13 (2048 counts a g), p. 14 (340 counts a °C).
- RM9, the MPU-9250's RM-MPU-9250A-00 rev. 1.4: p. 9 (map, reset values), p. 43 (FIFO, FIFO_MODE).
- Linux 6.12, inv_mpu6050: WHO_AM_I and FIFO size of each part, temperature lines, start-up times;
  and the register names of the i2cdevlib library.

From memory: the bandwidths behind DLPF_CFG and A_DLPFCFG, FIFO_EN's bits (as Linux has them) and
that FIFO_RESET wants the FIFO off. The MPU-6500's own map (RM-MPU-6500A-00) was not read.
"""

from typing import Final

from gaitpi.imu.chip import Chip, Field, Fifo, Frames, Setting, Table
from gaitpi.imu.chips.mpu6050.selftest import SELF_TEST_6050, SELF_TEST_6500
from gaitpi.units import G0, RAD_PER_DEG

_SMPLRT_DIV: Final = 0x19  # register 25
_CONFIG: Final = 0x1A  # 26
_GYRO_CONFIG: Final = 0x1B  # 27
_ACCEL_CONFIG: Final = 0x1C  # 28
_ACCEL_CONFIG_2: Final = 0x1D  # 29, 6500 family only
_FIFO_EN: Final = 0x23  # 35
_INT_ENABLE: Final = 0x38  # 56
_INT_STATUS: Final = 0x3A  # 58
_USER_CTRL: Final = 0x6A  # 106
_PWR_MGMT_1: Final = 0x6B  # 107
_PWR_MGMT_2: Final = 0x6C  # 108
_FIFO_COUNT: Final = 0x72  # 114, 115
_FIFO_R_W: Final = 0x74  # 116
_WHO_AM_I: Final = 0x75  # 117

# With the low-pass on, the chip works at 1 kHz and SMPLRT_DIV divides that.
_INTERNAL_HZ: Final = 1000.0
_DIVIDERS: Final = range(10)


def _table(rate_hz: float) -> Table:
    return (
        # After a reset the part sleeps (PWR_MGMT_1 = 0x40) and every sample is zero. 0x01:
        # awake, clocked by the gyroscope's oscillator, which the maker recommends. Linux gives
        # the gyroscope 60 ms (6050) or 70 ms (6500), twice what the sheet calls typical.
        Setting(_PWR_MGMT_1, 0x01, "PWR_MGMT_1", wait_s=0.07, critical=True),
        Setting(_PWR_MGMT_2, 0x00, "PWR_MGMT_2", critical=True),
        Setting(_SMPLRT_DIV, round(_INTERNAL_HZ / rate_hz) - 1, "SMPLRT_DIV", critical=True),
        # DLPF 2: 94 Hz (accelerometer), 98 Hz (gyroscope), 3 ms delay. Foot strike reaches
        # the trunk as a shock of some 10 to 60 Hz, which 44 Hz would round off; 184 Hz would
        # let in what folds back at 200 samples a second. In the 6500 family bit 6 = 0 lets
        # the newest samples overwrite the oldest, as the 6050 does.
        Setting(_CONFIG, 0x02, "CONFIG", critical=True),
        Setting(_GYRO_CONFIG, 0x18, "GYRO_CONFIG", critical=True),  # ±2000 °/s
        Setting(_ACCEL_CONFIG, 0x18, "ACCEL_CONFIG", critical=True),  # ±16 g: foot strike
        Setting(_INT_ENABLE, 0x10, "INT_ENABLE"),  # so that the overflow flag is kept
        Setting(_FIFO_EN, 0xF8, "FIFO_EN", critical=True),  # temperature, gyro x y z, accel
        Setting(_USER_CTRL, 0x40, "USER_CTRL", critical=True),  # FIFO on, I2C master off
    )


def _table_6500(rate_hz: float) -> Table:
    # The accelerometer has a low-pass of its own here: 2 = 99 Hz (9250), 92 Hz (6500). Not
    # every copy has the register, and it changes nothing but the bandwidth: not checked.
    return (
        *_table(rate_hz),
        Setting(_ACCEL_CONFIG_2, 0x02, "ACCEL_CONFIG_2", mask=0x0F, checked=False),
    )


def _fifo(size_bytes: int) -> Fifo:
    return Fifo(
        data=_FIFO_R_W,
        level=Field(_FIFO_COUNT, 0x1FFF, 2, "big"),
        level_bytes=1,
        size_bytes=size_bytes,
        overflow=Field(_INT_STATUS, 0x10),
        # FIFO_RESET works only while the FIFO is off (register 106).
        flush=(
            Setting(_USER_CTRL, 0x00, "USER_CTRL"),
            Setting(_USER_CTRL, 0x04, "USER_CTRL"),
            Setting(_USER_CTRL, 0x40, "USER_CTRL"),
        ),
        # The FIFO is filled in the order of the output registers 59 to 72. The temperature
        # rides along because it tells a shifted frame from a whole one.
        layout=Frames(words=7, order="big", columns=(0, 1, 2, 4, 5, 6), temperature=3),
    )


MPU6050: Final = Chip(
    name="mpu6050",
    addresses=(0x68, 0x69),
    who_am_i=_WHO_AM_I,
    tested={0x68: "MPU-6050"},
    # 0x72 has been met on boards sold as MPU-6050; no maker's part has it. Should its FIFO be
    # smaller than 1024 bytes, the overflow flag tells in place of the level.
    tolerated={0x72: "MPU-6050 clone (0x72)"},
    reset=Setting(_PWR_MGMT_1, 0x80, "PWR_MGMT_1", wait_s=0.1),
    rates_hz=tuple(_INTERNAL_HZ / (1 + divider) for divider in _DIVIDERS),
    table=_table,
    fifo=_fifo(1024),
    acc_scale=G0 / 2048,
    gyr_scale=RAD_PER_DEG / 16.4,
    acc_range=16 * G0,
    gyr_range=2000 * RAD_PER_DEG,
    zero_c=36.53,
    counts_per_c=340.0,
    self_test=SELF_TEST_6050,
)

MPU6500: Final = Chip(
    name="mpu6500",
    addresses=(0x68, 0x69),
    who_am_i=_WHO_AM_I,
    tested={0x70: "MPU-6500", 0x71: "MPU-9250", 0x73: "MPU-9255"},
    # Relabelled parts and copies of this register map: 0x98 is the ICM-20689's number and
    # sits on most cheap "MPU-6050" boards; 0x74 is the MPU-6515's; 0x75 and 0x78 come on
    # boards sold as MPU-9250.
    tolerated={
        0x74: "MPU-6515 (0x74)",
        0x75: "MPU-6500 clone (0x75)",
        0x78: "MPU-6880 (0x78)",
        0x98: "ICM-20689 sold as MPU-6050 (0x98)",
    },
    reset=Setting(_PWR_MGMT_1, 0x80, "PWR_MGMT_1", wait_s=0.1),
    rates_hz=MPU6050.rates_hz,
    table=_table_6500,
    fifo=_fifo(512),
    acc_scale=MPU6050.acc_scale,
    gyr_scale=MPU6050.gyr_scale,
    acc_range=MPU6050.acc_range,
    gyr_range=MPU6050.gyr_range,
    zero_c=21.0,
    counts_per_c=333.87,
    self_test=SELF_TEST_6500,
)

CHIPS: Final[tuple[Chip, ...]] = (MPU6050, MPU6500)
