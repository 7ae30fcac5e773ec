"""How far a watch's clock is ahead of a run's, by the cadence that both measured. No numpy.

Both cadences are put on a grid of seconds and freed of their slow change (the mean of the minute
around), then laid over each other at every whole second of difference: where they agree best, the
clocks agree. A difference is given only where the best agreement stands out of all the others and
stays where it is when any quarter of the run is left out; its uncertainty comes from leaving out
eighths (jackknife). An even cadence tells nothing.
The method is the usual one of signal processing (cross-correlation, parabola through its peak).
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from operator import mul
from statistics import fmean, median
from typing import Final, NamedTuple

from gaitpi.runs.rows import SecondRow

SEARCH_S: Final = 180
"""Clocks may differ by so much and still be found without naming the run, s."""
LEAST_S: Final = 240
"""Seconds in which both cadences are known, below which nothing is said."""
AROUND_S: Final = 30
"""Half of the time over whose mean slow change is taken off, s."""
HOLD_S: Final = 8.0
"""A watch that records now and then holds its last value so long, s."""
MOST_SPM: Final = 10.0
"""Further from the median nothing is: a stop must not be all that is seen of a run, steps/min."""
BLOCKS: Final = 8
"""Parts of which each is left out once."""
LEAST_R: Final = 0.2
"""Correlation at the peak below which nothing is said."""
STANDS_OUT: Final = 2.2
"""How many times the best correlation elsewhere the peak must be: of runs that have nothing to do
with each other it is below that (``python -m calibration.watchclock``)."""
PEAK_S: Final = 20
"""Differences so near to the peak belong to it, s."""
SAME_S: Final = 8.0
"""So near to the peak it must stay when any quarter of the run is left out, s."""
MOST_SD_S: Final = 4.0
"""Standard uncertainty beyond which nothing is said, s."""
DELAY_SD_S: Final = 2.0
"""Watches smooth cadence over some seconds, by an unknown number; a part of the uncertainty."""
MOST_S: Final = 100_000
"""Seconds of either that are looked at: more than a day."""
MOST_LAGS: Final = 15_000
"""Differences that are tried: a marathon's watch and pack, wherever one begins in the other."""


class Offset(NamedTuple):
    """``seconds`` the watch is ahead, its standard uncertainty, the correlation at the peak."""

    seconds: float
    sd_s: float
    correlation: float

    @property
    def differs(self) -> bool:
        """Whether the clocks differ by more than the method can be wrong."""
        return abs(self.seconds) > 2.0 * self.sd_s


def own_cadence(seconds: Iterable[SecondRow]) -> dict[int, float]:
    """Cadence of a run by whole seconds of run time; 0 while standing."""
    found = {}
    for row in itertools.islice(seconds, MOST_S):
        cadence = 0.0 if row.activity == 1 else row.cadence_spm
        if math.isfinite(cadence):
            found[int(row.time_s)] = cadence
    return found


def watch_cadence(moments: Iterable[tuple[float, float]]) -> dict[int, float]:
    """Cadence of a watch by whole seconds: each value holds until the next, or for ``HOLD_S``.

    ``moments`` are (time s, cadence) in the order of time; NaN is not known.
    """
    known = [(t, c) for t, c in moments if math.isfinite(c)]
    found: dict[int, float] = {}
    for (t, cadence), (after, _) in itertools.pairwise([*known, (math.inf, 0.0)]):
        for second in range(math.ceil(t), math.ceil(min(after, t + HOLD_S, t + MOST_S))):
            found[second] = cadence
        if len(found) > MOST_S:
            break
    return found


def compare(
    own: dict[int, float], watch: dict[int, float], least_s: int, most_s: int
) -> Offset | None:
    """How far ``watch`` is ahead of ``own``, among ``least_s`` to ``most_s``; None if not clear."""
    if not 2 * PEAK_S < most_s - least_s <= MOST_LAGS:
        return None
    if min(len(own), len(watch)) < LEAST_S:
        return None
    table = _table(own, watch, least_s, most_s)
    whole = [_correlation(parts) for parts in table]
    peak, elsewhere = _peaks(whole)
    if peak < max(LEAST_R, STANDS_OUT * elsewhere):
        return None
    # one stop in either may agree by chance, and lie in two blocks: the rest must say the same
    pairs = [_without(table, k, 2) for k in range(BLOCKS - 1)]
    if max(abs(one - _top(whole)) for one in pairs) > SAME_S:
        return None
    without = [_without(table, k, 1) for k in range(BLOCKS)]
    spread = sum((one - fmean(without)) ** 2 for one in without)
    sd_s = math.hypot(math.sqrt((BLOCKS - 1) / BLOCKS * spread), DELAY_SD_S)
    if sd_s > MOST_SD_S:
        return None
    return Offset(least_s + _top(whole), sd_s, peak)


