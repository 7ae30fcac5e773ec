"""A simulated runner who hears: his steps are planned while the signal is played.

The same plan, motion and truth as :class:`~gaitpi.imu.virtual.runner.SimulatedRunner`, made step
by step: a block of samples needs the steps it lies in and two more, because posture is a smooth
curve through the steps and the forces of a step prepare the next. What is planned stays, so no
sample depends on what is heard after it was given.
"""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np

from gaitpi.imu.virtual.answering import Answering
from gaitpi.imu.virtual.motion import Cells
from gaitpi.imu.virtual.plan import NODE, STILL, Planner, StepNoise
from gaitpi.imu.virtual.runner import BLOCK, Floats, RunnerParams, Truth, sensor_noise, wander_of
from gaitpi.imu.virtual.story import Phase

LIVE_BLOCK: Final = 32
"""Samples are made in whole blocks of this many, counted from sample 0, for the same reason as
``BLOCK``; but few, so that the steps are planned hardly ahead of what was asked for."""
AHEAD: Final = 3
"""Nodes needed from the last one before a sample on, itself included: two more are planned."""
BEHIND: Final = 2
"""Nodes needed before that."""
_KIND: Final = (NODE.names or ()).index("kind")


class AnsweringRunner:
    """A run made of phases, in which the runner answers what he hears.

    A :class:`~gaitpi.imu.virtual.source.SignalSource`. ``phases`` and ``params`` as for
    ``SimulatedRunner``, whose signal this is to rounding as long as nothing is answered;
    ``answering`` how he answers. The same calls give the same bits. Steps are planned at most
    three steps and ``LIVE_BLOCK`` samples beyond what was asked for, which is less than the default
    ``react_steps``: so it does not matter either how the samples are cut. Raises ValueError for a
    run without phases.
    """

    rate_hz: float | None = None

    def __init__(
        self,
        phases: Sequence[Phase],
        params: RunnerParams | None = None,
        answering: Answering | None = None,
    ) -> None:
        if not phases:
            raise ValueError("a run needs at least one phase")
        self.phases = tuple(phases)
        self.params = p = params or RunnerParams()
        self.answering = answering or Answering()
        self.duration_s = math.fsum(phase.duration_s for phase in self.phases)
        noise = StepNoise(np.random.default_rng([p.seed, 0]), p.step_cv, p.persistence)
        self._planner = Planner(
            self.phases, p.looseness, noise, wander=wander_of(p), intend=self.answering.intend
        )
        self._ring_rng = np.random.default_rng([p.seed, 1])
        self._nodes = np.zeros(256, dtype=NODE)
        self._shakes = np.zeros(256)
        self._count = 0
        self._block: tuple[int, float, Floats, Floats] | None = None
        self._noise: tuple[int, Floats] | None = None
        self._window: tuple[int, int, Truth] | None = None

    @property
    def planned_s(self) -> float:
        """Up to when the steps are fixed, s."""
        return self._planner.planned_s

    def heard(self, time_s: float, cue: str, beat_s: float = math.nan) -> None:
        """The runner hears a cue: :meth:`Answering.heard`, in seconds of this signal."""
        self.answering.heard(time_s, cue, beat_s)

    def rhythm(self, time_s: float, beat_s: float) -> None:
        """The rhythm he hears has another interval now: :meth:`Answering.rhythm`."""
        self.answering.rhythm(time_s, beat_s)

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        """Samples as in :class:`~gaitpi.imu.virtual.source.SignalSource`.

        ``acc`` (n, 3) specific force in m/s² and ``gyr`` (n, 3) in rad/s, sensor axes. Raises
        ValueError for a negative ``first`` or ``n`` or a rate that is none.
        """
        if first < 0 or n < 0 or not (math.isfinite(rate_hz) and rate_hz > 0):
            raise ValueError(f"no samples {first} + {n} at {rate_hz} Hz")
        acc, gyr = np.empty((n, 3)), np.empty((n, 3))
        at = first
        while at < first + n:
            block, skip = divmod(at, LIVE_BLOCK)
            take = min(LIVE_BLOCK - skip, first + n - at)
            whole = self._made(block, rate_hz)
            acc[at - first : at - first + take] = whole[0][skip : skip + take]
            gyr[at - first : at - first + take] = whole[1][skip : skip + take]
            at += take
        return acc, gyr

    @cached_property
    def truth(self) -> Truth:
        """What really happened: for after the run, since it plans what is left of it."""
        while self._plan():
            pass
        return self._truth(0, self._count)

    def _made(self, block: int, rate_hz: float) -> tuple[Floats, Floats]:
        """All samples of a block; the last one made is kept for the next call."""
        if self._block is None or self._block[:2] != (block, rate_hz):
            t = np.arange(block * LIVE_BLOCK, (block + 1) * LIVE_BLOCK) / rate_hz
            acc, gyr = self._around(float(t[0]), float(t[-1])).ideal(t)
            p = self.params
            large, part = divmod(block, BLOCK // LIVE_BLOCK)
            if self._noise is None or self._noise[0] != large:
                self._noise = large, sensor_noise(p.seed, large)
            noise = self._noise[1][:, part * LIVE_BLOCK : (part + 1) * LIVE_BLOCK]
            acc += p.acc_noise * noise[0] + np.array(p.acc_offset)
            gyr += p.gyr_noise * noise[1] + np.array(p.gyr_bias)
            self._block = (block, rate_hz, acc, gyr)
        return self._block[2], self._block[3]

    def _around(self, start_s: float, end_s: float) -> Truth:
        """The truth of a short stretch, from the steps it needs and no others.

        Always the same steps for the same stretch, so that its samples have the same bits
        whenever they are made.
        """
        while self._count < AHEAD or self._nodes["t"][self._count - AHEAD + 1] <= end_s:
            if not self._plan():
                break
        t = self._nodes["t"][: self._count]
        low, high = (int(i) - 1 for i in np.searchsorted(t, (start_s, end_s), side="right"))
        # at rest after the end the last steps stand for all; an even node first: feet by parity
        low = min(low, self._count - 2)
        low = max(0, low - BEHIND) // 2 * 2
        high = min(high + AHEAD, self._count)
        if self._window is None or self._window[:2] != (low, high):
            self._window = low, high, self._truth(low, high)
        return self._window[2]

    def _truth(self, low: int, high: int) -> Truth:
        nodes = self._nodes[low:high].copy()
        cells = Cells(nodes, self.params.sway_m)
        return Truth(nodes, cells, self.params, self.duration_s, self._shakes[low:high])

    def _plan(self) -> bool:
        """One more node; False when the plan was complete."""
        if self._planner.done:
            return False
        self._planner.advance()
        if self._count == len(self._nodes):
            self._nodes = np.concatenate([self._nodes, np.zeros_like(self._nodes)])
            self._shakes = np.concatenate([self._shakes, np.zeros_like(self._shakes)])
        rows = self._planner.rows
        self._nodes[self._count] = rows[-1]
        # as in contacts(): the foot of a node comes down unless a rest ends there
        if len(rows) > 1 and not self._planner.done and rows[-2][_KIND] != STILL:
            self._shakes[self._count] = self._ring_rng.standard_normal()
        self._count += 1
        return True
