"""The chips as data: tables against the virtual chips, layouts, limits, identities."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gaitpi.hostclock import VirtualClock
from gaitpi.imu.bus import I2CBus
from gaitpi.imu.chip import Chip, Frames, Setting, TaggedWords, blocks
from gaitpi.imu.chips import CHIPS
from gaitpi.imu.chips.lsm6ds import LSM6DS3, LSM6DS3TRC, LSM6DSOX
from gaitpi.imu.chips.lsm6ds.twin import VirtualLsm6ds
from gaitpi.imu.chips.mpu6050 import MPU6050, MPU6500
from gaitpi.imu.chips.mpu6050.twin import VirtualMpu6050
from gaitpi.imu.virtual.chip import VirtualChip
from gaitpi.imu.virtual.source import Floats
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.units import G0

ACC = np.array([1.0, -2.0, G0])
GYR = np.array([0.5, -1.0, 2.0])


class Steady:
    """The same acceleration and angular rate all the time."""

    rate_hz: float | None = None
    duration_s: float = math.inf

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        return np.tile(ACC, (n, 1)), np.tile(GYR, (n, 1))


def twin(chip: Chip, who: int, clock: VirtualClock) -> VirtualChip:
    if chip in (MPU6050, MPU6500):
        size: Any = chip.fifo.size_bytes
        return VirtualMpu6050(Steady(), clock, who_am_i=who, fifo_bytes=size)
    return VirtualLsm6ds(Steady(), clock, who_am_i=who)


def on_bus(chip: Chip, who: int) -> tuple[I2CBus, VirtualClock]:
    clock = VirtualClock()
    device = twin(chip, who, clock)
    return I2CBus(VirtualTransport([device]), device.address, clock), clock


def configure(bus: I2CBus, clock: VirtualClock, chip: Chip, rate_hz: float) -> None:
    for setting in (chip.reset, *chip.table(rate_hz), *chip.fifo.flush):
        setting.write(bus)
        clock.sleep(setting.wait_s)


def test_the_smaller_fifo_of_a_6050_clone_is_told_by_the_flag() -> None:
    clock = VirtualClock()
    device = VirtualMpu6050(Steady(), clock, who_am_i=0x72, fifo_bytes=512)
    bus = I2CBus(VirtualTransport([device]), 0x68, clock)
    configure(bus, clock, MPU6050, 200.0)
    clock.sleep(1.0)
    assert MPU6050.fifo.status(bus).overflow


@pytest.mark.parametrize("chip", [LSM6DS3, LSM6DS3TRC])
def test_the_pattern_tells_a_lost_word(chip: Chip) -> None:
    bus, clock = on_bus(chip, next(iter(chip.tested)))
    configure(bus, clock, chip, 208.0)
    clock.sleep(0.1)
    bus.read(chip.fifo.data, 2)
    assert not chip.fifo.status(bus).aligned


def test_rates_nearest_to_the_wanted_one() -> None:
    assert [MPU6050.rate(wanted) for wanted in (100, 208, 230, 1000)] == [100, 200, 250, 1000]
    assert [LSM6DSOX.rate(wanted) for wanted in (100, 208, 300, 1000)] == [104, 208, 208, 833]
    assert MPU6050.table(200.0)[2].value == 4  # 1 kHz / (1 + 4)


def test_a_wrong_register_is_told_in_words() -> None:
    setting = Setting(0x6B, 0x01, "PWR_MGMT_1")
    assert setting.fault(0x01) == ""
    assert setting.fault(0x40) == "register PWR_MGMT_1 (0x6B) reads 0x40, not 0x01"
    assert Setting(0x18, 0x02, "CTRL9_XL", mask=0x02).fault(0xE2) == ""


def test_a_masked_write_leaves_the_other_bits() -> None:
    bus, _ = on_bus(LSM6DSOX, 0x6C)
    before = bus.read(0x18)[0]
    Setting(0x18, 0x02, "CTRL9_XL", mask=0x02).write(bus)
    assert bus.read(0x18)[0] == before | 0x02 != before


@given(st.lists(st.integers(0, 127), unique=True, min_size=1))
def test_blocks_hold_every_register_once_in_neighbouring_runs(registers: list[int]) -> None:
    runs = blocks(tuple(Setting(r, 0, str(r)) for r in registers))
    assert sorted(registers) == [s.register for run in runs for s in run]
    for run in runs:
        assert [s.register - run[0].register for s in run] == list(range(len(run)))
    starts = [run[0].register for run in runs]
    ends = [run[-1].register for run in runs]
    assert all(start > end + 1 for start, end in zip(starts[1:], ends[:-1], strict=True))


def test_identities_are_unique_and_graded() -> None:
    seen: dict[tuple[int, int, int], str] = {}
    for chip in CHIPS:
        for who in (*chip.tested, *chip.tolerated):
            for address in chip.addresses:
                assert seen.setdefault((address, chip.who_am_i, who), chip.name) == chip.name
    assert MPU6050.identity(0x68) == "tested"
    assert MPU6500.identity(0x98) == "tolerated"
    assert MPU6500.identity(0x11) == "unknown"
    assert MPU6500.part(0x71) == "MPU-9250"
    assert MPU6500.part(0x11) == "mpu6500"
    assert {LSM6DS3.part(0x69), LSM6DS3TRC.part(0x6A)} == {"LSM6DS3", "LSM6DS3TR-C"}


def test_frames_put_the_columns_in_order() -> None:
    layout = Frames(words=7, order="big", columns=(0, 1, 2, 4, 5, 6), temperature=3)
    frames = np.array([[1, -2, 3, 99, 4, -5, 6], [7, 8, 9, 98, -32768, 11, 12]], dtype=">i2")
    decoded = layout.decode(frames.tobytes())
    assert decoded.counts.tolist() == [[1, -2, 3, 4, -5, 6], [7, 8, 9, -32768, 11, 12]]
    assert decoded.temperature.tolist() == [99, 98]
    assert decoded.counts.dtype == np.int16
    assert decoded.used == 28


TAGGED = TaggedWords(acc_tag=2, gyr_tag=1, temperature_tag=3)


def word(tag: int, slot: int, values: list[int]) -> bytes:
    return bytes((tag << 3 | slot << 1,)) + np.array(values, dtype="<i2").tobytes()


def words_of(counts: NDArray[np.int16], swapped: list[bool], hot: list[bool]) -> list[bytes]:
    out = []
    for i, row in enumerate(counts.tolist()):
        pair = [word(1, i % 4, row[3:]), word(2, i % 4, row[:3])]
        out += pair[::-1] if swapped[i] else pair
        if hot[i]:
            out.append(word(3, i % 4, [i, 0, 0]))
    return out


@given(st.data(), st.integers(1, 30))
def test_tagged_words_in_any_cut_and_order_give_the_same_samples(data: Any, n: int) -> None:
    flags = st.lists(st.booleans(), min_size=n, max_size=n)
    counts = np.arange(6 * n, dtype=np.int16).reshape(n, 6)
    stream = words_of(counts, data.draw(flags), data.draw(flags))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=5))
    raw, rows, hot = b"", [], []
    edges = [0, *sorted(cuts), len(stream)]
    for begin, end in itertools.pairwise(edges):
        raw += b"".join(stream[begin:end])
        decoded = TAGGED.decode(raw)
        assert decoded.aligned
        raw = raw[decoded.used :]
        rows += decoded.counts.tolist()
        hot += decoded.temperature.tolist()
    assert raw == b""
    assert rows == counts.tolist()
    assert hot == [i for i in range(n) if any(w == word(3, i % 4, [i, 0, 0]) for w in stream)]


@given(st.integers(2, 20), st.data())
def test_a_lost_tagged_word_is_noticed(n: int, data: Any) -> None:
    counts = np.arange(6 * n, dtype=np.int16).reshape(n, 6)
    stream = words_of(counts, [False] * n, [False] * n)
    del stream[data.draw(st.integers(0, len(stream) - 3))]
    assert not TAGGED.decode(b"".join(stream)).aligned


def test_an_empty_fifos_words_are_no_samples() -> None:
    decoded = TAGGED.decode(bytes(14))
    assert not decoded.aligned
    assert decoded.counts.shape == (0, 6)
