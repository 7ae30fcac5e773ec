"""Where and when the feet of a simulated runner come down.

A plan is a row of nodes. In running a node is an initial contact, in walking the middle of
double support, in standing a mark every half second. Between node i and i + 1 lies one stance
(and in running the flight after it) of foot i; odd nodes are the right foot.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gaitpi.imu.virtual.story import Phase
from gaitpi.units import G0, step_time_s

Floats = NDArray[np.float64]

STILL: Final = 1
WALKING: Final = 2
RUNNING: Final = 3
KINDS: Final = {"stand": STILL, "walk": WALKING, "run": RUNNING}

NODE = np.dtype(
    [
        ("t", np.float64),
        ("kind", np.uint8),
        ("contact_s", np.float64),
        ("speed", np.float64),
        ("grade", np.float64),
        ("step_nominal_s", np.float64),
        ("heading", np.float64),
        ("lean", np.float64),
        ("side_lean", np.float64),
        ("running", np.float64),
        ("walking", np.float64),
        ("slip", np.float64),
        ("looseness", np.float64),
        ("blow", np.float64),
    ]
)
"""One node and the stretch that follows it; angles rad, speed m/s at the node; ``running`` and
``walking`` 0..1 are the weights of the pelvis oscillations of either gait; ``blow`` how hard the
landing is, as a multiple of that on the level."""

Intend = Callable[[float, float, float], tuple[float, float]]
"""What a running step is meant to be: time (s), cadence (spm) and lean (deg) of the story in,
cadence and lean the runner means to run with out."""

STAND_STEP_S: Final = 0.5
SPEED_UP: Final = 2.5
"""Most a runner changes speed in ordinary running, m/s²: a stop from 2.8 m/s takes 3 steps."""
FULL_FLIGHT_STEPS: Final = 4
"""Running steps over which the flight grows to its full length."""
BRAKE_SPM: Final = 130.0
"""Cadence of the walking steps between running and standing."""
POSTURE_S: Final = 0.5
"""Time constant of a change of posture between phases, s."""
GRADE_LEAN: Final = 0.5
"""Share of the slope angle by which the trunk leans into a hill (assumed; the sacrum of one runner
turned by 0.6 to 1.2 of it, data of Alcantara et al. 2022)."""
CONTACT_STEP: Final = 0.5
"""Contact time goes with this power of the step time at one speed: longer at a lower step rate
(Farley & Gonzalez 1996, J Biomech 29:181). The size is assumed: half-way between a contact that
stays as long and a duty factor that does."""
USUAL_STEP_S: Final = 60.0 / 170.0
"""Step time at which contact is that of :func:`contact_time`."""
GRADE_CONTACT: Final = 1.0
"""Relative change of contact time with grade at one speed: the duty factor is larger uphill and
smaller downhill (review by Vernillo et al. 2017, Sports Med 47:615); the size is that of the data
of Alcantara et al. 2022 at 3.33 m/s (+11 % at +5 deg, -8 % at -5 deg)."""
GRADE_CONTACT_MOST: Final = 0.15
SLIP_RATE: Final = math.radians(0.1)
SLIP_MAX: Final = math.radians(12.0)
"""A quite loose belt lets the pack sag forward at 0.1 °/s to at most 12°."""
PERSISTENCE_STEPS: Final = (2.0, 20.0, 200.0)
WANDER_STEPS: Final = (6.0, 40.0, 400.0)
GRADE_BLOW: Final = 6.0
"""Relative change of the speed of the landing foot with grade, downhill more: at 3 m/s the impact
peak of the force is gone at +9 deg, so that speed is 0 there (1 / 0.158 = 6.3), and 54 % higher
at -9 deg (Gottschall & Kram 2005, J Biomech 38:445)."""


def contact_time(speed_mps: float) -> float:
    """Running contact time in seconds for a speed in m/s.

    A power law laid through level force-plate contacts of two runners, within 13 % of each:
    0.31 s at 2.5 and 0.21 at 4.5 m/s (data of Fukuchi et al. 2017, PeerJ 5:e3298), 0.22 at 3.33
    and 0.19 at 4.17 m/s (data of Alcantara et al. 2022, doi 10.7717/peerj.12752).
    """
    return 0.46 * math.pow(max(speed_mps, 0.8), -0.57)


class StepNoise:
    """Relative deviation of successive step times.

    Standard deviation ``cv``; a share ``persistence`` of the variance is long-range: equal parts
    of first-order processes with time constants of 2, 20 and 200 steps, which together look like
    1/f noise over that range. Stride times are persistent in running, less so in trained
    runners (Nakayama et al. 2010, Gait Posture 31:331; review by Wilson & Likens 2023, Gait
    Posture, pp. 171-179). With cv 0.015 and persistence 0.3 the strides vary by 1.2 % with a
    detrended-fluctuation exponent of 0.83 over 4-256 strides.
    """

    def __init__(self, rng: np.random.Generator, cv: float, persistence: float) -> None:
        self._rng = rng
        self._white = cv * math.sqrt(1.0 - persistence)
        self._slow = cv * math.sqrt(persistence / len(PERSISTENCE_STEPS))
        self._keep = np.exp(-1.0 / np.array(PERSISTENCE_STEPS))
        self._push = np.sqrt(1.0 - self._keep**2)
        self._state = rng.standard_normal(len(PERSISTENCE_STEPS))

    def next(self) -> float:
        """The next deviation, kept within 4 standard deviations or so by clipping each draw."""
        draw = np.clip(self._rng.standard_normal(len(self._keep) + 1), -3.0, 3.0)
        self._state = self._keep * self._state + self._push * draw[1:]
        return float(self._white * draw[0] + self._slow * self._state.sum())


class Wander:
    """Slow, aimless changes of how a runner runs: lean (rad), contact time and blow (relative).

    Each is the sum of equal parts of first-order processes with time constants of 6, 40 and 400
    steps, of the standard deviation given in all; 0 for none.
    """

    def __init__(self, rng: np.random.Generator, lean: float, contact: float, blow: float) -> None:
        self._rng = rng
        self._sd = np.array([lean, contact, blow]) / math.sqrt(len(WANDER_STEPS))
        self._keep = np.exp(-1.0 / np.array(WANDER_STEPS))[:, None]
        self._push = np.sqrt(1.0 - self._keep**2)
        self._state = rng.standard_normal((len(WANDER_STEPS), 3))

    def next(self) -> tuple[float, float, float]:
        """Lean, contact time and blow in the next step."""
        draw = np.clip(self._rng.standard_normal(self._state.shape), -3.0, 3.0)
        self._state = self._keep * self._state + self._push * draw
        lean, contact, blow = (self._sd * self._state.sum(axis=0)).tolist()
        return lean, contact, blow


@dataclass(slots=True)
class _Body:
    """What carries over from one step to the next."""

    t: float = 0.0
    speed: float = 0.0
    heading: float = 0.0
    lean: float = 0.0
    side_lean: float = 0.0
    running: float = 0.0
    walking: float = 0.0
    slip: float = 0.0
    run_steps: int = 0


class Planner:
    """Nodes one after the other, each made when it is asked for: what is made stays.

    ``phases``, ``looseness`` and ``noise`` as in :func:`plan`; ``wander`` None: no drift of form;
    ``intend`` is asked once for each running step, in order, with the time at which it begins.
    ``rows`` are the nodes so far, as tuples of ``NODE``; the last is whole once the plan is
    ``done`` and until then never a mere closing mark.
    """

    def __init__(
        self,
        phases: Sequence[Phase],
        looseness: float,
        noise: StepNoise,
        *,
        wander: Wander | None = None,
        intend: Intend | None = None,
        tail_s: float = 8.0,
    ) -> None:
        first = phases[0]
        self.rows: list[tuple[float, ...]] = []
        self.done = False
        self._phases = (*phases, Phase("stand", tail_s))
        self._looseness, self._noise, self._intend = looseness, noise, intend
        self._wander = wander
        self._body = _Body(
            lean=math.radians(first.lean_deg), side_lean=math.radians(first.side_lean_deg)
        )
        self._at = 0
        self._start = 0.0

    @property
    def planned_s(self) -> float:
        """Up to when steps are planned, s: the start of the next one."""
        return self._body.t

    @property
    def heading(self) -> float:
        """Heading at the start of the next step, rad."""
        return self._body.heading

    def advance(self) -> bool:
        """Plan one more node; False once there is no more."""
        if self.done:
            return False
        body = self._body
        end = self._start + self._phases[self._at].duration_s
        while body.t >= end - 1e-9:
            self._start = end
            self._at += 1
            if self._at == len(self._phases):
                self.rows.append((body.t, *self.rows[-1][1:]))
                self.done = True
                return False
            end = self._start + self._phases[self._at].duration_s
        phase = self._phases[self._at]
        share = (body.t - self._start) / phase.duration_s
        loose = self._looseness if phase.looseness is None else phase.looseness
        side = 1.0 if len(self.rows) % 2 else -1.0
        noise, wander = self._noise, self._wander
        self.rows.append(_step(body, phase, share, loose, side, noise, wander, end, self._intend))
        return True


def plan(
    phases: Sequence[Phase],
    looseness: float,
    noise: StepNoise,
    wander: Wander | None = None,
    tail_s: float = 8.0,
) -> NDArray[Any]:
    """Nodes (k,) of ``NODE`` for the phases, then ``tail_s`` seconds of coming to rest.

    A phase begins with the first step at or after its nominal start, so the phases of the story
    keep their times to within a step. Speed changes by at most ``SPEED_UP``; a runner who stops
    takes walking steps until at rest.
    """
    planner = Planner(phases, looseness, noise, wander=wander, tail_s=tail_s)
    while planner.advance():
        pass
    return np.array(planner.rows, dtype=NODE)


def _step(
    body: _Body,
    phase: Phase,
    share: float,
    loose: float,
    side: float,
    noise: StepNoise,
    wander: Wander | None,
    end: float,
    intend: Intend | None,
) -> tuple[float, ...]:
    """The node at ``body.t``; moves ``body`` on to the next one."""
    kind = KINDS[phase.kind]
    if kind == STILL and body.speed > 0.0:
        kind = WALKING
    cadence = phase.cadence_spm
    if phase.kind == "stand":
        cadence = BRAKE_SPM
    elif phase.cadence_end_spm is not None:
        cadence += share * (phase.cadence_end_spm - cadence)
    lean_end = phase.lean_deg if phase.lean_end_deg is None else phase.lean_end_deg
    lean_deg = phase.lean_deg + share * (lean_end - phase.lean_deg)
    if intend is not None and phase.kind == "run":
        cadence, lean_deg = intend(body.t, cadence, lean_deg)
    nominal = step_time_s(cadence)
    skew = 1.0 + 0.5 * side * phase.asymmetry
    drift = (0.0, 0.0, 0.0) if wander is None else wander.next()
    if kind == STILL:
        step = max(min(STAND_STEP_S, end - body.t), 0.25)
    else:
        step = nominal * (1.0 + noise.next()) * skew
    contact = phase.contact_s or (
        contact_time(min(body.speed + 0.5, phase.speed_mps))
        * math.pow(nominal / USUAL_STEP_S, CONTACT_STEP if kind == RUNNING else 0.0)
    )
    steep = GRADE_CONTACT * (phase.grade if phase.kind == "run" else 0.0)
    contact *= 1.0 + min(max(steep, -GRADE_CONTACT_MOST), GRADE_CONTACT_MOST)
    contact *= 1.0 + drift[1]
    contact = min(contact * step / nominal, 0.9 * step)
    # Nobody leaps into full flight from a standstill.
    body.run_steps = body.run_steps + 1 if kind == RUNNING else 0
    contact = step - min(body.run_steps / FULL_FLIGHT_STEPS, 1.0) * (step - contact)
    target = 0.0 if phase.kind == "stand" else phase.speed_mps
    turn = math.radians(phase.turn_dps) if target else 0.0
    row = (
        body.t,
        kind,
        contact,
        body.speed,
        phase.grade if target else 0.0,
        nominal,
        body.heading,
        body.lean + drift[0],
        body.side_lean,
        body.running,
        body.walking,
        body.slip,
        loose if kind != STILL else 0.0,
        max(1.0 - GRADE_BLOW * phase.grade + drift[2], 0.0),
    )
    lean = math.radians(lean_deg)
    # A runner leans into a hill and into a bend.
    lean += GRADE_LEAN * math.atan(phase.grade)
    side_lean = math.radians(phase.side_lean_deg) - math.atan(body.speed * turn / G0)
    follow = 1.0 - math.exp(-step / POSTURE_S)
    body.lean += follow * (lean - body.lean)
    body.side_lean += follow * (side_lean - body.side_lean)
    body.running += follow * ((kind == RUNNING) - body.running)
    body.walking += follow * ((kind == WALKING) - body.walking)
    body.slip += row[-2] * SLIP_RATE * step * (1.0 - body.slip / SLIP_MAX)
    body.heading += turn * step
    change = min(max(target - body.speed, -SPEED_UP * step), SPEED_UP * step)
    body.speed += change
    if kind != STILL and target == 0.0 and body.speed < 0.2:
        body.speed = 0.0
    body.t += step
    return row
