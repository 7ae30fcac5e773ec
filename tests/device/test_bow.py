"""One bow: which way is forward, and what is no bow."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.mountings import mountings
from gaitpi.device.bow import Bow, BowMeasurement, told
from gaitpi.gait.types import Floats
from gaitpi.imu.virtual.posed import Posed, SensorErrors, bow, upright
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.story import Phase

RATE_HZ = 104.0
WAYS = mountings(10)
BIAS = (0.079, -0.02, 0.02)
ERRORS = SensorErrors(gyr_bias=BIAS)


def bowed(
    source: Posed | SimulatedRunner, front: Floats | None = None, *, chunk: int = 50
) -> Bow | None:
    known = None if front is None else (float(front[0]), float(front[1]), float(front[2]))
    measurement = BowMeasurement(RATE_HZ, BIAS, known)
    n = int(source.duration_s * RATE_HZ)
    acc, gyr = source.samples(0, n, RATE_HZ)
    for k in range(0, n, chunk):
        part = slice(k, min(k + chunk, n))
        measurement.add(acc[part], gyr[part], np.arange(part.start, part.stop) / RATE_HZ)
    return measurement.bow


def off_deg(found: Bow, turn: Floats) -> float:
    return math.degrees(math.acos(min(1.0, float(np.array(found.front) @ turn[:, 0]))))


@pytest.mark.parametrize(("name", "turn"), WAYS, ids=[name for name, _ in WAYS])
def test_forward_is_found_in_every_mounting(name: str, turn: Floats) -> None:
    found = bowed(bow(turn, errors=ERRORS, sways=True))
    assert found is not None, name
    assert found.verdict == "good", told(found)
    assert off_deg(found, turn) < 6.0
    assert abs(float(np.dot(found.up, found.front))) < 1e-9
    assert found.depth_deg == pytest.approx(30.0, abs=3.0)


@pytest.mark.parametrize(
    ("how", "verdict"),
    [
        ({"deep_deg": 12.0}, "shallow"),
        ({"aside_deg": 90.0}, "sideways"),
        ({"aside_deg": -45.0}, "sideways"),
        ({"deep_deg": 40.0, "down_s": 9.0}, "long"),
    ],
)
def test_what_is_no_bow_is_refused(how: dict[str, float], verdict: str) -> None:
    turn = upright()
    found = bowed(bow(turn, errors=ERRORS, **how), turn[:, 0])  # type: ignore[arg-type]
    assert found is not None
    assert found.verdict == verdict
    assert not found.usable
    assert told(found).startswith("No bow: ")
    assert any(letter.isdigit() for letter in found.why)


def test_a_bow_round_a_corner_is_crooked() -> None:
    turn = upright()
    forward, aside = bow(turn).poses, bow(turn, aside_deg=50.0).poses
    # down one way, and up another
    corner = [*forward[:2], replace(aside[1], begin_s=6.5), replace(forward[2], begin_s=9.0)]
    found = bowed(Posed(corner, 12.0, ERRORS))
    assert found is not None
    assert found.verdict == "crooked"


@pytest.mark.parametrize("phase", [Phase("stand", 20.0), Phase("run", 20.0), Phase("walk", 20.0)])
def test_nobody_bows_while_standing_walking_or_running(phase: Phase) -> None:
    found = bowed(SimulatedRunner((Phase("stand", 3.0), phase)))
    assert found is None or not found.usable


def test_a_nod_is_no_bow_and_the_next_one_counts() -> None:
    turn = upright()
    nod = bow(turn, deep_deg=5.0, errors=ERRORS)
    assert bowed(nod) is None
    later = [replace(p, begin_s=p.begin_s + nod.duration_s) for p in bow(turn).poses[1:]]
    both = Posed([*nod.poses, *later], 2 * nod.duration_s, ERRORS)
    found = bowed(both)
    assert found is not None
    assert found.usable


@given(chunk=st.integers(1, 400))
@settings(max_examples=8, deadline=None)
def test_however_the_samples_are_cut(chunk: int) -> None:
    source = bow(upright(), errors=ERRORS)
    assert bowed(source, chunk=chunk) == bowed(source)
