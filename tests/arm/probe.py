"""The estimator's every number, on whatever machine this runs: ``probe.py IN.npz OUT.npz``.

Runs on both sides, so it knows nothing but gaitpi and numpy. IN holds for each case ``NAME.time``
(n,) s, ``NAME.acc`` (n, 3) m/s², ``NAME.rate`` Hz and, with a gyroscope, ``NAME.gyr`` (n, 3) rad/s;
OUT ``NAME.FIELD`` of every sample and step. Prints what the machine is, as JSON.
"""

import importlib
import importlib.metadata
import json
import platform
import sys
from typing import Any, Final

import llvmlite.binding  # type: ignore[import-untyped]
import numba
import numpy as np
from numpy.typing import NDArray

from gaitpi.gait import GaitEstimator, Trace
from gaitpi.gait import belt as belts
from gaitpi.gait.types import SAMPLE_FIELDS, STEP_DTYPE

BLOCK: Final = 64
PARTS: Final = ("numpy", "llvmlite", "numba", "msgspec", "smbus2", "gpiozero", "lgpio")


def estimates(
    rate_hz: float, time_s: NDArray[Any], acc: NDArray[Any], gyr: NDArray[Any] | None
) -> dict[str, NDArray[Any]]:
    """Field -> values: samples (n, ...), ``step.*`` (steps,), ``belt.*`` (seconds, ...)."""
    estimator, belt = GaitEstimator(rate_hz), belts.BeltSense(rate_hz)
    traces, seconds = [], []
    for first in range(0, len(acc), BLOCK):
        part = slice(first, first + BLOCK)
        trace = estimator.update(acc[part], None if gyr is None else gyr[part], time_s[part])
        seconds.append(belt.update(acc[part], trace))
        traces.append(trace)
    whole = Trace.join(traces)
    out = {name: np.asarray(getattr(whole, name)) for name in SAMPLE_FIELDS}
    out |= {f"step.{name}": whole.steps[name] for name in STEP_DTYPE.names or ()}
    table = np.concatenate([*seconds, belt.finish()])
    return out | {f"belt.{name}": table[:, columns] for name, columns in _belt_columns().items()}


def _belt_columns() -> dict[str, slice]:
    starts = {name: k for name, k in vars(belts).items() if name.startswith("B_")}
    ends = [*sorted(starts.values())[1:], belts.COLUMNS]
    ordered = zip(sorted(starts, key=lambda name: starts[name]), ends, strict=True)
    return {name[2:].lower(): slice(starts[name], end) for name, end in ordered}


def machine() -> dict[str, Any]:
    """What this runs on; of each part the version, or None where there is none to import."""
    parts: dict[str, str | None] = {}
    for name in PARTS:
        try:
            importlib.import_module(name)
            parts[name] = importlib.metadata.version(name)
        except ImportError:
            parts[name] = None
    return {
        "machine": platform.machine(),
        "cpu": llvmlite.binding.get_host_cpu_name(),
        "python": platform.python_version(),
        "libc": " ".join(platform.libc_ver()),
        "compiles": not numba.config.DISABLE_JIT,  # type: ignore[attr-defined]
        "parts": parts,
    }


def main() -> None:
    """Estimate every case of IN."""
    out: dict[str, NDArray[Any]] = {}
    with np.load(sys.argv[1]) as given:
        for case in sorted({key.partition(".")[0] for key in given}):
            gyr = given.get(f"{case}.gyr")
            found = estimates(
                float(given[f"{case}.rate"]), given[f"{case}.time"], given[f"{case}.acc"], gyr
            )
            out |= {f"{case}.{name}": values for name, values in found.items()}
    np.savez(sys.argv[2], **out)  # type: ignore[arg-type]
    print(json.dumps(machine()))


if __name__ == "__main__":
    main()
