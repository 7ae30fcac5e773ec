"""The kernels as plain Python give the numbers of the compiled ones."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from gaitpi.gait import estimate

from .signals import FIELDS, Floats, recording, simulated

SCRIPT = """
import sys
import numba
import numpy as np
from gaitpi.gait import estimate
from gaitpi.gait.kernel import block
from gaitpi.gait.types import SAMPLE_FIELDS

assert numba.config.DISABLE_JIT and not hasattr(block, "signatures")
given = np.load(sys.argv[1])
gyr = given["gyr"] if "gyr" in given else None
trace = estimate(given["acc"], gyr, float(given["rate"]))
np.savez(sys.argv[2], **{name: getattr(trace, name) for name in (*SAMPLE_FIELDS, "steps")})
"""


def check(folder: Path, acc: Floats, gyr: Floats | None, rate_hz: float) -> int:
    given, done = folder / "given.npz", folder / "done.npz"
    arrays = {"acc": acc, "rate": np.array(rate_hz)} | ({} if gyr is None else {"gyr": gyr})
    np.savez(given, **arrays)  # type: ignore[arg-type]
    subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, str(given), str(done)],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        cwd=Path(__file__).parents[2],
        check=True,
        timeout=120,
    )
    trace = estimate(acc, gyr, rate_hz)
    plain = np.load(done)
    for name in FIELDS:
        mine, its = getattr(trace, name), plain[name]
        assert mine.dtype == its.dtype
        for field in mine.dtype.names or [None]:
            a, b = (mine, its) if field is None else (mine[field], its[field])
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9, err_msg=f"{name} {field}")
    return len(trace.steps)


def test_simulated_run(tmp_path: Path) -> None:
    acc, gyr = simulated("mixed", 80.0, 2.0, 22.0)
    assert check(tmp_path, acc, gyr, 80.0) > 30


def test_recording(tmp_path: Path, shared_data: Path) -> None:
    acc, gyr, rate = recording(shared_data, "sisfall_waist/SA01_D03_R01")
    n = int(10 * rate)
    assert gyr is not None
    assert check(tmp_path, acc[:n], gyr[:n], rate) > 5


def test_recording_without_gyroscope(tmp_path: Path, shared_data: Path) -> None:
    acc, _, rate = recording(shared_data, "adept_outdoor_run/hip_dev")
    k = slice(int(120 * rate), int(130 * rate))
    assert check(tmp_path, acc[k], None, rate) > 5
