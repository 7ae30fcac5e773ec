"""A day of somebody who wears the pack too long: the signal of a soak, as long as wanted.

A few stretches are made once, by :func:`make` in a process of their own, and lie in files. ``Day``
reads what it is asked for from them, one stretch after the other, and keeps nothing, so that a soak
measures the daemon's memory and not the simulator's. Each stretch begins and ends standing.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.story import Phase

Floats = NDArray[np.float64]

BYTES: Final = 6 * 4
"""Of a sample: acceleration and angular rate as 32-bit floats."""
CYCLE: Final = ("rest", "long", "walk", "rest", "rest", "short", "rest", "rest", "walk")
"""Stretches in the order of a day; then from the beginning."""


def phases(name: str, scale: float) -> tuple[Phase, ...]:
    """A stretch; at ``scale`` 1 a long run is 55 min, a short one 33 min, a rest 10 min."""
    minute = 60.0 * scale
    stand, walk = Phase("stand", 20.0), Phase("walk", 40.0, cadence_spm=110.0, speed_mps=1.4)
    if name == "rest":
        return (Phase("stand", 10.0 * minute),)
    if name == "walk":
        strolling = Phase("walk", 6.0 * minute, cadence_spm=108.0, speed_mps=1.4)
        return (stand, strolling, Phase("stand", 2.0 * minute))
    run = Phase("run", 5.0 * minute, cadence_spm=170.0, speed_mps=2.8, lean_deg=5.0)
    sag = Phase(
        "run",
        4.0 * minute,
        cadence_spm=170.0,
        cadence_end_spm=158.0,
        speed_mps=2.6,
        lean_deg=5.0,
        lean_end_deg=9.0,
    )
    once = (run, sag, walk)
    return (stand, walk, *once * (5 if name == "long" else 3), run, stand)


def make(folder: Path, rate_hz: float, scale: float) -> None:
    """Write the stretches' samples at ``rate_hz`` into ``folder``; done by another process."""
    args = ["-m", "calibration.day", str(folder), repr(rate_hz), repr(scale)]
    subprocess.run([sys.executable, *args], check=True)


@dataclass(frozen=True, slots=True)
class Stretch:
    """So many samples of the day from number ``first`` on, in the open file ``fd``."""

    name: str
    first: int
    n: int
    fd: int


class Day:
    """A :class:`~gaitpi.imu.virtual.source.SignalSource` made of the stretches in ``folder``.

    Only at the rate they were made at. ``stretches`` with their times; for a ``with`` block.
    """

    rate_hz: float | None = None

    def __init__(self, folder: Path, rate_hz: float, duration_s: float) -> None:
        self.duration_s = duration_s
        self._rate = rate_hz
        self._files = {
            name: os.open(folder / f"{name}.f32", os.O_RDONLY) for name in sorted(set(CYCLE))
        }
        self.stretches: list[Stretch] = []
        first, i = 0, 0
        while first < duration_s * rate_hz:
            name = CYCLE[i % len(CYCLE)]
            n = os.fstat(self._files[name]).st_size // BYTES
            self.stretches.append(Stretch(name, first, n, self._files[name]))
            first, i = first + n, i + 1
        self._at = 0

    def __enter__(self) -> Self:
        """The day itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        for fd in self._files.values():
            os.close(fd)

    def starts_s(self, name: str) -> list[float]:
        """When stretches of that name begin, s."""
        return [s.first / self._rate for s in self.stretches if s.name == name]

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        """Samples as in ``SignalSource``. Raises ValueError at another rate."""
        if rate_hz != self._rate:
            raise ValueError(f"the day was made at {self._rate} Hz, not {rate_hz}")
        parts: list[NDArray[np.float32]] = []
        while n > 0:
            stretch = self._stretch(first)
            skip = min(first - stretch.first, stretch.n - 1)
            take = min(n, stretch.n - skip)
            raw = os.pread(stretch.fd, take * BYTES, skip * BYTES)
            parts.append(np.frombuffer(raw, dtype=np.float32).reshape(-1, 6))
            first, n = first + take, n - take
        both = np.concatenate(parts).astype(np.float64)
        return both[:, :3], both[:, 3:]

    def _stretch(self, first: int) -> Stretch:
        """The one with this sample; the last one for what lies beyond the day."""
        here = self.stretches[self._at]
        if not here.first <= first < here.first + here.n:
            ends = [s.first + s.n for s in self.stretches]
            self._at = min(int(np.searchsorted(ends, first, side="right")), len(ends) - 1)
        return self.stretches[self._at]


def main(args: Sequence[str]) -> None:
    """Make the files: folder, rate in Hz, scale."""
    folder, rate_hz, scale = Path(args[0]), float(args[1]), float(args[2])
    for k, name in enumerate(sorted(set(CYCLE))):
        runner = SimulatedRunner(phases(name, scale), RunnerParams(seed=10 + k))
        n = int(runner.duration_s * rate_hz)
        with (folder / f"{name}.f32").open("wb") as file:
            for first in range(0, n, 1 << 16):
                both = runner.samples(first, min(1 << 16, n - first), rate_hz)
                file.write(np.hstack(both).astype(np.float32).tobytes())


if __name__ == "__main__":
    main(sys.argv[1:])
