"""The messages of a FIT file as three decoders that know nothing of each other read them.

Each gives (message, {field: number, text or bytes}) in the order of the file; what is not known is
left out. Numbers are in the unit of the field, times as FIT counts them.
"""

import io
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import fitdecode
import fitparse
from fit_tool.base_type import BaseType
from fit_tool.fit_file import FitFile

from gaitpi.review.fitprofile import EPOCH_S

Message = tuple[str, dict[str, Any]]

_SAME = {
    f"{kind}_{name}": f"{kind}_{other}"
    for kind in ("avg", "max", "total")
    for name, other in (("running_cadence", "cadence"), ("strides", "cycles"))
}
"""What the profile calls a field when the sport is running -> what it is called in general."""
_SAME |= {"timer_trigger": "data", "cad_low_alert": "data"}


def _clean(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return int(value.replace(tzinfo=UTC).timestamp()) - EPOCH_S
    if isinstance(value, tuple | list):
        value = bytes(value)
    if isinstance(value, bytes) and name != "application_id":
        value = value.rstrip(b"\0").decode()
    return value.rstrip("\0") if isinstance(value, str) else value


def _known(value: Any) -> bool:
    return (
        value is not None and value != "" and not (isinstance(value, float) and math.isnan(value))
    )


def _fields(pairs: Any) -> dict[str, Any]:
    found = {_SAME.get(name, name): _clean(name, value) for name, value in pairs}
    return {name: value for name, value in found.items() if _known(value)}


def _numbered(field: Any) -> tuple[str, Any]:
    """A field with its value; one of an enumeration by number, not by name."""
    named = isinstance(field.value, str) and not isinstance(field.raw_value, str)
    return field.name, field.raw_value if named else field.value


def by_fitdecode(data: bytes) -> list[Message]:
    with fitdecode.FitReader(
        io.BytesIO(data),
        processor=None,
        check_crc=fitdecode.CrcCheck.RAISE,
        error_handling=fitdecode.ErrorHandling.RAISE,
    ) as reader:
        return [
            (
                frame.name,
                _fields(map(_numbered, frame.fields)),
            )
            for frame in reader
            if frame.frame_type == fitdecode.FIT_FRAME_DATA
        ]


def by_fitparse(data: bytes) -> list[Message]:
    class Plain(fitparse.FitFileDataProcessor):  # type: ignore[misc]
        def process_type_date_time(self, field_data: Any) -> None:
            """Leave times as they are."""

        def process_type_local_date_time(self, field_data: Any) -> None:
            """Leave times as they are."""

        def process_type_bool(self, field_data: Any) -> None:
            """Leave truth as it is."""

    file = fitparse.FitFile(io.BytesIO(data), check_crc=True, data_processor=Plain())
    file.parse()
    return [
        (
            message.name,
            _fields(map(_numbered, message.fields)),
        )
        for message in file.messages
    ]


def by_fit_tool(data: bytes) -> list[Message]:
    return [
        (record.message.name, _fields(_of_fit_tool(record.message)))
        for record in FitFile.from_bytes(data).records
        if not record.is_definition
    ]


def _of_fit_tool(message: Any) -> Iterator[tuple[str, Any]]:
    for field in [*message.fields, *message.developer_fields]:
        raw = field.encoded_values
        # it hands on what stands for "not known"
        if not raw or raw[0] == field.base_type.invalid_raw_value():
            continue
        if field.base_type is BaseType.BYTE:
            yield field.name, bytes(raw)
        else:
            value = field.get_value()
            if field.type_name == "date_time":  # in ms since 1970
                value = round(value / 1000) - EPOCH_S
            yield field.name, value


READERS: dict[str, Callable[[bytes], list[Message]]] = {
    "fitdecode": by_fitdecode,
    "fitparse": by_fitparse,
    "fit_tool": by_fit_tool,
}
