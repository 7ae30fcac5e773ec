"""An activity recorded by a watch: a FIT file, read for heart rate and distance.

The file may come from anybody: its size and the number of its messages are bounded, its checksums
must fit, and whatever the decoder (fitdecode, the optional extra ``fit``) stumbles over is said to
be damage. Values that no runner has are left out. FIT counts strides; they become steps here.
"""

import hashlib
import io
import math
import stat
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from gaitpi.errors import InputFileError, UsageError

MAX_BYTES: Final = 32 * 1024 * 1024
"""Bytes of the largest file; an hour takes about 0.1 MB."""
MAX_MESSAGES: Final = 400_000
"""Most messages: one a second for more than four days."""
LONGEST_S: Final = 7 * 86_400.0
"""Longest activity, s."""

_EPOCH_S: Final = 631_065_600
"""FIT counts seconds from 31 December 1989, UTC."""
_EARLIEST_S: Final = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
_LATEST_S: Final = datetime(2100, 1, 1, tzinfo=UTC).timestamp()


class Record(NamedTuple):
    """One moment: ``time_s`` since 1970 (UTC); NaN what is not known. Steps of both feet."""

    time_s: float
    heart_rate_bpm: float
    distance_m: float
    speed_ms: float
    cadence_spm: float


class Span(NamedTuple):
    """A session or lap: begin and end, seconds since 1970."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Activity:
    """What a file holds, in the order of time; ``sha256`` of its bytes."""

    sha256: str
    records: tuple[Record, ...]
    sessions: tuple[Span, ...]
    laps: tuple[Span, ...]

    @property
    def start_s(self) -> float:
        """Time of the first record."""
        return self.records[0].time_s

    @property
    def end_s(self) -> float:
        """Time of the last record."""
        return self.records[-1].time_s


def read(path: Path, *, max_bytes: int = MAX_BYTES, max_messages: int = MAX_MESSAGES) -> Activity:
    """The activity in ``path``. Raises InputFileError in words; UsageError without fitdecode."""
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
        with path.open("rb") if regular else io.BytesIO() as file:
            data = file.read(max_bytes + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputFileError(f"{path} cannot be read: {reason}.", "Check the path.") from error
    if not regular:
        raise InputFileError(f"{path} is not a file.", "Check the path.")
    if len(data) > max_bytes:
        raise InputFileError(
            f"{path.name} is larger than {max_bytes // 1024**2} MiB.",
            "It does not look like one activity.",
        )
    if data[8:12] != b".FIT":
        raise InputFileError(
            f"{path.name} is not a FIT file.", "Export the activity as the original FIT file."
        )
    records: list[Record] = []
    sessions: list[Span | None] = []
    laps: list[Span | None] = []
    for name, values in _messages(path.name, data, max_messages):
        if name == "file_id" and values.get("type") not in ("activity", 4, None):
            kind = str(values["type"])[:20]
            raise InputFileError(
                f"{path.name} is a FIT file, but no activity ({kind}).", "Export the activity."
            )
        if name == "record":
            records.append(_record(values))
        elif name in ("session", "lap"):
            (sessions if name == "session" else laps).append(_span(values))
    timed = sorted((r for r in records if not math.isnan(r.time_s)), key=lambda r: r.time_s)
    if not timed:
        raise InputFileError(
            f"{path.name} holds no moments with a time.", "Export the activity again."
        )
    if timed[-1].time_s - timed[0].time_s > LONGEST_S:
        raise InputFileError(
            f"{path.name} goes from {_day(timed[0])} to {_day(timed[-1])}: that is no activity.",
            "The watch's clock may have been wrong.",
        )
    return Activity(
        hashlib.sha256(data).hexdigest(),
        tuple(timed),
        tuple(sorted(span for span in sessions if span is not None)),
        tuple(sorted(span for span in laps if span is not None)),
    )


def _day(record: Record) -> str:
    return f"{datetime.fromtimestamp(record.time_s, UTC):%d %b %Y}"


_WANTED: Final = frozenset({"file_id", "record", "session", "lap"})


def _messages(name: str, data: bytes, most: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, values by field) of the messages that are looked at."""
    try:
        import fitdecode
    except ImportError:
        raise UsageError(
            "reading FIT files needs the package fitdecode.",
            "Install it: pip install 'gaitpi[fit]'.",
        ) from None
    try:
        with warnings.catch_warnings(action="ignore"):
            reader = fitdecode.FitReader(
                io.BytesIO(data),
                processor=None,
                check_crc=fitdecode.CrcCheck.RAISE,
                error_handling=fitdecode.ErrorHandling.RAISE,
            )
            with reader:
                for number, frame in enumerate(reader):
                    if number >= most:
                        break
                    if frame.frame_type == fitdecode.FIT_FRAME_DATA and frame.name in _WANTED:
                        yield frame.name, {one.name: one.value for one in frame.fields}
                else:
                    return
    except InputFileError:
        raise
    except Exception as error:
        # the decoder meets hostile bytes with whatever exception lies nearest
        raise InputFileError(
            f"{name} is a damaged FIT file ({type(error).__name__}: {str(error)[:80]}).",
            "Export or copy it again.",
        ) from error
    raise InputFileError(
        f"{name} has more than {most:,} messages.", "It does not look like one activity."
    )


def _number(values: dict[str, Any], low: float, high: float, *names: str) -> float:
    """The first of the fields that holds a number from ``low`` to ``high``; NaN if none does."""
    for name in names:
        value = values.get(name)
        if isinstance(value, int | float) and low <= value <= high:
            return float(value)
    return math.nan


def _time(values: dict[str, Any], name: str) -> float:
    """A time as seconds since 1970; NaN for none, or one counted from a watch's start."""
    earliest, latest = _EARLIEST_S - _EPOCH_S, _LATEST_S - _EPOCH_S
    return _number(values, earliest, latest, name) + _EPOCH_S


def _record(values: dict[str, Any]) -> Record:
    strides = _number(values, 0.0, 150.0, "cadence")
    part = _number(values, 0.0, 1.0, "fractional_cadence")
    return Record(
        time_s=_time(values, "timestamp"),
        heart_rate_bpm=_number(values, 20.0, 250.0, "heart_rate"),
        distance_m=_number(values, 0.0, 1e6, "distance"),
        speed_ms=_number(values, 0.0, 50.0, "enhanced_speed", "speed"),
        cadence_spm=2.0 * (strides + (0.0 if math.isnan(part) else part)),
    )


def _span(values: dict[str, Any]) -> Span | None:
    """Begin and end; None where one is not known or they are the wrong way round."""
    start_s, end_s = _time(values, "start_time"), _time(values, "timestamp")
    elapsed_s = _number(values, 0.0, LONGEST_S, "total_elapsed_time")
    end_s = end_s if math.isnan(elapsed_s) else start_s + elapsed_s
    return Span(start_s, end_s) if start_s <= end_s else None
