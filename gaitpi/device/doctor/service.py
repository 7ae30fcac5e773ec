"""The service as it is installed: its files, its start at boot, the watchdog, who may read."""

import os
from functools import partial
from pathlib import Path
from typing import Final

from gaitpi.device import layout
from gaitpi.device.doctor import boot
from gaitpi.device.doctor.finding import Figure, Finding, Verdict
from gaitpi.device.doctor.surroundings import Surroundings
from gaitpi.device.layout import Layout, Version
from gaitpi.errors import GaitpiError
from gaitpi.kernelcache import cache_directory, warm_mark

UNIT: Final = "gaitpi.service"
GROUPS: Final = ("gaitpi", "i2c", "gpio")
_WANTED_BY: Final = "etc/systemd/system/multi-user.target.wants"
_DEVICE: Final = "sys/class/watchdog/watchdog0"
_WATCHDOG: Final = "dtparam=watchdog=on"
_NONE: Final = "not installed as a service"


def service(s: Surroundings) -> Finding:
    """Whether what is installed is whole, in the system, started at boot, and compiled."""
    where = Layout(s.root)
    if not os.path.lexists(where.current):
        return Finding("service", "skip", _NONE)
    version = where.version(where.current)
    if version is None:
        earlier = where.version(where.previous)
        fix = partial(_back, s, earlier) if earlier is not None else None
        todo = "sudo gaitpi doctor --fix goes back to the one before."
        todo = todo if fix else "Install it anew: sudo make install, in a checkout."
        evidence = f"{where.current} leads to no whole version"
        return Finding("service", "fail", evidence, todo, fix)
    figures: dict[str, Figure] = {"version": version.id}
    try:
        stale = [p for p, data in where.system_files(version).items() if not _same(p, data)]
        wrong = [f"{path.name} is missing" for path in stale if not path.exists()]
        wrong += [f"{path.name} is of another version" for path in stale if path.exists()]
    except PermissionError as error:
        evidence = f"{version.id}; {error.filename} cannot be read by this user"
        todo = "sudo gaitpi doctor looks at all of it."
        return Finding("service", "skip", evidence, todo, figures=figures)
    broken = bool(wrong)
    if not (s.path(_WANTED_BY) / UNIT).is_symlink():
        wrong.append("it is not started at boot")
    if _cold(s, where, version):
        wrong.append("its estimator is not compiled")
    if wrong:
        todo = "sudo gaitpi doctor --fix puts that right."
        fix = partial(_repair, s, version)
        status: Verdict = "fail" if broken else "warn"
        return Finding("service", status, f"{version.id}: {', '.join(wrong)}", todo, fix, figures)
    return Finding("service", "pass", f"{version.id}, started at boot", figures=figures)


def watchdog(s: Surroundings) -> Finding:
    """Whether the Pi starts anew when its kernel hangs."""
    if not os.path.lexists(Layout(s.root).current):
        return Finding("watchdog", "skip", _NONE)
    if not s.is_pi:
        return Finding("watchdog", "skip", "this is no Raspberry Pi")
    if not s.path(_DEVICE).exists():
        if boot.has(s, _WATCHDOG):
            evidence = f"there is none, though {_WATCHDOG} is in config.txt"
            return Finding("watchdog", "warn", evidence, "Restart the Pi.")
        fix = partial(boot.add, s, _WATCHDOG) if boot.config_txt(s) else None
        todo = f"Put {_WATCHDOG} into config.txt and restart."
        return Finding("watchdog", "warn", "the Pi's own is switched off", todo, fix)
    seconds = s.text(f"{_DEVICE}/timeout")
    figures: dict[str, Figure] = {"timeout_s": int(seconds) if seconds.isdigit() else None}
    if s.text(f"{_DEVICE}/state") != "active":
        evidence = "nobody has set it: a kernel that hangs stays so"
        todo = "sudo systemctl daemon-reexec, or restart the Pi."
        fix = partial(_reexec, s)
        return Finding("watchdog", "warn", evidence, todo, fix, figures)
    evidence = f"a kernel that hangs is started anew after {seconds or '?'} s"
    return Finding("watchdog", "pass", evidence, figures=figures)


def members(s: Surroundings) -> Finding:
    """Whether whoever asks may read the runs of the service and use the wires."""
    if not os.path.lexists(Layout(s.root).current):
        return Finding("members", "skip", _NONE)
    name = s.person.name
    if name in ("root", "gaitpi"):
        return Finding("members", "skip", f"{name} needs no group")
    lacking = [group for group in GROUPS if group not in s.person.listed]
    if lacking:
        groups = ",".join(lacking)
        todo = f"sudo usermod -aG {groups} {name}, then log in again."
        fix = partial(_join, s, groups)
        return Finding("members", "warn", f"{name} is not in {' '.join(lacking)}", todo, fix)
    absent = [group for group in GROUPS if group not in s.person.groups]
    if absent and not s.is_root:
        evidence = f"{name} is in {' '.join(absent)}, but not in this session"
        return Finding("members", "warn", evidence, "Log in again, or restart the Pi.")
    return Finding("members", "pass", f"{name} is in {' '.join(GROUPS)}")


def _cold(s: Surroundings, where: Layout, version: Version) -> bool:
    """Whether the service would have to compile; only the installed gaitpi itself can tell."""
    try:
        if not s.kernels.is_relative_to(version.path):
            return False
        directory = cache_directory({"NUMBA_CACHE_DIR": str(where.cache)})
        return not warm_mark(directory, s.kernels).exists()
    except OSError:
        return False


def _same(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except PermissionError:
        raise
    except OSError:
        return False


def _root(s: Surroundings) -> None:
    if not s.is_root:
        raise GaitpiError("That belongs to root.", "Run: sudo gaitpi doctor --fix")


def _repair(s: Surroundings, version: Version) -> str:
    """Everything that a whole version needs in the system; again does nothing."""
    _root(s)
    where = Layout(s.root)
    done = []
    for path, data in where.system_files(version).items():
        if not _same(path, data):
            layout.replace(path, data)
            done.append(f"wrote {path.name}")
    for kind, program in (("sysusers", ("systemd-sysusers",)), ("tmpfiles", _TMPFILES)):
        s.command((*program, str(s.path(f"etc/{kind}.d/gaitpi.conf"))))
    s.command(("systemctl", "daemon-reload"))
    if not (s.path(_WANTED_BY) / UNIT).is_symlink():
        s.command(("systemctl", "enable", "--quiet", UNIT))
        done.append("let it start at boot")
    if _cold(s, where, version):
        s.command(("systemctl", "restart", "gaitpi-warmup.service"))
        done.append("compiled the estimator")
    return f"{', '.join(done)}; sudo systemctl restart gaitpi takes it up"


_TMPFILES: Final = ("systemd-tmpfiles", "--create")


def _back(s: Surroundings, version: Version) -> str:
    _root(s)
    layout.switch(Layout(s.root).current, version.path)
    return f"went back to {version.id}"


def _reexec(s: Surroundings) -> str:
    _root(s)
    s.command(("systemctl", "daemon-reexec"))
    return "let systemd read its configuration again"


def _join(s: Surroundings, groups: str) -> str:
    _root(s)
    s.command(("usermod", "-aG", groups, s.person.name))
    return f"put {s.person.name} into {groups}; log in again"
