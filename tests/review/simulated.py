"""Runs of the coach's simulated runner, written by the real recorder, without raw samples."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from gaitpi.coach.policy import Coach
from gaitpi.coach.types import Cue, Moment, StepTaken
from gaitpi.config import CoachConfig, Config
from gaitpi.runs.recorder import Recorder
from gaitpi.runs.rows import PodRow
from gaitpi.runs.writer import RunWriter
from tests.coach.runner import Runner
from tests.runs.sample import WALL_S, header

DAY_S = 86_400.0


def record(
    path: Path,
    runner: Runner,
    duration_s: float,
    coach: CoachConfig,
    *,
    lost: Sequence[tuple[float, float]] = (),
    mute: tuple[float, float] | None = None,
    wall_s: float = WALL_S,
    lean_from: int = 2,
    virtual: bool = False,
    pods: Sequence[PodRow] = (),
) -> Path:
    """Let the coach live through a run and record it; samples between ``lost`` times are missing.

    ``mute`` (from, to) mutes the coach, which leaves no trace in the file.
    """
    head = header(config=Config(coach=coach), wall_s=wall_s, virtual=virtual)
    recorder = Recorder(RunWriter(path, head), synchronous=True)
    live = Coach(coach, day_second=(head.anchor.wall_s + head.anchor.utc_offset_s) % DAY_S)
    seconds: dict[int, list[Moment]] = {}
    last_s = 0.0
    for event in runner.events(duration_s):
        at_s = event.known_s if isinstance(event, StepTaken) else event.time_s
        if any(a <= at_s < b for a, b in lost):
            continue
        if isinstance(event, StepTaken):
            live.step(event)
            recorder.steps([_step(event, runner.lean)])
            continue
        gap_s = event.time_s - last_s - 0.1
        if gap_s > 0.05:
            event = Moment(**{f: getattr(event, f) for f in Moment.__slots__} | {"gap_s": gap_s})
        last_s = event.time_s
        if mute is not None and mute[0] <= event.time_s < mute[0] + 0.1:
            live.mute(*mute)
        seconds.setdefault(int(event.time_s + 1e-6), []).append(event)
        for decision in live.moment(event):
            if isinstance(decision, Cue):
                recorder.cue(decision, decision.time_s)
            else:
                recorder.withheld(decision)
    recorder.seconds([_second(k, moments, lean_from) for k, moments in seconds.items()])
    for row in pods:
        recorder.reading(row)
    assert recorder.close({}) is None
    return path


def _step(event: StepTaken, lean: Callable[[float], float]) -> dict[str, Any]:
    nothing = dict.fromkeys(
        ("to_s", "contact_s", "flight_s", "bounce_m", "impact_ms2", "side_lean_deg"), math.nan
    )
    # in the file a step begins with its initial contact
    return nothing | {
        "ic_s": event.ic_s,
        "step_s": event.step_s,
        "cadence_spm": 60.0 / event.step_s,
        "side": 0,
        "known_s": event.known_s,
        "activity": 3,
        "lean_deg": lean(event.known_s),
    }


def _second(number: int, moments: list[Moment], lean_from: int) -> dict[str, Any]:
    activities = [m.activity for m in moments]
    return {
        "time_s": float(number),
        "activity": max(set(activities), key=activities.count),
        "cadence_spm": _mean([m.cadence_spm for m in moments]),
        "lean_deg": _mean([m.lean_deg for m in moments]),
        "side_lean_deg": math.nan,
        "samples": 20 * len(moments),
        "clipped": 0,
        "gap_s": sum(m.gap_s for m in moments),
        "lean_from": lean_from,
    }


def _mean(values: list[float]) -> float:
    finite = [v for v in values if math.isfinite(v)]
    return fmean(finite) if finite else math.nan
