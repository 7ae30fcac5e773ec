"""The reader against the virtual chips, with everything that goes wrong on a belt."""

import errno
import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi.config import ImuConfig
from gaitpi.errors import ConfigError, SensorError
from gaitpi.hostclock import VirtualClock
from gaitpi.imu.bus import I2CBus
from gaitpi.imu.chips import CHIPS, known_addresses, twins
from gaitpi.imu.chips.lsm6ds.twin import VirtualLsm6ds
from gaitpi.imu.chips.mpu6050 import MPU6050
from gaitpi.imu.chips.mpu6050.twin import VirtualMpu6050
from gaitpi.imu.reader import FAILURES_MAX, Reader, State, find_sensor, open_reader
from gaitpi.imu.virtual.chip import Twin
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.units import G0
from tests.imu.rig import DS3, MPU_6050, MPU_9250, OX, TRC, FaultyBus, Numbered, Rig

# One part of each kind of chip there is.
PARTS = list({twin.name: twin for twin in reversed(twins())}.values())
parts = st.sampled_from(PARTS)
CLONE = replace(
    MPU_6050, who_am_i=0x72, make=partial(VirtualMpu6050, who_am_i=0x72, fifo_bytes=512)
)
each_part = pytest.mark.parametrize("part", PARTS, ids=lambda twin: twin.part)


# ------------------------------------------------------------------ all is well


