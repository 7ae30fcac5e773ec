"""Whether the kernels stay within their memory when a gait parameter is set otherwise.

``python -m calibration.gaitparams`` runs a simulated runner through the estimator, compiled with
numba's bounds check, with each parameter at both ends of what ``gaitpi reanalyse --set gait.NAME``
takes, and with all of them at ends drawn at random; with and without gyroscope, at the lowest usual
and the highest sample rate. It prints how many of them went beyond an array, and ends with 1
when one did. It compiles into a folder of its own (some minutes).
"""

import os
import sys
import tempfile
from dataclasses import fields, replace
from typing import Final

RATES_HZ: Final = (104.0, 208.0, 1200.0)
DRAWN: Final = 40


def main() -> None:
    """Print a line for each rate; exit with 1 where an index was out of bounds."""
    with tempfile.TemporaryDirectory() as folder:
        # before numba is loaded
        os.environ |= {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": folder}
        sys.exit(1 if look() else 0)


def look() -> int:
    """How many trials ended beyond an array."""
    import numpy as np

    from gaitpi.gait import GaitParams, estimate
    from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
    from gaitpi.imu.virtual.story import Phase
    from gaitpi.reanalysis.work import GAIT_RANGE

    phases = [Phase("stand", 4.0), Phase("walk", 12.0), Phase("run", 25.0), Phase("walk", 5.0)]
    phases += [Phase("stand", 3.0), Phase("run", 15.0)]
    usual = {f.name: float(f.default) for f in fields(GaitParams)}  # type: ignore[arg-type]
    rng = np.random.default_rng(1)
    given = [{name: usual[name] * factor} for name in usual for factor in GAIT_RANGE]
    factors = (GAIT_RANGE[0], 1.0, GAIT_RANGE[1])
    given += [{n: v * float(rng.choice(factors)) for n, v in usual.items()} for _ in range(DRAWN)]
    beyond = 0
    for rate_hz in RATES_HZ:
        runner = SimulatedRunner(tuple(phases), RunnerParams(seed=2))
        acc, gyr = runner.samples(0, int(runner.duration_s * rate_hz), rate_hz)
        for with_gyr in (True, False):
            found = 0
            for one in given:
                try:
                    params = replace(GaitParams(), **one)
                    estimate(acc, gyr if with_gyr else None, rate_hz, params=params)
                except IndexError as error:
                    found += 1
                    print(f"{rate_hz:g} Hz: {error} with {one}")
            words = "with gyroscope" if with_gyr else "without"
            print(f"{rate_hz:6g} Hz {words:<15}{len(given):>5} trials{found:>4} out of bounds")
            beyond += found
    return beyond


if __name__ == "__main__":
    main()
