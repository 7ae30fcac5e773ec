"""RSC Measurement (0x2A53): what a foot pod sends about once a second, and what the belt sends.

Flags, speed (uint16, 1/256 m/s), cadence (uint8, 1/min), stride length (uint16, cm), total distance
(uint32, dm): GATT Specification Supplement, "RSC Measurement". Reserved flags and bytes that no
flag announces are ignored, as a later version may use them and some devices send them. What pods
count as cadence and stride differs: docs/ble.md has the dialects; here is nothing but what was
sent.
"""

from typing import Final

from msgspec import Struct

from gaitpi.ble.fields import Fields
from gaitpi.ble.readings import Pod

_STRIDE: Final = 0x01
_DISTANCE: Final = 0x02
_RUNNING: Final = 0x04

SPEED_PER_MS: Final = 256
STRIDE_PER_M: Final = 100
DISTANCE_PER_M: Final = 10

LOCATIONS: Final = (
    *("other", "top of shoe", "in shoe", "hip", "front wheel", "left crank", "right crank"),
    *("left pedal", "right pedal", "front hub", "rear dropout", "chainstay", "rear wheel"),
    *("rear hub", "chest", "spider", "chain ring"),
)
"""Sensor Location (0x2A5D)."""
HIP: Final = LOCATIONS.index("hip")


class Features(Struct, frozen=True, kw_only=True):
    """RSC Feature (0x2A54). Without ``status`` a pod never says that one runs."""

    stride: bool = False
    distance: bool = False
    status: bool = False
    calibration: bool = False
    locations: bool = False


def parse(data: bytes | bytearray, time_s: float) -> Pod:
    """The measurement in a notification that came at ``time_s``. Raises MeasurementError.

    Numbers are as sent; :attr:`Pod.known_speed_ms` and the like say whether they can be.
    """
    fields = Fields(data, "A running speed measurement")
    flags = fields.uint(1, "flags")
    speed = fields.uint(2, "speed")
    cadence = fields.uint(1, "cadence")
    stride = fields.uint(2, "stride length") if flags & _STRIDE else None
    distance = fields.uint(4, "total distance") if flags & _DISTANCE else None
    return Pod(
        time_s=time_s,
        speed_ms=speed / SPEED_PER_MS,
        cadence_rpm=cadence,
        stride_m=None if stride is None else stride / STRIDE_PER_M,
        distance_m=None if distance is None else distance / DISTANCE_PER_M,
        running=bool(flags & _RUNNING),
    )


def encode(pod: Pod) -> bytes:
    """The measurement as a pod sends it; 4 to 10 bytes."""
    flags = _RUNNING if pod.running else 0
    rest = _uint(pod.speed_ms * SPEED_PER_MS, 2) + _uint(pod.cadence_rpm, 1)
    if pod.stride_m is not None:
        flags |= _STRIDE
        rest += _uint(pod.stride_m * STRIDE_PER_M, 2)
    if pod.distance_m is not None:
        flags |= _DISTANCE
        rest += (round(pod.distance_m * DISTANCE_PER_M) % 2**32).to_bytes(4, "little")
    return bytes((flags,)) + rest


def _uint(value: float, size: int) -> bytes:
    return max(0, min((1 << 8 * size) - 1, round(value))).to_bytes(size, "little")


def features(data: bytes | bytearray) -> Features:
    """What a pod says it can (0x2A54). Raises MeasurementError."""
    bits = Fields(data, "A running speed feature").uint(2, "bits")
    return Features(
        stride=bool(bits & 1),
        distance=bool(bits & 2),
        status=bool(bits & 4),
        calibration=bool(bits & 8),
        locations=bool(bits & 16),
    )


def encode_features(can: Features) -> bytes:
    """The value of 0x2A54."""
    bits = can.stride | can.distance << 1 | can.status << 2 | can.calibration << 3
    return (bits | can.locations << 4).to_bytes(2, "little")


def location(data: bytes | bytearray) -> str:
    """Where a pod says it is worn (0x2A5D). Raises MeasurementError."""
    number = Fields(data, "A sensor location").uint(1, "number")
    return LOCATIONS[number] if number < len(LOCATIONS) else f"place {number}"
