"""Follows the running daemon's live stream, across its restarts, in a thread of its own."""

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from gaitpi.controlclient import connect
from gaitpi.errors import ControlError

AGAIN_S: Final = 1.0
"""How long to wait before the daemon is asked again, s."""


class Listener(threading.Thread):
    """Calls ``heard`` with each live object, in this thread, until :meth:`stop`."""

    def __init__(
        self,
        heard: Callable[[dict[str, Any]], None],
        environ: Mapping[str, str] = os.environ,
        again_s: float = AGAIN_S,
    ) -> None:
        super().__init__(name="gaitpi-listener", daemon=True)
        self._heard = heard
        self._environ = environ
        self._again_s = again_s
        self._stop = threading.Event()

    def stop(self) -> None:
        """Hear no more; not waited for."""
        self._stop.set()

    def run(self) -> None:
        """Connect, listen, and again."""
        while not self._stop.is_set():
            try:
                with connect(self._environ) as client:
                    for live in client.live():
                        if self._stop.is_set():
                            return
                        self._heard(live)
            except (ControlError, OSError, KeyError):
                pass  # not there, or going: whoever listens sees that nothing comes
            self._stop.wait(self._again_s)