@given(part=parts, error=st.floats(-0.08, 0.08), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=12, deadline=None)
def test_nothing_is_lost_however_the_polls_come(part: Twin, error: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rig = Rig(part, error).start()
    for _ in range(60):
        rig.poll_s = rng.uniform(0.01, 0.12)
        rig.run(rig.poll_s / 2)
    assert rig.check() == []
    assert rig.reader.counters == {}
    made = rig.numbers(rig.batches[-1])[-1] - rig.numbers(rig.batches[0])[0] + 1
    assert sum(len(batch.counts) for batch in rig.batches) == made
    assert all(batch.faults == {} and batch.clipped == 0 for batch in rig.batches)


@each_part
def test_rate_lines_and_temperature_after_ten_seconds(part: Twin) -> None:
    rig = Rig(part, -0.07).start()
    rig.run(12.0)
    assert rig.check() == []
    assert rig.reader.rate_hz == pytest.approx(rig.rate, rel=1e-3)
    assert len({batch.line for batch in rig.batches}) <= 18
    assert rig.batches[-1].temperature_c == pytest.approx(22.1, abs=0.2)
    # A second of settling, then every poll gives what it read.
    assert rig.batches[0].line.index0 == 0


def test_the_info_describes_the_sensor() -> None:
    info = Rig(MPU_9250).start().reader.info
    assert (info.chip, info.address, info.bus, info.who_am_i) == ("MPU-9250", 0x68, "virtual", 0x71)
    assert (info.identity, info.rate_hz, info.virtual) == ("tested", 200.0, True)
    assert info.acc_range / info.acc_scale == pytest.approx(32768)


def test_a_rate_far_off_is_flagged_once() -> None:
    rig = Rig(error=0.2).start()
    rig.run(5.0)
    assert rig.reader.counters == {"rate": 1}
    assert sum(batch.faults.get("rate", 0) for batch in rig.batches) == 1


# ------------------------------------------------------------------ the bus


@each_part
@pytest.mark.parametrize("code", [errno.EREMOTEIO, errno.EIO])
def test_scattered_failures_cost_no_sample(part: Twin, code: int) -> None:
    rng = np.random.default_rng(7)
    rig = Rig(part).start()
    rig.bus.rule = lambda register, n: code if rng.random() < 0.1 else 0
    rig.run(30.0)
    rig.bus.rule = lambda register, n: 0
    rig.run(0.2)
    assert rig.check() == []
    counted = rig.reader.counters
    assert set(counted) == {"nack" if code == errno.EREMOTEIO else "io"}
    told: dict[str, int] = {}
    for batch in rig.batches:
        for name, n in batch.faults.items():
            told[name] = told.get(name, 0) + n
    assert told == counted


def test_a_fifo_read_that_broke_off_is_not_trusted() -> None:
    rig = Rig().start()
    rig.run(3.0)
    taken: list[bytes] = []

    def break_off(register: int, n: int) -> int:
        if register != 0x74 or taken:
            return 0
        taken.append(rig.wires.write_read(0x68, b"\x74", 28))  # whole frames: nothing looks askew
        return errno.ETIMEDOUT

    rig.bus.rule = break_off
    rig.run(3.0)
    assert taken
    rig.check_gaps(1)
    assert rig.reader.counters["timeout"] == 1


@given(part=parts, off_s=st.floats(0.1, 20.0), settled=st.booleans())
@settings(max_examples=15, deadline=None)
def test_unplugged_and_plugged_in_again(part: Twin, off_s: float, settled: bool) -> None:
    rig = Rig(part).start()
    rig.run(5.0 if settled else 0.6)
    rig.wires.unplug(rig.chip.address)
    rig.run(off_s)
    if off_s > (FAILURES_MAX + 1) * rig.poll_s:
        assert rig.state() is State.RECOVER
        assert "stopped answering" in rig.reader.reason
    rig.wires.replug(rig.chip.address)
    back = rig.clock.monotonic()
    rig.run(3.0)
    assert rig.state() is State.STREAM
    gaps = rig.check()
    assert len(gaps) <= 1
    for gap_s, missing in gaps:
        # Before the rate has settled it is known to half a per cent only.
        slack = 1.0 if settled else 1.0 + 0.02 * missing
        assert abs(gap_s * rig.rate - missing) <= slack
    if settled:
        first = next(b for b in rig.batches if b.times()[-1] > back)
        assert first.times()[0] < back + 0.3


@pytest.mark.parametrize("part", [MPU_6050, OX])
def test_valid_samples_within_300_ms_of_contact(part: Twin) -> None:
    rig = Rig(part).start()
    rig.run(3.0)
    rig.chip.power_cycle(2.0)
    rig.run(2.0)
    back = rig.clock.monotonic()
    before = len(rig.batches)
    rig.run(1.0, until=lambda: len(rig.batches) > before)
    assert rig.clock.monotonic() - back <= 0.3
    rig.run(1.0)
    rig.check_gaps(1)


def test_no_poll_raises_whatever_the_bus_does() -> None:
    rng = np.random.default_rng(11)
    rig = Rig().start()
    rig.run(2.0)
    codes = [errno.EREMOTEIO, errno.EIO, errno.ETIMEDOUT, errno.EAGAIN, 0]
    rig.bus.rule = lambda register, n: int(rng.choice(codes))
    rig.run(20.0)
    rig.bus.rule = lambda register, n: 0
    rig.run(3.0)
    assert rig.state() is State.STREAM
    rig.check()


# ------------------------------------------------------------------ the chip


@given(part=parts, stall_s=st.floats(0.1, 30.0))
@settings(max_examples=15, deadline=None)
def test_a_stalled_reader_flushes_what_overflowed(part: Twin, stall_s: float) -> None:
    rig = Rig(part).start()
    rig.run(5.0)
    rig.clock.sleep(stall_s)
    rig.run(2.0)
    overflows = rig.reader.counters.get("overflow", 0)
    # A sample is never smaller than 12 bytes.
    assert overflows == 1 or stall_s <= rig.data.fifo.size_bytes / 12 / rig.rate
    rig.check_gaps(overflows)


@pytest.mark.parametrize("part", [*PARTS, CLONE], ids=lambda twin: twin.part)
def test_an_overflow_between_level_and_read_is_noticed(part: Twin) -> None:
    rig = Rig(part).start()
    rig.run(3.0)
    held_up = [20.0]

    def hold_up(register: int, n: int) -> int:
        if register == rig.data.fifo.data and n and held_up:
            rig.clock.sleep(held_up.pop())
        return 0

    rig.bus.rule = hold_up
    rig.run(1.0)
    assert not held_up
    rig.run(2.0)
    assert rig.reader.counters == {"overflow": 1}
    rig.check_gaps(1)


@pytest.mark.parametrize("part", [MPU_6050, MPU_9250])
def test_a_full_fifo_is_an_overflow_though_the_flag_was_missed(part: Twin) -> None:
    rig = Rig(part).start()
    rig.run(3.0)
    rig.bus.after = lambda register, data: b"\x00" if register == 0x3A else data
    rig.clock.sleep(1.0)
    rig.run(1.0)
    assert rig.reader.counters == {"overflow": 1}
    rig.check_gaps(1)


@each_part
def test_what_was_proven_before_an_early_gap_is_handed_on(part: Twin) -> None:
    rig = Rig(part).start()
    rig.run(0.6)
    assert rig.batches == []  # still settling
    rig.clock.sleep(20.0)
    rig.run(0.2)
    before = rig.batches[:]
    assert sum(len(batch.counts) for batch in before) == pytest.approx(0.6 * rig.rate, abs=15)
    rig.run(2.0)
    assert len(rig.check()) == 1


@given(part=parts, at_s=st.floats(0.0, 4.0), off_s=st.sampled_from([0.0, 0.001, 0.4]))
@settings(max_examples=25, deadline=None)
def test_a_brown_out_lets_no_wrong_sample_out(part: Twin, at_s: float, off_s: float) -> None:
    rig = Rig(part).start()
    rig.run(1.5)
    rig.run(at_s)
    rig.clock.sleep(at_s % 0.05)
    rig.chip.power_cycle(off_s)
    began, before = rig.clock.monotonic(), len(rig.batches)
    rig.run(1.0 + off_s, until=lambda: len(rig.batches) > before)
    assert len(rig.batches) > before
    assert rig.clock.monotonic() - began <= 1.0 + off_s
    rig.run(1.5)
    rig.check_gaps(1)


@pytest.mark.parametrize(
    ("part", "register", "value", "name"),
    [
        (MPU_6050, 0x1B, 0x00, "GYRO_CONFIG"),
        (MPU_6050, 0x1C, 0x00, "ACCEL_CONFIG"),
        (MPU_6050, 0x19, 0x00, "SMPLRT_DIV"),
        (MPU_6050, 0x23, 0x78, "FIFO_EN"),
        (MPU_9250, 0x6B, 0x41, "PWR_MGMT_1"),
        (OX, 0x10, 0x50, "CTRL1_XL"),
        (OX, 0x09, 0x45, "FIFO_CTRL3"),
        (DS3, 0x11, 0x50, "CTRL2_G"),
        (TRC, 0x08, 0x0A, "FIFO_CTRL3"),
    ],
)
def test_a_changed_register_lets_no_wrong_sample_out(
    part: Twin, register: int, value: int, name: str
) -> None:
    rig = Rig(part).start()
    rig.run(3.0)
    rig.clock.sleep(0.02)
    rig.wires.write(rig.chip.address, bytes((register, value)))
    rig.run(rig.poll_s)
    assert rig.state() is not State.STREAM
    assert rig.reader.reason.startswith(f"register {name} ")
    rig.run(2.0)
    assert rig.state() is State.STREAM
    rig.check_gaps(1)
    assert rig.reader.counters["register"] == 1


def test_registers_of_no_weight_take_turns() -> None:
    rig = Rig().start()
    rig.run(3.0)
    rig.wires.write(0x68, b"\x38\x00")  # INT_ENABLE
    turns = sum(1 for s in MPU6050.table(200.0) if s.checked and not s.critical)
    rig.run(rig.poll_s * turns)
    assert "INT_ENABLE" in rig.reader.reason


def test_a_register_misread_once_is_no_reason_for_a_reset() -> None:
    rig = Rig().start()
    rig.run(2.0)
    flips = [1]

    def flip(register: int, data: bytes) -> bytes:
        if register == 0x19 and flips:
            flips.pop()
            return bytes((data[0] ^ 0x10,)) + data[1:]
        return data

    rig.bus.after = flip
    rig.run(2.0)
    assert not flips
    assert rig.reader.counters == {}
    assert rig.check() == []


# The data register, and bytes that go from the FIFO: never whole samples.
LOSSES = [
    *((MPU_6050, 0x74, n) for n in (1, 2, 7, 13, 15)),
    *((MPU_9250, 0x74, n) for n in (1, 12)),
    (OX, 0x78, 7),
    (OX, 0x78, 21),
    *((DS3, 0x3E, 2 * n) for n in (1, 3, 5, 7)),
    (TRC, 0x3E, 6),
]


@pytest.mark.parametrize(("part", "register", "lost"), LOSSES)
def test_bytes_lost_in_the_fifo_let_no_bad_sample_out(part: Twin, register: int, lost: int) -> None:
    rig = Rig(part).start()
    rig.run(3.0)
    rig.clock.sleep(0.03)
    rig.wires.write_read(rig.chip.address, bytes((register,)), lost)
    rig.run(3.0)
    rig.check_gaps(1)
    assert rig.reader.counters == {"misaligned": 1}


@pytest.mark.parametrize("part", [MPU_6050, MPU_9250])
@pytest.mark.parametrize("at", [0, 3, 7, 8, 20])
def test_a_byte_lost_on_the_way_is_told_by_the_temperature(part: Twin, at: int) -> None:
    rig = Rig(part).start()
    rig.run(3.0)
    lost = [1]

    def lose(register: int, data: bytes) -> bytes:
        if register == 0x74 and lost:
            lost.pop()
            return data[:at] + data[at + 1 :] + data[-1:]
        return data

    rig.bus.after = lose
    rig.run(2.0)
    rig.check_gaps(1)
    assert rig.reader.counters == {"misaligned": 1}


@each_part
def test_frozen_data_lead_to_a_reset(part: Twin) -> None:
    rig = Rig(part, look_ahead=1).start()
    rig.run(3.0)
    rig.source.frozen_from = float(rig.numbers(rig.batches[-1])[-1] + 8)
    begun = rig.clock.monotonic()
    rig.run(1.0, until=lambda: "frozen" in rig.reader.counters)
    assert rig.clock.monotonic() - begun <= 0.25
    # Frozen still: after the first reset next to nothing of it gets out.
    before = sum(len(batch.counts) for batch in rig.batches)
    rig.run(5.0)
    assert sum(len(batch.counts) for batch in rig.batches) - before <= 2
    assert rig.reader.counters["frozen"] >= 5
    rig.source.frozen_from = math.inf
    rig.run(2.0)
    assert rig.state() is State.STREAM
    rig.numbers(rig.batches[-1])


def test_a_chip_that_stops_making_samples_is_reset() -> None:
    rig = Rig().start()
    rig.run(2.0)
    rig.bus.after = lambda register, data: bytes(2) if register == 0x72 else data
    rig.run(0.4, until=lambda: rig.state() is not State.STREAM)
    assert rig.reader.reason == "the sensor makes no samples"
    rig.bus.after = lambda register, data: data
    rig.run(2.0)
    assert rig.state() is State.STREAM
    rig.check_gaps(1)


@each_part
@pytest.mark.parametrize("sign", [1, -1])
def test_every_clipped_sample_is_counted(part: Twin, sign: int) -> None:
    rig = Rig(part, look_ahead=1).start()
    rig.run(3.0)
    rig.source.spike_ms2 = sign * 400.0
    rig.run(0.5)
    rig.source.spike_ms2 = G0
    rig.run(0.5)
    extreme = [np.abs(b.counts[:, 2].astype(int)) >= 32766 for b in rig.batches]
    assert [batch.clipped for batch in rig.batches] == [int(e.sum()) for e in extreme]
    assert sum(batch.clipped for batch in rig.batches) == pytest.approx(0.5 * rig.rate, abs=12)


def test_the_samples_the_maker_distrusts_are_thrown_away() -> None:
    """After each flush the first set of the LSM6DS3's FIFO may be anything."""
    rig = Rig(DS3).start()
    flushed = [True]

    def spoil(register: int, data: bytes) -> bytes:
        if register == rig.data.fifo.data and flushed:
            flushed.pop()
            return b"\xff\x7f" * 6 + data[12:]
        return data

    rig.bus.after = spoil
    rig.run(3.0)
    rig.clock.sleep(20.0)
    rig.run(rig.poll_s)  # overflow, flush
    flushed.append(True)
    rig.run(3.0)
    assert not flushed
    rig.check_gaps(1)
    assert rig.reader.counters == {"overflow": 1}


# ------------------------------------------------------------------ finding it


def chip_with(who: int) -> tuple[VirtualTransport, VirtualClock]:
    clock = VirtualClock()
    return VirtualTransport([VirtualMpu6050(Numbered(), clock, who_am_i=who)]), clock


@pytest.mark.parametrize("who", [0x72, 0x74, 0x75, 0x98])
def test_a_clone_streams_and_is_marked(who: int) -> None:
    transport, clock = chip_with(who)
    reader = open_reader(transport, clock, ImuConfig())
    reader.start()
    samples = 0
    for _ in range(60):
        clock.sleep(0.05)
        samples += sum(len(batch.counts) for batch in reader.poll())
    assert reader.info.identity == "tolerated"
    assert samples == pytest.approx(600, abs=12)
    assert reader.counters == {}


@given(who=st.integers(1, 254))
@settings(max_examples=40, deadline=None)
def test_every_unknown_id_is_refused_with_id_address_and_wires(who: int) -> None:
    if any(chip.who_am_i == 0x75 and chip.identity(who) != "unknown" for chip in CHIPS):
        return
    transport, clock = chip_with(who)
    with pytest.raises(SensorError) as caught:
        find_sensor(transport, clock, ImuConfig())
    assert f"0x{who:02X}" in caught.value.found
    assert "0x68" in caught.value.found
    assert "SDA (pin 3)" in caught.value.todo


def test_an_unknown_id_is_used_only_when_the_configuration_says_so() -> None:
    transport, clock = chip_with(0x33)
    with pytest.raises(SensorError):
        find_sensor(transport, clock, ImuConfig(allow_unknown=True))
    with pytest.raises(SensorError):
        find_sensor(transport, clock, ImuConfig(chip="mpu6050"))
    config = ImuConfig(chip="mpu6050", allow_unknown=True)
    assert find_sensor(transport, clock, config) == (MPU6050, 0x68)
    reader = open_reader(transport, clock, config)
    reader.start()
    assert (reader.info.identity, reader.info.who_am_i) == ("unknown", 0x33)


def test_factory_trim_in_the_lowest_register_is_no_identity() -> None:
    """An MPU-6500 keeps trim of any value where other parts have their WHO_AM_I."""
    transport, clock = chip_with(0x70)
    for trim in range(256):
        transport.write(0x68, bytes((0x00, trim)))
        chip, address = find_sensor(transport, clock, ImuConfig())
        assert (chip.name, address) == ("mpu6500", 0x68)


def test_a_known_chip_of_another_family_is_named() -> None:
    transport, clock = chip_with(0x71)
    with pytest.raises(SensorError, match="is a MPU-9250, not a mpu6050") as caught:
        find_sensor(transport, clock, ImuConfig(chip="mpu6050"))
    assert '"mpu6500"' in caught.value.todo


def test_all_ones_are_a_wire_and_not_a_chip() -> None:
    transport, clock = chip_with(0xFF)
    with pytest.raises(SensorError, match="bad wire"):
        find_sensor(transport, clock, ImuConfig())


def test_a_sensor_is_found_beside_a_stranger() -> None:
    clock = VirtualClock()
    stranger = VirtualMpu6050(Numbered(), clock, address=0x68, who_am_i=0x33)
    sensor = VirtualLsm6ds(Numbered(), clock, address=0x6B)
    chip, address = find_sensor(VirtualTransport([stranger, sensor]), clock, ImuConfig())
    assert (chip.name, address) == ("lsm6dsox", 0x6B)


def test_nobody_there_tells_the_pins() -> None:
    with pytest.raises(SensorError) as caught:
        find_sensor(VirtualTransport([]), VirtualClock(), ImuConfig())
    addresses = " ".join(f"0x{address:02X}" for address in known_addresses())
    assert caught.value.found == f"No sensor answers on virtual at {addresses}."
    for pin in ("3.3 V (pin 1)", "GND (pin 6)", "SDA (pin 3)", "SCL (pin 5)"):
        assert pin in caught.value.todo


def test_an_address_is_asked_only_for_chips_that_can_be_there() -> None:
    asked: list[int] = []

    def note(register: int, n: int) -> int:
        asked.append(register)
        return 0

    bus = FaultyBus(*chip_with(0x68))
    bus.rule = note
    find_sensor(bus, VirtualClock(), ImuConfig(address=0x68))
    assert set(asked) == {chip.who_am_i for chip in CHIPS if 0x68 in chip.addresses}
    assert 0x0F not in asked


def test_a_configured_address_is_the_only_one_asked() -> None:
    transport, clock = chip_with(0x68)
    with pytest.raises(SensorError, match=r"on virtual at 0x69\. "):
        find_sensor(transport, clock, ImuConfig(address=0x69))
    assert find_sensor(transport, clock, ImuConfig(address=0x68)) == (MPU6050, 0x68)


class Stranger:
    """Something at every address that is no sensor; writing to it would do harm."""

    name = "virtual"

    def __init__(self, content: int) -> None:
        self._content = content

    def write_read(self, address: int, out: bytes, n: int) -> bytes:
        return bytes((self._content,)) * n

    def write(self, address: int, out: bytes) -> None:
        raise AssertionError(f"written to 0x{address:02X}")

    def close(self) -> None:
        pass


def test_nothing_is_written_to_a_stranger() -> None:
    known = {who for chip in CHIPS for who in (*chip.tested, *chip.tolerated)}
    selectors = {setting.mask for chip in CHIPS for setting in chip.home}
    for content in range(256):
        looks_astray = any(content & mask and not content & ~mask for mask in selectors)
        if content not in known and not looks_astray:
            with pytest.raises(SensorError):
                find_sensor(Stranger(content), VirtualClock(), ImuConfig())


def test_a_hanging_bus_is_told_from_an_empty_one() -> None:
    bus = FaultyBus(VirtualTransport([]), VirtualClock())
    asked: list[int] = []

    def hang(register: int, n: int) -> int:
        asked.append(register)
        return errno.ETIMEDOUT

    bus.rule = hang
    with pytest.raises(SensorError, match="hangs"):
        find_sensor(bus, VirtualClock(), ImuConfig())
    # Each time costs 50 ms: nobody who does not answer is asked twice.
    registers = {(a, chip.who_am_i) for chip in CHIPS for a in chip.addresses}
    assert len(asked) == len(registers)


def test_a_chip_name_nobody_knows_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="mpu9999"):
        find_sensor(VirtualTransport([]), VirtualClock(), ImuConfig(chip="mpu9999"))


