"""The guest's kernel and disk: built once, kept outside the checkout under a name made of what
went into them, made anew when that changes.

``python -m tests.hil.build`` builds both and prints where they are. Needs Linux on x86-64, root
(for the packages and the disk's owners) and Debian's or Ubuntu's packages; elsewhere it says so.
"""

import contextlib
import fcntl
import hashlib
import itertools
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
CHECKOUT: Final = HERE.parents[1]
GUEST: Final = HERE / "guest"

LINUX: Final = "linux-source-6.12"
SUITE: Final = "bookworm"
PYTHON: Final = "3.11"
"""The suite's own."""
PACKAGES: Final = (
    *("systemd", "systemd-sysv", "dbus", "udev", "kmod", "libpam-systemd", "polkitd"),
    *("python3", "python3-venv", "make", "procps"),
)
"""A minimal system, and what README tells to install on a Pi."""
TOOLS: Final = {
    "flex": "flex",
    "bison": "bison",
    "bc": "bc",
    "make": "make",
    "gcc": "gcc",
    "xz": "xz-utils",
    "debootstrap": "debootstrap",
    "mkfs.ext4": "e2fsprogs",
}
LIBRARIES: Final = {"/usr/include/gelf.h": "libelf-dev", f"/usr/src/{LINUX}.tar.xz": LINUX}
WAIT: Final = (
    "drivers/i2c/busses/i2c-virtio.c",
    "if (wait_for_completion_interruptible(&req->completion))",
    "wait_for_completion(&req->completion);\n\t\t\tif (false)",
)
"""File, text, and what it becomes. Linux 6.12's adapter frees a request when a signal interrupts
the wait for it, and its device, which is ours, then writes into freed memory: the guest dies of it
now and then when the daemon is told to stop. A Pi's own adapter waits uninterrupted, too."""
STATE: Final = (
    "arch/x86/um/user-offsets.c",
    "DEFINE_LONGS(HOST_FP_SIZE, 2696);",
    "DEFINE_LONGS(HOST_FP_SIZE, 12288);",
)
"""Likewise. What a host's processor has of registers has to fit into what the guest sets aside:
with AMX it is 11,008 bytes, and no process of the guest starts with less. The stacks that hold it
are twice as large for it (``CONFIG_KERNEL_STACK_ORDER``)."""
MENDED: Final = (WAIT, STATE)
DISK: Final = "1800M"
AGAIN_S: Final = 10.0
"""How long a mirror that failed is left alone, s."""
BOOT_S: Final = 90.0
"""A kernel that has not begun its first process by then does not get there, s."""
BEGUN: Final = "Attempted to kill init! exitcode=0x00000000"
"""What a kernel says whose first process was /bin/true."""
WHEELS: Final = "usr/share/wheels"
"""Where the packages lie in the guest, which has no network."""


class CannotBuildError(RuntimeError):
    """There is no guest on this machine; the text says what it lacks."""


@dataclass(frozen=True, slots=True)
class Guest:
    """What a guest is booted from."""

    kernel: Path
    dtc: Path
    disk: Path


