"""Simulated hills through estimator and coach."""

from dataclasses import replace

import numpy as np
import pytest

from gaitpi.coach.types import Cue, Withheld
from gaitpi.config import Config, apply
from gaitpi.device.pipeline import Pipeline
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.story import Phase

from .simulated import run

STAND = Phase("stand", 10.0)
RUN = Phase("run", 215.0, cadence_spm=170.0, lean_deg=6.0)
UP = replace(RUN, duration_s=40.0, cadence_spm=162.0, speed_mps=2.5, grade=0.07)
DOWN = replace(RUN, duration_s=40.0, cadence_spm=162.0, speed_mps=3.0, grade=-0.07)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_hills_are_silent_and_say_why(seed: int) -> None:
    between = replace(RUN, duration_s=60.0)
    phases = (STAND, RUN, UP, between, DOWN, between)
    result = run(phases, ["coach.target_spm=170"], seed=seed)
    assert result.cues == []
    kept = [d for d in result.decisions if isinstance(d, Withheld)]
    words = " ".join(d.reason for d in kept if d.rule == "quiet.hill")
    assert "climb of about" in words
    assert "descent of about" in words


def _grades(has_gyro: bool, grade: float) -> tuple[np.ndarray, np.ndarray]:
    hill = replace(RUN, duration_s=30.0, grade=grade)
    runner = SimulatedRunner((STAND, replace(RUN, duration_s=60.0), hill), RunnerParams())
    n = int(runner.duration_s * 104)
    acc, gyr = runner.samples(0, n, 104.0)
    pipeline = Pipeline(apply(Config(), []), 104.0, has_gyro=has_gyro)
    rows = pipeline.update(acc, gyr, np.arange(n) / 104.0).seconds
    return np.array([r.grade for r in rows]), np.array([r.grade_sd for r in rows])


def test_the_seconds_hold_the_slope() -> None:
    grade, sd = _grades(True, 0.07)
    assert np.isnan(grade[:10]).all()
    assert np.isnan(sd[:10]).all()  # standing: nothing to be told
    assert np.nanmax(np.abs(grade[50:70])) < 0.015
    assert grade[88] > 0.03
    assert _grades(True, -0.07)[0][88] < -0.03


def test_without_gyroscope_impact_and_duty_factor_tell_it() -> None:
    grade, sd = _grades(False, 0.07)
    with_gyro, surer = _grades(True, 0.07)
    assert np.nanmax(np.abs(grade[50:70])) < 0.015
    assert grade[88] > 0.03
    assert sd[60] > 1.1 * surer[60]
    assert with_gyro[88] > 0.03


@pytest.mark.parametrize("has_gyro", [True, False])
def test_a_drop_on_the_flat_is_cued(has_gyro: bool) -> None:
    low = replace(RUN, duration_s=40.0, cadence_spm=170.0 * 0.95)
    runner = SimulatedRunner((STAND, RUN, low), RunnerParams(seed=4))
    pipeline = Pipeline(apply(Config(), ["coach.target_spm=170"]), 104.0, has_gyro=has_gyro)
    n = int(runner.duration_s * 104)
    acc, gyr = runner.samples(0, n, 104.0)
    out = pipeline.update(acc, gyr, np.arange(n) / 104.0).decisions
    cued = [d for d in out if isinstance(d, Cue)]
    assert 225.0 < cued[0].time_s < 240.0


def test_the_slope_does_not_depend_on_how_samples_are_cut() -> None:
    hill = replace(RUN, duration_s=30.0, grade=0.05, cadence_spm=163.0)
    runner = SimulatedRunner((STAND, replace(RUN, duration_s=60.0), hill), RunnerParams())
    n = int(runner.duration_s * 104)
    acc, gyr = runner.samples(0, n, 104.0)
    told = []
    for block in (n, 1031):
        config = apply(Config(), ["coach.target_spm=170"])
        pipeline, rows = Pipeline(config, 104.0, has_gyro=True), []
        for k in range(0, n, block):
            part = slice(k, k + block)
            rows += pipeline.update(acc[part], gyr[part], np.arange(n)[part] / 104.0).seconds
        told.append([(r.grade, r.grade_sd) for r in rows])
    assert repr(told[0]) == repr(told[1])
