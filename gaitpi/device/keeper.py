"""Keeps the daemon alive: a crash costs a runner a second, not a start.

Loading numpy, numba and the compiled estimator is most of a start, some ten seconds on a small
Pi. The keeper does that once and forks the worker that opens sensor, outputs and run file. A worker
that dies, or does not show that it lives, is killed and forked anew, and takes the run up where it
was cut off. The keeper itself has no threads, opens no hardware and computes nothing, so there is
little it can die of; the service manager watches over it, and gets the worker's signs of life, not
its own.

Before it loads anything, a first process looks whether sensor and outputs are there, so that what
is missing is told at once, and shows the light of a start meanwhile.
"""

import contextlib
import math
import os
import select
import signal
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from gaitpi.device.companions import Companions, Minder, die_with
from gaitpi.device.notify import Watcher
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM, GaitpiError

STALL_S: Final = 2.0
"""A worker that has begun and gives no sign of life for this long hangs, s. It gives one every
0.2 s, while samples are fresh; a stall of 0.35 s already loses samples of some sensors."""
START_S: Final = 30.0
"""Longest time a worker may take to begin, s."""
QUICK_S: Final = 1.0
"""A worker that ended sooner than this after it had begun has got nowhere, s."""
QUICK_MAX: Final = 10
"""So many of these in a row, and the keeper ends too: a start from nothing is worth a try."""
WAIT_S: Final = (0.0, 0.2, 1.0, 2.0, 5.0)
"""How long it is waited before the first, second ... fork after a worker that got nowhere, s."""
BEGIN_S: Final = 1.0
"""How long it is waited after one that could not begin, s: a sensor may be plugged in again."""
STOP_S: Final = 40.0
"""A worker that ends has so long for it, s: a slow card is given 30 for the end of a run. The
service manager waits for 45."""
LOOK_S: Final = 8.0
"""A process that looked has so long to end, s."""

_ENDED: Final = b"ENDED "
"""It returned, with this code."""
_FAILED: Final = b"FAILED "
"""It said what is wrong, and this is the code."""
_ASKED: Final = (signal.SIGTERM, signal.SIGINT)


