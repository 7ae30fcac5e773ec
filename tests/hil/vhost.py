"""The outer half of a virtio device: what a guest's kernel drives, living in an ordinary process.

Protocols: the vhost-user specification (QEMU's documentation, "Vhost-user Protocol") for the
socket, virtio 1.2 section 2.7 for the split queues. Only what a User Mode Linux guest uses.
"""

import abc
import array
import mmap
import os
import selectors
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_VERSION_1: Final = 1 << 32
_PROTOCOL_FEATURES: Final = 1 << 30
_INDIRECT: Final = 1 << 28

_P_MQ: Final = 1 << 0
_P_REPLY_ACK: Final = 1 << 3
# UML takes an interrupt for the device only when this is offered, though it is never used.
_P_BACKEND_REQ: Final = 1 << 5
_P_CONFIG: Final = 1 << 9

_GET_FEATURES: Final = 1
_SET_MEM_TABLE: Final = 5
_SET_VRING_NUM: Final = 8
_SET_VRING_ADDR: Final = 9
_SET_VRING_BASE: Final = 10
_GET_VRING_BASE: Final = 11
_SET_VRING_KICK: Final = 12
_SET_VRING_CALL: Final = 13
_SET_VRING_ERR: Final = 14
_GET_PROTOCOL_FEATURES: Final = 15
_GET_QUEUE_NUM: Final = 17
_SET_BACKEND_REQ_FD: Final = 21
_GET_CONFIG: Final = 24

_VERSION_FLAG: Final = 0x1
_REPLY_FLAG: Final = 0x4
_NEED_REPLY_FLAG: Final = 0x8

_DESC_NEXT: Final = 1
_DESC_WRITE: Final = 2
_DESC_INDIRECT: Final = 4
_NO_FD: Final = 0x100


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of the guest's memory: its address there, in the kernel process, and here."""

    guest: int
    user: int
    size: int
    memory: mmap.mmap
    offset: int


@dataclass(frozen=True, slots=True)
class Buffer:
    """A piece of a request: ``writable`` by the device, else to be read."""

    address: int
    size: int
    writable: bool


@dataclass(slots=True)
class Queue:
    """One virtqueue, as the kernel has set it up so far."""

    size: int = 0
    next: int = 0
    descriptors: int = 0
    available: int = 0
    used: int = 0
    kick: int | None = None
    call: int | None = None

    @property
    def ready(self) -> bool:
        """Whether it can be used."""
        return bool(self.size and self.available)


@dataclass(frozen=True, slots=True)
class Request:
    """A request of the kernel's driver."""

    head: int
    buffers: tuple[Buffer, ...]

    @property
    def readable(self) -> tuple[Buffer, ...]:
        """What the driver says."""
        return tuple(b for b in self.buffers if not b.writable)

    @property
    def writable(self) -> tuple[Buffer, ...]:
        """Where it wants its answer."""
        return tuple(b for b in self.buffers if b.writable)


@dataclass(slots=True)
class _Wires:
    """File descriptors that came with a message."""

    fds: list[int] = field(default_factory=list)

    def first(self) -> int | None:
        return self.fds[0] if self.fds else None


