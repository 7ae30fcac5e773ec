"""The control socket: one thread that serves a few clients and cannot hold up the main loop.

It never waits for a client, and it rests after every turn in which there was something to do: a
storm of requests costs the interpreter a bounded share and no more. What goes wrong with a client
costs that client; what goes wrong with the socket makes it be opened anew, and when that does not
help the daemon says once that control is gone and goes on without.
"""

import contextlib
import os
import selectors
import socket
import stat
import struct
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from gaitpi.device.control import (
    REQUEST_MAX,
    SOCKET_NAME,
    Board,
    Peer,
    Session,
    SessionMaker,
    refusal,
)
from gaitpi.device.live import LIVE_S, Live, starting
from gaitpi.errors import ControlError

CLIENTS_MAX: Final = 8
MODE: Final = 0o660
"""Owner and group may connect, nobody else."""
REST_S: Final = 0.010
"""Rest after each turn with work in it, s. Measured: ``python -m calibration.jitter --storm``."""
WAITING_S: Final = 0.020
"""How often it is looked whether the loop has done a command, s."""
IDLE_S: Final = 0.25
LOOK_S: Final = 2.0
"""How often it is looked whether the socket is still where clients look for it, s."""
FAILURES_MAX: Final = 3
"""So many failures within ``FAILURES_S``, and control is gone."""
FAILURES_S: Final = 60.0
_SEND_BUFFER: Final = 16_384
_PATH_MAX: Final = 107


def path_beside(status_file: Path) -> Path:
    """Where the socket of the daemon with this status file is."""
    return status_file.with_name(SOCKET_NAME)


class _Gone(Exception):  # noqa: N818 (opened anew, no error)
    """The socket is no longer where clients look for it."""


class _Client:
    """A connection and its session."""

    def __init__(self, sock: socket.socket, session: Session) -> None:
        self.sock = sock
        self.session = session
        self.events = selectors.EVENT_READ


