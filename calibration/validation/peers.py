"""The peers: published packages, run on the same samples in the same process.

``vqf`` (Laidig & Seel 2023): orientation; real time with its default settings, and its offline
variant, which looks ahead. ``imufusion``: orientation, one Python call a sample, as it has no
other interface. ``skdh`` (scikit-digital-health): gait of a whole recording at once; it is given
the recording as one bout of gait, because without that it asks for a detector of walking.
One that is not installed is said to be so, and is no failure.
"""

import contextlib
import importlib
import warnings
from typing import Any

import numpy as np

from calibration.validation.metrics import Floats
from gaitpi.units import DEG_PER_RAD, G0

NOT_INSTALLED = "not installed"


def module(name: str) -> Any | None:
    """An installed peer, or None."""
    with contextlib.suppress(ImportError):
        return importlib.import_module(name)
    return None


def up_of(quaternion: Floats) -> Floats:
    """Unit vectors (n, 3) pointing up, sensor frame, of quaternions (n, 4) sensor to earth."""
    w, x, y, z = quaternion.T
    return np.stack(
        [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), w * w - x * x - y * y + z * z], axis=1
    )


def vqf_up(acc: Floats, gyr: Floats, rate_hz: float, *, offline: bool = False) -> Floats | None:
    """Up (n, 3) by VQF with default settings; None when it is not installed."""
    vqf = module("vqf")
    if vqf is None:
        return None
    a, g = np.ascontiguousarray(acc), np.ascontiguousarray(gyr)
    if offline:
        return up_of(vqf.offlineVQF(g, a, None, 1.0 / rate_hz)["quat6D"])
    return up_of(vqf.VQF(1.0 / rate_hz).updateBatch(g, a)["quat6D"])


def imufusion_up(acc: Floats, gyr: Floats, rate_hz: float) -> Floats | None:
    """Up (n, 3) by imufusion with default settings; None when it is not installed."""
    imufusion = module("imufusion")
    if imufusion is None:
        return None
    ahrs = imufusion_filter(imufusion, rate_hz)
    a, g = acc / G0, gyr * DEG_PER_RAD
    up = np.empty((len(a), 3))
    for i in range(len(a)):
        ahrs.update_no_magnetometer(g[i], a[i])
        up[i] = ahrs.get_gravity()
    return up


def imufusion_filter(imufusion: Any, rate_hz: float) -> Any:
    """A filter of imufusion for a rate (Hz)."""
    settings = imufusion.AhrsSettings()
    settings.sample_rate = rate_hz
    ahrs = imufusion.Ahrs()
    ahrs.set_settings(settings)
    return ahrs


def skdh_steps(acc: Floats, rate_hz: float) -> tuple[Floats, Floats] | None:
    """Initial contacts and step times (k,) s by skdh; empty when it finds none.

    None when it is not installed. Step times are its own, so NaN where it holds none for sure.
    """
    gait = module("skdh.gait")
    if gait is None:
        return None
    # a start time that is a date, as it wants; 0 would be one of 1970 in any zone
    time_s = 1.6e9 + np.arange(len(acc)) / rate_hz
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = gait.GaitLumbar().predict(time=time_s, accel=acc / G0, fs=rate_hz)
        except Exception:  # it raises many kinds where it finds no gait at all
            return np.zeros(0), np.zeros(0)
    ic = np.asarray(found.get("IC Rel Timestamp", []), np.float64)
    step = np.asarray(found.get("step time", []), np.float64)
    return ic, step
