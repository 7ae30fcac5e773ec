"""The virtual BMI160 against Bosch's and Linux's drivers, and our driver on it."""

import math
from typing import Any

import numpy as np
import pytest

from gaitpi.hostclock import VirtualClock
from gaitpi.imu.chips.bmi160 import BMI160
from gaitpi.imu.chips.bmi160.twin import VirtualBmi160
from gaitpi.imu.reader import State
from gaitpi.imu.virtual.source import Floats
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.units import G0, RAD_PER_DEG
from tests.imu.rig import Rig, part

PART = part("BMI160")


class Counting:
    """Sample k is k counts (±16 g, ±2000 °/s) on x, two times k on y, minus k on z."""

    rate_hz: float | None = None
    duration_s = math.inf

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        counts = np.arange(first, first + n)[:, None] * np.array([1.0, 2.0, -1.0])
        return counts * G0 / 2048, counts * RAD_PER_DEG / 16.4


class Still:
    rate_hz: float | None = None
    duration_s = math.inf

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        return np.tile([1.0, -2.0, G0], (n, 1)), np.tile([0.5, -1.0, 2.0], (n, 1))


class Bench:
    """The part on a bus, with shorthand for its registers; a millisecond after each write."""

    def __init__(self, source: Any = None) -> None:
        self.clock = VirtualClock(100.0)
        self.chip = VirtualBmi160(source or Counting(), self.clock)
        self._bus = VirtualTransport([self.chip])

    def put(self, register: int, *values: int, wait_s: float = 0.001) -> None:
        self._bus.write(0x68, bytes((register, *values)))
        self.clock.sleep(wait_s)

    def get(self, register: int, n: int = 1) -> bytes:
        return self._bus.write_read(0x68, bytes((register,)), n)

    def word(self, register: int) -> int:
        return int.from_bytes(self.get(register, 2), "little", signed=True)

    def level(self) -> int:
        return int.from_bytes(self.get(0x22, 2), "little") & 0x7FF

    def awake(self) -> "Bench":
        self.put(0x7E, 0x11, wait_s=0.0038)
        self.put(0x7E, 0x15, wait_s=0.080)
        return self

    def stream(self, config: int = 0xD0) -> "Bench":
        """Both sensors at 200 Hz, ±16 g and ±2000 °/s, into the FIFO."""
        self.awake()
        self.put(0x40, 0x29, 0x0C, 0x29, 0x00)
        self.put(0x47, config)
        self.put(0x7E, 0xB0, wait_s=0.0)
        return self


def linux_probe(b: Bench) -> None:
    """The accesses of bmi160 (6.12) at probe, in its order and with its waits."""
    b.put(0x7E, 0xB6, wait_s=0.001)
    assert b.get(0x00) == b"\xd1"
    b.put(0x7E, 0x11, wait_s=0.0038)
    b.put(0x7E, 0x15, wait_s=0.080)


def test_linux_finds_it_and_reads_what_we_read() -> None:
    b = Bench(Still())
    linux_probe(b)
    assert b.get(0x03) == b"\x14"
    scales = {0x03: 0.000598, 0x05: 0.001197, 0x08: 0.002394, 0x0C: 0.004788}
    assert b.get(0x41)[0] == 0x03
    for code, scale in scales.items():
        b.put(0x41, code)
        assert b.get(0x41)[0] == code
        b.clock.sleep(0.02)
        acc = [b.word(0x12 + 2 * axis) * scale for axis in range(3)]
        assert acc == pytest.approx([1.0, -2.0, G0], rel=2e-3, abs=scale)
    for code, scale in enumerate((0.001065, 0.000532, 0.000266, 0.000133)):
        b.put(0x43, code)
        b.clock.sleep(0.02)
        gyr = [b.word(0x0C + 2 * axis) * scale for axis in range(3)]
        assert gyr == pytest.approx([0.5, -1.0, 2.0], rel=4e-3, abs=scale)
    b.put(0x40, b.get(0x40)[0] & 0xF0 | 0x09)  # the rate, by update_bits
    assert b.get(0x40) == b"\x29"


def test_linux_trigger_line_tells_each_sample() -> None:
    b = Bench()
    linux_probe(b)
    b.put(0x53, b.get(0x53)[0] & 0xF0 | 0x0B)  # INT1: push-pull, rising edge
    b.put(0x54, b.get(0x54)[0] & ~0x10 & 0xFF | 0x10)
    b.put(0x56, 0x80)
    assert not b.chip.int1()
    b.put(0x51, 0x10)
    seen = []
    for _ in range(20):
        b.clock.sleep(0.0101)
        assert b.chip.int1()
        seen.append(b.word(0x12))
        b.get(0x0C, 6)
        assert not b.chip.int1()
    assert (np.diff(seen) > 0).all()


