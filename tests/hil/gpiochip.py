"""A virtio GPIO controller (device 41) that is a logic analyser: the guest's ``/dev/gpiochip0``.

Virtio 1.2 section 5.18. Every change of an output is noted with the time of the host, outside the
guest; inputs are set from outside and make interrupts.
"""

import selectors
import struct
import time
from pathlib import Path
from typing import Final, NamedTuple

from tests.hil.vhost import Queue, Request, VhostDevice

DEVICE: Final = 41
LINES: Final = 54
"""As on a Pi."""

_GET_NAMES: Final = 1
_GET_DIRECTION: Final = 2
_SET_DIRECTION: Final = 3
_GET_VALUE: Final = 4
_SET_VALUE: Final = 5
_IRQ_TYPE: Final = 6

_NO_DIRECTION, _OUTPUT, _INPUT = 0, 1, 2
_OK, _ERROR = 0, 1
_RISING, _FALLING, _HIGH, _LOW = 1, 2, 4, 8


class Edge(NamedTuple):
    """``line`` went to ``level`` at ``time_s`` (the host's monotonic clock)."""

    time_s: float
    line: int
    level: int


class GpioChip(VhostDevice):
    """54 lines; inputs are pulled up."""

    features = 1  # interrupts
    queues = 2

    def __init__(self, path: Path, selector: selectors.BaseSelector) -> None:
        names = b"".join(b"GPIO%d\0" % line for line in range(LINES))
        self.config = struct.pack("<HxxI", LINES, len(names))
        self._names = names
        self.keeps = False
        """Whether a line that is let go stays at its level, as a Pi's may; else it floats low."""
        self.edges: list[Edge] = []
        self.inputs = [1] * LINES
        self._noted = [0] * LINES
        self._clear()
        super().__init__(path, selector)

    def _clear(self) -> None:
        self.direction = [_INPUT] * LINES
        self.value = [0] * LINES
        self._irq = [0] * LINES
        self._waiting: dict[int, tuple[Queue, Request]] = {}
        self._latched: set[int] = set()
        """Lines with an edge that the kernel was not ready for."""

    def gone(self) -> None:
        """Power off: no line is driven any more."""
        for line in range(LINES):
            self._note(time.monotonic(), line, 0)
        self._clear()

    def process(self, number: int, queue: Queue) -> None:
        """Requests (queue 0), and buffers for interrupts to come (queue 1)."""
        now = time.monotonic()
        if number == 1:
            while (request := self.pop(queue)) is not None:
                (line,) = struct.unpack_from("<H", self.read(request.readable))
                self._waiting[line] = (queue, request)
                if line in self._latched:
                    self._give_back(line, valid=True)
                else:
                    self._level_interrupt(line)
            return
        answered = False
        while (request := self.pop(queue)) is not None:
            kind, line, value = struct.unpack("<HHI", self.read(request.readable)[:8])
            answer = self._answer(now, kind, line, value)
            self.write(request.writable, answer)
            self.push(queue, request, len(answer))
            answered = True
        if answered:
            self.notify(queue)

    def _answer(self, now: float, kind: int, line: int, value: int) -> bytes:
        if kind == _GET_NAMES:
            return bytes((_OK,)) + self._names
        if line >= LINES:
            return bytes((_ERROR, 0))
        if kind == _GET_DIRECTION:
            return bytes((_OK, self.direction[line]))
        if kind == _GET_VALUE:
            driven = self.direction[line] == _OUTPUT
            return bytes((_OK, self.value[line] if driven else self.inputs[line]))
        if kind == _SET_DIRECTION:
            was = self.direction[line]
            self.direction[line] = value
            if value == _OUTPUT:
                self._note(now, line, self.value[line])
            elif was == _OUTPUT and self.value[line] and not self.keeps:
                self._note(now, line, 0)
        elif kind == _SET_VALUE:
            self.value[line] = value
            if self.direction[line] == _OUTPUT:
                self._note(now, line, value)
        elif kind == _IRQ_TYPE:
            self._irq[line] = value
            self._latched.discard(line)
            if value == 0 and line in self._waiting:
                self._give_back(line, valid=False)
        else:
            return bytes((_ERROR, 0))
        return bytes((_OK, 0))

    def _note(self, now: float, line: int, level: int) -> None:
        """One more edge; a level written again is none."""
        if self._noted[line] != level:
            self._noted[line] = level
            self.edges.append(Edge(now, line, level))

    def _give_back(self, line: int, *, valid: bool) -> None:
        queue, request = self._waiting.pop(line)
        self._latched.discard(line)
        self.write(request.writable, bytes((1 if valid else 0,)))
        self.push(queue, request, 1)
        self.notify(queue)

    def _level_interrupt(self, line: int) -> None:
        wanted = _HIGH if self.inputs[line] else _LOW
        if self._irq[line] & wanted and line in self._waiting:
            self._give_back(line, valid=True)

    def set_input(self, line: int, level: int) -> None:
        """Somebody outside sets an input: a button, the sensor's interrupt pin."""
        was, self.inputs[line] = self.inputs[line], level
        if was == level:
            return
        if not self._irq[line] & (_RISING if level else _FALLING):
            self._level_interrupt(line)
        elif line in self._waiting:
            self._give_back(line, valid=True)
        else:
            self._latched.add(line)
