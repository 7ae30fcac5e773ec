"""A simulated runner step by step: times of contacts and lean, without signal.

The plan of :class:`~gaitpi.imu.virtual.runner.SimulatedRunner` alone, a thousand times faster:
for programmes and statistics that need hours of running.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from gaitpi.imu.virtual.plan import NODE, RUNNING, Intend, Planner, StepNoise
from gaitpi.imu.virtual.story import Phase
from gaitpi.units import DEG_PER_RAD, cadence_spm

LEAN_SD_DEG: Final = 2.1
"""How the lean of strides scatters, deg (median of the recordings)."""
_AT: Final = {name: k for k, name in enumerate(NODE.names or ())}


class Taken(NamedTuple):
    """A step from one contact to the next.

    ``start_s`` and ``end_s`` run time; ``kind`` 1 still, 2 walking, 3 running; ``meant_spm``
    the cadence meant, without the noise of steps; ``meant_lean_deg`` the lean of the posture,
    ``lean_deg`` with the scatter of strides, as a perfect sensor has it; ``grade`` rise over
    run; ``turn_dps`` turning rate.
    """

    start_s: float
    end_s: float
    kind: int
    meant_spm: float
    meant_lean_deg: float
    lean_deg: float
    grade: float
    turn_dps: float

    @property
    def running(self) -> bool:
        """True for a running step."""
        return self.kind == RUNNING


def steps(
    phases: Sequence[Phase],
    *,
    seed: int = 1,
    step_cv: float = 0.015,
    persistence: float = 0.3,
    lean_sd_deg: float = LEAN_SD_DEG,
    intend: Intend | None = None,
) -> Iterator[Taken]:
    """The steps of ``phases``, one after the other, each planned when it is asked for.

    ``seed``, ``step_cv`` and ``persistence`` as in ``RunnerParams``: the same steps as there when
    nothing is answered. ``intend`` as :class:`~gaitpi.imu.virtual.plan.Planner` asks it.
    """
    noise = StepNoise(np.random.default_rng([seed, 0]), step_cv, persistence)
    scatter = StepNoise(np.random.default_rng([seed, 4]), lean_sd_deg, persistence)
    planner = Planner(phases, 0.0, noise, intend=intend, tail_s=0.5)
    lean = 0.0
    while planner.advance():
        row = planner.rows[-1]
        if len(planner.rows) > 2:
            del planner.rows[:2]  # two at a time: odd and even are the feet
        else:
            lean = scatter.next()
        start, end = row[_AT["t"]], planner.planned_s
        turned = planner.heading - row[_AT["heading"]]
        yield Taken(
            start,
            end,
            int(row[_AT["kind"]]),
            cadence_spm(row[_AT["step_nominal_s"]]),
            row[_AT["lean"]] * DEG_PER_RAD,
            row[_AT["lean"]] * DEG_PER_RAD + lean,
            row[_AT["grade"]],
            turned / (end - start) * DEG_PER_RAD,
        )
