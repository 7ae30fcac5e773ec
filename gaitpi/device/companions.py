"""Programs beside the daemon that it can do without: the radio's.

They are started once the daemon is at work, minded, and ended when it ends. Whatever they do,
nobody waits for them: a start is a fork and an exec, what they print is read a little at a time,
and what looks whether one is wanted is a process of its own, since that reads the card. So is who
minds them, forked by the keeper while that is small: forking all that it loads would take time.
They go last on a busy machine, and first where memory is short. What they know they send over a
socket that outlives them and the daemon's worker alike.
"""

import contextlib
import ctypes
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gaitpi.errors import EXIT_PROBLEM
from gaitpi.plaintext import plain

NICE: Final = 15
OOM_SCORE: Final = 500
"""The kernel takes these first where memory is short (the service has -500)."""
LOOK_S: Final = 30.0
"""How often it is looked whether one is wanted, s: a pairing takes effect within it."""
WAIT_S: Final = (1.0, 2.0, 5.0, 15.0, 60.0)
"""How long it is waited before the second, third ... start of one that keeps ending, s."""
LIVED_S: Final = 60.0
"""One that ended after so long is begun anew as the first time, s."""
END_S: Final = 2.0
"""So long one has to end in order, s."""
TICK_S: Final = 0.2
"""How often they are minded, s."""
ANEW_S: Final = 10.0
"""How long it is waited before a minder that is gone is forked anew, s."""
READ_MAX: Final = 2048
"""So much of what one prints is read at a time, bytes."""
SAID_MAX: Final = 30
"""So many different lines of one are told; then it has said enough."""
LINE_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class Companion:
    """A program: what it is called in a sentence, its command line, and whether it is wanted.

    ``wanted`` is asked in a process of its own and may take its time; what it raises means that
    nothing is known, and then all stays as it is; None = always. ``end`` of a socket is handed on
    as ``--fd N``.
    """

    name: str
    argv: Sequence[str]
    wanted: Callable[[], bool] | None = None
    end: socket.socket | None = None


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Both ends of a way from a companion to the daemon; neither blocks."""
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    for end in pair:
        end.setblocking(False)
    return pair


class Companions:
    """All of them, minded by :meth:`tick`. ``said`` gets what is to be told, once."""

    def __init__(
        self,
        companions: Sequence[Companion],
        said: Callable[[str], None],
        *,
        look_s: float = LOOK_S,
        wait_s: Sequence[float] = WAIT_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._minded = [_Minded(one, said, look_s, wait_s) for one in companions]
        self._monotonic = monotonic

    def tick(self) -> None:
        """Start what is wanted, see who has ended, tell what they say. Waits for nobody."""
        now = self._monotonic()
        for one in self._minded:
            one.tick(now)

    def forked(self) -> None:
        """In a process that was forked from this one: let go of what is not its own."""
        for one in self._minded:
            one.let_go()

    def end(self) -> None:
        """Have all of them end; whoever is not gone after ``END_S`` is killed."""
        for one in self._minded:
            one.kill(signal.SIGTERM)
        end = self._monotonic() + END_S
        while any(one.alive for one in self._minded) and self._monotonic() < end:
            time.sleep(0.02)
            for one in self._minded:
                one.reap(self._monotonic())
        for one in self._minded:
            one.kill(signal.SIGKILL)
            one.bury()

    @property
    def any(self) -> bool:
        """Whether there is something to mind."""
        return bool(self._minded)

    @property
    def pids(self) -> list[int]:
        """Of those that run."""
        return [one.pid for one in self._minded if one.pid]


class Minder:
    """A process that minds ``companions``: :meth:`fork` it early, it waits until :meth:`begin`.

    It ends them, and itself, when this process ends it or is gone.
    """

    def __init__(self, companions: Companions) -> None:
        self._companions = companions
        self._pid = 0
        self._line = -1
        self._begun = False
        self._anew_s = 0.0

    @property
    def pid(self) -> int:
        """Of the process; 0 while there is none."""
        return self._pid

    def fork(self) -> None:
        """Begin it, where there is something to mind. Raises OSError."""
        if not self._companions.any:
            return
        sys.stdout.flush()
        sys.stderr.flush()
        keeper = os.getpid()
        theirs, ours = os.pipe()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
            if pid == 0:
                try:
                    os.close(ours)
                    for number in _SIGNALS:  # it ends after the daemon, by the pipe
                        signal.signal(number, signal.SIG_IGN)
                    signal.pthread_sigmask(signal.SIG_SETMASK, before)
                    _humbled(keeper)
                    _mind(self._companions, theirs)
                finally:
                    os._exit(0)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(theirs)
        self._pid, self._line = pid, ours

    def begin(self) -> None:
        """The daemon is at work: what is wanted may be started."""
        self._begun = True
        self._tell()

    def tick(self, now: float) -> None:
        """Fork it anew where it is gone. Never an error."""
        if self._line < 0 or (self._pid and _ended(self._pid) is None):
            return
        if self._pid:
            self._pid, self._anew_s = 0, now + ANEW_S
        elif now >= self._anew_s:
            self._anew_s = now + ANEW_S
            self._close()
            with contextlib.suppress(OSError):
                self.fork()
            if self._begun:
                self._tell()

    def forked(self) -> None:
        """In a process that was forked from this one: let go of what is not its own."""
        self._close()
        self._companions.forked()

    def end(self) -> None:
        """Have it end them, and itself."""
        self._close()
        end = time.monotonic() + END_S + 1.0
        while self._pid and time.monotonic() < end:
            if _ended(self._pid) is not None:
                self._pid = 0
            else:
                time.sleep(0.02)
        if self._pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)  # and they die of it
            self._pid = 0

    def _tell(self) -> None:
        if self._line >= 0:
            with contextlib.suppress(OSError):  # it is gone, and forked anew
                os.write(self._line, b"B")

    def _close(self) -> None:
        if self._line >= 0:
            os.close(self._line)
            self._line = -1


def _mind(companions: Companions, line: int) -> None:
    """In the minder: wait for the word to begin, mind them, end them when the pipe is closed."""
    begun = False
    try:
        while True:
            if select.select([line], [], [], TICK_S if begun else None)[0]:
                if not os.read(line, 1):
                    return
                begun = True
            companions.tick()
            sys.stdout.flush()
    finally:
        companions.end()
        sys.stdout.flush()


class _Minded:
    """One program, and the process that looks whether it is wanted."""

    def __init__(
        self,
        companion: Companion,
        said: Callable[[str], None],
        look_s: float,
        wait_s: Sequence[float],
    ) -> None:
        self._companion = companion
        self._said = said
        self._look_s = look_s
        self._waits = wait_s
        self.pid = 0
        self._looker = 0
        self._next_look_s = -1.0
        self._wanted = False
        self._began_s = 0.0
        self._next_start_s = 0.0
        self._quick = 0
        self._asked_s = 0.0
        self._pipe = -1
        self._rest = b""
        self._told: set[str] = set()

    @property
    def alive(self) -> bool:
        return self.pid != 0

    def tick(self, now: float) -> None:
        """Mind it. Never an error: no process to be had is no reason for the daemon to end."""
        try:
            self._mind(now)
        except Exception as error:
            self._next_start_s = self._next_look_s = now + self._waits[-1]
            self._tell(f"it cannot be minded: {error!r}")

    def _mind(self, now: float) -> None:
        if self._companion.wanted is None:
            self._wanted = True
        else:
            self._look(now, self._companion.wanted)
        self.reap(now)
        self._hear()
        if self._wanted and not self.pid and now >= self._next_start_s:
            self._start(now)
        elif not self._wanted and self.pid:
            self.kill(signal.SIGKILL if self._overdue(now) else signal.SIGTERM)

    def _overdue(self, now: float) -> bool:
        """Whether it was asked to end ``END_S`` ago."""
        self._asked_s = self._asked_s or now
        return now - self._asked_s > END_S

    def _look(self, now: float, wanted: Callable[[], bool]) -> None:
        """Have it looked whether it is wanted, and hear what came of the last look."""
        if self._looker:
            status = _ended(self._looker)
            if status is None:
                return  # the card may hang: one look at a time
            self._looker = 0
            code = os.waitstatus_to_exitcode(status)
            if code in (_WANTED, _NOT_WANTED):
                if code == _WANTED and not self._wanted:
                    self._next_start_s, self._quick, self._asked_s = now, 0, 0.0
                self._wanted = code == _WANTED
        if now < self._next_look_s:
            return
        self._next_look_s = now + self._look_s
        keeper = os.getpid()
        pid = self._fork()
        if pid == 0:
            code = _UNKNOWN
            try:
                _humbled(keeper)
                code = _WANTED if wanted() else _NOT_WANTED
            finally:
                os._exit(code)
        self._looker = pid

    def _start(self, now: float) -> None:
        ours, theirs = os.pipe()
        os.set_blocking(ours, False)
        keeper = os.getpid()
        pid = self._fork()
        if pid == 0:
            try:
                os.close(ours)
                self._exec(theirs, keeper)
            except BaseException as error:
                os.write(theirs, f"it cannot be started: {error}\n".encode())
            finally:
                os._exit(1)
        os.close(theirs)
        self._close_pipe()
        self._pipe, self._rest = ours, b""
        self.pid, self._began_s, self._asked_s = pid, now, 0.0

    def _fork(self) -> int:
        """Fork with the signals of the keeper held back: its handlers are not the child's."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
            if pid == 0:
                for number in _SIGNALS:
                    signal.signal(number, signal.SIG_DFL)
            return pid
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _exec(self, out: int, keeper: int) -> None:
        """In the forked process: become the program."""
        _humbled(keeper)
        argv = list(self._companion.argv)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        if self._companion.end is not None:
            fd = self._companion.end.fileno()
            os.set_inheritable(fd, True)
            argv += ["--fd", str(fd)]
        # the service manager is none of its business, nor is the daemon's watchdog
        environ = {k: v for k, v in os.environ.items() if k not in _NOT_THEIRS}
        os.execve(argv[0], argv, environ)

    def reap(self, now: float) -> None:
        """See whether it has ended."""
        status = _ended(self.pid) if self.pid else None
        if status is None:
            return
        self._hear()
        self.pid = 0
        if not self._wanted:
            return
        self._quick = 0 if now - self._began_s >= LIVED_S else self._quick + 1
        wait_s = self._waits[min(max(self._quick, 1), len(self._waits)) - 1]
        self._next_start_s = now + wait_s
        code = os.waitstatus_to_exitcode(status)
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"has ended ({code})"
        self._tell(f"{how}; it is started anew")

    def _hear(self) -> None:
        """Read a little of what it printed; each line is told once."""
        if self._pipe < 0:
            return
        try:
            part = os.read(self._pipe, READ_MAX)
        except (BlockingIOError, InterruptedError):
            return
        if not part:
            self._close_pipe()
        *lines, rest = (self._rest + part).split(b"\n")
        self._rest = rest[-LINE_MAX:]
        for line in lines:
            self._tell(line[:LINE_MAX].decode("utf-8", "replace"))

    def _tell(self, line: str) -> None:
        text = plain(line).strip().removeprefix("gaitpi: ")
        if not text or text in self._told or len(self._told) > SAID_MAX:
            return
        self._told.add(text)
        if len(self._told) > SAID_MAX:
            text = "it says more than is told here"
        self._said(f"{self._companion.name}: {text}")

    def kill(self, number: int) -> None:
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def bury(self) -> None:
        """Take leave of what was killed; whatever hangs on the card or in a driver is left."""
        end = time.monotonic() + 0.5
        while self.pid and time.monotonic() < end:
            self.pid = 0 if _ended(self.pid) is not None else self.pid
            time.sleep(0.005)
        if self._looker:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._looker, signal.SIGKILL)
        self._close_pipe()

    def let_go(self) -> None:
        self._close_pipe()
        if self._companion.end is not None:
            self._companion.end.close()

    def _close_pipe(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1


_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_NOT_THEIRS: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
_PR_SET_PDEATHSIG: Final = 1
_WANTED, _NOT_WANTED, _UNKNOWN = 10, 11, 12


def _ended(pid: int) -> int | None:
    """The status of a child that has ended, None while it lives."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return 0
    return status if found else None


def die_with(parent: int) -> None:
    """Have the kernel kill this process when the one it was forked from is gone."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(EXIT_PROBLEM)


def _humbled(keeper: int) -> None:
    """Have this process go last, be the first to go, and end with the keeper."""
    die_with(keeper)
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE))
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def python(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module of ours, with nothing of the user's in its path."""
    return [sys.executable, "-sP", "-m", module, *arguments]
