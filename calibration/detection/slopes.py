"""Hills, turns and flat drops, from the simulated signal through estimator and coach to the cue.

The simulated runner's form wanders as that of the recordings does (``clues`` prints both), or a
slope would be told far too well. On a hill cadence falls by 2 to 6 %, and speed by half again as
much as the grade, or by nothing (treadmill). In a bend cadence falls by up to 4 %, at 15 deg/s.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from calibration.detection.runners import Floats
from calibration.validation.recordings import JOGGING, RBDS, SISFALL, Recording, Source
from gaitpi.coach.ground import HILL_CLEAR, HILL_OVER, HILL_RATIO
from gaitpi.coach.policy import Coach
from gaitpi.coach.slope import DUTY_STEP, IMPACT_STEP, SlopeEstimator, log_ratio
from gaitpi.coach.types import Cue, Withheld
from gaitpi.config import CoachConfig, Config, apply
from gaitpi.device.pipeline import Pipeline
from gaitpi.gait import RUNNING, estimate
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.units import RAD_PER_DEG

RATE_HZ: Final = 104.0
BLOCK: Final = 16_384
LEVEL_S: Final = 225.0
"""Level running before anything happens, s."""
BETWEEN_S: Final = 60.0
AFTER_S: Final = 30.0
"""A cue so long after a hill or a turn is still put down to it, s."""
WATCH_S: Final = 120.0
BEND_LOSS: Final = 0.04
BEND_DPS: Final = 15.0
_STAND: Final = Phase("stand", 10.0)


@dataclass(frozen=True, slots=True)
class Person:
    """A simulated runner: the pack and the usual way of running."""

    params: RunnerParams
    run: Phase


def person(seed: int) -> Person:
    """Runners differ in speed, cadence, lean, contact time, pelvis and sensor."""
    rng = np.random.default_rng([seed, 77])
    bias = rng.uniform(-1.0, 1.0, 3) * RAD_PER_DEG
    speed = float(rng.uniform(2.4, 3.4))
    run = Phase(
        "run",
        LEVEL_S,
        cadence_spm=float(rng.uniform(160.0, 178.0)),
        speed_mps=speed,
        lean_deg=float(rng.uniform(2.0, 10.0)),
        asymmetry=float(rng.uniform(-0.02, 0.02)),
    )
    params = RunnerParams(
        seed=seed,
        tilt_deg=float(rng.uniform(2.0, 4.0)),
        rotation_deg=float(rng.uniform(4.0, 8.0)),
        gyr_bias=(float(bias[0]), float(bias[1]), float(bias[2])),
        lean_wander_deg=1.9,
        contact_wander=0.04,
        impact_wander=0.4,
    )
    return Person(params, run)


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a run: decisions, and by second grade (NaN unknown) and its uncertainty."""

    decisions: list[Cue | Withheld]
    grade: Floats
    grade_sd: Floats


Look = tuple[float, float, float]
"""Run time; :func:`log_ratio` there, very small where the slope is not known; onset, s."""


class Looking(Coach):
    """A coach that cues nothing and notes the ratio whenever a cue is due but for the slope."""

    def __init__(self, config: CoachConfig, *, day_second: float | None = None) -> None:
        super().__init__(config, day_second=day_second)
        self.looks: list[Look] = []

    def _muted(self, t: float, *, of_form: bool = True) -> tuple[str, str] | None:
        quiet = super()._muted(t, of_form=of_form)
        if quiet is not None and quiet[0] != "quiet.hill":
            return quiet
        ground = self._s.ground
        known = ground.grade is not None and ground.sd is not None
        ratio = log_ratio(ground.grade or 0.0, ground.sd or 1.0) if known else -math.inf
        self.looks.append((t, ratio, ground.since_s or 0.0))
        return "quiet.hill", "looking"


def first_cue(looks: Iterable[Look], keep: float) -> float:
    """When :class:`Ground` would have let the cue through with ``keep`` for ``HILL_RATIO``, s."""
    clear, since = False, math.nan
    for t, ratio, onset_s in looks:
        if onset_s != since:
            since, clear = onset_s, False
        clear = ratio > HILL_CLEAR or (clear and ratio >= HILL_OVER)
        if keep == math.inf or (not clear and ratio <= keep):
            return t
    return math.inf


