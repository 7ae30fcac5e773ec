"""The keeper, as a process of its own with real forks, signals and a real notify socket."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

WORK = """
import os, signal, sys, time
import gaitpi.device.keeper as keeper_module
from gaitpi.device.keeper import Keeper
from gaitpi.device.notify import Notifier
from gaitpi.errors import GaitpiError

kind, log = sys.argv[1], sys.argv[2]

def note(text):
    with open(log, "a") as file:
        file.write(f"{text} {os.getpid()} {time.monotonic()}\\n")

def worker(keeper):
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    before = open(log).read().count("begun")
    note("begun")
    if kind == "raises" and before == 0:
        keeper.send("READY=1")
        raise RuntimeError("as planned")
    if kind == "never":
        raise RuntimeError("never begins")
    if kind == "unready" and before == 1:
        raise GaitpiError("No sensor answers.")
    keeper.send("READY=1")
    if kind == "ends":
        return 3
    while not stop and kind != "power-off":
        time.sleep(0.02)
        if kind == "silent" and before == 0 and time.monotonic() % 1e9 > begun + 0.3:
            continue
        keeper.send("WATCHDOG=1")
    if kind in ("power-off", "slow-end"):
        keeper.send("STOPPING=1")
        time.sleep(1.5)  # longer than a hung one is given
    note("stopped")
    return 0

begun = time.monotonic()

def look(keeper):
    note("looked")
    if kind == "missing":
        return 1
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    keeper.send("READY=1")
    while not stop:
        time.sleep(0.02)
    return 0

def load():
    note("loaded")
    for _ in range(30 if kind == "slow-load" else 0):
        time.sleep(0.1)
        yield
    yield

if kind == "slow-load":
    keeper_module.LOOK_S = 1.0
looks = look if kind in ("looks", "missing", "slow-load") else None
stall_s = 60.0 if kind == "watched" else 1.0
keeper = Keeper(worker, Notifier(), print, look=looks, load=load, stall_s=stall_s, start_s=30.0)
sys.exit(keeper.run())
"""


class Kept:
    """A keeper under way."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.log = folder / "log"
        self.log.touch()
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._manager.bind(str(folder / "notify"))
        self._manager.setblocking(False)
        self._states: list[str] = []
        environ = {**os.environ, "NOTIFY_SOCKET": str(folder / "notify"), "PYTHONUNBUFFERED": "1"}
        argv = [sys.executable, "-c", WORK, kind, str(self.log)]
        self.process = subprocess.Popen(
            argv, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def lines(self, word: str) -> list[tuple[int, float]]:
        """(pid, time) of the notes that begin with a word."""
        rows = [line.split() for line in self.log.read_text().splitlines()]
        return [(int(pid), float(at)) for first, pid, at in rows if first == word]

    def begun(self, n: int) -> int:
        """Wait for the n-th worker; its pid."""
        self.until(lambda: len(self.lines("begun")) >= n)
        return self.lines("begun")[n - 1][0]

    def until(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + 60.0
        while not true():
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.01)

    def told(self) -> list[str]:
        """What the service manager was told so far."""
        while True:
            try:
                self._states.append(self._manager.recv(100).decode())
            except BlockingIOError:
                return self._states

    def end(self) -> tuple[int, str]:
        out, _ = self.process.communicate(timeout=60.0)
        return self.process.returncode, out

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self._manager.close()


Make = Callable[[str], Kept]


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Make]:
    made: list[Kept] = []

    def make(kind: str) -> Kept:
        made.append(Kept(tmp_path, kind))
        return made[-1]

    yield make
    for kept in made:
        kept.close()


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except FileNotFoundError:
        return True


def test_ends_with_its_worker(keep: Make) -> None:
    kept = keep("ends")
    assert kept.end()[0] == 3
    assert [s for s in kept.told() if s != "WATCHDOG=1"] == ["READY=1", "STOPPING=1"]
    assert len(kept.lines("begun")) == len(kept.lines("loaded")) == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_killed_worker_is_replaced_at_once(keep: Make, number: signal.Signals) -> None:
    kept = keep("works")
    first = kept.begun(1)
    kept.until(lambda: "READY=1" in kept.told())
    os.kill(first, number)
    second = kept.begun(2)
    assert second != first
    assert len(kept.lines("loaded")) == 1
    kept.process.terminate()
    code, out = kept.end()
    assert code == 0
    assert f"was ended by {number.name}; it is started anew" in out
    assert [pid for pid, _ in kept.lines("stopped")] == [second]
    assert kept.told().count("READY=1") == 1
    assert kept.told()[-1] == "STOPPING=1"


