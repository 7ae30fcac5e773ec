"""What comes over the air, and the datagrams it becomes.

Four targets: ``heart`` and ``pod`` read a notification's bytes, each beside its plain twin;
``device`` the bytes of what is read once (battery, places, features, texts; the first byte says
which); ``reading`` a datagram from a radio's process, as the daemon takes it.
"""

import json
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gaitpi.ble import deviceinfo, heartrate, runningspeed
from gaitpi.ble.readings import DATAGRAM_MAX, Heart, Link, Pod, Reading, packed, unpacked
from gaitpi.errors import InputFileError, MeasurementError
from tests.ble import naive
from tests.fuzz.target import TEXTS, TOKENS, Random, Target, must, other_json, scramble, spoken


def _values(data: bytes, rng: Random) -> bytes:
    """Another value of a characteristic: other flags, other numbers, cut off, longer."""
    out = bytearray(data)
    kind = rng.randrange(5)
    if kind == 0 and out:
        out[0] = rng.randrange(256)
    elif kind == 1:
        out[rng.randrange(len(out) + 1) :] = b""
    elif kind == 2:
        out += rng.randbytes(rng.choice((1, 2, 3, 20, 244, 512)))
    elif kind == 3 and len(out) > 2:
        at = rng.randrange(1, len(out))
        out[at : at + 2] = rng.choice((b"\0\0", b"\xff\xff", b"\x01\x00", rng.randbytes(2)))
    else:
        return scramble(bytes(out), rng, TOKENS)[:4096]
    return bytes(out[:4096])


def _carried(reading: Reading) -> None:
    """A reading goes through its datagram unchanged."""
    datagram = packed(reading)
    must(len(datagram) <= DATAGRAM_MAX, "a datagram is too long")
    must(unpacked(datagram) == reading, "unpacked otherwise")


def _heart_seeds(_folder: Path) -> Iterator[bytes]:
    yield bytes.fromhex("1648c302")
    yield bytes.fromhex("0000")
    yield bytes.fromhex("1f8e0110009a019b01")
    yield b"\x1d" + b"\xff" * 511


def _heart(data: bytes, _folder: Path) -> None:
    twin = naive.heart(data)
    try:
        found = heartrate.parse(data, 1.0)
    except MeasurementError:
        must(twin is None, "refused, the twin takes it")
        raise
    must(twin is not None, "taken, the twin refuses it")
    assert twin is not None
    twin["rr_s"] = tuple(twin["rr_s"])
    must(found == Heart(**twin, time_s=1.0), "unlike its twin")
    must(heartrate.parse(heartrate.encode(found, room=512), 1.0) == found, "written otherwise")
    must(len(heartrate.encode(found)) <= heartrate.NOTIFICATION, "too long for a notification")
    must(found.known_bpm is None or 20 <= found.known_bpm <= 250, "an odd heart")
    _carried(found)


def _pod_seeds(_folder: Path) -> Iterator[bytes]:
    yield bytes.fromhex("070003b46900d2040000")
    yield bytes.fromhex("0200035ad2040000")
    yield bytes.fromhex("00000000")
    yield bytes.fromhex("03ffffffffffffffffff")


def _pod(data: bytes, _folder: Path) -> None:
    twin = naive.pod(data)
    try:
        found = runningspeed.parse(data, 1.0)
    except MeasurementError:
        must(twin is None, "refused, the twin takes it")
        raise
    must(twin is not None, "taken, the twin refuses it")
    assert twin is not None
    must(found == Pod(**twin, time_s=1.0), "unlike its twin")
    must(runningspeed.parse(runningspeed.encode(found), 1.0) == found, "written otherwise")
    must(found.known_speed_ms is None or 0.0 <= found.known_speed_ms <= 12.5, "an odd speed")
    must(found.known_stride_m is None or 0.0 < found.known_stride_m <= 6.0, "an odd stride")
    _carried(found)


_TEXTS = tuple(deviceinfo.STRINGS)


