"""How the pack sits on the body, second by second: what it rings with and which way it points.

Sums over whole seconds of running, from the samples and the estimator's trace; what they mean is
judged by :mod:`gaitpi.device.belt`. Method, source and limits: docs/algorithms.md, "Belt".
"""

import math
from typing import Any, Final

import numpy as np

from gaitpi.gait._jit import kernel
from gaitpi.gait.types import (
    RUNNING,
    V_ACTIVITY,
    V_CADENCE,
    V_LEAN,
    V_LEAN_FROM,
    V_LEAN_SD,
    V_SIDE_LEAN,
    V_UP,
    V_YAW,
    Floats,
    Trace,
)
from gaitpi.units import G0

BODY_HZ: Final = 8.0
"""Above this the vertical acceleration is no longer gait but what the impact excites: the fourth
harmonic of a fast step lies near 12 Hz and is small, the third of a usual one at 8 Hz."""
RING_HZ: Final = 20.0
"""Trunk and tight belt answer an impact below this, a pack on a slack belt above it as well."""
TOP_HZ: Final = 45.0
"""Above this chips differ by their own low-pass filters."""
RATE_MIN_HZ: Final = 80.0
"""Least sample rate that shows ringing at 20 to 40 Hz."""

_GAP_S: Final = 0.03
_SETTLE_S: Final = 0.5
_SECTIONS: Final = 6
_SLOW_S: Final = 2.0
_LEAK_S: Final = 0.5

B_SECOND: Final = 0
B_N: Final = 1
B_RUNNING: Final = 2
B_BROKEN: Final = 3
B_HIGH: Final = 4
B_LOW: Final = 5
B_PUSH: Final = 6
B_UP: Final = 9
B_LEAN: Final = 12
B_SIDE: Final = 13
B_SD: Final = 14
B_LEANS: Final = 15
B_YAW: Final = 16
B_CADENCE: Final = 17
B_FROM: Final = 18
COLUMNS: Final = 19
"""Columns of a second: its number; samples, those of running, those too near to a gap; sums of
the squared vertical acceleration above and below ``RING_HZ``; of push (3: vertical velocity times
horizontal acceleration) and of up (3), sensor frame; of lean, side lean, their uncertainty (deg)
and how many; of yaw rate (rad/s) and cadence (spm) in running; the last ``lean_from``."""

STATE: Final = np.dtype(
    [
        ("samples", np.int64),
        ("t", np.float64),
        ("calm_t", np.float64),
        ("mean", np.float64),
        ("w", np.float64),
        ("z", np.float64, (_SECTIONS, 2)),
        ("row", np.float64, (COLUMNS,)),
    ]
)


def _section(kind: str, hz: float, q: float, rate_hz: float) -> tuple[float, ...]:
    """One second-order section b0 b1 b2 a1 a2, bilinear transform with prewarping."""
    k = math.tan(math.pi * hz / rate_hz)
    norm = 1.0 / (1.0 + k / q + k * k)
    b = norm if kind == "high" else k * k * norm
    b1 = -2.0 * b if kind == "high" else 2.0 * b
    return b, b1, b, 2.0 * (k * k - 1.0) * norm, (1.0 - k / q + k * k) * norm


def sections(rate_hz: float) -> Floats:
    """Second-order sections (6, 5) of the filters, in the order of the kernel.

    High-pass of fourth order at ``BODY_HZ`` (both bands), low-pass of second order at ``RING_HZ``
    (lower band), high-pass of fourth order at ``RING_HZ`` and low-pass of second order at
    ``TOP_HZ`` (upper band); all Butterworth.
    """
    steep = (0.5 / math.sin(math.pi / 8.0), 0.5 / math.sin(3.0 * math.pi / 8.0))
    plain = math.sqrt(0.5)
    top_hz = min(TOP_HZ, 0.45 * rate_hz)
    made = [_section("high", BODY_HZ, q, rate_hz) for q in steep]
    made.append(_section("low", RING_HZ, plain, rate_hz))
    made += [_section("high", RING_HZ, q, rate_hz) for q in steep]
    made.append(_section("low", top_hz, plain, rate_hz))
    return np.array(made)


