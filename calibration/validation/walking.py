"""Walking at the lower back against hand-checked contacts.

Contacts are matched within 60 ms after one lag for the recording. Cadence of a walk is 60 over
the median step time, on both sides: the walk is broken by a turn, where steps are few and odd.
Named feet are counted over the matched steps that have a side.
"""

import numpy as np

from calibration.validation import peers
from calibration.validation.metrics import Floats, Pairs, match
from calibration.validation.recordings import IPOL, Recording, Source
from calibration.validation.report import Row

WITHIN_S = 0.06

LOST = ("1-6", "2-3", "3-3", "3-4", "3-5", "3-6")
"""Walks of ipol that lack 1.9 s or more of samples: the counter of radio packets in the source
goes on, the rows do not, so the clock of the contacts runs ahead. In all walks, contacts after
the end of the trial are of no walk."""


def _cadence(step_s: Floats) -> float:
    known = step_s[np.isfinite(step_s)]
    return float(60.0 / np.median(known)) if len(known) else np.nan


def _skdh(recordings: list[Recording]) -> tuple[float, float]:
    """Share of contacts (%) and mean cadence error (spm) of skdh; NaN when not installed."""
    found, total, errors = 0, 0, []
    for rec in recordings:
        answer = peers.skdh_steps(rec.acc, rec.rate_hz)
        if answer is None or rec.ic is None:
            return np.nan, np.nan
        found += len(match(answer[0], rec.ic, WITHIN_S)[0])
        total += len(rec.ic)
        errors.append(abs(_cadence(answer[1]) - _cadence(np.diff(rec.ic))))
    return 100.0 * found / total, float(np.nanmean(errors))


def rows(source: Source) -> list[Row]:
    """Contacts found, steps invented, cadence, feet."""
    recordings = [r for r in source.get(IPOL) if r.ic is not None]
    found, total, extra = [], [], []
    cadence, feet = [], []
    for rec in recordings:
        assert rec.ic is not None
        steps = rec.trace.steps
        pairs, lag = match(np.asarray(steps["ic_s"]), rec.ic, WITHIN_S)
        found.append(len(pairs))
        total.append(len(rec.ic))
        late = steps["ic_s"] - lag
        inside = (late > rec.ic[0] - 0.3) & (late < rec.ic[-1] + 0.3)
        extra.append(int(inside.sum()) - len(pairs))
        cadence.append(_cadence(steps["step_s"]) - _cadence(np.diff(rec.ic)))
        feet.append(_feet(rec, pairs))
    data, n = source.label(IPOL), f"{sum(total)} contacts"
    names = [r.name for r in recordings]
    share, error = _skdh(recordings)
    peer = f"skdh {peers.NOT_INSTALLED}" if np.isnan(share) else "skdh (batch)"
    wrong = [100.0 * (1.0 - f) if np.isfinite(f) else np.nan for f in feet]
    return [
        Row(
            "walking contacts within 60 ms",
            data,
            n,
            100.0 * sum(found) / sum(total),
            "%",
            1,
            peer,
            share,
            97.0,
            ">=",
            note=f"{sum(extra)} found ones are nobody's",
            parts=tuple((a, 100.0 * b / c) for a, b, c in zip(names, found, total, strict=True)),
        ),
        _clean(recordings, data),
        Row(
            "walking cadence, MAE",
            data,
            f"{len(names)} walks",
            float(np.nanmean(np.abs(cadence))),
            "spm",
            2,
            peer,
            error,
            1.5,
            note=f"{int(np.isnan(cadence).sum())} walks without cadence",
            parts=tuple(zip(names, cadence, strict=True)),
        ),
        Row(
            "walking steps with the wrong foot",
            data,
            f"{sum(np.isfinite(feet))} walks",
            float(np.nanmean(wrong)) if np.isfinite(feet).any() else np.nan,
            "%",
            1,
            note=f"{sum(np.isnan(feet))} walks name no foot; in walks that are wrong as a whole "
            "push, yaw and roll all speak against the labels",
            parts=tuple(zip(names, wrong, strict=True)),
        ),
    ]


def _clean(recordings: list[Recording], data: str) -> Row:
    """Contacts of the walks whose clock agrees with the contacts', up to the end of the trial."""
    names, share, extra, total = [], [], 0, 0
    for rec in recordings:
        if rec.name in LOST or rec.ic is None:
            continue
        last = rec.meta["trial"][1] / rec.rate_hz if "trial" in rec.meta else rec.seconds
        ic = rec.ic[rec.ic < last + 0.005]
        steps = rec.trace.steps
        pairs, _ = match(np.asarray(steps["ic_s"]), ic, WITHIN_S)
        names.append(rec.name)
        share.append(100.0 * len(pairs) / len(ic))
        extra += len(steps) - len(pairs)
        total += len(ic)
    return Row(
        "the same, where no samples are lost",
        data,
        f"{total} contacts",
        float(np.mean(share)),
        "%",
        1,
        limit=97.0,
        sense=">=",
        note=f"{len(names)} walks; {extra} found ones are nobody's",
        parts=tuple(zip(names, share, strict=True)),
    )


def _feet(rec: Recording, pairs: Pairs) -> float:
    """Share of the matched steps with a side whose foot is right; NaN without any."""
    if rec.foot is None:
        return np.nan
    side = rec.trace.steps["side"]
    named = [(side[i], rec.foot[j]) for i, j in pairs if side[i]]
    return float(np.mean([a == b for a, b in named])) if named else np.nan
