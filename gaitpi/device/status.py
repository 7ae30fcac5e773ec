"""What the daemon says of itself each second, and how a reader judges it.

One small JSON file in a runtime folder (memory, not the card), replaced at one stroke, so
a reader sees a whole status or none. This module is read by quick commands: it imports
neither numpy nor numba nor any hardware library.
"""

import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from gaitpi import __version__
from gaitpi.config import state_directory
from gaitpi.device.radio import RadioStatus
from gaitpi.errors import InputFileError

STALE_S: Final = 5.0
"""A status older than this many seconds is not believed; the daemon writes one each second."""

STARTING_S: Final = 600.0
"""That of a daemon that starts is believed for so long, s: nothing is written while the estimator
is compiled, a minute or so on a Pi."""

GOES_ON_S: Final = 120.0
"""A run that was cut off longer ago does not go on, s (``device.resume``)."""

STARTING: Final = "starting"
"""``state`` of a daemon that starts."""

SIZE_LIMIT: Final = 64 * 1024
"""Largest status file read, bytes."""

ACTIVITIES: Final = ("unknown", "still", "walking", "running")
"""Words for the activity codes 0 to 3."""

BELTS: Final = ("not known", "steady", "loose", "moved: lean is not cued until it sits as before")
"""Words for the belt, 0 to 3."""

_SYSTEM_FILE: Final = Path("/run/gaitpi/status.json")
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class SensorStatus(Struct, frozen=True, kw_only=True):
    """The sensor in use; ``rate_hz`` nominal, ``identity`` as in ``imu.batch.SensorInfo``."""

    chip: str
    address: int
    bus: str
    identity: str
    rate_hz: float
    virtual: bool = False


class Status(Struct, frozen=True, kw_only=True):
    """One second of the daemon's life.

    ``since_s``/``updated_s`` are CLOCK_MONOTONIC seconds of the boot ``boot_id`` (the real
    clock also under a virtual one); ``state`` says in words what the daemon is doing;
    ``rate_hz`` the measured sample rate; ``activity`` 0 unknown, 1 still, 2 walking, 3 running;
    ``counters`` faults by name since the start; ``recorder_problem`` empty while the run is
    being recorded; ``coach`` the coach's last word; ``belt`` 0 unknown, 1 steady, 2 loose, 3 moved;
    ``worn`` which way round the pack is, empty until known.
    Unknown numbers are None (NaN is written as null). ``waiting``: there is no run and one begins
    by itself. ``muted_s``: how long the runner's own mute still lasts, s; ``resting`` why cues rest
    for the whole of the run, "" where they do not; ``recorder`` what went wrong with the run file
    of this run, by name, as ``counters``; ``control`` why the control socket cannot be used, empty
    when it can. ``radio`` strap and foot pod, None where nothing is told of either. ``starting``
    what it does before it can measure, empty once it has begun.
    """

    pid: int
    version: str
    boot_id: str
    since_s: float
    updated_s: float
    state: str
    sensor: SensorStatus | None = None
    rate_hz: float | None = None
    activity: int = 0
    cadence_spm: float | None = None
    lean_deg: float | None = None
    counters: dict[str, int] = {}
    run_id: str | None = None
    recorder_problem: str = ""
    coach: str = ""
    waiting: bool = False
    belt: int = 0
    worn: str = ""
    muted_s: float = 0.0
    resting: str = ""
    recorder: dict[str, int] = {}
    control: str = ""
    radio: RadioStatus | None = None
    starting: str = ""


