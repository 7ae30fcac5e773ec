"""The runner's own line of cadence over speed, from run files to the target in force."""

import json
import math
import shutil
from pathlib import Path

import pytest

from gaitpi import targetfile
from gaitpi.cli import main
from gaitpi.coach.pace import target_at
from gaitpi.coach.policy import _line
from gaitpi.coach.targets import CAP, Window
from gaitpi.config import CoachConfig, Config, apply
from gaitpi.review.pace import GAP_MAX_S, READINGS_MIN, accept, find, points
from gaitpi.runs.rows import PodRow
from gaitpi.targetfile import Accepted, Targets, lay_under
from tests.coach.runner import Runner
from tests.review.simulated import DAY_S, record
from tests.runs.sample import WALL_S

SLOPE = 11.0
LONG_S = 900.0


def speed(t: float) -> float:
    """Easy and quick in turn, five minutes each."""
    return 2.4 if int(t / 300.0) % 2 == 0 else 3.1


def own(t: float) -> float:
    return 162.0 + SLOPE * (speed(t) - 2.75)


def pods(offset: float = 0.0) -> list[PodRow]:
    nan = math.nan
    return [
        PodRow(k + 0.3, k + 0.35, speed(k) + offset, 81, nan, nan, 1) for k in range(int(LONG_S))
    ]


def varied(k: int) -> Runner:
    """Runs differ as a whole."""
    return Runner(cadence=lambda t: own(t) + 1.5 * (k - 1), seed=k)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs that listened with a pod, one without, and one that was coached."""
    folder = tmp_path_factory.mktemp("made")
    for k in range(5):
        coach = CoachConfig(target_spm=170.0 if k == 4 else None)
        record(
            folder / f"2026112{k}-100000-abcd-00000{k}.gaitpi",
            varied(k),
            LONG_S,
            coach,
            wall_s=WALL_S - DAY_S * (6 - k),
            pods=[] if k == 3 else pods(),
        )
    return folder


@pytest.fixture
def runs(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of them where the commands look."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return Path(shutil.copytree(made, tmp_path / "gaitpi" / "runs"))


def test_the_line_is_that_of_runs_that_listened_with_a_pod(runs: Path) -> None:
    found = find(runs)
    assert found.runs == 3
    assert found.fit is not None
    assert found.fit.slope == pytest.approx(SLOPE, abs=3 * found.fit.slope_sd + 0.5)
    assert len(found.fit.runs) == 3
    assert not find(runs, simulated=True).windows
    (next(iter(sorted(runs.glob("*.gaitpi"))))).unlink()
    fewer = find(runs)
    assert fewer.fit is None
    assert "2 of 3 runs" in fewer.missing


def test_it_is_accepted_and_ended_by_the_runner_alone(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def target(*arguments: str) -> str:
        assert main(["target", *arguments]) == 0
        return capsys.readouterr().out

    assert "the target is fixed" in target("line")
    target("set", "170", "--reason", "test")
    assert "the target is fixed" in target("line")
    assert "steps/min per m/s, accepted" in target("line", "accept")
    assert "the target follows a foot pod's speed: 170.0 spm at" in target("show")
    assert "the target follows" in target("line")
    assert json.loads(target("line", "--json"))["follows"]
    target("line", "off")
    assert "the target is fixed" in target("line")
    assert not json.loads(target("line", "--json"))["follows"]


def test_without_enough_runs_nothing_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert main(["target", "line", "accept"]) == 1
    assert "0 of 3 runs without a target have a foot pod's speed" in capsys.readouterr().err
    assert not list(tmp_path.rglob("targets*"))


def test_the_target_belongs_to_the_speed_its_own_cadence_was_run_at(runs: Path) -> None:
    line = accept(find(runs), WALL_S)
    assert line.own is not None
    assert line.at_ms is not None
    easy = Accepted(wall_s=1.0, metric="cadence", value=166.0, how="accept", own=line.own - 3.0)
    coach = lay_under(Config(), (), Targets((easy, line))).config.coach
    assert coach.follow_at_ms == pytest.approx(line.at_ms - 3.0 / line.value)
    assert coach.follow_own_spm == pytest.approx(line.own - 3.0)
    assert coach.follow_most_spm == pytest.approx(CAP * (line.own - 3.0))
    followed = _line(coach)
    assert followed is not None
    assert target_at(followed, 166.0, coach.follow_at_ms or 0.0) == pytest.approx(166.0)


def test_the_configuration_wins_and_without_a_target_nothing_follows() -> None:
    given = {"at_ms": 2.8, "low_ms": 2.4, "high_ms": 3.2, "own": 164.0}
    line = Accepted(wall_s=1.0, metric="line", value=12.0, how="accept", **given)  # type: ignore[arg-type]
    assert not lay_under(Config(), (), Targets((line,))).config.coach.follow_speed
    config = apply(Config(), ["coach.target_spm=170"])
    assert lay_under(config, ["coach.target_spm"], Targets((line,))).config.coach.follow_speed
    fixed = lay_under(config, ["coach.target_spm", "coach.follow_speed"], Targets((line,)))
    assert not fixed.config.coach.follow_speed
    ended = Targets((line, Accepted(wall_s=2.0, metric="line", value=0.0, how="set", off=True)))
    assert not lay_under(config, ["coach.target_spm"], ended).config.coach.follow_speed
    half = Accepted(wall_s=1.0, metric="line", value=12.0, how="accept", own=164.0)
    assert not lay_under(config, ["coach.target_spm"], Targets((half,))).config.coach.follow_speed
    assert targetfile.follow(half, 170.0, None) == {}


def rows(times: list[float], speeds: list[float]) -> list[PodRow]:
    nan = math.nan
    return [PodRow(t, t, v, 81, nan, nan, 1) for t, v in zip(times, speeds, strict=True)]


def test_a_half_minute_needs_a_pod_that_spoke_all_along_and_one_pace() -> None:
    window = Window(160.0, 0.5, 30.0, 100.0)
    times = [100.0 + k for k in range(30)]
    assert [p.speed_ms for p in points("a", [window], rows(times, [2.8] * 30))] == [2.8]
    quiet = [t for t in times if not 110.0 < t < 110.0 + GAP_MAX_S + 2.0]
    assert points("a", [window], rows(quiet, [2.8] * len(quiet))) == []
    few = times[:: 30 // (READINGS_MIN - 1) + 1]
    assert points("a", [window], rows(few, [2.8] * len(few))) == []
    assert points("a", [window], rows(times, [2.4] * 15 + [3.4] * 15)) == []
    assert points("a", [window], rows(times, [2.8] * 29 + [0.0])) == []
    assert points("a", [window], []) == []
    assert points("a", [Window(160.0, 0.5, 30.0)], rows(times, [2.8] * 30)) == []
