"""A guest with its bench, and what every scenario does with the two."""

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np

from gaitpi.imu.chips import twins
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.source import SignalSource
from gaitpi.imu.virtual.story import Phase
from gaitpi.runs.reader import RunReader
from gaitpi.runs.schema import SUFFIX
from tests.hil.bench import Make, RemoteBench
from tests.hil.build import CHECKOUT, WHEELS, Guest, keep
from tests.hil.gpiochip import Edge
from tests.hil.machine import Machine
from tests.hil.observer import Heard, sounds

BUZZER: Final = 18
LED: Final = 17
UNIT: Final = "gaitpi.service"
GAITPI: Final = "/opt/gaitpi/current/bin/gaitpi"
RUNS: Final = "/var/lib/gaitpi/runs"
PAIRED: Final = "ble.jsonl"
CONFIG: Final = """\
[coach]
target_spm = 172.0
warmup_s = 0.0

[cues]
buzzer = "active"
pwm = "software"

[runs]
auto = "off"
"""
"""A buzzer that is on or off: its pin shows the rhythm itself. A run begins with the daemon."""


def make_of(part: str) -> Make:
    """The virtual part of that name."""
    return next(twin.make for twin in twins() if twin.part == part)


def runner(*phases: Phase, seed: int = 1) -> SignalSource:
    """Somebody who stands still for 3 s, and then does these phases."""
    return SimulatedRunner((Phase("stand", 3.0), *phases), RunnerParams(seed=seed))


def steady(seconds: float = 600.0) -> SignalSource:
    """Somebody who runs on and on at the target."""
    return runner(Phase("run", seconds, cadence_spm=172.0))