class StatusFile:
    """Where the daemon writes its status."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._scratch = path.with_name(f".{path.name}.{os.getpid()}")
        self._since_s = time.monotonic()

    def write(self, status: Status) -> None:
        """Replace the file. Raises OSError; a coach must go on without it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # no fsync: after a power cut there is no daemon for the file to speak of
        self._scratch.write_bytes(msgspec.json.encode(status))
        self._scratch.replace(self._path)

    def starting(self, doing: str) -> None:
        """Say that a daemon starts, and what it is doing. Raises nothing.

        One that lives there already keeps its place; a run that was cut off just now keeps its
        name, since it goes on.
        """
        boot, run_id = boot_id(), None
        try:
            found = read(self._path)
        except InputFileError:
            found = None
        if found is not None and found.boot_id == boot:
            if found.pid not in (os.getpid(), os.getppid()) and not judge(found):
                return
            if time.monotonic() - found.updated_s <= GOES_ON_S:
                run_id = found.run_id
        with contextlib.suppress(OSError):
            self.write(
                Status(
                    pid=os.getpid(),
                    version=__version__,
                    boot_id=boot,
                    since_s=self._since_s,
                    updated_s=time.monotonic(),
                    state=STARTING,
                    run_id=run_id,
                    starting=doing,
                )
            )

    def never_begun(self) -> None:
        """Take the file away where this process said that it starts, and nobody has begun."""
        with contextlib.suppress(InputFileError, OSError):
            found = read(self._path)
            if found is not None and found.starting and found.pid == os.getpid():
                self.remove()

    def remove(self) -> None:
        """Take the file away at an orderly end; doing it twice is no error."""
        self._scratch.unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)


def own_path(environ: Mapping[str, str] = os.environ) -> Path:
    """The file a daemon of this user writes.

    In systemd's ``$RUNTIME_DIRECTORY``, else ``$XDG_RUNTIME_DIR/gaitpi``, else the state folder.
    """
    service = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    if service:
        return Path(service) / "status.json"
    session = environ.get("XDG_RUNTIME_DIR")
    folder = Path(session) / "gaitpi" if session else state_directory(environ)
    return folder / "status.json"


def read(path: Path) -> Status | None:
    """The status in ``path``; None without one. Raises InputFileError if it makes no sense."""
    try:
        with path.open("rb") as file:
            text = file.read(SIZE_LIMIT + 1)
        if len(text) > SIZE_LIMIT:
            raise ValueError(f"it has more than {SIZE_LIMIT // 1024} KiB")
        return msgspec.json.decode(text, type=Status)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InputFileError(
            f"the status file {path} cannot be read: {error}.",
            "Is another version of gaitpi running? Restart it.",
        ) from error


def paths(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Where a daemon may write: this user's own file, then the system service's."""
    own = own_path(environ)
    only_own = environ.get("RUNTIME_DIRECTORY") or own == _SYSTEM_FILE
    return [own] if only_own else [own, _SYSTEM_FILE]


def find(environ: Mapping[str, str] = os.environ) -> Status | None:
    """The freshest status there is: this user's own daemon or the system service.

    A ``$RUNTIME_DIRECTORY`` given by name is the only one looked at.
    """
    found = [status for path in paths(environ) if (status := read(path)) is not None]
    here = boot_id()
    return max(found, key=lambda one: (one.boot_id == here, one.updated_s), default=None)


def boot_id() -> str:
    """The kernel's name for this boot; empty where there is none."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def process_lives(pid: int) -> bool:
    """Whether there is a process ``pid``, anybody's."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def not_running(status: Status, *, now_s: float, boot: str, alive: bool) -> str:
    """Why ``status`` does not speak of a running daemon; empty if it does.

    ``now_s`` CLOCK_MONOTONIC seconds, ``boot`` this boot's name, ``alive`` whether its process
    is there.
    """
    if status.boot_id != boot:
        return "it was running before the last reboot"
    if not alive:
        return f"its process {status.pid} has ended without saying so"
    age = now_s - status.updated_s
    if age > (STARTING_S if status.starting else STALE_S):
        return f"its process {status.pid} has said nothing for {age:.0f} s"
    return ""


def judge(status: Status) -> str:
    """:func:`not_running` with this machine's clock, boot and processes."""
    return not_running(
        status, now_s=time.monotonic(), boot=boot_id(), alive=process_lives(status.pid)
    )


def recorded_run() -> str:
    """Id of the run that a living daemon records; "" without one, or where that is not known."""
    try:
        status = find()
    except InputFileError:
        return ""
    return (status.run_id or "") if status is not None and not judge(status) else ""
