"""Packing raw counts: what goes in comes out, and nothing else is taken for samples."""

import re
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gaitpi.device import unpack as compiled
from gaitpi.imu.batch import ClockLine, Counts
from gaitpi.runs.codec import checksum, pack, unpack
from gaitpi.runs.schema import MAX_BLOCK

ANY = st.integers(1, 40).flatmap(
    lambda n: arrays(
        np.int16,
        (n, 6),
        elements=st.one_of(
            st.integers(-32768, 32767), st.sampled_from([-32768, 32767]), st.integers(-3, 3)
        ),
    )
)


def smooth(n: int, seed: int = 0) -> Counts:
    rng = np.random.default_rng(seed)
    wave = 4000 * np.sin(np.arange(n)[:, None] / 11 + np.arange(6))
    return (wave + rng.normal(0, 12, (n, 6))).astype(np.int16)


def plain_unpack(data: bytes, n: int) -> list[list[int]]:
    """Codec 2 bit by bit, as docs/run-file.md says it."""
    orders, ks = [b >> 5 for b in data[:6]], [b & 31 for b in data[:6]]
    at = 6
    warm: list[list[int]] = []
    for order in orders:
        warm.append(
            [int.from_bytes(data[at + 2 * i : at + 2 * i + 2], "little") for i in range(order)]
        )
        at += 2 * order
    bits = iter([byte >> (7 - i) & 1 for byte in data[at:] for i in range(8)])
    highs = [[_zeros(bits) for _ in range(n - order)] for order in orders]
    columns = []
    for order, k, high, first in zip(orders, ks, highs, warm, strict=True):
        residual = []
        for q in high:
            low = 0
            for _ in range(k):
                low = 2 * low + next(bits)
            u = q << k | low
            residual.append(-(u + 1) // 2 if u & 1 else u // 2)
        columns.append(_integrated(residual, first, order))
    assert not any(bits), "padding"
    return [list(row) for row in zip(*columns, strict=True)]


def _zeros(bits: "object") -> int:
    count = 0
    while not next(bits):  # type: ignore[call-overload]
        count += 1
    return count


def _integrated(residual: list[int], first: list[int], order: int) -> list[int]:
    out = list(first)
    for d in residual:
        h = [0, 0, 0, *out]
        guess = (0, h[-1], 2 * h[-1] - h[-2], 3 * h[-1] - 3 * h[-2] + h[-3])[order]
        out.append(guess + d)
    return [(x + 32768) % 65536 - 32768 for x in out]


@settings(max_examples=150)
@given(ANY)
def test_any_samples_come_back_bit_for_bit(counts: Counts) -> None:
    data = pack(counts)
    assert unpack(data, len(counts)).tobytes() == counts.tobytes()
    assert plain_unpack(data, len(counts)) == counts.tolist()


@pytest.mark.parametrize("n", [1, 2, 3, 4, 104, MAX_BLOCK])
def test_of_every_length(n: int) -> None:
    for counts in (smooth(n), np.zeros((n, 6), np.int16), np.full((n, 6), -32768, np.int16)):
        assert np.array_equal(unpack(pack(counts), n), counts)


def test_noise_takes_little_more_than_it_is() -> None:
    noise = np.random.default_rng(3).integers(-32768, 32768, (500, 6)).astype(np.int16)
    assert len(pack(noise)) < 1.04 * noise.nbytes


def test_smooth_samples_take_less_than_with_zlib() -> None:
    counts = smooth(104)
    delta = counts.copy()
    delta[1:] -= counts[:-1]
    assert len(pack(counts)) < 0.8 * len(zlib.compress(delta.T.tobytes(), 9))


@settings(max_examples=300)
@given(st.binary(max_size=400), st.integers(1, 60), st.sampled_from([1, 2]))
def test_anything_else_is_refused_in_words(data: bytes, n: int, codec: int) -> None:
    try:
        counts = unpack(data, n, codec)
    except ValueError:
        return
    assert counts.shape == (n, 6)
    assert codec == 1 or plain_unpack(data, n) == counts.tolist()


@settings(max_examples=200)
@given(st.integers(0, 60), st.data())
def test_a_changed_byte_never_does_harm(seed: int, data: st.DataObject) -> None:
    packed = bytearray(pack(smooth(50, seed)))
    at = data.draw(st.integers(0, len(packed) - 1))
    packed[at] ^= data.draw(st.integers(1, 255))
    for cut in (bytes(packed), bytes(packed[:at]), bytes(packed) + b"\0"):
        try:
            assert unpack(cut, 50).shape == (50, 6)
        except ValueError:
            continue


def test_sizes_are_bounded_by_the_number_of_samples() -> None:
    bomb = bytes([0] * 6) + b"\xff" * 4_000_000
    with pytest.raises(ValueError, match="not 5 samples"):
        unpack(bomb, 5)
    with pytest.raises(ValueError, match="samples in a block"):
        unpack(pack(smooth(1)), MAX_BLOCK + 1)
    with pytest.raises(ValueError, match="codec 3"):
        unpack(pack(smooth(1)), 1, 3)


def test_a_quotient_beyond_16_bits_is_refused() -> None:
    heads = bytes([16] + [0] * 5)  # k = 16: a quotient of 1 is 65536
    bits = "01" + "1" * 5 + "0" * 16
    packed = int(bits.ljust(24, "0"), 2).to_bytes(3, "big")
    with pytest.raises(ValueError, match="not 1 samples"):
        unpack(heads + packed, 1)


def test_blocks_of_earlier_versions_are_read() -> None:
    counts = smooth(30)
    delta = counts.copy()
    delta[1:] -= counts[:-1]
    planes = np.ascontiguousarray(delta.T).astype("<i2").reshape(-1).view(np.uint8)
    data = zlib.compress(planes.reshape(-1, 2).T.tobytes())
    assert np.array_equal(unpack(data, 30, 1), counts)
    line = ClockLine(0, 0.0, 0.005)
    assert checksum(1, 0, 30, line, 0.0, 0, data, 1) != checksum(1, 0, 30, line, 0.0, 0, data)


@pytest.mark.nojit
@settings(max_examples=200, deadline=None)
@given(ANY, st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=3))
def test_compiled_unpacking_is_the_same(counts: Counts, changes: list[tuple[int, int]]) -> None:
    """Also of what is damaged: both refuse it, or both take it for the same samples."""
    data = bytearray(pack(counts))
    for place, byte in changes:
        data[place % len(data)] = byte
    n = len(counts)
    try:
        plain = unpack(bytes(data), n)
    except ValueError:
        with pytest.raises(ValueError, match=f"the data are not {n} samples"):
            compiled.unpack(bytes(data), n)
        return
    np.testing.assert_array_equal(compiled.unpack(bytes(data), n), plain)


@pytest.mark.nojit
@given(st.binary(max_size=60), st.integers(-1, 12), st.integers(0, 3))
def test_compiled_unpacking_of_anything_ends_as_the_plain_one(
    data: bytes, n: int, codec: int
) -> None:
    try:
        plain = unpack(data, n, codec)
    except ValueError as error:
        with pytest.raises(ValueError, match=re.escape(str(error))):
            compiled.unpack(data, n, codec)
        return
    np.testing.assert_array_equal(compiled.unpack(data, n, codec), plain)
