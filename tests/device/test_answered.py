"""The ring is closed: what the player plays is heard, and what is heard is run."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from gaitpi.cli import main
from gaitpi.coach.policy import Coach
from gaitpi.coach.types import Cue
from gaitpi.config import CoachConfig, Config
from gaitpi.cues.outputs import Outputs
from gaitpi.cues.player import Player
from gaitpi.cues.vocabulary import PATTERNS, pattern, render
from gaitpi.device.ears import Ears
from gaitpi.device.rehearsal import rehearse
from gaitpi.device.replay import open_recording, replay
from gaitpi.device.virtual import play
from gaitpi.hostclock import SystemClock, VirtualClock
from gaitpi.imu.virtual.answering import Answering, AnswerParams, Reply
from gaitpi.imu.virtual.live import AnsweringRunner
from gaitpi.imu.virtual.runner import RunnerParams
from gaitpi.imu.virtual.story import Phase
from gaitpi.runs.reader import RunReader

COACH = CoachConfig(target_spm=172.0, warmup_s=0.0)
CONFIG = Config(coach=COACH)
LOW = (Phase("stand", 5.0), Phase("run", 230.0, cadence_spm=163.0, lean_deg=6.0))
SURE = AnswerParams(answers=1.0)


class Listener:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[float, str, float]] = []

    def heard(self, time_s: float, cue: str, beat_s: float = float("nan")) -> None:
        self.told.append((time_s, cue, beat_s))

    def rhythm(self, time_s: float, beat_s: float) -> None:
        self.told.append((time_s, "", beat_s))


def cue(name: str, beat_s: float = float("nan")) -> Cue:
    metric = "system" if name == "hello" else "cadence"
    return Cue(7.0, name, metric, 0.0, (0.0, 1.0), "test", "test", beat_s)  # type: ignore[arg-type]


def test_ears_hear_the_rhythm_that_is_played() -> None:
    listener, clock = Listener(), VirtualClock(50.0)
    player = Player(Outputs([Ears(listener, lambda: 12.5, clock)]), clock)
    for one in (cue("step-up", 0.34), cue("tall"), cue("hello"), cue("let-go")):
        player.play_now(one)
    player.close()
    names = [name for _, name, _ in listener.told]
    assert names == ["step-up", "", "", "tall", "let-go"]
    assert [t for t, _, _ in listener.told] == pytest.approx([12.5, 13.18, 13.52, 12.5, 12.5])
    assert [beat for _, name, beat in listener.told if name in ("step-up", "")] == pytest.approx(
        [0.34] * 3
    )


def test_ears_hear_the_thread_of_a_real_player() -> None:
    listener, clock = Listener(), SystemClock()
    start = clock.monotonic()
    ears = Ears(listener, lambda: clock.monotonic() - start, clock)
    over = threading.Event()
    player = Player(Outputs([ears]), clock, lambda _played: over.set())
    player.submit(cue("step-up", 0.25))
    assert over.wait(10.0)
    player.close()
    assert listener.told[0][1] == "step-up"
    assert 0.0 <= listener.told[0][0] < 2.0
    assert listener.told[-1][2] == pytest.approx(0.25, abs=0.1)


def test_a_sound_cut_short_at_its_first_tick_asks_for_nothing() -> None:
    listener = Listener()
    ears = Ears(listener, lambda: 1.0, VirtualClock())
    ears.announce(PATTERNS["beat"], 1.0)
    ears.tone(2700.0, 1.0)
    ears.silence()
    assert listener.told == []


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Reply]]:
    """The run file of one who always answers, and what he made of it."""
    runner = AnsweringRunner(LOW, RunnerParams(seed=5), Answering(SURE))
    ended = play(runner, CONFIG, tmp_path_factory.mktemp("runs"), [], recording="low")
    assert ended.path is not None
    assert not ended.problems
    return ended.path, runner.answering.all_replies()


def test_the_daemon_is_answered(answered: tuple[Path, list[Reply]]) -> None:
    path, replies = answered
    with RunReader(path) as reader:
        cues = list(reader.cues())
    assert [c.cue for c in cues[:2]] == ["step-up", "back"]
    assert cues[1].time_s - cues[0].time_s < 20.0
    assert [r.cue for r in replies] == [c.cue for c in cues]
    # run time begins with the first sample the driver got, a little after the signal
    late = [r.heard_s - c.time_s for r, c in zip(replies, cues, strict=True)]
    assert max(late) - min(late) < 0.12
    assert 0.0 <= min(late) < 0.5
    # the rhythm glides to the target: he is told at its second tick, after the first interval
    tones = render(pattern("step-up"), cues[0].beat_s, cues[0].from_s)
    first = tones[0].duration_s + tones[1].duration_s
    assert replies[0].asked == pytest.approx(60.0 / first, abs=0.05)


def test_replay_gives_the_same_cues(answered: tuple[Path, list[Reply]]) -> None:
    path, _ = answered
    with RunReader(path) as reader:
        recorded = [(c.time_s, c.cue, c.reason) for c in reader.cues()]
    again = replay(open_recording(path), CONFIG)
    replayed = [(d.time_s, d.cue, d.reason) for d in again if isinstance(d, Cue)]
    assert replayed == recorded


def test_step_by_step_and_through_the_chip_agree_roughly(
    answered: tuple[Path, list[Reply]],
) -> None:
    path, replies = answered
    run = rehearse(Coach(COACH), LOW, Answering(SURE), seed=5)
    with RunReader(path) as reader:
        cues = list(reader.cues())
    assert [c.cue for c in run.cues] == [c.cue for c in cues]
    apart = [a.time_s - b.time_s for a, b in zip(run.cues, cues, strict=True)]
    assert np.abs(apart).max() < 6.0
    # of what is asked he takes the same share: through the chip a glide's first interval asks less
    own = LOW[1].cadence_spm
    shares = [
        [(r.goal - own) / (r.asked - own) for r in found if r.answered]
        for found in (run.replies, replies)
    ]
    assert shares[0] == pytest.approx(shares[1], abs=0.03)


def test_a_deaf_runner_gets_the_cues_of_one_who_never_answers(tmp_path: Path) -> None:
    phases = (LOW[0], Phase("run", 80.0, cadence_spm=163.0))
    never = AnsweringRunner(phases, RunnerParams(seed=5), Answering(AnswerParams(answers=0.0)))
    ended = play(never, replace(CONFIG), tmp_path, [], recording="never")
    assert ended.path is not None
    assert ended.cues >= 1
    assert [r.answered for r in never.answering.all_replies()] == [False] * ended.cues


def test_simulate_writes_what_was_heard_and_replay_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.chdir(tmp_path)
    settings = ["--set", "coach.warmup_s=0"]
    asked = ["--answers", "--target", "176", "--rate", "100", *settings]
    assert main(["simulate", "--story", "lean", "--set", "coach.focus=cadence", *asked,
                 "--out", "x.csv", "--truth", "x.jsonl"]) == 0  # fmt: skip
    assert "answered" in capsys.readouterr().out
    truth = [json.loads(line) for line in Path("x.jsonl").read_text().splitlines()]
    heard = [line for line in truth if line["type"] == "heard"]
    assert any(line["answered"] for line in heard)
    replay = ["replay", "x.csv", "--json", "--set", "coach.target_spm=176", *settings]
    assert main(replay) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    cues = [line for line in lines if line["type"] == "cue"]
    assert [c["cue"] for c in cues] == [h["cue"] for h in heard]
    assert all(0.0 <= h["heard_s"] - c["time_s"] < 0.2 for c, h in zip(cues, heard, strict=True))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["simulate", "--target", "172", "--out", "x.csv"], "Give --answers too"),
        (["simulate", "--answers", "--target", "17", "--out", "x.csv"], "120 to 240"),
        (["demo", "--answers", "--play", "x.csv"], "cannot answer"),
    ],
)
def test_mistakes(
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert words in capsys.readouterr().err
    assert not Path("x.csv").exists()


def test_ears_hear_the_ticks_of_a_metronome_in_virtual_time() -> None:
    listener, clock = Listener(), VirtualClock(50.0)
    player = Player(Outputs([Ears(listener, lambda: 12.5, clock)]), clock, threaded=False)
    player.metronome(cue("metronome", 0.34), 101.0, 200.0)
    for k in range(20):
        player.catch_up(101.0 + 0.1 * k)
    player.close()
    assert [name for _, name, _ in listener.told] == ["metronome", *[""] * 4]
    assert [beat for _, _, beat in listener.told] == pytest.approx([0.34] * 5)
    assert [t for t, _, _ in listener.told[1:]] == pytest.approx(
        [12.5 + 0.34 * k for k in range(2, 6)]
    )


def test_a_metronome_is_answered_through_the_chip_and_step_by_step(tmp_path: Path) -> None:
    """Who always answers is back in band while it ticks: so it ends, and is confirmed."""
    coach = replace(COACH, metronome="adaptive")
    runner = AnsweringRunner(LOW, RunnerParams(seed=5), Answering(SURE))
    ended = play(runner, Config(coach=coach), tmp_path, [], recording="low")
    assert ended.path is not None
    with RunReader(ended.path) as reader:
        cues = list(reader.cues())
    assert [c.cue for c in cues[:2]] == ["metronome", "back"]
    assert cues[0].lasted_s == pytest.approx(cues[1].time_s - cues[0].first_s, abs=0.4)
    assert cues[0].lasted_s < 25.0
    reply = runner.answering.all_replies()[0]
    assert reply.cue == "metronome"
    assert reply.answered
    run = rehearse(Coach(coach), LOW, Answering(SURE), seed=5)
    assert [c.cue for c in run.cues[:2]] == ["metronome", "back"]


def test_a_rehearsal_foretells_the_next_contact() -> None:
    """A rhythm begins on a step of the runner, and in his own interval."""
    run = rehearse(Coach(COACH), LOW, Answering(SURE), seed=5)
    first = run.cues[0]
    contacts = np.array([step.start_s for step in run.running])
    assert first.from_s == pytest.approx(60.0 / 163.0, rel=0.03)
    assert np.abs(contacts - first.first_s).min() < 0.04
