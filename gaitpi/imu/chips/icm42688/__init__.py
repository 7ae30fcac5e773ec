"""TDK InvenSense ICM-42688-P and the parts of its series with the same registers.

Source: data sheet DS-000347 rev. 1.5 ("DS"), read; sections and pages are its. The relatives are
those that Linux's inv_icm42600 (6.12) drives with the same registers, ranges and FIFO packets;
their own sheets were not read. Not among them: ICM-42686 (±32 g and ±4000 °/s by the same codes)
and ICM-42670 (another register map).
"""

from typing import Final

from gaitpi.imu.bus import Banks
from gaitpi.imu.chip import Chip, Field, Fifo, HeadedFrames, Setting, Table
from gaitpi.units import G0, RAD_PER_DEG

_DEVICE_CONFIG: Final = 0x11  # DS 14.1
_DRIVE_CONFIG: Final = 0x13
_FIFO_CONFIG: Final = 0x16
_INT_STATUS: Final = 0x2D
_FIFO_COUNT: Final = 0x2E
_FIFO_DATA: Final = 0x30
_SIGNAL_PATH_RESET: Final = 0x4B
_INTF_CONFIG0: Final = 0x4C
_INTF_CONFIG1: Final = 0x4D
_PWR_MGMT0: Final = 0x4E
_GYRO_CONFIG0: Final = 0x4F
_ACCEL_CONFIG0: Final = 0x50
_GYRO_CONFIG1: Final = 0x51
_GYRO_ACCEL_CONFIG0: Final = 0x52
_ACCEL_CONFIG1: Final = 0x53
_FIFO_CONFIG1: Final = 0x5F
_INT_SOURCE0: Final = 0x65
_WHO_AM_I: Final = 0x75
_REG_BANK_SEL: Final = 0x76
_INTF_CONFIG6: Final = 0x17C  # bank 1

# Output data rate: its code (DS 14.37, 14.38) and the code of the low-pass nearest to 94 Hz, second
# order (DS 5.5, pp. 32-33): 49, 92, 96 and 97 Hz. 92 Hz at 200 Hz is late by 5.1 ms. Why 94 Hz:
# foot strike reaches the trunk as a shock of some 10 to 60 Hz, and what lies above half the rate
# folds back.
_RATES: Final = {100.0: (0x8, 0), 200.0: (0x7, 1), 500.0: (0xF, 2), 1000.0: (0x6, 4)}

# Not in the table: in another bank every register of the table reads wrong.
_BANK_0: Final = Setting(_REG_BANK_SEL, 0x00, "REG_BANK_SEL", mask=0x07)


def _table(rate_hz: float) -> Table:
    odr, low_pass = _RATES[rate_hz]
    return (
        # DS 12.3 for I2C: I3C data off, slow edges. The first may cost its own acknowledge, says
        # a remark in Linux's driver; the repetition has it.
        Setting(_INTF_CONFIG6, 0x10, "INTF_CONFIG6", mask=0x1F, checked=False),
        Setting(_DRIVE_CONFIG, 0x09, "DRIVE_CONFIG", mask=0x3F),
        # Count in bytes, count and data with the high byte first, what was not measured marked
        # by -32768; SPI off. DS 14.34
        Setting(_INTF_CONFIG0, 0x32, "INTF_CONFIG0", mask=0xF3, critical=True),
        # The gyroscope's oscillator when it runs, ±1.5 % instead of ±3 % (DS table 4).
        Setting(_INTF_CONFIG1, 0x01, "INTF_CONFIG1", mask=0x03, critical=True),
        Setting(_GYRO_CONFIG0, odr, "GYRO_CONFIG0", critical=True),  # ±2000 °/s
        Setting(_ACCEL_CONFIG0, odr, "ACCEL_CONFIG0", critical=True),  # ±16 g: foot strike
        Setting(_GYRO_CONFIG1, 0x04, "GYRO_CONFIG1", mask=0x0C),  # second order
        Setting(_GYRO_ACCEL_CONFIG0, low_pass << 4 | low_pass, "GYRO_ACCEL_CONFIG0"),
        Setting(_ACCEL_CONFIG1, 0x08, "ACCEL_CONFIG1", mask=0x18),  # second order
        # Both sensors and temperature in packets; a read that takes a part goes on there next
        # time (DS 14.45).
        Setting(_FIFO_CONFIG1, 0x47, "FIFO_CONFIG1", critical=True),
        Setting(_FIFO_CONFIG, 0x40, "FIFO_CONFIG", mask=0xC0, critical=True),  # stream
        Setting(_INT_SOURCE0, 0x02, "INT_SOURCE0"),  # so that the overflow flag is kept
        # Last, because the others may not be changed while the sensors run (DS 12.9). Both in
        # low-noise mode. The gyroscope needs 30 ms (DS table 1), and Linux gives it 60.
        Setting(_PWR_MGMT0, 0x0F, "PWR_MGMT0", wait_s=0.06, critical=True),
    )


ICM42688: Final = Chip(
    name="icm42688",
    addresses=(0x68, 0x69),
    who_am_i=_WHO_AM_I,
    tested={0x47: "ICM-42688-P"},
    tolerated={
        0x40: "ICM-42600 (0x40)",
        0x41: "ICM-42602 (0x41)",
        0x42: "ICM-42605 (0x42)",
        0x46: "ICM-42622 (0x46)",
        0x5C: "ICM-42631 (0x5C)",
    },
    # SOFT_RESET_CONFIG; the sheet asks for 1 ms (DS 14.1).
    reset=Setting(_DEVICE_CONFIG, 0x01, "DEVICE_CONFIG", wait_s=0.01),
    rates_hz=tuple(_RATES),
    table=_table,
    fifo=Fifo(
        data=_FIFO_DATA,
        level=Field(_FIFO_COUNT, 0xFFFF, 2, "big"),
        level_bytes=1,
        # DS 6.3, p. 40: of 2048 bytes the room of one packet is kept free.
        size_bytes=2032,
        overflow=Field(_INT_STATUS, 0x02),  # FIFO_FULL_INT
        flush=(
            Setting(_SIGNAL_PATH_RESET, 0x02, "SIGNAL_PATH_RESET", checked=False),
            # The first level read after a flush is 0 whatever there is, says Linux's driver.
            Setting(_FIFO_COUNT + 1, 0x00, "FIFO_COUNTL", checked=False, written=False),
        ),
        # Packet 3 (DS 6.1, 6.2): header 0b011010xx, acceleration, angular rate, temperature in
        # 8 bits, time stamp.
        layout=HeadedFrames(
            size=16,
            header=0x68,
            header_mask=0xFC,
            order="big",
            columns=(0, 1, 2, 3, 4, 5),
            temperature=13,
            invalid=-32768,
        ),
    ),
    acc_scale=G0 / 2048,
    gyr_scale=RAD_PER_DEG / 16.4,
    acc_range=16 * G0,
    gyr_range=2000 * RAD_PER_DEG,
    zero_c=25.0,
    counts_per_c=2.07,  # DS table 4, in the FIFO
    home=(_BANK_0,),
    banks=Banks(select=_REG_BANK_SEL, shift=0),
)

CHIPS: Final = (ICM42688,)
