"""Blocks of a run file to counts in compiled code, for who replays hours of them.

The same as :func:`gaitpi.runs.codec.unpack`, which stays the reference, and what all those use who
do not load numba.
"""

import numpy as np
from numpy.typing import NDArray

from gaitpi.gait._jit import kernel
from gaitpi.imu.batch import Counts
from gaitpi.runs import codec
from gaitpi.runs.schema import COLUMNS, MAX_BLOCK

_SPARE = 3
"""Bytes behind the end, so that three can be read wherever a number begins, or none of no bits."""


def unpack(data: bytes, n: int, which: int = codec.CODEC) -> Counts:
    """The counts (n, 6) of a block of ``n`` samples. Raises ValueError as the reference does."""
    if which != 2 or not 1 <= n <= MAX_BLOCK or not codec.may_be(data, n):
        return codec.unpack(data, n, which)
    counts = np.empty((n, COLUMNS), np.int16)
    if not _unpack(np.frombuffer(data + bytes(_SPARE), np.uint8), counts):
        raise ValueError(f"the data are not {n} samples")
    return counts


@kernel
def _unpack(data: NDArray[np.uint8], counts: Counts) -> bool:
    """Fill ``counts`` (n, 6) from ``data`` and the spare zeros; False where it is not so many."""
    n, columns = counts.shape
    bits = 8 * (len(data) - _SPARE)
    orders, ks = np.zeros(columns, np.int64), np.zeros(columns, np.int64)
    for column in range(columns):
        orders[column] = data[column] >> 5
        ks[column] = data[column] & 31
        if orders[column] >= min(4, n + 1) or ks[column] > 16:
            return False
    warm, at = columns, 8 * (columns + 2 * orders.sum())
    if at > bits:
        return False
    values = np.zeros((columns, n), np.int64)
    for column in range(columns):
        for i in range(orders[column], n):
            begin = at
            while at < bits and not (data[at >> 3] >> (7 - (at & 7))) & 1:
                at += 1
            if at >= bits:
                return False
            values[column, i] = at - begin
            at += 1
    for column in range(columns):
        order, k = orders[column], ks[column]
        if at + k * (n - order) > bits:
            return False
        # the differences of order 0, 1 ... of the last sample
        last = np.zeros(4, np.int64)
        for i in range(order):
            sample = np.int64(data[warm]) + 256 * np.int64(data[warm + 1])
            warm += 2
            for level in range(i + 1):
                sample, last[level] = sample - last[level], sample
            counts[i, column] = _wrapped(last[0])
        mask = (1 << k) - 1
        for i in range(order, n):
            place = at >> 3
            three = 65536 * np.int64(data[place]) + 256 * np.int64(data[place + 1])
            three += np.int64(data[place + 2])
            value = (values[column, i] << k) | ((three >> (24 - k - (at & 7))) & mask)
            at += k
            if value > 0xFFFF:
                return False
            step = (value >> 1) ^ -(value & 1)
            for level in range(order - 1, -1, -1):
                last[level] += step
                step = last[level]
            counts[i, column] = _wrapped(step)
    if bits - at >= 8:
        return False
    while at < bits:
        if (data[at >> 3] >> (7 - (at & 7))) & 1:
            return False
        at += 1
    return True


@kernel
def _wrapped(number: int) -> int:
    """The number as 16 bits with a sign hold it."""
    return ((number + 0x8000) & 0xFFFF) - 0x8000
