"""A virtio I2C adapter (device 34): the guest's ``/dev/i2c-1``, with virtual chips on it.

Virtio 1.2 section 5.16. A request is one message of a transfer: the address, what is written or
room for what is read, and a byte of status.
"""

import selectors
import struct
from pathlib import Path
from typing import Final

from gaitpi.imu.transport import Transport
from tests.hil.vhost import Queue, Request, VhostDevice

DEVICE: Final = 34
_FAIL_NEXT: Final = 1
_READ: Final = 2
_OK, _FAILED = b"\x00", b"\x01"


class I2CAdapter(VhostDevice):
    """An adapter whose bus is a :class:`gaitpi.imu.transport.Transport`."""

    features = 1  # requests without data (a scan of the bus); Linux insists on it

    def __init__(self, path: Path, selector: selectors.BaseSelector, bus: Transport) -> None:
        super().__init__(path, selector)
        self.bus = bus
        self.transfers = 0
        self._written: bytes | None = None
        """A message that was written while its transfer goes on."""

    def process(self, number: int, queue: Queue) -> None:
        """Carry out what was asked, in the order of asking."""
        failed = False
        answered = False
        while (request := self.pop(queue)) is not None:
            address, _, flags = struct.unpack("<HHI", self.read(request.buffers[:1]))
            data = None if failed else self._message(address >> 1, flags, request)
            if data:
                self.write(request.writable[:-1], data)
            # a message that failed takes those of its transfer with it
            failed = data is None and bool(flags & _FAIL_NEXT)
            self.write(request.writable[-1:], _FAILED if data is None else _OK)
            self.push(queue, request, 1 + len(data or b""))
            answered = True
            self.transfers += 1
        if answered:
            self.notify(queue)

    def _message(self, address: int, flags: int, request: Request) -> bytes | None:
        """One message; the bytes read, None when nobody acknowledged."""
        before, self._written = self._written, None
        try:
            if flags & _READ:
                size = sum(b.size for b in request.writable[:-1])
                return self.bus.write_read(address, before or b"", size)
            if before is not None:
                self.bus.write(address, before)
            out = self.read(request.readable[1:])
            if flags & _FAIL_NEXT:
                # a repeated start follows: on the bus it is one transfer with what comes next
                self._written = out
            else:
                self.bus.write(address, out)
        except OSError:
            return None
        return b""

    def gone(self) -> None:
        """The kernel has gone."""
        self._written = None
