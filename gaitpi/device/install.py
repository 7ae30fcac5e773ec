"""Installing, updating, rolling back and uninstalling the service.

``python -m gaitpi.device.install`` (``make install``, ``make uninstall``, ``make update``,
``make rollback``), and ``gaitpi update`` once it is there. Nothing but Python's own library: it
runs before anything is installed. Runs, journals and the configuration are never touched.

A new version is made beside the one in use, synced, compiled and asked about the configuration;
then the system's files and, last of all, the link are changed and the daemon is started. If it
had been well before and is not now, everything goes back.
"""

import argparse
import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gaitpi.device import layout
from gaitpi.device.layout import Layout, Version
from gaitpi.device.release import Release, read
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM, GaitpiError, UsageError

UNIT: Final = "gaitpi.service"
WARMUP: Final = "gaitpi-warmup.service"
USER: Final = "gaitpi"
GROUPS: Final = ("gaitpi", "i2c", "gpio", "bluetooth")
WHEELS: Final = ("wheels", "wheelhouse")
"""Folders beside a release that are looked into for the packages it needs."""
FREE_FIRST: Final = 600_000_000
FREE_MORE: Final = 60_000_000
"""Bytes that must be free for a first version, and for one that shares its packages."""
START_S: Final = 240.0
STEADY_S: Final = 5.0
"""The daemon must stay up for so long after it was ready."""
_OLDEST: Final = (3, 11)
_STALE_S: Final = 5.0


class System:
    """What is asked of the machine: programs, and how they ended."""

    live = True
    """Whether there is a system that runs, with systemd; False in a folder."""

    def run(
        self,
        *argv: str,
        user: str | None = None,
        environ: Mapping[str, str] | None = None,
        timeout: float = 600.0,
    ) -> tuple[int, str]:
        """Exit code and what was printed; 127 and the reason where it cannot be started."""
        extra: dict[str, Any] = {"user": user, "group": user, "extra_groups": ()} if user else {}
        try:
            done = subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=timeout,
                check=False,
                cwd="/",
                env={**os.environ, "LC_ALL": "C.UTF-8", **(environ or {})},
                **extra,
            )
        except subprocess.TimeoutExpired:
            return 124, f"it took longer than {timeout:.0f} s"
        except (OSError, LookupError, ValueError) as error:
            return 127, str(error)
        return done.returncode, done.stdout.strip()

    @property
    def is_root(self) -> bool:
        """Whether the system may be changed."""
        return os.geteuid() == 0

    def free_bytes(self, path: Path) -> int:
        """Room where ``path`` is or will be."""
        there = next(one for one in (path, *path.parents) if one.exists())
        return shutil.disk_usage(there).free

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class Folder(System):
    """A folder instead of the system (``--root``): programs of the system are left out."""

    live = False

    @property
    def is_root(self) -> bool:
        """The folder is the caller's own."""
        return True