def test_it_is_suspended_at_first_and_a_mode_takes_its_time() -> None:
    b = Bench(Still())
    assert b.get(0x03) == b"\x00"
    assert b.word(0x20) == -32768  # no temperature without a sensor that runs
    b.put(0x7E, 0x11, wait_s=0.0037)
    assert (b.get(0x03), b.word(0x16)) == (b"\x00", 0)
    b.clock.sleep(0.0002)
    assert b.get(0x03) == b"\x10"
    b.put(0x7E, 0x15, wait_s=0.0)
    b.put(0x7E, 0x10, wait_s=0.0)  # not yet: refused, and said so
    assert b.get(0x02) == b"\x40"
    assert b.get(0x02) == b"\x00"
    b.clock.sleep(0.079)
    assert (b.get(0x03), b.get(0x0C, 6)) == (b"\x10", bytes(6))
    b.clock.sleep(0.002)
    assert b.get(0x03) == b"\x14"
    assert b.word(0x10) == pytest.approx(2.0 / RAD_PER_DEG * 16.4, abs=1)
    assert b.word(0x20) / 512 + 23 == pytest.approx(22.0, abs=0.01)
    b.put(0x7E, 0x14)
    assert b.get(0x03) == b"\x10"


def test_a_suspended_part_takes_one_register_every_450_us() -> None:
    b = Bench()
    b.put(0x40, 0x29, 0x0C, wait_s=0.0004)
    assert b.get(0x40, 2) == b"\x29\x03"
    b.put(0x42, 0x29, wait_s=0.0005)
    assert b.get(0x42) == b"\x28"
    b.put(0x42, 0x29)
    assert b.get(0x42) == b"\x29"
    b.awake()
    b.put(0x40, 0x2A, 0x0C, wait_s=0.0)
    b.put(0x42, 0x2A, 0x01, wait_s=0.0)
    assert b.get(0x40, 4) == b"\x2a\x0c\x2a\x01"


def test_the_command_register_reads_0_and_a_reset_forgets_everything() -> None:
    b = Bench().stream()
    b.clock.sleep(0.1)
    assert b.get(0x7E) == b"\x00"
    b.put(0x7E, 0xB6)
    assert (b.get(0x03), b.get(0x40, 4), b.level()) == (b"\0", b"\x28\x03\x28\x00", 0)


def test_samples_start_when_the_mode_is_reached_not_when_somebody_looks() -> None:
    b = Bench()
    b.put(0x47, 0x50)
    b.put(0x40, 0x29)
    b.put(0x7E, 0x11, wait_s=0.5038)
    assert b.level() // 7 == pytest.approx(100, abs=1)


def test_frames_with_headers() -> None:
    b = Bench().stream()
    b.clock.sleep(0.1)
    n = b.level()
    assert n in (19 * 13, 20 * 13, 21 * 13)
    raw = np.frombuffer(b.get(0x24, n), np.uint8).reshape(-1, 13)
    assert (raw[:, 0] == 0x8C).all()
    words = np.frombuffer(raw[:, 1:].tobytes(), "<i2").reshape(-1, 6)
    k = words[:, 0]
    assert (np.diff(k) == 1).all()
    assert (words == k[:, None] * np.array([1, 2, -1, 1, 2, -1])).all()
    assert b.level() == 0
    assert b.get(0x24, 3) == b"\x80\x80\x80"


@pytest.mark.parametrize(("config", "size"), [(0x50, 7), (0x90, 7), (0xC0, 12), (0x40, 6)])
def test_frames_of_other_kinds(config: int, size: int) -> None:
    b = Bench().stream(config)
    b.clock.sleep(0.1)
    n = b.level()
    assert n % size == 0
    raw = np.frombuffer(b.get(0x24, n), np.uint8).reshape(-1, size)
    if config & 0x10:
        assert (raw[:, 0] == (0x84 if config & 0x40 else 0x88)).all()
    x = np.frombuffer(raw[:, size % 6 : size % 6 + 2].tobytes(), "<i2")
    assert (np.diff(x) == 1).all()


def test_a_frame_read_in_part_is_given_again() -> None:
    b = Bench().stream()
    b.clock.sleep(0.1)
    n = b.level()
    first = b.get(0x24, 12)
    assert b.level() == n
    assert b.get(0x24, 20)[:12] == first
    assert b.level() == n - 13


