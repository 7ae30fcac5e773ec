"""Writes FIT files: definitions, data and both checksums, by the public FIT protocol.

Own code, because no library fits: the maker's has terms of its own, and the free one that is kept
takes many times as long, which counts on a Pi Zero 2 W (docs/files.md). The format is small: a
definition says which fields a local message has, then its data follow.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from typing import Final

from gaitpi.review.fitprofile import BYTE, FLOAT32, STRING, Field, Message

Value = float | int | str | bytes | None

_PROTOCOL: Final = 0x20
"""Version 2.0, the first with developer fields."""
_PROFILE: Final = 2140
_LOCAL: Final = 16
"""Kinds of message that can be told apart at a time."""
_LARGEST: Final = 3e38


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_CRC: Final = _table()


def crc16(data: bytes | bytearray, crc: int = 0) -> int:
    """The checksum of FIT: CRC-16/ARC, polynomial 0xA001, going on from ``crc``."""
    table = _CRC
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc


def raw(field: Field, value: Value) -> bytes | None:
    """``value`` (in the unit of the field) as it is stored; None where it is not known.

    NaN and what the field cannot hold are not known: nothing wraps round. Text is cut between two
    signs to fit, with its end.
    """
    kind = field.kind
    if kind is STRING:
        return _text(field.size, value) if isinstance(value, str) and value else None
    if kind is BYTE:
        return value if isinstance(value, bytes) and len(value) == field.size else None
    if not isinstance(value, float | int) or not math.isfinite(value):
        return None
    if kind is FLOAT32:
        return struct.pack("<f", value) if abs(value) <= _LARGEST else None
    number = round(value * field.scale)
    return struct.pack(f"<{kind.code}", number) if 0 <= number < kind.invalid else None


def _text(size: int, text: str) -> bytes:
    data = text.replace("\0", "").encode("utf-8", "replace")[: size - 1]
    return data.decode("utf-8", "ignore").encode().ljust(size, b"\0")


class FitWriter:
    """Collects the messages of one file; an hour takes about 0.1 MB."""

    def __init__(self) -> None:
        self._out = bytearray()
        self._fields: dict[int, dict[str, Field]] = {}
        self._local: dict[tuple[int, tuple[str, ...]], int] = {}

    def put(self, message: Message, values: Mapping[str, Value]) -> None:
        """Add a message with the fields whose values are known.

        What is not known takes no room, so that no reader can take the sign for it for a number.
        Raises KeyError for a name the message has not.
        """
        if message.number not in self._fields:
            self._fields[message.number] = {field.name: field for field in message.fields}
        fields = self._fields[message.number]
        if unknown := values.keys() - fields.keys():
            raise KeyError(*unknown)
        parts = [
            (field, data)
            for name, field in fields.items()
            if (data := raw(field, values.get(name))) is not None
        ]
        key = message.number, tuple(field.name for field, _ in parts)
        if key not in self._local:
            self._define(key, [field for field, _ in parts])
        self._out.append(self._local[key])
        for _, data in parts:
            self._out += data

    def _define(self, key: tuple[int, tuple[str, ...]], fields: Sequence[Field]) -> None:
        """Say what a local message is; of more than 16 the oldest is another from now on."""
        if len(self._local) < _LOCAL:
            local = len(self._local)
        else:
            local = self._local.pop(next(iter(self._local)))
        self._local[key] = local
        native = [field for field in fields if not field.developer]
        own = [field for field in fields if field.developer]
        head = 0x40 | (0x20 if own else 0) | local
        self._out += struct.pack("<BBBHB", head, 0, 0, key[0], len(native))
        for field in native:
            self._out += bytes((field.number, field.bytes, field.kind.number))
        if own:
            self._out.append(len(own))
            for field in own:
                self._out += bytes((field.number, field.bytes, 0))

    def whole(self) -> bytes:
        """The file: header, messages, and both checksums."""
        head = struct.pack("<BBHI4s", 14, _PROTOCOL, _PROFILE, len(self._out), b".FIT")
        head += struct.pack("<H", crc16(head))
        return head + bytes(self._out) + struct.pack("<H", crc16(self._out, crc16(head)))
