"""A coach and a simulated runner who answers it, step by step: half an hour in a fifth of a second.

No signal, no estimator, no numba: the coach is given what a perfect estimator would tell it. The
runner is that of the virtual chip (``imu/virtual``), so what is tried here can be tried there.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from gaitpi.coach.types import Cue, Moment, StepTaken, Withheld
from gaitpi.imu.virtual.answering import Answering, Reply
from gaitpi.imu.virtual.plan import STILL
from gaitpi.imu.virtual.steps import Taken, steps
from gaitpi.imu.virtual.story import Phase

MOMENTS_HZ: Final = 10.0
KNOWN_LATER_S: Final = 0.1
"""From an initial contact to a step that is known, s."""
SOUND_LATER_S: Final = 0.06
"""From a decision to the sound, s: poll and player of the daemon."""
GRADE_SD: Final = 0.01
"""Uncertainty of the slope the coach is given, rise over run. Assumed."""


class Listener(Protocol):
    """What decides the cues: a :class:`~gaitpi.coach.policy.Coach`, or one around it."""

    def step(self, step: StepTaken) -> None:
        """Take in a step."""

    def moment(self, m: Moment) -> list[Cue | Withheld]:
        """Take in a moment; what is decided comes out."""


class Meant(NamedTuple):
    """A running step: begin and length in s, cadence (spm) and lean (deg) as meant."""

    start_s: float
    step_s: float
    meant_spm: float
    lean_deg: float


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of it. ``replies`` is empty for a runner who hears nothing."""

    cues: list[Cue]
    withheld: list[Withheld]
    replies: list[Reply]
    running: list[Meant]

    def share(self, inside: Callable[[Meant], bool], from_s: float = 0.0) -> float:
        """Share of the running time after ``from_s`` in which ``inside`` holds; NaN with none."""
        told = [(step.step_s, inside(step)) for step in self.running if step.start_s >= from_s]
        whole = math.fsum(s for s, _ in told)
        return math.fsum(s for s, yes in told if yes) / whole if whole else math.nan


def rehearse(
    coach: Listener,
    phases: Sequence[Phase],
    answering: Answering | None = None,
    *,
    seed: int = 1,
    step_cv: float = 0.015,
    persistence: float = 0.3,
    lean_sd_deg: float | None = None,
    decided: Callable[[Cue | Withheld], None] | None = None,
) -> Rehearsal:
    """Let ``coach`` listen to a runner of ``phases`` who hears its cues.

    ``answering`` how he answers, None = he hears nothing; it keeps what he learns. ``seed``,
    ``step_cv``, ``persistence`` and ``lean_sd_deg`` as in :func:`~gaitpi.imu.virtual.steps.steps`.
    ``decided`` is told of each decision as it is made. Deterministic.
    """
    scatter = {} if lean_sd_deg is None else {"lean_sd_deg": lean_sd_deg}
    taken = steps(
        phases,
        seed=seed,
        step_cv=step_cv,
        persistence=persistence,
        intend=None if answering is None else answering.intend,
        **scatter,
    )
    out = Rehearsal([], [], [], [])
    body = _Body(coach)
    end_s = math.fsum(phase.duration_s for phase in phases)
    for step in taken:
        if step.start_s >= end_s:
            break
        if step.running:
            lasts_s = step.end_s - step.start_s
            meant = Meant(step.start_s, lasts_s, step.meant_spm, step.meant_lean_deg)
            out.running.append(meant)
        for decision in body.take(step):
            if decided is not None:
                decided(decision)
            if isinstance(decision, Withheld):
                out.withheld.append(decision)
                continue
            out.cues.append(decision)
            if answering is not None:
                answering.heard(decision.time_s + SOUND_LATER_S, decision.cue, decision.beat_s)
    if answering is not None:
        out.replies.extend(answering.all_replies())
    return out


class _Body:
    """Turns steps into what a coach is given, in the order in which it becomes known."""

    def __init__(self, coach: Listener) -> None:
        self._coach = coach
        self._moment = 1
        self._contacts: deque[StepTaken] = deque()
        self._before: Taken | None = None
        self._leans = (math.nan, math.nan)

    def take(self, step: Taken) -> Iterable[Cue | Withheld]:
        """Everything up to the end of ``step``."""
        before = self._before
        if step.kind != STILL:
            kept_on = before is not None and before.kind == step.kind
            step_s = step.start_s - before.start_s if before is not None and kept_on else math.nan
            known_s = step.start_s + KNOWN_LATER_S
            # the step that this contact ends, which began with the one before
            ic_s = before.start_s if before is not None and kept_on else step.start_s
            self._contacts.append(StepTaken(known_s, ic_s, step_s, step.running))
            self._leans = (self._leans[1], step.lean_deg)
        else:
            self._leans = (math.nan, math.nan)
        self._before = step
        while (t := self._moment / MOMENTS_HZ) < step.end_s:
            self._moment += 1
            while self._contacts and self._contacts[0].known_s <= t:
                self._coach.step(self._contacts.popleft())
            yield from self._coach.moment(self._at(t, step))

    def _at(self, t: float, step: Taken) -> Moment:
        moving = step.kind != STILL
        return Moment(
            time_s=t,
            activity=step.kind,
            cadence_spm=step.meant_spm if moving else math.nan,
            lean_deg=sum(self._leans) / 2.0,
            yaw_rate_dps=step.turn_dps,
            lean_sd_deg=0.0,
            grade=step.grade,
            grade_sd=GRADE_SD,
            belt=1,
        )
