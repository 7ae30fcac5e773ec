"""Plain twins of the parsers: one struct of fixed offsets for each combination of flags."""

import struct
from typing import Any


def heart(data: bytes) -> dict[str, Any] | None:
    """What a heart rate measurement holds; None where it is cut off."""
    if not data or len(data) > 512:
        return None
    wide, energy = data[0] & 1, data[0] >> 3 & 1
    offset_energy = 3 if wide else 2
    offset_rr = offset_energy + 2 * energy
    if len(data) < offset_rr:
        return None
    found: dict[str, Any] = {"contact": None, "energy_j": None, "rr_s": []}
    found["bpm"] = struct.unpack_from("<H" if wide else "<B", data, 1)[0]
    if data[0] & 0b100:
        found["contact"] = data[0] & 0b110 == 0b110
    if energy:
        found["energy_j"] = struct.unpack_from("<H", data, offset_energy)[0] * 1000.0
    if data[0] & 0b10000:
        count = (len(data) - offset_rr) // 2
        found["rr_s"] = [n / 1024 for n in struct.unpack_from(f"<{count}H", data, offset_rr) if n]
    return found


_PODS = {0: "<BHB", 1: "<BHBH", 2: "<BHBI", 3: "<BHBHI"}


def pod(data: bytes) -> dict[str, Any] | None:
    """What a running speed measurement holds; None where it is cut off."""
    if not data or len(data) > 512:
        return None
    layout = _PODS[data[0] & 3]
    if len(data) < struct.calcsize(layout):
        return None
    flags, speed, cadence, *rest = struct.unpack_from(layout, data)
    return {
        "speed_ms": speed / 256,
        "cadence_rpm": cadence,
        "stride_m": rest[0] / 100 if flags & 1 else None,
        "distance_m": rest[-1] / 10 if flags & 2 else None,
        "running": flags & 4 == 4,
    }
