"""The sensor: who answers, over which wire, whether its masses move, and how it does at rest."""

from collections.abc import Callable, Iterator
from typing import Final

from gaitpi.device.doctor import rest as resting
from gaitpi.device.doctor.bus import LOOSE
from gaitpi.device.doctor.finding import Figure, Finding
from gaitpi.device.doctor.surroundings import Surroundings
from gaitpi.errors import GaitpiError
from gaitpi.imu import selftest
from gaitpi.imu.bus import BusFault, I2CBus
from gaitpi.imu.chip import CHUNK_BYTES, Chip
from gaitpi.imu.chips import CHIPS, known_addresses
from gaitpi.imu.reader import Reader, find_sensor, open_reader
from gaitpi.imu.transport import Transport
from gaitpi.units import DEG_PER_RAD, G0

READ_BACKS: Final = 1000
BURSTS: Final = 10
CLOCKS_PER_BYTE: Final = 9
SHARE_WARN: Final = 0.5
"""A bus so busy leaves no room for a second try."""
FRAME_BYTES: Final = 14
STRANGER: Final = "something unknown"


class Patient:
    """The sensor, looked at step by step; ``reader`` is there once it streams."""

    def __init__(self, s: Surroundings) -> None:
        self._s = s
        self._transport: Transport | None = None
        self.reader: Reader | None = None

    def close(self) -> None:
        """Release the bus; again does nothing."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def findings(self) -> Iterator[Finding]:
        """Chip, wire, self-test, rate and what it says at rest, as far as it gets."""
        s = self._s
        try:
            self._transport = s.transport()
            chip, address = find_sensor(self._transport, s.clock, s.config.imu)
        except GaitpiError as error:
            yield Finding("chip", "fail", error.found.rstrip("."), error.todo)
            return
        bus = chip.bus(self._transport, address, s.clock)
        yield identity(s, bus, chip, found(s, self._transport))
        yield wire(s, bus, chip)
        yield self_test(bus, chip)
        yield from self._at_rest(self._transport)

    def _at_rest(self, transport: Transport) -> Iterator[Finding]:
        s = self._s
        try:
            reader = open_reader(transport, s.clock, s.config.imu)
            reader.start()
        except GaitpiError as error:
            yield Finding("rate", "fail", error.found.rstrip("."), error.todo)
            return
        yield from resting.findings(resting.measure(reader, s.clock, s.config.imu.poll_s))
        self.reader = reader


def found(s: Surroundings, transport: Transport) -> dict[int, str]:
    """Who answers at the addresses known chips can have: address -> part, or its id."""
    out: dict[int, str] = {}
    for address in known_addresses():
        bus = I2CBus(transport, address, s.clock)
        for chip in (chip for chip in CHIPS if address in chip.addresses):
            try:
                who = bus.read(chip.who_am_i)[0]
            except BusFault:
                break
            if chip.identity(who) != "unknown":
                out[address] = chip.part(who)
                break
            out.setdefault(address, STRANGER)
    return out


def identity(s: Surroundings, bus: I2CBus, chip: Chip, others: dict[int, str]) -> Finding:
    """Which chip is used, and what its id is worth."""
    who = bus.read(chip.who_am_i)[0]
    worth = chip.identity(who)
    evidence = f"{chip.part(who)} at 0x{bus.address:02X}, WHO_AM_I 0x{who:02X}"
    also = [f"{part} at 0x{at:02X}" for at, part in others.items() if at != bus.address]
    if also:
        evidence += f"; also {', '.join(also)}"
    figures: dict[str, Figure] = {
        "chip": chip.part(who),
        "address": bus.address,
        "who_am_i": who,
        "identity": worth,
        "bus": bus.transport.name,
    }
    if worth == "tolerated":
        todo = "A relative or a copy: it is used, and every run says so. Mind its self-test."
        return Finding("chip", "warn", f"{evidence} (tolerated)", todo, figures=figures)
    if worth == "unknown":
        todo = "imu.allow_unknown lets it in, and every run says so. Mind the lines below."
        return Finding("chip", "warn", f"{evidence} (not a known id)", todo, figures=figures)
    rivals = [part for at, part in others.items() if at != bus.address and part != STRANGER]
    if rivals and s.config.imu.address is None:
        todo = f"The first is used; set imu.address to 0x{bus.address:02X} to be sure."
        return Finding("chip", "warn", evidence, todo, figures=figures)
    return Finding("chip", "pass", evidence, figures=figures)


def wire(s: Surroundings, bus: I2CBus, chip: Chip) -> Finding:
    """A thousand read-backs of the id, then bursts for the speed the wire really has."""
    who = bus.read(chip.who_am_i)[0]
    before = bus.faults.snapshot()
    wrong = failed = 0
    for _ in range(READ_BACKS):
        try:
            wrong += bus.read(chip.who_am_i)[0] != who
        except BusFault:
            failed += 1
    faults = bus.faults.since(before)
    speed = burst_rate(bus, chip, s.clock.monotonic)
    figures: dict[str, Figure] = {
        "read_backs": READ_BACKS,
        "wrong": wrong,
        "failed": failed,
        "bytes_per_s": round(speed) if speed else None,
        **{f"faults_{name}": n for name, n in sorted(faults.items())},
    }
    evidence = f"{READ_BACKS} read-backs, {wrong} wrong, {sum(faults.values())} faults"
    if speed:
        khz = speed * CLOCKS_PER_BYTE / 1000
        evidence += f"; {speed / 1000:.1f} kB/s, as of a {khz:.0f} kHz clock"
    if wrong or failed:
        todo = f"{LOOSE} Or lower dtparam=i2c_arm_baudrate."
        return Finding("wire", "fail", evidence, todo, figures=figures)
    if faults:
        return Finding("wire", "warn", evidence, LOOSE, figures=figures)
    need = FRAME_BYTES * chip.rate(s.config.imu.rate_hz)
    if speed and need > SHARE_WARN * speed:
        evidence += f", {need / speed:.0%} of it for the samples"
        todo = "dtparam=i2c_arm_baudrate=400000 in config.txt, or a lower imu.rate_hz."
        return Finding("wire", "warn", evidence, todo, figures=figures)
    return Finding("wire", "pass", evidence, figures=figures)


def burst_rate(bus: I2CBus, chip: Chip, now: Callable[[], float]) -> float | None:
    """Bytes a second of long reads, address bytes included; None where no time passes."""
    start = now()
    try:
        for _ in range(BURSTS):
            bus.read(chip.fifo.data, CHUNK_BYTES)
    except BusFault:
        return None
    took = now() - start
    return BURSTS * (CHUNK_BYTES + 3) / took if took > 0.0 else None


def self_test(bus: I2CBus, chip: Chip) -> Finding:
    """The chip pushes its own masses; each axis must answer as the maker says."""
    if chip.self_test is None:
        return Finding("self-test", "skip", f"no self-test is known here for {chip.name}")
    try:
        shifts = selftest.run(bus, chip.reset, chip.self_test)
    except BusFault as fault:
        evidence = f"the sensor stopped answering in it ({fault.fault})"
        return Finding("self-test", "fail", evidence, LOOSE)
    figures: dict[str, Figure] = {"source": chip.self_test.source}
    words, bad = [], []
    for shift in shifts:
        scale, unit, form = (
            (1000.0 / G0, "mg", ".0f") if shift.sensor == "acc" else (DEG_PER_RAD, "deg/s", ".0f")
        )
        name = f"{shift.sensor}_{shift.axis}_{unit.replace('deg/s', 'dps')}"
        size, low, high = (x * scale for x in (shift.size, *shift.span))
        figures[name] = round(size, 1)
        words.append(f"{size:{form}}")
        if not shift.sound:
            bad.append(
                f"{shift.sensor} {shift.axis} {size:.0f} {unit}, not {low:.0f} to {high:.0f}"
            )
    if bad:
        todo = "Lay it still and try again. The same axis twice: the sensor is broken, replace it."
        return Finding("self-test", "fail", "; ".join(bad), todo, figures=figures)
    evidence = f"acc {'/'.join(words[:3])} mg, gyr {'/'.join(words[3:])} deg/s, all as they should"
    return Finding("self-test", "pass", evidence, figures=figures)
