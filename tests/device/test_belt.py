"""Loose and moved belts, from the simulated signal to the sound."""

import math
from dataclasses import replace
from functools import cache
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from gaitpi.coach.belt import LOOSE, MOVED, STEADY, UNKNOWN
from gaitpi.coach.types import Cue, Withheld
from gaitpi.config import Config, apply
from gaitpi.device.pipeline import Output, Pipeline
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.runs.rows import SecondRow

Floats = NDArray[np.float64]
RATE_HZ = 104.0
STAND = Phase("stand", 10.0)
RUN = Phase("run", 200.0, cadence_spm=170.0, lean_deg=6.0)
SLOW = replace(RUN, duration_s=80.0, cadence_spm=158.0, lean_deg=13.0)


@cache
def signal(*phases: Phase) -> tuple[Floats, Floats]:
    runner = SimulatedRunner(phases, RunnerParams())
    return runner.samples(0, int(runner.duration_s * RATE_HZ), RATE_HZ)


def through(
    acc: Floats, gyr: Floats, *settings: str, block: int = 4096, has_gyro: bool = True
) -> tuple[list[Cue | Withheld], list[SecondRow]]:
    pipeline = Pipeline(apply(Config(), settings), RATE_HZ, has_gyro=has_gyro)
    decisions, rows = [], []
    for first in range(0, len(acc), block):
        part = slice(first, min(first + block, len(acc)))
        times = np.arange(part.start, part.stop) / RATE_HZ
        out: Output = pipeline.update(acc[part], gyr[part], times)
        decisions += out.decisions
        rows += out.seconds
    return decisions, rows + pipeline.finish()


def turned(acc: Floats, gyr: Floats, at_s: float, axis: int, deg: float) -> tuple[Floats, Floats]:
    """The pack turned about a body axis (the mount is straight) within half a second."""
    share = np.clip((np.arange(len(acc)) / RATE_HZ - at_s) / 0.5, 0.0, 1.0)
    angle = math.radians(deg) * share
    rate = np.diff(angle, prepend=0.0) * RATE_HZ
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out = []
    for values in (acc, gyr):
        new = values.copy()
        new[:, i] = np.cos(angle) * values[:, i] + np.sin(angle) * values[:, j]
        new[:, j] = np.cos(angle) * values[:, j] - np.sin(angle) * values[:, i]
        out.append(new)
    out[1][:, axis] += rate
    return out[0], out[1]


def states(rows: list[SecondRow], first: int, last: int) -> set[int]:
    return {row.belt for row in rows[first:last]}


def cues(decisions: list[Cue | Withheld]) -> list[str]:
    return [d.cue for d in decisions if isinstance(d, Cue)]


def test_a_steady_belt_is_steady_and_silent() -> None:
    decisions, rows = through(*signal(STAND, RUN, replace(RUN, lean_end_deg=12.0)))
    assert states(rows, 0, 20) == {UNKNOWN}
    assert states(rows, 40, 400) == {STEADY}
    assert cues(decisions) == []
    assert all(0.1 < row.belt_value < 0.4 for row in rows[40:400])


@pytest.mark.parametrize("looseness", [0.3, 0.7, 1.0])
def test_a_loose_belt_is_told_once_and_only_lean_is_quiet(looseness: float) -> None:
    loose = replace(SLOW, looseness=looseness)
    acc, gyr = signal(STAND, RUN, loose)
    decisions, rows = through(acc, gyr, "coach.focus=lean", "coach.usual_lean_deg=6")
    assert states(rows, 40, 205) == {STEADY}
    assert states(rows, 225, 235) == {LOOSE}
    assert states(rows, 225, 290) <= {LOOSE, MOVED}  # it sags, too
    (belt,) = [d for d in decisions if isinstance(d, Cue)]
    assert (belt.cue, belt.rule) == ("belt", "belt.loose")
    assert 210.0 < belt.time_s < 225.0
    assert any(d.rule == "quiet.belt" for d in decisions if isinstance(d, Withheld))


def test_cadence_is_cued_on_a_loose_belt() -> None:
    longer = replace(SLOW, duration_s=120.0, lean_deg=6.0, looseness=0.7)
    spoken = cues(through(*signal(STAND, RUN, longer), "coach.target_spm=170")[0])
    assert spoken[0] == "belt"
    assert spoken.count("belt") == 1
    assert "step-up" in spoken


