"""A programme on the simulated runner, and the daemon that runs one session of it."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from gaitpi import programmefile
from gaitpi.cli import main
from gaitpi.coach.programme import Plan, Session, Test
from gaitpi.coach.types import Cue
from gaitpi.config import Config, apply
from gaitpi.cues.outputs import Outputs
from gaitpi.device.daemon import Daemon
from gaitpi.device.programme import Desk
from gaitpi.device.replay import open_recording, replay
from gaitpi.device.trial import Trial, try_programme
from gaitpi.device.virtual import recorder_in
from gaitpi.errors import GaitpiError
from gaitpi.hostclock import VirtualClock
from gaitpi.imu.chips.mpu6050.twin import VirtualMpu6050
from gaitpi.imu.reader import open_reader
from gaitpi.imu.virtual.answering import AnswerParams
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.programmefile import Done, Prescribed, Started
from gaitpi.review.programme import coach_of, collect, retention, standing, with_cues
from gaitpi.runs.reader import RunReader
from gaitpi.runs.writer import RunWriter
from tests.runs.sample import second, write_run

PLAN = Plan(
    name="faded",
    focus="cadence",
    sessions=(Session(share=1.0, minutes=6.0), Session(share=0.5, minutes=6.0)),
    tests=(Test(after_days=1, minutes=6.0),),
)


def tried(directory: Path, **params: Any) -> Trial:
    return try_programme(
        PLAN, directory, target_spm=172.0, own_spm=164.0, params=AnswerParams(**params)
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trial") / "runs"


@pytest.fixture(scope="module")
def trial(folder: Path) -> Trial:
    return tried(folder)


def test_every_session_and_test_is_run_and_counts(trial: Trial) -> None:
    runs = [(r.done.part, r.done.number) for r in trial.runs if r.done is not None]
    assert runs == [("session", 1), ("session", 2), ("test", 1)]
    assert [run.day for run in trial.runs] == [0, 2, 4, 5]
    assert all(run.done is None or run.done.enough for run in trial.runs)
    assert trial.own.cadence_spm == pytest.approx(164.0, abs=1.0)
    assert trial.problems == ()


def test_cues_come_in_their_minutes_only(trial: Trial, folder: Path) -> None:
    heard = 0
    for ran in trial.runs[1:]:
        assert ran.done is not None
        with RunReader(folder / f"{ran.done.run_id}.gaitpi") as run:
            coach = coach_of(run.config)
            assert coach is not None
            first_s = next(s.time_s for s in run.seconds() if s.activity == 3)
            for cue in run.cues():
                if cue.cue != "back":
                    heard += 1
                    # seconds of the file know the start of a minute to a second
                    ran_s = cue.time_s - first_s - coach.warmup_s
                    minutes = {int((ran_s + off) // 60.0) for off in (-1.0, 1.0)}
                    assert any(with_cues(coach, minute) for minute in minutes)
            if ran.done.part == "test":
                assert not run.cues()
    assert heard >= 3


def test_it_stands_the_same_by_its_files_alone(trial: Trial, folder: Path) -> None:
    """Nothing but what was started is needed in the file of the programme."""
    path = programmefile.path_in(folder, simulated=True)
    started = tuple(r for r in programmefile.load(path).records if isinstance(r, Started))
    journal = programmefile.Journal(started)
    runs, unreadable = collect(folder, journal, simulated=True)
    assert unreadable == ()
    assert standing(journal, runs) == trial.standing


def test_a_runner_who_learns_keeps_some_and_one_who_hears_nothing_none(
    trial: Trial, tmp_path: Path
) -> None:
    deaf = tried(tmp_path / "deaf", answers=0.0)
    assert [r.habit_to_spm for r in deaf.runs] == [164.0] * 4
    assert trial.runs[-1].habit_from_spm > 164.2
    verdict = retention(deaf.standing, 1)
    assert verdict is not None
    assert math.isnan(verdict.kept)  # there was no change to keep


def test_lean_is_not_simulated(tmp_path: Path) -> None:
    plan = Plan(name="faded", focus="lean", sessions=PLAN.sessions)
    with pytest.raises(GaitpiError, match="cadence only"):
        try_programme(plan, tmp_path, target_spm=None, own_spm=164.0, params=AnswerParams())


# The daemon.

LOW = (Phase("stand", 3.0), Phase("run", 250.0, cadence_spm=160.0))
CONFIG = apply(Config(), ["coach.target_spm=172", "coach.warmup_s=0", "coach.unanswered_max=9"])


def live(directory: Path, config: Config = CONFIG) -> tuple[Path, list[str]]:
    """A run of the daemon in virtual time under what its desk says."""
    clock = VirtualClock(wall_s=1_795_453_320.0)
    chip = VirtualMpu6050(SimulatedRunner(LOW), clock)
    said: list[str] = []
    daemon = Daemon(
        config,
        open_reader(VirtualTransport([chip]), clock, config.imu),
        clock,
        Outputs([]),
        recorder_in(directory, synchronous=True),
        realtime=False,
        said=said.append,
        programme=Desk(directory, clock.wall, simulated=True),
    )
    ended = daemon.run(lambda: chip.ended)
    assert ended.path is not None
    return ended.path, said


def start(directory: Path, **plan: Any) -> None:
    sessions = (Session(share=0.34, minutes=4.0),)
    program = Plan(name="faded", focus="cadence", sessions=sessions, **plan)
    path = programmefile.path_in(directory, simulated=True)
    programmefile.add(path, [Started(wall_s=1_795_400_000.0, id="own-1", plan=program)])


def test_the_daemon_runs_a_session_books_it_and_a_replay_gives_the_same_cues(
    tmp_path: Path,
) -> None:
    start(tmp_path)
    path, said = live(tmp_path)
    assert any("session 1 of 1: 34 % of 4 min with cues" in words for words in said)
    with RunReader(path) as run:
        coach = coach_of(run.config)
        cues, withheld = run.cues(), run.withheld()
    assert coach is not None
    assert (coach.programme_part, coach.programme_share) == ("session", 0.34)
    assert cues
    assert "quiet.programme" in {w.rule for w in withheld}
    recording = open_recording(path)
    assert recording.config is not None
    again = [i for i in replay(recording, recording.config) if isinstance(i, Cue)]
    assert [(c.time_s, c.cue) for c in again] == [(c.time_s, c.cue) for c in cues]
    booked = programmefile.load(programmefile.path_in(tmp_path, simulated=True)).records[-1]
    assert isinstance(booked, programmefile.Done)
    assert booked.run_id == path.stem
    assert booked.enough


def test_what_is_started_or_prescribed_meanwhile_holds_from_the_next_run_on(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, lambda: 1_795_400_000.0, simulated=True)
    assert desk.prepare(CONFIG, 1_795_400_000.0).next.part == ""
    start(tmp_path)
    assert desk.prepare(CONFIG, 1_795_400_000.0).next.part == "session"
    record = Prescribed(wall_s=0.0, sha256="x", text="y", kind="toml")
    programmefile.add(programmefile.path_in(tmp_path, simulated=True), [record])
    assert not desk.prepare(CONFIG, 1_795_400_000.0).config.coach.enabled


def test_a_session_that_goes_on_is_booked_when_it_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A daemon that was cut off reads the journal before it takes the run up again."""
    start(tmp_path)
    path = programmefile.path_in(tmp_path, simulated=True)

    def booked() -> list[Done]:
        return [one for one in programmefile.load(path).records if isinstance(one, Done)]

    now_s = 1_795_400_000.0
    coach = Desk(tmp_path, lambda: now_s, simulated=True).prepare(CONFIG, now_s).config.coach
    assert coach.programme_part == "session"
    rows = [second(float(k)) for k in range(900)]
    run = tmp_path / "a.gaitpi"
    write_run(run, seconds=rows[:100], coach=coach, finish=False, virtual=True)
    desk = Desk(tmp_path, lambda: now_s, simulated=True)
    config = tmp_path / "gaitpi.toml"
    config.write_text(f'[runs]\ndirectory = "{tmp_path}"\n', encoding="utf-8")
    capsys.readouterr()
    status = ["program", "status", "--simulated", "--json"]
    assert main(["--config", str(config), *status]) == 0
    assert json.loads(capsys.readouterr().out)["too_short"] == []
    assert booked() == []
    writer = RunWriter.resume(run)
    writer.seconds(rows[100:])
    writer.close({})
    desk.refresh()
    (done,) = booked()
    assert done.enough
    # in another boot nobody can go on with it
    cut = tmp_path / "b.gaitpi"
    write_run(cut, seconds=rows, coach=coach, finish=False, virtual=True, boot="before")
    assert len(booked()) == 1
    desk.refresh()
    assert len(booked()) == 2


