"""The daemon on a model of an MPU-6050 that nobody of gaitpi wrote, on a real kernel."""

import functools
import time

import pytest

from gaitpi.runs.reader import RunReader
from tests.hil.build import CHECKOUT
from tests.hil.foreign import Foreign
from tests.hil.report import Report
from tests.hil.station import Station

MODEL = CHECKOUT.parent / "shared/hil/devices/fakeimu.py"
CADENCE_SPM = 170.0
"""What its own signal runs at."""


@pytest.mark.skipif(not MODEL.is_file(), reason="the independent model is not beside the checkout")
def test_independent_model(station: Station, report: Report) -> None:
    """An MPU-6050 written by somebody else."""
    station.stop()
    station.bench.plug_other(functools.partial(Foreign, MODEL))
    station.start()
    time.sleep(25.0)
    status = station.status()["status"]
    path = station.run_file()
    with RunReader(path) as run:
        gaps = [block.gap_s for block in run.blocks()]
        samples = sum(len(block.counts) for block in run.blocks())
    assert max(gaps) == 0.0
    assert samples > 4000
    assert abs(status["rate_hz"] - 200.0) < 0.5
    report(
        "its own gait signal of 170 steps/min, 25 s",
        f"{samples} samples without a gap at {status['rate_hz']:.2f} Hz, "
        f"cadence {status['cadence_spm'] or float('nan'):.1f} steps/min",
    )
