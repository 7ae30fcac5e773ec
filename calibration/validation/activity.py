"""Running found while jogging, and claimed elsewhere.

- Found: share of a jogging recording (D03, D04) with the activity "running", mean over the
  recordings. What it takes to be sure counts against us, and so do the seconds of standing or
  walking with which many of them begin.
- Cadence while jogging: windows of 10 s, true stride the highest autocorrelation (0.55 to 1 s)
  of the rate of turn about the vertical, measured by the gyroscope; the vertical is the window's
  mean specific force, so truth uses nothing of ours. A window without cadence is outside.
- Claimed elsewhere: seconds of "running" in every other recording of sisfall but F05 (a fall
  while jogging), in every walk of ipol and on the table.
"""

import numpy as np

from calibration.validation import naive
from calibration.validation.metrics import period_s, window_cadence, windows
from calibration.validation.outdoor import WITHIN_SPM, naive_steps, own_steps, share_within
from calibration.validation.recordings import (
    IPOL,
    JOGGING,
    NEITHER,
    SISFALL,
    STATIC,
    Recording,
    Source,
)
from calibration.validation.report import Row
from gaitpi.gait import RUNNING

STRIDE_S = (0.55, 1.0)


def stride_errors(rec: Recording, *, plain: bool = False) -> list[float]:
    """Cadence error (spm) of each window of jogging; NaN without cadence."""
    assert rec.gyr is not None
    ic, step = naive_steps(rec) if plain else own_steps(rec)
    out = []
    for first, end in windows(len(rec.acc), rec.rate_hz):
        up = rec.acc[first:end].mean(axis=0)
        yaw = rec.gyr[first:end] @ (up / np.linalg.norm(up))
        true = 120.0 / period_s(yaw, rec.rate_hz, *STRIDE_S)
        out.append(window_cadence(ic, step, first / rec.rate_hz, end / rec.rate_hz) - true)
    return out


def rows(source: Source) -> list[Row]:
    """Three rows."""
    sisfall = source.get(SISFALL)
    jogs = [r for r in sisfall if r.activity in JOGGING]
    others = [r for r in sisfall if r.activity not in (*JOGGING, *NEITHER)]
    others += [*source.get(IPOL), *source.get(STATIC)]
    data = source.label(SISFALL)
    share = [float(np.mean(r.trace.activity == RUNNING)) for r in jogs]
    plain_share = [float(np.mean(naive.running(r.acc, r.rate_hz))) for r in jogs]
    errors = [np.array(stride_errors(r)) for r in jogs]
    plain = np.concatenate([stride_errors(r, plain=True) for r in jogs])
    claimed = [float(np.sum(r.trace.activity == RUNNING) / r.rate_hz) for r in others]
    plain_s = sum(float(np.sum(naive.running(r.acc, r.rate_hz)) / r.rate_hz) for r in others)
    every = np.concatenate(errors)
    where = f"{data} D03 D04" if not jogs[0].simulated else data
    return [
        Row(
            "running found while jogging",
            where,
            f"{len(jogs)} trials",
            float(np.mean(share)),
            "",
            4,
            "naive",
            float(np.mean(plain_share)),
            0.99,
            ">=",
            parts=tuple((r.name, s) for r, s in zip(jogs, share, strict=True)),
        ),
        Row(
            "cadence within 2 spm, jogging",
            where,
            f"{len(every)} windows",
            share_within(every, WITHIN_SPM),
            "%",
            1,
            "naive",
            share_within(plain, WITHIN_SPM),
            99.0,
            ">=",
            parts=tuple(
                (r.name, share_within(e, WITHIN_SPM)) for r, e in zip(jogs, errors, strict=True)
            ),
        ),
        Row(
            "running claimed elsewhere",
            "all other" if not jogs[0].simulated else data,
            f"{len(others)} trials",
            float(np.sum(claimed)),
            "s",
            1,
            "naive",
            plain_s,
            2.0,
            note=f"of {sum(r.seconds for r in others) / 60.0:.0f} min; "
            + (_where(others, claimed) or "nowhere"),
            parts=tuple((r.name, s) for r, s in zip(others, claimed, strict=True) if s > 0.0),
        ),
    ]


def _where(recordings: list[Recording], seconds: list[float]) -> str:
    """Seconds by activity."""
    by: dict[str, float] = {}
    for rec, s in zip(recordings, seconds, strict=True):
        if s > 0.0:
            by[rec.activity or rec.name] = by.get(rec.activity or rec.name, 0.0) + s
    return ", ".join(f"{name} {s:.1f} s" for name, s in sorted(by.items()))