def test_an_unreadable_file_silences_and_says_so(tmp_path: Path) -> None:
    programmefile.path_in(tmp_path, simulated=True).mkdir(parents=True)
    desk = Desk(tmp_path, lambda: 0.0, simulated=True)
    laid = desk.prepare(CONFIG, 0.0)
    assert not laid.config.coach.enabled
    assert laid.problems[0].startswith("No cues: the file of the programme")


def test_a_damaged_prescription_silences(tmp_path: Path) -> None:
    record = Prescribed(wall_s=0.0, sha256="x", text="y", kind="toml")
    programmefile.add(programmefile.path_in(tmp_path, simulated=True), [record])
    laid = Desk(tmp_path, lambda: 0.0, simulated=True).prepare(CONFIG, 0.0)
    assert not laid.config.coach.enabled
    assert "damaged" in laid.problems[0]


# The command.


def test_simulate_program_prints_a_table_and_every_command_reads_its_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    out = tmp_path / "sim"
    assert main(["simulate", "--program", "faded", "--sessions", "1", "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert all(len(line) <= 80 for line in text.splitlines() if str(tmp_path) not in line)
    assert "the runner is a model, not people" in text
    assert "session 1    2   100 %" in text
    assert "test 2      30     0 %" in text
    config = ["--config", str(out / "gaitpi.toml")]
    assert main([*config, "program", "status", "--simulated", "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert [run["part"] for run in status["runs"]] == ["session", "test", "test"]
    assert status["next"]["why"] == "the programme is over"
    assert main([*config, "program", "verdict", "--simulated"]) == 0
    assert "test 2" in capsys.readouterr().out
    assert main([*config, "show", "last"]) == 0
    assert "programme  cadence, silent test 2" in capsys.readouterr().out
    assert main([*config, "why", "last@10:00"]) == 0
    assert "quiet.programme: silent test 2" in capsys.readouterr().out
    assert main(["simulate", "--program", "faded", "--out", str(out)]) == 2
    assert "there already" in capsys.readouterr().err