def test_a_full_fifo_begins_with_the_number_of_frames_that_are_gone() -> None:
    b = Bench().stream()
    b.put(0x51, 0x60)
    assert b.get(0x1D) == b"\x00"
    b.clock.sleep(0.37)
    assert b.get(0x1D)[0] & 0x40  # the watermark, 128 times 4 bytes
    b.clock.sleep(1.0)
    assert b.get(0x1D)[0] & 0x20
    assert b.level() == 78 * 13 + 2
    raw = b.get(0x24, 78 * 13 + 2)
    assert raw[0] == 0x40
    assert 190 < raw[1] < 202
    assert {raw[i] for i in range(2, len(raw), 13)} == {0x8C}
    b.clock.sleep(5.0)
    assert b.get(0x24, 2) == b"\x40\xff"  # more than a byte can say
    b.put(0x7E, 0xB0, wait_s=0.0)
    assert b.level() == 0


def test_reading_too_far_gives_the_time_where_it_is_wanted() -> None:
    b = Bench().stream(0xD2)
    b.clock.sleep(0.02)
    n = b.level()
    raw = b.get(0x24, n + 10)
    assert raw[n] == 0x44
    ticks = int.from_bytes(raw[n + 1 : n + 4], "little")
    assert ticks == int.from_bytes(b.get(0x18, 3), "little")
    assert ticks * 39.0625e-6 == pytest.approx(b.clock.monotonic() - 100.0, abs=1e-4)
    assert raw[n + 4 :] == b"\x80" * 6


def test_downsampling_thins_the_fifo() -> None:
    b = Bench().stream()
    b.put(0x45, 0xAA)  # both by four
    b.put(0x7E, 0xB0, wait_s=0.0)
    b.clock.sleep(1.0)
    assert b.level() // 13 == pytest.approx(50, abs=1)


# ------------------------------------------------------------------ our driver


def test_rates_and_ranges() -> None:
    assert [BMI160.rate(wanted) for wanted in (100, 208, 400, 1000)] == [100, 200, 400, 800]
    table = {s.name: s.value for s in BMI160.table(200.0)}
    assert (table["ACC_CONF"], table["GYR_CONF"]) == (0x29, 0x29)


@pytest.mark.parametrize("command", [0x10, 0x14])
def test_a_sensor_sent_to_sleep_is_noticed_by_its_status(command: int) -> None:
    rig = Rig(PART).start()
    rig.run(2.0)
    rig.wires.write(PART.address, bytes((0x7E, command)))
    rig.run(rig.poll_s)
    assert rig.state() is not State.STREAM
    assert "PMU_STATUS" in rig.reader.reason
    rig.run(2.0)
    assert rig.reader.counters == {"register": 1}
    rig.check_gaps(1)


def test_a_reset_that_took_longer_than_it_should_is_tried_again() -> None:
    """ArduPilot met parts that were not ready after the time their maker gives."""
    rig = Rig(PART)
    rig.chip.reset_s = 0.03
    rig.start()
    rig.chip.reset_s = 0.0009
    rig.run(2.0)
    assert rig.state() is State.STREAM
    assert rig.check() == []


def test_a_frame_of_another_kind_in_the_fifo_is_flushed_and_told() -> None:
    """Half of the frames would be acceleration without angular rate."""
    rig = Rig(PART).start()
    rig.run(2.0)
    hits: list[int] = []

    def after(register: int, data: bytes) -> bytes:
        if register != 0x24 or hits or len(data) < 39:
            return data
        hits.append(1)
        return data[:13] + b"\x84" + data[14:]

    rig.bus.after = after
    rig.run(2.0)
    assert hits
    assert rig.reader.counters == {"misaligned": 1}
    rig.check_gaps(1)


@pytest.mark.parametrize("flag", [True, False])
def test_a_reader_held_up_for_long_counts_one_overflow(flag: bool) -> None:
    """By the flag for a full FIFO or, without it, by the level."""
    for held_up_s, lost in ((0.37, False), (0.4, True), (0.9, True), (20.0, True)):
        rig = Rig(PART, error=0.0).start()
        if not flag:
            rig.bus.after = lambda register, data: bytes(1) if register == 0x1D else data
        rig.run(2.0)
        rig.clock.sleep(held_up_s - rig.poll_s)
        rig.run(2.0)
        assert rig.reader.counters == ({"overflow": 1} if lost else {})
        rig.check_gaps(int(lost))
