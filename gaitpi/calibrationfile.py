"""What was measured of the sensor and of the standing runner, kept beside the runs.

One line of JSON for each measurement, like the accepted targets: the file is replaced at one
stroke and synced, every line has a checksum. A line that is damaged, or of a kind that only a
newer gaitpi knows, is not used and stays where it is.
"""

import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

from gaitpi.config import replace_file
from gaitpi.errors import ConfigError, GaitpiError
from gaitpi.targetfile import CLOCK_SET_S

NAME: Final = "calibration.jsonl"
NAME_VIRTUAL: Final = "calibration-virtual.jsonl"
SIZE_LIMIT: Final = 4 * 1024 * 1024
AGE_MAX_S: Final = 90 * 86_400.0
"""A measurement older than this is not used, s."""

Vector = tuple[float, float, float]


class CalibrationError(GaitpiError, OSError):
    """The calibration cannot be measured, read or written."""

    def __init__(self, found: str, todo: str = "") -> None:
        GaitpiError.__init__(self, found, todo)


class StandRecord(Struct, frozen=True, kw_only=True, tag_field="kind", tag="stand"):
    """A stand: see ``device.stand.Stand`` for the values (SI).

    ``wall_s`` seconds since 1970 by the clock then; ``boot_id`` the boot it was measured in;
    ``chip`` and ``address`` of the sensor; ``grade`` "good", "fair" or "lying" (then ``up`` is
    None: nobody stood); ``why`` in words.
    """

    wall_s: float
    boot_id: str
    chip: str
    address: int
    grade: Literal["good", "fair", "lying"]
    why: str
    gyro_bias: Vector
    gyro_bias_sd: float
    up: Vector | None
    up_sd: float
    gravity: float
    acc_noise: float
    gyro_noise: float
    seconds: float

    @property
    def dated(self) -> bool:
        """False when the clock had never been set."""
        return self.wall_s >= CLOCK_SET_S

    def age_s(self, wall_s: float) -> float:
        """Age at ``wall_s``, s; NaN when one of the clocks had never been set or runs behind."""
        age = wall_s - self.wall_s
        return age if self.dated and age >= 0.0 else math.nan


@dataclass(frozen=True, slots=True)
class Calibrations:
    """All stands, oldest first; ``unread`` lines are damaged or of a kind not known."""

    stands: tuple[StandRecord, ...] = ()
    unread: int = 0

    def last(self) -> StandRecord | None:
        """The newest stand, whichever sensor it is of."""
        return self.stands[-1] if self.stands else None


def path_in(runs_directory: Path, *, virtual: bool = False) -> Path:
    """The file that belongs to a folder of runs; no run uses that of the virtual sensor."""
    return runs_directory / (NAME_VIRTUAL if virtual else NAME)


def load(path: Path) -> Calibrations:
    """Read the file; a missing one is empty. Raises CalibrationError when it cannot be."""
    stands = [_record(line) for line in _lines(path)]
    known = tuple(stand for stand in stands if stand is not None)
    return Calibrations(known, len(stands) - len(known))


def add(path: Path, record: StandRecord) -> None:
    """Add a measurement, synced. Raises CalibrationError; then the file is as before."""
    text = msgspec.json.encode(record)
    line = b'["%08x",%s]' % (zlib.crc32(text), text)
    kept = b"".join(one + b"\n" for one in (*_lines(path), line))
    try:
        # a damaged line may hold any byte: those that are no text are marked, it stays damaged
        replace_file(path, kept.decode("utf-8", "backslashreplace"))
    except ConfigError as error:
        raise CalibrationError(error.found, error.todo) from error


def _lines(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            raw = file.read(SIZE_LIMIT + 1)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CalibrationError(
            f"the calibration in {path} cannot be read: {error.strerror}.",
            "Check the permissions, or run it as the user of the service.",
        ) from error
    if len(raw) > SIZE_LIMIT:
        raise CalibrationError(f"{path} is too large to be a calibration.", "Move it away.")
    return [line for line in raw.split(b"\n") if line]


def _record(line: bytes) -> StandRecord | None:
    """The stand of a line; None when it is torn, damaged or of another kind."""
    try:
        crc, text = msgspec.json.decode(line, type=tuple[str, msgspec.Raw])
        if crc != f"{zlib.crc32(text):08x}":
            return None
        record = msgspec.json.decode(text, type=StandRecord)
    except (msgspec.MsgspecError, ValueError):
        return None
    return record if _sound(record) else None


def _sound(record: StandRecord) -> bool:
    """Whether the numbers are such that an estimator can start from them."""
    numbers = [*record.gyro_bias, *(record.up or ()), record.gyro_bias_sd, record.up_sd]
    length = math.hypot(*record.up) if record.up is not None else 1.0
    return (
        all(map(math.isfinite, numbers))
        and record.gyro_bias_sd > 0.0
        and record.up_sd > 0.0
        and abs(length - 1.0) < 1e-6
    )


def why_not(record: StandRecord, chip: str, address: int, wall_s: float) -> str:
    """Why a stand cannot be used by this sensor at this time, in words; "" when it can.

    An age that is not known is no reason: a clock without a battery starts at any time.
    """
    if (record.chip, record.address) != (chip, address):
        return (
            f"it was measured with {record.chip} at {record.address:#04x}, "
            f"this is {chip} at {address:#04x}"
        )
    age = record.age_s(wall_s)
    if age > AGE_MAX_S:
        return f"it is {age / 86_400:.0f} days old (at most {AGE_MAX_S / 86_400:.0f})"
    return ""