def _device_seeds(_folder: Path) -> Iterator[bytes]:
    yield b"b\x64"
    yield b"f\x07\x00"
    yield b"l\x03"
    yield b"h\x01"
    for name in (b"Polar H10 \0\0", "Läufer ✓".encode(), b"3.1.1\r\n", b"\x1b[2J", b"x" * 512):
        yield b"t" + name


def _device(data: bytes, _folder: Path) -> None:
    kind, value = data[:1], data[1:]
    if kind == b"b":
        must(0 <= deviceinfo.battery(value) <= 100, "an odd battery")
    elif kind == b"f":
        can = runningspeed.features(value)
        must(runningspeed.features(runningspeed.encode_features(can)) == can, "written otherwise")
    elif kind == b"l":
        spoken(runningspeed.location(value))
    elif kind == b"h":
        spoken(heartrate.location(value))
    else:
        name = deviceinfo.text(value)
        must(name.isprintable() and len(name) <= deviceinfo.TEXT_MAX, "a text that is not plain")
        found = deviceinfo.information(dict.fromkeys(_TEXTS, value))
        must(set(found.values()) <= {name}, "another text")
        _carried(Link(time_s=0.0, role="pod", state="connected", since_s=0.0, name=name))


def _device_other(data: bytes, rng: Random) -> bytes:
    kind = bytes((rng.choice(b"bflhtttt"),)) if rng.random() < 0.3 else data[:1]
    return kind + _values(data[1:], rng)


def _reading_seeds(_folder: Path) -> Iterator[bytes]:
    yield packed(heartrate.parse(bytes.fromhex("1f8e0110009a019b01"), 123.456))
    yield packed(runningspeed.parse(bytes.fromhex("070003b46900d2040000"), 123.456))
    yield packed(
        Link(time_s=1.0, role="heart", state="lost", since_s=0.5, name="H10", battery=80, words="x")
    )


def _made(rng: Random) -> Reading:
    """A reading that radios could send."""
    time_s = rng.choice((0.0, 1e9, -1e9, rng.uniform(0.0, 1e6)))
    kind = rng.randrange(3)
    if kind == 0:
        return heartrate.parse(b"\x1f" + rng.randbytes(rng.randrange(4, 40)), time_s)
    if kind == 1:
        return runningspeed.parse(b"\x03" + rng.randbytes(9), time_s)
    words = rng.choice(TEXTS)[:80]
    return Link(time_s=time_s, role="pod", state="silent", since_s=time_s, name=words, words=words)


def _reading_other(data: bytes, rng: Random) -> bytes:
    kind = rng.random()
    if kind < 0.2:
        return scramble(data, rng, TOKENS)
    if kind < 0.4:
        return packed(_made(rng))
    return other_json(data.decode("utf-8", "replace"), rng).encode("utf-8", "replace")[: 64 * 1024]


def _reading(data: bytes, _folder: Path) -> None:
    found = unpacked(data)
    if found is None:
        raise InputFileError("No reading.")
    must(len(data) <= DATAGRAM_MAX, "longer than a datagram")
    for value in _numbers(json.loads(packed(found))):
        must(math.isfinite(value) and abs(value) <= 2**53, f"a number is {value:.6g}")
    must(unpacked(packed(found)) == found, "unpacked otherwise")
    if isinstance(found, Heart):
        must(found.known_bpm is None or 20 <= found.known_bpm <= 250, "an odd heart")
        must(len(heartrate.encode(found)) <= heartrate.NOTIFICATION, "too long for a notification")
    elif isinstance(found, Pod):
        must(found.known_speed_ms is None or 0.0 <= found.known_speed_ms <= 12.5, "an odd speed")
        struct.unpack_from("<BHB", runningspeed.encode(found))


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _numbers(one)
    elif isinstance(value, int | float):
        yield value


HEART = Target("heart", _heart_seeds, _values, _heart, ("gaitpi.ble.heartrate",))
POD = Target("pod", _pod_seeds, _values, _pod, ("gaitpi.ble.runningspeed",))
DEVICE = Target("device", _device_seeds, _device_other, _device, ("gaitpi.ble.deviceinfo",))
READING = Target("reading", _reading_seeds, _reading_other, _reading, ("gaitpi.ble.readings",))
