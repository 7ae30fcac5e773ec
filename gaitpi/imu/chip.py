"""What the reader needs to know of a chip, as data.

A family of chips is one folder in ``chips/`` that fills a :class:`Chip` for each kind. Its register
table is used twice: it configures the chip, and it is what the chip is
checked against while it runs. Nothing here keeps state.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gaitpi.hostclock import HostClock
from gaitpi.imu.batch import Counts, Floats
from gaitpi.imu.bus import Banks, I2CBus
from gaitpi.imu.transport import Transport

if TYPE_CHECKING:
    from gaitpi.imu.selftest import SelfTest

CHUNK_BYTES: Final = 252
"""Longest FIFO transfer: 6 ms at 400 kHz, 23 ms at the Pi's default of 100 kHz (9 clocks a
byte), far enough from the 50 ms at which the adapter gives up. Many frame sizes divide it."""

INT16_LIMIT: Final = 32734
"""99.9 % of the largest count: no limit for clipping may lie above what the chip can say."""

ByteOrder = Literal["big", "little"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One register of the table.

    The bits of ``mask`` must be ``value``; others are left as found. ``wait_s`` follows the
    write. ``critical``: a wrong value changes the scale, the rate or the layout of the data, so
    it is checked with every batch; the others take turns, but for those not ``checked`` (a
    command, for instance). Not ``written``: only read, as a status that must be so.
    ``register`` is bank * 256 + address where the chip has banks.
    """

    register: int
    value: int
    name: str
    mask: int = 0xFF
    wait_s: float = 0.0
    critical: bool = False
    checked: bool = True
    written: bool = True

    def write(self, bus: I2CBus) -> None:
        """Bring the register to its value. Raises BusFault."""
        if not self.written:
            bus.read(self.register)
            return
        value = self.value
        if self.mask != 0xFF:
            value |= bus.read(self.register)[0] & ~self.mask & 0xFF
        bus.write(self.register, bytes((value,)))

    def fault(self, found: int) -> str:
        """What is wrong with the value ``found``, in words; empty when nothing is."""
        if (found ^ self.value) & self.mask == 0:
            return ""
        return (
            f"register {self.name} (0x{self.register:02X}) reads 0x{found:02X}, "
            f"not 0x{self.value:02X}"
        )


