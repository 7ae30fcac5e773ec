"""Rows of what the sensor feels and of time: F2b, F3b, F8b to F12, F20, through the whole path."""

import functools
import math
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.belt import AFTER_S, CHANGE_S, tipped
from calibration.mountings import RATE_HZ as WORN_HZ
from calibration.mountings import mountings, whole_path
from calibration.reliability import Outcome, Row
from calibration.reliability.pack import Pack, data_root, run
from calibration.reliability.rig import ViolationError, need
from calibration.validation.recordings import RBDS, load
from gaitpi.coach.belt import MOVED
from gaitpi.config import Config, ImuConfig
from gaitpi.device.daemon import LOST_S
from gaitpi.device.pipeline import Pipeline
from gaitpi.gait import Trace, estimate
from gaitpi.hostclock import VirtualClock
from gaitpi.imu.chips import twins
from gaitpi.imu.reader import open_reader
from gaitpi.imu.virtual.faulty import GYR_RANGE, FaultScript, FaultySource, Trouble
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.source import RecordingSource, SignalSource
from gaitpi.imu.virtual.story import Phase, hold
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import SecondRow

Floats = NDArray[np.float64]
QUIET_S: Final = 0.25
LEAN_DEG: Final = 3.0
BIAS: Final = 1e-3
RATE_HZ: Final = 208.0

# ------------------------------------------------------------------ F2b, F3b: the whole daemon


def lost(kind: str, trials: int, seed: int) -> Outcome:
    """Losses of 0.1 to 15 s in a run of four minutes with a cue a minute; two in each."""
    oldest = 0.0
    for k in range(trials):
        begin = f"{seed}/{k}"
        rng = random.Random(begin)
        times = (rng.uniform(20.0, 100.0), rng.uniform(130.0, 200.0))
        lengths = [10.0 ** rng.uniform(-1.0, math.log10(15.0)) for _ in times]
        fields = {"clocks": 0} if kind == "stuck" else {}
        troubles = tuple(
            Trouble(kind, at, for_s, **fields) for at, for_s in zip(times, lengths, strict=True)
        )
        script = FaultScript(troubles, k)
        try:
            with tempfile.TemporaryDirectory() as folder:
                pack = run(script, Path(folder), seed=k, clear=False)
                oldest = max(oldest, quiet(pack, script))
        except ViolationError as error:
            return Outcome(trials, f"{oldest:.2f} s", False, f"{error} (seed {begin}: {script})")
    return Outcome(2 * trials, f"oldest data behind a cue {1000 * oldest:.0f} ms", True)


def quiet(pack: Pack, script: FaultScript) -> float:
    """No cue on old data or in a gap, a loss said once; the oldest data behind a cue, s."""
    ages = pack.ages_s()
    oldest = max(ages, default=0.0)
    need(oldest <= QUIET_S, f"a cue on data {oldest:.2f} s old")
    for begin, end in pack.gaps():
        inside = [cue.time_s for cue in pack.cues() if begin + QUIET_S < cue.time_s < end]
        need(not inside, f"a cue at {inside} in the gap from {begin:.1f} to {end:.1f} s")
    # what is near two seconds may be said or not
    sure = sum(t.for_s > LOST_S + 0.5 for t in script.troubles)
    perhaps = sum(t.for_s > LOST_S - 0.5 for t in script.troubles)
    told = sum("No samples" in text for text in pack.said)
    back = sum("answers again" in text for text in pack.said)
    need(sure <= told <= perhaps and back == told, f"said lost {told} and back {back} times")
    return oldest


# ------------------------------------------------------------------ F8b: false alarms


