"""How well a watch's clock is found by cadence, and how often one is found where there is none.

Made-up cadences: a runner's, with long-range noise and now and then a stop, and a watch's that
sees it smoothed over some seconds, in whole strides, with noise of its own. Half of the watches
see another runner: whatever is found there is false. ``python -m calibration.watchclock``.
"""

import argparse
import math
from statistics import median
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gaitpi.review import watchclock
from gaitpi.review.watchclock import Offset, compare, stands_out

Floats = NDArray[np.float64]

LONG_S: Final = (720, 2400)
"""Length of runs that are tried, s."""
SPM: Final = 168.0


def long_range(n: int, rng: np.random.Generator, power: float = 0.8) -> Floats:
    """Noise whose spectrum falls as 1/f to ``power``, standard deviation 1."""
    size = np.fft.rfftfreq(n)
    size[0] = math.inf
    spectrum = size ** (-power / 2.0) * np.exp(2j * np.pi * rng.random(len(size)))
    noise: Floats = np.fft.irfft(spectrum, n)
    noise /= noise.std()
    return noise


def runner(rng: np.random.Generator, long_s: int, stops: int, sd_spm: float) -> Floats:
    """Cadence second by second; 0 in stops of 10 to 40 s."""
    cadence = SPM + sd_spm * long_range(long_s, rng)
    for _ in range(stops):
        at, length = rng.integers(60, long_s - 60), rng.integers(10, 41)
        cadence[at : at + length] = 0.0
    return cadence


def watch(cadence: Floats, rng: np.random.Generator) -> dict[int, float]:
    """What a watch makes of it: a mean over 3 to 7 s gone by, whole strides."""
    over = int(rng.integers(3, 8))
    seen = np.convolve(cadence, np.ones(over) / over)[: len(cadence)]
    seen = 2.0 * np.round((seen + rng.normal(0.0, 1.0, len(seen))) / 2.0)
    return {k: max(0.0, float(v)) for k, v in enumerate(seen)}


class Trial(NamedTuple):
    """The true difference, what was found, and how far the peak stood out."""

    ahead_s: float
    found: Offset | None
    stands_out: float


def trial(seed: int, long_s: int, stops: int, sd_spm: float, *, same: bool) -> Trial:
    """One run and one watch, of the ``same`` runner or another."""
    rng = np.random.default_rng(seed)
    mine = runner(rng, long_s, stops, sd_spm)
    seen = watch(mine if same else runner(rng, long_s, stops, sd_spm), rng)
    ahead = int(rng.integers(-150, 151))
    own = {k: float(v) for k, v in enumerate(mine)}
    moved = {k + ahead: v for k, v in seen.items()}
    most = watchclock.SEARCH_S
    found = compare(own, moved, -most, most)
    return Trial(float(ahead), found, stands_out(own, moved, -most, most))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=50)
    trials = range(parser.parse_args().trials)
    print("| run | runner | found | error, median | within 2 sd | another's watch: found | peak |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for long_s in LONG_S:
        for words, stops, sd_spm in (
            ("no stop, sd 1 spm", 0, 1.0),
            ("no stop, sd 2 spm", 0, 2.0),
            ("1 stop", 1, 2.0),
            ("4 stops", 4, 2.0),
        ):
            tried = [trial(k, long_s, stops, sd_spm, same=True) for k in trials]
            found = [(one.ahead_s, one.found) for one in tried if one.found is not None]
            errors = [one.seconds - ahead for ahead, one in found]
            inside = sum(abs(e) <= 2 * one.sd_s for e, (_, one) in zip(errors, found, strict=True))
            others = [trial(k, long_s, stops, sd_spm, same=False) for k in trials]
            false = sum(one.found is not None for one in others)
            size = f"{median(map(abs, errors)):.1f} s" if errors else "-"
            print(
                f"| {long_s // 60} min | {words} | {len(found)} of {len(trials)} | {size} |"
                f" {inside} of {len(found)} | {false} of {len(trials)} |"
                f" {max(one.stands_out for one in others):.2f}× |",
                flush=True,
            )


if __name__ == "__main__":
    main()
