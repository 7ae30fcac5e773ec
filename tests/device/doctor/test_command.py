"""The command: what is printed, what it exits with, what it loads."""

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gaitpi.cli import main
from gaitpi.cli.doctor import lines, summary
from gaitpi.device.doctor.finding import Finding
from gaitpi.device.doctor.surroundings import (
    ask_terminal,
    kernel_synchronised,
    own_environment,
    sync_times,
    this_person,
)

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    for name in ("GAITPI_CONFIG", "NUMBA_CACHE_DIR", "CACHE_DIRECTORY", "NUMBA_DISABLE_JIT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "runtime"))


def as_json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(capsys.readouterr().out)
    return data


def test_the_virtual_sensor_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--virtual", "--sound"]) == 0
    out = capsys.readouterr().out
    assert all(len(line) <= 80 for line in out.splitlines())
    for name in ("chip", "wire", "self-test", "rate", "jitter", "noise", "bias", "heard"):
        assert f"\n{name:<11}pass  " in out
    assert out.splitlines()[-1].endswith("skipped.")


def test_json_has_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--virtual", "--json"]) == 0
    data = as_json(capsys)
    assert data["problems"] == 0
    found = {one["name"]: one for one in data["findings"]}
    assert found["rate"]["figures"]["rate_hz"] == pytest.approx(200.0, abs=0.01)
    assert set(found["chip"]) == {"name", "status", "evidence", "todo", "fixable", "figures"}
    assert "heard" not in found


def test_a_bad_configuration_is_a_finding_and_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bad.toml"
    file.write_text("[imu]\nrate_hz = 3\n")
    assert main(["doctor", "--virtual", "--config", str(file)]) == 1
    out = capsys.readouterr().out
    assert "config     fail " in out
    assert "imu.rate_hz" in " ".join(out.split())
    assert "chip       pass " in out


def test_fix_makes_the_folder_and_looks_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "XDG_STATE_HOME" / "gaitpi" / "runs"
    # kernels of this numba, so that nothing is compiled here
    assert main(["doctor", "--virtual", "--json"]) == 0
    cache = next(
        Path(one["figures"]["directory"])
        for one in as_json(capsys)["findings"]
        if one["name"] == "cache"
    )
    cache.mkdir(parents=True)
    numba = __import__("importlib.metadata").metadata.version("numba")
    (cache / "a.nbi").write_bytes(b"\x80" + numba.encode())
    assert main(["doctor", "--virtual", "--json", "--fix"]) == 0
    mended = as_json(capsys)["mended"]
    assert [one["name"] for one in mended] == ["storage"]
    assert mended[0]["done"] == f"made {runs}"
    assert mended[0]["now"]["status"] == "pass"
    assert runs.is_dir()


def test_it_starts_without_numba_and_without_numpy_where_there_is_no_sensor(
    tmp_path: Path,
) -> None:
    code = (
        "import sys; from gaitpi.cli import main; main(sys.argv[1:]);"
        "print([m for m in ('numba', 'numpy', 'lgpio') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "doctor", "--config", str(tmp_path / "none.toml")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    if not list(Path("/dev").glob("i2c-*")) and not list(Path("/dev").glob("gpiochip*")):
        assert done.stdout.splitlines()[-1] == "[]"
    virtual = subprocess.run(
        [sys.executable, "-c", code, "doctor", "--virtual"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        timeout=60,
    )
    assert virtual.stdout.splitlines()[-1] == "['numpy']"


def test_long_words_are_folded_under_their_column() -> None:
    finding = Finding("storage", "fail", "evidence " * 12, "step " * 20)
    printed = lines(finding)
    assert all(len(line) <= 80 for line in printed)
    assert printed[0].startswith("storage    fail  evidence")
    assert printed[1].startswith(" " * 17 + "evidence")
    assert any(line.startswith(" " * 14 + "-> step") for line in printed)
    assert summary([finding, Finding("a", "pass", "b")]) == "1 pass, 0 warn, 1 fail, 0 skipped."


def test_what_is_asked_of_this_machine(tmp_path: Path) -> None:
    """The real surroundings answer, whatever they answer."""
    assert this_person().name
    assert kernel_synchronised() in (True, False, None)
    took = sync_times(tmp_path, times=3, size=512)
    assert len(took) == 3
    assert all(one > 0.0 for one in took)
    assert list(tmp_path.iterdir()) == []


def test_behind_sudo_the_users_home_is_meant() -> None:
    given = {"SUDO_USER": "nobody", "HOME": "/root"}
    home = pwd.getpwnam("nobody").pw_dir
    assert own_environment(given)["HOME"] == (home if os.geteuid() == 0 else "/root")
    assert own_environment({"HOME": "/x"}) == {"HOME": "/x"}
    assert own_environment({"SUDO_USER": "no such user", "HOME": "/x"})["HOME"] == "/x"


def test_nobody_is_asked_where_nobody_sits() -> None:
    assert ask_terminal("Do you hear it?") is None
