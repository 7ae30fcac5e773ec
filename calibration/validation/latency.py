"""How soon each output is known, in signal time, and what being sure of running costs.

Run it as ``python -m calibration.validation.latency``. Delays are of simulated runners; computing
adds microseconds per sample and the reading of the FIFO its batch, neither is in them. Where
there are recordings, ``run_proof_steps`` is varied on those of sisfall: share of the jogging with
the activity "running", and seconds of it in the other trials.
"""

import argparse
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.validation.metrics import Floats
from calibration.validation.recordings import JOGGING, NEITHER, SISFALL, Source
from gaitpi.gait import RUNNING, STILL, WALKING, GaitParams, Trace, estimate
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.story import story

RATE_HZ = 208.0
PARAMS = RunnerParams(gyr_bias=(0.01, -0.015, 0.008))
STORIES = ("steady", "fade", "lean", "stops")
KINDS = {STILL: "standing", WALKING: "walking", RUNNING: "running"}
LASTS_S = 5.0
PROOF_STEPS = (4.0, 8.0, 10.0, 11.0, 12.0, 16.0)
INTO_RUN_S = tuple(np.arange(170.0, 200.0, 1.7))


class Change(NamedTuple):
    """A change of activity: s until the one is no longer claimed and until the other is.

    ``recent``: to running, with running in the minute before.
    """

    before: int
    now: int
    recent: bool
    left_s: float
    told_s: float


def range_of(values: Sequence[float] | Floats, digits: int = 1) -> str:
    """Least, median and most of some seconds."""
    x = np.asarray(values, np.float64)
    if not len(x):
        return "none"
    low, middle, high = np.min(x), np.median(x), np.max(x)
    return f"{low:.{digits}f} / {middle:.{digits}f} / {high:.{digits}f} s ({len(x)})"


def step_delays(trace: Trace, kind: int) -> tuple[Floats, Floats]:
    """Of the whole steps of a kind: s from the contact that ends it, and from its own."""
    steps = trace.steps[trace.steps["activity"] == kind]
    steps = steps[np.isfinite(steps["step_s"])]
    # the first steps of a bout wait for it to be believed
    alone = np.diff(steps["known_s"], prepend=-1.0) > 0.0
    alone[:-1] &= np.diff(steps["known_s"]) > 0.0
    own = steps["known_s"] - steps["ic_s"]
    return (own - steps["step_s"])[alone], own[alone]


def changes(trace: Trace, true: NDArray[np.uint8]) -> list[Change]:
    """Changes between activities that last; the few steps of another in between do not count."""
    t = trace.time_s
    edges = [0, *(np.flatnonzero(np.diff(true.astype(int))) + 1), len(true)]
    lasting = [(a, b) for a, b in pairwise(edges) if b - a >= LASTS_S * RATE_HZ]
    out = []
    for (a, end), (begin, b) in pairwise(lasting):
        before, now = int(true[a]), int(true[begin])
        recent = bool(np.any(true[(t > t[begin] - 60.0) & (t < t[begin])] == RUNNING))
        left = np.flatnonzero(trace.activity[end:b] != before)[0]
        told = np.flatnonzero(trace.activity[begin:b] == now)[0]
        out.append(Change(before, now, recent and now == RUNNING, left / RATE_HZ, told / RATE_HZ))
    return out


def print_delays() -> None:
    """Print delays of simulated runners: least / median / most (number of cases)."""
    runners = [SimulatedRunner(story(name), PARAMS) for name in STORIES]
    found = []
    for runner in runners:
        acc, gyr = runner.samples(0, int(runner.duration_s * RATE_HZ), RATE_HZ)
        trace = estimate(acc, gyr, RATE_HZ)
        found.append((trace, runner.truth.activity(trace.time_s)))
    for kind in (RUNNING, WALKING):
        end, own = (
            np.concatenate(x) for x in zip(*(step_delays(t, kind) for t, _ in found), strict=True)
        )
        print(f"a {KINDS[kind]} step, after the contact that ends it: {range_of(end, 3)}")
        print(f"    99 % within {np.percentile(end, 99):.3f} s; after its own: {range_of(own, 3)}")
    every = [c for trace, true in found for c in changes(trace, true)]
    for key in sorted({c[:3] for c in every}):
        before, now, recent = key
        part = [c for c in every if c[:3] == key]
        note = ", run in the last minute" if recent else ""
        print(f"{KINDS[before]} to {KINDS[now]}{note}:")
        print(f"    no longer {KINDS[before]}: {range_of([c.left_s for c in part])}")
        print(f"    {KINDS[now]}: {range_of([c.told_s for c in part])}")
    first: dict[str, list[float]] = {"lean": [], "side": [], "uncertainty of cadence": []}
    for trace, true in found:
        begin = trace.time_s[np.flatnonzero(true >= WALKING)[0]]
        lean = trace.time_s[np.isfinite(trace.lean_deg)][0]
        first["lean"].append(lean - begin)
        named = trace.steps[trace.steps["side"] != 0]
        first["side"].append(named["known_s"][0] - begin)
        sure = trace.time_s[np.isfinite(trace.cadence_sd_spm)][0]
        first["uncertainty of cadence"].append(sure - begin)
    for name, values in first.items():
        print(f"first {name}, after walking or running began: {range_of(values)}")


def print_up() -> None:
    """Print how far up is off in recordings that begin in the middle of a run."""
    runner = SimulatedRunner(story("steady"), PARAMS)
    print("up in a recording that begins in the run: worst tilt error from that moment on")
    worst = {0.3: 0.0, 1.0: 0.0, 1.5: 0.0, 3.0: 0.0, 5.0: 0.0, 10.0: 0.0}
    for start in INTO_RUN_S:
        acc, gyr = runner.samples(int(start * RATE_HZ), int(20.0 * RATE_HZ), RATE_HZ)
        up = estimate(acc, gyr, RATE_HZ).up
        time_s = (int(start * RATE_HZ) + np.arange(len(up))) / RATE_HZ
        cosine = np.einsum("ij,ij->i", up, runner.truth.up(time_s))
        error = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
        for after in worst:
            worst[after] = max(worst[after], float(error[int(after * RATE_HZ) :].max()))
    print("    " + ", ".join(f"{after:g} s: {deg:.2f}°" for after, deg in worst.items()))


def print_proof(root: Path) -> None:
    """Print what ``run_proof_steps`` does on the recordings of sisfall."""
    recordings = [r for r in Source(root).get(SISFALL) if r.activity not in NEITHER]
    jogs = [r for r in recordings if r.activity in JOGGING]
    first = [r.trace.steps["ic_s"][r.trace.steps["activity"] == RUNNING][0] for r in jogs]
    print(f"sisfall, jogging: mean begin of the first running step {np.mean(first):.1f} s,")
    print(f"    {range_of(first)}")
    for steps in PROOF_STEPS:
        params = GaitParams(run_proof_steps=steps)
        share, claimed = [], 0.0
        for rec in recordings:
            trace = estimate(rec.acc, rec.gyr, rec.rate_hz, params=params)
            runs = trace.activity == RUNNING
            if rec.activity in JOGGING:
                share.append(np.mean(runs))
            else:
                claimed += np.sum(runs) / rec.rate_hz
        print(f"run_proof_steps {steps:g}: found {np.mean(share):.4f}, elsewhere {claimed:.1f} s")


def main() -> int:
    """Print all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "shared" / "data")
    root = parser.parse_args().data
    print_delays()
    print_up()
    if root.is_dir():
        print_proof(root)
    return 0


if __name__ == "__main__":
    sys.exit(main())
