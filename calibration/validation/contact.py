"""How contact time stands up: to rate, noise, scale, filters, mounting and its own parameters.

Run it as ``python -m calibration.validation.contact``. Prints, per change, RMSE over trials and
mean error against force plates of each data set, and SD and bias of the initial contacts.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import butter, filtfilt

from calibration.validation.recordings import ALCANTARA, RBDS, Recording, Source
from gaitpi.gait import GaitParams, estimate
from gaitpi.units import G0

Floats = Any
Change = Callable[[Floats, Floats | None, float], tuple[Floats, Floats | None, float]]
RNG = np.random.default_rng(0)


def same(acc: Floats, gyr: Floats | None, rate: float) -> tuple[Floats, Floats | None, float]:
    """No change."""
    return acc, gyr, rate


def at_rate(target: float) -> Change:
    """Resampled to ``target`` Hz, low-passed at 0.4 of it where it is the lower rate."""

    def change(acc: Floats, gyr: Floats | None, rate: float) -> Any:
        old = np.arange(len(acc)) / rate
        new = np.arange(int(len(acc) * target / rate)) / target

        def move(x: Floats) -> Floats:
            if target < rate:
                x = filtfilt(*butter(4, 0.8 * target / rate), x, axis=0)
            return np.stack([np.interp(new, old, x[:, i]) for i in range(3)], axis=1)

        return move(acc), None if gyr is None else move(gyr), target

    return change


def low_passed(cutoff_hz: float) -> Change:
    """Accelerometer low-passed without lag, fourth order in all."""
    return lambda acc, gyr, rate: (
        filtfilt(*butter(2, 2.0 * cutoff_hz / rate), acc, axis=0),
        gyr,
        rate,
    )


def noisy(sigma_g: float) -> Change:
    """White noise on the accelerometer."""
    return lambda acc, gyr, rate: (acc + RNG.normal(0, sigma_g * G0, acc.shape), gyr, rate)


def scaled(factor: float) -> Change:
    """An accelerometer of wrong scale."""
    return lambda acc, gyr, rate: (factor * acc, gyr, rate)


def turned(acc: Floats, gyr: Floats | None, rate: float) -> Any:
    """Mounted at random."""
    q, r = np.linalg.qr(RNG.standard_normal((3, 3)))
    q = q * np.sign(np.diag(r))
    q = q * np.linalg.det(q)
    return acc @ q.T, None if gyr is None else gyr @ q.T, rate


def clipped(acc: Floats, gyr: Floats | None, rate: float) -> Any:
    """The axis along the body never below zero."""
    return np.column_stack([acc[:, :2], np.maximum(acc[:, 2], 0.0)]), gyr, rate


def judge(recordings: list[Recording], change: Change, params: GaitParams) -> str:
    """One line of figures of a data set."""
    contact, sd, bias = [], [], []
    for rec in recordings:
        if rec.ic is None or rec.to is None:
            continue
        acc, gyr, rate = change(rec.acc, rec.gyr, rec.rate_hz)
        steps = estimate(acc, gyr, rate, params=params).steps
        ic, to = rec.ic, rec.to
        contact.append(1e3 * (np.nanmean(steps["contact_s"]) - np.mean(to - ic)))
        late = np.array([x - ic[np.argmin(np.abs(ic - x))] for x in steps["ic_s"]])
        late = 1e3 * late[np.abs(late) < 0.06]
        sd.append(np.std(late))
        bias.append(np.mean(late))
    rms = np.sqrt(np.mean(np.square(contact)))
    landing = f"contacts {np.mean(sd):3.1f} ({np.mean(bias):+3.0f})"
    return f"{rms:5.1f} ({np.mean(contact):+3.0f})  {landing}"


def main() -> int:
    """Print the table; without recordings, of simulated ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "shared" / "data")
    root = parser.parse_args().data
    source = Source(root if root.is_dir() else None)
    rows: list[tuple[str, Change, GaitParams]] = [("as it is", same, GaitParams())]
    changes: dict[str, Change] = {
        **{f"{r:g} Hz": at_rate(r) for r in (52.0, 100.0, 150.0, 208.0, 300.0, 1000.0)},
        **{f"low-pass {f:g} Hz": low_passed(f) for f in (10.0, 15.0)},
        **{f"noise {n:g} g": noisy(n) for n in (0.004, 0.012)},
        **{f"scale {s:g}": scaled(s) for s in (0.963, 1.037)},
        "turned": turned,
        "clipped": clipped,
        "no gyroscope": lambda acc, _, rate: (acc, None, rate),
    }
    rows += [(name, change, GaitParams()) for name, change in changes.items()]
    for name, values in {
        "contact_model_s": (0.01, 0.015, 0.025, 0.03),
        "smooth_s": (0.004, 0.008, 0.016),
        "loading_steps": (2.0, 4.0, 16.0),
    }.items():
        rows += [(f"{name} {v:g}", same, GaitParams(**{name: v})) for v in values]
    print("contact time, RMSE over trials (mean), ms; initial contacts, SD (bias), ms")
    for name, change, params in rows:
        parts = [judge(source.get(f), change, params) for f in (ALCANTARA, RBDS)]
        print(f"{name:24s} alcantara {parts[0]}   rbds {parts[1]}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