def through(
    who: Person,
    phases: Iterable[Phase],
    focus: str = "cadence",
    *,
    has_gyro: bool = True,
    looking: list[Look] | None = None,
) -> Told:
    """A run of ``phases`` through pipeline and coach; the target is the usual cadence or lean.

    ``looking``: the coach only notes there what it would have been led by.
    """
    runner = SimulatedRunner((_STAND, *phases), who.params)
    config = apply(
        Config(),
        [
            f"coach.focus={focus}",
            f"coach.target_spm={who.run.cadence_spm:.1f}",
            f"coach.usual_lean_deg={who.run.lean_deg:.1f}",
        ],
    )
    coach = Coach if looking is None else Looking
    pipeline = Pipeline(config, RATE_HZ, has_gyro=has_gyro, coach=coach)
    decisions, rows = [], []
    n = int(runner.duration_s * RATE_HZ)
    for first in range(0, n, BLOCK):
        k = min(BLOCK, n - first)
        acc, gyr = runner.samples(first, k, RATE_HZ)
        out = pipeline.update(acc, gyr, (first + np.arange(k)) / RATE_HZ)
        decisions += out.decisions
        rows += out.seconds
    if looking is not None and isinstance(pipeline.coach, Looking):
        looking += pipeline.coach.looks
    return Told(
        decisions, np.array([row.grade for row in rows]), np.array([row.grade_sd for row in rows])
    )


def hill(who: Person, grade: float, rng: np.random.Generator, *, slows: bool) -> list[Phase]:
    """A hill of 30 to 120 s; half of them begin over 20 s."""
    run = who.run
    speed = run.speed_mps * math.exp(-1.5 * grade) if slows else run.speed_mps
    spm = run.cadence_spm * (1.0 - float(rng.uniform(0.02, 0.06)))
    steep = replace(run, grade=grade, speed_mps=speed, cadence_spm=spm)
    length = float(rng.uniform(30.0, 120.0))
    ramp = []
    if rng.random() < 0.5:
        for k in range(5):
            share = (k + 0.5) / 5.0
            ramp.append(
                replace(
                    run,
                    duration_s=4.0,
                    grade=share * grade,
                    speed_mps=run.speed_mps + share * (speed - run.speed_mps),
                    cadence_spm=run.cadence_spm + share * (spm - run.cadence_spm),
                )
            )
    return [*ramp, replace(steep, duration_s=length)]


def bend(who: Person, rng: np.random.Generator) -> list[Phase]:
    """A bend of 5 to 30 deg/s that lasts 8 to 25 s, or a corner of 90 deg in 3 s."""
    corner = rng.random() < 0.3
    dps = 30.0 if corner else float(rng.uniform(5.0, 30.0))
    length = 3.0 if corner else float(rng.uniform(8.0, 25.0))
    loss = BEND_LOSS * min(1.0, dps / BEND_DPS)
    dps *= 1.0 if rng.random() < 0.5 else -1.0
    spm = who.run.cadence_spm * (1.0 - loss)
    return [replace(who.run, duration_s=length, turn_dps=dps, cadence_spm=spm)]


def walk(_who: Person, rng: np.random.Generator) -> list[Phase]:
    """A walk break."""
    return [Phase("walk", float(rng.uniform(20.0, 60.0)), cadence_spm=112.0, speed_mps=1.4)]


def four(
    who: Person, seed: int, kind: str, *, grade: float = 0.0, slows: bool = True
) -> tuple[list[Phase], list[tuple[float, float]]]:
    """Phases of a run with four episodes, and from when to when a cue is put down to each, s."""
    rng = np.random.default_rng([seed, 78])
    phases, spans, t = [who.run], [], _STAND.duration_s + LEVEL_S
    for k in range(4):
        sign = 1.0 if k % 2 == 0 else -1.0
        if kind == "hill":
            part = hill(who, sign * grade, rng, slows=slows)
        else:
            part = bend(who, rng) if kind == "bend" else walk(who, rng)
        lasts = sum(p.duration_s for p in part)
        spans.append((t, t + lasts + AFTER_S))
        phases += [*part, replace(who.run, duration_s=BETWEEN_S)]
        t += lasts + BETWEEN_S
    return phases, spans


def hill_looks(seeds: Iterable[int], grade: float, *, slows: bool) -> list[list[Look]]:
    """What the coach would have been led by on each of four hills a run."""
    out = []
    for seed in seeds:
        who, looks = person(seed), list[Look]()
        phases, spans = four(who, seed, "hill", grade=grade, slows=slows)
        through(who, phases, looking=looks)
        out += [[look for look in looks if a <= look[0] < b] for a, b in spans]
    return out


