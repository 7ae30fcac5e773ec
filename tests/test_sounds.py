"""``gaitpi sounds`` in a process of its own, with a player that writes down what it is given."""

import json
import os
import pty
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from gaitpi.cli.sounds import Session, blind_test, keep, lesson
from gaitpi.cues.blindtest import FILE, Score, questions
from gaitpi.cues.distance import notes
from gaitpi.cues.vocabulary import PATTERNS, RUNNING, Pattern

ROOT = Path(__file__).parents[1]


class Shell:
    """A user's folder, with ``aplay`` on the path unless ``silent``."""

    def __init__(self, home: Path, *, silent: bool = False) -> None:
        self.home = home
        self.heard_file = home / "heard"
        tools = home / "bin"
        tools.mkdir()
        if not silent:
            (tools / "aplay").write_text(f'#!/bin/sh\nbasename "$2" .wav >> {self.heard_file}\n')
            (tools / "aplay").chmod(0o755)
        self.env = {
            "PATH": f"{tools}:/bin:/usr/bin" if not silent else str(tools),
            "PYTHONPATH": str(ROOT),
            "HOME": str(home),
            "COLUMNS": "80",
        }

    def __call__(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "gaitpi", "sounds", *arguments],
            env=self.env,
            input=typed,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr
        shown = (done.stdout + done.stderr).splitlines()
        home = str(self.home)
        assert all(len(line) <= 80 for line in shown if home not in line and "gaitpi: " not in line)
        return done

    def heard(self) -> list[str]:
        return self.heard_file.read_text().split() if self.heard_file.exists() else []

    def kept(self) -> list[dict[str, object]]:
        path = self.home / ".local" / "state" / "gaitpi" / "sound-tests.jsonl"
        return [json.loads(x) for x in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_list_names_every_sound_and_light(shell: Shell) -> None:
    out = shell().stdout
    assert out == shell("list").stdout
    for name in [*PATTERNS, "fault-6", "healthy"]:
        assert f"  {name}" in out
    data = json.loads(shell("list", "--json").stdout)
    assert [one["name"] for one in data["sounds"]] == [*PATTERNS, "metronome"]
    assert sum(one["on_a_run"] for one in data["sounds"]) == 10
    assert data["lights"][0]["colour"] == "white"
    assert data == json.loads(shell("--json").stdout)


def test_play_hands_each_sound_to_the_player(shell: Shell) -> None:
    done = shell("play", "back", "mark", "--on", "computer")
    assert done.returncode == 0
    assert shell.heard() == ["back", "mark"]
    assert done.stdout.splitlines()[0].startswith("back      #.#")


def test_the_metronome_lasts_as_long_as_wanted_and_glides(shell: Shell) -> None:
    shell("play", "metronome", "--spm", "240", "--seconds", "1")
    path = shell.home / ".local" / "state" / "gaitpi" / "sounds" / "metronome.wav"
    with wave.open(str(path)) as file:
        length_s = file.getnframes() / file.getframerate()
    assert 1.0 <= length_s < 1.3
    glide = ("--spm", "200", "--from", "180", "--seconds", "4")
    shown = shell("play", "step-up", "metronome", *glide).stdout
    assert "316 300 300 ms apart" in shown
    assert "328 322 316 311 305 300 300 ms apart" in shown


def test_the_beat_follows_the_target(shell: Shell) -> None:
    config = shell.home / "belt.toml"
    config.write_text("[coach]\ntarget_spm = 150\n")
    for arguments, wanted in (((), 172.0), (("--config", str(config)), 150.0)):
        data = json.loads(shell("list", "--json", *arguments).stdout)
        assert data["beat_s"] == pytest.approx(60.0 / wanted)
    shell("render", str(shell.home / "wav"), "--spm", "120")
    with wave.open(str(shell.home / "wav" / "step-up.wav")) as file:
        assert file.getnframes() == round((3 * 0.5 + 0.06) * 44_100)


def test_render_writes_all(shell: Shell) -> None:
    assert shell("render", str(shell.home / "wav")).returncode == 0
    assert {path.stem for path in (shell.home / "wav").iterdir()} == set(PATTERNS)


def test_without_a_player_the_file_is_named(tmp_path: Path) -> None:
    shell = Shell(tmp_path, silent=True)
    done = shell("play", "mark", "--on", "computer")
    assert done.returncode == 1
    path = tmp_path / ".local" / "state" / "gaitpi" / "sounds" / "mark.wav"
    assert str(path) in done.stderr
    assert path.exists()


class Deaf:
    """A speaker that only notes what it is to play."""

    name = "nothing"

    def __init__(self) -> None:
        self.sounds: list[Pattern] = []

    def play(self, sound: Pattern, beat_s: float) -> None:
        self.sounds.append(sound)

    def close(self) -> None:
        pass


def session(typed: list[str]) -> tuple[Session, Deaf]:
    """A listener who types these lines and then nothing more, and has no need of pauses."""
    lines, speaker = list(typed), Deaf()
    return (
        Session(
            speaker, 0.35, lambda _prompt: lines.pop(0) if lines else None, lambda _seconds: None
        ),
        speaker,
    )


def test_the_blind_test_asks_and_scores(capsys: pytest.CaptureFixture[str]) -> None:
    order = questions(RUNNING, 5)
    typed = [name if k % 2 else str(RUNNING.index(name) + 1) for k, name in enumerate(order)]
    typed[0] = RUNNING[RUNNING.index(order[0]) - 1]
    listener, speaker = session(typed)
    score = blind_test(listener, RUNNING, 5, rhythm_only=False)
    assert score is not None
    assert (score.right, len(score.answers), score.passed) == (17, 18, True)
    assert [sound.name for sound in speaker.sounds] == order
    out = capsys.readouterr().out
    assert f"it was {order[0]}" in out
    assert out.count("          right") == 17
    assert all(len(line) <= 80 for line in out.splitlines())


def test_by_rhythm_alone_all_have_one_pitch() -> None:
    listener, speaker = session(["1"] * len(questions(RUNNING, 5)))
    blind_test(listener, RUNNING, 5, rhythm_only=True)
    tones = [tone for sound in speaker.sounds for tone in sound.tones if tone.level > 0]
    assert {(tone.start_hz, tone.end_hz, tone.level) for tone in tones} == {(2700.0, 2700.0, 1.0)}
    for sound in speaker.sounds:
        assert notes(sound.tones) == notes(PATTERNS[sound.name].tones)


def test_the_test_broken_off_has_no_score(capsys: pytest.CaptureFixture[str]) -> None:
    listener, _ = session(["fanfare", "1", "2"])
    assert blind_test(listener, RUNNING, 5, rhythm_only=False) is None
    out = capsys.readouterr().out
    assert "a number from 1 to 9, or a name" in out
    assert "Ended after 2 of 18: nothing is kept." in out


def test_the_lesson_plays_each_again_on_demand_and_the_nearest_pairs() -> None:
    listener, speaker = session(["", "r", ""] + [""] * 20)
    assert lesson(listener)
    names = [sound.name for sound in speaker.sounds]
    assert names[:10] == ["step-up", "beat", *RUNNING[1:]]
    assert len(names) == 10 + 2 * 3
    listener, speaker = session(["", "q"])
    assert not lesson(listener)
    assert [sound.name for sound in speaker.sounds] == ["step-up", "beat"]


@pytest.mark.parametrize(("right", "code"), [(15, 0), (14, 1)])
def test_a_kept_result_is_shown(shell: Shell, right: int, code: int) -> None:
    order = questions(RUNNING, 5)
    score = Score([(name, name if k < right else "mark") for k, name in enumerate(order)])
    path = shell.home / ".local" / "state" / "gaitpi" / FILE
    assert keep(score, path, {"on": "nothing", "seed": 5}) == code
    assert shell.kept()[0]["seed"] == 5
    shown = shell("test", "--last")
    assert shown.returncode == code
    assert f"{right} of 18 right" in shown.stdout
    assert (": passed" in shown.stdout) is (code == 0)
    assert json.loads(shell("test", "--last", "--json").stdout)["right"] == right


def test_broken_off_on_the_command_line_nothing_is_kept(shell: Shell) -> None:
    """In a process of its own, with a player; broken off early, because sounds take their time."""
    done = shell("test", "--seed", "5", "--on", "computer", typed="1\n")
    assert done.returncode == 1
    assert shell.kept() == []
    assert shell.heard() == questions(RUNNING, 5)[:2]


def test_the_lesson_ends_on_a_terminal(shell: Shell) -> None:
    master, slave = pty.openpty()
    os.write(master, b"q\n")
    done = subprocess.run(
        [sys.executable, "-m", "gaitpi", "sounds", "learn", "--spm", "240", "--on", "computer"],
        env=shell.env,
        stdin=slave,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(slave)
    os.close(master)
    assert done.returncode == 0
    assert shell.heard() == ["step-up"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("play", "fanfare"), 2, 'no sound called "fanfare"'),
        (("play", "beat", "--spm", "20"), 2, "100 to 300"),
        (("play", "beat", "--from", "20"), 2, "--from 20 is not"),
        (("play", "beat", "--seconds", "5"), 2, "for the metronome"),
        (("play", "metronome", "--seconds", "0"), 2, "from 1 to 600"),
        (("play",), 2, "NAME"),
        (("test", "--last"), 2, "no blind test"),
        (("test", "--json"), 2, "--last"),
        (("render", "/proc/nothing"), 1, "cannot be written"),
    ],
)
def test_mistakes(shell: Shell, arguments: tuple[str, ...], code: int, words: str) -> None:
    done = shell(*arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert done.stderr.startswith("gaitpi: ")


def test_pins_without_any_configured_are_refused(shell: Shell) -> None:
    config = shell.home / "none.toml"
    config.write_text('[cues]\nbuzzer = "none"\nled_pin = "none"\n')
    done = shell("play", "mark", "--on", "pins", "--config", str(config))
    assert done.returncode == 2
    assert "no buzzer, LED or motor" in done.stderr


def test_nothing_heavy_is_imported(shell: Shell) -> None:
    code = (
        "import sys; from gaitpi.cli import main; main(['sounds', 'list']);"
        "print([n for n in ('numba', 'numpy', 'gpiozero', 'lgpio') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=shell.env, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
