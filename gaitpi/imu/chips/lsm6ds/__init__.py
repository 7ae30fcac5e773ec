"""ST LSM6DS3, LSM6DS3TR-C (untagged FIFO) and LSM6DSOX, ISM330DHCX (tagged FIFO).

Read for this folder:

- ST's own drivers lsm6ds3-pid, lsm6ds3tr-c-pid, lsm6dsox-pid and ism330dhcx-pid: every register
  address and bit, the decimation and FIFO modes, the tags, the scales (0.488 mg and 70 m°/s a
  count; 16 and 256 counts a °C from 25 °C).
- Linux 6.12, st_lsm6dsx: WHO_AM_I, output rates and their codes, FIFO depths (1365 and 682 sets,
  512 words), the order gyroscope before accelerometer, samples to throw away after turning on.
- Pages of data sheets: LSM6DSL DocID028475 rev. 7 p. 36 (data sets of the FIFO), LSM6DSM p. 34
  and LSM6DS3US p. 31 (the first sample after a change of FIFO mode is to be discarded), LSM6DSO
  DS12140 rev. 2 p. 10 (output rates), p. 11 (70 m°/s a count) and p. 34 (7-byte words, DIFF_FIFO).

From memory, for want of the page: boot and reset times (AN4650, AN5130, AN5272), and that BDU
keeps both bytes of a value together. The sheets of the LSM6DSOX (DS12814) and of the ISM330DHCX
(DS13012) themselves were not read.
"""

from collections.abc import Callable
from typing import Final

from gaitpi.imu.chip import Chip, Field, Fifo, Frames, Setting, Table, TaggedWords
from gaitpi.imu.chips.lsm6ds.selftest import SELF_TEST_DS3, SELF_TEST_OX
from gaitpi.units import G0, RAD_PER_DEG

_FUNC_CFG_ACCESS: Final = 0x01
_WHO_AM_I: Final = 0x0F
_CTRL1_XL: Final = 0x10
_CTRL2_G: Final = 0x11
_CTRL3_C: Final = 0x12
_CTRL9_XL: Final = 0x18
_CTRL10_C: Final = 0x19
_OUT_TEMP: Final = 0x20
_FIFO_STATUS: Final = 0x3A

_RATES: Final = {104.0: 0x4, 208.0: 0x5, 416.0: 0x6, 833.0: 0x7}
_FS_XL_16G: Final = 0b01 << 2
_FS_G_2000: Final = 0b11 << 2
# BDU: both bytes of a value are of one measurement. IF_INC: bursts walk on by themselves.
_BDU_IF_INC: Final = 0x44
_CONTINUOUS: Final = 0b110
# Linux throws away 20 samples at 208 Hz after turning the gyroscope on, 12 at 104 Hz and 36 at
# 416 Hz: 0.09 to 0.12 s.
_GYRO_ON_S: Final = 0.12


def _sensors(rate_hz: float) -> Table:
    odr = _RATES[rate_hz] << 4
    return (
        Setting(_CTRL3_C, _BDU_IF_INC, "CTRL3_C", critical=True),
        Setting(_CTRL1_XL, odr | _FS_XL_16G, "CTRL1_XL", critical=True),
        Setting(_CTRL2_G, odr | _FS_G_2000, "CTRL2_G", wait_s=_GYRO_ON_S, critical=True),
    )


def _table_untagged(rate_hz: float) -> Table:
    return (
        *_sensors(rate_hz),
        # FIFO_CTRL3: gyroscope and accelerometer both without decimation. FIFO_CTRL4: nothing
        # else, so a set is gx gy gz ax ay az.
        Setting(0x08, 0x09, "FIFO_CTRL3", critical=True),
        Setting(0x09, 0x00, "FIFO_CTRL4", critical=True),
        Setting(0x0A, _RATES[rate_hz] << 3 | _CONTINUOUS, "FIFO_CTRL5", critical=True),
    )


def _table_ds3(rate_hz: float) -> Table:
    return (
        *_table_untagged(rate_hz),
        # This part alone can switch off single axes; all are on after a reset.
        Setting(_CTRL9_XL, 0x38, "CTRL9_XL", mask=0x38, critical=True),
        Setting(_CTRL10_C, 0x38, "CTRL10_C", mask=0x38, critical=True),
    )


def _table_tagged(rate_hz: float) -> Table:
    odr = _RATES[rate_hz]
    return (
        *_sensors(rate_hz),
        # LSM6DSOX: I3C off, this is an I2C bus. ISM330DHCX: DEVICE_CONF, which is to be 1.
        Setting(_CTRL9_XL, 0x02, "CTRL9_XL", mask=0x02),
        Setting(0x08, 0x00, "FIFO_CTRL2", critical=True),  # no compression
        Setting(0x09, odr << 4 | odr, "FIFO_CTRL3", critical=True),  # gyroscope, accelerometer
        # Temperature at 12.5 Hz: it drifts slowly, and every word costs bus time.
        Setting(0x0A, 0b10 << 4 | _CONTINUOUS, "FIFO_CTRL4", critical=True),
    )


