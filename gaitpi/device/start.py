"""What a run may start from: what was measured and kept, and what was learned while waiting.

The choice is written into the header of the run (column ``calibration``), so a replay starts the
same estimator.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import Struct

from gaitpi.calibrationfile import BowRecord, RestRecord, SixRecord, StandRecord, Vector
from gaitpi.device.biasline import BiasLine
from gaitpi.device.correction import Correction
from gaitpi.errors import RunFileError
from gaitpi.gait import GaitParams, Start
from gaitpi.imu.batch import Floats
from gaitpi.units import DEG_PER_RAD, RAD_PER_DEG

BIAS_KEPT_SD: Final = 1.0 * RAD_PER_DEG
"""What a kept gyro bias is worth at most, however old: it goes with the temperature, some 0.1
deg/s a kelvin (MPU-6050 data sheet: ±20 deg/s over 125 K), rad/s."""
BIAS_PER_K: Final = 0.1 * RAD_PER_DEG
"""That, where both temperatures are known, rad/s per kelvin."""
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
    front: Vector | None = None


class _CorrectionRow(Struct, frozen=True, kw_only=True):
    """:class:`gaitpi.device.correction.Correction` in the file; ``offset`` m/s²."""

    matrix: tuple[Vector, Vector, Vector]
    offset_ms2: Vector


class _Row(Struct, frozen=True, kw_only=True):
    """The column ``calibration``: what the estimator started from, and what is behind it."""

    start: _StartRow
    stand: dict[str, Any] | None = None
    correction: _CorrectionRow | None = None
    six: dict[str, Any] | None = None
    bow: dict[str, Any] | None = None
    bias_from: str = ""
    temperature_c: float | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to start from, with the measurements it comes from (None = learned only).

    ``correction`` of the accelerometer, by ``six``; ``bias_from`` "stand", "rest", "six", "line"
    (over the temperature) or "" where the gyro bias is not of a kept measurement;
    ``temperature_c`` of the sensor then.
    """

    start: Start
    record: StandRecord | None = None
    correction: Correction | None = None
    six: SixRecord | None = None
    bow: BowRecord | None = None
    bias_from: str = ""
    temperature_c: float = math.nan


def from_record(
    record: StandRecord, *, boot_id: str, wall_s: float, correction: Correction | None = None
) -> Start:
    """A kept stand as an estimator may use it now, with what age and wearing do to it.

    Its upright as ``correction`` makes it: a stand keeps what was read.
    """
    same = bool(boot_id) and record.boot_id == boot_id
    bias, bias_sd = kept_bias(record, wall_s=wall_s)
    return Start(
        gyro_bias=bias,
        gyro_bias_sd=bias_sd,
        up=_upright(record, correction),
        up_sd=record.up_sd if same else math.hypot(record.up_sd, REWORN_SD),
        fixed=same and record.up is not None,
    )


def _upright(record: StandRecord, correction: Correction | None) -> Vector | None:
    if record.up is None or correction is None:
        return record.up
    x, y, z = (u * record.gravity for u in record.up)
    force = correction.one((x, y, z))
    length = math.hypot(*force)
    return force[0] / length, force[1] / length, force[2] / length


def kept_bias(
    record: StandRecord | RestRecord | SixRecord,
    *,
    wall_s: float,
    temperature_c: float = math.nan,
) -> tuple[Vector, float]:
    """A kept gyro bias (rad/s) and what it is worth now, with its age and the temperature."""
    wander = 0.1 * RAD_PER_DEG * math.sqrt(record.age_s(wall_s) / GaitParams().bias_forget_s)
    warmed = 0.0
    if record.temperature_c is not None and math.isfinite(temperature_c):
        warmed = BIAS_PER_K * abs(temperature_c - record.temperature_c)
    sd = math.hypot(record.gyro_bias_sd, wander, warmed)
    # also where the age is not known (NaN)
    return record.gyro_bias, sd if sd < BIAS_KEPT_SD else BIAS_KEPT_SD


def best_bias(
    records: list[StandRecord | RestRecord | SixRecord],
    line: BiasLine | None,
    *,
    wall_s: float,
    temperature_c: float,
) -> tuple[Vector, float, str] | None:
    """The kept bias (rad/s), its uncertainty and where it is from; None where there is none.

    The newest measurement, or the line over the temperature where that is worth more.
    """
    if not records:
        return None
    newest = records[-1]
    bias, sd = kept_bias(newest, wall_s=wall_s, temperature_c=temperature_c)
    on_line = line.at(temperature_c) if line is not None else None
    if on_line is not None and on_line[1] < sd:
        return *on_line, "line"
    return bias, sd, str(newest.__struct_config__.tag)


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
    empty = start.gyro_bias is None and start.up is None and start.front is None
    if empty and known.correction is None:
        return None
    row = _StartRow(
        gyro_bias_rad_s=start.gyro_bias,
        gyro_bias_sd_rad_s=_number(start.gyro_bias_sd),
        up=start.up,
        up_sd_rad=_number(start.up_sd),
        stand_s=_number(start.stand_s),
        fixed=start.fixed,
        front=start.front,
    )
    correction = known.correction
    return msgspec.json.encode(
        _Row(
            start=row,
            stand=_plain(known.record),
            correction=None
            if correction is None
            else _CorrectionRow(matrix=correction.matrix, offset_ms2=correction.offset),
            six=_plain(known.six),
            bow=_plain(known.bow),
            bias_from=known.bias_from,
            temperature_c=_number(known.temperature_c),
        )
    ).decode()


def _plain(record: Struct | None) -> dict[str, Any] | None:
    return None if record is None else msgspec.to_builtins(record)


def decode(text: str | None) -> Start | None:
    """What a run started from; None = nothing. Raises RunFileError when it makes no sense."""
    if text is None:
        return None
    try:
        row = _row(text).start
        return Start(
            gyro_bias=row.gyro_bias_rad_s,
            gyro_bias_sd=_real(row.gyro_bias_sd_rad_s, math.nan),
            up=row.up,
            up_sd=_real(row.up_sd_rad, math.nan),
            stand_s=_real(row.stand_s, math.inf),
            fixed=row.fixed,
            front=row.front,
        )
    except ValueError as error:
        raise _unreadable(error) from error


def decode_correction(text: str | None) -> Correction | None:
    """What corrected the accelerations of a run; None = nothing. Raises as :func:`decode`."""
    row = None if text is None else _row(text).correction
    return None if row is None else Correction(row.matrix, row.offset_ms2)


def _row(text: str) -> _Row:
    try:
        return msgspec.json.decode(text, type=_Row)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> RunFileError:
    return RunFileError(
        f"what this run started from (its calibration) cannot be read: {error}.",
        "Without it a replay would differ from the run.",
    )


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _real(value: float | None, missing: float) -> float:
    return missing if value is None else value
