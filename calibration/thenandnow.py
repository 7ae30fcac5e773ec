"""How often the page for a physiotherapist calls a change between baseline and now.

``python -m calibration.thenandnow``: runs of a made-up runner whose metric scatters from run to run
by one standard deviation (1 spm), with and without a step half-way.
"""

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Final

from gaitpi.review.change import CHANGE
from gaitpi.review.form import Form, Measure
from gaitpi.review.metrics import METRICS
from gaitpi.review.report.baseline import groups, then_and_now

SEASONS: Final = 1000
STEPS: Final = (0.0, 2.0, 4.0)
RUNS: Final = (6, 8, 12, 20)
KEY: Final = "cadence_spm"
SD: Final = 1.0
WITHIN: Final = 0.3
"""Standard uncertainty of a run's own mean, spm."""


def form(number: int, cadence: float) -> Form:
    """A run of half an hour, every other day."""
    measures = {KEY: Measure(cadence, 2.0, 4000, WITHIN, 25)}
    return Form(
        run_id=f"{number:03d}",
        started=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=2 * number),
        segment="pelvis",
        mount="",
        session="",
        virtual=False,
        finished=True,
        lean_from=2,
        duration_s=1800.0,
        running_s=1800.0,
        steady_s=1500.0,
        steps=4800,
        running_steps=4800,
        measures=measures,
    )


def called(runs: int, step: float, rng: random.Random) -> float:
    """Share of seasons in which a change is called."""
    n = 0
    for _ in range(SEASONS):
        season = [
            form(k, 165.0 + rng.gauss(0.0, math.hypot(SD, WITHIN)) + step * (k >= runs // 2))
            for k in range(runs)
        ]
        found = then_and_now(groups(season, season[-1], -math.inf, math.nan))[KEY]
        n += found.verdict == CHANGE
    return n / SEASONS


def main() -> None:
    """Print the table."""
    rng = random.Random(1)
    print(f"{METRICS[KEY].words}, run-to-run sd {SD:g} spm: seasons in which a change is called")
    print(f"{'runs':>5}" + "".join(f"{f'step {step:g} spm':>14}" for step in STEPS))
    for runs in RUNS:
        print(f"{runs:>5}" + "".join(f"{called(runs, step, rng):>14.1%}" for step in STEPS))


if __name__ == "__main__":
    main()
