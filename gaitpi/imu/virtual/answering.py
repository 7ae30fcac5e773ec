"""How a simulated runner answers cues: a model with its parameters stated, not people.

Pure and deterministic, in run time, without signal, coach or clock. What the runner means to do
in the next step = habit + effort:

* Habit is what the story says (cadence, lean), times what practice has made of it, with the
  drift of fatigue.
* Effort begins some steps after a cue, if the runner answers it at all: towards a share
  (``gain``) of what was asked, with the time constant of some strides. He keeps to that cadence
  for ``hold_s``, then it is forgotten.
* The chance that he answers falls with the cues of the last ten minutes (annoyance); ``let-go``
  clears that account.
* Practice: while the effort raises his cadence, the habit follows it slowly. What was learned
  under cues is kept worse from one session to the next than what he did on his own (the guidance
  hypothesis: Salmoni, Schmidt & Walter 1984, Psychol Bull 95:355; Winstein & Schmidt 1990,
  J Exp Psychol LMC 16:677). It is contested for gait: docs/simulation.md.

That one effort comes and goes fast and one habit slowly is the form of Smith, Ghazizadeh &
Shadmehr 2006 (PLoS Biol 4:e179).
"""

import math
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from gaitpi.units import S_PER_MIN, cadence_spm, step_time_s

RHYTHMIC: Final = ("step-up", "beat", "metronome")
"""Cues that ask for a cadence."""
LEANS: Final = {"tall": -1.0, "sink": 1.0}
"""Cues that ask for another lean, and which way (+1 forward)."""
MEMORY_S: Final = 600.0
"""Cues of this long ago still annoy, s."""
PAUSE_S: Final = 5.0
"""Without a running step for this long the effort is over: who stops loses the rhythm, s."""


