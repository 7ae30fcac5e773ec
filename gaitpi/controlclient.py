"""Asks the running daemon over its control socket (docs/control.md).

For quick commands: the standard library and msgspec, neither numpy nor numba.
"""

import os
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from gaitpi.device import status as device
from gaitpi.device.control import ANSWER_MAX, SOCKET_NAME, VERSION
from gaitpi.errors import ControlError, InputFileError, StartingError

ANSWER_S: Final = 3.0
"""The daemon answers within a second, or says that it cannot, s."""
START: Final = "Start it with 'gaitpi run', or 'sudo systemctl start gaitpi' where it is a service."
_CHUNK: Final = 65_536


def paths(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Where a daemon's socket may be: beside the status files, this user's own first."""
    return [path.with_name(SOCKET_NAME) for path in device.paths(environ)]


class Client:
    """A connection to a daemon; a context manager. ``timeout_s`` for each answer."""

    def __init__(self, path: Path, *, timeout_s: float = ANSWER_S) -> None:
        """Connect. Raises OSError."""
        self._timeout_s = timeout_s
        self._buffer = bytearray()
        self._id = 0
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._sock.settimeout(timeout_s)
            self._sock.connect(str(path))
        except OSError:
            self._sock.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._sock.close()

    def ask(self, do: str, **fields: Any) -> dict[str, Any]:
        """Ask and return the answer's object. Raises ControlError in the daemon's words."""
        self._id += 1
        request = {"v": VERSION, "id": self._id, "do": do, **fields}
        try:
            self._sock.sendall(msgspec.json.encode(request) + b"\n")
        except OSError as error:
            raise _silent(error) from error
        return self._next()

    def live(self) -> Iterator[dict[str, Any]]:
        """What the daemon hears, about ten times a second, until it ends. Raises ControlError."""
        answer = self.ask("live")
        while True:
            found: dict[str, Any] = answer["live"]
            yield found
            answer = self._next()

    def _next(self) -> dict[str, Any]:
        """The next answer to what was asked last."""
        until_s = time.monotonic() + self._timeout_s
        while True:
            line = self._line(until_s)
            try:
                answer = msgspec.json.decode(line, type=dict[str, Any])
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                raise _silent(error) from error
            if answer.get("ok") is not True:
                error_found = answer.get("error")
                words = error_found if isinstance(error_found, dict) else {}
                raise ControlError(
                    str(words.get("found") or "The daemon refused."), str(words.get("todo") or "")
                )
            if answer.get("id") == self._id:
                return answer

    def _line(self, until_s: float) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            try:
                self._sock.settimeout(max(0.001, until_s - time.monotonic()))
                data = self._sock.recv(_CHUNK)
            except OSError as error:
                raise _silent(error) from error
            if not data:
                raise ControlError("The daemon has hung up.", "'gaitpi status' says how it is.")
            self._buffer += data
            if len(self._buffer) > ANSWER_MAX + _CHUNK:
                raise ControlError("The daemon's answer has no end.", "Restart it.")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line


def connect(environ: Mapping[str, str] = os.environ) -> Client:
    """A client of the daemon that runs: this user's own, else the system service.

    Raises ControlError when there is none, or when this user may not ask it; StartingError when it
    cannot be asked yet.
    """
    problem: ControlError | None = None
    for path in paths(environ):
        try:
            return Client(path)
        except (FileNotFoundError, ConnectionRefusedError):
            continue
        except PermissionError:
            problem = ControlError(
                f"You may not use {path}.",
                "Use sudo, or join its group: sudo usermod -aG gaitpi $USER, then log in anew.",
            )
        except OSError as error:
            problem = ControlError(f"{path} does not answer: {error}.", "Restart the daemon.")
    raise problem or _nobody(environ)


def _nobody(environ: Mapping[str, str]) -> ControlError:
    """Why nobody answers."""
    try:
        status = device.find(environ)
    except InputFileError:
        status = None
    if status is None or device.judge(status):
        return ControlError("gaitpi is not running.", START)
    if status.starting:
        return StartingError(status.starting)
    why = status.control or "it has no control socket"
    return ControlError(f"gaitpi runs, but cannot be asked: {why.rstrip('.')}.", "Restart it.")


def _silent(error: Exception) -> ControlError:
    if isinstance(error, TimeoutError):
        found = "The daemon does not answer."
    else:
        found = f"The daemon does not answer: {error}."
    return ControlError(found, "'gaitpi status' says how it is.")