def test_a_belt_set_right_is_steady_again() -> None:
    tight = replace(RUN, duration_s=60.0)
    loose = replace(RUN, duration_s=30.0, looseness=0.7)
    _, rows = through(*signal(STAND, tight, loose, tight))
    assert states(rows, 88, 99) == {LOOSE}
    assert states(rows, 112, 160) == {STEADY}


@pytest.mark.parametrize(("axis", "deg"), [(1, 25.0), (1, -25.0), (0, 15.0), (2, 60.0)])
def test_a_pack_that_moves_is_told_once(axis: int, deg: float) -> None:
    """Tipped forward or back, tipped sideways, turned round the waist."""
    acc, gyr = signal(STAND, RUN, replace(RUN, duration_s=100.0))
    decisions, rows = through(*turned(acc, gyr, 210.0, axis, deg))
    assert states(rows, 40, 210) == {STEADY}
    first = next(k for k, row in enumerate(rows) if row.belt == MOVED)
    assert 210 < first < 240
    assert states(rows, first, first + 30) == {MOVED}
    assert cues(decisions) == ["belt"]
    assert rows[first + 20].belt_value == pytest.approx(abs(deg), abs=8.0)


@pytest.mark.parametrize("deg", [13.0, -13.0])
@pytest.mark.parametrize("break_", ["walk", "stand"])
def test_a_pack_that_moves_in_a_break_is_no_posture(
    break_: Literal["walk", "stand"], deg: float
) -> None:
    pause = Phase(break_, 20.0, cadence_spm=110.0, speed_mps=1.4)
    acc, gyr = turned(*signal(STAND, RUN, pause, replace(RUN, duration_s=120.0)), 220.0, 1, deg)
    decisions, rows = through(acc, gyr, "coach.focus=lean", "coach.usual_lean_deg=6")
    assert cues(decisions) == ["belt"]
    assert states(rows, 255, 340) == {MOVED}


def test_another_posture_after_a_break_is_no_moved_belt() -> None:
    """Less than ten degrees, or at another cadence."""
    pause = Phase("walk", 20.0, cadence_spm=110.0, speed_mps=1.4)
    for other in (replace(RUN, lean_deg=13.0), replace(RUN, lean_deg=17.0, cadence_spm=155.0)):
        _, rows = through(*signal(STAND, RUN, pause, replace(other, duration_s=60.0)))
        assert states(rows, 245, 288) == {STEADY}


def test_a_posture_is_no_moved_belt() -> None:
    """Seven degrees more lean, at once or over a minute, and a hill."""
    stoop = replace(RUN, duration_s=60.0, lean_deg=13.0)
    hill = replace(RUN, duration_s=60.0, grade=0.08)
    _, rows = through(*signal(STAND, replace(RUN, duration_s=80.0), stoop, hill))
    assert states(rows, 40, 205) == {STEADY}


def test_worn_otherwise_than_configured_is_moved() -> None:
    acc, gyr = signal(STAND, replace(RUN, duration_s=90.0))
    assert MOVED not in states(through(acc, gyr, "mount.axes=x,y,z")[1], 0, 100)
    for flip in ([-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]):
        _, rows = through(acc * flip, gyr * flip, "mount.axes=x,y,z")
        assert rows[95].belt == MOVED


def test_blocks_do_not_matter() -> None:
    acc, gyr = signal(STAND, replace(RUN, duration_s=60.0, looseness=0.5))
    whole = through(acc, gyr, "coach.warmup_s=0")
    assert "belt" in cues(whole[0])
    for block in (1, 37, 1000):
        cut = through(acc, gyr, "coach.warmup_s=0", block=block)
        assert cut[0] == whole[0]
        np.testing.assert_array_equal(np.array(cut[1]), np.array(whole[1]))


def test_what_cannot_be_seen_is_unknown() -> None:
    """Slow sampling shows no ringing."""
    runner = SimulatedRunner((STAND, replace(RUN, duration_s=60.0)), RunnerParams(looseness=0.8))
    acc, gyr = runner.samples(0, 50 * 70, 50.0)
    pipeline = Pipeline(Config(), 50.0, has_gyro=True)
    rows = pipeline.update(acc, gyr, np.arange(len(acc)) / 50.0).seconds
    assert {row.belt for row in rows} == {UNKNOWN}
