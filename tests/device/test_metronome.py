"""The metronome in the whole daemon: on the foot, kept in the run file, and the same in replay."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from gaitpi.cli import main
from gaitpi.coach.types import Beats, Cue
from gaitpi.config import Config, apply
from gaitpi.cues.outputs import Outputs
from gaitpi.cues.player import ALIVE_S
from gaitpi.device.daemon import Daemon, Ended
from gaitpi.device.pipeline import Pipeline
from gaitpi.device.replay import Gap, Item, open_recording, replay
from gaitpi.device.virtual import play, recorder_in
from gaitpi.hostclock import VirtualClock
from gaitpi.imu.chips.mpu6050.twin import VirtualMpu6050
from gaitpi.imu.reader import open_reader
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.review.ledger import entries
from gaitpi.runs.reader import RunReader

LOW = Phase("run", 105.0, cadence_spm=164.0)
WALK = Phase("walk", 25.0, cadence_spm=112.0, speed_mps=1.4)
PHASES = (Phase("stand", 5.0), LOW, Phase("run", 30.0, cadence_spm=175.0), WALK)
RUNNER = SimulatedRunner(PHASES)
ADAPTIVE = apply(
    Config(),
    [
        *("coach.target_spm=175", "coach.warmup_s=0", "coach.hold_s=4", "coach.backoff=1"),
        "coach.metronome=adaptive",
    ],
)
PLAIN = apply(ADAPTIVE, ["coach.metronome=plain"])


def run(
    folder: Path, config: Config, *, unplug_s: float | None = None
) -> tuple[VirtualMpu6050, Ended]:
    """The story through the virtual chip and the daemon; unplugged for 3 s at some time."""
    clock = VirtualClock()
    twin = VirtualMpu6050(RUNNER, clock)
    transport = VirtualTransport([twin])
    plugs = [] if unplug_s is None else [(unplug_s, "unplug"), (unplug_s + 3.0, "replug")]

    def until() -> bool:
        while plugs and clock.monotonic() >= plugs[0][0]:
            getattr(transport, plugs.pop(0)[1])(0x68)
        return twin.ended

    daemon = Daemon(
        config,
        open_reader(transport, clock, config.imu),
        clock,
        Outputs([]),
        recorder_in(folder, synchronous=True),
        realtime=False,
    )
    return twin, daemon.run(until)


@pytest.fixture(scope="module")
def adaptive(tmp_path_factory: pytest.TempPathFactory) -> tuple[VirtualMpu6050, Path]:
    """A run with the adaptive metronome."""
    twin, ended = run(tmp_path_factory.mktemp("adaptive"), ADAPTIVE)
    assert ended.path is not None
    return twin, ended.path


def told(file: RunReader) -> list[tuple[float, str]]:
    """(time, rule) of what the run file says of the metronome."""
    events = [e for e in file.events() if e.kind == "metronome"]
    return [(e.time_s, json.loads(e.detail)["rule"]) for e in events]


def items(path: Path, config: Config) -> list[Item | Gap]:
    return list(replay(open_recording(path), config))


def test_it_starts_on_the_foot_and_the_run_file_says_how_long_it_ticked(
    adaptive: tuple[VirtualMpu6050, Path],
) -> None:
    twin, path = adaptive
    with RunReader(path) as file:
        cues, events = file.cues(), told(file)
        # the run file counts from the first sample, the truth from the start of the signal
        offset_s = twin.source_start_s - file.header.anchor.mono_s
        ledger = entries(cues, file.withheld(), file.seconds(), RUNNER.duration_s)
    first = cues[0]
    assert first.cue == "metronome"
    assert first.beat_s == pytest.approx(60.0 / 175.0)
    truth = RUNNER.truth.steps["ic_s"] + offset_s
    for cue in [c for c in cues if c.cue == "metronome"]:
        assert np.abs(truth - cue.first_s).min() < 0.045
        assert cue.from_s == pytest.approx(60.0 / 164.0, rel=0.03)
        assert cue.played_s == pytest.approx(cue.first_s)
        assert 5.0 < cue.lasted_s <= 30.0
    assert [rule for _, rule in events] == ["metronome.limit", "cadence.returned"]
    assert [c.cue for c in cues] == ["metronome", "metronome", "back"]
    outcomes = [e.after.outcome for e in ledger if e.cue == "metronome" and not e.withheld]
    assert outcomes == ["not answered", "answered"]


def test_cues_why_and_replay_tell_of_it(
    adaptive: tuple[VirtualMpu6050, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(adaptive[1])
    assert main(["cues", path]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "cadence.low: below 169.8" in text
    assert "first cue; it ticked for 29 s" in text
    assert "2 corrections, 1 of 2 answered (50%)" in text
    assert main(["why", f"{path}@0:45"]) == 0
    assert "it ticked for 29 s." in " ".join(capsys.readouterr().out.split())
    assert main(["replay", path]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any("metronome ends: still low after 30 s" in line for line in lines)
    assert any("metronome ends: back in band after" in line for line in lines)
    assert main(["replay", path, "--json"]) == 0
    data = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (first, *_), beats = ([d for d in data if d["type"] == kind] for kind in ("cue", "metronome"))
    assert first["first_s"] > first["time_s"]
    assert first["from_s"] > first["beat_s"]
    assert [d["rule"] for d in beats if d["first_s"] is None] == [
        "metronome.limit",
        "cadence.returned",
    ]


def test_live_and_replay_say_the_same(adaptive: tuple[VirtualMpu6050, Path]) -> None:
    _, path = adaptive
    found = items(path, ADAPTIVE)
    with RunReader(path) as file:
        live = [(c.time_s, c.cue, c.first_s, c.from_s) for c in file.cues()]
        ended = told(file)
    again = [i for i in found if isinstance(i, Cue)]
    assert repr([(c.time_s, c.cue, c.first_s, c.from_s) for c in again]) == repr(live)
    beats = [i for i in found if isinstance(i, Beats)]
    assert [(b.time_s, b.rule) for b in beats if b.ends] == ended
    assert len([b for b in beats if b.rule == "metronome.follow"]) > 20


def test_how_samples_are_cut_changes_no_tick() -> None:
    runner = SimulatedRunner((Phase("run", 60.0, cadence_spm=164.0),))
    acc, gyr = runner.samples(0, 60 * 200, 200.0)
    time_s = np.arange(len(acc)) / 200.0
    said = []
    for block in (10, 997, len(acc)):
        pipeline = Pipeline(ADAPTIVE, 200.0, has_gyro=True)
        one: list[str] = []
        for k in range(0, len(acc), block):
            cut = slice(k, k + block)
            out = pipeline.update(acc[cut], gyr[cut], time_s[cut])
            one += map(repr, sorted([*out.beats, *out.decisions], key=lambda d: d.time_s))
        said.append(one)
    assert any("metronome.follow" in line for line in said[0])
    assert said[0] == said[1] == said[2]


def test_a_lost_sensor_silences_it_within_a_quarter_of_a_second(tmp_path: Path) -> None:
    _, ended = run(tmp_path, ADAPTIVE, unplug_s=45.0)
    assert ended.path is not None
    with RunReader(ended.path) as file:
        cue = file.cues()[0]
        (lost,) = [b for b in file.blocks() if b.gap_s > 0]
        rules = [rule for _, rule in told(file)]
        seconds = [s.time_s for s in file.seconds() if s.gap_s > 0]
    assert cue.cue == "metronome"
    assert cue.time_s < 44.0
    assert lost.gap_s > 2.5
    assert 43.0 < cue.played_s + cue.lasted_s <= 45.0 + ALIVE_S
    assert rules[0] in ("quiet.gap", "quiet.activity")  # what he does is not known either
    assert seconds


def test_plain_ticks_from_the_first_running_step_to_the_last(tmp_path: Path) -> None:
    _, ended = run(tmp_path, PLAIN)
    assert ended.path is not None
    assert ended.cues == 0
    with RunReader(ended.path) as file:
        assert file.cues() == []
        assert file.withheld() == []
        events = told(file)
    assert [rule for _, rule in events] == ["metronome.plain", "quiet.activity"]
    assert 5.0 < events[0][0] < 12.0
    # he walks from 140 s on
    assert 140.0 <= events[1][0] < 145.0
    beats = [i for i in items(ended.path, PLAIN) if isinstance(i, Beats)]
    assert [(b.time_s, b.rule) for b in beats] == events
    assert not [t for t in threading.enumerate() if t.name.startswith("gaitpi-")]


@pytest.mark.parametrize("target", ["none", "172"])
def test_without_a_target_it_says_why_it_is_silent(tmp_path: Path, target: str) -> None:
    said: list[str] = []
    config = apply(Config(), ["coach.metronome=plain", f"coach.target_spm={target}"])
    runner = SimulatedRunner((Phase("stand", 3.0),))
    play(runner, config, tmp_path, [], recording="stand", said=said.append)
    silent = [one for one in said if "silent without a cadence target" in one]
    assert bool(silent) == (target == "none")
