"""How strongly a buzzer must shake the sensor to be felt, and how often it is felt when silent."""

from typing import Final

import numpy as np

from gaitpi.device.doctor.hearing import (
    GUARD_S,
    TONES,
    WINDOW_S,
    WINDOWS,
    Heard,
    compare,
    pattern,
)
from gaitpi.imu.batch import Floats
from gaitpi.units import G0

RATE_HZ: Final = 200.0
PARTS: Final = (("MPU-6050", 4.5), ("LSM6DSOX", 1.4))
"""Noise of a sample, mg RMS: 400 and some 110 µg/√Hz (data sheets) over the bandwidth in use."""
SIZES_MG: Final = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
RUNS: Final = 200


def tries(noise_mg: float, size_mg: float, seed: int, tone_hz: float = TONES[0]) -> Heard:
    """One listening of the doctor: noise, and while the tone is on a sine of ``size_mg``."""
    rng = np.random.default_rng([seed, round(1000 * noise_mg), round(1000 * size_mg)])
    on = pattern(WINDOWS)
    n = int((WINDOW_S - GUARD_S) * RATE_HZ) - 1
    windows: Floats = noise_mg * rng.standard_normal((WINDOWS, n, 3))
    t = (np.arange(WINDOWS) * WINDOW_S)[:, None] + np.arange(n)[None, :] / RATE_HZ
    tone = size_mg * np.sin(2.0 * np.pi * tone_hz * t + rng.uniform(0.0, 2.0 * np.pi))
    windows[:, :, 2] += tone * np.array(on)[:, None]
    return compare(windows * G0 / 1000.0, on, RATE_HZ, tone_hz, len(TONES))


def table() -> list[str]:
    """Share felt, of ``RUNS`` listenings each."""
    out = [
        "| amplitude in the samples, mg | " + " | ".join(f"{s:g}" for s in SIZES_MG) + " |",
        "|---|" + "---|" * len(SIZES_MG),
    ]
    for part, noise in PARTS:
        felt = [
            sum(tries(noise, size, seed).sure for seed in range(RUNS)) / RUNS for size in SIZES_MG
        ]
        out.append(f"| {part}, noise {noise} mg | " + " | ".join(f"{x:.0%}" for x in felt) + " |")
    return out
