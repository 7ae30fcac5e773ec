"""Frames behind a header byte: what is not one makes no sample."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gaitpi.imu.chip import HeadedFrames
from gaitpi.imu.chips.bmi160 import BMI160
from gaitpi.imu.chips.icm42688 import ICM42688

PLAIN = HeadedFrames(
    size=13, header=0x8C, header_mask=0xFC, order="little", columns=(3, 4, 5, 0, 1, 2)
)
STAMPED = HeadedFrames(
    size=16,
    header=0x68,
    header_mask=0xFC,
    order="big",
    columns=(0, 1, 2, 3, 4, 5),
    temperature=13,
    invalid=-32768,
)


def stamped(header: int, words: list[int], temperature: int = 0) -> bytes:
    return bytes((header,)) + np.array(words, ">i2").tobytes() + bytes((temperature, 0xAB, 0xCD))


def test_columns_order_and_temperature() -> None:
    raw = b"\x8c" + np.array([1, -2, 3, 4, -5, -32768], "<i2").tobytes()
    decoded = PLAIN.decode(raw + raw)
    assert decoded.counts.tolist() == [[4, -5, -32768, 1, -2, 3]] * 2
    assert (decoded.used, decoded.aligned, decoded.temperature.size) == (26, True, 0)
    decoded = STAMPED.decode(stamped(0x6B, [1, -2, 3, 4, -5, 32767], 0xFA))
    assert decoded.counts.tolist() == [[1, -2, 3, 4, -5, 32767]]
    assert decoded.counts.dtype == decoded.temperature.dtype == np.int16
    assert decoded.temperature.tolist() == [-6]
    assert PLAIN.decode(b"").aligned


def test_what_was_not_measured_is_no_sample_and_ends_the_batch() -> None:
    good = stamped(0x68, [1, 2, 3, 4, 5, 6])
    hole = stamped(0x68, [1, 2, 3, 4, -32768, 6])
    decoded = STAMPED.decode(good + hole + good)
    assert (len(decoded.counts), decoded.used, decoded.aligned) == (1, 16, False)


def test_special_frames_of_the_bmi160_are_no_samples() -> None:
    for header in (0x40, 0x44, 0x48, 0x80, 0x84, 0x88):  # skipped, time, settings, empty, half
        decoded = BMI160.fifo.layout.decode(bytes((header,)) + bytes(12))
        assert (len(decoded.counts), decoded.aligned) == (0, False), hex(header)


def test_packets_of_the_icm42688_with_one_sensor_or_none_are_no_samples() -> None:
    for header in (0x00, 0x20, 0x40, 0x48, 0x60, 0x78, 0x80, 0xE8, 0xFF):
        decoded = ICM42688.fifo.layout.decode(bytes((header,)) + bytes(15))
        assert (len(decoded.counts), decoded.aligned) == (0, False), hex(header)


layouts = st.sampled_from([PLAIN, STAMPED])


@given(layouts, st.data())
def test_random_bytes_make_no_sample_that_has_no_header(
    layout: HeadedFrames, data: st.DataObject
) -> None:
    n = data.draw(st.integers(0, 30))
    raw = data.draw(st.binary(min_size=n * layout.size, max_size=n * layout.size))
    frames = [raw[i : i + layout.size] for i in range(0, len(raw), layout.size)]
    whole = 0
    for frame in frames:
        words = np.frombuffer(frame[1:13], ">i2" if layout.order == "big" else "<i2")
        if frame[0] & layout.header_mask != layout.header or layout.invalid in words.tolist():
            break
        whole += 1
    decoded = layout.decode(raw)
    assert len(decoded.counts) == whole
    assert decoded.used == whole * layout.size
    assert decoded.aligned == (whole == n)


@given(layouts, st.integers(1, 20), st.data())
def test_a_stream_read_askew_is_noticed(layout: HeadedFrames, n: int, data: st.DataObject) -> None:
    """Unless the bytes that stand where headers should all look like one."""
    body = st.binary(min_size=layout.size - 1, max_size=layout.size - 1)
    shift = data.draw(st.integers(1, layout.size - 1))
    frames = [bytes((layout.header,)) + data.draw(body) for _ in range(n + 1)]
    raw = b"".join(frames)[shift : shift + n * layout.size]
    looks = [raw[i] & layout.header_mask == layout.header for i in range(0, len(raw), layout.size)]
    decoded = layout.decode(raw)
    assert len(decoded.counts) <= (looks.index(False) if False in looks else n)
    assert decoded.aligned <= all(looks)
