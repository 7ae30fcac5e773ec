"""Plain methods as anybody would first write them, for the column of peers.

They are kept honest and small, not weak: causal where ours is, one idea each.
"""

import numpy as np
from numpy.typing import NDArray

from calibration.validation.metrics import Floats
from gaitpi.units import G0

CADENCE_HZ = (2.2, 4.0)
"""Steps of running: 132 to 240 a minute."""
FORCE = 0.3
"""Contact while the vertical force is above this many g."""
MEAN_S = 1.0
"""Averaging of the acceleration that is taken for the vertical."""
STEP_MIN_S = 0.25
RUN_WINDOW_S = 2.0
RUN_G = 0.5
"""Running: the acceleration scatters by more than this within the window."""


def low_pass(signal: Floats, rate_hz: float, tau_s: float) -> Floats:
    """First-order causal low-pass (n, ...), beginning at the first value."""
    k = 1.0 - np.exp(-1.0 / (rate_hz * tau_s))
    out = np.empty_like(signal)
    state = signal[0]
    for i, value in enumerate(signal):
        state = state + k * (value - state)
        out[i] = state
    return out


def fft_cadence(acc: Floats, rate_hz: float) -> float:
    """Cadence (spm) by the highest line of the spectrum of ``|a|``, zero-padded to 0.01 Hz."""
    x = np.linalg.norm(acc, axis=1)
    x = (x - x.mean()) * np.hanning(len(x))
    size = int(2 ** np.ceil(np.log2(100.0 * rate_hz)))
    power = np.abs(np.fft.rfft(x, max(size, len(x)))) ** 2
    hz = np.fft.rfftfreq(max(size, len(x)), 1.0 / rate_hz)
    band = (hz >= CADENCE_HZ[0]) & (hz <= CADENCE_HZ[1])
    return float(60.0 * hz[band][np.argmax(power[band])])


def threshold_contacts(acc: Floats, rate_hz: float) -> tuple[Floats, Floats]:
    """Contacts (begin, end) in s: the force along the mean of the last second above 0.3 g."""
    mean = low_pass(acc, rate_hz, MEAN_S)
    up = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9)
    on = np.einsum("ij,ij->i", acc, up) > FORCE * G0
    change = np.flatnonzero(np.diff(on.astype(int)))
    begin = change[on[change + 1]] + 1
    end = change[~on[change + 1]] + 1
    end = end[end > begin[0]] if len(begin) else end
    k = min(len(begin), len(end))
    long = (end[:k] - begin[:k]) / rate_hz >= 0.08
    return begin[:k][long] / rate_hz, end[:k][long] / rate_hz


def peak_steps(acc: Floats, rate_hz: float) -> Floats:
    """Step times (k,) s: peaks of the low-passed ``|a|`` above its mean, 0.25 s apart at least."""
    smooth = low_pass(np.linalg.norm(acc, axis=1), rate_hz, 0.05)
    level = low_pass(smooth, rate_hz, 2.0)
    peaks = (smooth[1:-1] > smooth[:-2]) & (smooth[1:-1] >= smooth[2:])
    peaks &= smooth[1:-1] > level[1:-1] + 0.2 * G0
    out: list[int] = []
    for i in np.flatnonzero(peaks) + 1:
        if not out or i - out[-1] >= STEP_MIN_S * rate_hz:
            out.append(int(i))
    return np.array(out, np.float64) / rate_hz


def running(acc: Floats, rate_hz: float) -> NDArray[np.bool_]:
    """Running (n,): the scatter of ``|a|`` over the last two seconds is above half a g."""
    size = np.linalg.norm(acc, axis=1)
    n = int(RUN_WINDOW_S * rate_hz)
    total = np.concatenate([[0.0], np.cumsum(size)])
    square = np.concatenate([[0.0], np.cumsum(size**2)])
    i = np.arange(1, len(size) + 1)
    first = np.maximum(i - n, 0)
    mean = (total[i] - total[first]) / (i - first)
    variance = (square[i] - square[first]) / (i - first) - mean**2
    return np.asarray((np.sqrt(np.maximum(variance, 0.0)) > RUN_G * G0) & (i >= n))
