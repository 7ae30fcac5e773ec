"""All that the doctor looks at, in one object: so that a fault can be put into any part of it."""

import contextlib
import ctypes
import grp
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gaitpi.ble.trouble import Trouble
from gaitpi.config import Config
from gaitpi.cues.button import Button
from gaitpi.cues.outputs import Outputs
from gaitpi.device.status import Status
from gaitpi.errors import GaitpiError, OutputError
from gaitpi.hostclock import HostClock
from gaitpi.imu.transport import Transport
from gaitpi.kernelcache import KERNELS

_STA_UNSYNC: Final = 0x40  # linux/timex.h
_STATUS_AT: Final = 40  # offset of struct timex's status on 64-bit Linux


@dataclass(frozen=True, slots=True)
class Person:
    """Who runs the doctor; ``groups`` those of this session, ``listed`` those of the group file."""

    name: str
    uid: int
    groups: frozenset[str]
    listed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The machine, the parts on it and the software.

    ``root`` stands for ``/``; ``config_file`` the file in use and ``config_problem`` what is wrong
    with it (then ``config`` holds the defaults); ``runs`` the folder of run files and ``cache``
    that of the compiled kernels; ``status`` what a daemon says of itself, when one is running.
    ``transport()``, ``outputs(said)`` and ``button()`` open the hardware and raise GaitpiError;
    ``may(path)`` whether it may be read and written; ``synchronised()`` whether the kernel's clock
    is set by the network, None = not known; ``load(seconds)`` keeps all cores busy;
    ``free_bytes(path)`` and ``sync_s(path)``, the seconds each of some synced writes took (raises
    OSError), are of the card; ``command`` runs a program and raises OSError with its words.
    ``ask`` puts a question to a person, None = nobody is there or no answer; ``say`` tells one
    something. ``has_pins`` False where there are no GPIO pins at all. ``bluetooth()`` is what is
    wrong with the radio, None for nothing. ``virtual``: the sensor is the virtual one, the pins
    too. ``kernels`` is where this gaitpi's own kernels lie.
    """

    root: Path
    config: Config
    config_file: Path
    config_problem: str
    runs: Path
    cache: Path
    status: Status | None
    clock: HostClock
    person: Person
    environ: Mapping[str, str]
    transport: Callable[[], Transport]
    outputs: Callable[[Callable[[str], None]], Outputs]
    button: Callable[[], Button]
    may: Callable[[Path], bool]
    synchronised: Callable[[], bool | None]
    load: Callable[[float], None]
    free_bytes: Callable[[Path], int]
    sync_s: Callable[[Path], Sequence[float]]
    command: Callable[[Sequence[str]], None]
    ask: Callable[[str], bool | None]
    say: Callable[[str], None]
    has_pins: bool
    bluetooth: Callable[[], Trouble | None] = lambda: None
    sound: bool = False
    virtual: bool = False
    kernels: Path = KERNELS

    def path(self, name: str) -> Path:
        """``name`` (as from ``/``, without it) under the root."""
        return self.root / name

    def text(self, name: str) -> str:
        """The text of a small file, empty where it cannot be read."""
        try:
            return self.path(name).read_text(errors="replace").strip("\0\n ")
        except OSError:
            return ""

    @property
    def model(self) -> str:
        """What the board calls itself; empty where it does not."""
        return self.text("proc/device-tree/model")

    @property
    def is_pi(self) -> bool:
        """Whether this is a Raspberry Pi."""
        return "Raspberry Pi" in self.model

    @property
    def node(self) -> Path:
        """The bus's device file."""
        return self.path(f"dev/i2c-{self.config.imu.bus}")

    @property
    def is_root(self) -> bool:
        """Whether system files may be changed."""
        return self.person.uid == 0

    @property
    def behind_sudo(self) -> bool:
        """Whether root acts for a user, whose rights and folders are meant."""
        return self.is_root and self.person.name != "root"


# ---------------------------------------------------------------------- the real ones


def this_person() -> Person:
    """Who is asking; behind sudo the user in front of it, with root's rights."""
    uid = os.geteuid()
    name = os.environ.get("SUDO_USER") or _user(uid)
    listed = {group.gr_name for group in grp.getgrall() if name in group.gr_mem}
    with contextlib.suppress(KeyError):
        listed.add(_group(pwd.getpwnam(name).pw_gid))
    return Person(name, uid, frozenset(map(_group, os.getgroups())), frozenset(listed))


def own_environment(environ: Mapping[str, str] = os.environ) -> Mapping[str, str]:
    """The environment of whoever is meant: behind sudo with the home of the user in front of it."""
    name = environ.get("SUDO_USER", "")
    if os.geteuid() or name in ("", "root"):
        return environ
    try:
        return {**environ, "HOME": pwd.getpwnam(name).pw_dir}
    except KeyError:
        return environ


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def may_use(path: Path) -> bool:
    """Whether this process may read and write ``path``."""
    return os.access(path, os.R_OK | os.W_OK)


