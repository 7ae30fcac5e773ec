"""State: everything that changes in the estimator, in one structured array of shape (1,).

Every kernel reads and writes it by name; saving the estimator is copying it.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

RING: Final = 4096
"""Samples of history for the contact events: more than 3 s at the highest rate."""

R_T: Final = 0  # time, s
R_V: Final = 1  # vertical acceleration without gravity, m/s²
R_X: Final = 2  # horizontal acceleration in the sensor frame (3 columns), m/s²
R_W: Final = 5  # yaw rate, rad/s
RING_COLUMNS: Final = 6

PENDING: Final = 16
"""Steps that can wait for their bout to be believed."""

P_IC: Final = 0
P_TO: Final = 1
P_STEP: Final = 2
P_CADENCE: Final = 3
P_BOUNCE: Final = 4
P_IMPACT: Final = 5
P_SIDE: Final = 6
P_LEAN: Final = 7
P_SIDE_LEAN: Final = 8
P_WAVE: Final = 9
P_LOW: Final = 10
P_CONTACT_SD: Final = 11
P_CADENCE_SD: Final = 12
P_BOUNCE_SD: Final = 13
P_LEAN_SD: Final = 14
PENDING_COLUMNS: Final = 15
"""What is kept of a step that waits."""

CHAIN: Final = 16
"""Steps alike remembered (wave, step time, least force) to judge a bout; at most so many."""

ICS: Final = 64
"""Initial contacts remembered for the live cadence."""

STATE = np.dtype(
    [
        # stream
        ("samples", np.int64),
        ("has_gyro", np.int64),
        ("skipped", np.int64),
        ("gaps", np.int64),
        ("t", np.float64),
        # attitude
        ("q", np.float64, (4,)),
        ("up", np.float64, (3,)),
        ("u", np.float64, (3,)),
        ("u_known", np.int64),
        ("up_sd", np.float64),
        ("gyr", np.float64, (3,)),
        ("att_known", np.int64),
        ("grav", np.float64, (3,)),
        ("vel", np.float64, (3,)),
        ("bias", np.float64, (3,)),
        ("att_p", np.float64, (9, 9)),
        ("att_k", np.float64, (9,)),
        ("changed", np.float64, (3,)),
        ("expected", np.float64),
        ("turning", np.float64),
        ("att_kind", np.int64),
        ("sum_n", np.int64),
        ("sum_s", np.float64),
        ("sum_f", np.float64, (3,)),
        ("sum_r", np.float64, (3, 3)),
        ("sum_g", np.float64, (3,)),
        ("sum_a", np.float64, (3,)),
        ("sum_w2", np.float64),
        ("rest_mean", np.float64, (6,)),
        ("calm", np.int64),
        ("rest_s", np.float64),
        ("rest", np.int64),
        ("acc_n", np.int64),
        ("acc_sum", np.float64, (3,)),
        ("acc_z", np.float64, (3, 2)),
        ("trust_t", np.float64),
        ("yaw_now", np.float64),
        ("yaw", np.float64),
        # waves of the vertical acceleration
        ("v_mean", np.float64),
        ("p_z", np.float64, (2,)),
        ("p", np.float64),
        ("p_before", np.float64),
        ("w", np.float64),
        ("ring", np.float64, (RING, RING_COLUMNS)),
        ("ring_n", np.int64),
        ("direction", np.int64),
        ("extreme", np.float64),
        ("extreme_i", np.int64),
        ("usual_wave", np.float64),
        ("peak", np.float64),
        ("peak_i", np.int64),
        ("valley", np.float64),
        ("valley_i", np.int64),
        ("want_ic", np.int64),
        ("due_ic", np.float64),
        ("wave", np.float64),
        ("usual_step", np.float64),
        ("top_i", np.int64),
        ("top_wave", np.float64),
        ("top_waits", np.int64),
        ("top_step", np.float64),
        # steps and bouts
        ("ic_s", np.float64),
        ("ic_i", np.int64),
        ("has_ic", np.int64),
        ("start_s", np.float64),
        ("step_s", np.float64),
        ("parity", np.int64),
        ("loading", np.float64),
        ("loading_n", np.int64),
        ("chain", np.float64, (CHAIN, 3)),
        ("chain_n", np.int64),
        ("against_n", np.int64),
        ("odd_n", np.int64),
        ("activity", np.int64),
        ("bout_kind", np.int64),
        ("bout_n", np.int64),
        ("run_t", np.float64),
        ("ics", np.float64, (ICS,)),
        ("ics_n", np.int64),
        ("cadence", np.float64),
        ("last_step_s", np.float64),
        ("stride_mean", np.float64),
        ("stride_var", np.float64),
        ("stride_n", np.int64),
        ("cadence_sd", np.float64),
        ("pending", np.float64, (PENDING, PENDING_COLUMNS)),
        ("pending_n", np.int64),
        # stillness and mounting
        ("still_mean", np.float64, (3,)),
        ("still_var", np.float64),
        ("still_since", np.float64),
        ("still", np.int64),
        ("stand_up", np.float64, (3,)),
        ("stand_sum", np.float64, (3,)),
        ("stand_n", np.int64),
        ("stand_t", np.float64),
        ("stand_fixed", np.int64),
        ("evidence", np.float64, (9,)),
        ("fwd", np.float64, (3,)),
        ("gait_up", np.float64, (3,)),
        ("gait_n", np.float64),
        ("gait_up_n", np.float64),
        ("mount", np.float64, (3, 3)),
        ("lean_from", np.int64),
        ("axes_known", np.int64),
        ("front", np.float64, (3,)),
        ("front_given", np.int64),
        ("front_differs", np.int64),
        ("zero", np.float64, (3,)),
        ("stand_sd", np.float64),
        ("zero_sd", np.float64),
        ("side_d", np.float64, (2,)),
        ("side_e", np.float64, (2,)),
        ("side_n", np.int64),
        ("side_even", np.int64),
        ("lean", np.float64),
        ("side_lean", np.float64),
        ("lean_sd", np.float64),
        ("lean_sum", np.float64, (3,)),
        ("lean_n", np.int64),
    ]
)


def new_state() -> NDArray[Any]:
    """A fresh state, shape (1,): nothing is known yet."""
    s = np.zeros(1, STATE)
    rec = s[0]
    rec["t"] = np.nan
    rec["q"][0] = 1.0
    rec["up"][:] = np.nan
    rec["up_sd"] = np.nan
    rec["trust_t"] = -np.inf
    rec["run_t"] = -np.inf
    rec["cadence"] = np.nan
    rec["cadence_sd"] = np.nan
    rec["ic_s"] = np.nan
    rec["still_since"] = np.nan
    rec["stand_t"] = -np.inf
    rec["yaw"] = np.nan
    rec["usual_step"] = 0.55
    rec["lean"] = np.nan
    rec["lean_sd"] = np.nan
    rec["side_lean"] = np.nan
    return s
