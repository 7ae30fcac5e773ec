"""Two short runs of the whole daemon, recorded once, and a folder with all that can be wrong."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from gaitpi.config import Config, apply
from gaitpi.device.virtual import play
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.reanalysis.work import ONE_THREAD

SETTINGS = ["coach.warmup_s=0", "coach.target_spm=175", "coach.usual_lean_deg=6"]


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("GAITPI_CONFIG", raising=False)
    for name in ONE_THREAD:  # what the command sets is taken back
        monkeypatch.setenv(name, "1")


def record(folder: Path, seed: int, seconds: float, wall_s: float) -> Path:
    """A run of a slow runner, with cues, in virtual time."""
    phases = (Phase("stand", 4.0), Phase("run", seconds, cadence_spm=163.0))
    runner = SimulatedRunner(phases, RunnerParams(seed=seed))
    config = apply(Config(), SETTINGS)
    ended = play(runner, config, folder, [], recording=f"seed {seed}", wall_s=wall_s)
    assert ended.path is not None
    return ended.path


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three runs, the first with two cues and the others with one; only to be read."""
    folder = tmp_path_factory.mktemp("recorded")
    return [record(folder, k + 1, s, 1.79e9 + 1e5 * k) for k, s in enumerate((145.0, 60.0, 60.0))]


@pytest.fixture
def runs(recorded: list[Path], tmp_path: Path) -> list[Path]:
    """The same, to be spoilt."""
    folder = tmp_path / "runs"
    folder.mkdir()
    return [Path(shutil.copy(path, folder)) for path in recorded]


def sql(path: Path, *statements: str) -> Path:
    """Change a run file as only damage or malice does."""
    db = sqlite3.connect(path, isolation_level=None)
    for one in statements:
        db.execute(one)
    db.close()
    return path


@pytest.fixture
def mixed(runs: list[Path]) -> Path:
    """The folder of good runs with what is not: damaged, cut, foreign, empty, being recorded."""
    folder, good = runs[0].parent, runs[0]

    def copy(name: str) -> Path:
        return Path(shutil.copy(good, folder / name))

    sql(copy("bad-block.gaitpi"), "UPDATE block SET crc32 = crc32 + 1 WHERE id = 30")
    sql(copy("running.gaitpi"), "DELETE FROM finish")  # in this boot
    data = good.read_bytes()
    (folder / "cut.gaitpi").write_bytes(data[: len(data) // 2])
    (folder / "empty.gaitpi").write_bytes(b"")
    (folder / "foreign.gaitpi").write_bytes(b"no run at all\n" * 100)
    (folder / "folder.gaitpi").mkdir()
    (folder / ".scratch.gaitpi").write_bytes(b"not looked at")
    return folder
