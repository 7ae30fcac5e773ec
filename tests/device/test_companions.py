"""Programs beside the daemon: real processes, minded by somebody who never waits for them."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from gaitpi.ble.readings import Heart, packed
from gaitpi.device.companions import NICE, OOM_SCORE, Companion, Companions, python, socket_pair

SLEEPS = "import sys, time; print('here', flush=True); time.sleep(600)"


class Bench:
    """Companions, and what was said of them."""

    def __init__(self, *companions: Companion, look_s: float = 0.05) -> None:
        self.said: list[str] = []
        waits = (0.05, 0.1)
        self.all = Companions(companions, self.said.append, look_s=look_s, wait_s=waits)

    def until(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + 60.0
        while not true():
            assert time.monotonic() < end, self.said
            self.all.tick()
            time.sleep(0.01)


Make = Callable[..., Bench]


@pytest.fixture
def bench() -> Iterator[Make]:
    made: list[Bench] = []

    def make(*companions: Companion, look_s: float = 0.05) -> Bench:
        made.append(Bench(*companions, look_s=look_s))
        return made[-1]

    yield make
    for one in made:
        one.all.end()


def script(text: str) -> Sequence[str]:
    return [sys.executable, "-c", text]


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_is_humble_and_is_told_of_once(bench: Make) -> None:
    found = bench(Companion("Radio", script(SLEEPS)))
    found.until(lambda: bool(found.said))
    assert found.said == ["Radio: here"]
    (pid,) = found.all.pids
    assert os.getpriority(os.PRIO_PROCESS, pid) == NICE
    assert int(Path(f"/proc/{pid}/oom_score_adj").read_text()) == OOM_SCORE
    found.all.end()
    assert not lives(pid)


def test_it_begins_and_ends_with_the_pairing(bench: Make, tmp_path: Path) -> None:
    paired = tmp_path / "paired"
    found = bench(Companion("Radio", script(SLEEPS), paired.exists))
    for _ in range(30):
        found.all.tick()
        time.sleep(0.01)
    assert found.all.pids == []
    paired.touch()
    found.until(lambda: bool(found.all.pids))
    (pid,) = found.all.pids
    paired.unlink()
    found.until(lambda: not found.all.pids)
    assert not lives(pid)
    assert found.said in ([], ["Radio: here"])


def test_a_look_that_hangs_or_fails_changes_nothing(bench: Make, tmp_path: Path) -> None:
    """The card does not answer: whoever looks at it waits, the keeper does not."""
    state = tmp_path / "state"

    def wanted() -> bool:
        if state.exists():
            if state.read_text() == "hangs":
                time.sleep(600)
            raise OSError("the card is out")
        return True

    found = bench(Companion("Radio", script(SLEEPS), wanted))
    found.until(lambda: bool(found.all.pids))
    pids = found.all.pids
    for kind in ("raises", "hangs"):
        state.write_text(kind)
        slowest = 0.0
        for _ in range(40):
            began = time.perf_counter()
            found.all.tick()
            slowest = max(slowest, time.perf_counter() - began)
            time.sleep(0.01)
        assert slowest < 5.0
        assert found.all.pids == pids


def test_one_that_keeps_ending_is_begun_anew_with_patience(bench: Make, tmp_path: Path) -> None:
    log = tmp_path / "log"
    text = f"open({str(log)!r}, 'a').write('x'); import os; os.kill(os.getpid(), 9)"
    found = bench(Companion("Radio", script(text)))
    began = time.monotonic()
    found.until(lambda: log.exists() and len(log.read_text()) >= 4)
    assert time.monotonic() - began >= 0.05 + 0.1 + 0.1
    assert found.said == ["Radio: was ended by SIGKILL; it is started anew"]


def test_one_that_cannot_be_started_is_said_once(bench: Make) -> None:
    found = bench(Companion("Radio", ["/nowhere/python"]))
    found.until(lambda: len(found.said) >= 2)
    for _ in range(30):
        found.all.tick()
        time.sleep(0.02)
    assert sorted(found.said) == [
        "Radio: has ended (1); it is started anew",
        "Radio: it cannot be started: [Errno 2] No such file or directory: '/nowhere/python'",
    ]


def test_one_that_spews_is_not_listened_to_for_long(bench: Make) -> None:
    text = "import itertools\nfor k in itertools.count(): print('\\x1b[2J', 'line', k, 'x' * 5000)"
    found = bench(Companion("Radio", script(text)))
    slowest, end = 0.0, time.monotonic() + 1.5
    while time.monotonic() < end:
        began = time.perf_counter()
        found.all.tick()
        slowest = max(slowest, time.perf_counter() - began)
    assert slowest < 1.0
    assert len(found.said) <= 31
    assert all(len(line) < 1500 and line.isprintable() for line in found.said)


def test_one_that_does_not_end_is_killed(bench: Make) -> None:
    text = "import signal, time; signal.signal(15, signal.SIG_IGN)\nprint('deaf', flush=True)\n"
    found = bench(Companion("Radio", script(text + "time.sleep(600)")))
    found.until(lambda: found.said == ["Radio: deaf"])
    (pid,) = found.all.pids
    found.all.end()
    assert not lives(pid)


def test_what_it_sends_arrives_whoever_reads(bench: Make) -> None:
    """The socket outlives the program: what one sent before it died is read after it."""
    ours, theirs = socket_pair()
    text = (
        "import os, sys, time\nfd = int(sys.argv[sys.argv.index('--fd') + 1])\n"
        "os.write(fd, str(os.getpid()).encode())\ntime.sleep(0.3)"
    )
    found = bench(Companion("Radio", script(text), end=theirs))
    pids: list[int] = []

    def heard() -> bool:
        try:
            pids.append(int(ours.recv(100)))
        except BlockingIOError:
            return False
        return len(pids) >= 2

    found.until(heard)
    assert len(set(pids)) == 2
    ours.close()
    theirs.close()


def test_nobody_reads_and_nobody_waits() -> None:
    ours, theirs = socket_pair()
    data = packed(Heart(time_s=1.0, bpm=60))
    sent = read = 0
    with contextlib.suppress(BlockingIOError):
        while theirs.send(data):
            sent += 1
    with contextlib.suppress(BlockingIOError):
        while ours.recv(100):
            read += 1
    assert 0 < sent == read
    for end in (ours, theirs):
        end.close()


def parent_of(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


KEEPER = """
import os, signal, sys, time
from pathlib import Path
from gaitpi.device import companions
from gaitpi.device.companions import Companion, Companions, socket_pair
from gaitpi.device.keeper import Keeper
from gaitpi.device.notify import Notifier