def cache() -> Path:
    """Where builds are kept."""
    named = os.environ.get("GAITPI_HIL_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "gaitpi-hil"


def lacking() -> str:
    """What keeps this machine from running a guest at all; "" when nothing does."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"it needs Linux on x86-64, this is {sys.platform} on {platform.machine()}"
    if os.geteuid() != 0:
        return "it needs root: the guest's disk has owners of its own"
    if shutil.which("apt-get") is None:
        return "it needs Debian's packages (apt-get)"
    return ""


def build(said: Callable[[str], None] = print) -> Guest:
    """Kernel and disk, from the cache or made now. Raises CannotBuildError."""
    why = lacking()
    if why:
        raise CannotBuildError(f"The hardware-in-the-loop guest cannot be built here: {why}.")
    with _lock():
        kernel = _kept("kernel", _kernel_key(), lambda folder: _make_kernel(folder, said), said)
        root = _kept("root", _root_key(), _make_root, said)
        disk = _kept("disk", _disk_key(root), lambda folder: _make_disk(root, folder), said)
    return Guest(kernel / "linux", kernel / "dtc", disk / "disk.img")


def keep(name: str, key: str, make: Callable[[Path], None]) -> Path:
    """Something else that belongs in the cache, made when it is not there."""
    with _lock():
        return _kept(name, key, make, print)


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _kept(name: str, key: str, make: Callable[[Path], None], said: Callable[[str], None]) -> Path:
    """The folder ``name-key``; made in another one, and renamed when it is whole."""
    folder = cache() / f"{name}-{key}"
    if folder.is_dir():
        return folder
    said(f"Building the guest's {name} ...")
    began = time.monotonic()
    made = Path(tempfile.mkdtemp(prefix=f"{name}-making-", dir=cache()))
    try:
        made.chmod(0o755)
        make(made)
        made.rename(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    said(f"The guest's {name} took {time.monotonic() - began:.0f} s.")
    for old in cache().glob(f"{name}-*"):
        if old != folder:
            shutil.rmtree(old, ignore_errors=True)
    return folder


def _digest(*parts: str | bytes) -> str:
    text = hashlib.sha256()
    for part in parts:
        text.update(part if isinstance(part, bytes) else part.encode())
        text.update(b"\0")
    return text.hexdigest()[:16]


def _run(*argv: str | Path, cwd: Path | None = None) -> None:
    """Run a program quietly; its last words when it fails. Raises CannotBuildError."""
    done = subprocess.run(
        [str(a) for a in argv],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        check=False,
    )
    if done.returncode:
        raise CannotBuildError(
            f"{' '.join(map(str, argv))} failed ({done.returncode}):\n{done.stdout[-3000:]}"
        )


def _need_tools() -> None:
    missing = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    missing += [package for path, package in LIBRARIES.items() if not Path(path).exists()]
    if missing:
        _once_more("apt-get", "update", "-q")
        _once_more("apt-get", "install", "-q", "-y", "--no-install-recommends", *missing)


def _once_more(*argv: str | Path) -> None:
    """Run what asks somebody on a network; a second time where it fails."""
    try:
        _run(*argv)
    except CannotBuildError as error:
        print(f"{error}\nOnce more ...", flush=True)
        time.sleep(AGAIN_S)
        _run(*argv)


# -- kernel --


def _kernel_key() -> str:
    return _digest(LINUX, (GUEST / "kernel.config").read_bytes(), *itertools.chain(*MENDED), "1")


def _make_kernel(folder: Path, said: Callable[[str], None]) -> None:
    _need_tools()
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=cache()) as scratch:
        _run("tar", "xf", f"/usr/src/{LINUX}.tar.xz", "-C", scratch)
        tree = Path(scratch) / LINUX
        _mend(tree, said)
        _run("make", "ARCH=um", "tinyconfig", cwd=tree)
        merge = ("./scripts/kconfig/merge_config.sh", "-m", ".config", GUEST / "kernel.config")
        _run(*merge, cwd=tree)
        _run("make", "ARCH=um", "olddefconfig", cwd=tree)
        _check_config(tree / ".config")
        _run("make", "ARCH=um", f"-j{os.cpu_count() or 1}", "linux", cwd=tree)
        _run("strip", "-o", folder / "linux", tree / "linux")
        shutil.copy2(tree / "scripts/dtc/dtc", folder / "dtc")


def _mend(tree: Path, said: Callable[[str], None]) -> None:
    """See ``MENDED``. A kernel that has another text there wants to be looked at, which is said: it
    may have been mended by those who know it."""
    for name, old, new in MENDED:
        path = tree / name
        text = path.read_text()
        if text.count(old) != 1:
            said(f"{LINUX}: {name} has changed and is left as it is; is it still to be mended?")
            continue
        path.write_text(text.replace(old, new))


def _check_config(config: Path) -> None:
    """Every option asked for is there: one that was dropped would be missed much later."""
    got = set(config.read_text().splitlines())
    wanted = [
        line
        for line in (GUEST / "kernel.config").read_text().splitlines()
        if line.startswith("CONFIG_")
    ]
    dropped = [line for line in wanted if line not in got]
    if dropped:
        raise CannotBuildError(f"The kernel does not take: {', '.join(dropped)}")


# -- disk --


def _wheels() -> list[str]:
    """What gaitpi needs, without markers: the guest is no Python of this machine."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    return [re.split(r"\s*;", need)[0] for need in project["dependencies"]]


def _root_key() -> str:
    return _digest(SUITE, *PACKAGES, *_wheels(), "3")


def _make_root(folder: Path) -> None:
    """A minimal system, and the wheels that gaitpi needs; gaitpi is installed by the guest."""
    _need_tools()
    include = f"--include={','.join(PACKAGES)}"
    try:
        _run("debootstrap", "--variant=minbase", include, SUITE, folder)
    except CannotBuildError as error:
        print(f"{error}\nOnce more ...", flush=True)
        for rest in folder.iterdir():
            shutil.rmtree(rest)
        _run("debootstrap", "--variant=minbase", include, SUITE, folder)
    kinds = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
    # the tags are exact, so every older one that a wheel may carry is named
    older = [f"manylinux_2_{n}_x86_64" for n in range(18, 37) if n not in (28, 17)]
    platforms = [word for kind in (*kinds, *older) for word in ("--platform", kind)]
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
    target = ("--dest", folder / WHEELS, "--python-version", PYTHON, "--implementation", "cp")
    _once_more(*pip, *target, *platforms, "--only-binary", ":all:", *_wheels())
    for waste in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/man"):
        shutil.rmtree(folder / waste, ignore_errors=True)


def _guest_files() -> dict[str, tuple[bytes, int]]:
    """What belongs to the bench: path in the guest -> content, mode."""

    def file(path: Path, mode: int = 0o644) -> tuple[bytes, int]:
        return path.read_bytes(), mode

    units = "etc/systemd/system"
    return {
        "usr/local/sbin/bench-agent": file(GUEST / "agent.py", 0o755),
        "usr/local/sbin/bench-setup": file(GUEST / "setup.sh", 0o755),
        f"{units}/bench-agent.service": file(GUEST / "bench-agent.service"),
        f"{units}/bench-setup.service": file(GUEST / "bench-setup.service"),
        f"{units}/gaitpi.service.d/bench.conf": file(GUEST / "bench.conf"),
        "etc/fstab": (b"", 0o644),
        "etc/hostname": (b"gaitpi-bench\n", 0o644),
    }


_LINKS: Final = {
    "etc/systemd/system/multi-user.target.wants/bench-agent.service": "../bench-agent.service",
    "etc/systemd/system/local-fs.target.wants/bench-setup.service": "../bench-setup.service",
    # nobody logs in, and nothing is on a network
    **{
        f"etc/systemd/system/{unit}": "/dev/null"
        for unit in (
            "getty.target",
            "console-getty.service",
            "systemd-timesyncd.service",
            "apt-daily.timer",
            "apt-daily-upgrade.timer",
            "e2scrub_all.timer",
            "e2scrub_reap.service",
            "fstrim.timer",
        )
    },
}


def _disk_key(root: Path) -> str:
    files = [f"{name} {mode}".encode() + data for name, (data, mode) in _guest_files().items()]
    return _digest(root.name, DISK, repr(_LINKS), "2", *files)


def _make_disk(root: Path, folder: Path) -> None:
    """An ext4 image of the system, with the bench's files."""
    copy = folder / "root"
    _run("cp", "-a", "--reflink=auto", root, copy)
    for name, (data, mode) in _guest_files().items():
        path = copy / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(mode)
    for name, target in _LINKS.items():
        path = copy / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)
    for point in ("mnt/share", "mnt/checkout", "mnt/gait"):
        (copy / point).mkdir(parents=True, exist_ok=True)
    _run("mkfs.ext4", "-q", "-d", copy, folder / "disk.img", DISK)
    shutil.rmtree(copy)


