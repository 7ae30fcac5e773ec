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
    the recordings of ``calibration/validate.py``; docs/algorithms.md lists them.
    """

    # attitude
    tau_acc_s: float = _par(3.0, "s", "averaging of specific force that defines up (Laidig 2023)")
    tau_gait_s: float = _par(2.0, "s", "the same while running: some five strides")
    tau_acc_only_s: float = _par(2.0, "s", "the same without a gyroscope, in the sensor frame")
    bias_sigma_init: float = _par(
        2.0 * RAD_PER_DEG, "rad/s", "turn-on gyro bias, 1 sigma (MPU-6050 datasheet: ±20 °/s ZRO)"
    )
    bias_sigma_motion: float = _par(
        0.1 * RAD_PER_DEG, "rad/s", "bias that motion alone can resolve, 1 sigma (Laidig 2023)"
    )
    bias_sigma_rest: float = _par(
        0.03 * RAD_PER_DEG, "rad/s", "bias that rest can resolve, 1 sigma (Laidig 2023)"
    )
    bias_sigma_vertical: float = _par(
        1.0 * RAD_PER_DEG, "rad/s", "bias about the vertical, which gravity does not show"
    )
    bias_forget_s: float = _par(100.0, "s", "time in which the bias wanders by 0.1 °/s")
    bias_max: float = _par(
        20.0 * RAD_PER_DEG, "rad/s", "largest bias believed (datasheets: ±20 °/s)"
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
    bout_end: float = _par(2.0, "step times", "no step for this long ends a bout")
    loading_s: float = _par(
        0.015,
        "s",
        "from initial contact to one body weight on the foot: 65 body weights a second, the "
        "mean loading rate of running (Crowell & Davis 2011)",
    )
    double_support: float = _par(
        0.22, "1", "double support as a share of a walking step (Perry: 10-12 % of the stride)"
    )
    smooth_s: float = _par(0.012, "s", "half width of the symmetric smoothing of contact events")
    cadence_steps: float = _par(8.0, "steps", "steps in the live cadence (even: both feet)")

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
    side_memory: float = _par(0.94, "1", "memory per step of the left-right evidence")
    side_steps: float = _par(6.0, "steps", "steps of evidence before sides are named")
    side_clear: float = _par(0.5, "1", "share of agreeing evidence before sides are named")

    # gaps
    gap_turn_s: float = _par(0.1, "s", "over a gap up to this long the last rates are carried on")
    gap_s: float = _par(0.03, "s", "more time than this between samples is a gap")
    gap_keep_s: float = _par(1.0, "s", "a bout survives a gap up to this long")
    gap_lean_s: float = _par(1.5, "s", "lean is withheld this long after a gap")


COEFFS = np.dtype(
    [(f.name, np.float64) for f in fields(GaitParams)]
    + [
        ("rate_hz", np.float64),
        ("acc_lp", np.float64, (5,)),
        ("gait_lp", np.float64, (5,)),
        ("acc_only_lp", np.float64, (5,)),
        ("rest_lp", np.float64, (5,)),
        ("coarse_lp", np.float64, (5,)),
        ("coarse_delay_s", np.float64),
        ("mean_k", np.float64),
        ("still_k", np.float64),
        ("bias_v", np.float64),
        ("smooth_n", np.int64),
        ("init_n", np.int64),
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
    rec["acc_lp"] = butterworth2(cutoff_for(params.tau_acc_s), rate_hz)
    rec["gait_lp"] = butterworth2(cutoff_for(params.tau_gait_s), rate_hz)
    rec["acc_only_lp"] = butterworth2(cutoff_for(params.tau_acc_only_s), rate_hz)
    rec["rest_lp"] = butterworth2(cutoff_for(params.rest_tau_s), rate_hz)
    rec["coarse_lp"] = butterworth2(params.coarse_hz, rate_hz)
    # group delay of the filter at low frequency
    rec["coarse_delay_s"] = np.sqrt(2.0) / (2.0 * np.pi * params.coarse_hz)
    rec["mean_k"] = 1.0 - np.exp(-1.0 / (params.mean_tau_s * rate_hz))
    rec["still_k"] = 1.0 - np.exp(-1.0 / (0.5 * params.still_time_s * rate_hz))
    wander = 0.1 * RAD_PER_DEG
    rec["bias_v"] = wander * wander / (params.bias_forget_s * rate_hz)
    rec["smooth_n"] = max(1, round(params.smooth_s * rate_hz))
    rec["init_n"] = max(1, round(params.tau_acc_s * rate_hz))
    rec["init_only_n"] = max(1, round(params.tau_acc_only_s * rate_hz))
    return out
