"""Installing into a folder, with real environments; what needs systemd is tried in the guest.

The guest (tests/hil/test_service.py) does the same on a real system.
"""

import argparse
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi import cli
from gaitpi.device import install, layout
from gaitpi.device.install import Folder, Installer, wheels_beside
from gaitpi.device.layout import Layout
from gaitpi.device.release import Release, read
from gaitpi.errors import GaitpiError, InputFileError

ROOT = Path(__file__).parents[1]
STATUS = "run/gaitpi/status.json"


def release(version: str = "1.0", changed: dict[str, bytes] | None = None) -> Release:
    """The front door alone, which needs no packages: enough to say its version."""
    files = {name: data for name, data in read(ROOT).files.items() if _little(name)}
    files["gaitpi/__init__.py"] = f'"""Little."""\n\n__version__ = "{version}"\n'.encode()
    return Release(version, files | (changed or {}), ())


def _little(name: str) -> bool:
    package = ("__main__", "cli/__init__", "errors", "plaintext")
    wanted = ("README.md", *(f"gaitpi/{module}.py" for module in package))
    return name in wanted or name.startswith("systemd/")


class Wish(Folder):
    """A folder whose system is as told."""

    def __init__(self, *, free: int | None = None, root: bool = True) -> None:
        self._free = free
        self._root = root

    @property
    def is_root(self) -> bool:
        return self._root

    def free_bytes(self, path: Path) -> int:
        return super().free_bytes(path) if self._free is None else self._free


