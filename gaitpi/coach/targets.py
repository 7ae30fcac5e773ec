"""A runner's own cadence and lean from runs that only listened, and targets made of them.

Pure: no clock, no files. A target is asked for 5 % above the runner's own cadence
(Heiderscheit 2011, MSSE 43:296; Huber 2024), never above 10 %, and rises by at most 2 % for a
week of running, because load moves to calf and Achilles (Chan 2018). Whoever goes beyond that
gives a reason, and it is recorded.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median, pstdev
from typing import Final, NamedTuple

RAISE: Final = 1.05
"""The proposal, as a multiple of the runner's own cadence."""
CAP: Final = 1.10
"""The most without a reason, as a multiple of the runner's own cadence."""
WEEK_RAISE: Final = 1.02
"""The most a target grows in a week without a reason."""
WEEK_S: Final = 7 * 86_400.0
ROUND_SPM: Final = 0.5
"""Proposals are whole multiples of this, rounded down."""

LISTEN_S: Final = 300.0
"""Steady running that shows a runner's own cadence or, in one run, own lean, s."""
LISTEN_RUNS: Final = 3
"""The newest runs that are looked at."""
LEAN_RUNS: Final = 3
"""Runs that show a usual lean."""
LEAST_SD_SPM: Final = 0.05
"""No window counts as more certain than this, spm."""


class Window(NamedTuple):
    """Half a minute of steady running: cadence and its standard uncertainty, spm; length, s.

    ``begin_s`` run time of its first stride, NaN where it is of no run.
    """

    cadence_spm: float
    sd_spm: float
    length_s: float
    begin_s: float = math.nan


@dataclass(frozen=True, slots=True)
class Own:
    """A runner's own cadence.

    ``spread_spm`` is the standard deviation of true cadence between windows, ``error_spm`` the
    standard uncertainty of the mean, ``steady_s`` the running it rests on.
    """

    cadence_spm: float
    spread_spm: float
    error_spm: float
    steady_s: float


@dataclass(frozen=True, slots=True)
class Usual:
    """A runner's usual lean: median of ``runs`` medians, and their standard deviation, deg."""

    lean_deg: float
    spread_deg: float
    runs: int


@dataclass(frozen=True, slots=True)
class Limit:
    """The highest target without a reason, spm; ``rule`` "cap" or "ramp"; why in words."""

    spm: float
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """``spm`` is None when nothing is to be changed; ``reason`` says where it comes from."""

    spm: float | None
    reason: str


def own_cadence(windows: Sequence[Window]) -> Own | None:
    """The mean of all windows; None without ``LISTEN_S`` of them.

    A window weighs by its stride scatter and by how much windows differ among each other, as in
    a random-effects mean (DerSimonian & Laird 1986, Control Clin Trials 7:177).
    """
    steady_s = sum(w.length_s for w in windows)
    if steady_s < LISTEN_S:
        return None
    values = [w.cadence_spm for w in windows]
    own = [max(w.sd_spm, LEAST_SD_SPM) ** 2 for w in windows]
    between = _between(values, own)
    weights = [1.0 / (variance + between) for variance in own]
    total = sum(weights)
    mean = sum(w * v for w, v in zip(weights, values, strict=True)) / total
    return Own(mean, math.sqrt(between), math.sqrt(1.0 / total), steady_s)


def _between(values: Sequence[float], variances: Sequence[float]) -> float:
    """Variance of the true values, beyond what their own uncertainty explains."""
    weights = [1.0 / variance for variance in variances]
    total = sum(weights)
    mean = sum(w * v for w, v in zip(weights, values, strict=True)) / total
    excess = sum(w * (v - mean) ** 2 for w, v in zip(weights, values, strict=True))
    scale = total - sum(w * w for w in weights) / total
    return max(0.0, (excess - (len(values) - 1)) / scale) if scale > 0 else 0.0


def usual_lean(run_medians_deg: Sequence[float]) -> Usual | None:
    """The usual of runs measured from the same origin; None with fewer than ``LEAN_RUNS``."""
    if len(run_medians_deg) < LEAN_RUNS:
        return None
    return Usual(median(run_medians_deg), pstdev(run_medians_deg), len(run_medians_deg))


def limit(own: Own, last_spm: float | None, since_s: float) -> Limit:
    """The highest target without a reason.

    ``last_spm`` the target accepted last (None = there was none), ``since_s`` the time from then
    to the last run (negative counts as none).
    """
    cap = CAP * own.cadence_spm
    at_most = Limit(cap, "cap", f"own cadence {own.cadence_spm:.1f} + {CAP - 1:.0%}")
    if last_spm is None:
        return at_most
    weeks = max(0.0, since_s) / WEEK_S
    # a clock far ahead must not overflow; long before that the cap is the lower one
    ramp = last_spm * WEEK_RAISE ** min(weeks, 1000.0)
    if ramp >= cap:
        return at_most
    words = f"{last_spm:.1f} + {WEEK_RAISE - 1:.0%} a week over {weeks:.1f} weeks with runs"
    return Limit(ramp, "ramp", words)


def propose(own: Own, last_spm: float | None, since_s: float) -> Proposal:
    """The next target; arguments as for :func:`limit`. It never lowers a target."""
    wanted, words = RAISE * own.cadence_spm, f"own cadence {own.cadence_spm:.1f} + {RAISE - 1:.0%}"
    if last_spm is not None and last_spm >= round_down(wanted):
        return Proposal(None, f"your target {last_spm:.1f} is there already ({words})")
    most = limit(own, last_spm, since_s)
    if most.spm < wanted:
        wanted, words = most.spm, most.reason
    spm = round_down(wanted)
    if last_spm is not None and spm <= last_spm:
        return Proposal(None, f"too early for more: {most.reason}")
    return Proposal(spm, words)


def round_down(spm: float) -> float:
    """The next lower multiple of ``ROUND_SPM``, so that rounding passes no limit."""
    # what is a multiple but for the last bits of a product stays
    return math.floor(spm / ROUND_SPM + 1e-9) * ROUND_SPM


def windows_of(
    strides: Iterable[tuple[float, float]], *, window_s: float, scatter_max: float
) -> list[Window]:
    """Windows of one unbroken stretch.

    ``strides`` (time s, stride s) one after the other; a window is cut every ``window_s``, what
    is left over is dropped. A window whose strides scatter by more than ``scatter_max`` of their
    mean is not steady and left out.
    """
    found: list[Window] = []
    group: list[float] = []
    begin_s = math.nan
    for time_s, stride_s in strides:
        begin_s = begin_s if group else time_s
        group.append(stride_s)
        length_s = sum(group)
        if length_s < window_s:
            continue
        mean = fmean(group)
        scatter = pstdev(group, mean) / mean
        if len(group) > 1 and scatter <= scatter_max:
            cadence = 120.0 / mean
            sd = cadence * scatter / math.sqrt(len(group) - 1)
            found.append(Window(cadence, sd, length_s, begin_s))
        group = []
    return found
