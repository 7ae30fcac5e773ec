"""A whole programme tried on the simulated runner: listening run, sessions, silent tests.

Everything but the runner and the sensor is real: the programme's file, what the next run is, the
coach, the run files and what is read from them. The runner is that of
:mod:`gaitpi.device.rehearsal`, step by step, without a signal, so a run file made here has steps,
seconds and cues, and no samples. No numba. It shows that programme and model fit together; it is
no evidence about people (docs/simulation.md).
"""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import msgspec
from msgspec import structs

from gaitpi import programmefile
from gaitpi.coach.policy import Coach
from gaitpi.coach.programme import MINUTE_S, Plan, Session, Test
from gaitpi.coach.targets import Own
from gaitpi.coach.targets import propose as proposal
from gaitpi.coach.types import Cue, Moment, StepTaken, Withheld
from gaitpi.config import Config
from gaitpi.device.programme import Desk
from gaitpi.device.rehearsal import rehearse
from gaitpi.errors import GaitpiError
from gaitpi.imu.batch import SensorInfo
from gaitpi.imu.virtual.answering import Answering, AnswerParams, Memory
from gaitpi.imu.virtual.story import Phase
from gaitpi.prescription import Prescription, clamp, measured
from gaitpi.programmefile import Prescribed, Started
from gaitpi.review import programme as review
from gaitpi.review.listening import listen
from gaitpi.runs.header import RunHeader
from gaitpi.runs.recorder import Recorder
from gaitpi.runs.rows import RUNNING, StepRow
from gaitpi.runs.writer import RunWriter, run_path

NAME: Final = "simulated-programme"
STAND_S: Final = 15.0
LISTEN_MIN: Final = 20.0
"""The run before, without a target, which shows the runner's own cadence."""
EVERY_DAYS: Final = 2
"""A session every other day: 3.5 a week."""
MARGIN_S: Final = 30.0
"""A run goes on for so long after the session."""
STRIDE_STALE_S: Final = 1.5
SAMPLES: Final = 20
"""Samples a moment stands for; there are none."""
DAY_S: Final = 86_400.0
SEED_STEP: Final = 1_000
"""Between the seeds of the step noise of two programmes: each run has its own."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One simulated run: what was booked of it (None: the listening run), its ``day``.

    And the habit it began and ended with in the model, spm.
    """

    done: programmefile.Done | None
    day: int
    habit_from_spm: float
    habit_to_spm: float


@dataclass(frozen=True, slots=True)
class Trial:
    """A programme that was run. ``target_spm`` after every limit; ``own`` by the listening run."""

    target_spm: float
    own: Own
    standing: review.Standing
    runs: tuple[Ran, ...]
    problems: tuple[str, ...]
    ended_s: float


def shortened(plan: Plan, sessions: int) -> Plan:
    """The first ``sessions`` of a plan, and its tests."""
    return structs.replace(plan, sessions=plan.sessions[:sessions])


def try_programme(
    plan: Plan,
    directory: Path,
    *,
    target_spm: float | None,
    own_spm: float,
    params: AnswerParams,
    prescribed: tuple[Prescription, str, str] | None = None,
    config: Config | None = None,
    told: Callable[[Ran], None] | None = None,
) -> Trial:
    """Run ``plan`` with a simulated runner into run files in ``directory`` (no runs in it yet).

    ``target_spm`` None = what gaitpi proposes (under a prescription: what is prescribed);
    ``own_spm`` his habit at first; ``prescribed`` a prescription to be kept to, its text and its
    kind. ``told`` gets each run as it ends. Deterministic but for the run ids. Raises GaitpiError
    when the plan cannot be run.
    """
    if plan.focus != "cadence":
        raise GaitpiError("the simulated programme is of cadence only.", "")
    life = _Life(directory, own_spm, params, config or Config())
    life.run(life.config, LISTEN_MIN * MINUTE_S, None)
    own = listen(directory, simulated=True).own("")
    if own is None:
        raise GaitpiError("the listening run showed no own cadence.", "Try another --own.")
    found = life.prescribe(prescribed, own)
    if target_spm is None:
        target_spm = found.ceiling_spm if found else proposal(own, None, 0.0).spm
    wanted = structs.replace(life.config.coach, target_spm=target_spm, focus=plan.focus)
    life.config = clamp(structs.replace(life.config, coach=wanted), found)[0]
    target = life.config.coach.target_spm
    if target is None:
        raise GaitpiError("no target came of it.", "Give one: --target SPM.")
    started = Started(
        wall_s=life.wall_s,
        id=found.id if found is not None and found.plan is not None else "own-simulated",
        plan=plan,
        target=target,
        own=own.cadence_spm,
        own_sd=review.own_sd(own),
    )
    programmefile.add(life.path, [started])
    runs = [life.ran[0], *life.sessions(plan, told)]
    at = life.standing()
    return Trial(target, own, at, tuple(runs), tuple(life.problems), life.wall_s)