def installer(root: Path, said: list[str] | None = None, **more: Any) -> Installer:
    more.setdefault("system", Folder())
    return Installer(Layout(root), said=(said if said is not None else []).append, **more)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation of version 1.0."""
    root = tmp_path_factory.mktemp("first")
    installer(root).install(release())
    return root


@pytest.fixture
def root(first: Path, tmp_path: Path) -> Path:
    """A copy of it, which a test may change."""
    copy = tmp_path / "root"
    shutil.copytree(first, copy, symlinks=True)
    return copy


def version_of(root: Path) -> str:
    """What the command line of the version in use says."""
    done = subprocess.run(
        (Layout(root).current / "bin" / "python", "-sP", "-m", "gaitpi", "--version"),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()[1]


def tree(root: Path) -> dict[str, tuple[int, int]]:
    """Every file under ``root`` with size and time, but for the lock."""
    return {
        str(path.relative_to(root)): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in root.rglob("*")
        if not path.is_dir() and path.name != "lock" and "__pycache__" not in path.parts
    }


# ---------------------------------------------------------------------- installing


def test_a_first_installation(first: Path) -> None:
    where = Layout(first)
    assert version_of(first) == "1.0"
    assert where.current.readlink().parts[0] == "versions"
    for name in (path.name for path in (ROOT / "systemd").iterdir()):
        placed = layout.place(name)
        assert placed is not None, name
        assert (first / placed).read_bytes() == (ROOT / "systemd" / name).read_bytes()
    assert "/var/lib/gaitpi/runs" in where.config.read_text()
    assert os.access(where.command, os.X_OK)
    shebang = where.command.read_text().splitlines()[0]
    assert str(where.versions) in shebang  # what runs does not change with the link


def test_once_more_changes_nothing(root: Path) -> None:
    before = tree(root)
    said: list[str] = []
    installer(root, said).install(release())
    assert tree(root) == before
    assert "installed and in use" in said[0]


def test_an_update_keeps_the_old_version_and_what_is_the_runners(root: Path) -> None:
    where = Layout(root)
    where.config.write_text("[coach]\nfocus = 'lean'\n")
    run = where.state / "runs" / "one.gaitpi"
    run.parent.mkdir(parents=True)
    run.write_text("mine")
    package = where.current / f"lib/python3.{sys.version_info[1]}/site-packages/other.py"
    package.write_text("one = 1\n")
    installer(root).install(release("1.1"))
    assert version_of(root) == "1.1"
    old = where.version(where.previous)
    assert old is not None
    assert old.about["version"] == "1.0"
    # packages are shared, not copied
    new = where.version(where.current)
    assert new is not None
    assert (new.site / "other.py").samefile(old.site / "other.py")
    assert not (new.site / "gaitpi/__init__.py").samefile(old.site / "gaitpi/__init__.py")
    assert run.read_text() == "mine"
    assert "lean" in where.config.read_text()


def test_back_and_forth(root: Path) -> None:
    with pytest.raises(GaitpiError, match="no earlier version"):
        installer(root).rollback()
    unit = b"# another unit\n"
    installer(root).install(release("1.1", {"systemd/gaitpi.service": unit}))
    assert (root / "etc/systemd/system/gaitpi.service").read_bytes() == unit
    installer(root).rollback()
    assert version_of(root) == "1.0"
    assert (root / "etc/systemd/system/gaitpi.service").read_bytes() != unit
    installer(root).rollback()
    assert version_of(root) == "1.1"


def test_a_file_that_a_version_no_longer_has_goes(root: Path) -> None:
    more = {"systemd/gaitpi-more.service": b"[Unit]\n"}
    installer(root).install(release("1.1", more))
    extra = root / "etc/systemd/system/gaitpi-more.service"
    assert extra.exists()
    installer(root).install(release("1.2"))
    assert not extra.exists()


class Cut(BaseException):
    """The power goes."""


def cut_after(n: int) -> Callable[[str], None]:
    left = [n]

    def said(_text: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Cut

    return said


def test_power_cut_before_any_step_leaves_a_whole_version(root: Path) -> None:
    """Wherever an update ends, what is in use is whole, and the next one goes through."""
    said: list[str] = []
    probe = root.with_name("probe")
    shutil.copytree(root, probe, symlinks=True)
    installer(probe, said).install(release("1.1"))
    assert len(said) >= 5
    before = []
    for n in range(len(said)):
        copy = root.with_name(f"cut-{n}")
        shutil.copytree(root, copy, symlinks=True)
        with pytest.raises(Cut):
            Installer(Layout(copy), Folder(), said=cut_after(n)).install(release("1.1"))
        version = Layout(copy).version(Layout(copy).current)
        assert version is not None
        before.append(str(version.about["version"]))
        installer(copy).install(release("1.1"))
        after = Layout(copy).version(Layout(copy).current)
        assert after is not None
        assert after.about["version"] == "1.1"
    # the link is the last thing that is changed
    switched = next(i for i, text in enumerate(said) if text.strip().startswith("switch"))
    assert before == ["1.0"] * (switched + 1) + ["1.1"] * (len(said) - switched - 1)


def test_an_unfinished_version_is_no_version(root: Path) -> None:
    where = Layout(root)
    version = where.version(where.current)
    assert version is not None
    shutil.copytree(version.path, where.versions / "2.0-half-py311", symlinks=True)
    half = layout.Version(where.versions / "2.0-half-py311")
    (half.path / layout.MARK).unlink()
    layout.switch(where.previous, half.path)
    assert where.version(where.previous) is None
    installer(root).install(release("1.1"))
    assert not half.path.exists()


# ---------------------------------------------------------------------- refusing


def test_only_root_may(root: Path) -> None:
    with pytest.raises(GaitpiError, match=r"needs root\. Put sudo before it\."):
        installer(root, system=Wish(root=False)).install(release("1.1"))


def test_a_full_card_is_told_before(root: Path) -> None:
    before = tree(root)
    with pytest.raises(GaitpiError, match="1 MB are free, 60 MB are needed"):
        installer(root, system=Wish(free=1_000_000)).install(release("1.1"))
    assert tree(root) == before


def test_no_update_while_a_run_is_recorded(root: Path) -> None:
    path = root / STATUS
    path.parent.mkdir(parents=True)
    now = time.clock_gettime(time.CLOCK_MONOTONIC)
    path.write_text(json.dumps({"updated_s": now, "run_id": "20261129-070000-abcd"}))
    for does in (installer(root).rollback, lambda: installer(root).install(release("1.1"))):
        with pytest.raises(GaitpiError, match=r"being recorded \(20261129"):
            does()
    with pytest.raises(GaitpiError, match="being recorded"):
        installer(root).uninstall()
    installer(root, anyway=True).install(release("1.1"))
    # a status of the past keeps nobody
    path.write_text(json.dumps({"updated_s": now - 60.0, "run_id": "20261129-070000-abcd"}))
    installer(root).install(release("1.2"))


def test_one_at_a_time(root: Path) -> None:
    import fcntl

    with (Layout(root).home / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(GaitpiError, match="under way"):
            installer(root).install(release("1.1"))
        with pytest.raises(GaitpiError, match="under way"):
            installer(root).uninstall()
    assert version_of(root) == "1.0"


def test_packages_that_are_not_here_are_named(root: Path, tmp_path: Path) -> None:
    wanting = release("1.1")
    wanting = Release(wanting.version, wanting.files, ("no-such-package-as-this>=3",))
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    before = version_of(root)
    pip = Path(f"{sys.base_prefix}/lib/python3.{sys.version_info[1]}/ensurepip")
    if not pip.is_dir():
        pytest.skip("this Python cannot make environments")
    shutil.rmtree(root)  # the little release has no pip: a first installation has
    with pytest.raises(GaitpiError, match="no-such-package-as-this"):
        installer(root).install(wanting, wheels)
    assert before == "1.0"
    assert not any(Layout(root).versions.iterdir())


ROOTS_OWN = os.geteuid() == 0
"""Whether these tests may give files away."""


def beside(folder: Path) -> Path:
    """A file in ``folder``, with wheels beside it, closed to all others."""
    folder.mkdir(mode=0o755)
    (folder / "wheels").mkdir(mode=0o755)
    (folder / "wheels" / "a.whl").write_text("")
    (folder / "wheels" / "a.whl").chmod(0o644)
    return folder / "gaitpi.tar"


@pytest.mark.parametrize("which", [".", "wheels", "wheels/a.whl"])
@pytest.mark.parametrize("mode", [0o020, 0o002])
def test_wheels_that_others_may_change_are_not_taken_unasked(
    which: str, mode: int, tmp_path: Path
) -> None:
    file = beside(tmp_path / "x")
    said: list[str] = []
    assert wheels_beside(file, said.append, {}) == file.parent / "wheels"
    path = file.parent / which
    path.chmod(path.stat().st_mode | mode)
    assert said == []
    assert wheels_beside(file, said.append, {}) is None
    assert f"others may write to {path}" in said[0]
    assert f"--wheels {file.parent / 'wheels'}" in said[0]


@pytest.mark.skipif(not ROOTS_OWN, reason="only root can give files away")
@pytest.mark.parametrize("which", [".", "wheels", "wheels/a.whl"])
def test_wheels_of_somebody_else_are_not_taken_unasked(which: str, tmp_path: Path) -> None:
    file = beside(tmp_path / "x")
    os.chown(file.parent / which, 12345, 12345)
    said: list[str] = []
    for environ in ({}, {"SUDO_UID": "12346"}, {"SUDO_UID": "nobody"}):
        assert wheels_beside(file, said.append, environ) is None
    assert f"somebody else owns {file.parent / which}" in said[0]
    assert wheels_beside(file, said.append, {"SUDO_UID": "12345"}) is not None


def test_a_link_to_wheels_counts_as_where_it_leads(tmp_path: Path) -> None:
    file = beside(tmp_path / "x")
    other = beside(tmp_path / "y").parent
    shutil.rmtree(file.parent / "wheels")
    (file.parent / "wheels").symlink_to(other / "wheels")
    said: list[str] = []
    assert wheels_beside(file, said.append, {}) == file.parent / "wheels"
    for folder in (other, file.parent):  # where it leads, and where it could be replaced
        folder.chmod(0o777)
        assert wheels_beside(file, said.append, {}) is None
        folder.chmod(0o755)
    assert len(said) == 2


def test_wheels_that_are_left_out_are_told(root: Path, tmp_path: Path) -> None:
    file = beside(tmp_path / "x")
    file.parent.chmod(0o777)
    pack_tar(file, release("1.1"))
    args = argparse.Namespace(action="update", file=str(file), wheels="", offline=False)
    said: list[str] = []
    install.act(args, installer(root, said))
    assert "left out" in said[0]
    assert version_of(root) == "1.1"


# ---------------------------------------------------------------------- with a service


class Pretend(Folder):
    """A system with a service that comes up with some versions and not with others."""

    live = True

    def __init__(self, root: Path, bad: str = "", dies: str = "", unable: str = "") -> None:
        self._root = root
        self._bad = bad
        self._dies = dies
        self._unable = unable
        self.calls: list[tuple[str, ...]] = []

    def run(self, *argv: str, **more: Any) -> tuple[int, str]:
        own = (*install._SYSTEMS_OWN, "journalctl", "id", "nice")
        if argv[0] not in own and "check" not in argv:
            return super().run(*argv, **more)
        self.calls.append(argv)
        version = Layout(self._root).current.readlink().name if argv[0] != "nice" else ""
        ill = bool(self._bad) and version.startswith(self._bad)
        if argv[:2] == ("systemctl", "restart"):
            pid = self._root / "proc" / "77"
            pid.mkdir(parents=True, exist_ok=True)
            (pid / "cmdline").write_bytes(
                bytes(Layout(self._root).versions / version / "bin/python")
            )
            return (1, "Job failed.") if ill else (0, "")
        if (
            argv[:2] == ("systemctl", "enable")
            and self._unable
            and version.startswith(self._unable)
        ):
            return 1, "Failed to enable unit."
        if argv[:2] == ("systemctl", "is-active"):
            return (3, "failed") if ill else (0, "active")
        if argv[0] == "journalctl":
            return 0, "gaitpi: something is broken." if ill else ""
        if "MainPID" in argv and self._dies and version.startswith(self._dies):
            return 0, "0"
        return 0, {"MainPID": "77", "NRestarts": "0"}.get(argv[3] if len(argv) > 3 else "", "")

    def sleep(self, seconds: float) -> None:
        pass


def test_what_does_not_come_up_is_taken_back(root: Path) -> None:
    installer(root).install(release("1.1"))
    said: list[str] = []
    pretend = Pretend(root, bad="1.2")
    with pytest.raises(GaitpiError, match=r"1\.2-\S+ did not come up and was taken back"):
        installer(root, said, system=pretend).install(release("1.2"))
    assert version_of(root) == "1.1"
    assert "It does not come up: something is broken." in said
    # the way back leads where it led before
    installer(root).rollback()
    assert version_of(root) == "1.0"


def test_what_dies_while_it_is_judged_is_taken_back(root: Path) -> None:
    """It was ready, stayed up, and is gone when it is asked who it is."""
    said: list[str] = []
    with pytest.raises(GaitpiError, match=r"1\.2-\S+ did not come up .* in use is 1\.0-"):
        installer(root, said, system=Pretend(root, dies="1.2")).install(release("1.2"))
    assert version_of(root) == "1.0"
    assert "It does not come up: it ended while it was looked at." in said


def test_what_cannot_be_enabled_is_taken_back(root: Path) -> None:
    with pytest.raises(GaitpiError, match=r"1\.2-\S+ did not come up .* in use is 1\.0-"):
        installer(root, system=Pretend(root, unable="1.2")).install(release("1.2"))
    assert version_of(root) == "1.0"


# systemd/50-... is written before systemd/gaitpi-more.service, which cannot be
HALF = {"systemd/50-gaitpi-poweroff.rules": b"// 2\n", "systemd/gaitpi-more.service": b"[Unit]\n"}
RULES = "etc/polkit-1/rules.d/50-gaitpi-poweroff.rules"
MORE = "etc/systemd/system/gaitpi-more.service"


@pytest.mark.parametrize("before", [0, 1])
def test_a_change_that_stops_half_way_is_taken_back(root: Path, before: int) -> None:
    where = Layout(root)
    if before:
        installer(root).install(release("1.1"))
    (root / MORE / "full").mkdir(parents=True)
    links = {path: path.readlink() for path in (where.current, where.previous) if path.is_symlink()}
    assert len(links) == 1 + before
    rules = (root / RULES).read_bytes()
    with pytest.raises(GaitpiError) as caught:
        installer(root).install(release("1.2", HALF))
    assert "gaitpi-more.service" in caught.value.found
    assert "and was taken back" in caught.value.found
    assert caught.value.todo.startswith(f"In use is 1.{before}-")
    assert (root / RULES).read_bytes() == rules
    assert {
        path: path.readlink() for path in (where.current, where.previous) if path.is_symlink()
    } == links
    # and when the obstacle is gone, it goes through
    shutil.rmtree(root / MORE)
    installer(root).install(release("1.2", HALF))
    assert version_of(root) == "1.2"


def test_a_way_back_that_stops_half_way_is_taken_back_too(root: Path) -> None:
    installer(root).install(release("1.1", HALF))
    installer(root).install(release("1.2"))
    (root / MORE / "full").mkdir(parents=True)
    where, rules = Layout(root), (root / RULES).read_bytes()
    links = where.current.readlink(), where.previous.readlink()
    with pytest.raises(GaitpiError, match=r"taken back\. In use is 1\.2-\S+, as before"):
        installer(root).rollback()
    assert (where.current.readlink(), where.previous.readlink()) == links
    assert (root / RULES).read_bytes() == rules


def test_where_going_back_fails_too_what_is_in_use_is_said(root: Path) -> None:
    (Layout(root).previous / "full").mkdir(parents=True)  # no link can take its place
    with pytest.raises(GaitpiError, match=r"nor did going back .* In use is 1\.0-"):
        installer(root).install(release("1.1"))
    assert version_of(root) == "1.0"


def test_what_cannot_be_taken_back_after_it_was_judged_is_said(root: Path) -> None:
    """The files of the version before can no longer be put in their places."""

    class Spoilt(Pretend):
        def sleep(self, seconds: float) -> None:
            (root / RULES).unlink()
            (root / RULES / "full").mkdir(parents=True)

    with pytest.raises(GaitpiError) as caught:
        installer(root, system=Spoilt(root, dies="1.2")).install(release("1.2", HALF))
    assert "does not come up, and going back did not work" in caught.value.found
    assert caught.value.todo.startswith("In use is 1.2-")


def test_putting_right_that_stops_half_way_claims_nothing(root: Path) -> None:
    (root / RULES).unlink()
    (root / RULES / "full").mkdir(parents=True)
    with pytest.raises(GaitpiError, match=r"did not work \([^()]*\)\. In use is 1\.0-\S+, perhaps"):
        installer(root).install(release())
    with pytest.raises(GaitpiError, match=r"did not work \([^()]*\)\. In use is 1\.0-\S+, perhaps"):
        installer(root).uninstall()
    (root / RULES / "full").rmdir()
    (root / RULES).rmdir()
    installer(root).uninstall()
    assert sorted(tree(root)) == ["etc/gaitpi/config.toml"]


def test_a_first_installation_that_stops_half_way_claims_nothing(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / MORE / "full").mkdir(parents=True)
    with pytest.raises(GaitpiError) as caught:
        installer(root).install(release("1.2", HALF))
    assert caught.value.todo.startswith("In use is no version, perhaps")


def test_what_comes_up_stays_and_the_oldest_goes(root: Path) -> None:
    for version in ("1.1", "1.2"):
        assert installer(root, system=Pretend(root)).install(release(version))
    assert version_of(root) == "1.2"
    assert [v.about["version"] for v in Layout(root).all()] == ["1.1", "1.2"]


# ---------------------------------------------------------------------- out again


def test_uninstall_keeps_what_is_the_runners(root: Path) -> None:
    where = Layout(root)
    run = where.state / "runs" / "one.gaitpi"
    run.parent.mkdir(parents=True)
    run.write_text("mine")
    said: list[str] = []
    installer(root, said).uninstall()
    assert sorted(tree(root)) == ["etc/gaitpi/config.toml", "var/lib/gaitpi/runs/one.gaitpi"]
    assert str(where.state) in "\n".join(said)
    installer(root).uninstall()  # again does nothing
    installer(root).uninstall(purge=True)
    assert tree(root) == {}


def test_purge_asks(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--root", str(root), "uninstall", "--purge"]
    assert install.main(arguments) == 1
    assert "Add --yes" in capsys.readouterr().err
    assert Layout(root).config.exists()
    assert install.main([*arguments, "--yes"]) == 0
    assert tree(root) == {}


def test_another_programs_command_is_left_alone(root: Path) -> None:
    command = Layout(root).command
    command.unlink()
    command.write_text("another gaitpi")
    said: list[str] = []
    installer(root, said).install(release("1.1"))
    installer(root).uninstall()
    assert command.read_text() == "another gaitpi"
    assert any("left alone" in text for text in said)


# ---------------------------------------------------------------------- the front doors


def test_a_dry_run_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "root"
    assert install.main(["--root", str(root), "--dry-run", "install"]) == 0
    out = capsys.readouterr().out
    for words in ("make ", "write ", "switch ", "start the service"):
        assert words in out
    assert not root.exists()


def test_update_by_command(root: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "gaitpi.tar.gz"
    pack_tar(file, release("1.1"))
    assert cli.main(["update", str(file), "--root", str(root)]) == 0
    assert version_of(root) == "1.1"
    assert cli.main(["update", "--rollback", "--root", str(root)]) == 0
    assert version_of(root) == "1.0"
    assert cli.main(["update"]) == 2
    assert cli.main(["update", str(tmp_path / "none.whl"), "--root", str(root)]) == 1
    assert "There is no file" in capsys.readouterr().err


def test_it_needs_nothing_that_is_not_there() -> None:
    """The installer runs before anything is installed."""
    code = "import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p]; "
    code += f"sys.path.insert(0, {str(ROOT)!r}); import gaitpi.device.install; "
    code += (
        "bad = {'numpy', 'numba', 'msgspec', 'gpiozero'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run((sys.executable, "-I", "-c", code), check=True)


def test_without_the_radios_packages_it_is_installed_all_the_same(tmp_path: Path) -> None:
    root, said = tmp_path / "root", []  # type: Path, list[str]
    one = release()
    lacks = Release(one.version, one.files, (), ("no-such-package-of-ours>=1",))
    installer(root, said).install(lacks, online=False)
    assert version_of(root) == "1.0"
    assert any(line.startswith("Without Bluetooth: no-such-package-of-ours>=1") for line in said)
    said.clear()
    installer(root, said).install(lacks, online=False)
    assert any(line.startswith("Without Bluetooth") for line in said), "it is tried once more"


# ---------------------------------------------------------------------- releases


def pack_tar(path: Path, what: Release, folder: str = "gaitpi-1/") -> None:
    needs = json.dumps(list(what.requires))
    text = f"[project]\ndependencies = {needs}\n[project.optional-dependencies]\n"
    text += f'dev = ["pytest"]\nble = {json.dumps(list(what.extras))}\n'
    files = {**what.files, "pyproject.toml": text.encode()}
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(folder + name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def pack_wheel(path: Path, what: Release) -> None:
    head = "".join(f"Requires-Dist: {need}\n" for need in what.requires)
    head += 'Requires-Dist: pytest ; extra == "dev"\n'
    head += "".join(f"Requires-Dist: {need} ; extra == 'ble'\n" for need in what.extras)
    base = f"gaitpi-{what.version}"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, data in what.files.items():
            inner = name if name.startswith("gaitpi/") else f"{base}.data/data/share/gaitpi/{name}"
            wheel.writestr(inner, data)
        wheel.writestr(f"{base}.dist-info/METADATA", f"Name: gaitpi\n{head}\n")


def test_a_release_is_the_same_in_every_form(tmp_path: Path) -> None:
    whole = read(ROOT)
    assert any("numba" in need for need in whole.requires)
    assert whole.extras == ("bleak<4,>=3.1",)
    for path, pack in (
        (tmp_path / "a.tar", pack_tar),
        (tmp_path / "b.tar.gz", pack_tar),
        (tmp_path / "c.whl", pack_wheel),
    ):
        pack(path, whole)
        assert read(path).id == whole.id
    pack_tar(tmp_path / "d.tar", whole, folder="")
    assert read(tmp_path / "d.tar").id == whole.id


def test_a_release_is_named_by_all_that_is_in_it() -> None:
    one = release()
    assert one.id != release(changed={"systemd/gaitpi.service": b"#"}).id
    assert one.id != Release(one.version, one.files, ("numpy",)).id
    assert one.id != Release(one.version, one.files, (), ("bleak",)).id
    assert re.fullmatch(r"1\.0-[0-9a-f]{10}", one.id)


@pytest.mark.parametrize(
    "name",
    [
        *("../../etc/passwd", "/etc/passwd", "gaitpi/../../x.py"),
        *("systemd/deep/x.service", "gaitpi/a b.py", "gaitpi/$(x).py", "gaitpi/x.pyc", "setup.py"),
    ],
)
def test_names_that_lead_elsewhere_are_left_out(name: str, tmp_path: Path) -> None:
    pack_tar(tmp_path / "a.tar", release(changed={name: b"evil"}))
    pack_wheel(tmp_path / "a.whl", release(changed={name: b"evil"}))
    for path in (tmp_path / "a.tar", tmp_path / "a.whl"):
        assert b"evil" not in read(path).files.values()


def test_links_and_devices_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    pack_tar(path, release())
    with tarfile.open(path, "a") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo(f"gaitpi-1/gaitpi/evil{int(kind)}.py")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    assert not [name for name in read(path).files if "evil" in name]


def test_too_much_is_refused(tmp_path: Path) -> None:
    pack_tar(tmp_path / "a.tar.gz", release(changed={"gaitpi/big.py": bytes(65 * 1024 * 1024)}))
    with pytest.raises(InputFileError, match="far too large"):
        read(tmp_path / "a.tar.gz")
    pack_tar(tmp_path / "b.tar", release(changed={f"gaitpi/m{n}.py": b"" for n in range(5000)}))
    with pytest.raises(InputFileError, match="far too large"):
        read(tmp_path / "b.tar")


@pytest.mark.parametrize(
    ("gone", "why"),
    [("gaitpi/__init__.py", "no gaitpi in it"), ("systemd/gaitpi.service", "unit is missing")],
)
def test_what_is_no_release_is_refused(gone: str, why: str, tmp_path: Path) -> None:
    what = release()
    files = {name: data for name, data in what.files.items() if name != gone}
    pack_tar(tmp_path / "a.tar", Release("1.0", files, ()))
    with pytest.raises(InputFileError, match=why):
        read(tmp_path / "a.tar")


@given(share=st.floats(0.0, 0.999), flip=st.booleans())
def test_cut_short_or_spoilt_gives_words(
    share: float, flip: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("spoilt")
    for path, pack in ((folder / "a.tar.gz", pack_tar), (folder / "a.whl", pack_wheel)):
        pack(path, release())
        data = bytearray(path.read_bytes())
        at = int(share * len(data))
        if flip:
            data[at] ^= 0x55
        else:
            del data[at:]
        path.write_bytes(data)
        try:
            found = read(path)
        except InputFileError:
            continue
        # a bit of a name or a time: then it has another name, or nothing of it was taken
        assert found.files
