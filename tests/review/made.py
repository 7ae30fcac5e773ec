"""Forms and courses made of numbers, for what compares them."""

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from gaitpi.review.form import Block, Cell, Course, Form, Measure

START = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
USUAL: Mapping[str, float] = {
    "cadence_spm": 170.0,
    "lean_deg": 6.0,
    "side_lean_deg": 0.5,
    "contact_ms": 240.0,
    "flight_ms": 110.0,
    "bounce_mm": 80.0,
    "impact_g": 2.0,
    "stride_cv_pct": 1.2,
    "contact_symmetry_pct": 1.0,
    "step_symmetry_pct": 0.5,
}


def form(day: float, *, u: float = 0.0, **values: float) -> Form:
    """A run on that day with the usual means, or those given; ``u`` of all, as a share."""
    means = {**USUAL, **values}
    return Form(
        run_id=f"run-{day:09.3f}",
        started=START + timedelta(days=day),
        segment="pelvis",
        mount="",
        session="",
        virtual=False,
        finished=True,
        lean_from=2,
        duration_s=2400.0,
        running_s=2400.0,
        steady_s=2200.0,
        steps=6800,
        running_steps=6800,
        measures={k: Measure(v, 0.1 * v, 6000, abs(u * v), 37) for k, v in means.items()},
    )


def season(n: int, sd: float, seed: int = 1, **values: float) -> list[Form]:
    """Runs on ``n`` days that differ by ``sd``, a share, from one to the next."""
    rng = random.Random(seed)
    means = {**USUAL, **values}
    return [
        form(float(day), **{k: v * (1.0 + rng.gauss(0.0, sd)) for k, v in means.items()})
        for day in range(n)
    ]


def course_of(
    minutes: Sequence[int],
    value: Callable[[int], float],
    key: str,
    cadence: Callable[[int], float] = lambda _minute: 170.0,
) -> Course:
    """A run whose ``key`` is ``value`` in each of these minutes; cadence 170 or as given."""
    blocks = tuple(
        Block(m, 60, {"cadence_spm": Cell(160, cadence(m), 3.0), key: Cell(160, value(m), 3.0)})
        for m in minutes
    )
    return Course(form(0.0), blocks)
