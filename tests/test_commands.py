"""The commands as a user meets them: the whole way round, and every mistake in one sentence."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gaitpi.cli import main, makerun

FAST = ["--set", "coach.warmup_s=0", "--set", "coach.target_spm=175"]


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("GAITPI_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


def _json_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def _problem(capsys: pytest.CaptureFixture[str]) -> str:
    """What stderr says: one sentence from gaitpi, no traceback."""
    text = capsys.readouterr().err
    assert text.startswith("gaitpi: ")
    assert "Traceback" not in text
    assert "last-error" not in text
    assert len(text.splitlines()) == 1
    return text


def test_the_whole_way_round(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["demo", "--story", "fade", *FAST]) == 0
    out = capsys.readouterr().out
    assert all(len(line) <= 80 for line in out.splitlines() if not line.startswith("run file"))
    assert ">> step-up" in out
    assert out.startswith("The simulated runner answers cues")
    assert "steps" in out

    assert main(["runs", "--json"]) == 0
    runs = json.loads(capsys.readouterr().out)
    assert len(runs) == 1
    assert set(runs[0]) >= {"id", "start", "duration_s", "steps", "cadence_spm"}
    assert runs[0]["cadence_spm"] == pytest.approx(171.0, abs=2.0)
    run_id = runs[0]["id"]

    assert main(["show", run_id, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["steps"] == runs[0]["steps"]
    assert shown["cues"] > 0

    assert main(["replay", run_id, "--json"]) == 0
    live = _json_lines(capsys)
    assert live[-1]["type"] == "summary"
    kinds = [line["type"] for line in live]
    assert kinds.count("step") == runs[0]["steps"] == live[-1]["steps"]
    times = [float(x.get("known_s") or x["time_s"]) for x in live[:-1]]
    assert times == sorted(times)
    cues = [line for line in live if line["type"] == "cue"]
    assert cues
    assert set(cues[0]) >= {"time_s", "cue", "metric", "value", "band", "reason"}

    assert main(["export", run_id, "--csv", "run.csv"]) == 0
    capsys.readouterr()
    assert main(["replay", "run.csv", "--json", *FAST]) == 0
    by_csv = _json_lines(capsys)
    assert [x for x in by_csv if x["type"] in ("step", "cue")] == [
        x for x in live if x["type"] in ("step", "cue")
    ]

    assert main(["replay", run_id, "--json", "--set", "coach.enabled=false"]) == 0
    assert not [x for x in _json_lines(capsys) if x["type"] == "cue"]
    assert main(["replay", "last"]) == 0
    words = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in words)
    assert len(words) < 40


def test_simulate_gives_samples_and_truth(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["simulate", "--story", "stops", "--rate", "104", "--out", "s.csv"]
    assert main([*arguments, "--truth", "t.jsonl", "--no-gyro"]) == 0
    truth = [json.loads(line) for line in Path("t.jsonl").read_text().splitlines()]
    capsys.readouterr()
    assert main(["replay", "s.csv", "--json"]) == 0
    summary = _json_lines(capsys)[-1]
    assert summary["steps"] == pytest.approx(len(truth), rel=0.02)
    assert main(arguments) == 2
    assert "is there already" in _problem(capsys)


def test_a_demo_that_cannot_be_recorded_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{k / 100},0,0,9.81,0,0,0" for k in range(300)]
    Path("still.csv").write_text("time_s,ax,ay,az,gx,gy,gz\n" + "\n".join(lines) + "\n")
    nowhere = ["--set", "runs.directory=/proc/nowhere"]
    assert main(["demo", "--play", "still.csv", *nowhere]) == 1
    said = _problem(capsys)
    assert re.match(r"gaitpi: Nothing was recorded: [0-9a-f-]+\.gaitpi is no longer there", said)


def test_run_without_a_sensor(tmp_path: Path) -> None:
    """A process of its own: it forks."""
    argv = [sys.executable, "-m", "gaitpi", "run", "--set", "imu.bus=63"]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("gaitpi: /dev/i2c-63 does not exist")
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "--set", "imu.rate=3"], 78, ["imu.rate", "imu.rate_hz"]),
        (["run", "--config", "none.toml"], 78, ["none.toml"]),
        (["replay", "none.csv"], 2, ["none.csv", "gaitpi runs"]),
        (["replay", "text.csv"], 1, ["does not begin with the line time_s,ax,ay,az"]),
        (["replay", "cut.csv"], 1, ["line 41", "cut short"]),
        (["replay", "other.db"], 1, ["not a gaitpi run"]),
        (["replay", "torn.gaitpi"], 1, ["torn.gaitpi"]),
        (["show", "nothing"], 2, ["nothing"]),
        (["demo", "--play", "text.csv"], 1, ["does not begin"]),
        (["demo", "--play", "text.npz"], 1, ["not a recording"]),
        (["demo", "--play", "other.db"], 1, ["neither .npz nor .csv"]),
        (["demo", "--story", "sad"], 2, ["sad", "steady"]),
        (["demo", "--chip", "mpu1234"], 2, ["mpu1234", "mpu6050", "lsm6dsox"]),
        (["simulate", "--rate", "5", "--out", "x.csv"], 2, ["--rate 5"]),
        (["simulate", "--out", "no/such/x.csv"], 2, ["cannot be written"]),
    ],
)
def test_mistakes(
    arguments: list[str], code: int, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("text.csv").write_text("Dear diary,\ntoday I ran.\n")
    Path("text.npz").write_text("not a zip")
    rows = "".join(f"{k / 100},0,0,9.8\n" for k in range(40))
    Path("cut.csv").write_text("time_s,ax,ay,az\n" + rows[:-8])
    with sqlite3.connect("other.db") as db:
        db.execute("CREATE TABLE x (y)")
    db.close()
    Path("torn.gaitpi").write_bytes(Path("other.db").read_bytes()[:700])
    assert main(arguments) == code
    text = _problem(capsys)
    for word in words:
        assert word in text


def test_make_run_without_a_sensor_says_so_and_simulates(
    capsys: pytest.CaptureFixture[str],
) -> None:
    if os.path.exists("/dev/i2c-1"):  # noqa: PTH110
        pytest.skip("this machine has an I2C bus: a real sensor might answer")
    assert makerun.run(["--story", "steady"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("No sensor: /dev/i2c-1 does not exist")
    assert "simulated runner" in out.splitlines()[1]
    assert "run file" in out


def test_a_recording_is_played(capsys: pytest.CaptureFixture[str], shared_data: Path) -> None:
    path = shared_data / "rbds_semisynthetic" / "002_T25.npz"
    assert main(["demo", "--play", str(path), "--chip", "lsm6dsox"]) == 0
    assert "[002_T25]" in capsys.readouterr().out
    assert main(["runs", "--json"]) == 0
    # 74 contacts on the force plate; the last one has no next
    assert abs(json.loads(capsys.readouterr().out)[0]["steps"] - 73) <= 2
