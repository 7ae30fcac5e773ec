"""Registers in banks: the bus selects them, the reader finds its way back, nothing is mixed up."""

import errno
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.config import ImuConfig
from gaitpi.errors import SensorError
from gaitpi.hostclock import VirtualClock
from gaitpi.imu.bus import Banks, BusFault, I2CBus
from gaitpi.imu.chip import Setting
from gaitpi.imu.chips.icm20948 import ICM20948
from gaitpi.imu.chips.mpu6050 import MPU6500
from gaitpi.imu.reader import State, find_sensor
from gaitpi.imu.virtual.chip import Twin
from gaitpi.imu.virtual.transport import VirtualTransport
from tests.imu.rig import FaultyBus, Numbered, Rig, part

SELECT = 0x7F


class Paged:
    """A device with four banks of registers; ``selected`` is what was written to SELECT."""

    name = "paged"

    def __init__(self) -> None:
        self.registers: dict[tuple[int, int], int] = {}
        self.selected = 0
        self.selections = 0
        self.failing = 0  # so many writes to SELECT fail, the first of them having worked

    def write_read(self, address: int, out: bytes, n: int) -> bytes:
        return bytes(self.registers.get((self.selected, out[0] + i), 0) for i in range(n))

    def write(self, address: int, out: bytes) -> None:
        if out[0] == SELECT:
            self.selected = out[1] >> 4
            self.selections += 1
            if self.failing:
                self.failing -= 1
                raise OSError(errno.EREMOTEIO, "injected")
            return
        self.registers[self.selected, out[0]] = out[1]

    def close(self) -> None:
        pass


def paged() -> tuple[Paged, I2CBus]:
    device = Paged()
    return device, I2CBus(device, 0x68, VirtualClock(), Banks(SELECT, 4))


places = st.integers(0, 3).flatmap(lambda b: st.integers(0, 0x7E).map(lambda r: b << 8 | r))


@given(st.lists(st.tuples(places, st.integers(0, 255)), max_size=30))
def test_each_register_of_each_bank_is_its_own(writes: list[tuple[int, int]]) -> None:
    device, bus = paged()
    kept: dict[int, int] = {}
    for place, value in writes:
        bus.write(place, bytes((value,)))
        kept[place] = value
        assert bus.read(place) == bytes((value,))
    assert {b << 8 | r: v for (b, r), v in device.registers.items()} == kept


def test_a_bank_is_selected_once_for_all_its_registers() -> None:
    device, bus = paged()
    for place in (0x03, 0x10, 0x203, 0x214, 0x06):
        bus.read(place)
    assert device.selections == 3


def test_a_selection_that_seemed_to_fail_is_not_believed_either_way() -> None:
    device, bus = paged()
    bus.write(0x05, b"\x11")
    bus.write(0x205, b"\x22")
    bus.read(0x05)
    device.failing = 3  # all that the bus tries
    with pytest.raises(BusFault):
        bus.read(0x205)
    assert device.selected == 2  # it had arrived
    assert bus.read(0x05) == b"\x11"
    assert bus.read(0x205) == b"\x22"


def test_a_chip_without_banks_has_no_second() -> None:
    bus = I2CBus(Paged(), 0x68, VirtualClock())
    with pytest.raises(ValueError, match="bank 2"):
        bus.read(0x203)
    with pytest.raises(ValueError, match="bank 1"):
        bus.write(0x103, b"\0")


def test_rest_is_bank_0_and_costs_nothing_there() -> None:
    device, bus = paged()
    bus.read(0x203)
    bus.rest()
    bus.rest()
    bus.read(0x03)
    assert (device.selected, device.selections) == (0, 2)
    I2CBus(device, 0x68, VirtualClock()).rest()
    assert device.selections == 2


BANKED = [part("ICM-42688-P"), part("ICM-20948")]
each_banked = pytest.mark.parametrize("part", BANKED, ids=lambda twin: twin.part)


@each_banked
def test_between_polls_a_killed_reader_leaves_bank_0(part: Twin) -> None:
    rig = Rig(part).start()
    banks = rig.data.banks
    assert banks is not None
    for _ in range(30):
        rig.run(rig.poll_s)
        assert rig.wires.write_read(part.address, bytes((banks.select,)), 1) == b"\0"


@each_banked
def test_a_bank_that_changes_under_the_reader_costs_a_gap_and_nothing_else(part: Twin) -> None:
    """A bit lost on the wire: what is read and flushed then lies in other registers."""
    home = part_home(part)
    for bank in range(1, 5):
        value = bank << (4 if home.mask == 0x30 else 0)
        if value & ~home.mask:
            continue
        rig = Rig(part).start()
        rig.run(2.0)
        rig.wires.write(part.address, bytes((home.register, value)))
        rig.run(2.0)
        assert rig.state() is State.STREAM
        assert rig.reader.counters["register"] == 1
        rig.check_gaps(1)  # and every sample published is what was measured


def part_home(part: Twin) -> Setting:
    (home,) = Rig(part).data.home
    return home


@each_banked
def test_the_other_banks_are_where_the_settings_go(part: Twin) -> None:
    rig = Rig(part).start()
    table = rig.data.table(rig.reader.info.rate_hz)
    elsewhere = [s for s in table if s.register > 0xFF]
    assert elsewhere
    bus = rig.data.bus(rig.wires, part.address, rig.clock)
    assert [s.fault(bus.read(s.register)[0]) for s in elsewhere] == [""] * len(elsewhere)


@pytest.mark.parametrize("trim", [0xEA, 0xD1])
def test_a_trim_value_in_register_0_is_no_identity(trim: int) -> None:
    """There the MPU-6500 family keeps the result of a factory test, which may be any number."""
    clock = VirtualClock()
    bus = FaultyBus(VirtualTransport([part("MPU-6500").make(Numbered(), clock)]), clock)
    bus.after = lambda register, data: bytes((trim,)) if register == 0x00 else data
    assert find_sensor(bus, clock, ImuConfig()) == (MPU6500, 0x68)


def test_scale_and_rate_in_bank_2_are_checked_with_every_batch() -> None:
    """±250 °/s instead of ±2000 would make every turn eight times too fast."""
    twin = part("ICM-20948")
    rig = Rig(twin).start()
    rig.run(2.0)
    bus = ICM20948.bus(rig.wires, twin.address, rig.clock)
    bus.write(0x201, bytes((bus.read(0x201)[0] & ~0x06,)))
    bus.read(0x00)
    before = len(rig.batches)
    rig.run(rig.poll_s)
    assert len(rig.batches) == before
    assert "GYRO_CONFIG_1" in rig.reader.reason
    rig.run(2.0)
    rig.check_gaps(1)
    assert math.isfinite(rig.batches[-1].temperature_c)
    assert np.isfinite(rig.batches[-1].times()).all()


def test_a_stranger_that_looks_as_if_in_another_bank_gets_its_value_back() -> None:
    """A clock, say, whose register 0x76 happens to read 3."""
    stranger = Paged()
    stranger.registers[0, 0x76] = 3
    with pytest.raises(SensorError, match="not a known chip"):
        find_sensor(stranger, VirtualClock(), ImuConfig(address=0x68))
    assert stranger.registers[0, 0x76] == 3
    assert set(stranger.registers) == {(0, 0x76)}