class Server:
    """Serves ``board`` at ``path`` from :meth:`start` to :meth:`close`, or as a context manager.

    A path that cannot be had, now or later, is told by ``board.problem`` and raises nothing.
    ``session`` makes the session of a client.
    """

    def __init__(self, path: Path, board: Board, *, session: SessionMaker = Session) -> None:
        self.path = path
        self.board = board
        self._session = session
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._listener: socket.socket | None = None
        self._inode: tuple[int, int] | None = None
        self._clients: list[_Client] = []
        self._selector: selectors.BaseSelector | None = None

    def start(self) -> None:
        """Open the socket and serve it on a thread."""
        try:
            self._open()
        except (ControlError, OSError) as error:
            self.board.problem = self._words(error)
            return
        self._thread = threading.Thread(target=self._work, name="gaitpi-control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hang up, take the socket away; doing it twice is no error."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._shut()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -------------------------------------------------------------------- the socket

    def _open(self) -> None:
        """Take the path. Raises ControlError when a living daemon has it, or OSError."""
        if len(os.fsencode(self.path)) > _PATH_MAX - 8:
            raise ControlError(
                f"the path {self.path} is too long for a socket.",
                "Give the daemon a shorter XDG_RUNTIME_DIR.",
            )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _refuse_living(self.path)
        scratch = self.path.with_name(f".{os.getpid()}.{self.path.suffix[1:]}")
        scratch.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.setblocking(False)
            listener.bind(str(scratch))
            # before listen(): nobody can connect until it has its mode and its group
            with contextlib.suppress(PermissionError):
                os.chown(scratch, -1, self.path.parent.stat().st_gid)
            scratch.chmod(MODE)
            listener.listen(CLIENTS_MAX)
            scratch.replace(self.path)
        except BaseException:
            listener.close()
            with contextlib.suppress(OSError):
                scratch.unlink()
            raise
        self._listener = listener
        self._inode = _inode(self.path)
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)

    def _shut(self) -> None:
        """Let go of everything."""
        for client in self._clients[:]:
            self._drop(client)
        if self._selector is not None:
            self._selector.close()
            self._selector = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            if self._inode is not None and _inode(self.path) == self._inode:
                with contextlib.suppress(OSError):
                    self.path.unlink()
        self._inode = None
        self.board.watched = False

    def _words(self, error: Exception) -> str:
        if isinstance(error, ControlError):
            return f"No control socket: {error}"
        what = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        return f"No control socket at {self.path} ({what}): mute and mark by the button."

    # -------------------------------------------------------------------- the thread

    def _work(self) -> None:
        failures: list[float] = []
        while not self._stop.is_set():
            try:
                if self._listener is None:
                    self._open()
                self._serve()
            except _Gone:
                self._shut()
            except ControlError as error:
                self.board.problem = self._words(error)
                return
            except Exception as error:  # whatever it is, it must not reach the loop
                self._shut()
                now = time.monotonic()
                failures = [at for at in failures if now - at < FAILURES_S] + [now]
                if len(failures) >= FAILURES_MAX:
                    self.board.problem = self._words(error)
                    return
                self._stop.wait(1.0)

    def _serve(self) -> None:
        """Turn after turn, until it is told to stop or something fails."""
        assert self._selector is not None
        next_live_s = next_look_s = time.monotonic()
        while not self._stop.is_set():
            busy = any(client.session.busy for client in self._clients)
            ready = self._selector.select(0.0 if busy else self._patience())
            now = time.monotonic()
            for key, events in ready:
                if key.data is None:
                    self._accept(now)
                else:
                    self._turn(key.data, events, now)
            for client in self._clients[:]:
                self._go_on(client, now)
            if now >= next_live_s:
                next_live_s = now + LIVE_S
                self._show(now)
            if now >= next_look_s:
                next_look_s = now + LOOK_S
                if _inode(self.path) != self._inode:
                    raise _Gone
            if ready or busy:
                self._stop.wait(REST_S)

    def _patience(self) -> float:
        """How long nothing may happen before it is looked around, s."""
        if any(client.session.waiting for client in self._clients):
            return WAITING_S
        return LIVE_S / 2 if self.board.watched else IDLE_S

    def _accept(self, now: float) -> None:
        """Let in who waits at the door; one more than there are places is told so."""
        assert self._listener is not None
        for _ in range(CLIENTS_MAX):
            try:
                sock, _ = self._listener.accept()
            except OSError:  # nobody any more, or no descriptors left: at the next turn
                return
            sock.setblocking(False)
            if len(self._clients) >= CLIENTS_MAX:
                words = refusal(None, f"{CLIENTS_MAX} clients are served already.", "Wait.")
                with contextlib.suppress(OSError):
                    sock.send(words + b"\n")
                sock.close()
                continue
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
                client = _Client(sock, self._session(self.board, _peer(sock), now))
            except BaseException:
                sock.close()
                raise
            self._clients.append(client)
            assert self._selector is not None
            self._selector.register(sock, client.events, client)

    def _turn(self, client: _Client, events: int, now: float) -> None:
        """What a client sent; what is to be sent goes out in :meth:`_go_on`."""
        if not events & selectors.EVENT_READ or not client.session.hungry:
            return
        try:
            data = client.sock.recv(REQUEST_MAX)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        try:
            if data:
                client.session.feed(data, now)
            else:
                client.session.hung_up()
        except Exception:  # of this session only
            self._drop(client)

    def _go_on(self, client: _Client, now: float) -> None:
        """Go on with what a client sent, send what is to be sent, and see whether it is to stay."""
        session = client.session
        try:
            if session.busy:
                session.feed(b"", now)
            session.tick(now)
            if session.output:
                with contextlib.suppress(BlockingIOError):
                    session.sent(client.sock.send(session.output), now)
        except Exception:  # of this session only; a broken pipe too
            self._drop(client)
            return
        if session.dead or (session.closing and not session.output):
            self._drop(client)
            return
        events = selectors.EVENT_READ if session.hungry else 0
        events |= selectors.EVENT_WRITE if session.output else 0
        if events != client.events:
            self._listen(client, events)

    def _listen(self, client: _Client, events: int) -> None:
        """Be woken by this; a selector takes no "nothing"."""
        assert self._selector is not None
        if client.events and events:
            self._selector.modify(client.sock, events, client)
        elif events:
            self._selector.register(client.sock, events, client)
        else:
            self._selector.unregister(client.sock)
        client.events = events

    def _show(self, now: float) -> None:
        """Send what the loop sees now to those who watch."""
        watching = [client for client in self._clients if client.session.watching]
        self.board.watched = bool(watching)
        live = self.board.live
        if not self.board.open:
            live = starting(self.board.starting)
        if live is None or not watching:
            if not watching:
                self.board.live = None  # the next who watches sees no old one
            return
        text = encoded(live)
        for client in watching:
            client.session.show(text, now)
            self._go_on(client, now)

    def _drop(self, client: _Client) -> None:
        if client in self._clients:
            self._clients.remove(client)
            if client.events and self._selector is not None:
                with contextlib.suppress(KeyError, ValueError):
                    self._selector.unregister(client.sock)
            client.sock.close()


def encoded(live: Live) -> bytes:
    """As JSON: what is not known, or has no end, is null."""
    return msgspec.json.encode(live)


def _refuse_living(path: Path) -> None:
    """Raise ControlError when somebody answers at ``path``, or something else lies there."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise ControlError(f"{path} is no socket.", "Move it away and start gaitpi again.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)  # one whose queue is full lives too
        try:
            sock.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return
        except BlockingIOError:
            pass
    raise ControlError(
        f"another gaitpi answers at {path}.", "'gaitpi status' says which; end one of the two."
    )


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _peer(sock: socket.socket) -> Peer:
    form = struct.Struct("3i")
    return Peer(*form.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, form.size)))
