"""What every chip and every virtual part must keep, whatever folder it comes from.

No name stands here: a new folder in ``gaitpi/imu/chips`` is tested by being there. Two judge
each other: the driver's data and a twin written from the maker's documents.
"""

import functools
import itertools
import math
import subprocess
import sys
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi.config import ImuConfig
from gaitpi.device.virtual import twin_of
from gaitpi.errors import SensorError
from gaitpi.hostclock import VirtualClock
from gaitpi.imu.bus import I2CBus
from gaitpi.imu.chip import CHUNK_BYTES, Chip, Setting, blocks, first_fault
from gaitpi.imu.chips import CHIPS, FAMILIES, twins
from gaitpi.imu.reader import State, find_sensor, open_reader
from gaitpi.imu.virtual.chip import Twin, VirtualChip
from gaitpi.imu.virtual.source import Floats
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.units import G0, RAD_PER_DEG
from tests.imu.rig import FaultyBus, Numbered, Rig

each_twin = pytest.mark.parametrize("twin", twins(), ids=lambda twin: twin.part)
each_chip = pytest.mark.parametrize("chip", CHIPS, ids=lambda chip: chip.name)


def chip_of(twin: Twin) -> Chip:
    """What the driver knows of a virtual part."""
    return next(chip for chip in CHIPS if chip.name == twin.name)


class Steady:
    """The same acceleration and angular rate all the time."""

    rate_hz: float | None = None
    duration_s: float = math.inf

    def __init__(self, acc: tuple[float, ...] = (1.0, -2.0, G0), *gyr: float) -> None:
        self.acc, self.gyr = np.array(acc), np.array(gyr or (0.5, -1.0, 2.0))

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        return np.tile(self.acc, (n, 1)), np.tile(self.gyr, (n, 1))


class Wired:
    """A virtual part on a bus, configured as the reader does it."""

    def __init__(self, twin: Twin, source: Steady | Numbered | None = None) -> None:
        self.clock = VirtualClock()
        self.data = chip_of(twin)
        self.part: VirtualChip = twin.make(source or Steady(), self.clock)
        self.transport = VirtualTransport([self.part])
        self.bus = self.data.bus(self.transport, twin.address, self.clock)

    def configure(self, rate_hz: float) -> None:
        for setting in (*self.data.home, self.data.reset, *self.data.table(rate_hz)):
            self.put(setting)
        self.flush()

    def put(self, setting: Setting) -> None:
        setting.write(self.bus)
        self.clock.sleep(setting.wait_s)

    def flush(self) -> None:
        for setting in self.data.fifo.flush:
            self.put(setting)

    def faults(self, rate_hz: float, *, critical: bool = False) -> list[str]:
        """What the register check finds wrong."""
        table = tuple(s for s in self.data.table(rate_hz) if s.checked and s.critical >= critical)
        return [fault for run in blocks(table) if (fault := first_fault(self.bus, run))]

    def fifo(self, seconds: float) -> bytes:
        """What comes in so long, in whole units."""
        self.clock.sleep(seconds)
        status = self.data.fifo.status(self.bus)
        assert (status.overflow, status.aligned, status.whole) == (False, True, True)
        return self.bus.read(self.data.fifo.data, status.level * self.data.fifo.layout.unit_bytes)


# ------------------------------------------------------------------ the folder


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_has_chips_and_a_twin_for_each(family: str) -> None:
    chips = import_module(f"gaitpi.imu.chips.{family}").CHIPS
    parts = import_module(f"gaitpi.imu.chips.{family}.twin").TWINS
    assert chips
    assert {chip.name for chip in chips} == {twin.name for twin in parts}


def test_names_are_used_once() -> None:
    assert len({chip.name for chip in CHIPS}) == len(CHIPS)
    assert len({twin.part for twin in twins()}) == len(twins())
    assert list(FAMILIES) == sorted(FAMILIES)


@each_twin
def test_the_demo_takes_it_by_name(twin: Twin) -> None:
    for name in (twin.part, twin.part.lower(), twin.part.replace("-", "")):
        assert twin_of(name) is twin
    assert twin_of(twin.name).name == twin.name