def kernel_synchronised() -> bool | None:
    """Whether the kernel believes its clock to be synchronised (adjtimex); None = not known."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        timex = ctypes.create_string_buffer(256)  # modes = 0: only asks
        if libc.adjtimex(timex) >= 0:
            status = int.from_bytes(timex.raw[_STATUS_AT : _STATUS_AT + 4], sys.byteorder)
            return not status & _STA_UNSYNC
    return None


def busy_cores(seconds: float) -> None:
    """Keep every core busy, as a run hardly ever does."""
    spin = (sys.executable, "-S", "-c", "while True: pass")
    workers = [subprocess.Popen(spin) for _ in range(os.cpu_count() or 1)]
    try:
        time.sleep(seconds)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def free_bytes(folder: Path) -> int:
    """Bytes that may still be written where ``folder`` is or will be."""
    import shutil

    for path in (folder, *folder.absolute().parents):
        with contextlib.suppress(OSError):
            return shutil.disk_usage(path).free
    return 0


def sync_times(folder: Path, times: int = 20, size: int = 32_768) -> list[float]:
    """Seconds each of ``times`` writes of ``size`` bytes took until it was on the card.

    Raises OSError.
    """
    path = folder / f".doctor-{os.getpid()}"
    took = []
    try:
        with path.open("wb", buffering=0) as file:
            for _ in range(times):
                start = time.perf_counter()
                file.write(os.urandom(size))
                os.fsync(file.fileno())
                took.append(time.perf_counter() - start)
    finally:
        path.unlink(missing_ok=True)
    return took


def run_command(command: Sequence[str]) -> None:
    """Run it to its end; OSError with its last words where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        words = done.stderr.strip().splitlines() or [f"exit {done.returncode}"]
        raise OSError(f"{command[0]}: {words[-1]}")


def ask_terminal(question: str) -> bool | None:
    """Ask on the terminal; None where nobody sits at one, or for any other answer."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    print(f"{question} [y/n] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip().lower()[:1]
    return {"y": True, "n": False}.get(answer)


class Pins:
    """The pins of the machine: one gpiozero factory, made when it is first needed."""

    def __init__(self, config: Config, clock: HostClock) -> None:
        self._config = config
        self._clock = clock
        self._factory: Any = None

    def outputs(self, said: Callable[[str], None]) -> Outputs:
        """As the daemon opens them. Raises OutputError."""
        from gaitpi.cues.outputs import open_outputs

        return open_outputs(self._config.cues, self._made(), said=said)

    def button(self) -> Button:
        """As the daemon opens it. Raises OutputError."""
        pin = self._config.cues.button_pin
        if pin is None:
            raise OutputError("No button is fitted.")
        return Button(pin, self._made(), self._clock)

    def _made(self) -> Any:
        from gaitpi.cues.outputs import lgpio_factory

        if self._factory is None:
            self._factory = lgpio_factory()
        return self._factory


def machine(
    config: Config,
    config_file: Path,
    config_problem: str,
    *,
    sound: bool,
    asks: bool,
) -> Surroundings:
    """The machine this runs on, with its sensor and its pins."""
    from gaitpi.config import runs_directory
    from gaitpi.device import status
    from gaitpi.hostclock import SystemClock
    from gaitpi.kernelcache import cache_directory

    clock = SystemClock()
    pins = Pins(config, clock)
    environ = own_environment()
    found: Status | None = None
    with contextlib.suppress(GaitpiError):  # one that makes no sense is no running daemon
        found = status.find()
    running = found is not None and not status.judge(found)
    return Surroundings(
        root=Path("/"),
        config=config,
        config_file=config_file,
        config_problem=config_problem,
        runs=runs_directory(config, environ),
        cache=cache_directory(environ),
        status=found if running else None,
        clock=clock,
        person=this_person(),
        environ=environ,
        transport=lambda: _bus(config),
        outputs=pins.outputs,
        button=pins.button,
        may=may_use,
        synchronised=kernel_synchronised,
        load=busy_cores,
        free_bytes=free_bytes,
        sync_s=sync_times,
        command=run_command,
        ask=ask_terminal if asks else lambda _question: None,
        say=lambda text: print(text, file=sys.stderr, flush=True),
        has_pins=any(Path("/dev").glob("gpiochip*")),
        bluetooth=lambda: _bluetooth(config),
        sound=sound,
    )


def _bus(config: Config) -> Transport:
    from gaitpi.imu.smbus import SMBusTransport

    return SMBusTransport(config.imu.bus)


def _bluetooth(config: Config) -> Trouble | None:
    """What is wrong with the radio, by looking for a moment; None for nothing."""
    import asyncio

    from gaitpi.ble.radio import Radio, RadioError

    try:
        asyncio.run(Radio(config.ble.adapter).look(lambda _heard: False, seconds=0.2))
    except RadioError as error:
        return error.trouble
    return None
