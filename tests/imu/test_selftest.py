"""The chips' own self-test, driver data against every virtual part that has one."""

import numpy as np
import pytest

from gaitpi.hostclock import VirtualClock
from gaitpi.imu.bus import BusFault, I2CBus
from gaitpi.imu.chip import Chip
from gaitpi.imu.chips import CHIPS, twins
from gaitpi.imu.chips.mpu6050.selftest import acc_trim_6050, gyr_trim_6050
from gaitpi.imu.selftest import Shift, run
from gaitpi.imu.virtual.bench import Bench
from gaitpi.imu.virtual.chip import Twin, VirtualChip
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.units import DEG_PER_RAD, G0


def chip_of(twin: Twin) -> Chip:
    return next(c for c in CHIPS if c.name == twin.name and c.identity(twin.who_am_i) != "unknown")


TESTED = [twin for twin in twins() if chip_of(twin).self_test is not None]


def shifts_of(
    twin: Twin, broken: int | None = None
) -> tuple[tuple[Shift, ...], VirtualChip, I2CBus]:
    clock = VirtualClock(10.0)
    chip = twin.make(Bench(clock.monotonic), clock)
    if broken is not None:
        chip.break_axis(broken)
    data = chip_of(twin)
    bus = data.bus(VirtualTransport([chip]), twin.address, clock)
    assert data.self_test is not None
    return run(bus, data.reset, data.self_test), chip, bus


@pytest.mark.parametrize("twin", TESTED, ids=lambda twin: twin.part)
def test_a_sound_part_passes(twin: Twin) -> None:
    shifts, _, _ = shifts_of(twin)
    assert [(s.sensor, s.axis) for s in shifts] == [
        (sensor, axis) for sensor in ("acc", "gyr") for axis in "xyz"
    ]
    assert all(shift.sound for shift in shifts), shifts


@pytest.mark.parametrize("axis", range(6))
@pytest.mark.parametrize("twin", TESTED, ids=lambda twin: twin.part)
def test_a_broken_axis_is_named_and_no_other(twin: Twin, axis: int) -> None:
    shifts, _, _ = shifts_of(twin, axis)
    assert [i for i, shift in enumerate(shifts) if not shift.sound] == [axis]


@pytest.mark.parametrize("twin", TESTED, ids=lambda twin: twin.part)
def test_the_chip_is_left_reset(twin: Twin) -> None:
    _, _, bus = shifts_of(twin)
    fresh = twin.make(Bench(bus.clock.monotonic), VirtualClock(bus.clock.monotonic()))
    other = chip_of(twin).bus(VirtualTransport([fresh]), twin.address, bus.clock)
    for register in (0x10, 0x11, 0x14, 0x1B, 0x1C, 0x6B):
        assert bus.read(register) == other.read(register)


def test_a_part_whose_masses_are_stiff_by_a_fifth_fails_against_its_trim() -> None:
    """±14 % of the factory's trim: the 6050 is held to its own figures, not to those of all."""
    twin = next(twin for twin in TESTED if twin.part == "MPU-6050")
    shifts, _, _ = shifts_of(twin)
    for shift in shifts:
        assert shift.span.high / shift.span.low == pytest.approx(1.14 / 0.86)
        assert not shift._replace(size=shift.size * 0.8).sound
        assert shift._replace(size=shift.size * 0.95).sound


def test_the_trim_formulas_at_their_ends() -> None:
    assert acc_trim_6050(1) / G0 == pytest.approx(0.34)
    assert acc_trim_6050(31) / G0 == pytest.approx(0.92)
    assert gyr_trim_6050(1) * DEG_PER_RAD == pytest.approx(25.0)
    assert np.log(gyr_trim_6050(31) / gyr_trim_6050(1)) == pytest.approx(30 * np.log(1.046))


def test_a_copy_without_trim_is_held_to_the_limits_of_all() -> None:
    twin = next(twin for twin in TESTED if twin.part == "MPU-6050")
    clock = VirtualClock(10.0)
    chip = twin.make(Bench(clock.monotonic), clock)

    class Untrimmed(VirtualTransport):
        def write_read(self, address: int, out: bytes, n: int) -> bytes:
            data = super().write_read(address, out, n)
            return bytes(n) if out[0] == 0x0D else data

    bus = I2CBus(Untrimmed([chip]), twin.address, clock)
    data = chip_of(twin)
    assert data.self_test is not None
    shifts = run(bus, data.reset, data.self_test)
    assert [round(s.span.low / G0, 2) for s in shifts[:3]] == [0.3] * 3
    assert all(shift.sound for shift in shifts)


def test_a_plug_that_slips_off_is_a_fault_of_the_bus() -> None:
    twin = TESTED[0]
    clock = VirtualClock(10.0)
    chip = twin.make(Bench(clock.monotonic), clock)
    bus = VirtualTransport([chip])
    bus.unplug(twin.address)
    data = chip_of(twin)
    assert data.self_test is not None
    with pytest.raises(BusFault):
        run(I2CBus(bus, twin.address, clock), data.reset, data.self_test)
