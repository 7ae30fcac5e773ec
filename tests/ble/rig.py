"""A private D-Bus, the fake BlueZ on it, and the real central, as programs of their own."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

from gaitpi import pairedfile
from gaitpi.ble.readings import Heart, Link, Pod, Reading, Role, unpacked

ROOT: Final = Path(__file__).parents[2]
STRAP: Final = "F0:0D:00:00:00:01"
POD: Final = "F0:0D:00:00:00:02"
LONG_S: Final = 40.0
"""Longest wait for something that should come in a second or few: the machine may be busy."""

_BUS: Final = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>custom</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/>
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>{more}</policy></busconfig>
"""
DENY: Final = '<deny send_destination="org.bluez"/>'
"""Policy of a bus for which this user is in no group."""

T = TypeVar("T")


def dbus_or_skip() -> None:
    """Skip where there is no dbus-daemon or no bleak, unless they are required."""
    lacks = [] if shutil.which("dbus-daemon") else ["dbus-daemon"]
    try:
        import bleak  # noqa: F401
    except ImportError:
        lacks.append("bleak")
    if lacks:
        what = f"no {' and no '.join(lacks)} here"
        if os.environ.get("GAITPI_DBUS") == "required":
            pytest.fail(what)
        pytest.skip(what)


class Bus:
    """A dbus-daemon in a folder of its own."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.path = folder / "bus"
        self.environ_more: dict[str, str] = {}
        config = folder / "bus.conf"
        config.write_text(_BUS.format(path=self.path, more=more))
        self.process = subprocess.Popen(
            ("dbus-daemon", "--nofork", "--nopidfile", f"--config-file={config}"),
            stderr=subprocess.DEVNULL,
        )
        wait_for(self.path.exists)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a program that is to take it for the system's."""
        return {
            **os.environ,
            "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.path}",
            "PYTHONPATH": str(ROOT),
            "XDG_RUNTIME_DIR": str(self.path.parent),
            **self.environ_more,
        }

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


class Fake:
    """The fake BlueZ; a call becomes a line on its standard input."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            (sys.executable, "-m", "tests.ble.fakebluez"),
            env=dict(environ),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def __call__(self, do: str, **fields: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **fields}) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the fake BlueZ has ended"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def strap(self, **fields: Any) -> None:
        """A strap with a battery that beats at 72 bpm, eight times a second."""
        services = [
            (0x180D, [(0x2A37, ["notify"], "0048"), (0x2A38, ["read"], "01")]),
            (0x180F, [(0x2A19, ["read", "notify"], "58")]),
            (0x180A, [(0x2A29, ["read"], b"Fake".hex()), (0x2A24, ["read"], b"H1".hex())]),
        ]
        given = {"address": STRAP, "name": "FakeHRM", "services": services} | fields
        self("device", **given)
        self("beat", address=given["address"], uuid=0x2A37, values=["1648000f03"], every_s=0.2)

    def pod(self, **fields: Any) -> None:
        """A pod: 3 m/s, 170 steps a minute, running."""
        services = [(0x1814, [(0x2A53, ["notify"], "00000000"), (0x2A54, ["read"], "0700")])]
        given = {"address": POD, "name": "FakePod", "services": services} | fields
        self("device", **given)
        self("beat", address=given["address"], uuid=0x2A53, values=["040003aa"], every_s=0.2)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


class Central:
    """The real process, and the daemon's end of its socket."""

    def __init__(
        self, environ: Mapping[str, str], paired: Path, *more: str, usual: bool = False
    ) -> None:
        """``usual``: with the usual times, not the quick ones."""
        module = "gaitpi.ble.central" if usual else "tests.ble.quickcentral"
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # as little as there can be
        self.process = subprocess.Popen(
            (
                *(sys.executable, "-m", module),
                *("--fd", str(theirs.fileno()), "--paired", str(paired), *more),
            ),
            env=dict(environ),
            cwd=ROOT,
            pass_fds=(theirs.fileno(),),
            stderr=subprocess.PIPE,
            text=True,
        )
        theirs.close()
        self.heard: list[tuple[float, Reading]] = []
        self.odd = 0
        """Datagrams that are no reading."""

    def hear(self, seconds: float) -> list[Reading]:
        """What comes within so long."""
        before = len(self.heard)
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            self._take(left_s)
        return [reading for _, reading in self.heard[before:]]

    def until(self, wanted: Callable[[Reading], T | None], seconds: float = LONG_S) -> T:
        """Hear until one is as wanted; what ``wanted`` made of it."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            if self.process.poll() is not None:
                break
            reading = self._take(0.2)
            if reading is not None and (found := wanted(reading)):
                return found
        last = [one for _, one in self.heard[-5:]]
        raise AssertionError(f"it did not come within {seconds} s; the last were {last}")

    def _take(self, seconds: float) -> Reading | None:
        self.socket.settimeout(max(0.001, seconds))
        try:
            reading = unpacked(self.socket.recv(8192))
        except TimeoutError:
            return None
        if reading is None:
            self.odd += 1
            return None
        self.heard.append((time.monotonic(), reading))
        return reading

    def close(self) -> str:
        """End it in order; what it wrote on standard error."""
        self.socket.close()
        self.process.terminate()
        try:
            _, said = self.process.communicate(timeout=LONG_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, said = self.process.communicate()
            raise AssertionError(f"it did not end: {said}") from None
        return said


def link(role: Role, state: str, reason: str | None = None) -> Callable[[Reading], Link | None]:
    """For ``until``: the link of a role in a state."""

    def wanted(reading: Reading) -> Link | None:
        fits = isinstance(reading, Link) and reading.role == role and reading.state == state
        if fits and reason is not None and getattr(reading, "reason", "") != reason:
            return None
        return reading if fits and isinstance(reading, Link) else None

    return wanted


def is_heart(reading: Reading) -> Heart | None:
    """For ``until``."""
    return reading if isinstance(reading, Heart) else None


def is_pod(reading: Reading) -> Pod | None:
    """For ``until``."""
    return reading if isinstance(reading, Pod) else None


def wait_for(condition: Callable[[], T], seconds: float = LONG_S) -> T:
    """Until it is true."""
    end_s = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end_s, "it did not come to be"
        time.sleep(0.02)
    return found


class Rig:
    """All of it, and the file of paired devices."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paired = folder / "ble.jsonl"
        self._ends: list[Callable[[], object]] = []
        self.bus = self.opened(Bus(folder))
        self.bluez = self.opened(Fake(self.bus.environ))

    def opened(self, one: T) -> T:
        self._ends.append(getattr(one, "close"))  # noqa: B009
        return one

    def pair(self, *roles: Role) -> None:
        """As ``gaitpi ble pair`` would have."""
        address: dict[Role, str] = {"heart": STRAP, "pod": POD}
        pairedfile.add(
            self.paired,
            [pairedfile.Paired(wall_s=1.8e9, role=r, address=address[r], name=r) for r in roles],
        )

    def central(self, *more: str, usual: bool = False) -> Central:
        """Start the process."""
        return self.opened(Central(self.bus.environ, self.paired, *more, usual=usual))

    def close(self) -> None:
        for end in reversed(self._ends):
            end()


@contextlib.contextmanager
def rig(folder: Path) -> Iterator[Rig]:
    """A rig, and its end."""
    dbus_or_skip()
    made = Rig(folder)
    try:
        yield made
    finally:
        made.close()
