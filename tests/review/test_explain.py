"""Why: cues are explained as recorded; silence by the coach's own rules, or not at all."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from gaitpi.cli import main
from gaitpi.config import CoachConfig, Config, apply
from gaitpi.device.virtual import play
from gaitpi.errors import UsageError
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.review.explain import Answer, explain, parse_time, sentences
from gaitpi.review.ledger import ledger
from gaitpi.runs.reader import RunReader
from tests.coach.runner import Runner
from tests.review.simulated import record

COACH = CoachConfig(target_spm=170.0)
LOW_S, BACK_S = 300.0, 420.0


def low(t: float) -> float:
    return 160.0 if LOW_S < t < BACK_S else 170.5


def ask(path: Path, at_s: float | None) -> Answer:
    with RunReader(path) as run:
        return explain(run, at_s)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Low from 5 to 7 minutes, in the warm-up before, stopped at 10 min, walking at 11."""

    def activity(t: float) -> int:
        return 1 if 600 < t < 640 else 2 if 660 < t < 700 else 3

    runner = Runner(lambda t: 158.0 if 60 < t < 100 else low(t), activity=activity, wander_spm=0.3)
    folder = tmp_path_factory.mktemp("runs")
    return record(folder / "run.gaitpi", runner, 800.0, COACH, lost=((480.0, 500.0),))


def test_every_cue_is_explained_as_recorded(path: Path) -> None:
    with RunReader(path) as run:
        cues = [e for e in ledger(run) if not e.withheld]
    assert {"step-up", "beat", "back"} <= {e.cue for e in cues}
    for cue in cues:
        answer = ask(path, float(int(cue.time_s)))
        assert (answer.kind, answer.doubts) == ("cue", ())
        assert answer.cue is not None
        assert answer.cue.number == cue.number
        assert cue.reason in sentences(answer)[0]
    first = ask(path, cues[0].time_s + 5.0)
    assert first.cue is not None
    assert first.cue.number == 1
    assert first.out_s == pytest.approx(cues[0].time_s - LOW_S, abs=8.0)
    assert any("Not answered" in s or "Answered" in s for s in sentences(first))


@pytest.mark.parametrize(
    ("at_s", "rule", "since_s", "words"),
    [
        (30, "quiet.warmup", 0, "Nothing would have come without that."),
        (90, "quiet.warmup", 0, "Without that step-up would have come at 01:0"),
        (250, "ready", 180, "nothing to say"),
        (303, "ready", None, "silence"),
        (350, "quiet.floor", None, "beat at"),
        (490, "no data", 480, "no samples since 08:00"),
        (505, "quiet.gate", 500, "running again"),
        (620, "quiet.activity", 600, "not running (standing)"),
        (645, "quiet.gate", 640, "running again"),
        (680, "quiet.activity", 660, "not running (walking)"),
        (780, "ready", 730, "nothing to say"),
    ],
)
def test_silence(path: Path, at_s: int, rule: str, since_s: float | None, words: str) -> None:
    answer = ask(path, float(at_s))
    if rule == "quiet.floor":
        # inside the floor after the first cue
        with RunReader(path) as run:
            cues = [e.time_s for e in ledger(run) if e.cue == "step-up" and not e.withheld]
        answer = ask(path, cues[0] + 40.0)
        assert answer.would is not None
        assert answer.would.rule == "quiet.floor"
        words = "Without that"
    assert answer.rule == rule
    assert answer.doubts == ()
    assert answer.kind == ("no data" if rule == "no data" else "silence")
    if since_s is not None:
        assert answer.since_s == pytest.approx(since_s, abs=2.0)
    assert words in " ".join(sentences(answer))
    json.dumps(answer.as_json("x"), allow_nan=False)


