"""``python -m calibration.belt``: how well a loose or moved belt is seen, and how often wrongly.

Recordings of people running with ordinary belts, as they are and with the simulator's ringing added
to them; then simulated runners: loose belts by looseness
and speed, packs that tip or turn at one moment, and runners whose posture changes on a belt that
sits. A minute of learning on a tight belt comes first; so does a runner's own pelvis (seed).
"""

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.detection.slopes import Person, person, through
from calibration.validation.recordings import (
    ADEPT,
    ALCANTARA,
    JOGGING,
    RBDS,
    SISFALL,
    Recording,
    Source,
)
from gaitpi.coach.belt import LOOSE, MOVED, UNKNOWN
from gaitpi.coach.types import Cue
from gaitpi.config import Config
from gaitpi.device.belt import BeltCheck
from gaitpi.device.pipeline import Pipeline
from gaitpi.gait import GaitEstimator
from gaitpi.imu.virtual.runner import Ringing, SimulatedRunner
from gaitpi.imu.virtual.story import Phase

Floats = NDArray[np.float64]

RATE_HZ: Final = 104.0
BEFORE_S: Final = 80.0
AFTER_S: Final = 90.0
CHANGE_S: Final = 10.0 + BEFORE_S
LOOSENESS: Final = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
SPEEDS: Final = (2.2, 3.0, 4.0)
WALK: Final = Phase("walk", 30.0, cadence_spm=110.0, speed_mps=1.4, lean_deg=2.0)
"""A break in which hands come to the belt."""
TURNS: Final = (
    ("tips forward", 1, (10.0, 15.0, 20.0, 30.0)),
    ("tips back", 1, (-10.0, -15.0, -20.0, -30.0)),
    ("tips sideways", 0, (5.0, 10.0, 15.0, 20.0)),
    ("turns on the waist", 2, (20.0, 40.0, 60.0, 120.0)),
)


def watch(acc: Floats, gyr: Floats | None, rate_hz: float) -> tuple[list[int], list[float]]:
    """State and evidence of each second of a recording."""
    times = np.arange(len(acc)) / rate_hz
    trace = GaitEstimator(rate_hz).update(acc, gyr, times)
    check = BeltCheck(rate_hz)
    check.update(acc, trace)
    told = [check.at(float(second)) for second in range(math.ceil(times[-1]))]
    return [belt.state for belt in told], [belt.ring for belt in told]


def tipped(acc: Floats, gyr: Floats, axis: int, deg: float) -> tuple[Floats, Floats]:
    """The pack turned about a body axis (straight mount) within half a second of CHANGE_S."""
    share = np.clip((np.arange(len(acc)) / RATE_HZ - CHANGE_S) / 0.5, 0.0, 1.0)
    angle = math.radians(deg) * share
    i, j = (axis + 1) % 3, (axis + 2) % 3
    made = []
    for values in (acc, gyr):
        new = values.copy()
        new[:, i] = np.cos(angle) * values[:, i] + np.sin(angle) * values[:, j]
        new[:, j] = np.cos(angle) * values[:, j] - np.sin(angle) * values[:, i]
        made.append(new)
    made[1][:, axis] += np.diff(angle, prepend=0.0) * RATE_HZ
    return made[0], made[1]


def signal(who: Person, after: Sequence[Phase]) -> tuple[Floats, Floats]:
    """Stand, run on a tight belt, then ``after``."""
    before = replace(who.run, duration_s=BEFORE_S)
    runner = SimulatedRunner((Phase("stand", 10.0), before, *after), who.params)
    return runner.samples(0, int(runner.duration_s * RATE_HZ), RATE_HZ)


def found(states: list[int], kinds: tuple[int, ...]) -> float:
    """Seconds from the change until it is told, NaN where it is not."""
    at = [k for k, state in enumerate(states) if k >= CHANGE_S and state in kinds]
    return at[0] - CHANGE_S if at else math.nan


def _words(delays: list[float]) -> str:
    known = [d for d in delays if math.isfinite(d)]
    median = f"{np.median(known):4.0f} s, at most {max(known):3.0f} s" if known else "-"
    return f"{len(known):3d} of {len(delays):3d}   {median}"


