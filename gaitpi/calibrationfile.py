"""What was measured of the sensor and of the standing runner, kept beside the runs.

One line of JSON for each measurement, like the accepted targets: the file is replaced at one
stroke and synced, every line has a checksum. A line that is damaged, or of a kind that only a
newer gaitpi knows, is not used and stays where it is.

Every measurement names its sensor by chip, address and serial number. None of the chips gaitpi
knows tells a serial number over I2C, so two of the same kind look alike: what the next stand
measures of gravity tells them apart (``device.correction.misfit``).
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from gaitpi import jsonlines
from gaitpi.errors import GaitpiError
from gaitpi.targetfile import CLOCK_SET_S

NAME: Final = "calibration.jsonl"
NAME_VIRTUAL: Final = "calibration-virtual.jsonl"
AGE_MAX_S: Final = 90 * 86_400.0
"""A stand, a rest or a bow older than this is not used, s."""
AGE_MAX_SIX_S: Final = 365 * 86_400.0
"""The same for six positions, s: offset and scale of such parts age by some mg and tenths of a
percent over months, and soldering, heat and a fall change them at once."""

Vector = tuple[float, float, float]


class CalibrationError(GaitpiError, OSError):
    """The calibration cannot be measured, read or written."""

    def __init__(self, found: str, todo: str = "") -> None:
        GaitpiError.__init__(self, found, todo)


class Measured(Struct, frozen=True, kw_only=True):
    """What all measurements have.

    ``wall_s`` seconds since 1970 by the clock then; ``boot_id`` the boot it was measured in;
    ``chip``, ``address`` and ``serial`` ("" = it has none) of the sensor; ``why`` what the grade
    rests on, in words; ``temperature_c`` of the sensor, None = not known.
    """

    wall_s: float
    boot_id: str
    chip: str
    address: int
    why: str
    serial: str = ""
    temperature_c: float | None = None

    @property
    def dated(self) -> bool:
        """False when the clock had never been set."""
        return self.wall_s >= CLOCK_SET_S

    @property
    def age_max_s(self) -> float:
        """When it is older it is not used, s."""
        return AGE_MAX_S

    def age_s(self, wall_s: float) -> float:
        """Age at ``wall_s``, s; NaN when one of the clocks had never been set or runs behind."""
        age = wall_s - self.wall_s
        return age if self.dated and age >= 0.0 else math.nan


class StandRecord(Measured, frozen=True, kw_only=True, tag_field="kind", tag="stand"):
    """A stand: see ``device.stand.Stand`` for the values (SI).

    ``grade`` "good" or "fair"; older files have "lying" too (then ``up`` is None: nobody
    stood), which is a :class:`RestRecord` now. Gravity and ``up`` are as read, not corrected.
    """

    grade: Literal["good", "fair", "lying"]
    gyro_bias: Vector
    gyro_bias_sd: float
    up: Vector | None
    up_sd: float
    gravity: float
    acc_noise: float
    gyro_noise: float
    seconds: float

    @property
    def numbers(self) -> list[float]:
        """What has to be finite."""
        return [*self.gyro_bias, *(self.up or ()), self.gyro_bias_sd, self.up_sd, self.gravity]

    @property
    def sound(self) -> bool:
        """Whether an estimator can start from it."""
        length = math.hypot(*self.up) if self.up is not None else 1.0
        return self.gyro_bias_sd > 0.0 and self.up_sd > 0.0 and abs(length - 1.0) < 1e-6


class RestRecord(Measured, frozen=True, kw_only=True, tag_field="kind", tag="rest"):
    """A sensor that lay still for ``seconds``: its gyro bias (rad/s) and its noise (SI)."""

    gyro_bias: Vector
    gyro_bias_sd: float
    gravity: float
    acc_noise: float
    gyro_noise: float
    seconds: float
    grade: Literal["good"] = "good"

    @property
    def numbers(self) -> list[float]:
        """What has to be finite."""
        return [*self.gyro_bias, self.gyro_bias_sd]

    @property
    def sound(self) -> bool:
        """Whether an estimator can start from it."""
        return self.gyro_bias_sd > 0.0


class SixRecord(Measured, frozen=True, kw_only=True, tag_field="kind", tag="six"):
    """Six positions: see ``device.sixpositions.Fit`` for the values (SI).

    ``cross`` how the cross-axis terms were found; ``residual`` None = nothing was left to judge
    by; ``local_g`` gravity of the place as assumed; ``read`` (n, 3) what each position read, so
    that it can be solved again; ``gyro_bias`` the mean rate over them.
    """

    grade: Literal["good", "fair"]
    matrix: tuple[Vector, Vector, Vector]
    offset: Vector
    cross: Literal["tilted", "squared", "none"]
    offset_sd: float
    scale_sd: float
    cross_sd: float
    residual: float | None
    local_g: float
    read: tuple[Vector, ...]
    gyro_bias: Vector
    gyro_bias_sd: float

    @property
    def age_max_s(self) -> float:
        """When it is older it is not used, s."""
        return AGE_MAX_SIX_S

    @property
    def numbers(self) -> list[float]:
        """What has to be finite."""
        return [*(v for row in self.matrix for v in row), *self.offset, *self.gyro_bias]

    @property
    def sound(self) -> bool:
        """Whether it can be a correction: near to none."""
        flat = [self.matrix[i][j] - float(i == j) for i in range(3) for j in range(3)]
        near = max(map(abs, flat)) < 0.2 and max(map(abs, self.offset)) < 3.0
        return near and self.gyro_bias_sd > 0.0


class BowRecord(Measured, frozen=True, kw_only=True, tag_field="kind", tag="bow"):
    """A bow: ``up`` and ``front`` (3,) unit vectors in the sensor; ``front_sd`` rad.

    It is of one wearing: once the belt has been taken off it sits otherwise round the waist.
    """

    grade: Literal["good"]
    up: Vector
    front: Vector
    front_sd: float
    depth_deg: float

    @property
    def numbers(self) -> list[float]:
        """What has to be finite."""
        return [*self.up, *self.front, self.front_sd]

    @property
    def sound(self) -> bool:
        """Whether these are directions."""
        return all(abs(math.hypot(*v) - 1.0) < 1e-6 for v in (self.up, self.front))


Record = StandRecord | RestRecord | SixRecord | BowRecord


@dataclass(frozen=True, slots=True)
class Calibrations:
    """All measurements, oldest first; ``unread`` lines are damaged or of a kind not known."""

    records: tuple[Record, ...] = ()
    unread: int = 0

    def last(self) -> StandRecord | None:
        """The newest stand, whichever sensor it is of; one in which somebody stood first."""
        stands = [r for r in self.records if isinstance(r, StandRecord)]
        stood = [r for r in stands if r.up is not None]
        return next(iter(reversed(stood or stands)), None)

    def six(self) -> SixRecord | None:
        """The newest six positions, whichever sensor they are of."""
        return next((r for r in reversed(self.records) if isinstance(r, SixRecord)), None)

    def bow(self) -> BowRecord | None:
        """The newest bow, whichever sensor it is of."""
        return next((r for r in reversed(self.records) if isinstance(r, BowRecord)), None)

    def biases(self) -> list[StandRecord | RestRecord | SixRecord]:
        """All that say what the gyroscope reads at rest, oldest first."""
        return [r for r in self.records if not isinstance(r, BowRecord)]


def path_in(runs_directory: Path, *, virtual: bool = False) -> Path:
    """The file that belongs to a folder of runs; no run uses that of the virtual sensor."""
    return runs_directory / (NAME_VIRTUAL if virtual else NAME)


_FILE: Final = jsonlines.Kind("the calibration in {path}", "a calibration", CalibrationError)


def load(path: Path) -> Calibrations:
    """Read the file; a missing one is empty. Raises CalibrationError when it cannot be."""
    found = [_record(line) for line in _FILE.read(path)]
    known = tuple(record for record in found if record is not None)
    return Calibrations(known, len(found) - len(known))


def add(path: Path, record: Record) -> None:
    """Add a measurement, synced. Raises CalibrationError; then the file is as before."""
    _FILE.replace(path, (*_FILE.read(path), jsonlines.pack(record)))


def _record(line: bytes) -> Record | None:
    """The measurement of a line; None when it is torn, damaged or of another kind."""
    record: Record | None = jsonlines.unpack(line, Record)
    if record is None or not all(map(math.isfinite, record.numbers)):
        return None
    return record if record.sound else None


def why_not(record: Measured, chip: str, address: int, wall_s: float, serial: str = "") -> str:
    """Why a measurement cannot be used by this sensor at this time, in words; "" when it can.

    An age that is not known is no reason: a clock without a battery starts at any time.
    """
    if (record.chip, record.address, record.serial) != (chip, address, serial):
        return (
            f"it was measured with {record.chip} at {record.address:#04x}, "
            f"this is {chip} at {address:#04x}"
        )
    age = record.age_s(wall_s)
    if age > record.age_max_s:
        return f"it is {age / 86_400:.0f} days old (at most {record.age_max_s / 86_400:.0f})"
    return ""
