"""Heart Rate Measurement (0x2A37): what a strap sends once a second, and what the relay sends on.

Flags, heart rate (uint8 or uint16, bpm), energy expended (uint16, kJ), RR intervals (uint16 each,
1/1024 s) to the end: GATT Specification Supplement, "Heart Rate Measurement". Reserved flags and
bytes that no flag announces are ignored, as a later version may use them and some devices send
them. docs/ble.md has the dialects.
"""

from typing import Final

from gaitpi.ble.fields import Fields
from gaitpi.ble.readings import Heart

_UINT16: Final = 0x01
_CONTACT: Final = 0x02
_CONTACT_KNOWN: Final = 0x04
_ENERGY: Final = 0x08
_RR: Final = 0x10

RR_PER_S: Final = 1024
J_PER_KJ: Final = 1000.0
NOTIFICATION: Final = 20
"""Bytes that fit into a notification on every link (ATT_MTU 23)."""

LOCATIONS: Final = ("other", "chest", "wrist", "finger", "hand", "ear lobe", "foot")
"""Body Sensor Location (0x2A38)."""


def parse(data: bytes | bytearray, time_s: float) -> Heart:
    """The measurement in a notification that came at ``time_s``. Raises MeasurementError.

    ``bpm`` is as sent, 0 too; :attr:`Heart.known_bpm` says whether it is one. RR intervals of 0
    are left out: straps send them where they have none. An odd byte after the last is ignored.
    """
    fields = Fields(data, "A heart rate measurement")
    flags = fields.uint(1, "flags")
    bpm = fields.uint(2 if flags & _UINT16 else 1, "heart rate")
    energy = fields.uint(2, "energy") if flags & _ENERGY else None
    intervals = []
    while flags & _RR and fields.left >= 2:
        intervals.append(fields.uint(2, "RR interval"))
    return Heart(
        time_s=time_s,
        bpm=bpm,
        contact=bool(flags & _CONTACT) if flags & _CONTACT_KNOWN else None,
        energy_j=None if energy is None else energy * J_PER_KJ,
        rr_s=tuple(count / RR_PER_S for count in intervals if count),
    )


def encode(heart: Heart, room: int = NOTIFICATION) -> bytes:
    """The measurement as a strap sends it, of at most ``room`` bytes: the oldest RR go first."""
    flags, rest = 0, b""
    if heart.contact is not None:
        flags |= _CONTACT_KNOWN | (_CONTACT if heart.contact else 0)
    if heart.bpm > 0xFF:
        flags |= _UINT16
    rest += heart.bpm.to_bytes(2 if flags & _UINT16 else 1, "little")
    if heart.energy_j is not None:
        flags |= _ENERGY
        rest += _uint16(heart.energy_j / J_PER_KJ)
    fit = (room - 1 - len(rest)) // 2
    if heart.rr_s and fit > 0:
        flags |= _RR
        rest += b"".join(_uint16(rr_s * RR_PER_S) for rr_s in heart.rr_s[-fit:])
    return bytes((flags,)) + rest


def _uint16(value: float) -> bytes:
    return max(0, min(0xFFFF, round(value))).to_bytes(2, "little")


def location(data: bytes | bytearray) -> str:
    """Where a strap says it is worn (0x2A38). Raises MeasurementError."""
    number = Fields(data, "A body sensor location").uint(1, "number")
    return LOCATIONS[number] if number < len(LOCATIONS) else f"place {number}"
