"""Replay of a run file: as recorded, joined or not, and up to where a file is damaged."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from gaitpi.config import Config
from gaitpi.device import replay as module
from gaitpi.device.replay import Item, open_recording, replay
from gaitpi.device.virtual import play
from gaitpi.errors import RunFileError
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import SecondRow

PHASES = (Phase("stand", 3.0), Phase("run", 57.0))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a minute."""
    folder = tmp_path_factory.mktemp("runs")
    ended = play(SimulatedRunner(PHASES), Config(), folder, [], recording="minute")
    assert ended.path is not None
    return ended.path


def items(path: Path) -> list[Item | module.Gap]:
    return list(replay(open_recording(path), Config()))


def test_seconds_and_steps_are_those_recorded(path: Path) -> None:
    found = items(path)
    with RunReader(path) as run:
        assert repr([i for i in found if isinstance(i, SecondRow)]) == repr(run.seconds())
        steps = [float(i["ic_s"]) for i in found if isinstance(i, np.void)]
        assert steps == [s.ic_s for s in run.steps()]
        assert len(steps) > 100


@pytest.mark.parametrize("samples", [1, 1000, 10**9])
def test_how_many_blocks_are_joined_changes_nothing(
    path: Path, samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [repr(i) for i in items(path)]
    monkeypatch.setattr(module, "BLOCK", samples)
    assert sorted(repr(i) for i in items(path)) == sorted(expected)


def test_what_came_before_the_damage_is_given(path: Path, tmp_path: Path) -> None:
    spoilt = tmp_path / path.name
    spoilt.write_bytes(path.read_bytes())
    db = sqlite3.connect(spoilt)
    db.execute(
        "UPDATE block SET crc32 = crc32 + 1 WHERE id = (SELECT min(id) FROM block WHERE"
        " line_time_s + (first_index - line_index0) * line_period_s > 40.0)"
    )
    db.commit()
    db.close()
    given: list[Item | module.Gap] = []
    with pytest.raises(RunFileError, match="is damaged"):
        given.extend(replay(open_recording(spoilt), Config()))
    steps = [float(i["ic_s"]) for i in given if isinstance(i, np.void)]
    whole = [float(i["ic_s"]) for i in items(path) if isinstance(i, np.void)]
    assert steps == whole[: len(steps)]
    assert steps[-1] == pytest.approx(40.0, abs=2.0)
