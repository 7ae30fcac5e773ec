"""Walking, stairs, falls, a car, a wand in the hand, a sensor on the table: not one cue.

The configuration asks for cues as eagerly as it is let, and what people did is played one
recording after the other, so that no gate keeps quiet only because a recording is short.
"""

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gaitpi.coach.types import Cue
from gaitpi.config import Config, apply
from gaitpi.device.pipeline import Pipeline

EAGER = (
    *("coach.warmup_s=0", "coach.gate_s=30", "coach.gate_spm=100", "coach.hold_s=2"),
    *("coach.band_low=0.005", "coach.band_return=0", "coach.window_steps=4"),
    *("coach.false_alarm_h=1", "coach.target_spm=240", "coach.lean_hold_s=5"),
    *("coach.lean_band_deg=1", "coach.usual_lean_deg=40"),
)
RUNNING = ("D03", "D04", "F05")
"""sisfall: jogging, quickly too, and a fall while jogging."""
FOLDERS = ("broad", "ipol_lowback_walk", "mpu6050_static", "repoimu_tstick", "sisfall_waist")
PAUSE_S = 1.0
Floats = NDArray[np.float64]


def _who(path: Path) -> str:
    """One wearer, as far as the name tells."""
    return path.name.split("_")[0]


def _read(path: Path) -> tuple[Floats, Floats, float]:
    with np.load(path) as data:
        meta = json.loads(str(data["meta"]))
        acc, gyr = data["acc"] * meta["acc_lsb"], data["gyr"] * meta["gyr_lsb"]
        rate = float(data["fs"]) if "fs" in data.files else (len(acc) - 1) / float(data["t"][-1])
    return acc, gyr, rate


def _joined(paths: list[Path]) -> Iterator[tuple[Floats, Floats, Floats, float]]:
    """acc (n, 3), gyr (n, 3), time (n,) and rate, one recording after the other."""
    start = 0.0
    for path in paths:
        acc, gyr, rate = _read(path)
        yield acc, gyr, start + np.arange(len(acc)) / rate, rate
        start += len(acc) / rate + PAUSE_S


@pytest.mark.parametrize("focus", ["cadence", "lean"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_no_cue_for_what_is_not_running(folder: str, focus: str, shared_data: Path) -> None:
    config = apply(Config(), [*EAGER, f"coach.focus={focus}"])
    paths = sorted((shared_data / folder).glob("*.npz"), key=lambda p: (_who(p), p.name))
    still = [p for p in paths if not any(code in p.name for code in RUNNING)]
    assert still
    steps = 0
    for _, group in groupby(still, _who):
        pipeline: Pipeline | None = None
        for acc, gyr, times, rate in _joined(list(group)):
            pipeline = pipeline or Pipeline(config, round(2 * rate) / 2, has_gyro=True)
            out = pipeline.update(acc, gyr, times)
            assert not [c for c in out.decisions if isinstance(c, Cue)]
            steps += len(out.trace.steps)
    assert steps > 50 or folder in ("mpu6050_static", "repoimu_tstick", "broad")


def test_the_same_eagerness_cues_a_jogger(shared_data: Path) -> None:
    """Otherwise the tests above could not fail."""
    paths = sorted((shared_data / "sisfall_waist").glob("*D03*.npz"))
    config = apply(Config(), EAGER)
    said = 0
    for path in paths:
        acc, gyr, rate = _read(path)
        out = Pipeline(config, rate, has_gyro=True).update(acc, gyr, np.arange(len(acc)) / rate)
        said += sum(isinstance(c, Cue) for c in out.decisions)
    assert said >= len(paths) / 2
