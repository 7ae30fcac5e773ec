"""Reads a sensor for hours: finds it, configures it, watches it, brings it back.

The order within one poll is what keeps bad samples in: first the FIFO is read, then the
registers that decide on scale, rate and layout are checked, then the samples are published.
Checking after is enough. A chip that browned out or was reset stays in its defaults until
this reader configures it, so registers that are right now were right while all samples of
the read were taken. When the check itself fails for lack of an answer, the bytes wait for
the next poll. So nothing is published a poll late, and nothing unproven is published.
"""

import enum
import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from gaitpi.config import ImuConfig
from gaitpi.errors import ConfigError, SensorError
from gaitpi.hostclock import HostClock
from gaitpi.imu.batch import Batch, Counts, Floats, SensorInfo
from gaitpi.imu.bus import RETRIES, UNTOUCHED, BusFault, FaultCounters, I2CBus
from gaitpi.imu.chip import Chip, FifoStatus, Table, blocks, first_fault
from gaitpi.imu.chips import CHIPS, known_addresses
from gaitpi.imu.recovery import BusRecovery
from gaitpi.imu.sampleclock import SampleClock
from gaitpi.imu.transport import Transport

FROZEN_RUN: Final = 25
"""So many equal 6-vectors are no measurement: noise alone moves the last bits."""

FAILURES_MAX: Final = 10
"""Failed polls less successful ones, after which the sensor counts as lost."""

HANGS_MAX: Final = 3
"""So many transfers in a row that hung, and the bus is to be freed (:mod:`gaitpi.imu.recovery`)."""

FREE_EVERY_S: Final = 5.0
"""What an attempt to free it did not free is tried again so much later."""

EXAM_S: Final = 0.15
EXAM_READS: Final = 1000
"""At the start the wire is examined: read-backs for so long at most, and so many. One takes 0.2 ms
or so at 400 kHz, so some 700 fit; ``gaitpi doctor`` takes its time for all 1,000."""

GIVE_UP_S: Final = 1.0
"""A reset and configuration that takes longer is begun again from the search."""

SHORT_WAIT_S: Final = 0.02
"""What a chip needs after a reset or a setting is waited for in the poll if it is no longer than
this, in all: the next poll is 50 ms away."""

START_S: Final = 3.0
START_STEP_S: Final = 0.005
SILENT_S: Final = 0.25
"""A FIFO that stays empty so long is not being filled."""

FEW_BYTES: Final = 56
"""Some four samples."""

MISALIGNED_C: Final = 2.0
"""No sensor warms by 2 °C between two polls; a frame read askew almost always seems to."""

CHUNKS_MAX: Final = 8
"""FIFO transfers in one poll: a full FIFO at 100 kHz must not hold the poll for long."""

WIRING: Final = (
    "Check VCC 3.3 V (pin 1), GND (pin 6), SDA (pin 3), SCL (pin 5), "
    "and that the plug sits on the right row."
)


class State(enum.Enum):
    """What the reader is doing."""

    RESET = "reset"
    CONFIGURE = "configure"
    STREAM = "stream"
    RECOVER = "recover"


@dataclass(slots=True)
class _Held:
    """Samples that are proven but not yet placed in time."""

    counts: Counts
    after_gap: bool
    clipped: int
    faults: dict[str, int]
    temperature_c: float


_Answer = tuple[Chip, int, int]  # chip, address, WHO_AM_I as read


class HungBusError(SensorError):
    """Transfers hang: a wire is held low."""