class _Line:
    """The worker's end of the pipe: what it tells is told to the keeper."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def send(self, state: str) -> None:
        with contextlib.suppress(OSError):  # a full pipe: the keeper has enough to read
            os.write(self._fd, state.encode() + b"\n")


Work = Callable[[Watcher], int]
"""The worker: told whom to show that it lives; its exit code."""


class Keeper:
    """Runs ``work`` in a forked process, again and again until it ends by itself or is told to.

    ``look`` goes first, in a process of its own: it tells ``READY=1`` when all that is needed is
    there, and stays until SIGTERM; the steps of ``load`` are gone through meanwhile. ``companions``
    are minded from the time on when the first worker is ready. ``manager`` is
    told ``READY=1`` once, ``WATCHDOG=1`` at each sign of life, ``STOPPING=1``; ``said`` gets a
    sentence when a worker had to be replaced. To be made before there are threads, and run in the
    main thread: SIGTERM and SIGINT end the worker in order.
    """

    def __init__(
        self,
        work: Work,
        manager: Watcher,
        said: Callable[[str], None],
        *,
        look: Work | None = None,
        load: Callable[[], Iterable[None]] = tuple,
        companions: Companions | None = None,
        stall_s: float = STALL_S,
        start_s: float = START_S,
    ) -> None:
        self._work = work
        self._manager = manager
        self._said = said
        self._look = look
        self._load = load
        self._minder = Minder(companions or Companions([], said))
        self._stall_s = stall_s
        self._start_s = start_s
        self._stop = False
        self._told_ready = False
        self.replaced = 0
        """Workers that had to be replaced."""

    def run(self) -> int:
        """Keep a worker alive; the exit code of the one that ended in order."""
        before = {n: signal.signal(n, self._asked) for n in _ASKED}
        try:
            with contextlib.suppress(OSError):  # the daemon does without
                self._minder.fork()
            code = self._prepare()
            return self._keep() if code is None else code
        finally:
            self._manager.send("STOPPING=1")
            self._minder.end()  # what they told last is in the run, or never will be
            for number, handler in before.items():
                signal.signal(number, handler)

    def _asked(self, _number: int, _frame: object) -> None:
        self._stop = True

    def _prepare(self) -> int | None:
        """Look and load; the exit code where that was all."""
        if self._look is None:
            deque(self._load(), maxlen=0)
            return None
        looker = _Worker(self._look)
        end = time.monotonic() + self._start_s
        ready = False
        for _ in self._load():
            ready = b"READY=1" in looker.states(0.0) or ready
            if looker.gone or self._stop:
                break
        while not (ready or looker.gone or self._stop or time.monotonic() > end):
            ready = b"READY=1" in looker.states(0.2)
        looker.kill(signal.SIGTERM)
        end = time.monotonic() + LOOK_S
        while not looker.gone and time.monotonic() < end:
            looker.states(0.2)
        looker.end("" if looker.gone else "did not end")
        if self._stop:
            return EXIT_OK
        if looker.code is None:
            self._said(f"What looks for sensor and outputs {looker.why}.")
        return None if looker.code == EXIT_OK else looker.code or EXIT_PROBLEM

    def _keep(self) -> int:
        quick = 0
        while not self._stop:
            worker = _Worker(self._work, self._minder.forked)
            self._watch(worker)
            if worker.code is not None and (worker.returned or not self._told_ready):
                return worker.code
            if self._is_asked():
                self._said(f"The daemon {worker.why}: the end of the run may not be written.")
                return EXIT_PROBLEM
            self.replaced += 1
            wait_s = BEGIN_S
            if worker.code is not None and not worker.ready:
                worker.why = "could not begin"  # one has before: a plug may be loose
            else:
                quick = quick + 1 if worker.worked_s < QUICK_S else 0
                wait_s = WAIT_S[min(quick, len(WAIT_S) - 1)]
            self._said(f"The daemon {worker.why}; it is started anew.")
            if quick >= QUICK_MAX:
                self._said(f"The daemon has got nowhere {quick} times in a row: giving up.")
                return EXIT_PROBLEM
            self._pause(wait_s)
        return EXIT_OK

    def _is_asked(self) -> bool:
        """Whether somebody wants it to end."""
        return self._stop

    def _pause(self, seconds: float) -> None:
        """Wait, and let the service manager know that this is meant."""
        end = time.monotonic() + seconds
        while not self._stop and (left := end - time.monotonic()) > 0:
            self._manager.send("WATCHDOG=1")
            self._minder.tick(time.monotonic())
            time.sleep(min(left, 0.2))

    def _watch(self, worker: "_Worker") -> None:
        """Until the worker is gone."""
        asked_s, again_s = math.inf, 0.0
        while not worker.gone:
            now = time.monotonic()
            if self._stop and now >= again_s:
                asked_s, again_s = min(asked_s, now), now + 1.0
                worker.kill(signal.SIGTERM)
            ends_s = min(asked_s, worker.ends_s)
            if ends_s < math.inf:
                limit, why = ends_s + STOP_S, f"did not end within {STOP_S:g} s and was killed"
            elif worker.ready:
                limit, why = worker.sign_s + self._stall_s, "hung and was killed"
            else:
                limit, why = worker.sign_s + self._start_s, "did not begin and was killed"
            if now >= limit:
                worker.end(why)
                return
            for state in worker.states(min(limit - now, 0.2)):
                self._told(worker, state)
            if worker.ready and ends_s == math.inf:
                self._minder.tick(now)
            if not worker.ready or ends_s < math.inf:
                self._manager.send("WATCHDOG=1")  # it begins or ends, within the limit above
        worker.end("")

    def _told(self, worker: "_Worker", state: bytes) -> None:
        if state == b"READY=1":
            worker.begun()
            if self._told_ready:
                return
            self._told_ready = True
            self._minder.begin()
        if state == b"STOPPING=1":
            worker.ends_s = time.monotonic()
            if not self._stop:
                return  # this worker stops; whether the service does is not for it to say
        self._manager.send(state.decode("ascii", "replace"))


class _Worker:
    """One forked process and the pipe it speaks through."""

    def __init__(self, work: Work, forked: Callable[[], None] = lambda: None) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        keeper = os.getpid()
        ours, theirs = os.pipe()
        # a signal in between would be noted by the child as if it were the keeper, and lost
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _ASKED)
        try:
            self.pid = os.fork()
            if self.pid == 0:
                os.close(ours)
                forked()
                _work(work, theirs, keeper, before)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(theirs)
        self._fd = ours
        self.sign_s = time.monotonic()
        self._ready_s = math.inf
        self._rest = b""
        self.ready = False
        self.gone = False
        self.code: int | None = None
        """By its own word."""
        self.returned = False
        self.ends_s = math.inf
        """When it said that it ends."""
        self.why = ""

    @property
    def worked_s(self) -> float:
        """How long it has worked by its signs of life, s."""
        return self.sign_s - self._ready_s

    def begun(self) -> None:
        """It has told that it is ready."""
        self.ready, self._ready_s = True, time.monotonic()

    def kill(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def states(self, wait_s: float) -> list[bytes]:
        """What the worker tells within ``wait_s``; it is ``gone`` when its end of the pipe is."""
        try:
            if not select.select([self._fd], [], [], max(0.0, wait_s))[0]:
                return []
            part = os.read(self._fd, 4096)
        except InterruptedError:
            return []
        if not part:
            self.gone = True
            return []
        self.sign_s = time.monotonic()
        *lines, self._rest = (self._rest + part).split(b"\n")
        told = []
        for line in lines:
            word = next((w for w in (_ENDED, _FAILED) if line.startswith(w)), None)
            if word is not None:
                self.code, self.returned = int(line[len(word) :]), word == _ENDED
            else:
                told.append(line)
        return told

    def end(self, why: str) -> None:
        """Be sure that it is gone, and know of what."""
        os.close(self._fd)
        if why:
            self.kill(signal.SIGKILL)
        elif self.code is None:
            # its pipe is closed: it is about to be gone, unless it closed what it should not
            deadline = time.monotonic() + 1.0
            while time.monotonic() < deadline and not os.waitid(
                os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT
            ):
                time.sleep(0.01)
            self.kill(signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSIGNALED(status) and not why:
            why = f"was ended by {signal.Signals(os.WTERMSIG(status)).name}"
        self.why = why or f"ended with an error ({os.waitstatus_to_exitcode(status)})"


def _work(work: Work, fd: int, keeper: int, mask: set[int]) -> None:
    """In the forked process: work, tell how it ended, and be gone."""
    code = EXIT_PROBLEM
    try:
        for number in _ASKED:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        die_with(keeper)  # one daemon on the bus at a time
        os.set_blocking(fd, False)
        line = _Line(fd)
        try:
            code = work(line)
            line.send(f"ENDED {code}")
        except GaitpiError as error:
            code = error.exit_code
            print(f"gaitpi: {error}", file=sys.stderr)
            line.send(f"FAILED {code}")
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)  # nothing of the keeper's is to be tidied up here