def alarms(trials: int, seed: int) -> Outcome:
    """Recordings through chip and reader, and what is called frozen of them."""
    root = data_root()
    paths = sorted(root.glob("*/*.npz")) if root else []
    random.Random(seed).shuffle(paths)
    hours, found = 0.0, []
    if not paths:
        source: SignalSource = SimulatedRunner(hold(120.0), RunnerParams(seed=seed))
        n, hours = frozen(source, 120.0), 120.0 / 3600.0
        return Outcome(1, f"{n} alarms in {hours:.1f} h simulated", n == 0)
    limit_s = 60.0 if trials < len(paths) else math.inf
    for path in paths[:trials]:
        recording = RecordingSource.from_npz(path)
        seconds = min(recording.duration_s, limit_s)
        n = frozen(recording, seconds)
        hours += seconds / 3600.0
        if n:
            found.append(f"{n} in {path.parent.name}/{path.stem}")
    words = f"{len(found)} alarms in {hours:.1f} h of recordings"
    return Outcome(min(trials, len(paths)), words, not found, ", ".join(found))


def frozen(source: SignalSource, seconds: float) -> int:
    """How often the reader calls the signal frozen."""
    clock = VirtualClock()
    twin = next(twin for twin in twins() if twin.part == "MPU-6050").make(source, clock)
    rate = min(max(source.rate_hz or RATE_HZ, 100.0), 1000.0)
    config = ImuConfig(rate_hz=rate)
    reader = open_reader(VirtualTransport([twin]), clock, config)
    reader.start()
    while clock.monotonic() < seconds:
        clock.sleep(config.poll_s)
        reader.poll()
    return reader.counters.get("frozen", 0)


# ------------------------------------------------------------------ F9, F10: clipping


def clipped(trials: int, seed: int) -> Outcome:
    """Axes beyond their range for 5 to 100 ms; what the run file has counted against the truth."""
    counted = true = 0
    for k in range(trials):
        rng = random.Random(f"{seed}/{k}")
        troubles = []
        for at in np.arange(8.0, 28.0, 2.0):
            kind = rng.choice(("clip-acc", "clip-gyr"))
            value = rng.choice((-1.0, 1.0)) * rng.uniform(1.0, 1.5)
            for_s = rng.uniform(0.005, 0.1)
            troubles.append(Trouble(kind, float(at), for_s, where=rng.randrange(3), value=value))
        source = FaultySource(SimulatedRunner(hold(20.0)), FaultScript(tuple(troubles)))
        error = rng.uniform(-0.08, 0.08)
        clock = VirtualClock()
        twin = rng.choice(twins()).make(source, clock, rate_error=error)
        reader = open_reader(VirtualTransport([twin]), clock, ImuConfig())
        reader.start()
        here = 0
        while clock.monotonic() < 31.0:
            clock.sleep(0.0503)
            here += sum(batch.clipped for batch in reader.poll())
        rate = reader.info.rate_hz * (1.0 + error)
        # a virtual chip's rate is near its nominal one; count by what the signal says
        n = sum(
            math.ceil((t.at_s + t.for_s) * rate - 1e-9) - math.ceil(t.at_s * rate - 1e-9)
            for t in troubles
        )
        counted, true = counted + here, true + n
        if here != n:
            why = f"{here} of {n} counted (seed {seed}/{k}, {reader.info.chip})"
            return Outcome(trials, f"{true - counted} missed", False, why)
    return Outcome(10 * trials, f"{counted} of {true} samples counted", True)