folder = Path(sys.argv[1])
ours, theirs = socket_pair()
PROGRAM = '''
import os, sys, threading, time
fd = int(sys.argv[sys.argv.index("--fd") + 1])
while True:
    try:
        os.write(fd, str(os.getpid()).encode())
    except BlockingIOError:
        pass
    time.sleep(0.01)
'''

def worker(keeper):
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    if theirs.fileno() >= 0:
        (folder / "kept").touch()
    keeper.send("READY=1")
    while not stop:
        time.sleep(0.02)
        keeper.send("WATCHDOG=1")
        try:
            told = ours.recv(100).decode()
        except BlockingIOError:
            continue
        with open(folder / "heard", "a") as file:
            file.write(f"{os.getpid()} {told}\\n")
    (folder / "worker-ended").write_text(str(time.monotonic()))
    return 0

companions.ANEW_S = 0.5
minded = Companions([Companion("Radio", [sys.executable, "-c", PROGRAM], end=theirs)], print)
print(len(os.listdir("/proc/self/task")), flush=True)
sys.exit(Keeper(worker, Notifier(), print, companions=minded, stall_s=30.0).run())
"""


def test_the_keeper_minds_it_across_workers_and_ends_it(tmp_path: Path) -> None:
    """The same companion and socket serve the next worker; with the keeper all are gone."""
    argv = [sys.executable, "-c", KEEPER, str(tmp_path)]
    keeper = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:

        def heard() -> list[tuple[int, int]]:
            path = tmp_path / "heard"
            lines = path.read_text().splitlines() if path.exists() else []
            rows = [line.split() for line in lines]
            return [(int(row[0]), int(row[1])) for row in rows if len(row) == 2]

        def until(true: Callable[[], bool]) -> None:
            end = time.monotonic() + 60.0
            while not true():
                assert time.monotonic() < end
                time.sleep(0.02)

        until(lambda: len(heard()) >= 3)
        worker, radio = heard()[0]
        tasks = list(Path(f"/proc/{keeper.pid}/task").iterdir())
        assert len(tasks) == 1  # the keeper has no threads, whatever it minds
        os.kill(worker, signal.SIGKILL)
        until(lambda: heard()[-1][0] != worker)
        assert heard()[-1][1] == radio
        os.kill(radio, signal.SIGKILL)
        until(lambda: heard()[-1][1] != radio)
        radio = heard()[-1][1]
        minder = parent_of(radio)
        assert parent_of(minder) == keeper.pid
        os.kill(minder, signal.SIGKILL)
        until(lambda: heard()[-1][1] != radio)
        until(lambda: not Path(f"/proc/{radio}").exists())  # it died of that
        radio = heard()[-1][1]
        keeper.terminate()
        out, _ = keeper.communicate(timeout=60.0)
        assert keeper.returncode == 0, out
        assert "The daemon was ended by SIGKILL; it is started anew." in out
        assert "Radio: was ended by SIGKILL; it is started anew" in out
        assert not lives(radio)
        assert not (tmp_path / "kept").exists()  # a worker has no hand on the radio's end
    finally:
        if keeper.poll() is None:
            keeper.kill()
            keeper.wait()


def test_it_does_not_outlive_a_killed_keeper(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", KEEPER, str(tmp_path)]
    keeper = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    path = tmp_path / "heard"
    end = time.monotonic() + 60.0
    while not (path.exists() and path.read_text().count("\n") >= 2):
        assert time.monotonic() < end
        time.sleep(0.02)
    radio = int(path.read_text().splitlines()[0].split()[1])
    keeper.kill()
    keeper.wait()
    while lives(radio):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_module_of_ours_is_run_without_the_users_path() -> None:
    assert python("gaitpi.ble.central", "--adapter", "hci1")[1:] == [
        *("-sP", "-m", "gaitpi.ble.central"),
        *("--adapter", "hci1"),
    ]


def test_a_socket_of_ours_is_local() -> None:
    ours, theirs = socket_pair()
    assert {ours.family, theirs.family} == {socket.AF_UNIX}
    assert [end.getblocking() for end in (ours, theirs)] == [False, False]
    ours.close()
    theirs.close()