def test_a_hung_worker_is_killed_and_replaced(keep: Make) -> None:
    kept = keep("works")
    first = kept.begun(1)
    kept.until(lambda: kept.told().count("WATCHDOG=1") > 5)
    os.kill(first, signal.SIGSTOP)
    kept.begun(2)
    assert _gone(first)
    kept.process.terminate()
    code, out = kept.end()
    assert code == 0
    assert "hung and was killed" in out


def test_who_gives_no_sign_of_life_is_replaced(keep: Make) -> None:
    kept = keep("silent")
    first = kept.begun(1)
    kept.begun(2)
    assert _gone(first)


def test_the_manager_hears_of_the_workers_life_only(keep: Make) -> None:
    kept = keep("watched")  # it is long until one that hangs is replaced
    first = kept.begun(1)
    kept.until(lambda: kept.told().count("WATCHDOG=1") > 5)
    os.kill(first, signal.SIGSTOP)
    time.sleep(0.5)  # what is on its way arrives
    heard = len(kept.told())
    time.sleep(0.5)
    assert len(kept.told()) == heard


def test_an_error_in_the_worker_is_told_and_it_goes_on(keep: Make) -> None:
    kept = keep("raises")
    kept.begun(2)
    kept.process.terminate()
    code, out = kept.end()
    assert code == 0
    assert "RuntimeError: as planned" in out
    assert "ended with an error (1); it is started anew" in out
    assert kept.told().count("STOPPING=1") == 1


def test_who_could_begin_once_is_tried_again(keep: Make) -> None:
    kept = keep("unready")
    first = kept.begun(1)
    kept.until(lambda: "READY=1" in kept.told())
    os.kill(first, signal.SIGKILL)
    kept.begun(3)
    kept.process.terminate()
    assert kept.end()[0] == 0


def test_one_that_gets_nowhere_is_given_up(tmp_path: Path) -> None:
    script = WORK.replace(
        "from gaitpi.device.notify",
        "import gaitpi.device.keeper as k\nk.WAIT_S = (0.0,)\nfrom gaitpi.device.notify",
    )
    log = tmp_path / "log"
    log.touch()
    done = subprocess.run(
        [sys.executable, "-c", script, "never", str(log)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "giving up" in done.stdout
    assert log.read_text().count("begun") == 10


def test_a_worker_dies_with_its_keeper(keep: Make) -> None:
    kept = keep("works")
    worker = kept.begun(1)
    kept.until(lambda: "READY=1" in kept.told())
    kept.process.kill()
    kept.process.wait()
    kept.until(lambda: _gone(worker))
    assert kept.lines("stopped") == []


def test_what_takes_long_to_end_is_not_taken_for_hung(keep: Make) -> None:
    kept = keep("power-off")
    assert kept.end()[0] == 0
    assert len(kept.lines("begun")) == len(kept.lines("stopped")) == 1
    assert kept.told()[-1] == "STOPPING=1"


def test_a_slow_end_that_was_asked_for(keep: Make) -> None:
    kept = keep("slow-end")
    kept.begun(1)
    kept.until(lambda: "READY=1" in kept.told())
    kept.process.terminate()
    code, out = kept.end()
    assert code == 0
    assert "killed" not in out
    assert len(kept.lines("stopped")) == 1


def test_told_to_end_between_two_workers(tmp_path: Path) -> None:
    script = WORK.replace(
        "from gaitpi.device.notify",
        "import gaitpi.device.keeper as k\nk.WAIT_S = (5.0,)\nfrom gaitpi.device.notify",
    )
    log = tmp_path / "log"
    log.touch()
    argv = [sys.executable, "-c", script, "never", str(log)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    while "started anew" not in process.stdout.readline():
        pass
    began = time.monotonic()
    process.terminate()
    process.communicate(timeout=20.0)
    assert process.returncode == 0
    assert time.monotonic() - began < 4.0
    assert log.read_text().count("begun") == 1


def test_a_load_longer_than_the_look_is_given(keep: Make) -> None:
    """3 s of loading; what looks has told long ago that all is there."""
    kept = keep("slow-load")
    kept.begun(1)
    kept.process.terminate()
    assert kept.end()[0] == 0


def test_what_is_missing_ends_it_before_anything_is_begun(keep: Make) -> None:
    kept = keep("missing")
    assert kept.end()[0] == 1
    assert kept.lines("begun") == []


def test_looks_while_it_loads(keep: Make) -> None:
    kept = keep("looks")
    kept.begun(1)
    ((looked, _),) = kept.lines("looked")
    assert _gone(looked)
    kept.process.terminate()
    assert kept.end()[0] == 0