@dataclass(frozen=True, slots=True)
class AnswerParams:
    """A runner's way with cues. "Assumed" = no measurement known to us; the form is what counts.

    Raises ValueError for a number out of range.
    """

    seed: int = 1
    answers: float = 0.8
    """Chance that a cue is answered by a runner who is not annoyed. Assumed for a responder;
    :func:`person` draws who is one."""
    gain: float = 0.73
    """Share of the asked change that is made: asked +10 %, got +7.3 % (Musgjerd 2021)."""
    gain_sd: float = 0.1
    """How it differs from cue to cue. Assumed."""
    change_max: float = 0.1
    """Largest change of cadence a cue brings about, relative. Assumed: the largest in studies."""
    react_steps: float = 5.0
    """Steps from the beginning of the sound to the first other step. Assumed: two ticks are a
    rhythm, then a reaction."""
    follow_strides: float = 4.0
    """Time constant towards the asked cadence or lean, strides. Assumed: a handful of beats."""
    hold_s: float = 40.0
    """How long the rhythm or the posture is kept up, s. Assumed."""
    forget_s: float = 60.0
    """Time constant of the way back to the habit after that, s. Assumed."""
    patience: float = 5.0
    """Cues in ten minutes that annoy nobody: one in two minutes is liked (ECCE 2021)."""
    annoyance: float = 0.2
    """Share of the chance to answer that each further cue takes away. Assumed."""
    usual_lean_deg: float = 6.0
    """Lean at which the runner feels upright, deg: where lean cues lead."""
    lean_gain: float = 0.7
    """Share of the way there that a lean cue brings about. Assumed."""
    lean_least_deg: float = 1.0
    """Least change after a lean cue, deg. Assumed."""
    learn_per_min: float = 0.012
    """Share of the effort that becomes habit per minute of it. Assumed: half in an hour, so that
    eight sessions of 15 to 30 min, as studies have them, can leave most of the change."""
    guided_s: float = 30.0
    """Within this time of a cue practice counts as led by it, s. Assumed."""
    keep_own: float = 0.99
    """Share of what was practised unled that is left a day later. Assumed: 0.74 in a month
    (retraining is kept for one month: Crowell & Davis 2011)."""
    keep_guided: float = 0.8
    """The same of what was practised under cues. Assumed."""
    tired_min: float = 30.0
    """Minutes of running after which fatigue shows. Assumed."""
    sag_per_h: float = 0.03
    """Cadence lost per hour from then on, relative. Assumed."""
    stoop_deg_per_h: float = 3.0
    """Lean gained per hour from then on, deg. Assumed."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("answers", "annoyance", "keep_own", "keep_guided", "lean_gain"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must lie in 0..1, not {getattr(self, name)}")
        for name, value in asdict(self).items():
            if not (math.isfinite(value) and value >= 0.0):
                raise ValueError(f"{name} must be 0 or more, not {value}")
        if self.follow_strides == 0.0 or self.forget_s == 0.0:
            raise ValueError("follow_strides and forget_s must be above 0")


RESPONDERS: Final = 0.5
"""Share of people who respond: a third to two thirds, depending on what is counted (Esculier
2023: 35 %; Sheerin 2020: 11 of 18)."""
DEAF: Final = 0.05
"""Chance of an answer of those who do not respond. Assumed."""


def person(seed: int) -> AnswerParams:
    """Somebody: a responder or not, with a gain of his own (assumed to differ by 0.15)."""
    rng = np.random.default_rng([seed, 2])
    answers = AnswerParams().answers if rng.random() < RESPONDERS else DEAF
    gain = float(np.clip(AnswerParams().gain + 0.15 * rng.standard_normal(), 0.2, 1.1))
    return AnswerParams(seed=seed, answers=answers, gain=gain)


@dataclass(frozen=True, slots=True)
class Memory:
    """What a runner has learned: cadence gained over his first habit, relative.

    ``own`` practised on his own, ``guided`` practised under cues; ``session`` counts sessions.
    """

    own: float = 0.0
    guided: float = 0.0
    session: int = 0

    @property
    def learned(self) -> float:
        """Both together."""
        return self.own + self.guided

    def rest(self, days: float, params: AnswerParams) -> "Memory":
        """What is left ``days`` later, ready for the next session."""
        own, guided = params.keep_own**days, params.keep_guided**days
        return Memory(self.own * own, self.guided * guided, self.session + 1)


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a cue.

    ``heard_s`` in the time of his signal; ``asked`` and ``goal`` in spm (rhythmic cues) or deg
    (lean cues), NaN where nothing was asked or nothing done; ``chance`` that he
    would answer, NaN where the cue asks for nothing or came too late for him to react before he
    stopped; ``from_s`` time of the first step that could differ, NaN without one. ``goal`` is
    that of the moment of the answer: a rhythm that goes on gliding moves it further.
    """

    heard_s: float
    cue: str
    asked: float
    chance: float
    answered: bool
    from_s: float
    goal: float


@dataclass(frozen=True, slots=True)
class _Heard:
    time_s: float
    cue: str
    beat_s: float


@dataclass(slots=True)
class _Effort:
    """A change being made: ``now`` beyond the habit, towards the value ``goal`` until ``until_s``.

    ``way`` +1 up, -1 down: a habit that is beyond the goal already is not held back. ``goal`` NaN:
    none, ``now`` is being forgotten.
    """

    now: float = 0.0
    goal: float = math.nan
    way: float = 1.0
    until_s: float = -math.inf

    def begin(self, goal: float, habit: float, until_s: float) -> None:
        """Go for ``goal`` from now on."""
        self.goal, self.until_s = goal, until_s
        self.way = 1.0 if goal >= habit else -1.0

    def move(self, t: float, dt: float, habit: float, follow_s: float, forget_s: float) -> None:
        """Let ``dt`` seconds pass, up to ``t``."""
        if t >= self.until_s:
            self.goal = math.nan
        if math.isnan(self.goal):
            wanted, tau = 0.0, forget_s
        else:
            wanted, tau = self.way * max(0.0, self.way * (self.goal - habit)), follow_s
        self.now += (1.0 - math.exp(-dt / tau)) * (wanted - self.now)