def recordings(source: Source) -> Iterator[str]:
    """Ordinary belts."""
    yield f"{'recordings':<12} {'runs':>4} {'judged s':>8} {'loose s':>7} {'moved s':>7}  ringing"
    for folder in (SISFALL, ADEPT, ALCANTARA, RBDS):
        runs, counts, rings = 0, [0] * 4, []
        for one in source.get(folder):
            states, ring = watch(one.acc, one.gyr, one.rate_hz)
            if any(states):
                runs += 1
                counts = [n + states.count(k) for k, n in enumerate(counts)]
                rings += [value for value in ring if math.isfinite(value)]
        span = f"{min(rings):.2f} to {max(rings):.2f}" if rings else "too short to be judged"
        judged = sum(counts[1:])
        yield f"{source.label(folder):<12.12} {runs:>4} {judged:>8} {counts[LOOSE]:>7} " + (
            f"{counts[MOVED]:>7}  {span}"
        )


def ringing(rec: Recording, looseness: float, from_s: float) -> tuple[Floats, Floats]:
    """A recording with the simulator's loose belt added to it, at the contacts found, from a time.

    What an ordinary belt and soft tissue do stays in it, which the simulated runner has not.
    """
    assert rec.gyr is not None
    ic = rec.trace.steps["ic_s"]
    ic = ic[ic >= from_s]
    shake = np.random.default_rng(1).standard_normal(len(ic))
    ring = Ringing(ic, np.full(len(ic), looseness), shake)
    t = np.arange(len(rec.acc)) / rec.rate_hz
    up = np.nanmean(rec.trace.up, axis=0)
    up /= np.linalg.norm(up)
    front = np.asarray(rec.forward) - (np.asarray(rec.forward) @ up) * up
    front /= np.linalg.norm(front)
    on = t >= ic[0]
    push, rate = on * ring.push(t), on * ring.turn(t)[1]
    acc = rec.acc + push[:, None] * (up + 0.5 * front)
    return acc, rec.gyr + rate[:, None] * np.cross(up, front)


def loosened(source: Source) -> Iterator[str]:
    """Recorded jogging on an ordinary belt that rings from the middle on."""
    yield f"{'recorded, ringing added':<26}   found         median                ringing"
    jogs = [r for r in source.get(SISFALL) if r.activity in JOGGING and r.gyr is not None]
    for looseness in (0.0, *LOOSENESS[2:]):
        delays, rings = [], []
        for rec in jogs:
            from_s = 0.5 * rec.seconds
            states, ring = watch(*ringing(rec, looseness, from_s), rec.rate_hz)
            late = [k for k, state in enumerate(states) if k >= from_s and state == LOOSE]
            delays.append(late[0] - from_s if late else math.nan)
            rings.append(np.nanmedian(ring[int(from_s) + 12 :]))
        span = f"{min(rings):.2f} to {max(rings):.2f}"
        yield f"{'looseness ' + str(looseness):<26}   {_words(delays):<35} {span}"


def loose(seeds: range) -> Iterator[str]:
    """Loose belts."""
    yield f"{'looseness':<20} {'m/s':>5}   found         median"
    for looseness in LOOSENESS:
        for speed in SPEEDS:
            delays = []
            for seed in seeds:
                who = person(seed)
                run = replace(who.run, speed_mps=speed)
                after = replace(run, duration_s=AFTER_S, looseness=looseness)
                states, _ = watch(*signal(Person(who.params, run), [after]), RATE_HZ)
                delays.append(found(states, (LOOSE, MOVED)))
            yield f"{looseness:<20} {speed:>5.1f}   {_words(delays)}"


def moved(seeds: range) -> Iterator[str]:
    """Packs that move, while running and as a walk of 30 s begins."""
    yield f"{'the pack':<28} {'deg':>5}   found         median"
    for walk in ([], [WALK]):
        for name, axis, angles in TURNS:
            for deg in angles:
                delays = []
                for seed in seeds:
                    who = person(seed)
                    acc, gyr = signal(who, [*walk, replace(who.run, duration_s=AFTER_S)])
                    states, _ = watch(*tipped(acc, gyr, axis, deg), RATE_HZ)
                    delays.append(found(states, (MOVED,)))
                when = f"{name}, in a walk" if walk else name
                yield f"{when:<28} {deg:>5.0f}   {_words(delays)}"