def test_every_second_has_an_answer_that_the_record_bears_out(path: Path) -> None:
    with RunReader(path) as run:
        kept = [e for e in ledger(run) if e.withheld]
    assert kept
    for entry in kept:
        answer = ask(path, float(int(entry.time_s)) + 1.0)
        if answer.kind == "silence" and entry.cue != "back":
            assert answer.rule == entry.rule
    for second in range(0, 800, 37):
        text = " ".join(sentences(ask(path, float(second))))
        assert "nan" not in text
        assert "inf" not in text


def test_without_a_time_the_last_cue_or_the_last_silence(path: Path, tmp_path: Path) -> None:
    with RunReader(path) as run:
        last = [e for e in ledger(run) if e.cue in ("step-up", "beat") and not e.withheld][-1]
    told = ask(path, None).cue
    assert told is not None
    assert told.number == last.number
    silent = record(tmp_path / "s.gaitpi", Runner(lambda t: 160.0), 100.0, COACH)
    assert ask(silent, None).would is not None
    listening = record(tmp_path / "l.gaitpi", Runner(lambda t: 160.0), 60.0, CoachConfig())
    answer = ask(listening, None)
    assert (answer.rule, answer.doubts) == ("listening", ())
    assert "target propose" in sentences(answer)[1]


def test_what_the_file_does_not_hold_is_doubted(tmp_path: Path) -> None:
    """A mute leaves no trace in the tables: the answer must not pretend."""
    runner = Runner(low, wander_spm=0.3)
    muted = record(tmp_path / "m.gaitpi", runner, 500.0, COACH, mute=(290.0, 410.0))
    answer = ask(muted, 390.0)
    assert answer.kind == "silence"
    assert any("quiet.mute" in doubt or "was not recorded" in doubt for doubt in answer.doubts)
    (doubt,) = ask(muted, 440.0).doubts
    assert doubt.startswith("step-up (cadence.low) at 07:0")
    assert "does not follow" in doubt
    assert ask(muted, 250.0).doubts == ()


def test_a_lean_run_cannot_know_turns(tmp_path: Path) -> None:
    coach = CoachConfig(focus="lean", usual_lean_deg=8.0)

    def turning(t: float) -> float:
        return 40.0 if 300 < t < 340 else 0.0

    def lean(t: float) -> float:
        return 20.0 if 270 < t < 400 else 8.0

    runner = Runner(lambda t: 170.0, lean=lean, yaw=turning)
    path = record(tmp_path / "t.gaitpi", runner, 450.0, coach)
    with RunReader(path) as run:
        found = ledger(run)
    assert any(e.cue == "tall" and not e.withheld for e in found)
    assert ask(path, 200.0).doubts == ("whether the runner was turning is not in the file",)
    still = ask(path, 100.0)
    assert (still.rule, still.doubts) == ("quiet.warmup", ())


def test_a_walk_has_an_answer_too(tmp_path: Path) -> None:
    """Not that nothing was measured: the moment that is meant is the last one that was."""
    path = record(tmp_path / "walk.gaitpi", Runner(low, activity=lambda _t: 2), 40.0, COACH)
    with sqlite3.connect(path) as db:  # as while it is recorded: the last second is open
        db.execute("DELETE FROM second WHERE time_s >= 39")
    answer = ask(path, None)
    assert (answer.kind, answer.rule, answer.time_s) == ("silence", "quiet.activity", 38.0)


def test_a_configuration_of_another_version(tmp_path: Path) -> None:
    path = record(tmp_path / "a.gaitpi", Runner(low), 400.0, COACH)
    with RunReader(path) as run:
        run.config["coach"]["from_the_future"] = 1
        answer = explain(run, 250.0)
        cue = explain(run, None)
    assert answer.rule == "unknown"
    assert "another version" in answer.doubts[0]
    assert cue.kind == "cue"


@pytest.mark.parametrize(
    ("text", "seconds"), [("24:10", 1450.0), ("1:02:30", 3750.0), ("75", 75.0), ("0:00", 0.0)]
)
def test_times(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "x", "1:60", "1:2:3:4", "-5", "1:", "٣:10", "1.5"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError):
        parse_time(text)


