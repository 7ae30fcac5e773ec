"""Having every kernel ready before samples arrive."""

import contextlib
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from gaitpi.device.unpack import unpack
from gaitpi.errors import GaitpiError
from gaitpi.gait import GaitEstimator
from gaitpi.gait._jit import compilations, is_cached
from gaitpi.gait.belt import BeltSense
from gaitpi.kernelcache import cache_directory, warm_mark
from gaitpi.runs.codec import pack
from gaitpi.runs.schema import COLUMNS

RATE_HZ = 200.0
COMPILING: Final = "compiling the estimator, once after each update: a minute or so on a Pi"
"""What keeps a first start, in words."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What a warm-up did: kernels compiled (0 = all were in the cache), s it took, where they lie.

    ``kept`` False: they could not be stored and will be compiled again next time.
    """

    compiled: int
    seconds: float
    directory: Path
    kept: bool


def check_cache() -> None:
    """Make the cache directory. Raises GaitpiError where kernels cannot be kept in it.

    Numba itself would look for another place and say nothing.
    """
    directory = cache_directory()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise GaitpiError(
            f"The compiled estimator cannot be kept in {directory}: {error.strerror}.",
            "Check who owns that folder, or name another in NUMBA_CACHE_DIR.",
        ) from error


def warm_up() -> WarmUp:
    """Load or compile every kernel for every kind of call, so that nothing is compiled later.

    With and without a gyroscope, single samples and blocks.
    """
    start = time.perf_counter()
    with compilations() as compiled:
        for n in (4, 1):
            for gyr in (np.zeros((n, 3)), None):
                acc, times = np.zeros((n, 3)), np.arange(n) / RATE_HZ
                BeltSense(RATE_HZ).update(acc, GaitEstimator(RATE_HZ).update(acc, gyr, times))
        unpack(pack(np.zeros((1, COLUMNS), np.int16)), 1)  # a run that was cut off is read again
    took = time.perf_counter() - start
    if kept := is_cached():
        with contextlib.suppress(OSError):  # it is only asked whether to look again
            warm_mark(cache_directory()).touch()
    return WarmUp(len(compiled), took, cache_directory(), kept)
