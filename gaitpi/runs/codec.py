"""Raw counts to bytes and back.

Codec 2, which is written: lossless coding of the residual of a fixed linear predictor, as
Robinson (Shorten, 1994) and FLAC (RFC 9639) do it for sound. Of each column the differences of
order 0 to 3 are looked at, int16 wrapping round; those with the shortest code are taken. They are
Rice coded (zigzag, quotient in unary, remainder in ``k`` bits). A runner's trunk
moves smoothly between two samples, so the third difference is often little more than the noise
of the sensor: 30 to 40 % less than differences and zlib (codec 1, still read) take, also of
blocks of half a second, where zlib has not learned much yet (``python -m calibration.runsize``).

The bytes: for each column one of ``order * 32 + k``; then for each column its first ``order``
samples, int16 little-endian; then one string of bits, the first bit of a byte being the highest:
the quotients of all columns in turn, each so many zeros and a one; then all remainders likewise,
highest bit first; zeros to the end of the byte.
"""

import struct
import zlib
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gaitpi.imu.batch import ClockLine, Counts
from gaitpi.runs.schema import COLUMNS, MAX_BLOCK

CODEC: Final = 2
"""The one written."""
CODECS: Final = (1, 2)
"""Those that can be read."""
_META = struct.Struct("<4q3d2q")
_ORDERS: Final = 4
_K_MAX: Final = 16

Bits = NDArray[np.uint8]


def pack(counts: Counts) -> bytes:
    """The packed bytes of ``counts`` (n, 6), n from 1 to ``MAX_BLOCK``, in codec 2."""
    heads, warm, quotients, remainders = bytearray(), bytearray(), [], []
    for column in np.ascontiguousarray(counts.T):
        order, k, values = _best(column)
        heads.append(order << 5 | k)
        warm += column[:order].astype("<i2").tobytes()
        quotients.append(values >> k)
        remainders.append(_low_bits(values, k))
    bits = np.concatenate([_unary(np.concatenate(quotients)), *remainders])
    return bytes(heads + warm) + np.packbits(bits).tobytes()


def _best(column: NDArray[np.int16]) -> tuple[int, int, NDArray[np.int64]]:
    """Order and parameter of the shortest code, and the values to code with them."""
    residual = column
    found = []
    for order in range(min(_ORDERS, len(column))):
        values = _zigzag(residual)
        k, length = _parameter(values)
        found.append((length + 16 * order, order, k, values))
        residual = residual[1:] - residual[:-1]
    _, order, k, values = min(found, key=lambda one: one[:2])
    return order, k, values


def _zigzag(residual: NDArray[np.int16]) -> NDArray[np.int64]:
    """0, -1, 1, -2 ... as 0, 1, 2, 3 ..."""
    wide = residual.astype(np.int64)
    return (wide << 1) ^ (wide >> 63)