# Bypass empties the FIFO (FIFO_MODE of register 0x0A in both kinds).
_FLUSH: Final = (
    Setting(0x0A, 0, "FIFO_MODE", mask=0x07),
    Setting(0x0A, _CONTINUOUS, "FIFO_MODE", mask=0x07),
)
# Pages of embedded functions and of the sensor hub lie over the registers when selected here.
_HOME_UNTAGGED: Final = (Setting(_FUNC_CFG_ACCESS, 0x00, "FUNC_CFG_ACCESS", mask=0xE0),)
_HOME_TAGGED: Final = (Setting(_FUNC_CFG_ACCESS, 0x00, "FUNC_CFG_ACCESS", mask=0xC0),)
_RESET: Final = Setting(_CTRL3_C, 0x01, "CTRL3_C", wait_s=0.02)  # SW_RESET; boot takes 15 ms
_ADDRESSES: Final = (0x6A, 0x6B)
_ACC_SCALE: Final = 0.488e-3 * G0
_GYR_SCALE: Final = 70e-3 * RAD_PER_DEG


def _untagged(
    name: str,
    ids: dict[int, str],
    table: Callable[[float], Table],
    level_mask: int,
    size_bytes: int,
    counts_per_c: float,
) -> Chip:
    return Chip(
        name=name,
        addresses=_ADDRESSES,
        who_am_i=_WHO_AM_I,
        tested=ids,
        tolerated={},
        reset=_RESET,
        rates_hz=tuple(_RATES),
        table=table,
        fifo=Fifo(
            data=0x3E,  # FIFO_DATA_OUT_L; a burst stays on 0x3E, 0x3F
            level=Field(_FIFO_STATUS, level_mask, 2),  # FIFO_STATUS1, 2: 16-bit words
            level_bytes=2,
            size_bytes=size_bytes,
            overflow=Field(_FIFO_STATUS, 0x4000, 2),  # OVER_RUN
            flush=_FLUSH,
            layout=Frames(words=6, order="little", columns=(3, 4, 5, 0, 1, 2)),
            pattern=Field(0x3C, 0x03FF, 2),  # FIFO_STATUS3, 4: FIFO_PATTERN
            doubtful=1,  # after a change of FIFO mode
        ),
        acc_scale=_ACC_SCALE,
        gyr_scale=_GYR_SCALE,
        acc_range=16 * G0,
        gyr_range=2000 * RAD_PER_DEG,
        zero_c=25.0,
        counts_per_c=counts_per_c,
        temperature=Field(_OUT_TEMP, 0xFFFF, 2),
        self_test=SELF_TEST_DS3,
        home=_HOME_UNTAGGED,
    )


LSM6DS3: Final = _untagged("lsm6ds3", {0x69: "LSM6DS3"}, _table_ds3, 0x0FFF, 8192, 16.0)
LSM6DS3TRC: Final = _untagged(
    "lsm6ds3tr-c", {0x6A: "LSM6DS3TR-C"}, _table_untagged, 0x07FF, 4096, 256.0
)

LSM6DSOX: Final = Chip(
    name="lsm6dsox",
    addresses=_ADDRESSES,
    who_am_i=_WHO_AM_I,
    tested={0x6C: "LSM6DSOX", 0x6B: "ISM330DHCX"},
    tolerated={},
    reset=_RESET,
    rates_hz=tuple(_RATES),
    table=_table_tagged,
    fifo=Fifo(
        data=0x78,  # FIFO_DATA_OUT_TAG; a burst goes round 0x78 … 0x7E
        level=Field(_FIFO_STATUS, 0x03FF, 2),  # FIFO_STATUS1, 2: words
        level_bytes=7,
        size_bytes=512 * 7,
        overflow=Field(_FIFO_STATUS, 0x4800, 2),  # FIFO_OVR_IA, FIFO_OVR_LATCHED
        flush=_FLUSH,
        layout=TaggedWords(acc_tag=0x02, gyr_tag=0x01, temperature_tag=0x03),
    ),
    acc_scale=_ACC_SCALE,
    gyr_scale=_GYR_SCALE,
    acc_range=16 * G0,
    gyr_range=2000 * RAD_PER_DEG,
    zero_c=25.0,
    counts_per_c=256.0,
    self_test=SELF_TEST_OX,
    home=_HOME_TAGGED,
)

CHIPS: Final[tuple[Chip, ...]] = (LSM6DS3, LSM6DS3TRC, LSM6DSOX)
