"""The ceiling of a run is in its file, sounds in it, and sounds at the same moment in a replay."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from calibration.season import write
from gaitpi.coach.types import Cue
from gaitpi.config import Config, apply
from gaitpi.cues.outputs import Outputs
from gaitpi.device.ceiling import Ceilings
from gaitpi.device.daemon import Daemon
from gaitpi.device.replay import open_recording, replay
from gaitpi.device.virtual import recorder_in
from gaitpi.hostclock import VirtualClock
from gaitpi.imu.chips.mpu6050.twin import VirtualMpu6050
from gaitpi.imu.reader import open_reader
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.review.load import ceiling, gather
from gaitpi.review.programme import coach_of
from gaitpi.runs.reader import RunReader

WALL_S = 1_795_453_320.0
DAY_S = 86_400.0
CONFIG = apply(Config(), ["coach.ceiling_sound=true", "coach.warmup_s=0"])


def live(directory: Path, config: Config = CONFIG) -> tuple[Path, list[str]]:
    """A run of the daemon in virtual time."""
    clock = VirtualClock(wall_s=WALL_S)
    phases = (Phase("stand", 3.0), Phase("run", 110.0, cadence_spm=166.0))
    chip = VirtualMpu6050(SimulatedRunner(phases), clock)
    said: list[str] = []
    daemon = Daemon(
        config,
        open_reader(VirtualTransport([chip]), clock, config.imu),
        clock,
        Outputs([]),
        recorder_in(directory, synchronous=True),
        realtime=False,
        said=said.append,
        ceilings=Ceilings(directory, asked=config.coach.ceiling_sound),
    )
    ended = daemon.run(lambda: chip.ended)
    assert ended.path is not None
    return ended.path, said


def heard(path: Path) -> list[tuple[float, str]]:
    with RunReader(path) as run:
        return [(cue.time_s, cue.cue) for cue in run.cues() if cue.cue == "ceiling"]


def test_it_sounds_and_a_replay_sounds_it_at_the_same_moment(tmp_path: Path) -> None:
    write(tmp_path, WALL_S - DAY_S, 150, seed=1)  # a minute of running the day before
    at = datetime.fromtimestamp(WALL_S, UTC).date()
    most = ceiling(gather(tmp_path).sessions, at).steps
    assert most is not None
    path, said = live(tmp_path)
    assert any(words.startswith("Ceiling: next run at most") for words in said)
    with RunReader(path) as run:
        coach = coach_of(run.config)
        steps = [s.known_s for s in run.steps() if s.activity == 3]
    assert coach is not None
    assert coach.ceiling_steps == pytest.approx(most.most)
    ((told_s, _),) = heard(path)
    reached_s = steps[int(most.most)]
    assert reached_s - 1.0 <= told_s <= reached_s + 1.0
    recording = open_recording(path)
    assert recording.config is not None
    again = [i for i in replay(recording, recording.config) if isinstance(i, Cue)]
    assert [(c.time_s, c.cue) for c in again if c.cue == "ceiling"] == heard(path)


def test_without_a_run_or_unasked_there_is_none(tmp_path: Path) -> None:
    path, said = live(tmp_path)
    assert "Ceiling: no run in 30 days: no ceiling." in said
    assert heard(path) == []
    write(tmp_path, WALL_S - DAY_S, 150, seed=1)
    unasked = Ceilings(tmp_path, asked=False).lay(Config(), WALL_S)
    assert (unasked.config, unasked.words) == (Config(), "")


def test_one_that_the_configuration_has_stays(tmp_path: Path) -> None:
    write(tmp_path, WALL_S - DAY_S, 150, seed=1)
    own = apply(CONFIG, ["coach.ceiling_steps=50"])
    assert Ceilings(tmp_path, asked=True).lay(own, WALL_S).config == own


def test_a_later_day_has_its_own(tmp_path: Path) -> None:
    """The daemon runs on for weeks: the days are counted when a run begins."""
    write(tmp_path, WALL_S - DAY_S, 150, seed=1)
    desk = Ceilings(tmp_path, asked=True)
    assert desk.lay(CONFIG, WALL_S).config.coach.ceiling_steps is not None
    month = desk.lay(CONFIG, WALL_S + 31 * DAY_S)
    assert month.config.coach.ceiling_steps is None
    assert "no ceiling" in month.words
    file = tmp_path / "no-folder"
    file.write_text("x")
    assert Ceilings(file, asked=True).lay(CONFIG, WALL_S).config == CONFIG