def steady(seeds: range) -> Iterator[str]:
    """Belts that sit, and runners who do not run alike."""
    yield f"{'on a belt that sits':<40} {'hours':>5} {'claims':>6} {'per hour':>8}"
    cases: dict[str, dict[str, float]] = {
        "runs on": {},
        "stoops by 7 deg": {"lean_deg": 7.0},
        "leans back by 5 deg": {"lean_deg": -5.0},
        "climbs, 8 %": {"grade": 0.08},
        "descends, 8 %": {"grade": -0.08},
        "bends, 8 deg/s": {"turn_dps": 8.0},
        "slows by 1 m/s, 8 spm": {"speed_mps": -1.0, "cadence_spm": -8.0},
        "hurries by 1.2 m/s, 10 spm": {"speed_mps": 1.2, "cadence_spm": 10.0},
    }
    after_walk = {f"a walk, then {name}": change for name, change in cases.items()}
    for name, change in (cases | after_walk).items():
        walk = [WALK] if name in after_walk else []
        claims, seconds = 0, 0
        for seed in seeds:
            who = person(seed)
            other = {key: getattr(who.run, key) + by for key, by in change.items()}
            after = replace(who.run, duration_s=2 * AFTER_S, **other)
            again = replace(who.run, duration_s=AFTER_S)
            states, _ = watch(*signal(who, [*walk, after, *walk, again]), RATE_HZ)
            bad = [state in (LOOSE, MOVED) for state in states]
            claims += sum(now and not was for was, now in zip([False, *bad], bad, strict=False))
            seconds += sum(state > UNKNOWN for state in states)
        hours = seconds / 3600.0
        yield f"{name:<40} {hours:>5.1f} {claims:>6} {claims / hours:>8.2f}"


def kept(seeds: range) -> Iterator[str]:
    """Cadence falls by 6 % for two minutes after four: cued all the same."""
    yield f"{'cadence falls by 6 %':<20} cued within 120 s   belt sounds"
    for looseness in (0.0, 0.3, 0.7, 1.0):
        cued = sounds = 0
        for seed in seeds:
            who = person(seed)
            run = replace(who.run, duration_s=240.0, looseness=looseness)
            low = replace(run, duration_s=120.0, cadence_spm=0.94 * run.cadence_spm)
            said = [d.cue for d in through(who, [run, low]).decisions if isinstance(d, Cue)]
            cued += "step-up" in said
            sounds += said.count("belt")
        yield f"looseness {looseness:<10} {cued:3d} of {len(seeds):3d}          {sounds:3d}"


def cost() -> Iterator[str]:
    """Time of it within all that is done with a sample, in blocks as they come live."""
    who = person(1)
    acc, gyr = signal(who, [])
    times = np.arange(len(acc)) / RATE_HZ
    for block in (5, 104):
        best = [math.inf, math.inf]
        for _ in range(5):
            pipeline, check = Pipeline(Config(), RATE_HZ, has_gyro=True), BeltCheck(RATE_HZ)
            spent = [0.0, 0.0]
            for first in range(0, len(acc), block):
                part = slice(first, first + block)
                start = time.perf_counter()
                out = pipeline.update(acc[part], gyr[part], times[part])
                middle = time.perf_counter()
                check.update(acc[part], out.trace)
                spent[0] += middle - start
                spent[1] += time.perf_counter() - middle
            best = [min(*pair) for pair in zip(best, spent, strict=True)]
        whole, belt = (1e6 * seconds / len(acc) for seconds in best)
        yield f"blocks of {block:>3}: {whole:.2f} us a sample in all, the belt {belt:.3f} us " + (
            f"({belt / whole:.1%})"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m calibration.belt",
        description="How well a loose or moved belt is seen, and how often wrongly.",
        epilog="example:\n  python -m calibration.belt --data ../shared/data --seeds 8",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="folder of recordings (default: simulated)")
    parser.add_argument("--seeds", type=int, default=8, help="simulated runners (default: 8)")
    args = parser.parse_args(argv)
    seeds = range(1, args.seeds + 1)
    source = Source(args.data)
    tables = (recordings(source), loosened(source), loose(seeds), moved(seeds), steady(seeds))
    for k, table in enumerate((*tables, kept(seeds), cost())):
        print("\n" * (k > 0), end="")
        for line in table:
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
