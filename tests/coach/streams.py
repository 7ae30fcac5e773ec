"""Streams that put a coach to the test rule by rule: in each, only that rule keeps it quiet.

``DIRECTED[rule]`` are (configuration, stream, day second). A runner is low, so that a cue is due
sooner or later, and what the rule is about begins after any of many times: also just before it.
"""

import math
from dataclasses import replace
from typing import Final

from msgspec import structs

from gaitpi.config import CoachConfig
from tests.coach.oracle import NOON_S, Stretch

Scenario = tuple[CoachConfig, list[Stretch], float | None]

CADENCE: Final = CoachConfig(target_spm=172.0, warmup_s=0.0, max_per_hour=1000)
LEAN: Final = CoachConfig(focus="lean", usual_lean_deg=8.0, warmup_s=0.0, lean_floor_s=60.0)
FOLLOW: Final = structs.replace(
    CADENCE,
    follow_speed=True,
    follow_slope=12.0,
    follow_at_ms=2.8,
    follow_low_ms=2.0,
    follow_high_ms=3.5,
    follow_own_spm=164.0,
    follow_most_spm=180.0,
    hold_s=2.0,
)
UP: Final = Stretch(3, 172.0, 8.0, 0.0, 60, 0.0, 0)
DOWN: Final = Stretch(3, 160.0, 20.0, 0.0, 80, 0.0, 0)
SLOW: Final = replace(DOWN, spm=150.0, speed_ms=2.0)
"""An easy day: below the target also at that speed."""
TIMES: Final = range(40, 200, 9)
"""Lengths of what comes before, in ticks of half a second."""


def _long(stretch: Stretch, ticks: int, **other: float) -> Stretch:
    return replace(stretch, ticks=ticks, **other)  # type: ignore[arg-type]


def _then(config: CoachConfig, **other: float) -> list[Scenario]:
    """Low for some time, then still low but with that."""
    after = _long(DOWN, 80, **other)
    return [(config, [_long(DOWN, n), after], None) for n in TIMES]


def _held(config: CoachConfig, day_second: float | None = None) -> list[Scenario]:
    return [(config, [_long(DOWN, 500)], day_second)]


def _answered(config: CoachConfig) -> list[Scenario]:
    """Low for some time, then back at once."""
    return [(config, [_long(DOWN, n), UP], None) for n in range(60, 140)]


TIRELESS: Final[list[Scenario]] = [(CADENCE, [_long(UP, 60), DOWN] * 102, None)]
"""A runner who answers and drops again at once, for two hours: spends every budget."""

HOURS: Final = structs.replace(CADENCE, quiet_hours="12:00-12:10")

DIRECTED: Final[dict[str, list[Scenario]]] = {
    "quiet.off": _held(structs.replace(CADENCE, enabled=False)),
    "quiet.mute": _then(CADENCE, mute_s=45.0),
    "quiet.hours": [*_held(HOURS, NOON_S - 60.0), *_held(HOURS)],
    "quiet.activity": _then(CADENCE, activity=2),
    "quiet.warmup": _held(structs.replace(CADENCE, warmup_s=120.0)),
    "quiet.slow": _then(structs.replace(CADENCE, gate_spm=165.0)),
    "quiet.gate": _held(structs.replace(CADENCE, gate_s=60.0)),
    "quiet.gap": _then(CADENCE, gap_s=0.25),
    "quiet.clip": _then(CADENCE, clipped=30),
    "quiet.speed": [
        (FOLLOW, [_long(SLOW, n), _long(SLOW, 80, speed_ms=math.nan)], None) for n in TIMES
    ],
    "quiet.belt": [(LEAN, [_long(UP, n), _long(DOWN, 400, belt=2)], None) for n in TIMES],
    "quiet.turn": [*_then(LEAN, yaw=35.0), *_then(CADENCE, yaw=35.0)],
    "quiet.hill": [
        *_then(CADENCE, grade=0.1, grade_sd=0.02),
        *_then(LEAN, grade=-0.1, grade_sd=0.02),
    ],
    "quiet.unsure": _then(LEAN, lean_sd=9.0),
    "quiet.programme": [
        *_held(structs.replace(CADENCE, programme_share=0.25)),
        *_held(structs.replace(CADENCE, programme_part="test")),
        *_held(structs.replace(CADENCE, programme_part="rest")),
        *_held(structs.replace(CADENCE, programme_part="session", programme_minutes=2.0)),
    ],
    "quiet.rest": _held(structs.replace(CADENCE, unanswered_max=1, rest_s=200.0)),
    "quiet.floor": _held(structs.replace(CADENCE, floor_s=90.0)),
    "quiet.budget": _held(structs.replace(CADENCE, max_per_hour=1, unanswered_max=9)),
    "CEILING_S": _held(structs.replace(CADENCE, floor_s=0.0, backoff=1.0)),
    "CEILING_PER_HOUR": TIRELESS,
    "GATE_MIN_S": _held(structs.replace(CADENCE, gate_s=0.0)),
    "APART_S": _answered(structs.replace(CADENCE, window_steps=2)),
}
