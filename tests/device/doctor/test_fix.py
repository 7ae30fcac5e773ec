"""What --fix does: only what is safe, with a copy, and only where it is allowed."""

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