class Station:
    """Power, a disk, a sensor, a button and a logic analyser."""

    def __init__(self, guest: Guest, warm: Path | None, folder: Path) -> None:
        # the name of a socket has a limit of 108 bytes
        self._sockets = Path(tempfile.mkdtemp(prefix="hil-"))
        self.folder = folder
        self.share = folder / "share"
        self.share.mkdir(parents=True)
        self.configure(CONFIG)
        self.disk = folder / "disk.cow"
        self._warm = warm
        self._guest = guest
        self._fresh_disk()
        self.bench = RemoteBench(self._sockets)
        self._machine: Machine | None = None

    @property
    def machine(self) -> Machine:
        """The guest under power."""
        assert self._machine is not None
        return self._machine

    def _fresh_disk(self) -> None:
        if self._warm is not None:
            shutil.copyfile(self._warm, self.disk)

    def revive(self) -> None:
        """A guest that an earlier scenario has left dead is begun anew."""
        if not self.machine.running:
            self.machine.cut()
            self._fresh_disk()
            self.boot()

    def boot(self, *options: str, chip: str = "", live: bool = True) -> Machine:
        """Power on, and wait until it takes commands.

        ``live``: the package of the checkout lies over the installed one (guest/setup.sh).
        """
        options += ("bench.live",) * live
        self._machine = Machine(
            self._guest, self.disk, self._sockets, self.share, options=options, chip=chip
        )
        return self._machine

    def close(self) -> None:
        """Everything off."""
        if self._machine is not None:
            self._machine.cut()
        self.bench.close()
        shutil.rmtree(self._sockets, ignore_errors=True)

    def configure(self, text: str) -> None:
        """The configuration file of the daemon."""
        (self.share / "config.toml").write_text(text)

    # -- the daemon --

    def start(self, source: SignalSource | None = None, part: str = "MPU-6050") -> float:
        """Put on a sensor (or leave the one there), start the daemon anew; how long it took, s."""
        self.stop()
        # what is paired is the pack's, not a run's
        self.machine.shell(
            f"[ ! -d {RUNS} ] || find {RUNS} -mindepth 1 ! -name {PAIRED} -delete\n"
            "systemctl reset-failed"
        )
        if source is not None:
            self.bench.plug(make_of(part), source)
        began = time.monotonic()
        self.machine.must("systemctl", "start", UNIT, timeout=120.0)
        return time.monotonic() - began

    def stop(self) -> None:
        """Stop the daemon in order; the run is closed."""
        self.machine.must("systemctl", "stop", UNIT)

    def install(self, *options: str) -> str:
        """``make install`` from the checkout, as on a Pi but without a network; what it said."""
        arguments = " ".join((f"--offline --wheels /{WHEELS}", *options))
        make = ("make", "--no-print-directory", "-C", "/mnt/checkout", "install")
        return self.machine.must(*make, f"ARGS={arguments}", timeout=1500.0)

    def active(self) -> bool:
        """Whether systemd calls it running and ready."""
        return self.machine.run("systemctl", "is-active", UNIT).out.strip() == "active"

    def property(self, name: str) -> str:
        """What systemd says of the unit."""
        return self.machine.must("systemctl", "show", "-P", name, UNIT).strip()

    def pid(self) -> str:
        """The process in the guest that does the work, by its own word; the keeper is another."""
        return str(json.loads(self.machine.must("cat", "/run/gaitpi/status.json"))["pid"])

    def status(self) -> dict[str, Any]:
        """``gaitpi status --json``."""
        done = self.machine.run(GAITPI, "status", "--json")
        found = json.loads(done.out)
        assert isinstance(found, dict)
        return found

    def counters(self) -> dict[str, int]:
        """Faults by name, as the daemon counts them."""
        status = self.status()["status"] or {}
        found = status.get("counters", {})
        assert isinstance(found, dict)
        return found

    def journal(self, lines: int = 60) -> str:
        """What the daemon said lately."""
        return self.machine.must("journalctl", "-u", UNIT, "-o", "cat", "-n", str(lines))

    def runs(self) -> list[Path]:
        """The run files of the guest, oldest first, brought here (the daemon has ended)."""
        names = self.machine.shell(f"ls {RUNS} | sort").split()
        return [self.fetch(f"{RUNS}/{name}") for name in names if name.endswith(SUFFIX)]

    def fetch(self, path: str) -> Path:
        """A file of the guest, through the folder they share."""
        name = Path(path).name
        self.machine.shell(f"cp {path} /mnt/share/{name}; sync /mnt/share/{name}")
        return self.share / name

    def run_file(self) -> Path:
        """Stop the daemon; its only run file."""
        self.stop()
        (path,) = self.runs()
        return path

    def boot_s(self) -> float:
        """The host's time when the guest's clock was 0, to some 20 ms."""
        before = self.bench.now()
        uptime = float(self.machine.must("cat", "/proc/uptime").split()[0])
        return float((before + self.bench.now()) / 2.0 - uptime)

    # -- outside --

    def heard(self, since_s: float = 0.0, line: int = BUZZER) -> list[Heard]:
        """The sounds on the buzzer's pin since then."""
        return sounds(self.bench.edges(since_s), line)

    def rising(self, line: int, since_s: float, seconds: float) -> float:
        """Wait for the line to go up; when it did."""

        def found() -> list[float]:
            edges: list[Edge] = self.bench.edges(since_s)
            return [edge.time_s for edge in edges if edge.line == line and edge.level]

        self.machine.wait(lambda: bool(found()), seconds, f"line {line} goes up", every_s=0.01)
        return found()[0]

    def kill_all(self, line: int) -> tuple[float, bool]:
        """SIGKILL to all of the service; when, and whether the line was up then."""
        group = f"/sys/fs/cgroup{self.property('ControlGroup')}"
        before = self.bench.now()
        # at once: systemctl would take some tenths of a second to be there
        self.machine.shell(f"echo 1 >{group}/cgroup.kill")
        return before, bool(self._level(line, before))

    def silent_after(self, line: int, since_s: float, seconds: float) -> float:
        """How long after ``since_s`` the line went down, by all it did in so many ``seconds``."""
        time.sleep(max(0.0, since_s + seconds - self.bench.now()))
        if self._level(line, self.bench.now()):
            return seconds
        edges: list[Edge] = self.bench.edges(since_s)
        return max((e.time_s - since_s for e in edges if e.line == line and not e.level), default=0)

    def _level(self, line: int, time_s: float) -> int:
        edges = [edge for edge in self.bench.edges() if edge.line == line]
        before = [edge.level for edge in edges if edge.time_s <= time_s]
        return int(before[-1]) if before else 0

    def until(self, name: str, seconds: float, since_s: float = 0.0) -> Heard:
        """Wait for the sound ``name``; it and the time it began."""

        def found() -> list[Heard]:
            return [sound for sound in self.heard(since_s) if sound.name == name]

        self.machine.wait(lambda: bool(found()), seconds, f"the sound {name}")
        return found()[0]

    def until_true(self, condition: Callable[[], bool], seconds: float, what: str) -> float:
        """Wait; how long it took, s."""
        return self.machine.wait(condition, seconds, what)


