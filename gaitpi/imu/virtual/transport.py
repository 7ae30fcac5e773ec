"""The virtual bus: a transport whose devices are virtual chips."""

import errno
import os
from collections.abc import Sequence

from gaitpi.imu.virtual.chip import VirtualChip


class VirtualTransport:
    """An I2C adapter with virtual chips on it (a :class:`gaitpi.imu.transport.Transport`).

    Chips at the same address are refused (ValueError). Nobody at an address, a chip that is
    unplugged or has no power, and a closed adapter raise OSError with the errno of a Pi's kernel:
    EREMOTEIO (no acknowledge), EBADF (closed).
    """

    name = "virtual"

    def __init__(self, chips: Sequence[VirtualChip]) -> None:
        self._chips = {chip.address: chip for chip in chips}
        if len(self._chips) != len(chips):
            raise ValueError("two virtual chips at one address")
        self._unplugged: set[int] = set()
        self._closed = False

    def write_read(self, address: int, out: bytes, n: int) -> bytes:
        """Write ``out``, repeated start, read ``n`` bytes."""
        chip = self._chip(address)
        chip.write(out)
        return chip.read(n)

    def write(self, address: int, out: bytes) -> None:
        """Write ``out``: the register, then values."""
        self._chip(address).write(out)

    def close(self) -> None:
        """Release the adapter."""
        self._closed = True

    def unplug(self, address: int) -> None:
        """A wire comes off: the chip no longer answers. It keeps its power and its clock."""
        self._unplugged.add(address)

    def replug(self, address: int) -> None:
        """The wire is back."""
        self._unplugged.discard(address)

    def _chip(self, address: int) -> VirtualChip:
        if self._closed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        chip = self._chips.get(address)
        if chip is None or address in self._unplugged or not chip.answers():
            raise OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))
        return chip
