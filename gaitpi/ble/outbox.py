"""What the daemon has not taken yet: a minute of it, then the oldest goes.

The daemon may be in the middle of a start, or be forked anew after a crash; each reading has its
own time, so a late one is still right. Nothing here waits: the socket does not block.
"""

import errno
import os
from collections import deque
from typing import Final

from gaitpi.ble.readings import DATAGRAM_MAX, Heart, Pod, Reading, Role, packed

KEEP_S: Final = 60.0
"""A reading that is older is not sent any more, s."""
KEEP_MAX: Final = 2048
"""And never more than so many are kept: 60 s at the rate the gate lets through, twice."""
_SHUT: Final = (errno.ENOTCONN, errno.EBADF)
AGAIN_S: Final = 0.1
"""How long to wait before the daemon is asked again, s."""


class Outbox:
    """The central's end of the socket to the daemon."""

    def __init__(self, fd: int) -> None:
        """``fd`` a datagram socket; from now on it does not block."""
        os.set_blocking(fd, False)
        self._fd = fd
        self._kept: deque[tuple[float, bytes, Role | None]] = deque()
        self.lost: dict[Role, int] = {"heart": 0, "pod": 0}
        """Measurements that the daemon did not take in time, or that were too long. How a link was
        in between is not missed."""
        self.closed = False
        """There is nobody any more who could take them."""

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, reading: Reading, now_s: float) -> None:
        """Send it, or keep it for later."""
        datagram = packed(reading)
        if len(datagram) > DATAGRAM_MAX:
            self._lose(_measured(reading))
            return
        self._kept.append((now_s, datagram, _measured(reading)))
        self.flush(now_s)

    def flush(self, now_s: float) -> None:
        """Send what the daemon takes, the oldest first."""
        while self._kept and (self._kept[0][0] < now_s - KEEP_S or len(self._kept) > KEEP_MAX):
            self._lose(self._kept.popleft()[2])
        while self._kept:
            try:
                os.write(self._fd, self._kept[0][1])
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self.closed = isinstance(error, ConnectionError) or error.errno in _SHUT
                return
            self._kept.popleft()

    def _lose(self, measured: Role | None) -> None:
        if measured is not None:
            self.lost[measured] += 1


def _measured(reading: Reading) -> Role | None:
    """Whose measurement it is; None where it is of a link."""
    if isinstance(reading, Heart):
        return "heart"
    return "pod" if isinstance(reading, Pod) else None
