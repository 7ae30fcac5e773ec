"""Battery and device information: text from a stranger, plain and short."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.ble import deviceinfo, uuids
from gaitpi.errors import MeasurementError


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"Stryd", "Stryd"),
        (b"Polar H10 \x00\x00\x00", "Polar H10"),
        (b" 3.1.1\r\n", "3.1.1"),
        (b"\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\u202eb".encode(), "a\\u202eb"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", ""),
        (b"\x00after the end", ""),
        (b"x" * 600, "x" * 59 + "…"),
    ],
)
def test_texts(value: bytes, words: str) -> None:
    assert deviceinfo.text(value) == words


@given(st.binary(max_size=700))
def test_any_text_is_plain_and_short(value: bytes) -> None:
    found = deviceinfo.text(value)
    assert found.isprintable()
    assert len(found) <= deviceinfo.TEXT_MAX
    assert deviceinfo.short(found) == found or found.endswith("…")


@given(st.text(max_size=300))
def test_any_name_is_plain_and_short(name: str) -> None:
    found = deviceinfo.short(name)
    assert found.isprintable()
    assert len(found) <= deviceinfo.TEXT_MAX


@given(st.binary(max_size=3))
def test_battery(value: bytes) -> None:
    if value and value[0] <= 100:
        assert deviceinfo.battery(value) == value[0]
    else:
        with pytest.raises(MeasurementError):
            deviceinfo.battery(value)


def test_information_by_name() -> None:
    found = deviceinfo.information(
        {uuids.MAKER: b"Wahoo", uuids.MODEL: b"\x00", uuids.FIRMWARE: b"2.3\n", 0x2A23: b"\x01" * 8}
    )
    assert found == {"maker": "Wahoo", "firmware": "2.3"}


def test_uuids_are_written_as_bluez_writes_them() -> None:
    assert uuids.full(uuids.RSC_MEASUREMENT) == "00002a53-0000-1000-8000-00805f9b34fb"
