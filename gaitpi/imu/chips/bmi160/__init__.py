"""Bosch Sensortec BMI160.

Data sheet BST-BMI160-DS000-07 rev. 0.8 ("DS"), of which pages 17, 22 (FIFO frames), 40, 54
(temperature, FIFO_LENGTH) and 68 were read, and Bosch's note "BMI160 FIFO Advanced Usage".
Addresses, codes and waiting times: Bosch's BMI160_SensorAPI and Linux's bmi160 driver (6.12). The
cut-off frequencies are from memory.
"""

from typing import Final

from gaitpi.imu.chip import Chip, Field, Fifo, HeadedFrames, Setting, Table
from gaitpi.units import G0, RAD_PER_DEG

_CHIP_ID: Final = 0x00
_PMU_STATUS: Final = 0x03
_INT_STATUS_1: Final = 0x1D
_TEMPERATURE: Final = 0x20
_FIFO_LENGTH: Final = 0x22
_FIFO_DATA: Final = 0x24
_ACC_CONF: Final = 0x40
_ACC_RANGE: Final = 0x41
_GYR_CONF: Final = 0x42
_GYR_RANGE: Final = 0x43
_FIFO_DOWNS: Final = 0x45
_FIFO_CONFIG_0: Final = 0x46
_FIFO_CONFIG_1: Final = 0x47
_INT_EN_1: Final = 0x51
_CMD: Final = 0x7E

_RATES: Final = {100.0: 0x8, 200.0: 0x9, 400.0: 0xA, 800.0: 0xB}


def _command(value: int, wait_s: float = 0.0) -> Setting:
    return Setting(_CMD, value, "CMD", wait_s=wait_s, checked=False)  # reads 0


def _table(rate_hz: float) -> Table:
    # Bandwidth "normal" (2 in bits 4 and 5): at 200 Hz 80 Hz (accelerometer) and 75 Hz
    # (gyroscope), the nearest to 94 Hz that does not fold back. Why 94 Hz: foot strike reaches the
    # trunk as a shock of some 10 to 60 Hz.
    config = 0x20 | _RATES[rate_hz]
    return (
        # First, because a suspended part takes only a write every 450 µs. The accelerometer
        # needs 3.8 ms, the gyroscope 80.
        _command(0x11, wait_s=0.005),  # accelerometer to normal mode
        _command(0x15, wait_s=0.09),  # gyroscope to normal mode
        # Both in normal mode: a reset or a brown-out puts them to sleep.
        Setting(_PMU_STATUS, 0x14, "PMU_STATUS", mask=0x3C, critical=True, written=False),
        Setting(_ACC_CONF, config, "ACC_CONF", critical=True),
        Setting(_ACC_RANGE, 0x0C, "ACC_RANGE", critical=True),  # ±16 g: foot strike
        Setting(_GYR_CONF, config, "GYR_CONF", critical=True),
        Setting(_GYR_RANGE, 0x00, "GYR_RANGE", critical=True),  # ±2000 °/s
        Setting(_FIFO_DOWNS, 0x88, "FIFO_DOWNS", critical=True),  # filtered, every sample
        Setting(_FIFO_CONFIG_0, 0x80, "FIFO_CONFIG_0"),
        # Gyroscope and accelerometer, each frame behind its header: headless frames could be
        # read askew for ever, for there is no temperature among them to tell.
        Setting(_FIFO_CONFIG_1, 0xD0, "FIFO_CONFIG_1", critical=True),
        Setting(_INT_EN_1, 0x20, "INT_EN_1"),  # so that the flag for a full FIFO shows
    )


BMI160: Final = Chip(
    name="bmi160",
    addresses=(0x68, 0x69),
    who_am_i=_CHIP_ID,
    tested={0xD1: "BMI160"},
    tolerated={0xD3: "BMI120 (0xD3)"},  # one driver for both in Linux
    # Bosch and Linux wait 1 ms; ArduPilot (on SPI) found that not to suffice every time. Should
    # 20 ms not do either, the registers will tell and it all begins again.
    reset=_command(0xB6, wait_s=0.02),
    rates_hz=tuple(_RATES),
    table=_table,
    fifo=Fifo(
        data=_FIFO_DATA,
        level=Field(_FIFO_LENGTH, 0x07FF, 2),
        level_bytes=1,
        # 78 frames fit into 1024 bytes; with 77 the next but one drops the oldest.
        size_bytes=77 * 13,
        overflow=Field(_INT_STATUS_1, 0x20),  # ffull_int, some frames before it is full
        flush=(_command(0xB0),),
        # DS p. 22: header 0b100011 and two interrupt tags; gyroscope, accelerometer, low byte
        # first. A frame "so many were skipped" (0x40) has another header.
        layout=HeadedFrames(
            size=13, header=0x8C, header_mask=0xFC, order="little", columns=(3, 4, 5, 0, 1, 2)
        ),
    ),
    acc_scale=G0 / 2048,
    gyr_scale=RAD_PER_DEG / 16.4,
    acc_range=16 * G0,
    gyr_range=2000 * RAD_PER_DEG,
    zero_c=23.0,
    counts_per_c=512.0,
    temperature=Field(_TEMPERATURE, 0xFFFF, 2),
)

CHIPS: Final = (BMI160,)