class Answering:
    """One runner in one session. ``memory`` is what he has from the sessions before.

    Tell it what was :meth:`heard` (from any thread), and ask :meth:`intend` for every running step
    in order. A cue changes no step that was asked before it was told, nor any that begins
    earlier than ``react_steps`` after it. The same calls give the same answers.
    """

    def __init__(self, params: AnswerParams | None = None, memory: Memory | None = None) -> None:
        self.params = params or AnswerParams()
        self.replies: list[Reply] = []
        """What became of the cues whose time to react has come, in order."""
        self._memory = memory or Memory()
        self._own, self._guided = self._memory.own, self._memory.guided
        self._rng = np.random.default_rng([self.params.seed, 3, self._memory.session])
        self._waiting: deque[_Heard] = deque()
        self._recent: deque[float] = deque()
        self._last_cue_s = -math.inf
        self._cadence, self._lean = _Effort(), _Effort()
        self._follows = False
        self._share = self.params.gain
        self._t = math.nan
        self._ran_s = 0.0
        self._step_s = 0.35

    @property
    def memory(self) -> Memory:
        """What he has learned up to now."""
        return Memory(self._own, self._guided, self._memory.session)

    def heard(self, time_s: float, cue: str, beat_s: float = math.nan) -> None:
        """A cue begins at run time ``time_s``; ``beat_s`` its step interval where it has one.

        Cues come in the order of time. Raises ValueError for a rhythmic one without interval.
        """
        if cue in RHYTHMIC and not beat_s > 0.0:
            raise ValueError(f"{cue} needs its step interval, not {beat_s}")
        self._waiting.append(_Heard(time_s, cue, beat_s))

    def rhythm(self, time_s: float, beat_s: float) -> None:
        """The rhythm heard last has the interval ``beat_s`` from now on: it glides.

        Raises ValueError for an interval that is none.
        """
        if not beat_s > 0.0:
            raise ValueError(f"a rhythm needs its step interval, not {beat_s}")
        self._waiting.append(_Heard(time_s, "", beat_s))

    def all_replies(self) -> list[Reply]:
        """``replies``, and the cues he has not had the time to react to."""
        return [*self.replies, *(_no_reply(one) for one in self._waiting if one.cue)]

    def intend(self, t: float, cadence: float, lean_deg: float) -> tuple[float, float]:
        """Cadence (spm) and lean (deg) meant for the running step that begins at ``t`` (s).

        ``cadence`` and ``lean_deg`` are those of the story. Times must rise.
        """
        dt = t - self._t if math.isfinite(self._t) else 0.0
        self._t = t
        if dt > PAUSE_S:
            self._stopped(t)
            dt = 0.0
        self._ran_s += dt
        habit, lean = self._habit(cadence, lean_deg)
        p = self.params
        while self._waiting and t >= self._waiting[0].time_s + p.react_steps * self._step_s:
            self._react(self._waiting.popleft(), t, habit, lean)
        follow_s = 2.0 * p.follow_strides * self._step_s
        self._cadence.move(t, dt, habit, follow_s, p.forget_s)
        self._lean.move(t, dt, lean, follow_s, p.forget_s)
        self._practise(t, dt, self._cadence.now / cadence)
        meant = habit + self._cadence.now
        self._step_s = step_time_s(meant)
        return meant, lean + self._lean.now

    def _stopped(self, t: float) -> None:
        """He has not run for a while: effort and what he heard before it are over."""
        self._cadence, self._lean = _Effort(), _Effort()
        self._follows = False
        while self._waiting and self._waiting[0].time_s < t - PAUSE_S:
            late = self._waiting.popleft()
            if late.cue:
                self.replies.append(_no_reply(late))

    def _habit(self, cadence: float, lean_deg: float) -> tuple[float, float]:
        """What he does without thinking, by now."""
        p = self.params
        tired_h = max(0.0, self._ran_s / 3600.0 - p.tired_min / 60.0)
        cadence *= (1.0 + self._own + self._guided) * max(0.5, 1.0 - p.sag_per_h * tired_h)
        return cadence, lean_deg + min(20.0, p.stoop_deg_per_h * tired_h)

    def _react(self, heard: _Heard, t: float, habit: float, lean: float) -> None:
        """The time to react to ``heard`` has come."""
        p = self.params
        if not heard.cue:
            if self._follows and t < self._cadence.until_s:
                goal = self._cadence_goal(heard.beat_s, habit)
                self._cadence.begin(goal, habit, self._cadence.until_s)
            return
        asks = heard.cue in RHYTHMIC or heard.cue in LEANS
        chance = self._chance(heard.time_s) if asks else math.nan
        if heard.cue == "let-go":
            self._recent.clear()
        if asks:
            self._recent.append(heard.time_s)
            self._last_cue_s = heard.time_s
        # always the same draws, so that one answer does not decide about the next ones
        luck, size = self._rng.random(), self._rng.standard_normal()
        answered = asks and bool(luck < chance)
        asked = goal = math.nan
        if heard.cue in RHYTHMIC:
            asked = cadence_spm(heard.beat_s)
            self._follows = answered
            if answered:
                self._share = min(max(p.gain + p.gain_sd * size, 0.0), 1.2)
                goal = self._cadence_goal(heard.beat_s, habit)
                self._cadence.begin(goal, habit, t + p.hold_s)
        elif heard.cue in LEANS:
            asked = p.usual_lean_deg
            if answered:
                goal = self._lean_goal(LEANS[heard.cue], lean, size)
                self._lean.begin(goal, lean, t + p.hold_s)
        self.replies.append(Reply(heard.time_s, heard.cue, asked, chance, answered, t, goal))

    def _chance(self, t: float) -> float:
        """The chance that a cue at ``t`` is answered."""
        while self._recent and self._recent[0] < t - MEMORY_S:
            self._recent.popleft()
        p = self.params
        too_many = max(0.0, len(self._recent) + 1 - p.patience)
        return p.answers * math.pow(1.0 - p.annoyance, too_many)

    def _cadence_goal(self, beat_s: float, habit: float) -> float:
        change = self._share * (cadence_spm(beat_s) - habit)
        most = self.params.change_max * habit
        return habit + min(max(change, -most), most)

    def _lean_goal(self, way: float, lean: float, size: float) -> float:
        p = self.params
        share = min(max(p.lean_gain + p.gain_sd * size, 0.0), 1.2)
        now = lean + self._lean.now
        change = max(share * way * (p.usual_lean_deg - now), p.lean_least_deg)
        return now + way * change

    def _practise(self, t: float, dt: float, effort: float) -> None:
        """Some of the effort (relative) becomes habit."""
        if effort <= 0.0:
            return
        gained = self.params.learn_per_min * dt / S_PER_MIN * effort
        if t - self._last_cue_s <= self.params.guided_s:
            self._guided += gained
        else:
            self._own += gained


def _no_reply(heard: _Heard) -> Reply:
    """A cue that came too late."""
    asked = cadence_spm(heard.beat_s) if heard.cue in RHYTHMIC else math.nan
    return Reply(heard.time_s, heard.cue, asked, math.nan, False, math.nan, math.nan)


def as_json(reply: Reply) -> dict[str, Any]:
    """A reply for a JSON line of ``type`` "heard"; what there is not is None."""
    out: dict[str, Any] = {"type": "heard"}
    for name, value in asdict(reply).items():
        out[name] = None if isinstance(value, float) and not math.isfinite(value) else value
    return out
