"""Params: every number of the gait kernels, with its unit and meaning, and no other state."""

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gaitpi.units import G0, RAD_PER_DEG


def _par(default: float, unit: str, meaning: str) -> Any:
    return field(default=default, metadata={"unit": unit, "meaning": meaning})


@dataclass(frozen=True, kw_only=True)
class GaitParams:
    """Tuning of the estimator; independent of the sample rate.

    The forms come from physics, sensor noise and the literature (docs/algorithms.md). No value is
    the outcome of an optimiser, but several were chosen among a few round ones while looking at
    the recordings of ``calibration/validation``; docs/algorithms.md lists them.
    """

    # attitude
    weigh_s: float = _par(0.1, "s", "force and turning are summed this long, then weighed")
    tau_acc_only_s: float = _par(2.0, "s", "averaging of specific force without a gyroscope")
    velocity_noise: float = _par(
        0.3, "m/s·√s", "velocity about its slow mean, 1 sigma over 1 s: 0.5 m/s for 0.2 s at a time"
    )
    velocity_walk: float = _par(0.1, "m/s/√s", "wander of the mean velocity: 1 m/s in 100 s")
    velocity_init: float = _par(0.7, "m/s", "velocity about its mean at a start, 1 sigma")
    gyr_noise: float = _par(
        0.02 * RAD_PER_DEG,
        "rad/√s",
        "angle random walk (datasheets: 0.003-0.01 °/s/√Hz; worn: more)",
    )
    gyr_error: float = _par(
        0.002, "√s", "angle random walk per rate: scale and alignment off by 0.4 %, 0.25 s one way"
    )
    bias_sigma_init: float = _par(
        2.0 * RAD_PER_DEG, "rad/s", "turn-on gyro bias, 1 sigma (MPU-6050 datasheet: ±20 °/s ZRO)"
    )
    bias_sigma_rest: float = _par(
        0.1 * RAD_PER_DEG, "rad/s", "mean rate over 1 s of rest that is no bias, 1 sigma"
    )
    bias_forget_s: float = _par(100.0, "s", "time in which the bias wanders by 0.1 °/s")
    bias_max: float = _par(
        20.0 * RAD_PER_DEG, "rad/s", "largest bias believed (datasheets: ±20 °/s)"
    )
    lost_turn: float = _par(0.3, "rad", "turn of the trunk while the gyro told nothing, 1 sigma")
    doubt_s: float = _par(5.0, "s", "memory of what speaks against the uncertainty of up")
    run_speed: float = _par(4.0, "m/s", "usual speed of running, for curves, starts and stops")
    walk_speed: float = _par(1.5, "m/s", "usual speed of walking, for the same")
    speed_memory_s: float = _par(
        10.0, "s", "a change of speed over this gives what of it has passed for gravity, 1 sigma"
    )
    rest_gyr: float = _par(2.0 * RAD_PER_DEG, "rad/s", "rest: gyro stays within this of its mean")
    rest_acc: float = _par(0.5, "m/s²", "rest: accelerometer stays within this of its mean")
    rest_time_s: float = _par(1.5, "s", "rest: for this long")
    rest_tau_s: float = _par(0.5, "s", "averaging in which rest is judged")
    gyr_clip: float = _par(
        0.999 * 2000.0 * RAD_PER_DEG, "rad/s", "a rate at or beyond this was cut off by the chip"
    )
    untrusted_s: float = _par(3.0, "s", "lean is withheld this long after the gyro was cut off")

    # steps
    coarse_hz: float = _par(3.5, "Hz", "low-pass in which one step is one wave (steps: 1.3-4 Hz)")
    mean_tau_s: float = _par(2.0, "s", "slow mean of vertical acceleration that is taken out")
    reversal: float = _par(0.4, "1", "a turn counts once it is this share of the usual wave")
    wave_floor: float = _par(
        0.1 * G0, "m/s²", "smallest wave (peak to valley, mean) that begins a walk"
    )
    top_floor: float = _par(0.04 * G0, "m/s²", "smallest wave that can be a step within a walk")
    top_apart: float = _par(0.6, "usual steps", "of two tops closer than this, one is no step")
    walk_window: float = _par(
        1.0,
        "usual steps",
        "a walking contact is timed from the wave this far to either side: of a Hann window so "
        "wide, mean and second harmonic fall into the zeros",
    )
    running_wave: float = _par(
        1.5 * G0,
        "m/s²",
        "fundamental of the vertical force, peak to valley, that proves running: a half-sine "
        "stance of 95 % of the step gives 1.5 g, a shorter one more, one without flight 4/3 g",
    )
    running_stay: float = _par(1.1 * G0, "m/s²", "the same, to stay in a running bout")
    walking_wave_max: float = _par(1.6 * G0, "m/s²", "wave beyond which a step is not walking")
    flight_force: float = _par(
        0.3 * G0, "m/s²", "a running step has a moment with less vertical specific force"
    )
    flight_stay: float = _par(0.45 * G0, "m/s²", "the same, to stay in a running bout")
    run_step_min_s: float = _par(0.22, "s", "shortest running step (270 spm)")
    run_step_max_s: float = _par(0.46, "s", "longest running step (130 spm, where Stryd wakes)")
    walk_step_min_s: float = _par(0.30, "s", "shortest walking step (200 spm)")
    walk_step_max_s: float = _par(1.10, "s", "longest walking step (55 spm)")
    step_spread: float = _par(0.30, "1", "a step belongs to a bout within this of the one before")
    bout_steps: float = _par(4.0, "steps", "steps in a row before a bout is believed")
    run_proof_steps: float = _par(
        12.0,
        "steps",
        "running is claimed after so many: stairs are run with the same steps, but a flight of "
        "them is shorter (building codes allow some 12 risers between landings)",
    )
    run_memory_s: float = _par(60.0, "s", "a runner seen so recently need not prove it anew")
    bout_end: float = _par(2.0, "step times", "no step for this long ends a bout")
    double_support: float = _par(
        0.22, "1", "double support as a share of a walking step (Perry: 10-12 % of the stride)"
    )
    contact_model_s: float = _par(
        0.02, "s", "contact time from one sacral sensor, 1 sigma between runners (Patoz 2022)"
    )
    acc_scale: float = _par(
        0.03, "1", "scale of the accelerometer, 1 sigma (MPU-6050 datasheet: ±3 %)"
    )
    loading_steps: float = _par(8.0, "steps", "memory of the time of loading: begins are blurred")
    smooth_s: float = _par(0.012, "s", "half width of the symmetric smoothing of contact events")
    cadence_steps: float = _par(4.0, "steps", "steps in the live cadence (even: both feet)")

    spread_strides: float = _par(8.0, "strides", "memory of the spread of the stride time")

    # activity
    still_acc: float = _par(0.3, "m/s²", "still: RMS of the acceleration about its mean below this")
    still_time_s: float = _par(1.0, "s", "still: for this long")

    # mounting
    axis_tau_steps: float = _par(40.0, "steps", "memory of the learned forward axis")
    axis_steps: float = _par(10.0, "steps", "steps before the forward axis is believed")
    axis_corr: float = _par(0.12, "1", "least correlation that makes a forward axis")
    stand_time_s: float = _par(2.0, "s", "standing this long gives the upright zero")
    stand_max_deg: float = _par(
        30.0, "deg", "an upright zero farther than this from the mean up of gait was no standing"
    )
    stand_age_s: float = _par(600.0, "s", "an upright zero older than this before gait is not used")
    front_max_deg: float = _par(
        30.0, "deg", "a measured front farther than this from that of gait: neither is believed"
    )
    side_memory: float = _par(0.94, "1", "memory per step of the left-right evidence")
    side_steps: float = _par(6.0, "steps", "steps of evidence before sides are named")
    side_clear: float = _par(0.5, "1", "share of agreeing evidence before sides are named")

    lean_sd_max_deg: float = _par(
        5.0, "deg", "lean less certain than this, 1 sigma, is withheld: runners differ by less"
    )

    # gaps
    gap_turn_s: float = _par(0.1, "s", "over a gap up to this long the last rates are carried on")
    gap_s: float = _par(0.03, "s", "more time than this between samples is a gap")
    gap_keep_s: float = _par(1.0, "s", "a bout survives a gap up to this long")
    gap_lean_s: float = _par(1.5, "s", "lean is withheld this long after a gap")