class VhostDevice(abc.ABC):
    """A device on a Unix socket, driven by a selector: no thread of its own.

    A kernel that goes away (power off, power cut) leaves the device waiting for the next one.
    Subclasses fill in :meth:`process`.
    """

    features = 0
    queues = 1
    config = b""

    def __init__(self, path: Path, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._kernel: socket.socket | None = None
        self._regions: list[Region] = []
        self._queues: dict[int, Queue] = {}
        self._spare: list[int] = []
        self._watch(self._listener.fileno(), self._accept)

    @abc.abstractmethod
    def process(self, number: int, queue: Queue) -> None:
        """Take the requests of queue ``number`` (:meth:`pop`) and answer them (:meth:`push`)."""

    def gone(self) -> None:  # noqa: B027 - most devices keep nothing
        """The kernel has gone."""

    # -- the socket --

    def _watch(self, fd: int, ready: Callable[[], None]) -> None:
        self._selector.register(fd, selectors.EVENT_READ, ready)

    def _accept(self) -> None:
        kernel, _ = self._listener.accept()
        if self._kernel is not None:
            self._hang_up()
        self._kernel = kernel
        self._watch(kernel.fileno(), self._hear)

    def _hang_up(self) -> None:
        kernel, self._kernel = self._kernel, None
        if kernel is None:
            return
        self._selector.unregister(kernel.fileno())
        kernel.close()
        for queue in self._queues.values():
            self._stop(queue)
            if queue.call is not None:
                os.close(queue.call)
        self._queues.clear()
        for fd in self._spare:
            os.close(fd)
        self._spare.clear()
        for region in self._regions:
            region.memory.close()
        self._regions = []
        self.gone()

    def _stop(self, queue: Queue) -> None:
        if queue.kick is not None:
            self._selector.unregister(queue.kick)
            os.close(queue.kick)
            queue.kick = None

    def _hear(self) -> None:
        try:
            header, wires = self._receive(12)
            number, flags, size = struct.unpack("<III", header)
            payload, more = self._receive(size)
            wires.fds += more.fds
            reply = self._obey(number, payload, wires)
            if reply is None and flags & _NEED_REPLY_FLAG:
                reply = struct.pack("<Q", 0)
            if reply is not None and self._kernel is not None:
                head = struct.pack("<III", number, _VERSION_FLAG | _REPLY_FLAG, len(reply))
                self._kernel.sendall(head + reply)
        except (ConnectionError, EOFError):
            self._hang_up()

    def _receive(self, n: int) -> tuple[bytes, _Wires]:
        data, wires = b"", _Wires()
        assert self._kernel is not None
        while len(data) < n:
            part, ancillary, _, _ = self._kernel.recvmsg(n - len(data), socket.CMSG_SPACE(8 * 4))
            if not part:
                raise EOFError
            data += part
            for level, kind, raw in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds = array.array("i")
                    fds.frombytes(raw[: len(raw) // fds.itemsize * fds.itemsize])
                    wires.fds += list(fds)
        return data, wires

    def _obey(self, number: int, payload: bytes, wires: _Wires) -> bytes | None:
        """Carry out a message; the answer where the protocol has one."""
        if number == _GET_FEATURES:
            mine = _VERSION_1 | _PROTOCOL_FEATURES | _INDIRECT | self.features
            return struct.pack("<Q", mine)
        if number == _GET_PROTOCOL_FEATURES:
            config = _P_CONFIG if self.config else 0
            return struct.pack("<Q", _P_MQ | _P_REPLY_ACK | _P_BACKEND_REQ | config)
        if number == _GET_QUEUE_NUM:
            return struct.pack("<Q", self.queues)
        if number == _GET_CONFIG:
            offset, size, flags = struct.unpack_from("<III", payload)
            wanted = self.config[offset : offset + size].ljust(size, b"\0")
            return struct.pack("<III", offset, size, flags) + wanted
        if number == _SET_MEM_TABLE:
            self._map(payload, wires)
        elif number == _SET_VRING_NUM:
            index, self_size = struct.unpack("<II", payload)
            self._queue(index).size = self_size
        elif number == _SET_VRING_ADDR:
            index, _, descriptors, used, available, _ = struct.unpack("<IIQQQQ", payload)
            queue = self._queue(index)
            queue.descriptors = self._from_user(descriptors)
            queue.used, queue.available = self._from_user(used), self._from_user(available)
        elif number == _SET_VRING_BASE:
            index, base = struct.unpack("<II", payload)
            self._queue(index).next = base
        elif number == _GET_VRING_BASE:
            index, _ = struct.unpack("<II", payload)
            self._stop(self._queue(index))
            return struct.pack("<II", index, self._queue(index).next)
        elif number in (_SET_VRING_KICK, _SET_VRING_CALL, _SET_VRING_ERR):
            self._wire(number, struct.unpack("<Q", payload)[0], wires.first())
        elif number == _SET_BACKEND_REQ_FD:
            self._spare += wires.fds  # nothing is said on it, but closed it means "gone"
        return None

    def _wire(self, number: int, value: int, fd: int | None) -> None:
        index, queue = value & 0xFF, self._queue(value & 0xFF)
        if value & _NO_FD:
            fd = None
        if number == _SET_VRING_KICK:
            self._stop(queue)
            queue.kick = fd
            if fd is not None:
                self._watch(fd, lambda: self._kicked(index))
        elif number == _SET_VRING_CALL:
            if queue.call is not None:
                os.close(queue.call)
            queue.call = fd
        elif fd is not None:
            os.close(fd)

    def _map(self, payload: bytes, wires: _Wires) -> None:
        (count,) = struct.unpack_from("<I", payload)
        for region in self._regions:
            region.memory.close()
        self._regions = []
        for i, fd in enumerate(wires.fds[:count]):
            guest, size, user, offset = struct.unpack_from("<QQQQ", payload, 8 + 32 * i)
            length = os.fstat(fd).st_size
            memory = mmap.mmap(fd, size + offset if length == 0 else min(length, size + offset))
            self._regions.append(Region(guest, user, size, memory, offset))
            os.close(fd)

    def _queue(self, index: int) -> Queue:
        return self._queues.setdefault(index, Queue())

    def _kicked(self, index: int) -> None:
        queue = self._queue(index)
        if queue.kick is not None:
            os.read(queue.kick, 8)
            self.process(index, queue)

    # -- the guest's memory --

    def _from_user(self, address: int) -> int:
        for r in self._regions:
            if r.user <= address < r.user + r.size:
                return address - r.user + r.guest
        raise ConnectionError(f"address {address:#x} is not in the guest's memory")

    def _place(self, address: int, n: int) -> tuple[mmap.mmap, int]:
        for r in self._regions:
            if r.guest <= address and address + n <= r.guest + r.size:
                return r.memory, address - r.guest + r.offset
        raise ConnectionError(f"{n} bytes at {address:#x} are not in the guest's memory")

    def read(self, buffers: tuple[Buffer, ...]) -> bytes:
        """What lies in the buffers."""
        out = b""
        for buffer in buffers:
            memory, at = self._place(buffer.address, buffer.size)
            out += memory[at : at + buffer.size]
        return out

    def write(self, buffers: tuple[Buffer, ...], data: bytes) -> None:
        """Put ``data`` into the buffers, as much as they hold."""
        for buffer in buffers:
            memory, at = self._place(buffer.address, buffer.size)
            part, data = data[: buffer.size], data[buffer.size :]
            memory[at : at + len(part)] = part

    def pop(self, queue: Queue) -> Request | None:
        """The next request of the driver, None when there is none."""
        if not queue.ready:
            return None
        memory, at = self._place(queue.available, 4 + 2 * queue.size)
        (last,) = struct.unpack_from("<H", memory, at + 2)
        if queue.next == last:
            return None
        (head,) = struct.unpack_from("<H", memory, at + 4 + 2 * (queue.next % queue.size))
        queue.next = (queue.next + 1) & 0xFFFF
        return Request(head, tuple(self._chain(queue, head)))

    def _chain(self, queue: Queue, head: int) -> list[Buffer]:
        memory, at = self._place(queue.descriptors, 16 * queue.size)
        out: list[Buffer] = []
        index = head
        while True:
            address, size, flags, following = struct.unpack_from("<QIHH", memory, at + 16 * index)
            if flags & _DESC_INDIRECT:
                memory, at = self._place(address, size)
                index = 0
                continue
            out.append(Buffer(address, size, bool(flags & _DESC_WRITE)))
            if not flags & _DESC_NEXT:
                return out
            index = following

    def push(self, queue: Queue, request: Request, written: int) -> None:
        """A request is done; ``written`` bytes of its buffers are the answer."""
        memory, at = self._place(queue.used, 4 + 8 * queue.size)
        (index,) = struct.unpack_from("<H", memory, at + 2)
        struct.pack_into("<II", memory, at + 4 + 8 * (index % queue.size), request.head, written)
        struct.pack_into("<H", memory, at + 2, (index + 1) & 0xFFFF)

    def notify(self, queue: Queue) -> None:
        """Tell the driver that answers lie there."""
        if queue.call is not None:
            os.write(queue.call, struct.pack("<Q", 1))
