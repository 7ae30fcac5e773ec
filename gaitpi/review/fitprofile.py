"""The part of the FIT profile that gaitpi writes: numbers of messages and fields, as data.

Names, numbers, types and scales are those of the public FIT protocol. Values are handed over in
the unit of the field (``unit``); ``scale`` makes the whole number that is stored of them.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

EPOCH_S: Final = 631_065_600
"""FIT counts seconds from 31 December 1989 UTC; this is that moment, since 1970."""


class Kind(NamedTuple):
    """A base type: its number in a file, ``struct`` code ("" for bytes), and "not known"."""

    number: int
    code: str
    invalid: int


ENUM: Final = Kind(0x00, "B", 0xFF)
UINT8: Final = Kind(0x02, "B", 0xFF)
UINT16: Final = Kind(0x84, "H", 0xFFFF)
UINT32: Final = Kind(0x86, "I", 0xFFFF_FFFF)
FLOAT32: Final = Kind(0x88, "f", 0xFFFF_FFFF)
STRING: Final = Kind(0x07, "", 0)
BYTE: Final = Kind(0x0D, "", 0xFF)

SIZES: Final = {"B": 1, "H": 2, "I": 4, "f": 4}


@dataclass(frozen=True, slots=True)
class Field:
    """A field: ``size`` in bytes for strings and byte arrays; ``developer`` index if it is ours."""

    name: str
    number: int
    kind: Kind
    scale: int = 1
    unit: str = ""
    size: int = 0
    developer: bool = False

    @property
    def bytes(self) -> int:
        """How many bytes it takes."""
        return SIZES.get(self.kind.code, self.size)


@dataclass(frozen=True, slots=True)
class Message:
    """A message: its number, and the fields that may be written of it, our own last."""

    name: str
    number: int
    fields: tuple[Field, ...]


_TIME: Final = Field("timestamp", 253, UINT32, unit="s")
_INDEX: Final = Field("message_index", 254, UINT16)

FILE_ID: Final = Message(
    "file_id",
    0,
    (
        Field("type", 0, ENUM),
        Field("manufacturer", 1, UINT16),
        Field("product", 2, UINT16),
        Field("time_created", 4, UINT32),
        Field("product_name", 8, STRING, size=24),
    ),
)
FILE_CREATOR: Final = Message("file_creator", 49, (Field("software_version", 0, UINT16),))
DEVELOPER_DATA_ID: Final = Message(
    "developer_data_id",
    207,
    (
        Field("application_id", 1, BYTE, size=16),
        Field("developer_data_index", 3, UINT8),
        Field("application_version", 4, UINT32),
    ),
)
FIELD_DESCRIPTION: Final = Message(
    "field_description",
    206,
    (
        Field("developer_data_index", 0, UINT8),
        Field("field_definition_number", 1, UINT8),
        Field("fit_base_type_id", 2, UINT8),
        Field("field_name", 3, STRING, size=24),
        Field("units", 8, STRING, size=8),
        Field("native_mesg_num", 14, UINT16),
    ),
)
DEVICE_INFO: Final = Message(
    "device_info",
    23,
    (
        _TIME,
        Field("device_index", 0, UINT8),
        Field("manufacturer", 2, UINT16),
        Field("product", 4, UINT16),
        Field("software_version", 5, UINT16, 100),
        Field("source_type", 25, ENUM),
        Field("product_name", 27, STRING, size=24),
    ),
)

CUE: Final = Field("cue", 0, STRING, size=16, developer=True)
REASON: Final = Field("reason", 1, STRING, size=80, developer=True)
BELT_LEAN: Final = Field("belt_lean", 2, FLOAT32, unit="deg", developer=True)
SIDE_LEAN: Final = Field("side_lean", 3, FLOAT32, unit="deg", developer=True)
LEAN_SD: Final = Field("lean_sd", 4, FLOAT32, unit="deg", developer=True)
PHASE: Final = Field("phase", 5, STRING, size=16, developer=True)

EVENT: Final = Message(
    "event",
    21,
    (
        _TIME,
        Field("event", 0, ENUM),
        Field("event_type", 1, ENUM),
        Field("data", 3, UINT32),
        Field("event_group", 4, UINT8),
        CUE,
        REASON,
    ),
)
RECORD: Final = Message(
    "record",
    20,
    (
        _TIME,
        Field("heart_rate", 3, UINT8, unit="bpm"),
        Field("cadence", 4, UINT8, unit="rpm"),
        Field("distance", 5, UINT32, 100, "m"),
        Field("vertical_oscillation", 39, UINT16, 10, "mm"),
        Field("stance_time_percent", 40, UINT16, 100, "percent"),
        Field("stance_time", 41, UINT16, 10, "ms"),
        Field("activity_type", 42, ENUM),
        Field("fractional_cadence", 53, UINT8, 128, "rpm"),
        Field("enhanced_speed", 73, UINT32, 1000, "m/s"),
        Field("vertical_ratio", 83, UINT16, 100, "percent"),
        Field("stance_time_balance", 84, UINT16, 100, "percent"),
        Field("step_length", 85, UINT16, 10, "mm"),
        BELT_LEAN,
        SIDE_LEAN,
        LEAN_SD,
    ),
)
HRV: Final = Message("hrv", 78, (Field("time", 0, UINT16, 1000, "s"),))
"""An RR interval."""


def _summary(**numbers: int) -> tuple[Field, ...]:
    """The fields that lap and session share, whose numbers differ."""
    kinds: dict[str, tuple[Kind, int, str]] = {
        "avg_heart_rate": (UINT8, 1, "bpm"),
        "max_heart_rate": (UINT8, 1, "bpm"),
        "avg_cadence": (UINT8, 1, "rpm"),
        "max_cadence": (UINT8, 1, "rpm"),
        "avg_fractional_cadence": (UINT8, 128, "rpm"),
        "max_fractional_cadence": (UINT8, 128, "rpm"),
        "total_fractional_cycles": (UINT8, 128, "cycles"),
        "avg_vertical_oscillation": (UINT16, 10, "mm"),
        "avg_stance_time_percent": (UINT16, 100, "percent"),
        "avg_stance_time": (UINT16, 10, "ms"),
        "avg_vertical_ratio": (UINT16, 100, "percent"),
        "avg_stance_time_balance": (UINT16, 100, "percent"),
        "avg_step_length": (UINT16, 10, "mm"),
        "enhanced_avg_speed": (UINT32, 1000, "m/s"),
    }
    return (
        _INDEX,
        _TIME,
        Field("event", 0, ENUM),
        Field("event_type", 1, ENUM),
        Field("start_time", 2, UINT32),
        Field("total_elapsed_time", 7, UINT32, 1000, "s"),
        Field("total_timer_time", 8, UINT32, 1000, "s"),
        Field("total_distance", 9, UINT32, 100, "m"),
        Field("total_cycles", 10, UINT32, unit="cycles"),
        *(
            Field(name, numbers[name], kind, scale, unit)
            for name, (kind, scale, unit) in kinds.items()
        ),
    )


LAP: Final = Message(
    "lap",
    19,
    (
        *_summary(
            avg_heart_rate=15,
            max_heart_rate=16,
            avg_cadence=17,
            max_cadence=18,
            avg_fractional_cadence=80,
            max_fractional_cadence=81,
            total_fractional_cycles=82,
            avg_vertical_oscillation=77,
            avg_stance_time_percent=78,
            avg_stance_time=79,
            avg_vertical_ratio=118,
            avg_stance_time_balance=119,
            avg_step_length=120,
            enhanced_avg_speed=110,
        ),
        Field("intensity", 23, ENUM),
        Field("lap_trigger", 24, ENUM),
        Field("sport", 25, ENUM),
        Field("sub_sport", 39, ENUM),
        PHASE,
    ),
)
SESSION: Final = Message(
    "session",
    18,
    (
        *_summary(
            avg_heart_rate=16,
            max_heart_rate=17,
            avg_cadence=18,
            max_cadence=19,
            avg_fractional_cadence=92,
            max_fractional_cadence=93,
            total_fractional_cycles=94,
            avg_vertical_oscillation=89,
            avg_stance_time_percent=90,
            avg_stance_time=91,
            avg_vertical_ratio=132,
            avg_stance_time_balance=133,
            avg_step_length=134,
            enhanced_avg_speed=124,
        ),
        Field("sport", 5, ENUM),
        Field("sub_sport", 6, ENUM),
        Field("first_lap_index", 25, UINT16),
        Field("num_laps", 26, UINT16),
        Field("trigger", 28, ENUM),
    ),
)
ACTIVITY: Final = Message(
    "activity",
    34,
    (
        _TIME,
        Field("total_timer_time", 0, UINT32, 1000, "s"),
        Field("num_sessions", 1, UINT16),
        Field("type", 2, ENUM),
        Field("event", 3, ENUM),
        Field("event_type", 4, ENUM),
        Field("local_timestamp", 5, UINT32),
    ),
)

# Values of enumerations.

FILE_ACTIVITY: Final = 4
DEVELOPMENT: Final = 255
"""The manufacturer of what has none."""
LOCAL_SOURCE: Final = 5
TIMER, LAP_EVENT, SESSION_EVENT, CADENCE_LOW, ACTIVITY_EVENT, MARKER = 0, 9, 8, 18, 26, 32
START, STOP, MARKED, STOP_ALL = 0, 1, 3, 4
RUNNING_SPORT: Final = 1
GENERIC_SUB, VIRTUAL_SUB = 0, 58
ACTIVITY_TYPES: Final = {1: 8, 2: 6, 3: 1}
"""gaitpi's activity -> FIT's: still is sedentary, walking, running; the rest is not known."""
INTENSITY_ACTIVE, INTENSITY_WARMUP = 0, 2
TRIGGER_MANUAL, TRIGGER_TIME, TRIGGER_END = 0, 1, 7
