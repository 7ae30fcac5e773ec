"""What an installed gaitpi consists of; nothing is built."""

import configparser
import fnmatch
import importlib
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from gaitpi import __version__, cli

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_console_script_is_the_front_door() -> None:
    module, _, function = PROJECT["project"]["scripts"]["gaitpi"].partition(":")
    assert getattr(importlib.import_module(module), function) is cli.main


def test_every_folder_of_code_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "gaitpi").rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_every_data_file_is_packaged_and_every_pattern_finds_one() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["gaitpi"]
    found = {pattern: set((ROOT / "gaitpi").glob(pattern)) for pattern in patterns}
    assert [pattern for pattern, files in found.items() if not files] == []
    data = {
        path
        for path in (ROOT / "gaitpi").rglob("*")
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    }
    assert data == set().union(*found.values())


def test_changelog_has_this_version_or_unreleased_and_scientific_changes() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)
    assert headings[0] in ("Unreleased", __version__)
    assert "### Scientific changes" in text


def test_service_runs_a_command_that_exists_and_keeps_what_the_pack_needs() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "systemd" / "gaitpi.service")
    service = unit["Service"]
    program, command = service["ExecStart"].split()
    assert Path(program).name in PROJECT["project"]["scripts"]
    assert command in cli.COMMANDS
    assert service["Type"] == "notify"
    assert service["RestartPreventExitStatus"] == "78"
    # these would take away the buses, the machine code, the board's name
    for taken in ("PrivateDevices", "MemoryDenyWriteExecute", "ProcSubset"):
        assert taken not in service


def lines_of_unit(key: str) -> list[str]:
    lines = (ROOT / "systemd" / "gaitpi.service").read_text().splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]


@pytest.mark.parametrize(
    ("device", "allowed"),
    [
        *(("i2c", True), ("gpiochip", True)),
        # what pinctrl opens, which frees a held bus: before the Pi 5, and all of them on it
        *(("bcm2835-gpiomem", True), ("gpiomem0", True), ("gpiomem4", True)),
        *(("mem", False), ("ttyAMA", False), ("vcio", False)),
    ],
)
def test_service_may_open_the_pins_and_no_more(device: str, allowed: bool) -> None:
    """By the kernel's names in /proc/devices."""
    patterns = [line.split()[0] for line in lines_of_unit("DeviceAllow")]
    assert any(fnmatch.fnmatch(f"char-{device}", one) for one in patterns) == allowed
    assert all(line.endswith(" rw") for line in lines_of_unit("DeviceAllow"))
    assert lines_of_unit("DevicePolicy") == ["closed"]


def test_service_has_time_to_close_a_run() -> None:
    """A slow card can take 40 s; then the daemon's keeper ends it by itself."""
    assert [int(text) for text in lines_of_unit("TimeoutStopSec")] == [45]


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    """Also where not one of the devices is there."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("there is no systemd-analyze here")
    for path in (ROOT / "systemd").glob("*.service"):
        text = path.read_text()
        for name in re.findall(r"/opt/gaitpi/current/bin/\w+", text):
            text = text.replace(name, "/bin/true")
        (tmp_path / path.name).write_text(text)
    done = subprocess.run(
        [program, "verify", "--man=no", *sorted(tmp_path.glob("*.service"))],
        capture_output=True,
        text=True,
    )
    ours = [line for line in done.stderr.splitlines() if "gaitpi" in line]
    assert ours == []


def test_warm_up_unit_fills_the_cache_of_the_service() -> None:
    units = {}
    for name in ("gaitpi", "gaitpi-warmup"):
        unit = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read(ROOT / "systemd" / f"{name}.service")
        units[name] = unit["Service"]
    service, warmup = units["gaitpi"], units["gaitpi-warmup"]
    for same in ("User", "CacheDirectory", "Environment"):
        assert warmup[same] == service[same]
    program, command, *_ = warmup["ExecStart"].split()
    assert program == service["ExecStart"].split()[0]
    assert command in cli.COMMANDS
    assert "MemoryDenyWriteExecute" not in warmup
    # it says beside the daemon that this starts, and takes nothing of the daemon's away
    assert warmup["RuntimeDirectory"] == service["RuntimeDirectory"]
    assert warmup["RuntimeDirectoryPreserve"] == "yes"


def test_scripts_are_sound_shell() -> None:
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=True)
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
