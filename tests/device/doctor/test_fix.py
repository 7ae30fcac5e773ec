"""What --fix does: only what is safe, with a copy, and only where it is allowed."""

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from calibration.doctor.machine import Machine
from gaitpi.device.doctor import again, boot
from gaitpi.device.doctor.finding import Finding
from gaitpi.device.doctor.surroundings import Person, Surroundings
from gaitpi.errors import GaitpiError

ROOT = Person("pi", 0, frozenset({"root"}), frozenset({"i2c", "gpio"}))
CONFIG = "boot/firmware/config.txt"


def as_root(machine: Machine) -> Surroundings:
    return replace(machine.surroundings(), person=ROOT)


def check(s: Surroundings, name: str) -> Finding:
    found = again(s, name)
    assert found is not None
    return found


def switched_off(machine: Machine) -> None:
    machine.remove("dev/i2c-1")
    machine.remove("sys/bus/i2c/devices/i2c-1/of_node/clock-frequency")
    for part in ("of_node", "."):
        (machine.root / "sys/bus/i2c/devices/i2c-1" / part).resolve().rmdir()


def test_i2c_is_switched_on_with_a_copy_of_the_file(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    switched_off(machine)
    s = as_root(machine)
    before = (machine.root / CONFIG).read_text()
    fix = check(s, "i2c").fix
    assert fix is not None
    said = fix()
    assert "restart" in said
    text = (machine.root / CONFIG).read_text()
    # not into the section of another board that the file ends with
    assert text == f"{before}\n[all]\n# added by gaitpi doctor\ndtparam=i2c_arm=on\n"
    copies = list((machine.root / CONFIG).parent.glob("config.txt.before-gaitpi-*"))
    assert [copy.read_text() for copy in copies] == [before]
    # once is enough: now only the restart is missing
    found = check(s, "i2c")
    assert (found.todo, found.fix) == ("Restart the Pi.", None)


def test_what_is_in_the_file_stays_and_so_does_the_first_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Letters of an old editor, line ends of Windows; two lines added within a second."""
    machine = Machine(tmp_path)
    path = machine.root / CONFIG
    before = "# Lautst\u00e4rke\r\ndtparam=audio=on".encode("latin-1")
    path.write_bytes(before)
    monkeypatch.setattr(time, "strftime", lambda _: "20261129-100000")
    for line in ("dtparam=i2c_arm=on", "dtparam=watchdog=on"):
        boot.add(as_root(machine), line)
    added = [b"\n\n[all]\n# added by gaitpi doctor\ndtparam=i2c_arm=on\n"]
    added += [b"\n[all]\n# added by gaitpi doctor\ndtparam=watchdog=on\n"]
    assert path.read_bytes() == before + b"".join(added)
    (copy,) = path.parent.glob("config.txt.before-gaitpi-*")
    assert copy.read_bytes() == before


def test_a_line_in_another_boards_section_does_not_count(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.write(CONFIG, "[pi4]\ndtparam=i2c_arm=on\n[all]\ndtparam=audio=on\n")
    s = machine.surroundings()
    assert not boot.has(s, "dtparam=i2c_arm=on")
    assert boot.has(s, "dtparam=audio=on")


def test_without_root_nothing_is_touched_and_sudo_is_named(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    switched_off(machine)
    before = (machine.root / CONFIG).read_text()
    fix = check(machine.surroundings(), "i2c").fix
    assert fix is not None
    with pytest.raises(GaitpiError, match="sudo gaitpi doctor --fix"):
        fix()
    assert (machine.root / CONFIG).read_text() == before
    assert len(list((machine.root / CONFIG).parent.iterdir())) == 1


def test_without_a_config_txt_there_is_no_fix(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    switched_off(machine)
    machine.remove(CONFIG)
    assert check(as_root(machine), "i2c").fix is None


def test_a_user_is_put_into_the_groups_by_root_alone(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    # root itself may use everything; it is asked for the user in front of sudo
    machine.person = Person("anna", 0, frozenset({"root"}), frozenset())
    fix = check(machine.surroundings(), "rights").fix
    assert fix is not None
    assert "log in again" in fix()
    assert machine.commands == [("usermod", "-aG", "i2c,gpio", "anna")]
    machine.person = replace(machine.person, uid=1000)
    machine.refused = frozenset({"i2c-1"})
    fix = check(machine.surroundings(), "rights").fix
    assert fix is not None
    with pytest.raises(GaitpiError, match="Only root"):
        fix()
    assert len(machine.commands) == 1


def test_the_folder_is_made_and_the_kernels_are_compiled(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    s = machine.surroundings()
    for path in machine.runs.iterdir():
        path.unlink()
    machine.runs.rmdir()
    for path in machine.cache.glob("**/*.nbi"):
        path.unlink()
    for name in ("storage", "cache"):
        fix = check(s, name).fix
        assert fix is not None
        fix()
    assert check(s, "storage").status == "pass"
    assert machine.commands[0][1:] == ("-m", "gaitpi", "warmup")


def test_root_makes_nothing_in_a_users_folders(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    for path in (*machine.runs.iterdir(), *machine.cache.glob("**/*.nbi")):
        path.unlink()
    machine.runs.rmdir()
    for name in ("storage", "cache"):
        fix = check(as_root(machine), name).fix
        assert fix is not None
        with pytest.raises(GaitpiError, match="no sudo"):
            fix()
    assert not machine.runs.exists()
    assert machine.commands == []


def test_the_module_is_loaded_by_root(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.remove("dev/i2c-1")
    fix = check(as_root(machine), "i2c").fix
    assert fix is not None
    fix()
    assert machine.commands == [("modprobe", "i2c-dev")]


def test_a_pass_never_offers_a_fix(tmp_path: Path) -> None:
    s = as_root(Machine(tmp_path))
    for name in ("config", "i2c", "rights", "storage", "cache"):
        assert check(s, name).fix is None


# -- the installed service --


def test_the_service_is_put_right_all_at_once(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.change["kernels"] = machine.kernels_at
    assert check(as_root(machine), "service").status == "pass"
    assert check(as_root(machine), "cache").status == "skip"
    machine.remove("etc/systemd/system/gaitpi.service")
    machine.write("etc/udev/rules.d/99-gaitpi.rules", "# older\n")
    machine.remove("etc/systemd/system/multi-user.target.wants/gaitpi.service")
    shutil.rmtree(machine.root / "var/cache/gaitpi")
    found = check(as_root(machine), "service")
    assert found.fix is not None
    said = found.fix()
    for words in ("wrote gaitpi.service", "wrote 99-gaitpi.rules", "at boot", "compiled"):
        assert words in said
    assert ("systemctl", "daemon-reload") in machine.commands
    assert ("systemctl", "enable", "--quiet", "gaitpi.service") in machine.commands
    assert ("systemctl", "restart", "gaitpi-warmup.service") in machine.commands
    again_found = check(as_root(machine), "service")
    assert "missing" not in again_found.evidence
    assert "another version" not in again_found.evidence


def test_an_unfinished_version_is_left(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    (machine.version.path / "release.json").unlink()
    found = check(as_root(machine), "service")
    assert found.fix is not None
    assert "went back to 0.9-old-py311" in found.fix()
    # the files in the system are still those of the other: the next look says so
    assert "of another version" in check(as_root(machine), "service").evidence


def test_watchdog_and_members(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.write("sys/class/watchdog/watchdog0/state", "inactive\n")
    s = as_root(machine)
    for name in ("watchdog", "members"):
        fix = check(s, name).fix
        assert fix is not None
        fix()
    assert ("systemctl", "daemon-reexec") in machine.commands
    assert ("usermod", "-aG", "gaitpi", "pi") in machine.commands


@pytest.mark.parametrize("name", ["service", "watchdog", "members"])
def test_the_service_is_roots(name: str, tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.remove("etc/systemd/system/gaitpi.service")
    machine.write("sys/class/watchdog/watchdog0/state", "inactive\n")
    machine.person = Person("pi", 1000, frozenset({"pi"}), frozenset({"i2c"}))
    fix = check(machine.surroundings(), name).fix
    assert fix is not None
    with pytest.raises(GaitpiError, match="sudo gaitpi doctor --fix"):
        fix()
    assert machine.commands == []
