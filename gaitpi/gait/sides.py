"""Which foot is which: lateral evidence gathered over the steps of a bout."""

from typing import Any

import numpy as np

from gaitpi.gait._jit import kernel
from gaitpi.gait.state import R_X, RING


@kernel
def lateral(st: Any, i0: int, i1: int) -> float:
    """Mean acceleration to the left (m/s²) over the first 60 % of the step i0..i1; NaN unknown.

    Without a gyroscope the sway of the pelvis cannot be told from a push: unknown.

    The ground pushes the body away from the standing foot, towards the midline.
    """
    if st["axes_known"] == 0 or st["has_gyro"] == 0:
        return np.nan
    ring = st["ring"]
    y = st["mount"][1]
    end = i0 + (3 * (i1 - i0)) // 5
    s = 0.0
    for i in range(i0, end):
        k = i % RING
        s += ring[k, R_X] * y[0] + ring[k, R_X + 1] * y[1] + ring[k, R_X + 2] * y[2]
    return float(s / max(1, end - i0))


@kernel
def learn_side(c: Any, st: Any, y: float) -> int:
    """Side of the present step (-1 left, +1 right, 0 unknown) from lateral evidence so far.

    Every step adds its lateral push with the sign of its parity; agreeing evidence of many
    steps names the sides, so one odd step cannot swap them.
    """
    sign = 1.0 if st["parity"] == 0 else -1.0
    if not np.isnan(y):
        st["side_d"] = st["side_d"] * c["side_memory"] + sign * y
        st["side_e"] = st["side_e"] * c["side_memory"] + abs(y)
        st["side_n"] += 1
        clear = abs(st["side_d"]) > c["side_clear"] * st["side_e"]
        if st["side_n"] >= c["side_steps"] and clear:
            # pushed to the right (y < 0) means standing on the left
            st["side_even"] = -1 if st["side_d"] < 0.0 else 1
    if st["side_even"] == 0:
        return 0
    return int(st["side_even"] if st["parity"] == 0 else -st["side_even"])


@kernel
def forget_side(st: Any) -> None:
    """Which foot is next is no longer known."""
    st["side_d"] = 0.0
    st["side_e"] = 0.0
    st["side_n"] = 0
    st["side_even"] = 0
