"""What whoever watches over the daemon is told: ready, alive, stopping (the sd_notify protocol)."""

import os
import socket
from typing import Protocol


class Watcher(Protocol):
    """Takes states such as ``READY=1``, ``WATCHDOG=1`` or ``STOPPING=1``; never an error."""

    def send(self, state: str) -> None:
        """Take note of ``state``."""


class Notifier:
    """Sends states to systemd's socket; does nothing where there is none.

    ``address`` is ``$NOTIFY_SOCKET``; one that starts with ``@`` is abstract. Protocol:
    sd_notify(3).
    """

    def __init__(self, address: str | None = None) -> None:
        found = os.environ.get("NOTIFY_SOCKET") if address is None else address
        self._address = "\0" + found[1:] if found and found.startswith("@") else found

    def send(self, state: str) -> None:
        """Send e.g. ``READY=1`` or ``WATCHDOG=1``; a manager that does not listen is no error."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.sendto(state.encode(), self._address)
        except OSError:
            return
