"""Which foot is which: evidence of push and turn gathered over the steps of a bout."""

from typing import Any

import numpy as np

from gaitpi.gait._jit import kernel
from gaitpi.gait.state import R_W, R_X, RING


@kernel
def side_evidence(c: Any, st: Any, kind: int, i0: int, i1: int) -> tuple[float, float]:
    """What speaks for the right foot in the step of samples i0..i1: (push m/s², turn rad/s).

    ``push``: mean acceleration to the left, weighted by a half sine over the step: the ground
    pushes the body away from the standing foot, towards the midline. ``turn``: yaw rate of the
    pelvis. In walking it turns round in double support, when the side of the landing foot is
    foremost; in running that side is hindmost at initial contact and comes forward during
    stance (Novacheck 1998). A belt before or behind the axis of that turning feels it as a
    push too, so neither is enough alone. Without gyroscope or axes both are NaN.
    """
    if st["axes_known"] == 0 or st["has_gyro"] == 0 or i1 <= i0:
        return np.nan, np.nan
    ring = st["ring"]
    y = st["mount"][1]
    push = 0.0
    turn = 0.0
    n = i1 - i0
    early = 0.5 * np.pi * c["double_support"]
    for i in range(i0, i1):
        k = i % RING
        angle = np.pi * (i - i0 + 0.5) / n
        sine = np.sin(angle)
        left = ring[k, R_X] * y[0] + ring[k, R_X + 1] * y[1] + ring[k, R_X + 2] * y[2]
        push += sine * left
        turn += (sine if kind == 3 else np.cos(angle + early)) * ring[k, R_W]
    return float(push / n), float(turn / n)


@kernel
def learn_side(c: Any, st: Any, push: float, turn: float) -> int:
    """Side of the present step (-1 left, +1 right, 0 unknown) from the evidence so far.

    Every step adds its push and its turn with the sign of its parity; where both together agree
    over many steps the sides are named, so one odd step cannot swap them.
    """
    sign = 1.0 if st["parity"] == 0 else -1.0
    if not np.isnan(push):
        d, e = st["side_d"], st["side_e"]
        d[0] = d[0] * c["side_memory"] + sign * push
        d[1] = d[1] * c["side_memory"] + sign * turn
        e[0] = e[0] * c["side_memory"] + abs(push)
        e[1] = e[1] * c["side_memory"] + abs(turn)
        st["side_n"] += 1
        share = 0.0
        for m in range(2):
            if e[m] > 0.0:
                share += 0.5 * d[m] / e[m]
        if st["side_n"] >= c["side_steps"] and abs(share) > c["side_clear"]:
            st["side_even"] = 1 if share > 0.0 else -1
    if st["side_even"] == 0:
        return 0
    return int(st["side_even"] if st["parity"] == 0 else -st["side_even"])


@kernel
def forget_side(st: Any) -> None:
    """Which foot is next is no longer known."""
    st["side_d"][:] = 0.0
    st["side_e"][:] = 0.0
    st["side_n"] = 0
    st["side_even"] = 0
