"""The gait room: pure numbers in, pure numbers out; no clock, no files, no threads."""

from gaitpi.gait._jit import is_cached
from gaitpi.gait.estimator import GaitEstimator, estimate
from gaitpi.gait.params import GaitParams
from gaitpi.gait.types import RUNNING, STEP_DTYPE, STILL, UNKNOWN, WALKING, Mount, Start, Trace

__all__ = [
    "RUNNING",
    "STEP_DTYPE",
    "STILL",
    "UNKNOWN",
    "WALKING",
    "GaitEstimator",
    "GaitParams",
    "Mount",
    "Start",
    "Trace",
    "estimate",
    "is_cached",
]
