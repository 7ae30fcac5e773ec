"""Cadence outdoors in windows of 10 s, against a second sensor at the ankle.

Windows lie side by side; one counts when the ankle runs in both of its halves (scatter of its
``|a|`` at least 8 m/s²). The true stride is the highest autocorrelation of the ankle's ``|a|``
between 0.55 and 0.95 s; where truth are steps (simulated) it is theirs. Of our steps those that
we call running count. Peers cannot tell, so only their steps of 0.22 to 0.5 s count, and a step
they miss is left out and not taken for a slow one: that is generous. A window without cadence is
a miss of "within 2", and its error is not in the mean: how many there are is said.
"""

import numpy as np

from calibration.validation import naive, peers
from calibration.validation.metrics import (
    Floats,
    cadence_of,
    period_s,
    running_only,
    window_cadence,
    windows,
)
from calibration.validation.recordings import ADEPT, Recording, Source
from calibration.validation.report import Row
from gaitpi.gait import RUNNING

RUNS_MS2 = 8.0
STRIDE_S = (0.55, 0.95)
WITHIN_SPM = 2.0
LIMIT_SPM = 0.30


def truth_spm(rec: Recording, first: int, end: int) -> float:
    """True cadence of a window; NaN where the truth does not run steadily."""
    if rec.ankle is None:
        assert rec.ic is not None
        inside = rec.ic[(rec.ic * rec.rate_hz >= first) & (rec.ic * rec.rate_hz < end)]
        times = np.diff(inside)
        steady = len(times) > 4 and times.max() < 0.46 and inside[0] * rec.rate_hz < first + 50
        whole = steady and inside[-1] * rec.rate_hz > end - 50
        return cadence_of(times) if whole else np.nan
    part = rec.ankle[first:end]
    half = len(part) // 2
    if min(part[:half].std(), part[half:].std()) < RUNS_MS2:
        return np.nan
    return 120.0 / period_s(part, rec.rate_hz, *STRIDE_S)


def errors_spm(rec: Recording, ic_s: Floats, step_s: Floats) -> Floats:
    """Error (k,) in spm in each window that has a truth; NaN where there is no cadence."""
    out = []
    for first, end in windows(len(rec.acc), rec.rate_hz):
        true = truth_spm(rec, first, end)
        if np.isfinite(true):
            mine = window_cadence(ic_s, step_s, first / rec.rate_hz, end / rec.rate_hz)
            out.append(mine - true)
    return np.array(out)


def share_within(errors: Floats, limit: float) -> float:
    """Share (%) of windows within a limit; unknown ones are not."""
    return float(100.0 * np.mean(np.abs(np.nan_to_num(errors, nan=np.inf)) <= limit))


def own_steps(rec: Recording) -> tuple[Floats, Floats]:
    """Our initial contacts and step times; the time of what we do not call running is NaN."""
    steps = rec.trace.steps
    return steps["ic_s"], np.where(steps["activity"] == RUNNING, steps["step_s"], np.nan)


def naive_steps(rec: Recording) -> tuple[Floats, Floats]:
    """The same by the naive method."""
    ic_s = naive.peak_steps(rec.acc, rec.rate_hz)
    return ic_s, running_only(np.append(np.diff(ic_s), np.nan))


def rows(source: Source) -> list[Row]:
    """Mean error and share within 2 spm."""
    out = []
    for rec in source.get(ADEPT):
        mine = errors_spm(rec, *own_steps(rec))
        plain = errors_spm(rec, *naive_steps(rec))
        skdh = peers.skdh_steps(rec.acc, rec.rate_hz)
        theirs = None if skdh is None else errors_spm(rec, skdh[0], running_only(skdh[1]))
        data, n = source.label(ADEPT), f"{len(mine)} windows"
        start = windows(len(rec.acc), rec.rate_hz)
        parts = _minutes(rec, mine, start)
        unknown = int(np.isnan(mine).sum())
        if theirs is None:
            skdh_mean, skdh_share = np.nan, np.nan
            name = f"skdh {peers.NOT_INSTALLED}"
        else:
            skdh_mean, skdh_share = _mean_abs(theirs), share_within(theirs, WITHIN_SPM)
            name = "skdh (batch)"
        out += [
            Row(
                "cadence in 10 s windows, MAE",
                data,
                n,
                _mean_abs(mine),
                "spm",
                2,
                name,
                skdh_mean,
                LIMIT_SPM,
                note=f"naive causal {_mean_abs(plain):.2f} spm; {unknown} windows without cadence",
                parts=parts,
            ),
            Row(
                "cadence within 2 spm",
                data,
                n,
                share_within(mine, WITHIN_SPM),
                "%",
                1,
                name,
                skdh_share,
                100.0,
                ">=",
                note=f"naive causal {share_within(plain, WITHIN_SPM):.1f} %; "
                f"worst window {np.nanmax(np.abs(mine)):.1f} spm",
            ),
        ]
    return out


def _mean_abs(errors: Floats) -> float:
    known = errors[np.isfinite(errors)]
    return float(np.mean(np.abs(known))) if len(known) else np.nan


def _minutes(
    rec: Recording, errors: Floats, spans: list[tuple[int, int]]
) -> tuple[tuple[str, float], ...]:
    """Mean error of each minute and a half: one run has no other parts."""
    known = [s for s in spans if np.isfinite(truth_spm(rec, *s))]
    minute = np.array([first / rec.rate_hz // 90 for first, _ in known])
    return tuple(
        (f"from {int(m * 90)} s", _mean_abs(errors[minute == m])) for m in np.unique(minute)
    )
