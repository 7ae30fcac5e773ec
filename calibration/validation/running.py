"""Running steps against force plates: found, timed, contact, cadence; bounce against optics.

- Truth is the plates' initial contact and toe-off. The last contact of a trial has no step of
  its own and is left out; a step found between the first and the last but one that is nobody's
  nearest is extra.
- Timing: standard deviation of (found - true) within a trial, so that neither a constant lag
  nor a difference between trials counts.
- Contact of a trial: mean of the found ones less the mean of the true ones, over the matched
  steps that have both; RMS over the trials. No lag is removed here: the bias is the error.
- Cadence of a trial: over an even number of true steps and the found steps between the same two
  contacts. Beside it the spectrum of the whole trial.
- Bounce: range of the optical height from a true contact to the next.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from calibration.validation.metrics import Floats, Pairs, match, nearest, rms
from calibration.validation.naive import fft_cadence, threshold_contacts
from calibration.validation.recordings import ALCANTARA, RBDS, Recording, Source
from calibration.validation.report import Row, Sense

WITHIN_S = 0.1
CONTACT_LIMIT_MS = {ALCANTARA: 12.0, RBDS: 18.0}


@dataclass(frozen=True)
class Trial:
    """What came of one trial; NaN = no figure. Lists are of single steps."""

    name: str
    truth: int
    found: int
    extra: int
    lag_ms: float
    sd_ms: float
    contact_ms: float
    naive_contact_ms: float
    cadence_spm: float
    fft_spm: float
    bounce_mm: Floats


def contacts_of(ic: Floats, to: Floats) -> Floats:
    """Contact time (k,) s of each initial contact: the toe-off before the next one, else NaN."""
    end = np.append(ic[1:], ic[-1] + 0.5)
    at = np.searchsorted(to, ic, side="right")
    first = np.where(at < len(to), to[np.minimum(at, len(to) - 1)], np.inf)
    return np.where(first < end, first - ic, np.nan)


def measure(rec: Recording) -> Trial | None:
    """Compare one trial with its plates; None where there are none."""
    if rec.ic is None or rec.to is None or len(rec.ic) < 4:
        return None
    steps, ic = rec.trace.steps, rec.ic
    found = np.asarray(steps["ic_s"])
    pairs, lag = match(found, ic[:-1], WITHIN_S)
    error = np.array([found[i] - ic[j] for i, j in pairs])
    inside = (found - lag > ic[0] - WITHIN_S) & (found - lag < 0.5 * (ic[-1] + ic[-2]))
    true_contact = contacts_of(ic, rec.to)
    both = [
        (steps["contact_s"][i], true_contact[j])
        for i, j in pairs
        if np.isfinite(steps["contact_s"][i] + true_contact[j])
    ]
    return Trial(
        name=rec.name,
        truth=len(ic) - 1,
        found=len(pairs),
        extra=int(inside.sum()) - len(pairs),
        lag_ms=1e3 * float(np.mean(error)) if len(error) else np.nan,
        sd_ms=1e3 * float(np.std(error)) if len(error) > 2 else np.nan,
        contact_ms=1e3 * float(np.mean([a - b for a, b in both])) if both else np.nan,
        naive_contact_ms=_naive_contact_ms(rec, ic, true_contact),
        cadence_spm=_cadence_error(np.asarray(steps["step_s"]), ic, pairs),
        fft_spm=fft_cadence(rec.acc, rec.rate_hz) - 60.0 / float(np.mean(np.diff(ic))),
        bounce_mm=_bounce_mm(rec, pairs),
    )


def _naive_contact_ms(rec: Recording, ic: Floats, true_contact: Floats) -> float:
    begin, end = threshold_contacts(rec.acc, rec.rate_hz)
    pairs = nearest(begin, ic, WITHIN_S)
    values = [end[i] - begin[i] - true_contact[j] for i, j in pairs]
    known = [v for v in values if np.isfinite(v)]
    return 1e3 * float(np.mean(known)) if known else np.nan


def _cadence_error(step_s: Floats, ic: Floats, pairs: Pairs) -> float:
    """Error (spm) over the longest stretch of an even number of true steps."""
    if len(pairs) < 5:
        return np.nan
    (first, a), (last, b) = pairs[0], pairs[-1]
    if (b - a) % 2:
        last, b = pairs[-2]
    mine = step_s[first:last]
    mine = mine[np.isfinite(mine)]
    if not len(mine) or (b - a) % 2:
        return np.nan
    return float(60.0 / np.mean(mine) - 60.0 * (b - a) / (ic[b] - ic[a]))


def _bounce_mm(rec: Recording, pairs: Pairs) -> Floats:
    if rec.height_m is None or rec.ic is None:
        return np.zeros(0)
    bounce = rec.trace.steps["bounce_m"]
    out = []
    for i, j in pairs:
        a, b = (int(x * rec.rate_hz) for x in rec.ic[j : j + 2])
        out.append(1e3 * (float(bounce[i]) - float(np.ptp(rec.height_m[a : b + 1]))))
    values = np.array(out)
    return np.asarray(values[np.isfinite(values)])


def rows(source: Source) -> list[Row]:
    """Six rows a data set, bounce only where height is known."""
    out: list[Row] = []
    for folder in (ALCANTARA, RBDS):
        trials = [t for rec in source.get(folder) if (t := measure(rec)) is not None]
        out += _rows(source.label(folder), trials, CONTACT_LIMIT_MS[folder])
    return out


def _rows(data: str, trials: list[Trial], contact_limit_ms: float) -> list[Row]:
    total = sum(t.truth for t in trials)
    n = f"{total} steps"

    def of(get: Callable[[Trial], float]) -> tuple[tuple[str, float], ...]:
        return tuple((t.name, get(t)) for t in trials)

    def row(
        quantity: str,
        count: str,
        value: float,
        unit: str,
        limit: float,
        parts: tuple[tuple[str, float], ...],
        *,
        digits: int = 2,
        sense: Sense = "<=",
        peer: str = "",
        peer_value: float = np.nan,
        note: str = "",
    ) -> Row:
        return Row(
            quantity, data, count, value, unit, digits, peer, peer_value, limit, sense, note, parts
        )

    contact = np.array([t.contact_ms for t in trials])
    naive = np.array([t.naive_contact_ms for t in trials])
    cadence = np.array([t.cadence_spm for t in trials])
    known = contact[np.isfinite(contact)]
    per = f"{len(trials)} trials"
    out = [
        row(
            "running steps found",
            n,
            100.0 * sum(t.found for t in trials) / total,
            "%",
            99.0,
            of(lambda t: 100.0 * t.found / t.truth),
            sense=">=",
        ),
        row(
            "running steps extra",
            n,
            100.0 * sum(t.extra for t in trials) / total,
            "%",
            0.5,
            of(lambda t: 100.0 * t.extra / t.truth),
        ),
        row(
            "initial contact, SD in a trial",
            per,
            _mean([t.sd_ms for t in trials]),
            "ms",
            8.0,
            of(lambda t: t.sd_ms),
            digits=1,
            note=f"mean lag {_mean([t.lag_ms for t in trials]):+.0f} ms",
        ),
        row(
            "cadence of a trial, MAE",
            per,
            _mean(np.abs(cadence)),
            "spm",
            0.5,
            of(lambda t: t.cadence_spm),
            peer="FFT",
            peer_value=_mean(np.abs([t.fft_spm for t in trials])),
        ),
        row(
            "contact time of a trial, RMSE",
            f"{len(known)} trials",
            rms(known),
            "ms",
            contact_limit_ms,
            of(lambda t: t.contact_ms),
            digits=1,
            peer="threshold",
            peer_value=rms(naive[np.isfinite(naive)]),
            note=f"bias {_mean(contact):+.0f} ms; published for one sacral IMU: 20 ms (Patoz 2022)",
        ),
    ]
    bounce = np.concatenate([t.bounce_mm for t in trials]) if trials else np.zeros(0)
    if len(bounce):
        out.append(
            row(
                "bounce of a step, RMSE",
                f"{len(bounce)} steps",
                rms(bounce),
                "mm",
                7.0,
                of(lambda t: rms(t.bounce_mm)),
                digits=1,
                peer="published ±7 mm",
                note=f"bias {np.mean(bounce):+.1f} mm",
            )
        )
    return out


def _mean(values: "Floats | list[float]") -> float:
    known = [float(v) for v in values if np.isfinite(v)]
    return float(np.mean(known)) if known else np.nan
