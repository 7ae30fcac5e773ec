"""The rows of a run file, named once for the writer and the reader.

Fields are the columns of the table in ``schema.sql`` (without ``id``), in order. Times are
seconds of run time, other units are in the name; what is not known is NaN (NULL in the file).
Only the standard library is imported, so that listing runs needs no numpy.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, Protocol

from gaitpi.plaintext import plain

RUNNING: Final = 3
"""``activity`` of running (0 unknown, 1 still, 2 walking)."""


class Named(Protocol):
    """Anything whose values are had by name: a mapping or a row of a structured array."""

    def __getitem__(self, name: str, /) -> Any:
        """Give the value called ``name``."""


class StepRow(NamedTuple):
    """One step, as the estimator gave it."""

    ic_s: float
    to_s: float
    contact_s: float
    flight_s: float
    step_s: float
    cadence_spm: float
    bounce_m: float
    impact_ms2: float
    side: int
    known_s: float
    activity: int
    lean_deg: float
    side_lean_deg: float


class SecondRow(NamedTuple):
    """One second of run time.

    ``lean_from`` as in the estimator's trace (0 unknown); ``grade`` rise over run and its standard
    uncertainty, infinite where the slope of a run was unknown; ``yaw_dps`` mean turning rate to the
    left; ``belt`` 0 unknown, 1 steady, 2 loose, 3 moved, ``belt_value``
    the evidence: deg where it has moved, else its ringing; ``target_spm`` the cadence the coach
    wanted at the end of the second, NaN without a target.
    """

    time_s: float
    activity: int
    cadence_spm: float
    lean_deg: float
    side_lean_deg: float
    samples: int
    clipped: int
    gap_s: float
    lean_from: int
    cadence_sd_spm: float
    lean_sd_deg: float
    grade: float
    grade_sd: float
    yaw_dps: float
    belt_value: float
    belt: int
    target_spm: float


class CueRow(NamedTuple):
    """A cue with its reason; ``low``/``high`` are ±inf where the band is open.

    ``played_s`` run time at which its sound began and ``lasted_s`` how long it was heard, NaN when
    it was not; ``first_s`` and ``from_s`` as in the coach's ``Cue``.
    """

    time_s: float
    cue: str
    metric: str
    value: float
    low: float
    high: float
    rule: str
    reason: str
    beat_s: float
    played_s: float
    first_s: float
    from_s: float
    lasted_s: float


class WithheldRow(NamedTuple):
    """A cue that a quiet rule held back."""

    time_s: float
    cue: str
    metric: str
    value: float
    low: float
    high: float
    rule: str
    reason: str


class EventRow(NamedTuple):
    """Something that happened; ``detail`` is the text of a JSON object."""

    time_s: float
    kind: str
    text: str
    detail: str


class HeartRow(NamedTuple):
    """A strap's measurement. ``time_s`` when it came in, ``known_s`` from when on it counts.

    It counts from the coach's first moment after ``known_s`` on. ``contact`` 1 or 0, NaN where the
    strap cannot tell; ``energy_j`` since its reset; ``rr_s`` the text of a JSON array of s.
    """

    time_s: float
    known_s: float
    bpm: int
    contact: float
    energy_j: float
    rr_s: str

    @property
    def intervals_s(self) -> tuple[float, ...]:
        """Its RR intervals, oldest first, s."""
        return tuple(json.loads(self.rr_s))


class PodRow(NamedTuple):
    """A foot pod's measurement; ``time_s`` and ``known_s`` as of :class:`HeartRow`.

    ``cadence_rpm`` as sent: steps of both feet a minute, of some pods those of one;
    ``stride_m`` as sent, ``distance_m`` the pod's own total; ``running`` 0 = walking.
    """

    time_s: float
    known_s: float
    speed_ms: float
    cadence_rpm: int
    stride_m: float
    distance_m: float
    running: int


class Anchor(NamedTuple):
    """What the wall clock said at a monotonic time; ``wall_s`` seconds since 1970, UTC."""

    mono_s: float
    wall_s: float
    utc_offset_s: float


class Totals(NamedTuple):
    """The few numbers of a list entry; ``cadence_spm`` is the mean of running."""

    duration_s: float
    running_s: float
    steps: int
    running_steps: int
    cadence_spm: float


class StepMeans(NamedTuple):
    """Running steps of the ``number``-th stretch of run time, from 0: how many, and their means."""

    number: int
    steps: int
    contact_s: float
    bounce_m: float


TABLES: Final[Mapping[type[NamedTuple], str]] = {
    StepRow: "step",
    SecondRow: "second",
    CueRow: "cue",
    WithheldRow: "withheld",
    EventRow: "event",
    HeartRow: "heart",
    PodRow: "pod",
    Anchor: "anchor",
}

TIMES: Final = {"step": "known_s", "second": "time_s", "cue": "time_s", "withheld": "time_s"}
"""Tables that are derived from the samples, and by what time each is in order."""

Value = float | int | str | None

_OPTIONAL: Final = {
    "lean_from": 0,
    "belt": 0,
    **dict.fromkeys(
        (
            *("cadence_sd_spm", "lean_sd_deg", "grade", "grade_sd", "yaw_dps", "belt_value"),
            "target_spm",
        ),
        math.nan,
    ),
}
_TIMES: Final = frozenset({"time_s", "known_s", "duration_s"})
"""Columns that always hold a run time."""
LATEST_S: Final = 1e8
"""No run is longer: three years."""
_LONGEST: Final = 2000
"""Signs of a text that are shown."""
_INTERVALS: Final = 300
_INTERVAL_MAX_S: Final = 64.0
"""Most RR intervals of a measurement, and the longest: 65,535 of 1/1024 s."""
_KINDS: Final[Mapping[type, tuple[type, ...]]] = {
    float: (float, type(None)),
    int: (int,),
    str: (str,),
}


_TYPES: Final = {kind: frozenset(kinds) for kind, kinds in _KINDS.items()}


def real(value: float | None) -> float | None:
    """A number as it is stored: NaN becomes None (NULL), infinities stay."""
    number = math.nan if value is None else float(value)
    return None if math.isnan(number) else number


def _integer(value: Any) -> int:
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{number} does not fit into 64 bits")
    return number


def _text(value: Any) -> str:
    text = str(value)
    text.encode()  # a lone surrogate cannot be stored
    return text


_CONVERT: Final[Mapping[type, Callable[[Any], Value]]] = {float: real, int: _integer, str: _text}


def stored(row_type: type[NamedTuple], values: Iterable[Any]) -> tuple[Value, ...]:
    """``values`` (column order) as their columns take them, whatever number types they are.

    Raises ValueError or TypeError when one cannot be stored, so that a bad row is refused
    when it is given and not when it is written together with good ones.
    """
    kinds = row_type.__annotations__
    row = tuple(_CONVERT[kind](v) for kind, v in zip(kinds.values(), values, strict=True))
    for name, value in zip(kinds, row, strict=True):
        _need_time(name, value)
        _need_intervals(name, value)
    return row


def _need_time(name: str, value: Any) -> None:
    """Raise ValueError where a column of run times holds none."""
    if name in _TIMES and not (value is not None and abs(value) <= LATEST_S):
        raise ValueError(f"{name} is no time of a run")


def _need_intervals(name: str, value: Any) -> None:
    """Raise ValueError where a text of RR intervals is none."""
    if name != "rr_s":
        return
    try:
        found = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise ValueError("rr_s is no JSON") from error
    good = isinstance(found, list) and len(found) <= _INTERVALS
    if not good or not all(type(x) in (int, float) and 0 <= x <= _INTERVAL_MAX_S for x in found):
        raise ValueError("rr_s holds no intervals")


def named(row_type: type[NamedTuple], row: Named) -> list[Any]:
    """The values of ``row`` in column order.

    Raises KeyError or ValueError (a structured array's word for it) when a field is missing.
    """
    values = []
    for name in row_type._fields:
        try:
            values.append(row[name])
        except (KeyError, ValueError):
            if name not in _OPTIONAL:
                raise
            values.append(_OPTIONAL[name])
    return values


def all_loaded(row_type: type[NamedTuple], rows: list[tuple[Any, ...]]) -> list[Any]:
    """:func:`loaded` for many rows of numbers, column by column: four times as quick.

    Raises ValueError as that does.
    """
    kinds = row_type.__annotations__
    if not rows or str in kinds.values():
        return [loaded(row_type, row) for row in rows]
    columns: list[Iterable[Any]] = []
    for column, (name, kind) in zip(zip(*rows, strict=True), kinds.items(), strict=True):
        types = set(map(type, column))
        if not types <= _TYPES[kind]:
            return [loaded(row_type, row) for row in rows]  # finds the one that is wrong
        if name in _TIMES and (
            type(None) in types
            or not math.isfinite(sum(column))
            or max(column) > LATEST_S
            or min(column) < -LATEST_S
        ):
            return [loaded(row_type, row) for row in rows]
        if type(None) in types:
            columns.append([math.nan if value is None else value for value in column])
        else:
            columns.append(column)
    return list(map(row_type._make, zip(*columns, strict=True)))


def loaded(row_type: type[NamedTuple], values: tuple[Any, ...]) -> Any:
    """A row made of values read from a file.

    Raises ValueError when a value has a type its column cannot have: a damaged file.
    """
    converted = []
    for value, (name, kind) in zip(values, row_type.__annotations__.items(), strict=True):
        if not isinstance(value, _KINDS[kind]):
            raise ValueError(f"{name} holds a {type(value).__name__}")
        _need_time(name, value)
        _need_intervals(name, value)
        if kind is str and name not in ("detail", "rr_s"):  # those are JSON and never shown
            value = plain(str(value)[:_LONGEST])
        converted.append(math.nan if value is None else value)
    return row_type._make(converted)
