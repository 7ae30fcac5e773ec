"""``gaitpi program`` as a runner meets it."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gaitpi.cli import main
from gaitpi.prescription import TEMPLATE
from gaitpi.programmefile import load, path_in


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("GAITPI_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A configuration with a cadence target."""
    folder = tmp_path / "XDG_CONFIG_HOME" / "gaitpi"
    folder.mkdir(parents=True)
    path = folder / "config.toml"
    path.write_text("[coach]\ntarget_spm = 180\nmax_per_hour = 20\n", encoding="utf-8")
    return path


def prescription(path: Path, days: int = 0, **numbers: float) -> str:
    """The example with its dates around today, and a baseline."""
    today = datetime.now().astimezone().date() - timedelta(days=1 - days)
    text = TEMPLATE.replace("# baseline_spm", "baseline_spm")
    text = text.replace("2026-11-24", f"{today}").replace(
        "2027-02-24", f"{today + timedelta(days=90)}"
    )
    for key, value in numbers.items():
        text = "\n".join(
            f"{key} = {value}" if line.startswith(f"{key} =") else line
            for line in text.splitlines()
        )
    path.write_text(text, encoding="utf-8")
    return str(path)


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def status(capsys: pytest.CaptureFixture[str]) -> Any:
    capsys.readouterr()
    assert main(["program", "status", "--json"]) == 0
    return json.loads(said(capsys))


def problem(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 1) -> str:
    capsys.readouterr()
    assert main(list(arguments)) == code
    text = capsys.readouterr().err
    assert text.startswith("gaitpi: ")
    assert "Traceback" not in text
    return text


def test_without_a_target_none_begins(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no cadence target" in problem(capsys, "program", "start")
    assert "no programme is running" in problem(capsys, "program", "skip")
    assert "no programme is running" in problem(capsys, "program", "stop")
    assert "no programme has been started" in problem(capsys, "program", "verdict")
    assert main(["program"]) == 0
    assert "none has been started" in said(capsys)


def test_from_start_to_stop(capsys: pytest.CaptureFixture[str], target: Path) -> None:
    assert target.exists()
    assert main(["program", "start", "cadence"]) == 0
    text = said(capsys)
    assert "session 1 of 8: 100 % of 15 min with cues" in text
    assert "own cadence is not known" in text
    assert "running already: 0 of 8" in problem(capsys, "program", "start")
    assert main(["program", "skip", "--reason", "ill"]) == 0
    assert status(capsys)["next"]["number"] == 2
    assert main(["program", "stop"]) == 0
    assert status(capsys)["next"]["why"] == "no programme is running"
    assert main(["program", "start", "cadence"]) == 0
    assert status(capsys)["next"]["number"] == 1


def test_a_prescription_is_the_most(
    capsys: pytest.CaptureFixture[str], target: Path, tmp_path: Path
) -> None:
    assert main(["program", "prescribe", prescription(tmp_path / "p.toml", max_per_hour=6)]) == 0
    text = said(capsys)
    assert "at most     target 172 spm (own cadence 164.0 by the file), 6 cues an hour" in text
    assert "coach.target_spm 180 -> 172" in text
    found = status(capsys)
    assert len(found["lowered"]) == 2
    assert found["next"]["part"] == "rest"
    assert found["prescription"]["sha256"].startswith(
        text.split("checksum")[1].split("(")[0].replace(" ", "")
    )
    assert target.exists()
    words = problem(capsys, "target", "set", "175", "--reason", "I want to", code=2)
    assert "above what is prescribed: at most 172" in words
    assert main(["target", "set", "170"]) == 0
    assert "reason: prescribed" in said(capsys)
    assert "prescribed, not lean" in problem(capsys, "program", "start", "lean")
    assert main(["program", "start", "--json"]) == 0
    # without listening runs, what is kept is measured against the prescription's baseline
    begun = json.loads(said(capsys))
    assert begun["own"] == 164.0
    assert begun["own_sd"] > 0.5
    assert status(capsys)["next"]["minutes"] == 15.0


def test_no_sequence_of_commands_raises_it(
    capsys: pytest.CaptureFixture[str], target: Path, tmp_path: Path
) -> None:
    """Least target, cues and minutes over everything a runner may type."""
    assert target.exists()
    first = prescription(tmp_path / "first.toml", days=-2, percent=8.0, max_per_hour=20)
    second = prescription(tmp_path / "second.toml", percent=4.0, max_per_hour=3)
    commands = [
        ["program", "prescribe", first],
        ["program", "prescribe", second],
        ["program", "start"],
        ["program", "prescribe", first],
        ["program", "stop"],
        ["program", "prescribe", second],
        ["target", "set", "179", "--reason", "faster"],
        ["config", "set", "coach.max_per_hour", "20"],
        ["config", "set", "coach.target_spm", "190"],
        ["program", "start", "cadence"],
        ["program", "skip"],
    ]
    for k, command in enumerate(commands):
        main(command)
        if k > 0:
            found = status(capsys)
            assert found["prescription"]["ceiling_spm"] == 170.5
            assert any("-> 170.5" in words for words in found["lowered"])
            assert any("-> 3 (" in words for words in found["lowered"])
            assert found["next"]["share"] <= 1.0
            assert found["next"]["part"] in ("session", "rest")


def test_a_bad_file_is_refused_and_nothing_is_kept(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = Path(prescription(tmp_path / "p.toml", percent=80))
    assert "p.toml, line " in problem(capsys, "program", "prescribe", str(path))
    path = Path(prescription(tmp_path / "q.toml", percent=20))
    assert "more than 10% above" in problem(capsys, "program", "prescribe", str(path))
    runs = tmp_path / "XDG_STATE_HOME" / "gaitpi" / "runs"
    assert load(path_in(runs)).records == ()


def test_the_template_can_be_read_in_as_it_is_printed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["program", "template"]) == 0
    text = said(capsys)
    assert text == TEMPLATE
    assert all(len(line) <= 100 for line in text.splitlines())
    words = problem(capsys, "program", "prescribe", str(tmp_path / "none.toml"))
    assert "cannot be read" in words


def test_a_damaged_line_is_said(
    capsys: pytest.CaptureFixture[str], target: Path, tmp_path: Path
) -> None:
    assert target.exists()
    main(["program", "start"])
    path = path_in(tmp_path / "XDG_STATE_HOME" / "gaitpi" / "runs")
    path.write_bytes(path.read_bytes() + b"torn")
    capsys.readouterr()
    assert main(["program"]) == 0
    both = capsys.readouterr()
    assert "1 damaged line" in both.err
    assert "session 1 of 8" in both.out
    assert len(both.out.splitlines()) < 10
