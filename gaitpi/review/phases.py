"""What a run was at which time: warm-up, minutes with cues, minutes without. No numpy."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from gaitpi.coach import programme
from gaitpi.config import CoachConfig
from gaitpi.review.programme import coach_of, coached, with_cues
from gaitpi.runs.rows import SecondRow

WARM_UP: Final = "warm-up"
CUED: Final = "cued"
SILENT: Final = "silent"
AFTER: Final = "after"
"""After the planned minutes of a session: without cues."""


class Phase(NamedTuple):
    """A stretch of run time, s; ``name`` is "" for a run without minutes of two kinds."""

    name: str
    begin_s: float
    end_s: float


def phases(
    config: dict[str, Any], seconds: Sequence[SecondRow], end_s: float, start_s: float = 0.0
) -> list[Phase]:
    """The phases of a run, which cover it from ``start_s`` to ``end_s`` without a hole.

    ``seconds`` are those of the whole run, also where only a part of it is asked for.
    Only in a programme, or with ``coach.programme_share`` below 1, are there more than one. What
    was not running belongs to the phase before it, for minutes are minutes of coached running.
    """
    coach = coach_of(config)
    if coach is None or not (coach.programme_part or coach.programme_share < 1.0):
        return [Phase("", start_s, end_s)]
    begins = [(WARM_UP, 0.0)]
    for row, minute in coached(seconds, coach.warmup_s):
        name = _name(coach, minute)
        if name != begins[-1][0] and begins[-1][1] <= row.time_s < end_s:
            begins.append((name, row.time_s))
    ends = [*(begin for _, begin in begins[1:]), end_s]
    found = [
        Phase(name, max(begin, start_s), end)
        for (name, begin), end in zip(begins, ends, strict=True)
    ]
    return [one for one in found if one.end_s > one.begin_s] or [Phase("", start_s, end_s)]


def _name(coach: CoachConfig, minute: int) -> str:
    if coach.programme_part == "session":
        if minute >= coach.programme_minutes:
            return AFTER
        return CUED if with_cues(coach, minute) else SILENT
    if coach.programme_part:
        return SILENT
    return CUED if programme.cued(minute, coach.programme_share) else SILENT
