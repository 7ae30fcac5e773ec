"""How sure a mean is, when neither steps nor runs are independent. Pure, standard library alone."""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from operator import mul
from typing import Final

from gaitpi.review.averages import median, stdev

Z95: Final = 1.959964
"""Standard uncertainties within which 95 % of a normal quantity lie."""
_CLIP: Final = 3.0
"""A difference of two runs counts at most so many typical ones: one odd run is not the rule."""
_CLIP_FROM: Final = 5
"""Differences from which on a typical one is known well enough for that."""
_NORMAL_MEDIAN: Final = 0.6744898
"""Median of the absolute value of a standard normal quantity."""
_T95: Final = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
BLOCKS_LEAST: Final = 4
"""Blocks without which the uncertainty of their mean is not known."""
HURST: Final = 0.8
"""Exponent of the long-range noise of running: 0.78 for strides, 0.8 for lean in the recordings
(``python -m calibration.detection noise``)."""
_MANY: Final = 400
_SIMPSON: Final = 200
"""Pieces of an integral, an even number."""


def t95(freedom: float) -> float:
    """Quantile 0.975 of Student's t; ``freedom`` > 0 need not be whole. NaN without any.

    Up to ten by the table, with linear steps in 1 / freedom between; beyond by the expansion of
    Fisher and Cornish (1960), which is right to three digits there.
    """
    if not freedom > 0.0:
        return math.nan
    if math.isinf(freedom):
        return Z95
    if freedom <= 1.0:
        return _T95[0] / freedom  # heavier tails than any whole number has
    if freedom < len(_T95):
        low = int(freedom)
        share = (1.0 / low - 1.0 / freedom) / (1.0 / low - 1.0 / (low + 1))
        return _T95[low - 1] + share * (_T95[low] - _T95[low - 1])
    z = Z95
    first = (z**3 + z) / 4.0
    second = (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0
    third = (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0
    return z + first / freedom + second / freedom**2 + third / freedom**3


@lru_cache(maxsize=256)
def t_quantile(share: float, freedom: float) -> float:
    """Quantile of Student's t for a ``share`` from 0.5 to 1; ``freedom`` at least 1.

    By bisection of the distribution, which is summed by Simpson's rule after t = √freedom · tan:
    right to six digits.
    """
    if not (0.5 < share < 1.0 and freedom >= 1.0):
        return 0.0 if share == 0.5 else math.nan
    scale = math.exp(math.lgamma((freedom + 1.0) / 2.0) - math.lgamma(freedom / 2.0))
    scale /= math.sqrt(math.pi)
    low, high = 0.0, 0.5 * math.pi
    for _ in range(50):
        middle = 0.5 * (low + high)
        width = middle / _SIMPSON
        edges = [math.cos(k * width) ** (freedom - 1.0) for k in range(_SIMPSON + 1)]
        odd, even = math.fsum(edges[1:-1:2]), math.fsum(edges[2:-1:2])
        area = scale * width / 3.0 * (edges[0] + 4.0 * odd + 2.0 * even + edges[-1])
        low, high = (middle, high) if area < share - 0.5 else (low, middle)
    return math.sqrt(freedom) * math.tan(low)


def alike(apart: int) -> float:
    """Correlation of two blocks so many blocks apart, of noise of the exponent ``HURST``."""
    k, power = float(apart), 2.0 * HURST
    return float(0.5 * ((k + 1.0) ** power - 2.0 * k**power + abs(k - 1.0) ** power))


@lru_cache(maxsize=64)
def _of_sum(at: tuple[int, ...]) -> float:
    """Variance of the mean of blocks at these places over that of one block."""
    n = len(at)
    if n > _MANY:
        return float(n ** (2.0 * HURST - 2.0))
    by_distance = [alike(k) for k in range(at[-1] - at[0] + 1)]
    pairs = math.fsum(by_distance[b - a] for i, a in enumerate(at) for b in at[i + 1 :])
    return (n + 2.0 * pairs) / (n * n)


def of_mean(values: Sequence[float], at: Sequence[int]) -> float:
    """Standard uncertainty of the mean of blocks; NaN with fewer than four.

    ``at`` are the numbers of the blocks, rising. How a runner runs wanders at every time scale
    (``HURST``), so that the mean of n blocks is known far less well than by the root of n: by the
    variance of a sum of such noise (Beran 1994, Statistics for long-memory processes, 8.2), the
    scatter of the blocks being corrected for what they wander together. Widened by Student's t over
    the normal, so that twice it covers what it should with few blocks too.
    """
    n = len(values)
    if n < BLOCKS_LEAST:
        return math.nan
    mean = math.fsum(values) / n
    scatter = math.fsum((v - mean) ** 2 for v in values) / n
    share = _of_sum(tuple(at))
    return math.sqrt(scatter * share / (1.0 - share)) * t95(n - 1.0) / Z95


class Whitening:
    """Makes long-range noise at these places independent and of one variance.

    ``at`` rising numbers, (n,), n at most some hundred. By the Cholesky factor of its covariance,
    for generalised least squares.
    """

    def __init__(self, at: Sequence[int]) -> None:
        by_distance = [alike(k) for k in range(at[-1] - at[0] + 1)] if at else []
        self._rows: list[list[float]] = []
        for i, b in enumerate(at):
            row: list[float] = []
            for j in range(i):
                left = by_distance[b - at[j]] - sum(map(mul, row, self._rows[j]))
                row.append(left / self._rows[j][j])
            row.append(math.sqrt(by_distance[0] - sum(map(mul, row, row))))
            self._rows.append(row)

    def __call__(self, column: Sequence[float]) -> list[float]:
        """``column`` (n,) whitened."""
        found: list[float] = []
        for row, value in zip(self._rows, column, strict=True):
            found.append((value - sum(map(mul, row, found))) / row[-1])
        return found


def between(values: Sequence[float]) -> tuple[float, float]:
    """Standard deviation from run to run and its degrees of freedom; ``values`` in order of time.

    From successive differences, so that a slow trend is no scatter (von Neumann et al. 1941, Ann
    Math Stat 12:153); of pairs of runs it is the typical error of Hopkins (2000, Sports Med 30:1).
    Of fewer than six the ordinary one, since differences then tell too little. NaN and 0 with fewer
    than three values.
    """
    n = len(values)
    if n < 3:
        return math.nan, 0.0
    if n <= _CLIP_FROM:
        return stdev(values), n - 1.0
    apart = [abs(b - a) for a, b in pairwise(values)]
    most = _CLIP * median(apart) / _NORMAL_MEDIAN
    apart = [min(d, most) for d in apart] if most > 0.0 else apart
    variance = math.fsum(d * d for d in apart) / (2.0 * (n - 1))
    return math.sqrt(variance), 2.0 * (n - 1) ** 2 / (3.0 * n - 4.0)
