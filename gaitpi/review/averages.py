"""Means and medians of plain floats.

As in ``statistics``, which loads fractions, decimal and random: a tenth of all that ``gaitpi show``
may take on a small Pi.
"""

import math
from collections.abc import Iterable


def fmean(values: Iterable[float]) -> float:
    """The mean. Raises ValueError without a value."""
    known = list(values)
    if not known:
        raise ValueError("there is no mean of nothing")
    return math.fsum(known) / len(known)


def median(values: Iterable[float]) -> float:
    """The middle value, or the mean of the two. Raises ValueError without a value."""
    known = sorted(values)
    if not known:
        raise ValueError("there is no median of nothing")
    half = len(known) // 2
    return known[half] if len(known) % 2 else (known[half - 1] + known[half]) / 2.0


def stdev(values: Iterable[float]) -> float:
    """The standard deviation of a sample (n - 1). Raises ValueError with fewer than two values."""
    known = list(values)
    if len(known) < 2:
        raise ValueError("one value has no scatter")
    mean = fmean(known)
    return math.sqrt(math.fsum((v - mean) ** 2 for v in known) / (len(known) - 1))