def test_a_sensor_that_keeps_nothing_does_not_start() -> None:
    rig = Rig()
    rig.bus.after = lambda register, data: bytes(len(data)) if register == 0x19 else data
    with pytest.raises(SensorError, match=r"register SMPLRT_DIV \(0x19\) reads 0x00, not 0x04"):
        rig.reader.start()


def test_a_sensor_gone_between_finding_and_starting_is_told() -> None:
    rig = Rig()
    rig.wires.unplug(0x68)
    with pytest.raises(SensorError, match="No sensor answers"):
        rig.reader.start()


def test_another_chip_in_its_place_is_not_read() -> None:
    rig = Rig().start()
    rig.run(2.0)
    rig.wires.unplug(0x68)
    rig.run(1.0)
    rig.wires.replug(0x68)
    rig.bus.after = lambda register, data: b"\x71" if register == 0x75 else data
    rig.run(1.0)
    assert rig.state() is State.RECOVER
    assert rig.reader.reason == "WHO_AM_I reads 0x71, not 0x68"
    assert rig.reader.counters["identity"] >= 1


def test_closing_releases_the_bus() -> None:
    rig = Rig().start()
    rig.reader.close()
    assert rig.bus.closed


def test_the_reader_takes_a_bus_of_ones_own() -> None:
    transport, clock = chip_with(0x68)
    reader = Reader(I2CBus(transport, 0x68, clock), MPU6050, clock, ImuConfig(rate_hz=100))
    assert reader.state is State.RECOVER
    reader.start()
    assert reader.info.rate_hz == 100.0