@kernel
def filtered(c: Any, z: Any, k: int, x: float) -> float:
    """One sample through section ``k`` (transposed direct form II)."""
    y = c[k, 0] * x + z[k, 0]
    z[k, 0] = c[k, 1] * x - c[k, 3] * y + z[k, 1]
    z[k, 1] = c[k, 2] * x - c[k, 4] * y
    return float(y)


@kernel
def belt_block(c: Any, rate_hz: float, state: Any, t: Any, acc: Any, values: Any, out: Any) -> int:
    """Add n samples: t (n,) s, acc (n, 3) m/s², ``values`` (VALUES, n) of their trace.

    Finished seconds go to ``out`` (n, COLUMNS); returns how many. Samples the estimator skipped
    (not finite, not later than the one before) are skipped here too.
    """
    st = state[0]
    z = st["z"]
    row = st["row"]
    dt = 1.0 / rate_hz
    gap = max(_GAP_S, 2.5 * dt)
    done = 0
    for i in range(t.shape[0]):
        ax, ay, az = acc[i, 0], acc[i, 1], acc[i, 2]
        now = t[i]
        first = st["samples"] == 0
        if not (np.isfinite(now) and np.isfinite(ax) and np.isfinite(ay) and np.isfinite(az)):
            continue
        if not first and now <= st["t"]:
            continue
        second = np.floor(now)
        if not first and second != row[B_SECOND]:
            out[done] = row
            done += 1
        if first or second != row[B_SECOND]:
            row[:] = 0.0
            row[B_SECOND] = second
        if first or now - st["t"] > gap:
            z[:] = 0.0
            st["calm_t"] = now + _SETTLE_S
        st["t"] = now
        st["samples"] += 1
        row[B_N] += 1.0
        ux, uy, uz = values[V_UP, i], values[V_UP + 1, i], values[V_UP + 2, i]
        if np.isnan(ux):
            continue
        f = ax * ux + ay * uy + az * uz
        v = f - G0
        x = filtered(c, z, 1, filtered(c, z, 0, v))
        low = filtered(c, z, 2, x)
        high = filtered(c, z, 5, filtered(c, z, 4, filtered(c, z, 3, x)))
        st["mean"] += (v - st["mean"]) * dt / _SLOW_S
        st["w"] += (v - st["mean"]) * dt - st["w"] * dt / _LEAK_S
        if now < st["calm_t"]:
            row[B_BROKEN] += 1.0
        if values[V_ACTIVITY, i] != RUNNING:
            continue
        w = st["w"]
        row[B_RUNNING] += 1.0
        row[B_HIGH] += high * high
        row[B_LOW] += low * low
        row[B_PUSH] += w * (ax - f * ux)
        row[B_PUSH + 1] += w * (ay - f * uy)
        row[B_PUSH + 2] += w * (az - f * uz)
        row[B_UP] += ux
        row[B_UP + 1] += uy
        row[B_UP + 2] += uz
        row[B_YAW] += values[V_YAW, i]
        row[B_CADENCE] += values[V_CADENCE, i]
        row[B_FROM] = values[V_LEAN_FROM, i]
        if not np.isnan(values[V_LEAN, i]):
            row[B_LEAN] += values[V_LEAN, i]
            row[B_SIDE] += values[V_SIDE_LEAN, i]
            row[B_SD] += values[V_LEAN_SD, i]
            row[B_LEANS] += 1.0
    return done


class BeltSense:
    """Sums of each second of one stream; ``rate_hz`` as given to the estimator.

    Any cutting of the samples into blocks gives the same bits.
    """

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._sections = sections(rate_hz)
        self._state = np.zeros(1, STATE)

    def update(self, acc: Floats, trace: Trace) -> Floats:
        """Take acc (n, 3) m/s² with its trace; gives the seconds finished by it (k, COLUMNS)."""
        n = len(trace)
        out = np.empty((n, COLUMNS))
        k = belt_block(
            self._sections, self._rate_hz, self._state, trace.time_s, acc, trace.values, out
        )
        return out[:k]

    def finish(self) -> Floats:
        """The unfinished second (0 or 1, COLUMNS)."""
        rec = self._state[0]
        return np.array(rec["row"])[None, :] if rec["samples"] else np.empty((0, COLUMNS))
