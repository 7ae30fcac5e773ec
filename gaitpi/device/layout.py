"""Where an installation lies, and the few ways in which it is changed.

Versions lie side by side in ``/opt/gaitpi/versions``, each with an environment of its own;
``current`` is a link to the one in use, ``previous`` to the one before. A link is replaced at one
stroke, last of all, and whatever it leads to has been synced before: a power cut leaves the old
version or the new one, whole. Nothing but Python's own library.
"""

import contextlib
import json
import os
import shutil
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gaitpi.device.release import PACKAGE, README, SYSTEM, Release

MARK: Final = "release.json"
"""Written last into a version: one without it is unfinished."""
CONFIG: Final = """\
# gaitpi: 'gaitpi config show' lists the settings, 'gaitpi config explain KEY' explains one.

[runs]
directory = "/var/lib/gaitpi/runs"
"""
"""The configuration of a new installation: the service and its users look at the same runs."""


def place(name: str) -> str | None:
    """Where a file of ``systemd/`` goes, as from ``/`` without it; None where nowhere."""
    kind, _, rest = name.partition("-")
    if name.endswith((".service", ".socket", ".timer")):
        return f"etc/systemd/system/{name}"
    if name.endswith(".rules"):
        return f"etc/udev/rules.d/{rest}" if kind == "udev" else f"etc/polkit-1/rules.d/{name}"
    places = {
        "sysusers": "etc/sysusers.d",
        "tmpfiles": "etc/tmpfiles.d",
        "watchdog": "etc/systemd/system.conf.d",
    }
    return f"{places[kind]}/{rest}" if kind in places and rest else None


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of an installation under ``root`` (``/``, or a folder to try things in)."""

    root: Path = Path("/")

    @property
    def home(self) -> Path:
        """All of the software."""
        return self.root / "opt" / "gaitpi"

    @property
    def versions(self) -> Path:
        """One folder for each version."""
        return self.home / "versions"

    @property
    def current(self) -> Path:
        """The link to the version in use."""
        return self.home / "current"

    @property
    def previous(self) -> Path:
        """The link to the version before."""
        return self.home / "previous"

    @property
    def command(self) -> Path:
        """What makes ``gaitpi`` a command for everybody."""
        return self.root / "usr" / "local" / "bin" / "gaitpi"

    @property
    def config(self) -> Path:
        """The configuration of the service."""
        return self.root / "etc" / "gaitpi" / "config.toml"

    @property
    def state(self) -> Path:
        """Runs and journals."""
        return self.root / "var" / "lib" / "gaitpi"

    @property
    def cache(self) -> Path:
        """Compiled kernels."""
        return self.root / "var" / "cache" / "gaitpi"

    @property
    def runtime(self) -> Path:
        """What the running daemon says."""
        return self.root / "run" / "gaitpi"

    def version(self, link: Path) -> "Version | None":
        """The version that ``link`` leads to, if it is there and whole."""
        try:
            name = link.readlink().name
        except OSError:
            return None
        version = Version(self.versions / name)
        return version if version.whole else None

    def all(self) -> "list[Version]":
        """Every folder of a version, also unfinished ones."""
        if not self.versions.is_dir():
            return []
        return [Version(path) for path in sorted(self.versions.iterdir()) if path.is_dir()]

    def system_files(self, version: "Version | None") -> dict[Path, bytes]:
        """What a version wants in the system: path -> content."""
        out: dict[Path, bytes] = {}
        folder = version.share / SYSTEM if version is not None else None
        for path in sorted(folder.iterdir()) if folder is not None and folder.is_dir() else []:
            where = place(path.name)
            if where is not None:
                out[self.root / where] = path.read_bytes()
        return out


@dataclass(frozen=True, slots=True)
class Version:
    """An installed version in a folder."""

    path: Path

    @property
    def id(self) -> str:
        """Its name."""
        return self.path.name

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.path / "bin" / "python"

    @property
    def program(self) -> Path:
        """Its command line."""
        return self.path / "bin" / "gaitpi"

    @property
    def share(self) -> Path:
        """Its files for the system, and what to read."""
        return self.path / "share" / "gaitpi"

    @property
    def site(self) -> Path:
        """Its packages."""
        found = sorted(self.path.glob("lib/python3.*/site-packages"))
        return found[0] if found else self.path / "lib" / "site-packages"

    @property
    def about(self) -> Mapping[str, Any]:
        """What was noted when it was made; empty while it is unfinished."""
        try:
            found = json.loads((self.path / MARK).read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def whole(self) -> bool:
        """Whether it was made to the end."""
        return bool(self.about)

    def unpack(self, release: Release) -> None:
        """Put the files of the release into it."""
        for name, data in release.files.items():
            if name.split("/")[0] == PACKAGE:
                path = self.site / name
            elif name == README or name.split("/")[0] == SYSTEM:
                path = self.share / name
            else:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            path.chmod(0o644)
            # the cache of the kernels goes by the time: the same file has the same in every version
            os.utime(path, (_EPOCH_S + zlib.crc32(data) % _SPAN_S,) * 2)
        program = self.program
        program.write_text(_PROGRAM.format(python=self.python))
        program.chmod(0o755)

    def mark(self, about: Mapping[str, Any]) -> None:
        """It is whole: everything before is on the card before this is."""
        os.sync()
        replace(self.path / MARK, json.dumps(dict(about), indent=2).encode() + b"\n")
        sync_folder(self.path.parent)


_EPOCH_S, _SPAN_S = 1_000_000_000, 500_000_000
_PROGRAM: Final = """\
#!{python} -sP
import sys

from gaitpi.cli import main

sys.exit(main())
"""
"""It names its own version, not the link: what runs does not change under way."""


def replace(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Replace a file so that a power cut leaves the old or the new one. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with scratch.open("wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    sync_folder(path.parent)


def switch(link: Path, target: Path) -> None:
    """Let ``link`` lead to its neighbour ``target``, at one stroke. Raises OSError."""
    scratch = link.with_name(f".{link.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        scratch.unlink()
    scratch.symlink_to(os.path.relpath(target, link.parent))
    scratch.replace(link)
    sync_folder(link.parent)


def sync_folder(path: Path) -> None:
    """What was renamed in a folder is on the card."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def share_packages(old: Path, new: Path, leave_out: Sequence[str] = (PACKAGE,)) -> None:
    """Give ``new`` the packages of ``old`` without a second copy: by hard links where possible.

    Whoever replaces a file of a package writes another one, so the versions stay apart.
    """

    def link(source: str, target: str) -> str:
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)
        return target

    for path in sorted(old.iterdir()):
        if path.name in (*leave_out, "__pycache__"):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, new / path.name, copy_function=link, dirs_exist_ok=True)
        elif not (new / path.name).exists():
            link(str(path), str(new / path.name))
