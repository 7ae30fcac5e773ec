"""Heart Rate Measurement: every combination of flags, what real straps do, and anything else."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.ble import heartrate
from gaitpi.ble.readings import DATAGRAM_MAX, Heart, packed, unpacked
from gaitpi.errors import MeasurementError
from tests.ble import naive

UINT16 = st.integers(0, 0xFFFF)


@given(UINT16, UINT16, st.lists(st.integers(1, 0xFFFF), max_size=9))
def test_every_combination_of_flags(rate: int, energy: int, intervals: list[int]) -> None:
    for flags in range(256):
        bpm = rate if flags & 1 else rate & 0xFF
        value = bytes((flags,)) + bpm.to_bytes(1 + (flags & 1), "little")
        value += struct.pack("<H", energy) if flags & 8 else b""
        value += struct.pack(f"<{len(intervals)}H", *intervals) if flags & 16 else b""
        found = heartrate.parse(value, 12.5)
        assert found == Heart(
            time_s=12.5,
            bpm=bpm,
            contact=bool(flags & 2) if flags & 4 else None,
            energy_j=energy * 1000.0 if flags & 8 else None,
            rr_s=tuple(n / 1024 for n in intervals) if flags & 16 else (),
        )
        again = heartrate.encode(found, room=512)
        assert heartrate.parse(again, 12.5) == found
        if (flags & 0xE0) == 0 and (bpm > 0xFF or not flags & 1) and (flags & 6) != 2:
            # nothing in it that may be written otherwise
            assert again == value or (flags & 16 and not intervals)


@given(st.binary(max_size=600))
def test_any_bytes_are_a_measurement_or_are_refused(value: bytes) -> None:
    twin = naive.heart(value)
    if twin is None:
        with pytest.raises(MeasurementError) as caught:
            heartrate.parse(value, 3.0)
        assert str(caught.value).isprintable()
        return
    found = heartrate.parse(value, 3.0)
    assert found == Heart(**{**twin, "rr_s": tuple(twin["rr_s"])}, time_s=3.0)
    datagram = packed(found)
    assert len(datagram) <= DATAGRAM_MAX
    assert unpacked(datagram) == found


def test_the_longest_value_is_one_datagram() -> None:
    value = b"\x1d" + b"\xff" * 511
    assert len(packed(heartrate.parse(value, -123456789.123456789))) <= DATAGRAM_MAX


@given(
    st.builds(
        Heart,
        time_s=st.just(0.0),
        bpm=UINT16,
        contact=st.sampled_from((None, True, False)),
        energy_j=st.none() | st.floats(0, 1e9),
        rr_s=st.lists(st.floats(0.001, 64.0), max_size=300).map(tuple),
    ),
    st.integers(8, 512),
)
def test_what_is_sent_on_fits_and_keeps_the_newest(heart: Heart, room: int) -> None:
    value = heartrate.encode(heart, room)
    assert len(value) <= room
    found = heartrate.parse(value, 0.0)
    assert (found.bpm, found.contact) == (heart.bpm, heart.contact)
    kept = heart.rr_s[len(heart.rr_s) - len(found.rr_s) :]
    assert found.rr_s == pytest.approx(kept, abs=0.5 / 1024 + 1 / 1024)
    if heart.energy_j is None:
        assert found.energy_j is None
    else:
        assert found.energy_j == pytest.approx(min(heart.energy_j, 65535e3), abs=500.0)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "A heart rate measurement ends within its flags: 0 bytes."),
        ("00", "A heart rate measurement ends within its heart rate: 1 bytes, '00'."),
        ("013c", "A heart rate measurement ends within its heart rate: 2 bytes, '01 3c'."),
        ("083c01", "A heart rate measurement ends within its energy: 3 bytes, '08 3c 01'."),
        ("ff" * 600, "A heart rate measurement has 600 bytes; no value has more than 512."),
    ],
)
def test_what_is_cut_off_or_too_long_is_named(value: str, words: str) -> None:
    with pytest.raises(MeasurementError) as caught:
        heartrate.parse(bytes.fromhex(value), 0.0)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("value", "bpm", "contact", "rr_s", "known"),
    [
        # A chest strap with contact and an RR interval, as Polar's send them.
        ("16 48 c302", 72, True, (707 / 1024,), 72),
        # Optical: no contact flag; 0 while it finds no pulse (polar-ble-sdk#131, #143).
        ("00 00", 0, None, (), None),
        # The skin is lost: the strap goes on with its last value, and says so.
        ("04 8e", 142, False, (), None),
        # Contact detected but not supported: the flag means nothing then.
        ("02 8e", 142, None, (), 142),
        # Intervals announced, none there; an interval of 0; an odd byte behind the last.
        ("10 8e", 142, None, (), 142),
        ("10 8e 0000 9a01", 142, None, (410 / 1024,), 142),
        ("10 8e 9a01 07", 142, None, (410 / 1024,), 142),
        # Bytes that no flag announces.
        ("00 8e 9a01", 142, None, (), 142),
        # uint16, the high byte used: no heart.
        ("01 8e01", 398, None, (), None),
        ("00 ff", 255, None, (), None),
    ],
)
def test_what_straps_do(
    value: str, bpm: int, contact: bool | None, rr_s: tuple[float, ...], known: int | None
) -> None:
    found = heartrate.parse(bytes.fromhex(value), 1.0)
    assert (found.bpm, found.contact, found.rr_s) == (bpm, contact, rr_s)
    assert found.known_bpm == known


def test_energy_stays_at_its_end() -> None:
    assert heartrate.parse(bytes.fromhex("08 64 ffff"), 0.0).energy_j == 65_535_000.0


@pytest.mark.parametrize(
    ("value", "where"), [("01", "chest"), ("0600", "foot"), ("63", "place 99")]
)
def test_where_it_is_worn(value: str, where: str) -> None:
    assert heartrate.location(bytes.fromhex(value)) == where


def test_nowhere_is_no_place() -> None:
    with pytest.raises(MeasurementError):
        heartrate.location(b"")