@dataclass
class Installer:
    """Does it, and says each step; with ``dry`` it only says it.

    ``python`` is the interpreter that environments are made with, ``person`` who shall be able to
    use the wires and read the runs ("" nobody more). Every method raises GaitpiError in words.
    """

    where: Layout = field(default_factory=Layout)
    system: System = field(default_factory=System)
    said: Callable[[str], None] = print
    dry: bool = False
    python: str = ""
    person: str = ""
    anyway: bool = False
    _begun: bool = field(default=False, init=False)
    """Whether something of what is in use has been changed."""

    # -- what can be asked for

    def install(self, release: Release, wheels: Path | None = None, *, online: bool = True) -> bool:
        """Install or update to ``release``; whether the daemon is up with it.

        ``wheels`` is a folder of wheels that are taken instead of the network; with ``online``
        False nothing but that folder and the packages already here are.
        """
        self._may()
        with self._alone():
            self._not_recording()
            old = self.where.version(self.where.current)
            new = Version(self.where.versions / self._id(release))
            if old is not None and old.id == new.id:
                self.said(f"{new.id} is installed and in use.")
                self._extras(new, release, wheels, online=online)
                return self._again(new)
            well = self._active()
            self._clear_unfinished()
            if not new.whole:
                self._make(new, release, old, wheels, online=online)
            self._accounts(new)
            self._first_configuration()
            self._try_out(new, old)
            earlier = self.where.version(self.where.previous)
            self._change_over(new, old, earlier)
            return self._start(new, old, earlier, well=well)

    def rollback(self) -> bool:
        """Back to the version before; whether the daemon is up with it."""
        self._may()
        with self._alone():
            self._not_recording()
            old = self.where.version(self.where.current)
            new = self.where.version(self.where.previous)
            if new is None or (old is not None and new.id == old.id):
                raise GaitpiError("There is no earlier version to go back to.")
            self._change_over(new, old, new)
            return self._start(new, None, None, well=False)

    def uninstall(self, *, purge: bool = False) -> None:
        """Take the software out; with ``purge`` runs, journals and configuration too."""
        self._may()
        with self._alone():
            self._not_recording()
            self._begun = not self.dry
            self._uninstall(purge=purge)

    def _uninstall(self, *, purge: bool) -> None:
        if self._step("stop and disable the service"):
            self._call("systemctl", "disable", "--now", UNIT, WARMUP, may_fail=True)
        files = self.where.system_files(self.where.version(self.where.current))
        for path in files:
            if path.exists() and self._step(f"remove {path}"):
                path.unlink()
        self._reload(files)
        command = self.where.command
        if self._is_ours(command) and self._step(f"remove {command}"):
            command.unlink()
        # the link first: what is left of a half removed version is in nobody's way
        for path in (self.where.current, self.where.previous):
            if path.is_symlink() and self._step(f"remove {path}"):
                path.unlink()
        gone = [self.where.versions, self.where.cache]
        gone += [self.where.state, self.where.config.parent] if purge else []
        for path in gone:
            if path.is_dir() and self._step(f"remove {path}"):
                shutil.rmtree(path, ignore_errors=not purge)
        for path in (self.where.home / "lock", self.where.home):
            if not self.dry:
                with contextlib.suppress(OSError):
                    path.unlink() if path.is_file() else path.rmdir()
        if purge:
            if self._step(f"remove the user {USER}"):
                self._call("userdel", USER, may_fail=True)
        else:
            self.said(f"Kept: runs and journals in {self.where.state},")
            self.said(f"      the configuration in {self.where.config}.")

    # -- before anything is changed

    def _may(self) -> None:
        if not (self.system.is_root or self.dry):
            raise GaitpiError("This changes the system and needs root.", "Put sudo before it.")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One installer at a time."""
        if self.dry:
            yield
            return
        try:
            self.where.home.mkdir(parents=True, exist_ok=True)
            with (self.where.home / "lock").open("w") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise GaitpiError(
                        "Another installation is under way.", "Wait for it."
                    ) from None
                yield
        except OSError as error:
            raise GaitpiError(f"It did not work ({_why(error)}).", self._in_use()) from error

    def _in_use(self) -> str:
        """What is in use after something went wrong, and what to do."""
        if not self._begun:
            return "The version in use is unchanged; put that right and do it again."
        now = self.where.version(self.where.current)
        return (
            f"In use is {now.id if now else 'no version'}, perhaps with system files of another"
            " version; put that right and do it again."
        )

    def _not_recording(self) -> None:
        status = self._status()
        if status.get("run_id") and not self.anyway and not self.dry:
            raise GaitpiError(
                f"A run is being recorded ({status['run_id']}).",
                "End it with the button (hold it 1.5 s) first, or add --anyway.",
            )

    def _status(self) -> dict[str, Any]:
        """What a running daemon says of itself; empty where there is none."""
        try:
            found = json.loads((self.where.runtime / "status.json").read_text())
            age = time.clock_gettime(time.CLOCK_MONOTONIC) - float(found["updated_s"])
        except (OSError, ValueError, LookupError, TypeError):
            return {}
        return found if 0.0 <= age <= _STALE_S else {}

    def _active(self) -> bool:
        """Whether the daemon is up."""
        return self.system.live and self._ask("systemctl", "is-active", UNIT) == "active"

    # -- making a version

    def _id(self, release: Release) -> str:
        """The name of the version: the release, and the Python it is for."""
        version = self._ask(self._interpreter(), "-c", _TAG) or "unknown"
        return f"{release.id}-{version}"

    def _interpreter(self) -> str:
        """The system's Python: an environment inside another one would end with it."""
        return self.python or getattr(sys, "_base_executable", "") or sys.executable

    def _make(
        self,
        new: Version,
        release: Release,
        old: Version | None,
        wheels: Path | None,
        *,
        online: bool,
    ) -> None:
        python = self._interpreter()
        self._suits(python)
        shared = (
            old is not None and old.site.is_dir() and old.id.split("-")[-1] == new.id.split("-")[-1]
        )
        needed = FREE_MORE if shared else FREE_FIRST
        free = self.system.free_bytes(self.where.versions)
        if free < needed:
            raise GaitpiError(
                f"{free / 1e6:.0f} MB are free, {needed / 1e6:.0f} MB are needed.",
                "Make room first; the version in use is unchanged.",
            )
        if not self._step(f"make {new.path} with {python}"):
            self._step("put the packages it needs into it")
            return
        options = ["--system-site-packages"] if self._borrows(python) else []
        options += ["--without-pip"] if shared or not release.requires else []
        new.path.mkdir(parents=True)
        try:
            self._call(python, "-m", "venv", *options, str(new.path))
            if shared and old is not None:
                layout.share_packages(old.site, new.site)
            self._packages(new, release, old if shared else None, wheels, online=online)
            self._extras(new, release, wheels, online=online)
            new.unpack(release)
            self._call(str(new.python), "-m", "compileall", "-q", str(new.site / "gaitpi"))
            new.mark({"version": release.version, "requires": list(release.requires)})
        except BaseException:
            shutil.rmtree(new.path, ignore_errors=True)
            raise

    def _suits(self, python: str) -> None:
        found = self._ask(
            python, "-c", "import sys; print(*sys.version_info[:2], sys.maxsize > 2**32)"
        )
        major, minor, wide = (*found.split(), "0", "0", "False")[:3]
        if (int(major), int(minor)) < _OLDEST:
            raise GaitpiError(
                f"gaitpi needs Python 3.11 or newer; {python} is {major}.{minor}.",
                "Raspberry Pi OS has it from 12 (bookworm) on.",
            )
        if wide != "True":
            raise GaitpiError(
                "This is a 32-bit Python, and numba has no wheels for it.",
                "Take the 64-bit Raspberry Pi OS.",
            )
        if self.system.run(python, "-c", "import ensurepip, venv")[0]:
            raise GaitpiError(
                f"{python} cannot make environments.", "Run: sudo apt install python3-venv"
            )

    def _borrows(self, python: str) -> bool:
        """Whether lgpio has to come from the system: there is no wheel of it for Python 3.13."""
        newer = self._ask(python, "-c", "import sys; print(sys.version_info >= (3, 13))") == "True"
        return newer and self.system.run(python, "-c", "import lgpio")[0] == 0

    def _packages(
        self,
        new: Version,
        release: Release,
        old: Version | None,
        wheels: Path | None,
        *,
        online: bool,
    ) -> None:
        """What the release needs: shared with the old version, from a folder, or the network."""
        if not release.requires or (old and old.about.get("requires") == list(release.requires)):
            return
        source = ["--no-index"] if wheels or not online else []
        source += ["--find-links", str(wheels)] if wheels else []
        pip = (str(new.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        self._step("put the packages it needs into it (minutes, on a Pi)")
        code, out = self.system.run(
            *pip, "--no-input", "--only-binary", ":all:", *source, *release.requires, timeout=3600.0
        )
        if code:
            last = (out.splitlines() or [f"exit {code}"])[-1]
            raise GaitpiError(
                f"The packages it needs cannot be had: {last.removeprefix('ERROR: ')}.",
                "With a network: pip download -d wheels FILE, and put that folder beside FILE.",
            )

    def _extras(self, new: Version, release: Release, wheels: Path | None, *, online: bool) -> None:
        """What the radio needs: where it cannot be had that is said, and it goes on without."""
        lacking = [
            need for need in release.extras if not any(new.site.glob(f"{_name(need)}-*.dist-info"))
        ]
        if not lacking or not self._step("put the packages of the radio into it"):
            return
        source = ["--no-index"] if wheels or not online else ["--retries", "1"]
        source += ["--find-links", str(wheels)] if wheels else []
        pip = (str(new.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        code, out = self.system.run(
            *pip, "--no-input", "--only-binary", ":all:", *source, *lacking, timeout=1800.0
        )
        if code:
            self.said(
                f"Without Bluetooth: {', '.join(lacking)} cannot be had ({_last(out, code)})."
            )
            self.said("With a network, 'sudo make install' once more puts that right.")

    def _clear_unfinished(self) -> None:
        """What an installation that was cut short has left."""
        for version in self.where.all():
            if not version.whole and self._step(f"remove {version.path}, which is unfinished"):
                shutil.rmtree(version.path)

    # -- users, folders, configuration

    def _accounts(self, new: Version) -> None:
        """The service's user and folders, and the person's groups."""
        if self.dry or not self.system.live:
            self._step(f"make the user {USER}, the groups {' '.join(GROUPS)} and the folders")
            return
        for kind in ("sysusers", "tmpfiles"):
            name = f"{kind}-gaitpi.conf"
            where = layout.place(name)
            source = new.share / "systemd" / name
            if where is not None and source.exists():
                layout.replace(self.where.root / where, source.read_bytes())
        self._step(f"make the user {USER}, the groups {' '.join(GROUPS)} and the folders")
        self._call("systemd-sysusers", str(self.where.root / "etc/sysusers.d/gaitpi.conf"))
        self._call(
            "systemd-tmpfiles", "--create", str(self.where.root / "etc/tmpfiles.d/gaitpi.conf")
        )
        if self.person not in ("", "root"):
            mine = self._ask("id", "-nG", self.person).split()
            lacking = [group for group in GROUPS if group not in mine]
            if lacking and self._step(f"put {self.person} into {' '.join(lacking)} (log in anew)"):
                self._call("usermod", "-aG", ",".join(lacking), self.person)

    def _first_configuration(self) -> None:
        if not self.where.config.exists() and self._step(f"write {self.where.config}"):
            layout.replace(self.where.config, layout.CONFIG.encode())

    def _try_out(self, new: Version, old: Version | None) -> None:
        """Compile, and ask it about the configuration, while the old version still works."""
        if self.dry or not self.system.live:
            self._step("compile the estimator, and check the configuration with it")
            return
        environ = {
            "GAITPI_CONFIG": str(self.where.config),
            "NUMBA_CACHE_DIR": str(self.where.cache),
        }
        code, out = self.system.run(
            str(new.program), "config", "check", user=USER, environ={**environ, "HOME": "/"}
        )
        if code:
            raise GaitpiError(
                f"{new.id} cannot use the configuration: {_last(out, code)}.",
                "The version in use is unchanged.",
            )
        self._step("compile the estimator (a minute or so on a Pi)")
        warm = ["nice", "-n", "10", str(new.program), "warmup", "--when-cold"]
        if old is not None:
            warm += ["--adopt", str(old.site / "gaitpi" / "gait")]
        code, out = self.system.run(*warm, user=USER, environ=environ, timeout=1800.0)
        if code:
            raise GaitpiError(
                f"{new.id} cannot compile its estimator: {_last(out, code)}.",
                "The version in use is unchanged.",
            )

    # -- the change itself

    def _change_over(self, new: Version, old: Version | None, earlier: Version | None) -> None:
        """Change from ``old`` to ``new``, or not at all; ``earlier`` was ``previous`` until now."""
        try:
            self._change(new, old)
        except OSError as error:
            if old is None:
                raise  # there is nothing to go back to
            try:
                self._put_back(old, new, earlier)
            except OSError as worse:
                raise GaitpiError(
                    f"It did not work ({_why(error)}), nor did going back ({_why(worse)}).",
                    self._in_use(),
                ) from error
            raise GaitpiError(
                f"It did not work ({_why(error)}) and was taken back.",
                f"In use is {old.id}, as before; put that right and do it again.",
            ) from error

    def _put_back(self, old: Version, new: Version, earlier: Version | None) -> None:
        """As it was before the change from ``old`` to ``new``. Raises OSError."""
        self._step(f"go back to {old.id}")
        self._change(old, new)
        if earlier is not None:
            layout.switch(self.where.previous, earlier.path)
        else:
            self.where.previous.unlink(missing_ok=True)

    def _change(self, new: Version, old: Version | None) -> None:
        """The system's files, then the link, each at one stroke and synced. Raises OSError."""
        self._begun = not self.dry
        wanted = self.where.system_files(new)
        stale = [path for path in self.where.system_files(old) if path not in wanted]
        changed = {p: data for p, data in wanted.items() if not _same(p, data)}
        for path, data in changed.items():
            if self._step(f"write {path}"):
                layout.replace(path, data)
        for path in stale:
            if path.is_file() and self._step(f"remove {path}"):
                path.unlink()
        command = self.where.command
        target = self.where.current / "bin" / "gaitpi"
        if not os.path.lexists(command):
            if self._step(f"link {command} to it"):
                command.parent.mkdir(parents=True, exist_ok=True)
                layout.switch(command, target)
        elif not self._is_ours(command):
            self.said(f"  (left alone: {command} is not gaitpi's)")
        if old is not None and old.id != new.id and not self.dry:
            layout.switch(self.where.previous, old.path)
        if self._step(f"switch {self.where.current} to {new.id}"):
            layout.switch(self.where.current, new.path)
        self._reload([*changed, *stale])

    def _is_ours(self, command: Path) -> bool:
        try:
            return "opt/gaitpi/" in str(command.readlink())
        except OSError:
            return False

    def _reload(self, changed: Sequence[Path] | Mapping[Path, bytes]) -> None:
        """Let the system read what was changed."""
        if self.dry or not self.system.live or not changed:
            return
        self._call("systemctl", "daemon-reload", may_fail=True)
        names = {path.parent.name for path in changed}
        if "system.conf.d" in names:
            self._call("systemctl", "daemon-reexec", may_fail=True)
        if "rules.d" in names:
            self._call("udevadm", "control", "--reload", may_fail=True)
            for subsystem in ("i2c-dev", "gpio", "pwm"):
                trigger = ("udevadm", "trigger", f"--subsystem-match={subsystem}")
                self._call(*trigger, may_fail=True)

    def _again(self, version: Version) -> bool:
        """Installed once more: what the system lacks of it is put right."""
        self._accounts(version)
        self._first_configuration()
        self._try_out(version, None)
        self._change(version, version)
        return self._start(version, None, None, well=self._active(), restart=False)

    # -- is it well?

    def _start(
        self,
        new: Version,
        old: Version | None,
        earlier: Version | None,
        *,
        well: bool,
        restart: bool = True,
    ) -> bool:
        """Enable and start; back to ``old`` where a daemon that was ``well`` is so no more.

        ``earlier`` was the one before ``old``.
        """
        if self.dry or not self.system.live:
            self._step("enable and start the service, and see that it comes up")
            return False
        why = self._enable()
        if well and not restart and not why:
            self.said("The service is up.")
            return True
        self._step("start the service")
        why = why or self._comes_up(new)
        if not why:
            self.said(f"The service is up: {self._status().get('state') or 'running'}.")
            self._prune()
            return True
        if well and old is not None:
            self.said(f"It does not come up: {why}")
            try:
                self._put_back(old, new, earlier)
            except OSError as error:
                raise GaitpiError(
                    f"{new.id} does not come up, and going back did not work ({_why(error)}).",
                    self._in_use(),
                ) from error
            back = self._comes_up(old)
            now = f"but it does not come up either: {back}" if back else "which is up again"
            raise GaitpiError(
                f"{new.id} did not come up and was taken back; in use is {old.id}, {now}.",
                "journalctl -u gaitpi tells more.",
            )
        self.said(f"Installed, but the service does not come up yet: {why}")
        self.said("It tries again by itself. Look closer with: sudo gaitpi doctor --fix")
        return False

    def _enable(self) -> str:
        """Have the service started at every boot; why not, "" when it is."""
        code, out = self.system.run("systemctl", "enable", "--quiet", UNIT)
        return f"it cannot be enabled: {_last(out, code)}." if code else ""

    def _comes_up(self, version: Version) -> str:
        """Start anew and wait until it is ready and stays so; why not, "" when it does."""
        self._call("systemctl", "reset-failed", UNIT, may_fail=True)
        code, out = self.system.run("systemctl", "restart", UNIT, timeout=START_S)
        if code:
            return self._complaint() or _last(out, code)
        restarts = self._ask("systemctl", "show", "-P", "NRestarts", UNIT)
        self.system.sleep(STEADY_S)
        if not self._active():
            return self._complaint() or "it ended soon after its start."
        if self._ask("systemctl", "show", "-P", "NRestarts", UNIT) != restarts:
            return self._complaint() or "it was restarted soon after its start."
        pid = self._ask("systemctl", "show", "-P", "MainPID", UNIT)
        try:
            words = (self.where.root / "proc" / pid / "cmdline").read_bytes().split(b"\0")
        except OSError:  # no such process any more, or pid 0
            return self._complaint() or "it ended while it was looked at."
        if not any(str(version.path).encode() in word for word in words):
            return f"another version runs: {words[0].decode(errors='replace')}."
        return ""

    def _complaint(self) -> str:
        """The daemon's own last words."""
        out = self._ask("journalctl", "-u", UNIT, "-o", "cat", "-n", "30", "--no-pager")
        own = [line for line in out.splitlines() if line.startswith("gaitpi: ")]
        return own[-1].removeprefix("gaitpi: ") if own else ""

    def _prune(self) -> None:
        """Only the version in use and the one before are kept."""
        kept = {
            v.id
            for link in (self.where.current, self.where.previous)
            if (v := self.where.version(link))
        }
        for version in self.where.all():
            if version.id not in kept and self._step(f"remove {version.path}"):
                shutil.rmtree(version.path, ignore_errors=True)

    # -- how

    def _step(self, words: str) -> bool:
        """Say what comes; whether it is to be done."""
        self.said(f"  {words}")
        return not self.dry

    def _ask(self, *argv: str) -> str:
        return self.system.run(*argv)[1]

    def _call(self, *argv: str, may_fail: bool = False) -> None:
        if not self.system.live and argv[0] in _SYSTEMS_OWN:
            return
        code, out = self.system.run(*argv)
        if code and not may_fail:
            raise GaitpiError(f"'{' '.join(argv)}' did not work: {_last(out, code)}.")


_TAG: Final = "import sys; print('py%d%d' % sys.version_info[:2])"
_SYSTEMS_OWN: Final = (
    *("systemctl", "systemd-sysusers", "systemd-tmpfiles", "udevadm"),
    *("usermod", "userdel"),
)


def _last(out: str, code: int) -> str:
    """The last line of what was printed, without its full stop."""
    return (out.strip().splitlines() or [f"exit {code}"])[-1].removeprefix("gaitpi: ").rstrip(".")


def _why(error: OSError) -> str:
    """Where and why."""
    what = f"{error.filename}: " if error.filename else ""
    return f"{what}{error.strerror or error}"


def _same(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        return False


def wheels_beside(
    path: Path, said: Callable[[str], None] = print, environ: Mapping[str, str] = os.environ
) -> Path | None:
    """A folder of wheels beside a release, if there is one that nobody else can put wheels into.

    What is in it becomes part of what root installs: folder, wheels and the folder around them
    must belong to root or to whoever asks (also by sudo), and be closed to all others.
    """
    found = (path.resolve().parent / name for name in WHEELS)
    folder = next((folder for folder in found if any(folder.glob("*.whl"))), None)
    if folder is None:
        return None
    real = folder.resolve()
    asks = environ.get("SUDO_UID", "")
    owners = {0, os.geteuid(), *([int(asks)] if asks.isdecimal() else [])}
    for one in (real.parent, folder.parent, real, *sorted(real.glob("*.whl"))):
        about = one.stat()
        if about.st_uid not in owners or about.st_mode & 0o022:
            whose = "others may write to" if about.st_mode & 0o022 else "somebody else owns"
            said(f"  (left out: {folder}; {whose} {one}. To take it: --wheels {folder})")
            return None
    return folder


def installer(args: argparse.Namespace) -> Installer:
    """The installer that the options ask for. Raises UsageError."""
    root = Path(args.root) if args.root else Path("/")
    if not root.is_absolute():
        root = Path.cwd() / root
    return Installer(
        Layout(root),
        Folder() if args.root else System(),
        dry=args.dry_run,
        python=getattr(args, "python", "") or "",
        person=os.environ.get("SUDO_USER", ""),
        anyway=getattr(args, "anyway", False),
    )


def _name(need: str) -> str:
    """The name of a package in what is needed, as its folder has it."""
    return re.split(r"[^A-Za-z0-9_.-]", need, maxsplit=1)[0].replace("-", "_")


def add_common(parser: argparse.ArgumentParser) -> None:
    """Declare ``--dry-run`` and ``--root``."""
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument(
        "--root", default="", metavar="DIR", help="into a folder instead of the system, to try it"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """What the Makefile calls; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python3 -m gaitpi.device.install",
        description="Install the service (make install), update it, go back, or take it out.",
        allow_abbrev=False,
    )
    add_common(parser)
    parser.add_argument("action", choices=("install", "update", "rollback", "uninstall"))
    parser.add_argument("file", nargs="?", default="", help="wheel, archive or folder")
    parser.add_argument("--wheels", default="", metavar="DIR", help="take packages from there")
    parser.add_argument("--offline", action="store_true", help="never ask the network")
    parser.add_argument("--python", default="", help="the Python to make environments with")
    parser.add_argument("--anyway", action="store_true", help="even while a run is recorded")
    parser.add_argument("--purge", action="store_true", help="uninstall: runs and settings too")
    parser.add_argument("--yes", action="store_true", help="do not ask before --purge")
    args = parser.parse_args(argv)
    try:
        return act(args, installer(args))
    except GaitpiError as error:
        print(f"gaitpi: {error}", file=sys.stderr)
        return error.exit_code


def act(args: argparse.Namespace, does: Installer) -> int:
    """Do what ``args`` say. Raises GaitpiError."""
    if args.action == "uninstall":
        if args.purge and not (args.yes or args.dry_run) and not _sure(does.where):
            raise GaitpiError("Nothing was removed.")
        does.uninstall(purge=args.purge)
        return EXIT_OK
    if args.action == "rollback":
        return EXIT_OK if does.rollback() or args.dry_run else EXIT_PROBLEM
    if not args.file and args.action == "update":
        raise UsageError("update needs a file.", "make update FILE=gaitpi-1.0-py3-none-any.whl")
    file = Path(args.file) if args.file else Path(__file__).parents[2]
    wheels = Path(args.wheels) if args.wheels else wheels_beside(file, does.said)
    if wheels is not None and not wheels.is_dir():
        raise UsageError(f"there is no folder {wheels}.")
    release = read(file)
    online = args.action == "install" and not args.offline
    up = does.install(release, wheels.resolve() if wheels else None, online=online)
    # a first installation without a sensor is one all the same
    return EXIT_OK if up or args.action == "install" or not does.system.live else EXIT_PROBLEM


def _sure(where: Layout) -> bool:
    if not sys.stdin.isatty():
        raise GaitpiError("--purge removes every run and asks first.", "Add --yes if you are sure.")
    print(f"This removes every run in {where.state} and {where.config.parent}.")
    return input("Type 'remove' to go on: ").strip() == "remove"


if __name__ == "__main__":
    sys.exit(main())