def _parameter(values: NDArray[np.int64]) -> tuple[int, int]:
    """The number of low bits with which the Rice code of ``values`` is shortest, and its bits."""
    n = len(values)
    near = max(0, (int(values.sum()) // max(n, 1)).bit_length() - 1)
    tried = range(max(0, near - 1), min(_K_MAX, near + 1) + 1)
    lengths = [(int((values >> k).sum()) + (k + 1) * n, k) for k in tried]
    length, k = min(lengths)
    return k, length


def _unary(quotients: NDArray[np.int64]) -> Bits:
    ends = np.cumsum(quotients + 1) - 1
    bits = np.zeros(int(ends[-1]) + 1 if len(ends) else 0, np.uint8)
    bits[ends] = 1
    return bits


def _low_bits(values: NDArray[np.int64], k: int) -> Bits:
    shifts = np.arange(k - 1, -1, -1)
    return ((values[:, None] >> shifts) & 1).astype(np.uint8).reshape(-1)


def unpack(data: bytes, n: int, codec: int = CODEC) -> Counts:
    """The counts (n, 6) of a block of ``n`` samples.

    What is made of it is bounded by ``n``, whatever ``data`` says. Raises ValueError when ``data``
    is anything else than exactly that many samples, or the codec is not known.
    """
    if not 1 <= n <= MAX_BLOCK:
        raise ValueError(f"{n} samples in a block")
    if codec not in CODECS:
        raise ValueError(f"codec {codec} is not known")
    return _unpack_1(data, n) if codec == 1 else _unpack_2(data, n)


def _unpack_2(data: bytes, n: int) -> Counts:
    wrong = ValueError(f"the data are not {n} samples")
    if not may_be(data, n):
        raise wrong
    orders = [head >> 5 for head in data[:COLUMNS]]
    ks = [head & 31 for head in data[:COLUMNS]]
    start = COLUMNS + 2 * sum(orders)
    if max(orders) >= min(_ORDERS, n + 1) or max(ks) > _K_MAX or len(data) < start:
        raise wrong
    packed = np.frombuffer(data[start:] + bytes(3), np.uint8)
    bits = np.unpackbits(packed[:-3])
    lengths = [n - order for order in orders]
    ends = bits.nonzero()[0][: sum(lengths)]
    if len(ends) < sum(lengths):
        raise wrong
    at = int(ends[-1]) + 1 if len(ends) else 0
    used = at + sum(k * length for k, length in zip(ks, lengths, strict=True))
    if not used <= len(bits) < used + 8 or bits[used:].any():
        raise wrong
    quotients = np.empty_like(ends)
    quotients[:1] = ends[:1]
    quotients[1:] = ends[1:] - ends[:-1] - 1
    widths = np.repeat(ks, lengths)
    values = (quotients << widths) + _remainders(packed, at, widths)
    if len(values) and int(values.max()) > 0xFFFF:
        raise wrong
    residuals = ((values >> 1) ^ -(values & 1)).astype(np.int16)
    columns = np.empty((COLUMNS, n), np.int16)
    warm = struct.unpack(f"<{sum(orders)}h", data[COLUMNS:start])
    first, warmed = 0, 0
    for column, order, length in zip(columns, orders, lengths, strict=True):
        column[order:] = residuals[first : first + length]
        _sum(column, warm[warmed : warmed + order])
        first, warmed = first + length, warmed + order
    return np.ascontiguousarray(columns.T)


def _remainders(packed: Bits, at: int, widths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of these ``widths`` (at most 16 bits) one behind the other from bit ``at`` on.

    ``packed`` has two bytes more than they need: each lies within three.
    """
    wide = packed.astype(np.int64)
    three = (wide[:-2] << 16) | (wide[1:-1] << 8) | wide[2:]
    begin = at + np.cumsum(widths) - widths
    found: NDArray[np.int64] = three[begin >> 3] >> (24 - widths - (begin & 7))
    return found & ((1 << widths) - 1)


def _sum(column: NDArray[np.int16], warm: tuple[int, ...]) -> None:
    """Make ``column``, differences behind ``len(warm)`` places, the samples that begin ``warm``."""
    levels = [warm]
    while len(levels) < len(warm):
        levels.append(tuple(b - a for a, b in pairwise(levels[-1])))
    for order in reversed(range(len(warm))):
        column[order] = (levels[order][0] + 0x8000 & 0xFFFF) - 0x8000
        rest = column[order:]
        rest.cumsum(dtype=np.int16, out=rest)


def may_be(data: bytes, n: int) -> bool:
    """Whether codec 2 may make so many bytes of ``n`` samples.

    With all 16 bits as remainder a value takes 17: a packer never makes more than that.
    """
    most = COLUMNS * (1 + 2 * _ORDERS) + (COLUMNS * n * (_K_MAX + 1) + 7) // 8
    return COLUMNS <= len(data) <= most


def _unpack_1(data: bytes, n: int) -> Counts:
    """Differences to the sample before, low and high bytes column by column, zlib."""
    size = n * COLUMNS * 2
    stream = zlib.decompressobj()
    try:
        raw = stream.decompress(data, size + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(raw) != size or not stream.eof or stream.unused_data:
        raise ValueError(f"the data are not {n} samples")
    planes = np.frombuffer(raw, np.uint8).reshape(2, -1)
    delta = np.ascontiguousarray(planes.T).view("<i2").reshape(COLUMNS, n).T
    return np.cumsum(delta, axis=0, dtype=np.int16)


def checksum(
    block: int,
    index: int,
    n: int,
    line: ClockLine,
    gap_s: float,
    clipped: int,
    data: bytes,
    codec: int = CODEC,
) -> int:
    """CRC-32 over everything a block says: its number, place, clock line and packed samples.

    Over the packed bytes, so that no stranger's data are unpacked before it fits and padding
    bits count too.
    """
    meta = _META.pack(
        block, index, n, line.index0, line.time_s, line.period_s, gap_s, clipped, codec
    )
    return zlib.crc32(data, zlib.crc32(meta))
