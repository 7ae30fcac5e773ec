"""Signals for the tests of the gait room: recordings, simulated runs, random input."""

import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gaitpi.gait.types import SAMPLE_FIELDS
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.story import Phase, story
from gaitpi.units import G0

Floats = NDArray[np.float64]

RATE_HZ = 208.0
FIELDS = (*SAMPLE_FIELDS, "steps")

BIASED = RunnerParams(gyr_bias=(0.010, -0.015, 0.008))
"""A runner whose gyroscope has a bias of about 1 °/s."""

STAND = Phase("stand", 4.0)
WALK = Phase("walk", 8.0, cadence_spm=110.0, speed_mps=1.4, lean_deg=2.0)
RUN = Phase("run", 20.0, lean_deg=6.0)
MIXED = (STAND, WALK, RUN, replace(WALK, duration_s=6.0), STAND, replace(RUN, duration_s=12.0))
"""Everything in under a minute: standing, walking, running, and back."""


@lru_cache(maxsize=16)
def runner(name: str, params: RunnerParams = BIASED) -> SimulatedRunner:
    """A named story, or "mixed"."""
    return SimulatedRunner(MIXED if name == "mixed" else story(name), params)


def simulated(
    name: str, rate_hz: float = RATE_HZ, start_s: float = 0.0, seconds: float | None = None
) -> tuple[Floats, Floats]:
    """``acc``, ``gyr`` (n, 3) of a story, or a piece of it."""
    source = runner(name)
    length = source.duration_s - start_s if seconds is None else seconds
    return source.samples(int(start_s * rate_hz), int(length * rate_hz), rate_hz)


def recording(root: Path, name: str) -> tuple[Floats, Floats | None, float]:
    """``acc`` (n, 3) m/s², ``gyr`` (n, 3) rad/s or None, and rate (Hz) of a recording."""
    path = root / f"{name}.npz"
    if not path.is_file():
        pytest.skip(f"no recording {name} in ../shared/data")
    data = np.load(path, allow_pickle=False)
    meta = json.loads(str(data["meta"]))
    gyr = data["gyr"] * meta["gyr_lsb"] if "gyr" in data else None
    return data["acc"] * meta["acc_lsb"], gyr, float(data["fs"])


def vertical(acc: Floats, up: Floats) -> tuple[Floats, Floats]:
    """Vertical (n,) and horizontal (n, 3) acceleration, without gravity, m/s²."""
    force = np.einsum("ij,ij->i", acc, up)
    return force - G0, acc - force[:, None] * up


def random_rotation(rng: np.random.Generator) -> Floats:
    """A rotation (3, 3), all equally likely."""
    q, r = np.linalg.qr(rng.standard_normal((3, 3)))
    q = q * np.sign(np.diag(r))
    return np.asarray(q * np.linalg.det(q))