def find_sensor(transport: Transport, clock: HostClock, config: ImuConfig) -> tuple[Chip, int]:
    """The chip on the bus and its address.

    Looks at ``config.address``, or at all addresses a known chip can have. Raises SensorError
    when nothing answers, or what answers is not a known chip (and ``allow_unknown`` is off or
    no ``chip`` is named); ConfigError when ``config.chip`` is no known family.
    """
    wanted = _wanted(config)
    addresses = known_addresses() if config.address is None else (config.address,)
    answers: list[_Answer] = []
    faults: set[str] = set()
    buses = [I2CBus(transport, address, clock) for address in addresses]
    for bus in buses:
        answers += _ask(bus, wanted, faults)
    found = _known(answers)
    if found is None:
        # A part whose host died in the middle may have another page of registers in sight.
        answering = {address for _, address, _ in answers}
        for bus in buses:
            if found is None and bus.address in answering:
                found = _lead_home(bus, wanted, faults)
    if found is not None:
        return found
    if answers and config.allow_unknown and config.chip != "auto":
        return answers[0][:2]
    if answers:
        # A stranger has been asked at several registers; all zeros say the least, then all ones.
        telling = max(answers, key=lambda answer: (answer[2] not in (0x00, 0xFF), answer[2] != 0))
        raise _stranger(transport, config, *telling[1:])
    raise _nobody(transport, addresses, faults)


def _ask(bus: I2CBus, wanted: list[Chip], faults: set[str]) -> list[_Answer]:
    """What each chip that may be at the address would have to make of the answer there."""
    chips = [chip for chip in wanted if bus.address in chip.addresses] or wanted
    answers: list[_Answer] = []
    # Descending: the lowest registers hold factory trim on other parts, of any value.
    for register in sorted({chip.who_am_i for chip in chips}, reverse=True):
        try:
            who = bus.read(register)[0]
        except BusFault as fault:
            faults.add(fault.fault)
            continue
        answers += [(chip, bus.address, who) for chip in chips if chip.who_am_i == register]
    return answers


def _known(answers: list[_Answer]) -> tuple[Chip, int] | None:
    """The first known chip: it goes before strangers, as clocks and displays share addresses."""
    for chip, address, who in answers:
        if chip.identity(who) != "unknown":
            return chip, address
    return None


def _lead_home(bus: I2CBus, wanted: list[Chip], faults: set[str]) -> tuple[Chip, int] | None:
    """A known chip that shows itself once its first page of registers is selected."""
    for chip in wanted:
        if bus.address not in chip.addresses:
            continue
        try:
            if not chip.astray(bus):
                continue
            before = [(s.register, bus.read(s.register)) for s in chip.home]
            chip.go_home(bus)
            found = _known(_ask(bus, wanted, faults))
            if found is not None:
                return found
            for register, value in before:  # a stranger after all: it gets its values back
                bus.write(register, value)
        except BusFault as fault:
            faults.add(fault.fault)
    return None


def _wanted(config: ImuConfig) -> list[Chip]:
    chips = [chip for chip in CHIPS if config.chip in ("auto", chip.name)]
    if not chips:
        names = ", ".join(chip.name for chip in CHIPS)
        raise ConfigError(
            f'imu.chip is "{config.chip}", which is no chip gaitpi knows.',
            f'Use "auto" or one of: {names}.',
        )
    return chips


def _nobody(transport: Transport, addresses: tuple[int, ...], faults: set[str]) -> SensorError:
    where = " ".join(f"0x{address:02X}" for address in addresses)
    if "timeout" in faults:
        return HungBusError(
            f"The bus {transport.name} hangs: a wire is held low.",
            "Unplug the sensor and plug it in again; look for SDA (pin 3) or SCL (pin 5) "
            "touching GND.",
        )
    return SensorError(f"No sensor answers on {transport.name} at {where}.", WIRING)


def _stranger(transport: Transport, config: ImuConfig, address: int, who: int) -> SensorError:
    found = (
        f"At 0x{address:02X} on {transport.name} something answers with "
        f"WHO_AM_I 0x{who:02X}, which is not a known chip"
    )
    if who in (0x00, 0xFF):
        return SensorError(f"{found}: all bits equal, as with a bad wire or without power.", WIRING)
    other = next(
        (c for c in CHIPS if address in c.addresses and c.identity(who) != "unknown"), None
    )
    if other is not None:
        return SensorError(
            f"At 0x{address:02X} on {transport.name} is a {other.part(who)}, not a {config.chip}.",
            f'Set imu.chip to "{other.name}" or "auto".',
        )
    return SensorError(
        f"{found}.",
        f"{WIRING} If the wires are right and you know the part: set imu.chip to its family "
        "and imu.allow_unknown to true; every run is then marked.",
    )