def warm_disk(guest: Guest, scratch: Path) -> Path:
    """A disk on which gaitpi was installed as on a Pi, and shut down; the service is disabled.

    Kept like the guest itself. ``scratch`` is a folder to work in.
    """

    def make(folder: Path) -> None:
        station = Station(guest, None, scratch / "station")
        try:
            machine = station.boot(live=False)
            began = time.monotonic()
            print(f"\n{station.install()}", flush=True)
            print(f"make install took {time.monotonic() - began:.0f} s.", flush=True)
            machine.must("systemctl", "disable", "--now", UNIT)
            machine.off()
            station.disk.rename(folder / "disk.cow")
        finally:
            station.close()

    return keep("warm", f"{guest.disk.parent.name}-{_sources()}", make) / "disk.cow"


def _sources() -> str:
    """A name for what an installation is made of, and for the estimator."""
    text = hashlib.sha256((CHECKOUT / "pyproject.toml").read_bytes())
    device = CHECKOUT / "gaitpi/device"
    paths = (
        *sorted((CHECKOUT / "gaitpi/gait").glob("*.py")),
        *(device / f"{name}.py" for name in ("install", "layout", "release")),
        *sorted((CHECKOUT / "systemd").iterdir()),
    )
    for path in paths:
        text.update(path.read_bytes())
    return text.hexdigest()[:16]


def last_sample_s(path: Path) -> float:
    """The guest's time of the last sample in a run file."""
    with RunReader(path) as run:
        return run.header.anchor.mono_s + float(list(run.blocks())[-1].times()[-1])


GAP_S: Final = 0.05
"""Longer between two samples is a gap, s."""
STILL_S: Final = 0.2
"""A guest that stood still for so long may have lost samples by that, s."""
FIFO_S: Final = 0.5
"""What is lost was measured at most so long after the reading stopped, s."""


def longest_gap(path: Path, still: Iterable[tuple[float, float]] = ()) -> float:
    """Longest time between two samples of a run file, s; each that is longer than usual is said.

    Not counted is one while the guest as a whole stood ``still`` (from, to, by its clock; s) for
    ``STILL_S``: less than that the sensor's memory bridges.
    """
    with RunReader(path) as run:
        zero_s = run.header.anchor.mono_s
        times = np.concatenate([block.times() for block in run.blocks()])
    gaps = np.diff(times)
    longest = float(gaps[gaps <= GAP_S].max())
    for at in np.flatnonzero(gaps > GAP_S):
        begin, end = zero_s + times[at], zero_s + times[at + 1]
        stood = [b - a for a, b in still if b - a >= STILL_S and a < end and b > begin - FIFO_S]
        print(
            f"gap of {gaps[at]:.3f} s at {begin:.2f} by the guest's clock; it stood still: {stood}"
        )
        if not stood:
            longest = max(longest, float(gaps[at]))
    return longest


def events(path: Path, kind: str) -> list[dict[str, Any]]:
    """The events of a kind in a run file, with their time."""
    with RunReader(path) as run:
        return [
            {"time_s": event.time_s, **json.loads(event.detail)}
            for event in run.events()
            if event.kind == kind
        ]
