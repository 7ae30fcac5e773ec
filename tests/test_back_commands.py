"""``gaitpi load``, ``back``, ``shoe compare`` and ``shoe plan`` at the command line."""

import json
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from calibration.season import watched, write
from gaitpi.cli import main
from gaitpi.journal import store

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four runs up to yesterday, in two pairs."""
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "RUNTIME_DIRECTORY"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("GAITPI_CONFIG", raising=False)
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    directory = tmp_path / "XDG_STATE_HOME" / "gaitpi" / "runs"
    for k in range(4):
        write(directory, evening(8 - 2 * k), 300 + 60 * k, seed=k)
    return directory


def evening(days_ago: int) -> float:
    today = datetime.fromtimestamp(time.time()).replace(hour=18, minute=0, second=0)
    return (today - timedelta(days=days_ago)).timestamp()


def printed(capsys: Capture, *arguments: str, code: int = 0) -> str:
    assert main(arguments) == code
    out, err = capsys.readouterr()
    assert code or err == ""
    for line in out.splitlines():
        assert len(line) <= 80, line
    return out


def told(capsys: Capture, *arguments: str) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_what_was_trimmed_away_was_not_run_in_a_pair(runs: Path, capsys: Capture) -> None:
    """As in ``load``, ``back`` and ``shoe compare``."""
    printed(capsys, "shoe", "add", "Ghost 15")
    printed(capsys, "shoe", "use", "ghost", "9", "days", "ago")
    before = told(capsys, "shoe")["shoes"][0]["steps"]
    assert main(["trim", "last", "--end", "2:00"]) == 0
    capsys.readouterr()
    after = told(capsys, "shoe")["shoes"][0]["steps"]
    assert 0 < after < before
    assert after == told(capsys, "shoe", "compare")["pairs"][0]["running_steps"]


def test_load_in_steps_then_in_kilometres(runs: Path, capsys: Capture) -> None:
    out = printed(capsys, "load")
    assert out.startswith("longest run in 30 days  ")
    assert "ceiling of the next run" in out
    assert "steps and minutes stand in for it." in " ".join(out.split())
    assert "5,205 runners" in out
    assert "landings" in out
    first = told(capsys, "load")
    assert (first["by"], first["runs"], first["distance_m"]) == ("steps", 4, None)
    assert first["steps"]["ceiling"] == pytest.approx(1.1 * first["steps"]["longest"])
    for k, path in enumerate(sorted(runs.glob("*.gaitpi"))):
        length_s = 300.0 + 60.0 * k
        watched(path, 2.0 * length_s, length_s)
    out = printed(capsys, "load")
    assert "1.0 km on" in out
    assert "ceiling of the next run 1.1 km (x 1.10)" in out
    assert "stand in" not in out
    assert told(capsys, "load")["distance_m"]["ceiling"] == pytest.approx(1.1 * 960.0, rel=0.01)


def test_a_severe_pain_goes_before_the_next_run(runs: Path, capsys: Capture) -> None:
    """Nobody is told how far to run while cues rest; what is lower of that place ends it."""
    assert "load       next run" in printed(capsys)
    printed(capsys, "pain", "7", "lower-left", "morning")
    out = printed(capsys)
    assert "pain       Cues rest, because of pain 7 (lower-left)" in out
    assert "next       See a clinician if there is" in out
    assert "load " not in out
    found = told(capsys)
    assert found["load"] is None
    assert found["next"].startswith("See a clinician")
    assert "Cues rest, because of pain 7" in found["cues_rest"]
    assert "See a clinician" in printed(capsys, "load")
    assert told(capsys, "load")["cues_rest"] == found["cues_rest"]
    printed(capsys, "pain", "2", "lower-left", "after", "today")
    assert "load       next run" in printed(capsys)
    assert told(capsys)["cues_rest"] is None
    assert "clinician" not in printed(capsys, "load")


def test_load_without_a_run(runs: Path, capsys: Capture) -> None:
    for path in runs.iterdir():
        path.unlink()
    assert printed(capsys, "load").startswith("No run yet: no ceiling.")
    assert told(capsys, "load")["by"] is None
    write(runs, evening(50), 300, seed=9)
    assert printed(capsys, "load").startswith("No run in 30 days: no ceiling.")
    assert "load       no run in 30 days: no ceiling" in printed(capsys)


def test_back_with_a_journal(runs: Path, capsys: Capture) -> None:
    for line in (
        ["shoe", "add", "Ghost"],
        ["shoe", "use", "ghost", "20", "days", "ago"],
        ["strength", "legs", "30m"],
        ["pain", "2", "back", "morning", "1", "day", "ago"],
    ):
        printed(capsys, *line)
    out = printed(capsys, "back", "--weeks", "4")
    lines = out.splitlines()
    assert lines[1].split()[:3] == ["week", "runs", "steps"]
    assert len([line for line in lines if line[:2].isdigit()]) == 4
    assert "shoes: A Ghost" in out
    found = told(capsys, "back", "--weeks", "4")
    assert sum(week["runs"] for week in found["weeks"]) == 4
    assert sum(week["strength_sessions"] or 0 for week in found["weeks"]) == 1
    mornings = [w["pain_next_morning"] for w in found["weeks"] if w["pain_next_morning"]]
    assert mornings == [{"n": 1, "least": 2, "most": 2}]
    assert main(["back", "--weeks", "0"]) == 2
    assert "from 1 to 104" in capsys.readouterr().err


def test_back_says_what_is_wrong(runs: Path, capsys: Capture) -> None:
    store.path_in(runs).write_text("Dear diary,\n" * 100)
    assert main(["back"]) == 1
    assert "not a journal" in capsys.readouterr().err
    store.path_in(runs).unlink()
    (runs / "bad.gaitpi").write_text("no run")
    assert main(["back"]) == 0
    assert "bad is left out" in capsys.readouterr().err


def test_shoes_are_compared_and_a_trial_is_planned(runs: Path, capsys: Capture) -> None:
    out = printed(capsys, "shoe", "compare")
    assert "No run in a pair that is known" in out
    ids = sorted(path.stem for path in runs.glob("*.gaitpi"))
    printed(capsys, "shoe", "add", "Ghost 15")
    printed(capsys, "shoe", "add", "Pegasus")
    for k, run_id in enumerate(ids):
        printed(capsys, "shoe", "run", run_id, "ghost" if k % 2 else "pegasus")
    out = printed(capsys, "shoe", "compare")
    assert "Ghost 15                    2" in out
    assert "cadence            not known: 2 of 6 rounds with both" in out
    assert "no advice what to wear" in " ".join(out.split())
    found = told(capsys, "shoe", "compare")
    assert {pair["pair"]: pair["runs"] for pair in found["pairs"]} == {"Ghost 15": 2, "Pegasus": 2}
    assert {one["verdict"] for one in found["comparisons"]} == {"not known"}
    # a third pair is among "the others", but not where two are named
    printed(capsys, "shoe", "add", "Racer 2")
    printed(capsys, "shoe", "run", ids[0], "racer")
    assert "Ghost 15 less the others" in printed(capsys, "shoe", "compare")
    out = printed(capsys, "shoe", "compare", "pegasus", "and", "ghost", "15")
    assert "Ghost 15 less Pegasus:" in out
    assert "Racer" not in out
    assert "the others" not in out
    for line, why in (
        (["compare", "ghost"], "Two pairs are needed. gaitpi shoe compare"),
        (["compare", "ghost", "ghost", "15"], "Ghost 15 is one pair"),
        (["plan", "ghost", "racr"], "No pair is called 'racr'"),
        (["plan", "gost", "racer"], "No pair is called 'gost'"),
    ):
        assert main(["shoe", *line]) == 2
        assert why in capsys.readouterr().err
    plan = printed(capsys, "shoe", "plan", "ghost", "15", "pegasus", "--pairs", "4", "--seed", "3")
    assert "A trial of Ghost 15 and Pegasus: 4 pairs of runs" in plan
    assert plan.count(", then ") == 4
    assert "At the end: gaitpi shoe compare Ghost 15 Pegasus" in " ".join(plan.split())
    assert (
        printed(capsys, "shoe", "plan", "ghost", "pegasus", "--pairs", "4", "--seed", "3") == plan
    )
    trial = told(capsys, "shoe", "plan", "ghost", "pegasus", "--pairs", "4")
    assert sorted(trial["order"]) == ["Ghost 15"] * 4 + ["Pegasus"] * 4
    assert {need["metric"] for need in trial["needs"]} == {
        *("cadence_spm", "lean_deg", "contact_ms", "bounce_mm"),
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["shoe", "plan", "ghost"], "Two pairs are needed."),
        (["shoe", "plan", "ghost", "ghost"], "Ghost is one pair, and two are needed."),
        (["shoe", "plan", "ghost", "pegasus", "--pairs", "0"], "--pairs 0 is no trial."),
        (["shoe", "compare", "ghost"], "Two pairs are needed. gaitpi shoe compare"),
    ],
)
def test_what_is_no_trial(words: list[str], said: str, runs: Path, capsys: Capture) -> None:
    assert runs.is_dir()
    for name in ("Ghost", "Pegasus"):
        printed(capsys, "shoe", "add", name)
    assert main(words) == 2
    assert said in capsys.readouterr().err