def test_knowing_the_chips_loads_no_virtual_part() -> None:
    code = (
        "import sys, gaitpi.imu.chips as c; assert c.CHIPS;"
        "print([m for m in sys.modules if m.endswith('.twin') or m.startswith('gaitpi.imu.v')])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"


# ------------------------------------------------------------------ identity


@each_twin
def test_the_part_says_what_it_is_and_is_found(twin: Twin) -> None:
    wired = Wired(twin)
    assert wired.part.address == twin.address
    assert twin.address in wired.data.addresses
    assert wired.bus.read(wired.data.who_am_i)[0] == twin.who_am_i
    assert wired.data.tested[twin.who_am_i] == twin.part
    assert find_sensor(wired.transport, wired.clock, ImuConfig()) == (wired.data, twin.address)
    reader = open_reader(wired.transport, wired.clock, ImuConfig())
    reader.start()
    assert (reader.info.chip, reader.info.identity) == (twin.part, "tested")


@each_twin
def test_the_part_is_found_at_each_of_its_addresses(twin: Twin) -> None:
    clock = VirtualClock()
    for address in chip_of(twin).addresses:
        transport = VirtualTransport([twin.make(Steady(), clock, address=address)])
        assert find_sensor(transport, clock, ImuConfig()) == (chip_of(twin), address)


def relabelled(twin: Twin, who: int) -> tuple[FaultyBus, VirtualClock]:
    """The part with another number in WHO_AM_I."""
    wired = Wired(twin, Numbered())
    bus = FaultyBus(wired.transport, wired.clock)

    def swap(register: int, data: bytes) -> bytes:
        return bytes((who,)) if register == wired.data.who_am_i and len(data) == 1 else data

    bus.after = swap
    return bus, wired.clock


@each_twin
def test_a_number_nobody_knows_is_refused_with_the_number_and_the_wires(twin: Twin) -> None:
    known = {who for chip in CHIPS for who in (*chip.tested, *chip.tolerated)}
    for who in sorted({0x00, 0x01, 0x33, 0x5A, 0xC3, 0xFE, 0xFF} - known):
        transport, clock = relabelled(twin, who)
        with pytest.raises(SensorError) as caught:
            open_reader(transport, clock, ImuConfig(address=twin.address))
        # all bits equal say nothing: then another register may be named, which on a sound part
        # holds what the factory found out about it
        if who not in (0x00, 0xFF):
            assert f"0x{who:02X}" in caught.value.found
        assert "SDA (pin 3)" in caught.value.todo


@each_twin
def test_a_number_known_of_clones_streams_and_is_marked(twin: Twin) -> None:
    for who in chip_of(twin).tolerated:
        transport, clock = relabelled(twin, who)
        reader = open_reader(transport, clock, ImuConfig())
        reader.start()
        samples = 0
        for _ in range(40):
            clock.sleep(0.05)
            samples += sum(len(batch.counts) for batch in reader.poll())
        assert reader.info.identity == "tolerated"
        assert samples == pytest.approx(2.0 * reader.info.rate_hz, abs=20)


# ------------------------------------------------------------------ registers


@each_twin
def test_the_part_keeps_the_table_at_every_rate(twin: Twin) -> None:
    wired = Wired(twin)
    for rate in wired.data.rates_hz:
        wired.configure(rate)
        assert wired.faults(rate) == []


@each_twin
def test_a_reset_part_fails_a_critical_register(twin: Twin) -> None:
    wired = Wired(twin)
    rate = wired.data.rate(208)
    wired.configure(rate)
    wired.put(wired.data.reset)
    assert wired.faults(rate, critical=True)


def stopped(rig: Rig) -> bool:
    """Whether the reader has found something."""
    return rig.state() is not State.STREAM


def changed(setting: Setting, bus: I2CBus) -> bool:
    """Whether a bit of the setting could be turned over; not every bit is kept."""
    for bit in (1 << i for i in range(8)):
        if not setting.mask & bit:
            continue
        replace(setting, value=setting.value ^ bit, mask=bit).write(bus)
        if first_fault(bus, (setting,)):
            return True
        setting.write(bus)
    return False


@each_twin
def test_each_checked_register_is_noticed_when_it_changes(twin: Twin) -> None:
    """Critical ones with the next poll, the others when their turn comes."""
    rate = chip_of(twin).rate(208)
    table = chip_of(twin).table(rate)
    turns = sum(1 for s in table if s.checked and not s.critical)
    for setting in (s for s in table if s.checked and s.written):
        rig = Rig(twin).start()
        rig.run(1.5)
        assert changed(setting, rig.data.bus(rig.wires, twin.address, rig.clock)), setting.name
        limit_s = rig.poll_s * (1 if setting.critical else turns)
        rig.run(limit_s, until=functools.partial(stopped, rig))
        assert rig.state() is not State.STREAM, setting.name
        assert rig.reader.counters["register"] == 1
        rig.run(2.0)
        assert rig.state() is State.STREAM
        rig.check_gaps(1)


def pages(twin: Twin) -> list[Setting]:
    """Every page of registers that can be selected in place of the first."""
    found = []
    for setting in chip_of(twin).home:
        for value in range(1, 256):
            if value & ~setting.mask:
                continue
            wired = Wired(twin)
            page = replace(setting, value=value)
            page.write(wired.bus)
            if chip_of(twin).astray(wired.bus):
                found.append(page)
    return found


@each_twin
def test_another_page_of_registers_is_left_before_and_while_reading(twin: Twin) -> None:
    for page in pages(twin):
        wired = Wired(twin)
        page.write(wired.bus)
        assert find_sensor(wired.transport, wired.clock, ImuConfig())[0] is wired.data
        rig = Rig(twin).start()
        rig.run(1.5)
        bus = I2CBus(rig.wires, twin.address, rig.clock)
        page.write(bus)
        rig.run(2.5)
        assert rig.state() is State.STREAM
        assert rig.reader.counters
        rig.check_gaps(1)
        page.write(bus)  # and once more while the sensor is lost
        rig.wires.unplug(twin.address)
        rig.run(1.5)
        assert rig.state() is State.RECOVER
        rig.wires.replug(twin.address)
        rig.run(2.5)
        assert rig.state() is State.STREAM
        rig.check_gaps(2)


@each_chip
def test_a_way_home_is_all_zeros(chip: Chip) -> None:
    assert all(setting.value == 0 for setting in chip.home)


# ------------------------------------------------------------------ samples


# Of the range: each axis alone, up and down, and two slanted ones; the last one nearly full.
VECTORS = [
    *(
        np.eye(3)[axis] * sign * size
        for axis in range(3)
        for sign in (1, -1)
        for size in (0.06, 0.9)
    ),
    np.array([0.3, -0.5, 0.7]),
    np.array([-0.997, 0.997, -0.997]),
]


@each_twin
def test_counts_are_the_si_values_on_all_six_axes(twin: Twin) -> None:
    data = chip_of(twin)
    for vector in VECTORS:
        acc, gyr = vector * data.acc_range, np.roll(vector, 1) * -data.gyr_range
        wired = Wired(twin, Steady(tuple(acc), *gyr))
        wired.configure(data.rate(208))
        decoded = data.fifo.layout.decode(wired.fifo(0.1))
        assert decoded.aligned
        counts = decoded.counts[data.fifo.doubtful :]
        assert len(counts) > 10
        # A count, and the 0.1 % by which makers round the sensitivities they print.
        slack = 1.0 + 1e-3 * np.abs(np.concatenate((acc / data.acc_scale, gyr / data.gyr_scale)))
        expected = np.concatenate((acc / data.acc_scale, gyr / data.gyr_scale))
        assert (np.abs(counts - expected) <= slack).all()


@each_twin
def test_samples_come_in_order_at_the_parts_own_rate(twin: Twin) -> None:
    for error in (-0.07, 0.05):
        rig = Rig(twin, error).start()
        rig.run(8.0)
        assert rig.check() == []
        assert rig.reader.counters == {}
        assert rig.reader.rate_hz == pytest.approx(rig.rate, rel=1e-3)


@each_twin
def test_every_rate_is_the_one_asked_for(twin: Twin) -> None:
    data = chip_of(twin)
    assert min(data.rates_hz) <= 104
    assert max(data.rates_hz) >= 800
    for rate in data.rates_hz:
        wired = Wired(twin)
        wired.configure(rate)
        wired.flush()
        samples = len(data.fifo.layout.decode(wired.fifo(15 / rate)).counts)
        assert abs(samples - 15) <= 1, rate


@each_twin
def test_temperature_is_in_degrees(twin: Twin) -> None:
    """The virtual parts start at 22 °C and warm slowly."""
    rig = Rig(twin).start()
    rig.run(3.0)
    celsius = [batch.temperature_c for batch in rig.batches]
    assert np.nanmax(celsius) == pytest.approx(22.0, abs=0.3)
    assert not math.isnan(celsius[-1])


@each_twin
def test_what_is_beyond_the_range_counts_as_clipped(twin: Twin) -> None:
    for sign in (1, -1):
        rig = Rig(twin, look_ahead=1).start()
        rig.run(2.0)
        rig.source.spike_ms2 = sign * 400.0
        rig.run(0.3)
        rig.source.spike_ms2 = G0
        rig.run(0.3)
        beyond = [np.abs(b.counts[:, 2].astype(int)) >= 32766 for b in rig.batches]
        assert [batch.clipped for batch in rig.batches] == [int(e.sum()) for e in beyond]
        assert sum(batch.clipped for batch in rig.batches) > 40


@each_chip
def test_limits_of_clipping_lie_just_inside_the_range(chip: Chip) -> None:
    limits = chip.clip_limits()
    full = np.array([chip.acc_range / chip.acc_scale] * 3 + [chip.gyr_range / chip.gyr_scale] * 3)
    assert (limits <= 32767).all()
    assert (np.abs(limits - 0.999 * np.minimum(full, 32767)) <= 1).all()


@each_chip
def test_ranges_are_those_a_runner_needs(chip: Chip) -> None:
    assert chip.acc_range == pytest.approx(16 * G0)
    assert chip.gyr_range == pytest.approx(2000 * RAD_PER_DEG)


# ------------------------------------------------------------------ FIFO


@each_chip
def test_a_transfer_holds_whole_units_and_is_short(chip: Chip) -> None:
    assert 0 < chip.fifo.chunk_units * chip.fifo.layout.unit_bytes <= CHUNK_BYTES


@each_twin
def test_samples_do_not_depend_on_where_reads_are_cut(twin: Twin) -> None:
    wired = Wired(twin, Numbered())
    layout = wired.data.fifo.layout
    wired.configure(wired.data.rate(208))
    raw = wired.fifo(0.12)
    whole = layout.decode(raw)
    for step in (1, 2, 3, 5):
        rest, counts = b"", []
        for begin in range(0, len(raw), step * layout.unit_bytes):
            rest += raw[begin : begin + step * layout.unit_bytes]
            part = layout.decode(rest)
            assert part.aligned
            counts += part.counts.tolist()
            rest = rest[part.used :]
        assert counts == whole.counts.tolist()
        assert len(rest) == len(raw) - whole.used


@pytest.mark.parametrize("chip", CHIPS, ids=lambda chip: chip.name)
@given(data=st.data())
@settings(max_examples=30)
def test_no_sample_is_made_of_bytes_that_are_not_there(chip: Chip, data: st.DataObject) -> None:
    layout = chip.fifo.layout
    units = data.draw(st.integers(0, 40))
    raw = data.draw(
        st.binary(min_size=units * layout.unit_bytes, max_size=units * layout.unit_bytes)
    )
    decoded = layout.decode(raw)
    assert decoded.used <= len(raw)
    assert 12 * len(decoded.counts) <= decoded.used
    assert decoded.counts.shape[1] == 6
    assert decoded.counts.dtype == np.int16


@each_twin
def test_overflow_is_seen_and_the_flush_mends_it(twin: Twin) -> None:
    wired = Wired(twin)
    wired.configure(wired.data.rates_hz[0])
    wired.clock.sleep(60.0)
    assert wired.data.fifo.status(wired.bus).overflow
    wired.flush()
    status = wired.data.fifo.status(wired.bus)
    assert (status.level, status.overflow, status.aligned) == (0, False, True)


@each_twin
def test_an_overflow_is_counted_and_its_gap_told(twin: Twin) -> None:
    rig = Rig(twin).start()
    rig.run(2.0)
    rig.clock.sleep(30.0)
    rig.run(2.0)
    assert rig.reader.counters == {"overflow": 1}
    rig.check_gaps(1)


def held(rig: Rig) -> int:
    """Bytes in the FIFO."""
    level = rig.data.fifo.level
    raw = rig.data.bus(rig.wires, rig.part.address, rig.clock).read(level.register, level.size)
    return (int.from_bytes(raw, level.order) & level.mask) * rig.data.fifo.level_bytes


@each_twin
def test_a_little_lost_from_the_fifo_lets_no_wrong_sample_out(twin: Twin) -> None:
    """The least that leaves it at a time, taken by somebody else; half samples are told."""
    rig = Rig(twin).start()
    rig.run(2.0)
    rig.clock.sleep(0.03)
    before = held(rig)
    rig.wires.write_read(twin.address, bytes((rig.data.fifo.data,)), rig.chip.port.unit)
    lost = before - held(rig)  # nothing where a part gives again what was not read to its end
    rig.run(2.5)
    assert 0 <= lost <= 16
    if 0 < lost < 12:
        assert rig.reader.counters == {"misaligned": 1}
        rig.check_gaps(1)


# ------------------------------------------------------------------ power


@each_twin
def test_a_brown_out_is_noticed_and_nothing_wrong_gets_out(twin: Twin) -> None:
    for off_s, at_s in itertools.product((0.0, 0.4), (0.0, 0.02)):
        rig = Rig(twin).start()
        rig.run(2.0)
        rig.clock.sleep(at_s)
        rig.chip.power_cycle(off_s)
        rig.run(2.5)
        assert rig.state() is State.STREAM
        assert rig.reader.counters
        rig.check_gaps(1)


@each_twin
def test_a_reset_by_somebody_else_is_noticed(twin: Twin) -> None:
    rig = Rig(twin).start()
    rig.run(2.0)
    rig.data.reset.write(rig.data.bus(rig.wires, twin.address, rig.clock))
    rig.run(2.5)
    assert rig.state() is State.STREAM
    assert rig.reader.counters
    rig.check_gaps(1)