def _without(table: Sequence[Sequence["_Part"]], first: int, n: int) -> float:
    """Where the peak is when ``n`` blocks from ``first`` on are left out."""
    return _top([_correlation([*parts[:first], *parts[first + n :]]) for parts in table])


def stands_out(own: dict[int, float], watch: dict[int, float], least_s: int, most_s: int) -> float:
    """How many times the best correlation elsewhere the peak is."""
    table = _table(own, watch, least_s, most_s)
    peak, elsewhere = _peaks([_correlation(parts) for parts in table])
    return peak / elsewhere if elsewhere > 0.0 else math.inf


def _table(
    own: dict[int, float], watch: dict[int, float], least_s: int, most_s: int
) -> list[list["_Part"]]:
    mine, theirs = _Signal(own), _Signal(watch)
    return [_products(mine, theirs, lag) for lag in range(least_s, most_s + 1)]


def _peaks(whole: Sequence[float]) -> tuple[float, float]:
    """The largest correlation, and the largest of those that do not belong to it."""
    at = max(range(len(whole)), key=whole.__getitem__)
    return whole[at], max(r for k, r in enumerate(whole) if abs(k - at) > PEAK_S)


class _Signal:
    """Values on a grid of seconds from ``first`` on, slow change off; 0 where not known."""

    def __init__(self, found: dict[int, float]) -> None:
        self.first = min(found)
        n = min(max(found) - self.first + 1, MOST_S)
        usual = median(found.values())
        known = [_clipped(found.get(self.first + k), usual) for k in range(n)]
        sums = [0.0, *itertools.accumulate(v or 0.0 for v in known)]
        counts = [0, *itertools.accumulate(v is not None for v in known)]
        self.values = []
        for k, value in enumerate(known):
            a, b = max(0, k - AROUND_S), min(n, k + AROUND_S + 1)
            mean = (sums[b] - sums[a]) / max(1, counts[b] - counts[a])
            self.values.append(0.0 if value is None else value - mean)
        self.known = [float(v is not None) for v in known]
        self.squares = [v * v for v in self.values]


def _clipped(value: float | None, usual: float) -> float | None:
    return None if value is None else max(usual - MOST_SPM, min(value, usual + MOST_SPM))


_Part = tuple[float, float, float, float]
"""Sum of products, of squares of either, and seconds in which both are known."""


def _products(mine: _Signal, theirs: _Signal, lag: int) -> list[_Part]:
    """Sums over each of the blocks of ``mine``, ``theirs`` taken ``lag`` later."""
    n = len(mine.values)
    edges = [n * k // BLOCKS for k in range(BLOCKS + 1)]
    move = mine.first + lag - theirs.first
    parts = []
    for begin, end in itertools.pairwise(edges):
        begin, end = max(begin, -move), min(end, len(theirs.values) - move)
        if begin >= end:
            parts.append((0.0, 0.0, 0.0, 0.0))
            continue
        here, there = slice(begin, end), slice(begin + move, end + move)
        parts.append(
            (
                sum(map(mul, mine.values[here], theirs.values[there])),
                sum(map(mul, mine.squares[here], theirs.known[there])),
                sum(map(mul, theirs.squares[there], mine.known[here])),
                sum(map(mul, mine.known[here], theirs.known[there])),
            )
        )
    return parts


def _correlation(parts: Sequence[_Part]) -> float:
    both, mine, theirs, seconds = (math.fsum(column) for column in zip(*parts, strict=True))
    if seconds < LEAST_S // 2 or mine <= 0.0 or theirs <= 0.0:
        return 0.0
    return both / math.sqrt(mine * theirs)


def _top(values: Sequence[float]) -> float:
    """Where the largest value is, between two by the parabola through it and its neighbours."""
    at = max(range(len(values)), key=values.__getitem__)
    if not 0 < at < len(values) - 1:
        return float(at)
    a, b, c = values[at - 1 : at + 2]
    bend = a - 2.0 * b + c
    return at + (0.5 * (a - c) / bend if bend < 0.0 else 0.0)
