"""RSC Measurement: every combination of flags, what real pods do, and anything else."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.ble import runningspeed
from gaitpi.ble.readings import Pod, packed, unpacked
from gaitpi.ble.runningspeed import Features
from gaitpi.errors import MeasurementError
from tests.ble import naive

UINT8, UINT16, UINT32 = st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)


@given(UINT16, UINT8, UINT16, UINT32, st.binary(max_size=9))
def test_every_combination_of_flags(
    speed: int, cadence: int, stride: int, distance: int, more: bytes
) -> None:
    for flags in range(256):
        value = struct.pack("<BHB", flags, speed, cadence)
        value += struct.pack("<H", stride) if flags & 1 else b""
        value += struct.pack("<I", distance) if flags & 2 else b""
        found = runningspeed.parse(value + more, 12.5)
        assert found == Pod(
            time_s=12.5,
            speed_ms=speed / 256,
            cadence_rpm=cadence,
            stride_m=stride / 100 if flags & 1 else None,
            distance_m=distance / 10 if flags & 2 else None,
            running=bool(flags & 4),
        )
        assert runningspeed.encode(found) == bytes((flags & 7,)) + value[1:]


@given(st.binary(max_size=20) | st.binary(min_size=500, max_size=600))
def test_any_bytes_are_a_measurement_or_are_refused(value: bytes) -> None:
    twin = naive.pod(value)
    if twin is None:
        with pytest.raises(MeasurementError) as caught:
            runningspeed.parse(value, 3.0)
        assert str(caught.value).isprintable()
        return
    found = runningspeed.parse(value, 3.0)
    assert found == Pod(**twin, time_s=3.0)
    assert unpacked(packed(found)) == found


@given(
    st.floats(-1e9, 1e9),
    UINT8,
    st.none() | st.floats(-1e9, 1e9),
    st.none() | st.floats(-1e9, 1e9),
)
def test_what_is_sent_stays_within_its_fields(
    speed_ms: float, cadence: int, stride_m: float | None, distance_m: float | None
) -> None:
    pod = Pod(
        time_s=0.0,
        speed_ms=speed_ms,
        cadence_rpm=cadence,
        stride_m=stride_m,
        distance_m=distance_m,
    )
    found = runningspeed.parse(runningspeed.encode(pod), 0.0)
    assert found.cadence_rpm == cadence
    assert found.speed_ms == pytest.approx(min(max(speed_ms, 0.0), 65535 / 256), abs=1 / 512)
    assert (found.stride_m is None) == (stride_m is None)
    assert (found.distance_m is None) == (distance_m is None)
    if distance_m is not None and found.distance_m is not None:
        turns = (distance_m - found.distance_m) / (2**32 / 10)
        assert turns == pytest.approx(round(turns), abs=1e-6)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "A running speed measurement ends within its flags: 0 bytes."),
        ("00 80", "A running speed measurement ends within its speed: 2 bytes, '00 80'."),
        ("00 8002", "A running speed measurement ends within its cadence: 3 bytes, '00 80 02'."),
        (
            "01 8002 b4",
            "A running speed measurement ends within its stride length: 4 bytes, '01 80 02 b4'.",
        ),
        (
            "03 8002 b4 6400 0102",
            "A running speed measurement ends within its total distance: 8 bytes, "
            "'03 80 02 b4 64 00 01 02'.",
        ),
        ("00" * 513, "A running speed measurement has 513 bytes; no value has more than 512."),
    ],
)
def test_what_is_cut_off_or_too_long_is_named(value: str, words: str) -> None:
    with pytest.raises(MeasurementError) as caught:
        runningspeed.parse(bytes.fromhex(value), 0.0)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("value", "speed_ms", "cadence", "stride_m", "distance_m", "running"),
    [
        # All there is, running.
        ("07 0003 b4 6900 d2040000", 3.0, 180, 1.05, 123.4, True),
        # Speed and total only, no status (treadmill apps such as qdomyos-zwift).
        ("02 0003 5a d2040000", 3.0, 90, None, 123.4, False),
        # Eight bytes whatever the flags say (a treadmill bridge).
        ("04 0003 50 00000000", 3.0, 80, None, None, True),
        # A stride announced, but not measured (0 on a Technogym: qdomyos-zwift#1260).
        ("05 0003 b4 0000", 3.0, 180, None, None, True),
        # Nothing known: every field at its end.
        ("03 ffff ff ffff ffffffff", None, 255, None, 429496729.5, False),
        # Standing.
        ("00 0000 00", 0.0, 0, None, None, False),
    ],
)
def test_what_pods_do(
    value: str,
    speed_ms: float | None,
    cadence: int,
    stride_m: float | None,
    distance_m: float | None,
    running: bool,
) -> None:
    found = runningspeed.parse(bytes.fromhex(value), 1.0)
    assert found.known_speed_ms == speed_ms
    assert found.cadence_rpm == cadence
    assert found.known_stride_m == stride_m
    assert found.distance_m == distance_m
    assert found.running is running


@given(st.integers(0, 31), st.integers(0, 2047))
def test_features(bits: int, reserved: int) -> None:
    found = runningspeed.features((bits | reserved << 5).to_bytes(2, "little"))
    assert runningspeed.encode_features(found) == bits.to_bytes(2, "little")
    names = [name for name in Features.__struct_fields__ if getattr(found, name)]
    assert sum(1 << Features.__struct_fields__.index(name) for name in names) == bits


@pytest.mark.parametrize("value", [b"", b"\x01"])
def test_features_cut_off(value: bytes) -> None:
    with pytest.raises(MeasurementError):
        runningspeed.features(value)


@pytest.mark.parametrize(
    ("value", "where"),
    [("02", "in shoe"), ("0300", "hip"), ("10", "chain ring"), ("11", "place 17")],
)
def test_where_it_is_worn(value: str, where: str) -> None:
    assert runningspeed.location(bytes.fromhex(value)) == where