def open_reader(
    transport: Transport,
    clock: HostClock,
    config: ImuConfig,
    recovery: BusRecovery | None = None,
) -> "Reader":
    """Find the sensor and make its reader (not yet started). Raises as :func:`find_sensor`.

    ``recovery`` frees a bus that hangs, here and later; None = nothing can.
    """
    try:
        chip, address = find_sensor(transport, clock, config)
    except HungBusError:
        if recovery is None:
            raise
        recovery.begin()
        while recovery.busy:
            clock.sleep(START_STEP_S)
        chip, address = find_sensor(transport, clock, config)
    return Reader(chip.bus(transport, address, clock), chip, clock, config, recovery)


class Reader:
    """Streams one sensor.

    ``start()`` once, then ``poll()`` about every ``config.poll_s``. ``state`` and ``reason``
    (words) tell what it is doing, ``counters`` every fault since the start by name, ``info``
    what the sensor is. ``recovery`` frees a bus that hangs; None = nothing can. Not for several
    threads.
    """

    def __init__(
        self,
        bus: I2CBus,
        chip: Chip,
        clock: HostClock,
        config: ImuConfig,
        recovery: BusRecovery | None = None,
    ) -> None:
        self._bus = bus
        self._chip = chip
        self._clock = clock
        self._config = config
        self._rate_hz = chip.rate(config.rate_hz)
        self._table = chip.table(self._rate_hz)
        critical = tuple(s for s in self._table if s.critical)
        self._critical = blocks(critical)
        self._rotation: list[Table] = [(s,) for s in self._table if s.checked and not s.critical]
        self._turn = 0
        self._limits = chip.clip_limits()
        self._who: int | None = None
        self.state = State.RECOVER
        self.reason = "not started"
        self._due_s = -math.inf  # of the next step of the state machine
        self._since_s = 0.0  # begin of the reset
        self._step = 0  # next setting of the table to write
        self._failures = 0
        self._recovery = recovery
        self._hangs = 0  # transfers in a row that hung
        self._freeing = False
        self._free_from_s = -math.inf  # no attempt to free the bus before
        self._times = SampleClock(self._rate_hz)
        self._count = 0  # samples read and proven, held ones included
        self._index = 0  # samples handed on
        self._seq = 0
        self._end_s = math.nan  # one period after the last sample handed on
        self._reported: dict[str, int] = {}
        self._held: list[_Held] = []
        self._ready: list[Batch] = []
        self._fed_s = 0.0  # host time of the last samples
        self._suspect = False  # frozen before the last reset
        self._rate_told = False
        self._fresh()

    # ------------------------------------------------------------------ for the daemon

    @property
    def info(self) -> SensorInfo:
        """What is known of the sensor."""
        chip, who = self._chip, self._who or 0
        return SensorInfo(
            chip=chip.part(who),
            address=self._bus.address,
            bus=self._bus.transport.name,
            who_am_i=who,
            identity=chip.identity(who),
            rate_hz=self._rate_hz,
            acc_scale=chip.acc_scale,
            gyr_scale=chip.gyr_scale,
            acc_range=chip.acc_range,
            gyr_range=chip.gyr_range,
            virtual=self._bus.transport.name.startswith("virtual"),
        )

    @property
    def counters(self) -> dict[str, int]:
        """Faults since the start by name, those of the bus among them."""
        return self._faults.snapshot()

    @property
    def rate_hz(self) -> float:
        """The true sample rate as far as it is known, Hz."""
        return self._times.rate_hz

    def start(self) -> None:
        """Identify and configure the sensor; blocks for some tenths of a second.

        Raises SensorError when it does not answer, is not this chip, does not keep what is
        written to it, or the wire does not read the same twice.
        """
        try:
            who = self._bus.read(self._chip.who_am_i)[0]
        except BusFault as fault:
            raise _nobody(self._bus.transport, (self._bus.address,), {fault.fault}) from fault
        if self._chip.identity(who) == "unknown" and not self._config.allow_unknown:
            raise _stranger(self._bus.transport, self._config, self._bus.address, who)
        self._who = who
        self._reset("it does not get ready")
        limit = self._clock.monotonic() + START_S
        while self.state is not State.STREAM:
            if self._clock.monotonic() > limit:
                raise SensorError(
                    f"The {self._chip.part(who)} at 0x{self._bus.address:02X} does not start: "
                    f"{self.reason}.",
                    f"{WIRING} Keep the wires short, or lower dtparam=i2c_arm_baudrate.",
                )
            self._clock.sleep(START_STEP_S)
            self._advance()
        self._examine(who)

    def _examine(self, who: int) -> None:
        """Read back what is known, many times. Raises SensorError where anything reads wrong.

        A wire that alters what is read cannot be told from a sensor afterwards: most chips send no
        checksum with their samples.
        """
        bus = self._bus
        until = self._clock.monotonic() + EXAM_S
        reads = wrong = 0
        try:
            while reads < EXAM_READS and self._clock.monotonic() < until:
                wrong += bus.read(self._chip.who_am_i)[0] != who
                for run in self._critical:
                    found = bus.read(run[0].register, len(run))
                    wrong += any(s.fault(v) for s, v in zip(run, found, strict=True))
                reads += 1 + len(self._critical)
            bus.rest()
            self._flush("")  # what ran over meanwhile
        except BusFault:
            pass  # a wire that fails says so: that is counted and mended while it runs
        if wrong:
            raise SensorError(
                f"{wrong} of {reads} read-backs of the {self._chip.part(who)} at "
                f"0x{bus.address:02X} were wrong: the wire alters what is read.",
                "Shorten the wires (20 cm), lower dtparam=i2c_arm_baudrate, or use the overlay "
                "i2c-gpio where the sensor stretches the clock.",
            )

    def poll(self) -> list[Batch]:
        """What came since the last call; often one batch, none while there is trouble.

        Never raises for a fault in the field: those are counted, and told with the next batch.
        """
        self._ready = []
        if self._freeing:
            self._freed()
        elif self.state is State.STREAM:
            try:
                self._stream()
                self._failures = max(0, self._failures - 1)
                self._hangs = 0
            except BusFault as fault:
                self._failed(fault)
        else:
            self._advance()
        return self._ready

    def close(self) -> None:
        """Release the bus, and what frees it."""
        if self._recovery is not None:
            self._recovery.close()
        self._bus.transport.close()

    # ------------------------------------------------------------------ the state machine

    def _advance(self) -> None:
        """Take the steps that are due, or very soon, up to streaming."""
        now = self._clock.monotonic()
        if self.state in (State.RESET, State.CONFIGURE) and now - self._since_s > GIVE_UP_S:
            self._recover("give-up", f"no success within {GIVE_UP_S:.0f} s ({self.reason})")
        try:
            while self.state is not State.STREAM and self._due_s <= now + SHORT_WAIT_S:
                self._clock.sleep(self._due_s - self._clock.monotonic())
                if self.state is State.RECOVER:
                    if not self._search():
                        return
                elif self.state is State.RESET:
                    self._chip.go_home(self._bus)
                    self._chip.reset.write(self._bus)
                    self._go(State.CONFIGURE, self.reason, self._chip.reset.wait_s)
                    self._step = 0
                else:
                    self._configure()
            self._hangs = 0
        except BusFault as fault:
            if self.state is not State.RECOVER:
                self._recover("lost", f"the sensor stopped answering ({fault.fault})")
            self._hung(fault)

    def _search(self) -> bool:
        """Whether the sensor is back; then a reset is on its way."""
        if not self._same() and self._chip.astray(self._bus):
            self._chip.go_home(self._bus)
        if not self._same():
            self._faults.add("identity")
            return False
        self._reset(self.reason)
        return True

    def _same(self) -> bool:
        """Whether it is the sensor of the start; ``reason`` says what else. Raises BusFault."""
        who = self._bus.read(self._chip.who_am_i)[0]
        if who != self._who:
            self.reason = f"WHO_AM_I reads 0x{who:02X}, not 0x{self._who or 0:02X}"
        return who == self._who

    def _configure(self) -> None:
        while self._step < len(self._table):
            setting = self._table[self._step]
            setting.write(self._bus)
            self._step += 1
            if setting.wait_s > 0.0:
                self._due_s = self._clock.monotonic() + setting.wait_s
                return
        for run in blocks(tuple(s for s in self._table if s.checked)):
            wrong = first_fault(self._bus, run)
            if wrong:
                self._recover("register", wrong)
                return
        # one that repeated itself has to make another sample first, or it is known why it is lost
        self._go(State.STREAM, self.reason if self._suspect else "")
        self._flush("")

    def _go(self, state: State, reason: str, wait_s: float = 0.0) -> None:
        self.state, self.reason = state, reason
        self._due_s = self._clock.monotonic() + wait_s

    def _again(self, reason: str) -> None:
        """Begin anew from the search: lost settings may be those of another sensor."""
        self._failures = 0
        self._lose()
        self._go(State.RECOVER, reason)

    def _reset(self, reason: str) -> None:
        self._since_s = self._clock.monotonic()
        self._failures = 0
        self._lose()
        self._go(State.RESET, reason)

    def _recover(self, fault: str, reason: str) -> None:
        self._faults.add(fault)
        self._lose()
        self._go(State.RECOVER, reason)

    def _failed(self, fault: BusFault) -> None:
        self._failures += 1
        if self._failures >= FAILURES_MAX:
            self._recover("lost", f"the sensor stopped answering ({fault.fault})")
        self._hung(fault)

    # ------------------------------------------------------------------ a bus that hangs

    def _hung(self, fault: BusFault) -> None:
        """Count the transfers in a row that hung, and have the bus freed after some."""
        self._hangs = self._hangs + 1 if fault.fault == "timeout" else 0
        now = self._clock.monotonic()
        if self._hangs < HANGS_MAX or now < self._free_from_s:
            return
        self._hangs = 0
        self._free_from_s = now + FREE_EVERY_S
        if self.state is not State.RECOVER:
            self._recover("lost", "")
        self.reason = "the bus hangs: a wire is held low"
        if self._recovery is None:
            self.reason += ", and it is lost until the wire is free"
            return
        self._recovery.begin()
        self._freeing = True

    def _freed(self) -> None:
        """An attempt to free the bus is on: leave the bus alone until it is over."""
        assert self._recovery is not None
        if self._recovery.busy:
            return
        self._freeing = False
        tried = self._recovery.result()
        if tried.freed:
            self._faults.add("freed")
            self._free_from_s = -math.inf  # should it hang again: at once
            self.reason = f"the bus hung ({tried.words})"
        else:
            self.reason += f", and it is lost until the wire is free ({tried.words})"

    # ------------------------------------------------------------------ samples

    @property
    def _faults(self) -> FaultCounters:
        return self._bus.faults

    def _fresh(self) -> None:
        """Forget what was read and not proven."""
        self._raw = b""
        self._dirty = False  # the FIFO's framing is in doubt
        self._celsius = math.nan  # last accepted temperature
        self._last: Counts | None = None  # last sample, for the frozen run
        # Frozen before the reset: one repetition is now enough, so little of it gets out.
        self._run = FROZEN_RUN - 1 if self._suspect else 1
        self._ragged = False  # the level was no whole number of frames
        self._doubtful = 0  # samples still to be thrown away
        self._after_gap = True

    def _lose(self) -> None:
        """Samples are lost from here on: hand on what is proven, then begin anew."""
        if self._times.located:
            self._release()
        self._count -= sum(len(held.counts) for held in self._held)
        self._held.clear()
        self._fresh()
        self._times.gap()

    def _flush(self, fault: str) -> None:
        """Empty the FIFO; ``fault`` is the reason to count. Raises BusFault."""
        if fault:
            self._faults.add(fault)
        self._lose()
        self._dirty = True  # until all of it is written
        self._doubtful = self._chip.fifo.doubtful
        for setting in self._chip.fifo.flush:
            setting.write(self._bus)
        self._dirty = False
        self._fed_s = self._clock.monotonic()
        # a full FIFO may have raised its flag again meanwhile; some chips keep it until it is read
        self._chip.fifo.status(self._bus)

    def _stream(self) -> None:
        fifo = self._chip.fifo
        if self._dirty:
            self._flush("")
        status = fifo.status(self._bus)
        fault = self._unreadable(status)
        if fault:
            self._flush(fault)
        if fault or self._ragged:
            self._sound()  # a changed register may well be the cause
            return
        units = min(status.level, CHUNKS_MAX * fifo.chunk_units)
        self._fetch(units, status.level)
        # Overflow in the middle of the read, while this process was held up?
        # Some chips forget the flag as soon as there is room again; then what was read and
        # what is left make a full FIFO.
        after = fifo.status(self._bus)
        if after.overflow or units + after.level >= fifo.size_bytes // fifo.layout.unit_bytes:
            self._flush("overflow")
            return
        if self._sound():
            self._prove(status, complete=units == status.level)

    def _unreadable(self, status: FifoStatus) -> str:
        """The fault that makes the FIFO's content useless; empty when there is none."""
        if status.overflow:
            return "overflow"
        if not status.aligned:
            return "misaligned"
        # Half a frame may be one that is just being written. It is left alone once; half a
        # frame twice is a lost byte, or a level that reads wrong.
        before, self._ragged = self._ragged, not status.whole
        return "misaligned" if before and self._ragged else ""

    def _fetch(self, units: int, level: int) -> None:
        """Append ``units`` of the ``level`` in the FIFO to the raw bytes. Raises BusFault."""
        fifo = self._chip.fifo
        tries = RETRIES
        # pieces of one size: of a short one it could not be told whether it was read
        piece = math.ceil(units / max(1, math.ceil(units / fifo.chunk_units)))
        while units > 0:
            n = min(units, piece)
            try:
                self._raw += self._bus.read(fifo.data, n * fifo.layout.unit_bytes, takes=True)
            except BusFault as fault:
                if fault.fault in UNTOUCHED:
                    raise
                # A transfer that broke off has taken an unknown number of bytes with it.
                self._dirty = True
                if fault.fault == "timeout" or not self._complete(n, level):
                    raise
                self._dirty = False
                if not tries:
                    raise
                tries -= 1
                continue
            units -= n
            level -= n

    def _complete(self, n: int, level: int) -> bool:
        """Whether a failed read of ``n`` units has left all of ``level`` in the FIFO.

        The FIFO only grows; were a unit or two gone, as many new ones could hide it. So a read of
        few is not believed, and of a longer one only this is missed, that it broke off after just
        one sample, at the end of it, while a new one came. Raises BusFault.
        """
        fifo = self._chip.fifo
        status = fifo.status(self._bus)
        intact = status.whole and status.aligned and not status.overflow
        return intact and status.level >= level and n * fifo.layout.unit_bytes >= FEW_BYTES

    def _sound(self) -> bool:
        """Whether the registers are as they were set; if not, a reset is on its way."""
        wrong = self._wrong_register()
        self._bus.rest()
        if wrong:
            self._faults.add("register")
            self._again(wrong)
        return not wrong

    def _wrong_register(self) -> str:
        for run in self._critical:
            wrong = first_fault(self._bus, run)
            if wrong:
                return wrong
        if not self._rotation:
            return ""
        self._turn = (self._turn + 1) % len(self._rotation)
        return first_fault(self._bus, self._rotation[self._turn])

    def _prove(self, status: FifoStatus, complete: bool) -> None:
        """Samples out of the raw bytes, if they can be what the chip measured."""
        decoded = self._chip.fifo.layout.decode(self._raw)
        celsius = self._chip.celsius(decoded.temperature)
        if not decoded.aligned or self._temperature_jumps(celsius):
            self._flush("misaligned")
            return
        self._raw = self._raw[decoded.used :]
        if len(celsius):
            self._celsius = float(celsius[-1])
        counts = decoded.counts[self._doubtful :]
        self._doubtful = max(0, self._doubtful - len(decoded.counts))
        # no later than it was asked: this process may have been held up since
        seen_s = status.time_s - status.took_s / 2
        if len(counts):
            self._fed_s = self._clock.monotonic()
        elif seen_s - self._fed_s > max(SILENT_S, 10.0 / self._rate_hz):
            self._faults.add("silent")
            self._again("the sensor makes no samples")
            return
        alive = self._alive(counts)
        self._hold(counts[:alive], status, complete and alive == len(counts))
        if alive < len(counts):
            self._faults.add("frozen")
            self._suspect = True
            self._again("the sensor repeats the same values")
        elif self._chip.temperature is not None:
            self._celsius = self._chip.read_celsius(self._bus)

    def _temperature_jumps(self, celsius: Floats) -> bool:
        if len(celsius) == 0:
            return False
        low, high = float(celsius.min()), float(celsius.max())
        if not math.isnan(self._celsius):
            low, high = min(low, self._celsius), max(high, self._celsius)
        return high - low > MISALIGNED_C

    def _alive(self, counts: Counts) -> int:
        """How many samples come before a run of equal ones that is too long to be true."""
        if len(counts) == 0:
            return 0
        chain = counts if self._last is None else np.vstack((self._last, counts))
        skipped = len(chain) - len(counts)
        self._last = counts[-1:].copy()
        begin = 0  # of the run of equal samples
        run = self._run
        for i, same in enumerate((chain[1:] == chain[:-1]).all(axis=1).tolist(), start=1):
            run = run + 1 if same else 1
            begin = begin if same else i
            if run >= FROZEN_RUN:
                return max(0, begin - skipped)
            if not same and self._suspect:
                self._suspect, self.reason = False, ""
        self._run = run
        return len(counts)

    def _hold(self, counts: Counts, status: FifoStatus, complete: bool) -> None:
        """Take proven samples in; hand them on once their time is known."""
        if len(counts) == 0:
            return
        self._count += len(counts)
        if complete:
            self._times.observe(self._count, status.time_s, status.took_s)
        if self._times.off_nominal and not self._rate_told:
            self._rate_told = True
            self._faults.add("rate")
        faults = self._faults.since(self._reported)
        self._reported = self._faults.snapshot()
        # In 32 bits: the absolute value of -32768 is not an int16.
        clipped = (np.abs(counts.astype(np.int32)) >= self._limits).any(axis=1).sum()
        held = _Held(counts, self._after_gap, int(clipped), faults, self._celsius)
        self._after_gap = False
        self._held.append(held)
        if self._times.settled and self._times.located:
            self._release()

    def _release(self) -> None:
        """Hand on what is held, with its times."""
        for held in self._held:
            self._ready.append(self._batch(held))
        self._held.clear()

    def _batch(self, held: _Held) -> Batch:
        first = self._index
        line = self._times.start(first) if held.after_gap else self._times.line(first)
        began = line.time_s + (first - line.index0) * line.period_s
        lost = began - self._end_s if held.after_gap and first > 0 else 0.0
        batch = Batch(
            seq=self._seq,
            index=first,
            line=line,
            counts=held.counts,
            gap_s=max(0.0, lost),
            clipped=held.clipped,
            faults=held.faults,
            temperature_c=held.temperature_c,
        )
        self._seq += 1
        self._index += len(held.counts)
        self._end_s = line.time_s + (self._index - line.index0) * line.period_s
        return batch
