"""What a run may start from: the stand that was kept, and what was learned while waiting.

The choice is written into the header of the run (column ``calibration``), so a replay starts the
same estimator.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import Struct

from gaitpi.calibrationfile import StandRecord, Vector
from gaitpi.errors import RunFileError
from gaitpi.gait import GaitParams, Start
from gaitpi.imu.batch import Floats
from gaitpi.units import DEG_PER_RAD, RAD_PER_DEG

BIAS_KEPT_SD: Final = 1.0 * RAD_PER_DEG
"""What a kept gyro bias is worth at most, however old: it goes with the temperature, some 0.1
deg/s a kelvin (MPU-6050 data sheet: ±20 deg/s over 125 K), rad/s."""
REWORN_SD: Final = 3.0 * RAD_PER_DEG
"""How otherwise a belt sits when it is put on again, 1 sigma, rad: an assumption (1.5 cm over a
pack's height of 25 cm of back); the same boot is taken for the same wearing."""
GRAVITY_S: Final = 5.0
"""Samples whose mean is taken for gravity in motion: some strides, s."""
WORN_OTHERWISE_DEG: Final = GaitParams().stand_max_deg
"""Gravity farther from the kept upright than this: the belt is worn otherwise, deg."""


class _StartRow(Struct, frozen=True, kw_only=True):
    """:class:`gaitpi.gait.Start` in the file; ``stand_s`` None = it does not age."""

    gyro_bias_rad_s: Vector | None = None
    gyro_bias_sd_rad_s: float | None = None
    up: Vector | None = None
    up_sd_rad: float | None = None
    stand_s: float | None = None
    fixed: bool = False


class _Row(Struct, frozen=True, kw_only=True):
    """The column ``calibration``: what the estimator started from, and the stand behind it."""

    start: _StartRow
    stand: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to start from, with the record it comes from (None = learned only)."""

    start: Start
    record: StandRecord | None = None


def from_record(record: StandRecord, *, boot_id: str, wall_s: float) -> Start:
    """A kept stand as an estimator may use it now, with what age and wearing do to it."""
    params = GaitParams()
    age_s = record.age_s(wall_s)
    wander = 0.1 * RAD_PER_DEG * math.sqrt(age_s / params.bias_forget_s)
    bias_sd = math.hypot(record.gyro_bias_sd, wander)
    same = bool(boot_id) and record.boot_id == boot_id
    return Start(
        gyro_bias=record.gyro_bias,
        # also where the age is not known (NaN)
        gyro_bias_sd=bias_sd if bias_sd < BIAS_KEPT_SD else BIAS_KEPT_SD,
        up=record.up,
        up_sd=record.up_sd if same else math.hypot(record.up_sd, REWORN_SD),
        fixed=same and record.up is not None,
    )


def at_run(start: Start, run0_s: float) -> Start:
    """``start`` of the clock of the batches on that of a run that begins at ``run0_s``."""
    return replace(start, stand_s=start.stand_s - run0_s)


def worn_otherwise(start: Start, acc: Floats) -> float:
    """How far the mean force ``acc`` (n, 3) is from the upright of ``start``, deg.

    NaN when a belt can have slipped so far. The mean over some strides is gravity.
    """
    mean = acc.mean(axis=0)
    length = float(np.linalg.norm(mean))
    if start.up is None or length == 0.0:
        return math.nan
    cosine = float(np.clip(mean @ np.array(start.up) / length, -1.0, 1.0))
    tilt_deg = math.acos(cosine) * DEG_PER_RAD
    return tilt_deg if tilt_deg > WORN_OTHERWISE_DEG else math.nan


def encode(known: Known) -> str | None:
    """The text for the header; None when nothing is known."""
    start = known.start
    if start.gyro_bias is None and start.up is None:
        return None
    row = _StartRow(
        gyro_bias_rad_s=start.gyro_bias,
        gyro_bias_sd_rad_s=_number(start.gyro_bias_sd),
        up=start.up,
        up_sd_rad=_number(start.up_sd),
        stand_s=_number(start.stand_s),
        fixed=start.fixed,
    )
    stand = msgspec.to_builtins(known.record) if known.record is not None else None
    return msgspec.json.encode(_Row(start=row, stand=stand)).decode()


def decode(text: str | None) -> Start | None:
    """What a run started from; None = nothing. Raises RunFileError when it makes no sense."""
    if text is None:
        return None
    try:
        row = msgspec.json.decode(text, type=_Row).start
        return Start(
            gyro_bias=row.gyro_bias_rad_s,
            gyro_bias_sd=_real(row.gyro_bias_sd_rad_s, math.nan),
            up=row.up,
            up_sd=_real(row.up_sd_rad, math.nan),
            stand_s=_real(row.stand_s, math.inf),
            fixed=row.fixed,
        )
    except (msgspec.MsgspecError, ValueError) as error:
        raise RunFileError(
            f"what this run started from (its calibration) cannot be read: {error}.",
            "Without it a replay would differ from the run.",
        ) from error


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _real(value: float | None, missing: float) -> float:
    return missing if value is None else value