def drop_looks(seeds: Iterable[int], share: float) -> list[list[Look]]:
    """The same for drops on the flat; times from the drop on."""
    out = []
    for seed in seeds:
        who, looks = person(seed), list[Look]()
        low = replace(who.run, duration_s=70.0, cadence_spm=who.run.cadence_spm * (1.0 - share))
        through(who, (who.run, low), looking=looks)
        at = _STAND.duration_s + LEVEL_S
        out.append([(t - at, ratio, onset_s) for t, ratio, onset_s in looks if t >= at])
    return out


@dataclass(frozen=True, slots=True)
class Episodes:
    """Of ``n`` hills (turns, breaks): ``cued``; ``muted`` a cue was kept back by hill or turn."""

    n: int
    cued: int
    muted: int


def episodes(
    seeds: Iterable[int],
    kind: str,
    *,
    grade: float = 0.0,
    slows: bool = True,
    focus: str = "cadence",
    has_gyro: bool = True,
) -> Episodes:
    """Four episodes a run, ``kind`` hill, bend or walk; ``grade`` of a hill (every other down)."""
    n = cued = muted = 0
    for seed in seeds:
        who = person(seed)
        phases, spans = four(who, seed, kind, grade=grade, slows=slows)
        told = through(who, phases, focus, has_gyro=has_gyro)
        for a, b in spans:
            here = [d for d in told.decisions if a <= d.time_s < b and d.cue != "back"]
            n += 1
            cued += any(isinstance(d, Cue) for d in here)
            muted += any(_by_ground(d) for d in here)
    return Episodes(n, cued, muted)


def _by_ground(d: Cue | Withheld) -> bool:
    return isinstance(d, Withheld) and d.rule in ("quiet.hill", "quiet.turn")


@dataclass(frozen=True, slots=True)
class Drops:
    """Delays (s) of the first cue after a drop on the flat, infinite when not within WATCH_S."""

    with_slope: Floats
    without: Floats
    """The same without the rule: when the cue was kept back by it, or came."""


def drops(
    seeds: Iterable[int], share: float, *, slower: float = 0.0, has_gyro: bool = True
) -> Drops:
    """Cadence falls by ``share`` at once on the flat; speed by ``slower``."""
    found, plain = [], []
    for seed in seeds:
        who = person(seed)
        low = replace(
            who.run,
            duration_s=WATCH_S,
            cadence_spm=who.run.cadence_spm * (1.0 - share),
            speed_mps=who.run.speed_mps * (1.0 - slower),
        )
        at = _STAND.duration_s + LEVEL_S
        told = [
            d for d in through(who, (who.run, low), has_gyro=has_gyro).decisions if d.cue != "back"
        ]
        if any(isinstance(d, Cue) and d.time_s < at for d in told):
            continue
        told = [d for d in told if d.time_s >= at]
        found.append(min((d.time_s - at for d in told if isinstance(d, Cue)), default=math.inf))
        kept = (d.time_s - at for d in told if isinstance(d, Cue) or d.rule == "quiet.hill")
        plain.append(min(kept, default=math.inf))
    return Drops(np.array(found), np.array(plain))


@dataclass(frozen=True, slots=True)
class Level:
    """Slopes claimed on the level.

    ``hours`` in which a slope was known, ``claims`` of a slope likelier than the level that began,
    ``share`` of time of these and ``doubt`` of time in which a cue due would be kept back; ``rms``
    of the grade, ``told`` the mean uncertainty, both percent.
    """

    name: str
    hours: float
    claims: int
    share: float
    doubt: float
    rms: float
    told: float


def level(name: str, grade: Floats, sd: Floats, step_s: float) -> Level:
    """Of grades ``step_s`` apart, NaN where unknown."""
    known = np.isfinite(grade)
    g, s = grade[known], sd[known]
    ratios = np.array([log_ratio(*pair) for pair in zip(g.tolist(), s.tolist(), strict=True)])
    steep = ratios > HILL_CLEAR
    claims = int(np.sum(steep[1:] & ~steep[:-1])) + int(steep[:1].sum())
    if len(g) == 0:
        return Level(name, 0.0, 0, *(math.nan,) * 4)
    return Level(
        name,
        len(g) * step_s / 3600.0,
        claims,
        float(steep.mean()),
        float((ratios > HILL_RATIO).mean()),
        100.0 * float(np.sqrt(np.mean(g**2))),
        100.0 * float(s.mean()),
    )