def knocked(trials: int, seed: int) -> Outcome:
    """The pack is turned faster than the gyroscope can say, and back; lean against none of it."""
    worst, silent = 0.0, 0.0
    runs = list(_runs(trials > 10))
    for k in range(trials):
        begin = f"{seed}/{k}"
        rng = random.Random(begin)
        acc, gyr, rate, clean = runs[k % len(runs)]
        n = len(acc)
        at_s = rng.uniform(0.6, 0.8) * n / rate
        deg, fast_s = rng.uniform(45.0, 120.0), rng.uniform(0.015, 0.025)
        turn = _pulse(n, rate, at_s, deg, fast_s, rng.uniform(0.2, 0.6))
        knock = _turned(acc, gyr, rate, turn, rng.randrange(3))
        measured = np.clip(knock[1], -GYR_RANGE, GYR_RANGE)
        if np.abs(knock[1]).max() < GYR_RANGE:
            continue
        trace = estimate(knock[0], measured, rate)
        after = (np.arange(n) / rate >= at_s + fast_s) & (turn == 0.0)
        valid = after & np.isfinite(trace.lean_deg) & np.isfinite(clean.lean_deg)
        off = np.abs(trace.lean_deg - clean.lean_deg)[valid]
        worst = max(worst, float(off.max(initial=0.0)))
        first = np.flatnonzero(valid)
        silent = max(silent, first[0] / rate - at_s if len(first) else math.inf)
        if worst > LEAN_DEG:
            why = f"{worst:.1f} deg after {deg:.0f} deg in {1000 * fast_s:.0f} ms (seed {begin})"
            return Outcome(trials, f"{worst:.1f} deg wrong", False, why)
    until = f"{silent:.1f} s at most" if silent < math.inf else "to the end of a trial at most"
    return Outcome(trials, f"{worst:.1f} deg wrong, withheld {until}", True)


def _runs(all_of: bool) -> Iterator[tuple[Floats, Floats, float, Trace]]:
    """Signals with the estimator's answer: a simulated runner, and recordings where there are."""
    runner = SimulatedRunner((Phase("stand", 8.0), Phase("run", 40.0, lean_deg=5.0)))
    acc, gyr = runner.samples(0, int(48 * RATE_HZ), RATE_HZ)
    yield acc, gyr, RATE_HZ, estimate(acc, gyr, RATE_HZ)
    root = data_root()
    for path in sorted((root / RBDS).glob("*.npz")) if root and all_of else ():
        one = load(path)
        assert one.gyr is not None
        yield one.acc, one.gyr, one.rate_hz, one.trace


def _pulse(n: int, rate: float, at_s: float, deg: float, there_s: float, back_s: float) -> Floats:
    """An angle (n,) rad that goes to ``deg`` in ``there_s``, stays a tenth, and comes back."""
    t = np.arange(n) / rate - at_s
    back = (t - there_s - 0.1) / back_s
    share = np.clip(t / there_s, 0.0, 1.0) - np.clip(back, 0.0, 1.0)
    return np.asarray(math.radians(deg) * share)


