"""What all virtual chips share: registers, sample timing, a FIFO, power.

A chip does nothing on its own. Each transfer first lets it catch up with the host clock: the
samples due since the last one go into the FIFO under the registers as they were, and only
then is the transfer carried out. No time passes inside a transfer.

Not modelled, for any chip: filters and their delay, noise, start-up transients, interrupt
pins, motion functions, the auxiliary bus.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from gaitpi.hostclock import HostClock
from gaitpi.imu.virtual.source import Floats, SignalSource

Bytes2d = NDArray[np.uint8]
LOOK_AHEAD: Final = 256
"""Samples asked of a source at once; one that reacts to something may want fewer."""


@dataclass(frozen=True, slots=True)
class Registers:
    """A register map: reset values and writable bits; all others are 0 and read-only.

    Registers are numbered bank * 256 + address, addresses below 128; ``select`` is the one that
    all ``banks`` share.
    """

    reset: Mapping[int, int]
    writable: Mapping[int, int]
    banks: int = 1
    select: int | None = None


@dataclass(frozen=True, slots=True)
class FifoPort:
    """Where a FIFO is read: ``register`` its first output register, ``unit`` bytes per entry.

    A burst runs over the ``unit`` registers and back to the first; reading the last of them
    takes the entry out.
    """

    register: int
    unit: int


@dataclass(frozen=True, slots=True)
class _Block:
    """Encoded samples from number ``first``: sample i is ``data[ends[i] : ends[i + 1]]``."""

    first: int
    data: bytes
    ends: list[int]


class VirtualChip(ABC):
    """Base of the virtual chips.

    ``rate_error`` is the true rate's difference from the rate the registers ask for (0.03 =
    3 % fast) and ``rate_drift`` its change per second (1e-6 = 0.36 % an hour). A recording is
    always played at its own rate whatever the registers say: its rate error is what it is,
    and giving another is a ValueError. ``look_ahead`` samples are asked of the source at once.

    Source time 0 is when the chip first samples (``source_start_s``). From then on the source
    runs with the host clock, also while the chip sleeps or has no power.
    """

    port: FifoPort
    reset_s: float
    """Seconds a soft reset takes; writes are lost meanwhile."""
    stays_stopped: bool
    """True when a FIFO that refused entries takes no more until it is cleared."""

    @abstractmethod
    def __init__(
        self,
        source: SignalSource,
        clock: HostClock,
        address: int,
        registers: Registers,
        *,
        rate_error: float,
        rate_drift: float,
        power_on_s: float | None,
        look_ahead: int,
    ) -> None:
        if source.rate_hz is not None and (rate_error or rate_drift):
            raise ValueError("a recording plays at its own rate: no rate_error or rate_drift")
        if rate_error <= -1 or look_ahead < 1:
            raise ValueError("rate_error must be above -1 and look_ahead at least 1")
        self.address = address
        self._source = source
        self._clock = clock
        self._map = registers
        self._rate_error = rate_error
        self._drift = rate_drift
        self._look_ahead = look_ahead
        self._powered_s = clock.monotonic() if power_on_s is None else power_on_s
        self._start: float | None = None
        self._pointer = 0
        self._r = bytearray(256 * registers.banks)
        self._fifo = bytearray()
        self._broken: frozenset[int] = frozenset()
        self._begin()

    # -- what a person or a test does to the chip --

    @property
    def source_start_s(self) -> float:
        """Host time (monotonic, s) of source time 0; NaN before the chip first sampled."""
        return math.nan if self._start is None else self._start

    @property
    def ended(self) -> bool:
        """True when the source has been played out (its last samples may wait in the FIFO)."""
        return (
            self._start is not None
            and self._clock.monotonic() - self._start >= self._source.duration_s
        )

    def answers(self) -> bool:
        """True when the chip has power and acknowledges its address."""
        return self._clock.monotonic() >= self._powered_s

    def power_cycle(self, off_s: float = 0.0) -> None:
        """Power fails for ``off_s`` seconds: no answer meanwhile, then reset values."""
        self._catch_up()
        self._powered_s = self._clock.monotonic() + off_s
        self._begin()

    def break_axis(self, axis: int) -> None:
        """Axis 0 to 5 (ax ay az gx gy gz) moves no more: it reads zero from now on."""
        self._catch_up()
        self._broken |= {axis}
        self._apply()

    # -- the bus side --

    def write(self, data: bytes) -> None:
        """One write transfer: the register, then values at ascending registers."""
        if not data:
            return
        self._catch_up()
        self._pointer = data[0] & 0x7F
        for value in data[1:]:
            self._store(self._register(), value)
            self._pointer = self._after(self._pointer)

    def read(self, n: int) -> bytes:
        """One read transfer of ``n`` bytes from the register written last."""
        self._catch_up()
        out = b""
        while len(out) < n:
            register = self._register()
            if 0 <= register - self.port.register < self.port.unit:
                out += self._read_fifo(n - len(out))
            else:
                out += bytes((self._load(register),))
                self._pointer = self._after(self._pointer)
        return out

    def _register(self) -> int:
        """Number of the register the pointer is at."""
        if self._pointer == self._map.select:
            return self._pointer
        return self._bank() << 8 | self._pointer

    # -- what a family of chips fills in --

    @abstractmethod
    def _odr(self) -> float | None:
        """Sample rate in Hz the registers ask for; None while the chip does not sample."""

    @abstractmethod
    def _fifo_runs(self) -> bool:
        """True when the registers let samples into the FIFO."""

    @abstractmethod
    def _fifo_stops(self) -> bool:
        """True when a full FIFO refuses new entries, False when it drops the oldest."""

    @abstractmethod
    def _depth(self) -> int:
        """Entries the FIFO holds."""

    @abstractmethod
    def _divisors(self) -> Sequence[int]:
        """For each stream into the FIFO, the number of samples from one frame to the next."""

    @abstractmethod
    def _frames(self, slots: NDArray[np.int64], acc: Floats, gyr: Floats) -> list[Bytes2d]:
        """The frames (n, width) of each stream for samples ``slots`` after the FIFO's start."""

    @abstractmethod
    def _data(self, acc: Floats, gyr: Floats) -> bytes:
        """The content of the data registers for one sample, (1, 3) m/s² and rad/s."""

    @abstractmethod
    def _empty_entry(self) -> bytes:
        """What an empty FIFO gives."""

    @abstractmethod
    def _load(self, register: int) -> int:
        """The byte a read of ``register`` gives, with what the read does to the chip."""

    @abstractmethod
    def _command(self, register: int, value: int) -> None:
        """Carry out the self-clearing bits of a write, before its other bits are kept."""

    def _pushed(self) -> tuple[Floats, Floats] | None:
        """What the self-test the registers ask for adds, (3,) m/s² and rad/s; None = it is off."""
        return None

    def _after(self, register: int) -> int:
        """The address after ``register`` in a burst."""
        return (register + 1) & 0x7F

    def _bank(self) -> int:
        """The bank that is selected."""
        return 0

    def _entry(self) -> int:
        """Bytes that a full FIFO drops or refuses together."""
        return self.port.unit

    def _overwrite(self, size: int) -> None:
        """A full FIFO drops its ``size`` oldest bytes."""
        self._drop(size)

    def _now(self) -> float:
        """Host time (monotonic, s) at which the chip is."""
        return self._clock.monotonic()

    # -- registers and power --

    def _begin(self) -> None:
        """Reset values, empty FIFO, nothing measured: power-up, or a soft reset done."""
        registers = range(256 * self._map.banks)
        self._r = bytearray(self._map.reset.get(register, 0) for register in registers)
        self._fifo.clear()
        self._last_entry = bytes(self.port.unit)
        self._held: bytes | None = None
        self._new_data = False
        self._overflowed = False
        self._overwritten = False
        self._stopped = False
        self._reset_until = -math.inf
        self._rate: float | None = None
        self._feeding: tuple[int, ...] = ()
        self._next = self._origin = self._taken = 0
        self._apply()

    def _soft_reset(self) -> None:
        self._begin()
        self._reset_until = self._clock.monotonic() + self.reset_s

    def _resetting(self) -> bool:
        return self._clock.monotonic() < self._reset_until

    def _store(self, register: int, value: int) -> None:
        self._command(register, value)
        if self._resetting():
            return
        mask = self._map.writable.get(register, 0)
        self._r[register] = (self._r[register] & ~mask) | (value & mask)
        self._apply()

    def _apply(self) -> None:
        """Let the registers take effect on the sampling."""
        odr = self._odr()
        rate = odr
        if odr is not None:
            own = self._source.rate_hz
            rate = odr * (1 + self._rate_error) if own is None else own
        if rate != self._rate:
            if rate is None:
                self._held = self._data_now()
            self._rate = rate
            self._next = self._origin = self._first_sample()
        runs = self._rate is not None and self._fifo_runs()
        feeding = tuple(self._divisors()) if runs else ()
        if feeding != self._feeding:
            self._origin = self._next
        self._feeding = feeding
        self._block: _Block | None = None
        self._data_at: tuple[int, bytes] | None = None

    def _first_sample(self) -> int:
        """Number of the next sample after a start of sampling or a change of rate."""
        if self._rate is None:
            return self._next
        if self._start is None:
            self._start = max(self._now(), self._powered_s)
            return 0
        return self._due()

    # -- samples --

    def _due(self) -> int:
        """How many samples of the source are over at the present time."""
        if self._rate is None or self._start is None:
            return self._next
        t = self._now() - self._start
        return math.floor(self._rate * (t + 0.5 * self._drift * t * t)) + 1

    def _catch_up(self) -> None:
        """Take the samples that are due."""
        due = self._due()
        if due <= self._next:
            return
        self._new_data = True
        if self._feeding:
            self._fill(self._next, due)
        self._next = due

    def _signal(self, first: int, n: int) -> tuple[Floats, Floats]:
        """What the chip feels at samples ``first`` … of its own clock, SI."""
        acc, gyr = self._source_at(first, n)
        pushed = self._pushed()
        if pushed is not None:
            acc, gyr = acc + pushed[0], gyr + pushed[1]
        if self._broken:
            felt = np.hstack((acc, gyr))
            felt[:, sorted(self._broken)] = 0.0
            acc, gyr = felt[:, :3], felt[:, 3:]
        return acc, gyr

    def _source_at(self, first: int, n: int) -> tuple[Floats, Floats]:
        """The source at these samples, SI."""
        rate = self._rate
        assert rate is not None
        if not self._drift:
            return self._source.samples(first, n, rate)
        # Sample k is at t with rate (t + drift t²/2) = k. Between the source's samples at the
        # undrifted rate the line is taken.
        k = np.arange(first, first + n) / rate
        at = rate * (np.sqrt(1 + 2 * self._drift * k) - 1) / self._drift
        low = math.floor(at[0])
        size = math.floor(at[-1]) - low + 2
        x = at - low
        grid = np.arange(size)
        acc, gyr = (
            np.stack([np.interp(x, grid, v[:, axis]) for axis in range(3)], axis=1)
            for v in self._source.samples(low, size, rate)
        )
        return acc, gyr

    def _data_now(self) -> bytes | None:
        """Data registers: of the last sample, held while not sampling; None = never measured."""
        if self._rate is None or self._next == 0:
            return self._held
        if self._data_at is None or self._data_at[0] != self._next:
            self._data_at = self._next, self._data(*self._signal(self._next - 1, 1))
        return self._data_at[1]

    def _temperature_c(self, slots: NDArray[np.int64] | None = None) -> Floats:
        """Die temperature, °C: from 22 °C in the room to 30 °C in an hour or so of running.

        (n,) for ``slots``, else (1,) for the last sample.
        """
        rate = self._rate or 1.0
        k = np.array([self._next - 1]) if slots is None else self._origin + slots
        warmed: Floats = 30.0 - 8.0 * np.exp(-k / rate / 1200.0)
        return warmed

    # -- FIFO --

    def _count(self) -> int:
        """Entries in the FIFO."""
        return len(self._fifo) // self.port.unit

    def _fill(self, first: int, due: int) -> None:
        """Write the frames of samples ``first`` … ``due - 1`` and keep to the depth."""
        stops = self._fifo_stops()
        if stops and self._stopped:
            return
        # After a long silence only what can still be in the FIFO is made: every ``cycle``
        # samples bring an entry or more. Whole cycles are left out, so phases stay right.
        cycle = math.lcm(*self._feeding)
        enough = (self._depth() + 2) * cycle
        if stops:
            due = min(due, first + enough)
        else:
            first += max(0, due - first - enough) // cycle * cycle
        while first < due:
            block = self._block_at(first)
            at = first - block.first
            n = min(due - first, len(block.ends) - 1 - at)
            self._fifo += block.data[block.ends[at] : block.ends[at + n]]
            first += n
        excess = len(self._fifo) - self._depth() * self.port.unit
        if excess > 0:
            excess = -(-excess // self._entry()) * self._entry()
            self._overflowed = self._overwritten = True
            if stops:
                del self._fifo[-excess:]
                self._stopped = self.stays_stopped
            else:
                self._overwrite(excess)

    def _block_at(self, first: int) -> _Block:
        block = self._block
        if block is None or not block.first <= first < block.first + len(block.ends) - 1:
            block = self._block = self._encode(first, self._look_ahead)
        return block

    def _encode(self, first: int, n: int) -> _Block:
        """Frames of ``n`` samples, streams interleaved in the order of ``_divisors``."""
        slots = np.arange(first - self._origin, first - self._origin + n)
        frames = np.stack(self._frames(slots, *self._signal(first, n)), axis=1)
        kept = np.stack([slots % divisor == 0 for divisor in self._feeding], axis=1)
        ends = np.concatenate(([0], np.cumsum(kept.sum(axis=1)))) * frames.shape[2]
        return _Block(first, frames[kept].tobytes(), ends.tolist())

    def _clear_fifo(self) -> None:
        self._fifo.clear()
        self._stopped = self._overwritten = False
        self._taken = 0

    def _drop(self, size: int) -> None:
        """Take ``size`` bytes (whole entries) off the old end of the FIFO."""
        del self._fifo[:size]
        self._taken += size // self.port.unit

    def _read_fifo(self, n: int) -> bytes:
        """``n`` bytes of a burst from a FIFO output register."""
        unit = self.port.unit
        offset = self._pointer - self.port.register
        stop = offset + n
        out = bytes(self._fifo[:stop])
        taken = min(stop, len(self._fifo)) // unit * unit
        if taken:
            self._last_entry = out[taken - unit : taken]
            self._drop(taken)
            self._overwritten = False
        if len(out) < stop:
            out += self._empty_entry() * (n // unit + 2)
        self._pointer = self.port.register + stop % unit
        return out[offset:stop]


def to_counts(si: Floats, per_count: float) -> NDArray[np.int16]:
    """SI values (n, 3) as counts: rounded half to even, held at the ends of int16."""
    return np.clip(np.rint(si / per_count), -32768, 32767).astype(np.int16)


class Make(Protocol):
    """Makes a virtual part at its usual address; options as :class:`VirtualChip`'s."""

    def __call__(
        self,
        source: SignalSource,
        clock: HostClock,
        *,
        address: int = ...,
        rate_error: float = 0.0,
        rate_drift: float = 0.0,
        power_on_s: float | None = None,
        look_ahead: int = LOOK_AHEAD,
    ) -> VirtualChip:
        """A part that feels ``source`` on the host's ``clock``."""


@dataclass(frozen=True, slots=True)
class Twin:
    """A virtual part: what a family's folder offers in ``TWINS``.

    ``name``: the :class:`gaitpi.imu.chip.Chip` it stands for; ``part`` as the maker writes it;
    ``address`` the one ``make`` gives it. ``linux``: the I2C device name under which Linux's
    own IIO driver binds (as of 6.12), None where mainline has no driver; ``linux_needs_irq``
    True when that driver refuses a part without an interrupt line.
    """

    name: str
    part: str
    who_am_i: int
    address: int
    linux: str | None
    linux_needs_irq: bool
    make: Make