def unable(guest: Guest) -> str:
    """Why the kernel does not get as far as its first process here; "" where it does.

    User Mode Linux needs things of the machine below it (ptrace or seccomp, room for all of a
    processor's registers) that only a trial shows. Nothing of gaitpi's runs in this trial.
    """
    with tempfile.TemporaryDirectory(prefix="uml-") as folder:
        argv = [
            *(str(guest.kernel), "mem=256M", f"ubd0={folder}/cow,{guest.disk}", "root=/dev/ubda"),
            *("rw", "con0=null,fd:1", "con=null", "ssl=null", f"uml_dir={folder}", "umid=trial"),
            *("quiet", "loglevel=4", "init=/bin/true"),
        ]
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        limit = threading.Timer(BOOT_S, _end, (process.pid,))
        limit.start()
        try:
            assert process.stdout is not None
            told: list[str] = []
            for line in process.stdout:
                told.append(line.decode(errors="replace").rstrip())
                if BEGUN in told[-1]:
                    return ""
        finally:
            limit.cancel()
            _end(process.pid)
            process.wait()
    return "\n".join(told[-20:]) or "it said nothing"


def _end(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def main() -> int:
    """Build, and say where it is; with ``--possible`` say whether this machine can.

    ``--boots`` builds, too, and ends with 3 where the kernel does not get to its first process.
    """
    if sys.argv[1:] == ["--possible"]:
        why = lacking()
        if why:
            print(f"No hardware in the loop on this machine: {why}.")
        return 1 if why else 0
    try:
        guest = build(lambda text: print(text, flush=True))
    except CannotBuildError as error:
        print(error, file=sys.stderr)
        return 1
    print(guest.kernel, guest.disk, sep="\n")
    if sys.argv[1:] == ["--boots"] and (why := unable(guest)):
        print(f"No hardware in the loop on this machine: the guest's kernel does not start:\n{why}")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