class _Life:
    """The runner from day to day."""

    def __init__(
        self, directory: Path, own_spm: float, params: AnswerParams, config: Config
    ) -> None:
        self.config = config
        self.path = programmefile.path_in(directory, simulated=True)
        # a morning, far from midnight in any zone's clock; the same for every trial
        self.wall_s = datetime(2026, 1, 5, 12).astimezone().timestamp()
        self.ran: list[Ran] = []
        self.problems: list[str] = []
        self._directory = directory
        self._own_spm = own_spm
        self._params = params
        self._memory = Memory()
        self._first_s = self.wall_s

    def prescribe(
        self, prescribed: tuple[Prescription, str, str] | None, own: Own
    ) -> Prescription | None:
        """Put the prescription into the file of the programme; its dates do not matter here."""
        if prescribed is None:
            return None
        found, text, kind = prescribed
        found = measured(found, own.cadence_spm)
        record = Prescribed(
            wall_s=self.wall_s,
            sha256=found.sha256,
            text=text,
            kind=kind,
            baseline_spm=found.baseline_spm,
            baseline_from=found.baseline_from,
        )
        programmefile.add(self.path, [record])
        return found

    def standing(self) -> review.Standing:
        """Where the programme stands, by its file and the run files."""
        journal = programmefile.load(self.path)
        runs, _ = review.collect(self._directory, journal, simulated=True)
        at = review.standing(journal, runs)
        assert at is not None
        return at

    def sessions(self, plan: Plan, told: Callable[[Ran], None] | None) -> list[Ran]:
        """All sessions and tests, each when it is due."""
        runs = []
        desk = Desk(self._directory, lambda: self.wall_s, simulated=True)
        parts: tuple[Session | Test, ...] = (*plan.sessions, *plan.tests)
        for part in parts:
            self._sleep(part)
            desk.refresh()
            laid = desk.prepare(self.config, self.wall_s)
            self.problems += laid.problems
            if laid.next.part not in ("session", "test"):
                raise GaitpiError(f"the simulated programme cannot go on: {laid.next.why}.", "")
            length_s = laid.config.coach.warmup_s + laid.next.minutes * MINUTE_S + MARGIN_S
            ran = self.run(laid.config, length_s, laid.next)
            runs.append(ran)
            if told is not None:
                told(ran)
        desk.refresh()  # books the last one
        return runs

    def _sleep(self, part: Session | Test) -> None:
        """Let the days pass until the next one."""
        days = float(EVERY_DAYS)
        if isinstance(part, Test):
            at = self.standing()
            last_s = max((run.wall_s for run in at.sessions), default=at.started.wall_s)
            days = max(1.0, part.after_days - round((self.wall_s - last_s) / DAY_S))
        self.wall_s += days * DAY_S
        self._memory = self._memory.rest(days, self._params)

    def run(self, config: Config, length_s: float, coming: review.Next | None) -> Ran:
        """One run of ``length_s`` of running, recorded."""
        answering = Answering(self._params, self._memory)
        before = self._habit()
        header = _header(config, self.wall_s)
        path = run_path(self._directory, header.run_id)
        recorder = Recorder(RunWriter(path, header), synchronous=True)
        scribe = Scribe(Coach(config.coach), recorder)
        phases = (
            Phase("stand", STAND_S),
            Phase("run", length_s, cadence_spm=self._own_spm, lean_deg=6.0),
        )
        seed = SEED_STEP * self._params.seed + len(self.ran)
        rehearse(scribe, phases, answering, seed=seed, decided=scribe.decided)
        scribe.finish()
        if problem := recorder.close({}):
            raise GaitpiError(problem, "")
        self._memory = answering.memory
        done = None
        if coming is not None:
            runs, _ = review.collect(self._directory, programmefile.load(self.path), simulated=True)
            done = next((run for run in runs if run.run_id == header.run_id), None)
        day = round((self.wall_s - self._first_s) / DAY_S)
        ran = Ran(done, day, before, self._habit())
        self.ran.append(ran)
        return ran

    def _habit(self) -> float:
        return self._own_spm * (1.0 + self._memory.learned)