COEFFS = np.dtype(
    [(f.name, np.float64) for f in fields(GaitParams)]
    + [
        ("rate_hz", np.float64),
        ("acc_only_lp", np.float64, (5,)),
        ("coarse_lp", np.float64, (5,)),
        ("coarse_delay_s", np.float64),
        ("mean_k", np.float64),
        ("still_k", np.float64),
        ("bias_v", np.float64),
        ("weigh_n", np.int64),
        ("smooth_n", np.int64),
        ("init_only_n", np.int64),
    ]
)


def butterworth2(cutoff_hz: float, rate_hz: float) -> NDArray[np.float64]:
    """Coefficients (b0, b1, b2, a1, a2) of a second-order Butterworth low-pass.

    Bilinear transform with prewarping; the cut-off is held below 0.45 of the rate.
    """
    c = np.tan(np.pi * min(cutoff_hz, 0.45 * rate_hz) / rate_hz)
    d = 1.0 + np.sqrt(2.0) * c + c * c
    b0 = c * c / d
    return np.array([b0, 2 * b0, b0, 2 * (c * c - 1) / d, (1 - np.sqrt(2.0) * c + c * c) / d])


def cutoff_for(tau_s: float) -> float:
    """Cut-off in Hz of the second-order Butterworth whose time constant is ``tau_s``."""
    return float(np.sqrt(2.0) / (2.0 * np.pi * tau_s))


def coeffs(params: GaitParams, rate_hz: float) -> NDArray[Any]:
    """Everything derived once from params and rate: one record of ``COEFFS``, shape (1,)."""
    out = np.zeros(1, COEFFS)
    rec = out[0]
    for f in fields(params):
        rec[f.name] = getattr(params, f.name)
    rec["rate_hz"] = rate_hz
    rec["acc_only_lp"] = butterworth2(cutoff_for(params.tau_acc_only_s), rate_hz)
    rec["coarse_lp"] = butterworth2(params.coarse_hz, rate_hz)
    # group delay of the filter at low frequency
    rec["coarse_delay_s"] = np.sqrt(2.0) / (2.0 * np.pi * params.coarse_hz)
    rec["mean_k"] = 1.0 - np.exp(-1.0 / (params.mean_tau_s * rate_hz))
    rec["still_k"] = 1.0 - np.exp(-1.0 / (0.5 * params.still_time_s * rate_hz))
    wander = 0.1 * RAD_PER_DEG
    rec["bias_v"] = wander * wander / params.bias_forget_s
    # samples on each side that lie within the half width
    rec["smooth_n"] = max(1, int(np.ceil(params.smooth_s * rate_hz - 1e-9)) - 1)
    rec["weigh_n"] = max(1, round(params.weigh_s * rate_hz))
    rec["init_only_n"] = max(1, round(params.tau_acc_only_s * rate_hz))
    return out
