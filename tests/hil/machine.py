"""A guest: booted, spoken to over its serial line, and cut off from its power."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from tests.hil.build import CHECKOUT, GUEST, Guest

BOOT_S: Final = 180.0
"""A guest that is not up by then never will be."""
MEMORY: Final = "768M"
_OFF: Final = re.compile(r"reboot: (Power down|System halted|Restarting)")


class Done(NamedTuple):
    """A command that ended with ``code`` (None: it did not end in time) and printed ``out``."""

    code: int | None
    out: str


class GuestError(AssertionError):
    """The guest did not do what every guest does; the text ends with its console."""


def device_tree(guest: Guest, folder: Path, chip: str = "") -> Path:
    """The compiled device tree of a guest whose devices listen in ``folder``."""
    text = (GUEST / "devices.dts").read_text()
    text = text.replace("FOLDER", str(folder)).replace("CHIP", chip)
    out = folder / "devices.dtb"
    argv = [str(guest.dtc), "-q", "-I", "dts", "-O", "dtb", "-o", str(out), "-"]
    subprocess.run(argv, input=text.encode(), check=True)
    return out


class Machine:
    """A guest on disk ``disk`` (a copy-on-write file over the image; kept when it ends).

    ``folder`` holds the sockets of the devices; ``share`` appears in the guest as /mnt/share.
    ``options`` are words for the kernel's command line; ``chip`` a node of the device tree under
    the I2C bus. It is up when the constructor returns. Raises GuestError.
    """

    def __init__(
        self,
        guest: Guest,
        disk: Path,
        folder: Path,
        share: Path,
        *,
        options: tuple[str, ...] = (),
        chip: str = "",
    ) -> None:
        self.console: list[tuple[float, str]] = []
        self.began_s = time.monotonic()
        self.off_s: float | None = None
        # its socket's name has a limit of 108 bytes
        self._state = tempfile.mkdtemp(prefix="uml-")
        ours, theirs = socket.socketpair()
        self._line = ours
        argv = [
            str(guest.kernel),
            f"mem={MEMORY}",
            f"ubd0={disk},{guest.disk}",
            "root=/dev/ubda",
            "rw",
            "con0=null,fd:1",
            "con=null",
            f"ssl0=fd:{theirs.fileno()}",
            "ssl=null",
            f"uml_dir={self._state}",
            "umid=guest",
            f"dtb={device_tree(guest, folder, chip)}",
            "quiet",
            "loglevel=4",
            "systemd.show_status=0",
            f"bench.checkout={CHECKOUT}",
            f"bench.share={share}",
            *options,
        ]
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,  # the processes that it forks end with its group
        )
        theirs.close()
        self._listener = threading.Thread(target=self._listen, name="console", daemon=True)
        self._listener.start()
        self._held = b""
        try:
            self._until_ready()
        except BaseException:
            self.cut()
            raise

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            text = line.decode(errors="replace").rstrip()
            self.console.append((time.monotonic() - self.began_s, text))
            if _OFF.search(text):
                self.off_s = time.monotonic()

    def _until_ready(self) -> None:
        end = time.monotonic() + BOOT_S
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise GuestError(f"the guest's kernel ended at once:\n{self.tail()}")
            try:
                if self._answer(1.0).get("ready"):
                    self.up_s = time.monotonic()
                    return
            except TimeoutError:
                continue
        raise GuestError(f"the guest was not up after {BOOT_S:.0f} s:\n{self.tail()}")

    def _answer(self, timeout: float) -> dict[str, object]:
        end = time.monotonic() + timeout
        while True:
            while b"\n" in self._held:
                line, self._held = self._held.split(b"\n", 1)
                with contextlib.suppress(ValueError):
                    found = json.loads(line)
                    if isinstance(found, dict):
                        return found
            self._line.settimeout(max(0.01, end - time.monotonic()))
            part = self._line.recv(65536)
            if not part:
                raise GuestError(f"the guest hung up:\n{self.tail()}")
            self._held += part

    def tail(self, lines: int = 30) -> str:
        """The last lines of the console."""
        return "\n".join(f"{at:8.2f} {text}" for at, text in self.console[-lines:])

    def run(self, *argv: str, timeout: float = 60.0, text: str = "") -> Done:
        """Run a command in the guest as root, with ``text`` to read. Raises GuestError."""
        command = {"argv": list(argv), "timeout": timeout, "input": text}
        self._line.settimeout(None)
        self._line.sendall(json.dumps(command).encode() + b"\n")
        try:
            found = self._answer(timeout + 30.0)
        except TimeoutError as error:
            raise GuestError(f"no answer to {' '.join(argv)}:\n{self.tail()}") from error
        code = found["code"]
        assert code is None or isinstance(code, int)
        return Done(code, str(found["out"]))

    def must(self, *argv: str, timeout: float = 60.0, text: str = "") -> str:
        """Run a command that has to succeed; what it printed. Raises GuestError."""
        done = self.run(*argv, timeout=timeout, text=text)
        if done.code != 0:
            raise GuestError(f"{' '.join(argv)} gave {done.code}:\n{done.out}\n{self.tail(8)}")
        return done.out

    def shell(self, script: str, timeout: float = 60.0) -> str:
        """Run lines of shell that have to succeed; what they printed. Raises GuestError."""
        return self.must("/bin/sh", "-e", "-c", script, timeout=timeout)

    def python(self, script: str, timeout: float = 60.0) -> str:
        """Run lines of Python with gaitpi's packages that have to succeed. Raises GuestError."""
        return self.must("/opt/gaitpi/current/bin/python", "-", timeout=timeout, text=script)

    def wait(
        self, condition: Callable[[], bool], seconds: float, what: str, every_s: float = 0.1
    ) -> float:
        """Wait for ``condition``; how long it took, s. Raises GuestError when it does not come."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > seconds:
                raise GuestError(f"not within {seconds:.0f} s: {what}\n{self.tail(10)}")
            time.sleep(every_s)
        return time.monotonic() - began

    @property
    def running(self) -> bool:
        """Whether it is under power."""
        return self._process.poll() is None

    def off(self, seconds: float = 60.0) -> None:
        """Shut down in order; the power goes when the kernel says so."""
        with contextlib.suppress(GuestError, OSError):
            self.run("systemctl", "poweroff", "--no-block", timeout=10.0)
        end = time.monotonic() + seconds
        while self.running and self.off_s is None and time.monotonic() < end:
            time.sleep(0.05)
        orderly = self.off_s is not None
        time.sleep(0.2)
        self.cut()
        if not orderly:
            raise GuestError(f"the guest did not shut down in {seconds:.0f} s:\n{self.tail()}")

    def cut(self) -> None:
        """The power goes, now: what was not synced is lost. Again does nothing."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._listener.join(5.0)
        if self._process.stdout is not None and not self._listener.is_alive():
            self._process.stdout.close()
        self._line.close()
        shutil.rmtree(self._state, ignore_errors=True)