class Scribe:
    """A coach whose steps, moments and decisions are recorded.

    ``step_row`` and ``second_row`` make the rows; without a signal there is not much in them.
    """

    def __init__(self, coach: Coach, recorder: Recorder) -> None:
        self._coach = coach
        self._recorder = recorder
        self._seconds: dict[int, list[Moment]] = {}

    def step(self, step: StepTaken) -> None:
        """Take in a step."""
        self._recorder.steps([self.step_row(step)])
        self._coach.step(step)

    def moment(self, m: Moment) -> list[Cue | Withheld]:
        """Take in a moment; what is decided comes out."""
        self._seconds.setdefault(math.floor(m.time_s + 1e-9), []).append(m)
        return self._coach.moment(m)

    def decided(self, decision: Cue | Withheld) -> None:
        """Record a decision; a cue is heard at once."""
        if isinstance(decision, Cue):
            self._recorder.cue(decision, decision.time_s)
        else:
            self._recorder.withheld(decision)

    def finish(self) -> None:
        """Record the seconds."""
        self._recorder.seconds([self.second_row(k, found) for k, found in self._seconds.items()])

    def step_row(self, step: StepTaken) -> dict[str, Any]:
        """In the file a step begins with its contact; there is no more to it without a signal."""
        known = math.isfinite(step.step_s)
        return dict.fromkeys(StepRow._fields, math.nan) | {
            "ic_s": step.ic_s,
            "step_s": step.step_s,
            "cadence_spm": MINUTE_S / step.step_s if known else math.nan,
            "side": 0,
            "known_s": step.known_s,
            "activity": RUNNING if step.running else 2,
        }

    def second_row(self, second: int, moments: list[Moment]) -> dict[str, Any]:
        """A second made of its moments."""
        activities = Counter(m.activity for m in moments)
        return {
            "time_s": float(second),
            "activity": activities.most_common(1)[0][0],
            "cadence_spm": _mean([m.cadence_spm for m in moments]),
            "lean_deg": _mean([m.lean_deg for m in moments]),
            "side_lean_deg": math.nan,
            "samples": SAMPLES * len(moments),
            "clipped": 0,
            "gap_s": sum(m.gap_s for m in moments),
            "belt": 1,
        }


def _mean(values: list[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return fmean(known) if known else math.nan


def _header(config: Config, wall_s: float) -> RunHeader:
    sensor = SensorInfo(
        chip="none",
        address=0,
        bus="none",
        who_am_i=0,
        identity="steps of a simulated runner, no sensor",
        rate_hz=208.0,
        acc_scale=1.0,
        gyr_scale=1.0,
        acc_range=1.0,
        gyr_range=1.0,
        virtual=True,
    )
    return RunHeader.new(
        mono_s=0.0,
        wall_s=wall_s,
        sensor=sensor,
        config=msgspec.json.encode(config).decode(),
        calibration=None,
        segment=config.mount.segment,
        mount=config.mount.axes,
        design_rate_hz=208.0,
        has_gyro=True,
        virtual=True,
        source="rehearsal",
        recording=NAME,
    )