def _turned(
    acc: Floats, gyr: Floats, rate: float, angle: Floats, axis: int
) -> tuple[Floats, Floats]:
    """What the sensor feels when it is turned by ``angle`` about one of its axes."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    made = []
    for values in (acc, gyr):
        new = values.copy()
        new[:, i] = np.cos(angle) * values[:, i] + np.sin(angle) * values[:, j]
        new[:, j] = np.cos(angle) * values[:, j] - np.sin(angle) * values[:, i]
        made.append(new)
    made[1][:, axis] += np.diff(angle, prepend=0.0) * rate
    return made[0], made[1]


# ------------------------------------------------------------------ F11, F12: rate and clock


def off_rate(trials: int, seed: int) -> Outcome:
    """A chip up to 8 % fast or slow that drifts by up to 0.1 % a minute; cadence from 10 s on."""
    worst = 0.0
    for k in range(trials):
        begin = f"{seed}/{k}"
        rng = random.Random(begin)
        error, drift = rng.uniform(-0.08, 0.08), rng.choice((0.0, rng.uniform(-1.7e-5, 1.7e-5)))
        runner = SimulatedRunner((Phase("stand", 5.0), Phase("run", 75.0)), RunnerParams(seed=k))
        clock = VirtualClock()
        twin = twins()[k % len(twins())].make(runner, clock, rate_error=error, rate_drift=drift)
        reader = open_reader(VirtualTransport([twin]), clock, ImuConfig())
        reader.start()
        batches = []
        while not twin.ended:
            clock.sleep(0.0503)
            batches += reader.poll()
        times = np.concatenate([batch.times() for batch in batches])
        acc, gyr = reader.info.si(np.concatenate([batch.counts for batch in batches]))
        made = Pipeline(Config(), reader.info.rate_hz, has_gyro=True).update(acc, gyr, times)
        contacts = made.trace.steps["ic_s"] - twin.source_start_s
        truth = runner.truth.steps["ic_s"]
        for begin_s in (10.0, 20.0, 30.0, 40.0, 50.0):
            here = contacts[(contacts >= begin_s) & (contacts < begin_s + 20.0)]
            at = np.array([truth[np.argmin(np.abs(truth - one))] for one in here])
            if len(here) < 20 or np.any(np.diff(at) <= 0.0):
                return Outcome(trials, "steps not found", False, f"seed {begin}, {begin_s:g} s")
            worst = max(worst, abs(float(np.polyfit(at, here, 1)[0]) - 1.0))
        if worst > BIAS:
            why = f"rate {100 * error:+.1f} %, drift {drift:.1e}/s (seed {begin})"
            return Outcome(trials, f"{100 * worst:.3f} %", False, why)
    return Outcome(trials, f"{100 * worst:.3f} % of 20 s from 10 s on", True)


def stepped(trials: int, seed: int) -> Outcome:
    """The same run with and without three steps of the wall clock; all tables but the anchors."""
    phases = (Phase("stand", 5.0), Phase("run", 75.0, cadence_spm=160.0))
    rows = anchored = 0
    for k in range(trials):
        rng = random.Random(f"{seed}/{k}")
        steps = tuple(
            Trouble("wall", rng.uniform(2.0, 78.0), value=rng.choice((-1.0, 1.0)) * 10.0**size)
            for size in (0.0, rng.uniform(0.0, 8.0), 8.0)
        )
        with tempfile.TemporaryDirectory() as folder:
            clean = run(FaultScript(), Path(folder) / "a", phases=phases)
            bent = run(FaultScript(steps), Path(folder) / "b", phases=phases)
            ours, theirs = tables(clean.path), tables(bent.path)
            with RunReader(bent.path) as file:
                anchored += len(file.anchors())
        for name, table in ours.items():
            rows += len(table)
            if table != theirs[name]:
                return Outcome(trials, f"{name} differs", False, f"seed {seed}/{k}")
    return Outcome(3 * trials, f"{rows} rows and blocks byte for byte the same", True)


def tables(path: Path) -> dict[str, list[str]]:
    """What a run file holds besides header and anchors, as text."""
    with RunReader(path) as file:
        kept: dict[str, Callable[[], object]] = {
            "steps": file.steps,
            "seconds": file.seconds,
            "cues": file.cues,
            "withheld": file.withheld,
            "events": file.events,
            "blocks": lambda: [(b.index, b.line, b.counts.tobytes()) for b in file.blocks()],
        }
        return {name: [repr(row) for row in get()] for name, get in kept.items()}  # type: ignore[attr-defined]


# ------------------------------------------------------------------ F20: worn otherwise


def worn(trials: int, seed: int) -> Outcome:
    """Ways to wear the pack, the 24 along the axes first; axes and lean in the run file."""
    ways = mountings(max(0, trials - 24))
    random.Random(seed).shuffle(ways)
    told = 0
    for name, turn in ways[:trials]:
        found = whole_path(turn)
        told += found.verdict == "right"
        if found.verdict == "WRONG":
            why = f"{name}: {found.front_deg:.0f} deg off, lean {found.lean_deg:.1f}"
            return Outcome(trials, "wrong", False, why)
    return Outcome(trials, f"{told} right, {trials - told} cannot tell, 0 wrong", True)


SLIPS: Final = ((1, "forward"), (1, "back"), (0, "sideways"))
SLIP_DEG: Final = (15.0, 20.0, 30.0)


def slipped(trials: int, seed: int) -> Outcome:
    """The pack tips at one moment of a run; until the belt is told to be moved or lean withheld."""
    worst = 0.0
    for k in range(trials):
        rng = random.Random(f"{seed}/{k}")
        axis, name = SLIPS[k % len(SLIPS)]
        deg = SLIP_DEG[(k // len(SLIPS)) % len(SLIP_DEG)] * (-1.0 if name == "back" else 1.0)
        phases = (
            Phase("stand", 10.0),
            Phase("run", CHANGE_S + AFTER_S - 10.0, cadence_spm=168.0, lean_deg=5.0),
        )
        runner = SimulatedRunner(phases, RunnerParams(seed=rng.randrange(1000)))
        n = int(runner.duration_s * WORN_HZ)
        acc, gyr = tipped(*runner.samples(0, n, WORN_HZ), axis, deg)
        pipeline = Pipeline(Config(), WORN_HZ, has_gyro=True)
        rows = pipeline.update(acc, gyr, np.arange(n) / WORN_HZ).seconds
        told = [r.time_s for r in rows if r.time_s >= CHANGE_S and _flagged(r)]
        took = told[0] - CHANGE_S if told else math.inf
        worst = max(worst, took)
        if took > 30.0:
            why = f"{abs(deg):.0f} deg {name}: {took:.0f} s (seed {seed}/{k})"
            return Outcome(trials, f"{worst:.0f} s", False, why)
    return Outcome(trials, f"{worst:.0f} s", True)


def _flagged(row: SecondRow) -> bool:
    return row.belt == MOVED or math.isnan(row.lean_deg)


ROWS: Final = (
    Row(
        "F2b",
        "loose wire, the whole daemon",
        "no contact for 0.1 to 15 s, twice a run",
        "no cue on data older than 250 ms, the loss said once, back without a restart",
        "lost",
        functools.partial(lost, "nack"),
        few=1,
        many=60,
    ),
    Row(
        "F3b",
        "a held wire nothing can free, the whole daemon",
        "SDA low for 0.1 to 15 s, twice a run",
        "no cue on data older than 250 ms, the loss said once, back without a restart",
        "timeout",
        functools.partial(lost, "stuck"),
        few=1,
        many=60,
    ),
    Row(
        "F8b",
        "data that only look frozen",
        "every recording there is, played through chip and reader",
        "no false alarm",
        "frozen",
        alarms,
        few=3,
        many=1000,
    ),
    Row(
        "F9",
        "accelerometer or gyroscope at the end of its range",
        "an axis beyond it for 5 to 100 ms, ten times a run",
        "every sample counted",
        "clipped of each second",
        clipped,
        few=2,
        many=100,
    ),
    Row(
        "F10",
        "gyroscope cut off",
        "the pack turned by 45 to 120 deg in 15 to 25 ms, and back",
        "lean withheld, never wrong by more than 3 deg",
        "clipped of each second",
        knocked,
        few=4,
        many=500,
    ),
    Row(
        "F11",
        "sensor's rate off, and drifting",
        "up to 8 % off, drifting by up to 0.1 % a minute",
        "cadence within 0.1 % from 10 s on",
        "rate, when over 10 %",
        off_rate,
        few=2,
        many=100,
    ),
    Row(
        "F12",
        "wall clock steps",
        "three steps of 1 s to 1e8 s, forward or back",
        "the run file byte for byte the same but for its anchors",
        "anchors of the run file",
        stepped,
        few=1,
        many=50,
    ),
    Row(
        "F20a",
        "worn otherwise",
        "the sensor's axes permuted in 24 ways, and random ones",
        "the right axes or none, never wrong",
        "the event worn",
        worn,
        few=1,
        many=34,
    ),
    Row(
        "F20b",
        "belt slips",
        "the pack tips by 15 to 30 deg in the run",
        "told or lean withheld within 30 s",
        "belt of each second",
        slipped,
        few=2,
        many=90,
    ),
)
