"""Real recordings through registers, driver, estimator, coach and run file, and back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gaitpi.coach.types import Cue
from gaitpi.config import Config, apply
from gaitpi.device import csvfile
from gaitpi.device.replay import Item, Recording, open_recording, replay
from gaitpi.device.virtual import play
from gaitpi.imu.virtual.source import RecordingSource
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import CueRow, StepRow

CONFIG = apply(Config(), ["coach.target_spm=185", "coach.warmup_s=0"])
FOLDERS = (
    "adept_outdoor_run",
    "alcantara_sacrum",
    "broad",
    "ipol_lowback_walk",
    "mpu6050_static",
    "rbds_semisynthetic",
    "repoimu_tstick",
    "sisfall_waist",
)


def _again(recording: Recording) -> tuple[bytes, list[Cue]]:
    items: list[Item | Any] = list(replay(recording, CONFIG))
    steps = b"".join(i.tobytes() for i in items if isinstance(i, np.void))
    return steps, [i for i in items if isinstance(i, Cue)]


def _bits(step: Any) -> tuple[Any, ...]:
    """Values of a step in the order of the table; NaN as None, which equals itself."""
    values = [step[name].item() for name in StepRow._fields]
    return tuple(None if v != v else v for v in values)


def _same_cue(row: CueRow, cue: Cue) -> bool:
    return (row.time_s, row.cue, row.metric, row.value, row.low, row.high, row.reason) == (
        cue.time_s,
        cue.cue,
        cue.metric,
        cue.value,
        *cue.band,
        cue.reason,
    )


def _through(path: Path, directory: Path, chip: str) -> int:
    """Play one recording and compare live, run file and CSV; returns its number of steps."""
    source = RecordingSource.from_npz(path)
    ended = play(
        source,
        CONFIG,
        directory,
        [],
        recording=path.stem,
        has_gyro=source.has_gyr,
        chip=chip,
    )
    assert ended.problems == ()
    assert ended.path is not None
    with RunReader(ended.path) as run:
        blocks = list(run.blocks())
        counts = np.concatenate([b.counts for b in blocks])
        live_steps, live_cues, events = run.steps(), run.cues(), run.events()
        header = run.header
        parts = [(b.times(), *header.sensor.si(b.counts)) for b in blocks]
    if chip == "mpu6050":
        # every count of the recording, in order: the first few are lost while the chip wakes
        with np.load(path) as data:
            truth = data["acc"]
        first = next(
            k
            for k in range(60)
            if (counts[: min(200, len(counts)), :3] == truth[k : k + 200][: len(counts)]).all()
        )
        n = min(len(truth) - first, len(counts))
        assert n > len(truth) - 60
        assert (counts[:n, :3] == truth[first : first + n]).all()
    faults = [e for e in events if e.kind == "fault" and "rate" not in e.text]
    assert faults == []
    assert not [e for e in events if e.kind == "gap"]

    steps, cues = _again(open_recording(ended.path))
    from gaitpi.gait import STEP_DTYPE

    found = [_bits(s) for s in np.frombuffer(steps, STEP_DTYPE)]
    assert found == [tuple(None if v != v else v for v in row) for row in live_steps]
    assert len(cues) == len(live_cues)
    assert all(_same_cue(a, b) for a, b in zip(live_cues, cues, strict=True))

    target = directory / "samples.csv"
    csvfile.write(target, ((t, a, g if header.has_gyro else None) for t, a, g in parts))
    assert _again(open_recording(target)) == (steps, cues)
    target.unlink()
    ended.path.unlink()
    return len(found)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_recording_live_replayed_and_by_csv(
    folder: str, shared_data: Path, tmp_path: Path
) -> None:
    paths = sorted((shared_data / folder).glob("*.npz"))
    assert paths
    total = sum(_through(path, tmp_path, "mpu6050") for path in paths)
    if folder in ("adept_outdoor_run", "alcantara_sacrum", "rbds_semisynthetic", "sisfall_waist"):
        assert total > 10 * len(paths)  # people who move: this did test something


@pytest.mark.parametrize("folder", ["rbds_semisynthetic", "ipol_lowback_walk"])
def test_the_other_family_plays_them_too(folder: str, shared_data: Path, tmp_path: Path) -> None:
    path = sorted((shared_data / folder).glob("*.npz"))[0]
    assert _through(path, tmp_path, "lsm6dsox") > 10