def level_simulated(seeds: int, seconds: float) -> Level:
    """Held on the level."""
    grades, sds = [], []
    for seed in range(2000, 2000 + seeds):
        who = person(seed)
        told = through(who, (replace(who.run, duration_s=seconds),))
        grades.append(told.grade)
        sds.append(told.grade_sd)
    return level("simulated", np.concatenate(grades), np.concatenate(sds), 1.0)


def level_recorded(source: Source) -> Iterator[Level]:
    """Jogging and treadmill running that was level, by recording."""
    for recording in _level_running(source):
        slope, grade, sd = SlopeEstimator(), [], []
        steps = recording.trace.steps
        for step in steps[steps["activity"] == RUNNING]:
            slope.step(
                float(step["known_s"]),
                float(step["step_s"]),
                float(step["contact_s"]),
                float(step["impact_ms2"]),
                float(step["lean_deg"]),
            )
            slope.judge(None)
            grade.append(slope.grade)
            sd.append(slope.grade_sd)
        label = f"{source.label(recording_folder(recording))} {recording.name[:11]}"
        if len(grade) > 20:
            yield level(label, np.array(grade), np.array(sd), 0.36)


def recording_folder(recording: Recording) -> str:
    """The folder it came from."""
    return SISFALL if recording.activity else RBDS


def _level_running(source: Source) -> Iterator[Recording]:
    for folder in (RBDS, SISFALL):
        for recording in source.get(folder):
            if folder == RBDS or recording.activity in JOGGING:
                yield recording


CLUES: Final = ("lean, deg", "ln impact", "duty", "ln step time")
NOW, APART, BEFORE = 16, 16, 48


def clue_changes(trace_steps: np.ndarray) -> Floats:
    """(k, 4) changes of the clues (the share of cadence taken out): 16 steps against 48 before."""
    s = trace_steps
    s = s[(s["activity"] == RUNNING) & (s["step_s"] > 0.2) & (s["step_s"] < 0.6)]
    s = s[(s["impact_ms2"] > 1.0) & np.isfinite(s["contact_s"])]
    columns = [
        s["lean_deg"],
        np.log(s["impact_ms2"]),
        s["contact_s"] / s["step_s"],
        np.log(s["step_s"]),
    ]
    out = []
    for k in range(BEFORE + APART + NOW, len(s) + 1, 8):
        now, before = slice(k - NOW, k), slice(k - NOW - APART - BEFORE, k - NOW - APART)
        row = [float(c[now].mean() - c[before].mean()) for c in columns]
        row[1] -= IMPACT_STEP * row[3]
        row[2] -= DUTY_STEP * row[3]
        out.append(row)
    return np.array(out).reshape(-1, 4)


def clue_noise(changes: Iterable[Floats]) -> Floats:
    """(4,) standard deviations, from medians: some belts came loose."""
    rows = np.concatenate(list(changes))
    rows = rows[np.isfinite(rows).all(axis=1)]
    return np.asarray(np.median(np.abs(rows), axis=0) / 0.6745)


def recorded_changes(source: Source) -> list[Floats]:
    """Of every recording of level running."""
    return [clue_changes(r.trace.steps) for r in _level_running(source)]


def simulated_changes(seeds: int) -> list[Floats]:
    """Of simulated level running with the wander of :func:`person`."""
    out = []
    for seed in range(seeds):
        who = person(seed)
        runner = SimulatedRunner((_STAND, replace(who.run, duration_s=120.0)), who.params)
        n = int(runner.duration_s * RATE_HZ)
        acc, gyr = runner.samples(0, n, RATE_HZ)
        out.append(clue_changes(estimate(acc, gyr, RATE_HZ).steps))
    return out


def pitch(recording: Recording) -> float:
    """Forward pitch (deg) of a sensor without gyroscope: the mean force over whole strides."""
    assert recording.ic is not None
    contacts = recording.ic[: (len(recording.ic) - 1) // 2 * 2 + 1]
    first, last = (int(contacts[k] * recording.rate_hz) for k in (0, -1))
    mean = recording.acc[first:last].mean(axis=0)
    return float(-np.degrees(np.arctan2(mean[0], mean[2])))
