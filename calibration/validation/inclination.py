"""Inclination: the angle between the estimated and the true upward direction.

RMS over the samples of a trial whose truth is valid (``broad``: and in motion), then the mean
over the trials. ``rbds`` is a perfect virtual sensor in mid-run, so it gets the noise (4 mg,
0.1 °/s a sample) and the turn-on bias (uniform within ±1 °/s on each axis) of an MPU-6050, eight
draws a trial, and its first ten seconds are left out. Peers see the same samples.
"""

from collections.abc import Callable, Iterator

import numpy as np

from calibration.validation import peers
from calibration.validation.metrics import Floats, angle_deg, rms
from calibration.validation.recordings import BROAD, RBDS, REPOIMU, Recording, Source
from calibration.validation.report import Row
from gaitpi.gait import estimate
from gaitpi.units import G0, RAD_PER_DEG

BROAD_SHARE = 0.95
"""Of VQF's error, at most."""
RBDS_LIMIT_DEG = 0.45
DRAWS = 8
SETTLE_S = 10.0
ACC_NOISE = 0.004 * G0
GYR_NOISE = 0.1 * RAD_PER_DEG
BIAS = 1.0 * RAD_PER_DEG

Filter = Callable[[Floats, Floats, float], Floats | None]

FILTERS: dict[str, Filter] = {
    "gaitpi": lambda acc, gyr, rate: estimate(acc, gyr, rate).up,
    "VQF": peers.vqf_up,
    "VQF offline": lambda acc, gyr, rate: peers.vqf_up(acc, gyr, rate, offline=True),
    "imufusion": peers.imufusion_up,
}


def with_errors(rec: Recording, seed: int) -> Recording:
    """The recording with noise and bias of a cheap sensor; the beginning does not count."""
    rng = np.random.default_rng(seed)
    assert rec.gyr is not None
    acc = rec.acc + rng.normal(0.0, ACC_NOISE, rec.acc.shape)
    gyr = rec.gyr + rng.normal(0.0, GYR_NOISE, rec.gyr.shape)
    gyr += rng.uniform(-BIAS, BIAS, 3)
    use = np.arange(len(acc)) >= SETTLE_S * rec.rate_hz
    return Recording(rec.name, rec.rate_hz, acc, gyr, rec.subject, up=rec.up, use=use)


def error_deg(rec: Recording, filter_: Filter) -> float:
    """RMS error (deg) of a filter; NaN when it is not installed."""
    assert rec.up is not None
    assert rec.gyr is not None
    up = filter_(rec.acc, rec.gyr, rec.rate_hz)
    return np.nan if up is None else rms(angle_deg(up, rec.up)[rec.use])


def _trials(folder: str, source: Source) -> Iterator[tuple[str, list[Recording]]]:
    draws = (2 if source.small else DRAWS) if folder == RBDS else 1
    for k, rec in enumerate(source.get(folder)):
        if folder == RBDS:
            yield rec.name, [with_errors(rec, 100 * k + draw) for draw in range(draws)]
        else:
            yield rec.name, [rec]


def rows(source: Source) -> list[Row]:
    """One row a data set."""
    out = []
    for folder in (BROAD, RBDS, REPOIMU):
        errors: dict[str, list[float]] = {name: [] for name in FILTERS}
        names = []
        for name, variants in _trials(folder, source):
            names.append(name)
            for filter_name, filter_ in FILTERS.items():
                one = [error_deg(v, filter_) for v in variants]
                errors[filter_name].append(float(np.mean(one)))
        mean = {name: float(np.mean(values)) for name, values in errors.items()}
        limit = {BROAD: BROAD_SHARE * mean["VQF"], RBDS: RBDS_LIMIT_DEG, REPOIMU: mean["VQF"]}
        others = [
            f"{name} {peers.NOT_INSTALLED}" if np.isnan(mean[name]) else f"{name} {mean[name]:.3f}°"
            for name in ("VQF offline", "imufusion")
        ]
        out.append(
            Row(
                "inclination, mean RMS" + (" after 10 s" if folder == RBDS else ""),
                source.label(folder) + (" + noise, bias" if folder == RBDS else ""),
                f"{len(names)} trials",
                mean["gaitpi"],
                "°",
                3,
                "VQF" + (f" {peers.NOT_INSTALLED}" if np.isnan(mean["VQF"]) else ""),
                mean["VQF"],
                None if np.isnan(limit[folder]) else limit[folder],
                note="; ".join(others),
                parts=tuple(zip(names, errors["gaitpi"], strict=True)),
            )
        )
    return out
