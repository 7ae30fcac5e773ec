"""One device on an I2C bus: bounded, retried, every fault counted by name."""

import errno
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from gaitpi.hostclock import HostClock
from gaitpi.imu.transport import Transport

RETRIES: Final = 2
RETRY_WITHIN_S: Final = 0.010
"""A retry starts only this early in a call: with an adapter timeout of 50 ms, 60 ms in all."""

# A Pi gives EREMOTEIO for a missing acknowledge, other adapters ENXIO or EIO. They are
# treated alike; the names only help whoever looks for the loose wire.
_NAMES: Final = {
    errno.EREMOTEIO: "nack",
    errno.ENXIO: "nack",
    errno.EIO: "io",
    errno.ETIMEDOUT: "timeout",
    errno.EAGAIN: "arbitration",
    errno.EBUSY: "busy",
    errno.ENODEV: "gone",
}

UNTOUCHED: Final = ("nack", "busy")
"""Faults of a read after which nothing has left the device: it was not even begun. EIO tells no
such thing: a Pi's adapter gives it when fewer bytes came than were asked for."""


class FaultCounters:
    """Counts of faults by name since the start; they only grow."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, name: str) -> None:
        """One more fault called ``name``."""
        self._counts[name] += 1

    def snapshot(self) -> dict[str, int]:
        """The counts now, by name."""
        return dict(self._counts)

    def since(self, earlier: Mapping[str, int]) -> dict[str, int]:
        """What came on top of an earlier snapshot; names without news are left out."""
        return {k: v - earlier.get(k, 0) for k, v in self._counts.items() if v > earlier.get(k, 0)}

    @property
    def total(self) -> int:
        """All faults."""
        return self._counts.total()


class BusFault(OSError):  # noqa: N818 (faults are counted, not errors)
    """A transfer that failed in spite of the retries. ``fault`` is the name of the last fault."""

    def __init__(self, error: OSError, fault: str, what: str) -> None:
        super().__init__(error.errno or errno.EIO, f"{fault} at {what}")
        self.fault = fault


class Banks(NamedTuple):
    """Registers in banks: they are numbered bank * 256 + address.

    The register ``select``, at the same address in all banks, takes the bank, ``shift`` bits up.
    """

    select: int
    shift: int


class I2CBus:
    """Registers of the device at ``address`` behind ``transport``.

    With ``banks`` the bank of a register is selected where it is not the last one used.

    A failed transfer is repeated at most twice. A timeout is not: it has already cost 50 ms,
    and a bus that is held low does not come free by asking again. No call takes longer than
    60 ms on an adapter with a timeout of 50 ms.
    """

    def __init__(
        self, transport: Transport, address: int, clock: HostClock, banks: Banks | None = None
    ) -> None:
        self.transport = transport
        self.address = address
        self.clock = clock
        self.faults = FaultCounters()
        self._banks = banks
        self._bank: int | None = None  # the one selected; None = not known

    def rest(self) -> None:
        """Go back to bank 0 if the last register was in another. Raises BusFault."""
        if self._banks is not None:
            self._enter(0)

    def read(self, register: int, n: int = 1, *, takes: bool = False) -> bytes:
        """``n`` bytes from ``register`` on. Raises BusFault.

        ``takes``: what is read is gone from the device, as from a FIFO. Then it is repeated only
        where nothing can have left it.
        """
        self._enter(register >> 8)

        def transfer() -> bytes:
            data = self.transport.write_read(self.address, bytes((register & 0xFF,)), n)
            if len(data) != n:
                raise OSError(errno.EIO, f"{len(data)} bytes came, not {n}")
            return data

        return self._attempt(transfer, f"0x{self.address:02X} reading 0x{register:02X}", takes)

    def write(self, register: int, data: bytes) -> None:
        """Write ``data`` from ``register`` on. Raises BusFault."""
        self._enter(register >> 8)
        self._write(register & 0xFF, data)

    def _enter(self, bank: int) -> None:
        """Select ``bank``; nothing to do for a chip without banks. Raises BusFault."""
        if self._banks is None:
            if bank:
                raise ValueError(f"bank {bank} of a chip without banks")
        elif bank != self._bank:
            self._bank = None  # the write may have worked although it seems to have failed
            self._write(self._banks.select, bytes((bank << self._banks.shift,)))
            self._bank = bank

    def _write(self, register: int, data: bytes) -> None:
        out = bytes((register,)) + data

        def transfer() -> bytes:
            self.transport.write(self.address, out)
            return b""

        self._attempt(transfer, f"0x{self.address:02X} writing 0x{register:02X}")

    def _attempt(self, transfer: Callable[[], bytes], what: str, takes: bool = False) -> bytes:
        started = self.clock.monotonic()
        retries = 0
        while True:
            try:
                return transfer()
            except OSError as error:
                name = fault_name(error)
                self.faults.add(name)
                late = self.clock.monotonic() - started > RETRY_WITHIN_S
                hopeless = name not in UNTOUCHED if takes else name == "timeout"
                if hopeless or late or retries == RETRIES:
                    raise BusFault(error, name, what) from error
            retries += 1


def fault_name(error: OSError) -> str:
    """The short name a bus error is counted under."""
    code = error.errno or 0
    return _NAMES.get(code) or errno.errorcode.get(code, "other").lower()