def test_what_a_long_silence_kept_back_is_still_said_minutes_later(tmp_path: Path) -> None:
    """Low, nearly back, low again: the coach says once that it is held back."""

    def cadence(t: float) -> float:
        if t > 480.0:
            return 171.0 if t < 540.0 else 160.0
        return 163.0 if t % 60.0 < 40.0 else 165.0

    coach = CoachConfig(target_spm=170.0, warmup_s=60.0, programme_part="test", programme_number=1)
    path = record(tmp_path / "run.gaitpi", Runner(cadence, wander_spm=0.0), 560.0, coach)
    with RunReader(path) as run:
        kept = next(e for e in ledger(run) if e.rule == "quiet.programme")
    late = ask(path, 395.0)
    assert late.rule == "quiet.programme"
    assert 0.0 < late.out_s < 395.0 - kept.time_s
    assert late.would == kept
    assert "Without that step-up would have come" in " ".join(sentences(late))
    # he came back by himself: what would have come before that says nothing of the next dip
    dip = ask(path, 546.0)
    assert dip.out_s > 0.0
    assert dip.would is None


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """From samples: virtual chip, daemon, run file."""
    phases = (
        Phase("stand", 10.0),
        Phase("run", 90.0),
        Phase("run", 70.0, cadence_spm=158.0),
        Phase("stand", 10.0),
        Phase("run", 50.0),
    )
    config = apply(Config(), ["coach.target_spm=170", "coach.warmup_s=40"])
    folder = tmp_path_factory.mktemp("whole")
    ended = play(SimulatedRunner(phases), config, folder, [], recording="whole")
    assert ended.path is not None
    return ended.path


def test_a_climb_is_said_to_be_the_reason(tmp_path: Path) -> None:
    phases = (
        Phase("stand", 10.0),
        Phase("run", 80.0, lean_deg=6.0),
        Phase("run", 45.0, cadence_spm=161.0, speed_mps=2.4, lean_deg=6.0, grade=0.07),
    )
    config = apply(Config(), ["coach.target_spm=170", "coach.warmup_s=40"])
    path = play(SimulatedRunner(phases), config, tmp_path, [], recording="hill").path
    assert path is not None
    answer = ask(path, 120.0)
    assert (answer.rule, answer.doubts) == ("quiet.hill", ())
    assert answer.would is not None
    text = " ".join(sentences(answer))
    assert "looks like a climb of about" in text
    assert text.count("since") == 1
    assert "Without that step-up would have come at 01:" in text


def test_of_a_recorded_run_nothing_is_doubted(whole: Path) -> None:
    """Steps and seconds of the file lead to the decisions made on the samples."""
    rules = set()
    for second in range(5, 225, 10):
        answer = ask(whole, float(second))
        assert answer.doubts == (), second
        rules.add(answer.rule)
    assert {"quiet.warmup", "quiet.activity", "quiet.gate", "ready"} <= rules
    assert "cadence.low" in rules


def test_command(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for at in ("", "@1:30", "@8:10", "@10:20", "@13:00"):
        assert main(["why", f"{path}{at}"]) == 0
        out = capsys.readouterr().out
        assert all(len(line) <= 80 for line in out.splitlines())
    assert main(["why", f"{path}@1:30", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["kind"], told["sure"], told["rule"]) == ("silence", True, "quiet.warmup")
    assert told["would_have"]["cue"] == "step-up"
    assert main(["why", f"{path}@59:00"]) == 2
    assert "only 13:" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["why", "cues"])
def test_nothing_heavy_is_imported(path: Path, command: str) -> None:
    code = (
        "import sys; from gaitpi.cli import main;"
        f"assert main([{command!r}, {str(path)!r}]) == 0;"
        "print(sorted({'numba', 'gpiozero', 'numpy', 'smbus2'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
