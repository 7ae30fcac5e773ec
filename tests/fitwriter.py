"""Writes FIT files for tests: the few messages of an activity, after the public protocol.

A file is a header of 14 bytes, messages, and a checksum. A definition (0x40 | local number) says
which fields a local message has; a data message then holds their values, little-endian.
"""

import struct
from collections.abc import Iterable, Sequence

EPOCH_S = 631_065_600
"""FIT counts seconds from here, since 1970."""

FILE_ID, SESSION, LAP, RECORD = 0, 18, 19, 20

_FORMATS = {0x00: "B", 0x01: "b", 0x02: "B", 0x84: "H", 0x86: "I", 0x85: "i", 0x88: "f"}
"""Base types: enum, sint8, uint8, uint16, uint32, sint32, float32."""

Field = tuple[int, int]
"""Number and base type."""

FIELDS: dict[int, tuple[Field, ...]] = {
    FILE_ID: ((0, 0x00), (1, 0x84), (2, 0x84), (4, 0x86)),
    SESSION: ((253, 0x86), (2, 0x86), (7, 0x86), (5, 0x00)),
    LAP: ((253, 0x86), (2, 0x86), (7, 0x86)),
    RECORD: ((253, 0x86), (3, 0x02), (5, 0x86), (6, 0x84), (4, 0x02), (53, 0x02)),
}
"""Fields of each message: file_id type, maker, product, created; session timestamp, start,
elapsed (ms), sport; record timestamp, heart rate, distance (cm), speed (mm/s), strides, 1/128."""


def crc16(data: bytes) -> int:
    """The checksum of FIT: CRC-16 with the polynomial 0xA001."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def definition(local: int, message: int, fields: Sequence[Field]) -> bytes:
    """The definition of local message ``local``."""
    head = struct.pack("<BBBHB", 0x40 | local, 0, 0, message, len(fields))
    sizes = ((number, struct.calcsize(_FORMATS[kind]), kind) for number, kind in fields)
    return head + b"".join(struct.pack("BBB", *one) for one in sizes)


def data(local: int, message: int, values: Sequence[int]) -> bytes:
    """One data message."""
    kinds = "".join(_FORMATS[kind] for _, kind in FIELDS[message])
    return struct.pack(f"<B{kinds}", local, *values)


def whole(messages: bytes) -> bytes:
    """Header, messages and both checksums."""
    head = struct.pack("<BBHI4s", 14, 0x20, 2132, len(messages), b".FIT")
    head += struct.pack("<H", crc16(head))
    return head + messages + struct.pack("<H", crc16(head + messages))


def activity(
    start_s: float,
    rows: Iterable[Sequence[int]],
    *,
    kind: int = 4,
    elapsed_s: float = 0.0,
) -> bytes:
    """A file whose records are (seconds after ``start_s``, bpm, cm, mm/s, strides, 1/128)."""
    begin = int(start_s) - EPOCH_S
    out = definition(0, FILE_ID, FIELDS[FILE_ID])
    out += data(0, FILE_ID, (kind, 255, 0, begin)) + definition(1, RECORD, FIELDS[RECORD])
    last = begin
    for row in rows:
        last = begin + row[0]
        out += data(1, RECORD, (last, *row[1:]))
    elapsed = min(2**32 - 1, round(1000 * (elapsed_s or last - begin)))
    out += definition(2, LAP, FIELDS[LAP]) + data(2, LAP, (last, begin, elapsed))
    out += definition(3, SESSION, FIELDS[SESSION]) + data(3, SESSION, (last, begin, elapsed, 1))
    return whole(out)
