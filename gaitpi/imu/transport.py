"""The thinnest cut through an I2C bus: what a kernel adapter or a virtual chip offers.

A transport only moves bytes and raises ``OSError`` with the errno the kernel gives
(EREMOTEIO 121 or EIO 5 for no acknowledge, ETIMEDOUT 110 for a stall). Retries, counters
and words belong to :class:`gaitpi.imu.bus.I2CBus`, which is the same code on every
transport; fault injectors wrap a transport.
"""

from typing import Protocol


class Transport(Protocol):
    """Raw I2C transfers to a 7-bit address."""

    name: str
    """For messages and the run file, e.g. ``/dev/i2c-1`` or ``virtual``."""

    def write_read(self, address: int, out: bytes, n: int) -> bytes:
        """Write ``out``, repeated start, read ``n`` bytes (any length). Raises OSError."""

    def write(self, address: int, out: bytes) -> None:
        """Write ``out`` (register, then values). Raises OSError."""

    def close(self) -> None:
        """Release the adapter; calling it again does nothing."""
