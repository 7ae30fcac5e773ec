"""An ARM system on a PC: Debian's files for arm64 and gaitpi's wheels, run by qemu.

No kernel module, no binfmt_misc: qemu is called by its path inside a chroot. Therefore nothing in
there can start another program, so no package's own scripts are run; Python needs none of them. A
system is kept outside the checkout under a name made of what went into it.
"""

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("python3-venv",)
QEMU: Final = "qemu-aarch64-static"
KEYRING: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"
TOOLS: Final = {
    f"/usr/bin/{QEMU}": "qemu-user-static",
    "/usr/sbin/debootstrap": "debootstrap",
    KEYRING: "debian-archive-keyring",
}
NETWORK: Final = ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt")
"""What pip needs from this machine to reach the index."""
VENV: Final = "/opt/venv"
PLAIN: Final = {"HOME": "/root", "LC_ALL": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
"""The environment in there."""


class CannotEmulateError(RuntimeError):
    """There is no ARM system on this machine; the text says what it lacks."""


@dataclass(frozen=True, slots=True)
class Board:
    """A board with its system: Debian's ``suite`` and its ``python``, qemu's name of the ``cpu``,
    and how Linux describes it, from which LLVM learns what to compile for."""

    name: str
    suite: str
    python: str
    cpu: str
    part: str
    features: str

    @property
    def cpuinfo(self) -> str:
        """/proc/cpuinfo of one core."""
        return (
            f"processor\t: 0\nFeatures\t: {self.features}\nCPU implementer\t: 0x41\n"
            f"CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: {self.part}\n"
            "CPU revision\t: 4\n"
        )


A53: Final = ("cortex-a53", "0xd03", "fp asimd evtstrm crc32 cpuid")
A76: Final = (
    "cortex-a76",
    "0xd0b",
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop"
    " asimddp",
)
BOARDS: Final = {
    "zero2w-bookworm": Board("Zero 2 W, bookworm", "bookworm", "3.11", *A53),
    "zero2w-trixie": Board("Zero 2 W, trixie", "trixie", "3.13", *A53),
    "pi5-trixie": Board("Pi 5, trixie", "trixie", "3.13", *A76),
}


@dataclass(frozen=True, slots=True)
class Done:
    """A program that ended: what it printed, its exit code, s it took, MB it had at most."""

    out: str
    err: str
    code: int
    seconds: float
    rss_mb: float


def cache() -> Path:
    """Where systems are kept."""
    named = os.environ.get("GAITPI_ARM_CACHE")
    base = os.environ.get("XDG_CACHE_HOME")
    if named:
        return Path(named)
    return (Path(base) if base else Path.home() / ".cache") / "gaitpi-arm"


def lacking(
    system: str = f"{platform.system()} on {platform.machine()}",
    *,
    root: bool = os.geteuid() == 0,
    apt: bool = shutil.which("apt-get") is not None,
    missing: Sequence[str] | None = None,
) -> str:
    """What keeps a machine, this one unless told, from emulating ARM; "" when nothing does."""
    if system != "Linux on x86_64":
        return f"it needs Linux on x86_64, this is {system}"
    if not root:
        return "it needs root, for debootstrap and chroot"
    packages = _missing() if missing is None else missing
    if packages and not apt:
        return f"it needs {', '.join(packages)}, and there is no apt-get to install them with"
    return ""


def _missing() -> list[str]:
    return [package for path, package in TOOLS.items() if not Path(path).exists()]


@contextlib.contextmanager
def system(board: Board) -> Iterator[Path]:
    """The root of the board's system with today's gaitpi in it, for one user at a time.

    Raises CannotEmulateError.
    """
    why = lacking()
    if why:
        raise CannotEmulateError(f"ARM cannot be emulated here: {why}.")
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if _missing():
            _run("apt-get", "update", "-q")
            _run("apt-get", "install", "-q", "-y", "--no-install-recommends", *_missing())
        root = _kept(board)
        (root / "proc/cpuinfo").write_text(board.cpuinfo)
        with tempfile.TemporaryDirectory(prefix="gaitpi-", dir=root / "tmp") as scratch:
            _install_gaitpi(board, root, Path(scratch))
        yield root


def _needs() -> str:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    return "".join(f"{need}\n" for need in project["dependencies"])


def _kept(board: Board) -> Path:
    """The system without gaitpi; made in another folder, and renamed when it is whole."""
    parts = "\0".join((board.suite, board.python, *PACKAGES, _needs(), "1"))
    root = cache() / f"{board.suite}-{hashlib.sha256(parts.encode()).hexdigest()[:16]}"
    if root.is_dir():
        return root
    print(f"Building {board.suite} for arm64 ...", flush=True)
    made = Path(tempfile.mkdtemp(prefix=f"{board.suite}-making-", dir=cache()))
    try:
        made.chmod(0o755)
        _make(board, made)
        made.rename(root)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    for old in cache().glob(f"{board.suite}-*"):
        if old != root:
            shutil.rmtree(old, ignore_errors=True)
    return root


def _make(board: Board, root: Path) -> None:
    """Unpack Python and make an environment of wheels with it."""
    include = f"--include={','.join(PACKAGES)}"
    foreign = ("--foreign", "--arch=arm64", "--variant=minbase", f"--keyring={KEYRING}")
    _run("debootstrap", *foreign, include, board.suite, root)
    unpack = 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"'
    for package in sorted((root / "var/cache/apt/archives").glob("*.deb")):
        _run("bash", "-o", "pipefail", "-c", unpack, "unpack", package, root)
    for waste in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man"):
        shutil.rmtree(root / waste, ignore_errors=True)
    shutil.copy2(f"/usr/bin/{QEMU}", root / "usr/bin")
    # inside a container debootstrap makes it a link to this machine's own
    if (root / "proc").is_symlink():
        (root / "proc").unlink()
        (root / "proc").mkdir()
    (root / "needs.txt").write_text(_needs())
    for name in NETWORK:
        if Path(name).exists():
            (root / name[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(name, root / name[1:])
    (root / "proc/cpuinfo").write_text(board.cpuinfo)
    _inside(board, root, f"/usr/bin/python{board.python}", "-m", "venv", "--without-pip", VENV)
    _pip(board, root, "--only-binary", ":all:", "-r", "/needs.txt")


def _install_gaitpi(board: Board, root: Path, scratch: Path) -> None:
    """Build gaitpi's wheel here, from a copy, and install it there."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(CHECKOUT / name, scratch)
    shutil.copytree(
        CHECKOUT / "gaitpi", scratch / "gaitpi", ignore=shutil.ignore_patterns("__pycache__")
    )
    _run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", scratch / "out", scratch)
    (wheel,) = (scratch / "out").glob("*.whl")
    inside = f"/{wheel.relative_to(root)}"
    _pip(board, root, "--no-index", "--no-deps", "--force-reinstall", inside)
    # kernels compiled before stay valid, for their folder is named by the text of these files;
    # numba by itself goes by their time
    for path in site_packages(board, root).glob("gaitpi/gait/*.py"):
        os.utime(path, (0, 0))


def site_packages(board: Board, root: Path) -> Path:
    """Where the wheels are."""
    return root / VENV[1:] / f"lib/python{board.python}/site-packages"


def _pip(board: Board, root: Path, *argv: str) -> None:
    """Run Debian's pip, out of its wheel: one process, which starts no other."""
    (pip,) = (root / "usr/share/python-wheels").glob("pip-*.whl")
    quiet = ("-q", "--no-input", "--no-cache-dir", "--disable-pip-version-check")
    tool = f"/{pip.relative_to(root)}/pip"
    _inside(board, root, f"{VENV}/bin/python", tool, "install", *quiet, *argv)


def _inside(board: Board, root: Path, *argv: str) -> None:
    ours = {k: v for k, v in os.environ.items() if k.startswith("PIP_") or "_proxy" in k.lower()}
    _run(*emulated(board, root, *argv), env={**PLAIN, **ours})


def emulated(board: Board, root: Path, *argv: str) -> tuple[str, ...]:
    """The words that run a program of the system."""
    return ("chroot", str(root), f"/usr/bin/{QEMU}", "-cpu", board.cpu, *argv)


def _run(*argv: str | Path, env: Mapping[str, str] | None = None) -> None:
    """Run a program quietly; its last words when it fails. Raises CannotEmulateError."""
    done = subprocess.run(
        [str(a) for a in argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=env or {**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        check=False,
    )
    if done.returncode:
        words = " ".join(map(str, argv))
        raise CannotEmulateError(f"{words} failed ({done.returncode}):\n{done.stdout[-3000:]}")


def measured(argv: Sequence[str], env: Mapping[str, str]) -> Done:
    """Run a program; keep what it prints, measure time and memory."""
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began
        out.seek(0)
        err.seek(0)
        return Done(out.read(), err.read(), process.returncode, seconds, used.ru_maxrss / 1024)
