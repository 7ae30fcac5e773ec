"""Silencing after the daemon: the right pins to the right levels, and starts put off."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi import cli
from gaitpi.config import CuesConfig
from gaitpi.device.silence import DEFAULTS, WAITS_S, Quiet, configuration, put_off, quiet, silence

ROOT = Path(__file__).parents[2]


def test_the_defaults_are_those_of_the_configuration() -> None:
    real = msgspec.structs.asdict(CuesConfig())
    assert {name: real[name] for name in DEFAULTS} == dict(DEFAULTS)


@pytest.mark.parametrize(
    ("cues", "wanted"),
    [
        ("", Quiet({18: 0, 17: 0}, 18)),
        ('buzzer = "active"', Quiet({18: 0, 17: 0}, None)),
        ('buzzer = "none"', Quiet({17: 0}, None)),
        ("buzzer_pin = 12\nvibration_pin = 5", Quiet({12: 0, 17: 0, 5: 0}, 12)),
        ('led_pin = "none"', Quiet({18: 0}, 18)),
        (
            'led_common = "anode"\ngreen_pin = 22\nblue_pin = 23',
            Quiet({17: 1, 22: 1, 23: 1, 18: 0}, 18),
        ),
        ("buzzer_pin = 99", Quiet({17: 0}, None)),
        ("buzzer_pin = true", Quiet({17: 0}, None)),
    ],
)
def test_each_pin_goes_to_its_quiet_level(cues: str, wanted: Quiet) -> None:
    assert quiet(f"[cues]\n{cues}\n") == wanted


def test_what_is_heard_and_felt_goes_first() -> None:
    """Each pin takes its time on a slow machine; light can wait."""
    pins = list(quiet("[cues]\nvibration_pin = 5\ngreen_pin = 22\n").pins)
    assert pins[:2] == [18, 5]


@given(st.text(max_size=200))
def test_no_configuration_keeps_it_from_silencing(text: str) -> None:
    assert set(quiet(text).pins) <= set(range(28))
    assert quiet("[" * 5000 + text).pins == {18: 0, 17: 0}


def test_what_could_not_be_is_told() -> None:
    seen: list[Mapping[int, int]] = []

    def act(levels: Mapping[int, int]) -> list[str]:
        seen.append(levels)
        return ["GPIO 18: GPIO busy"]

    assert silence("", act=act, pwm="/no/such/folder") == ["GPIO 18: GPIO busy"]
    assert seen == [{18: 0, 17: 0}]


def test_hardware_pwm_is_ended_and_given_back(tmp_path: Path) -> None:
    device = tmp_path / "devices/fe20c000.pwm"
    device.mkdir(parents=True)
    base = tmp_path / "class"
    chip = base / "pwmchip0"
    (chip / "pwm0").mkdir(parents=True)
    (chip / "device").symlink_to(device)
    for name, text in (("duty_cycle", "185185"), ("enable", "1")):
        (chip / "pwm0" / name).write_text(text)
    (chip / "unexport").write_text("")
    assert silence("[cues]\nled_pin = 'none'\n", act=lambda _pins: [], pwm=str(base)) == []
    assert (chip / "pwm0/duty_cycle").read_text() == "0\n"
    assert (chip / "pwm0/enable").read_text() == "0\n"
    assert (chip / "unexport").read_text() == "0\n"


def test_it_reads_the_daemons_configuration(tmp_path: Path) -> None:
    path = tmp_path / "gaitpi" / "config.toml"
    path.parent.mkdir()
    path.write_text("# own\n")
    assert configuration({"XDG_CONFIG_HOME": str(tmp_path), "HOME": "/"}) == "# own\n"
    (tmp_path / "named").write_text("# named\n")
    named = {"GAITPI_CONFIG": str(tmp_path / "named"), "XDG_CONFIG_HOME": str(tmp_path)}
    assert configuration(named) == "# named\n"
    assert configuration({"GAITPI_CONFIG": str(tmp_path / "none")}) == ""


def test_it_loads_next_to_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules); import gaitpi.device.silence; "
        "print(*sorted(set(sys.modules) - before))"
    )
    out = subprocess.run(
        (sys.executable, "-S", "-c", code),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ).stdout.split()
    assert not {"msgspec", "numpy", "gpiozero", "pathlib", "tomllib", "json"} & set(out)


def test_the_command_says_what_it_could_not(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if any(Path("/dev").glob("gpiochip*")):
        pytest.skip("this machine has pins of its own")
    path = tmp_path / "config.toml"
    path.write_text("")
    assert cli.main(["--config", str(path), "silence"]) == 1
    assert "gaitpi: Not silenced: " in capsys.readouterr().err
    path.write_text("[cues]\nbuzzer = 'none'\nled_pin = 'none'\n")
    assert cli.main(["--config", str(path), "silence"]) == 0
    assert capsys.readouterr().out == "Nothing is fitted.\n"


# ---------------------------------------------------------------------- starts put off

FAILED = {"SERVICE_RESULT": "exit-code"}


def unit_line(key: str, folder: Path) -> None:
    """Do what the unit does at ``key``, in ``folder``."""
    lines = (ROOT / "systemd/gaitpi.service").read_text().splitlines()
    command = next(line for line in lines if line.startswith(f"{key}=")).partition("=")[2]
    words = shlex.split(command.removeprefix("-").replace("$$", "$"))
    words = [word.replace("/run/gaitpi", str(folder)) for word in words]
    subprocess.run(words, check=False, timeout=60.0)


def test_starts_that_fail_are_put_off_more_and_more(tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text(json.dumps({"updated_s": 1e9}))  # says nothing of READY
    waits = [put_off(tmp_path, FAILED) for _ in range(9)]
    assert waits == [*WAITS_S, WAITS_S[-1], WAITS_S[-1]]
    assert (tmp_path / "wait").read_text() == "30\n"
    # never so long that the start's time-out comes first
    assert max(WAITS_S) <= 60


def test_a_crash_of_a_daemon_that_was_ready_is_not_put_off(tmp_path: Path) -> None:
    put_off(tmp_path, FAILED)
    put_off(tmp_path, FAILED)
    unit_line("ExecStartPost", tmp_path)
    assert [put_off(tmp_path, {"SERVICE_RESULT": r}) for r in ("watchdog", "signal")] == [0, 0]
    assert (tmp_path / "wait").read_text() == "0\n"


def test_an_end_by_an_error_of_its_own_is_no_failed_start(tmp_path: Path) -> None:
    """The daemon takes its status along; that it was ready the unit has noted."""
    for _ in range(3):
        unit_line("ExecStartPre", tmp_path)
        unit_line("ExecStartPost", tmp_path)
        assert put_off(tmp_path, FAILED) == 0
    # the next one does not get as far
    unit_line("ExecStartPre", tmp_path)
    assert [put_off(tmp_path, FAILED) for _ in range(3)] == list(WAITS_S[:3])


def test_the_unit_waits_as_it_was_told(tmp_path: Path) -> None:
    (tmp_path / "wait").write_text("1\n")
    began_s = time.monotonic()
    unit_line("ExecStartPre", tmp_path)
    assert time.monotonic() - began_s >= 1.0


def test_whoever_stopped_it_need_not_wait(tmp_path: Path) -> None:
    for _ in range(4):
        put_off(tmp_path, FAILED)
    assert put_off(tmp_path, {"SERVICE_RESULT": "success"}) == 0
    assert put_off(tmp_path / "none", FAILED) == 0