Table = tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A number in the registers: ``size`` bytes at ``register``, the bits of ``mask``."""

    register: int
    mask: int
    size: int = 1
    order: ByteOrder = "little"


class FifoStatus(NamedTuple):
    """How much lies in the FIFO.

    ``level`` in units (frames or words); ``whole`` False when the bytes are no whole number
    of units, which a level with one bit that reads wrong never is where it counts smaller
    things; ``aligned`` False when the chip itself says that the next byte does not begin a
    frame; ``time_s``, ``took_s``: host time in the middle of the level's query, its length, s.
    """

    level: int
    whole: bool
    overflow: bool
    aligned: bool
    time_s: float
    took_s: float


class Decoded(NamedTuple):
    """``counts`` (n, 6) int16 ax ay az gx gy gz; ``temperature`` (k,) raw counts, k ≥ 0.

    ``used`` bytes belong to whole samples, the rest waits for more; ``aligned`` False when
    the bytes cannot be what the chip wrote.
    """

    counts: Counts
    temperature: NDArray[np.int16]
    used: int
    aligned: bool


class Layout(Protocol):
    """How samples lie in a FIFO."""

    @property
    def unit_bytes(self) -> int:
        """Size of what the FIFO is read in: a frame or a tagged word."""

    def decode(self, raw: bytes) -> Decoded:
        """Samples out of whole units."""


@dataclass(frozen=True, slots=True)
class Frames:
    """Untagged frames of 16-bit words; ``columns`` where ax ay az gx gy gz stand in a frame."""

    words: int
    order: ByteOrder
    columns: tuple[int, int, int, int, int, int]
    temperature: int | None = None

    @property
    def unit_bytes(self) -> int:
        """Bytes of a frame."""
        return 2 * self.words

    def decode(self, raw: bytes) -> Decoded:
        """Samples out of whole frames."""
        kind = ">i2" if self.order == "big" else "<i2"
        frames = np.frombuffer(raw, dtype=kind).reshape(-1, self.words).astype(np.int16)
        temperature = [] if self.temperature is None else [self.temperature]
        counts = np.ascontiguousarray(frames[:, list(self.columns)])
        return Decoded(counts, frames[:, temperature].ravel(), len(raw), True)


@dataclass(frozen=True, slots=True)
class HeadedFrames:
    """Frames of ``size`` bytes: a header byte that tells what follows, and six 16-bit words.

    The bits of ``header_mask`` are ``header`` in every whole frame. ``columns``: where ax ay az
    gx gy gz stand among the words; ``temperature``: offset of an 8-bit temperature in the frame;
    ``invalid``: the count the chip writes where it has not measured.
    """

    size: int
    header: int
    header_mask: int
    order: ByteOrder
    columns: tuple[int, int, int, int, int, int]
    temperature: int | None = None
    invalid: int | None = None

    @property
    def unit_bytes(self) -> int:
        """Bytes of a frame."""
        return self.size

    def decode(self, raw: bytes) -> Decoded:
        """Samples out of whole frames, up to the first that cannot be one."""
        frames = np.frombuffer(raw, dtype=np.uint8).reshape(-1, self.size)
        kind = ">i2" if self.order == "big" else "<i2"
        words = np.ascontiguousarray(frames[:, 1:13]).view(kind).astype(np.int16)
        counts = np.ascontiguousarray(words[:, list(self.columns)])
        sound = frames[:, 0] & self.header_mask == self.header
        if self.invalid is not None:
            sound &= (counts != self.invalid).all(axis=1)
        n = len(sound) if sound.all() else int(sound.argmin())
        hot = [] if self.temperature is None else [self.temperature]
        temperature = frames[:n, hot].ravel().view(np.int8).astype(np.int16)
        return Decoded(counts[:n], temperature, n * self.size, n == len(sound))


@dataclass(frozen=True, slots=True)
class TaggedWords:
    """Words of a tag byte (sensor in bits 7-3, time slot in bits 2-1) and three values.

    A sample is an acceleration and an angular rate of the same time slot, in either order.
    """

    acc_tag: int
    gyr_tag: int
    temperature_tag: int

    @property
    def unit_bytes(self) -> int:
        """Bytes of a word."""
        return 7

    def decode(self, raw: bytes) -> Decoded:
        """Samples out of whole words; half a sample at the end stays unused."""
        words = np.frombuffer(raw, dtype=np.uint8).reshape(-1, 7)
        values = np.ascontiguousarray(words[:, 1:]).view("<i2").astype(np.int16)
        tags, slots = words[:, 0] >> 3, (words[:, 0] >> 1) & 3
        half: dict[int, int] = {}
        rows: list[tuple[int, int]] = []
        hot: list[int] = []
        used, aligned = 0, True
        for i, (tag, slot) in enumerate(zip(tags.tolist(), slots.tolist(), strict=True)):
            if tag == self.temperature_tag:
                hot.append(i)
            elif tag in (self.acc_tag, self.gyr_tag):
                # A second half of another slot, or twice the same half: words are missing.
                if tag in half or (half and slots[next(iter(half.values()))] != slot):
                    aligned = False
                    break
                half[tag] = i
            else:
                aligned = False
                break
            if len(half) == 2:
                rows.append((half[self.acc_tag], half[self.gyr_tag]))
                half.clear()
            if not half:
                used = 7 * (i + 1)
        pairs = np.array(rows, dtype=np.intp).reshape(-1, 2)
        counts = np.hstack((values[pairs[:, 0]], values[pairs[:, 1]]))
        kept = [i for i in hot if 7 * i < used]
        return Decoded(counts, values[kept, 0], used, aligned)


@dataclass(frozen=True, slots=True)
class Fifo:
    """The FIFO's registers.

    ``level`` counts in ``level_bytes``; ``size_bytes`` full; ``overflow`` any bit of it set means
    that samples were lost; ``pattern``, where the chip has one, is 0 when the next word begins a
    frame; ``flush`` empties it and lets it fill again, after which the first ``doubtful`` samples
    are to be thrown away.
    """

    data: int
    level: Field
    level_bytes: int
    size_bytes: int
    overflow: Field
    flush: Table
    layout: Layout
    pattern: Field | None = None
    doubtful: int = 0

    def status(self, bus: I2CBus) -> FifoStatus:
        """How much is there. Raises BusFault."""
        # The flag before the level: what overflows in between shows as a full level.
        shared = self._same_registers()
        flags = 0 if shared else _read(bus, self.overflow)
        before = bus.clock.monotonic()
        number = _read(bus, self.level)
        after = bus.clock.monotonic()
        if shared:
            flags = number
        aligned = self.pattern is None or _read(bus, self.pattern) & self.pattern.mask == 0
        size = (number & self.level.mask) * self.level_bytes
        level, rest = divmod(size, self.layout.unit_bytes)
        overflow = bool(flags & self.overflow.mask) or size >= self.size_bytes
        return FifoStatus(level, rest == 0, overflow, aligned, (before + after) / 2, after - before)

    def _same_registers(self) -> bool:
        ours, theirs = self.level, self.overflow
        return (ours.register, ours.size) == (theirs.register, theirs.size)

    @property
    def chunk_units(self) -> int:
        """Units in one transfer."""
        return CHUNK_BYTES // self.layout.unit_bytes


def _read(bus: I2CBus, spot: Field) -> int:
    return int.from_bytes(bus.read(spot.register, spot.size), spot.order)


@dataclass(frozen=True, slots=True)
class Chip:
    """A chip family.

    ``tested`` and ``tolerated``: WHO_AM_I values with the name of the part; tolerated ones are
    clones and relabelled parts that answer to the same registers, flagged in every run.
    ``table(rate_hz)`` gives the settings for one of ``rates_hz``, in the order of writing.
    Scales in m/s² and rad/s per count, ranges in m/s² and rad/s; temperature in °C is
    ``zero_c + raw / counts_per_c``. ``temperature``: a register to read where the FIFO has none.
    ``self_test``: how the chip tests itself, where that is known.
    ``home`` selects the first page of registers, where WHO_AM_I and the reset are, on parts that
    have several; it works from any page and its value is 0 under its mask. ``banks`` where
    settings lie in other pages too: then registers are numbered bank * 256 + address.
    """

    name: str
    addresses: tuple[int, ...]
    who_am_i: int
    tested: Mapping[int, str]
    tolerated: Mapping[int, str]
    reset: Setting
    rates_hz: tuple[float, ...]
    table: Callable[[float], Table]
    fifo: Fifo
    acc_scale: float
    gyr_scale: float
    acc_range: float
    gyr_range: float
    zero_c: float
    counts_per_c: float
    temperature: Field | None = field(default=None)
    self_test: "SelfTest | None" = None
    home: Table = ()
    banks: Banks | None = None

    def bus(self, transport: Transport, address: int, clock: HostClock) -> I2CBus:
        """The registers of such a chip at ``address``."""
        return I2CBus(transport, address, clock, self.banks)

    def rate(self, wanted_hz: float) -> float:
        """The output data rate nearest to the wanted one, Hz."""
        return min(self.rates_hz, key=lambda rate: abs(rate - wanted_hz))

    def identity(self, who_am_i: int) -> str:
        """What an id is worth: tested, tolerated or unknown."""
        if who_am_i in self.tested:
            return "tested"
        return "tolerated" if who_am_i in self.tolerated else "unknown"

    def part(self, who_am_i: int) -> str:
        """Name of the part behind an id; the family's where it is not known."""
        return self.tested.get(who_am_i) or self.tolerated.get(who_am_i) or self.name

    def clip_limits(self) -> NDArray[np.int32]:
        """Smallest counts (6,) that are at 99.9 % of the range or beyond."""
        acc = min(0.999 * self.acc_range / self.acc_scale, INT16_LIMIT)
        gyr = min(0.999 * self.gyr_range / self.gyr_scale, INT16_LIMIT)
        return np.ceil([acc] * 3 + [gyr] * 3).astype(np.int32)

    def celsius(self, raw: NDArray[np.int16]) -> Floats:
        """Temperatures in °C for raw counts."""
        return self.zero_c + raw.astype(np.float64) / self.counts_per_c

    def astray(self, bus: I2CBus) -> bool:
        """Whether another page of registers is selected than the first. Raises BusFault.

        Only reads, so that a stranger may be asked: True where a selector's bits are set and
        all others are clear.
        """
        return any(
            found & setting.mask and not found & ~setting.mask
            for setting in self.home
            for found in bus.read(setting.register)
        )

    def go_home(self, bus: I2CBus) -> None:
        """Select the first page of registers. Raises BusFault."""
        for setting in self.home:
            setting.write(bus)

    def read_celsius(self, bus: I2CBus) -> float:
        """Temperature from its register, °C; NaN where there is none. Raises BusFault."""
        if self.temperature is None:
            return float("nan")
        raw = np.array([_read(bus, self.temperature)], dtype=np.uint16).view(np.int16)
        return float(self.celsius(raw)[0])


def blocks(table: Table) -> list[Table]:
    """Settings in runs of neighbouring registers, each run one read."""
    out: list[list[Setting]] = []
    for setting in sorted(table, key=lambda s: s.register):
        if out and setting.register == out[-1][-1].register + 1:
            out[-1].append(setting)
        else:
            out.append([setting])
    return [tuple(run) for run in out]


def first_fault(bus: I2CBus, run: Table) -> str:
    """What is wrong in a run of neighbouring registers, in words; empty when all is right.

    A wrong value is read a second time: a bit lost on the wire is no reason to reset a chip
    that measures well. Raises BusFault.
    """
    fault = _fault(bus, run)
    return fault and _fault(bus, run)


def _fault(bus: I2CBus, run: Table) -> str:
    found = bus.read(run[0].register, len(run))
    return next((f for s, v in zip(run, found, strict=True) if (f := s.fault(v))), "")
