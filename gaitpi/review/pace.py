"""The runner's own line of cadence over speed, of runs that listened with a foot pod. No numpy."""

import itertools
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Final

from gaitpi.coach.pace import SPEED_MAX_MS, SPEED_MIN_MS, Fit, Point, fit
from gaitpi.coach.targets import Window
from gaitpi.errors import GaitpiError, RunFileError
from gaitpi.review.listening import LOOK_BACK, WINDOW_S, hear
from gaitpi.runs.reader import files_in
from gaitpi.runs.rows import PodRow
from gaitpi.runs.view import opened
from gaitpi.targetfile import Accepted

READINGS_MIN: Final = 15
"""Speeds in a half-minute, of some thirty a pod sends."""
GAP_MAX_S: Final = 5.0
"""A pod that was silent for longer in it does not say how fast it was, s."""
SPAN_MAX_MS: Final = 0.8
"""A half-minute whose speeds lie farther apart is a change of pace, m/s."""


@dataclass(frozen=True, slots=True)
class Found:
    """The line, or in words what is missing for it; ``runs`` how many listened with a pod."""

    fit: Fit | None
    missing: str
    runs: int
    windows: int


def find(directory: Path, *, simulated: bool = False) -> Found:
    """The line of the newest ``LOOK_BACK`` runs without a target and with a foot pod's speed."""
    runs: list[tuple[float, list[Point]]] = []
    for path in files_in(directory):
        try:
            with opened(path) as run:
                if run.virtual != simulated or not (pods := run.pods()):
                    continue
                heard = hear(run)
                runs.append((heard.ended_s, points(heard.run_id, heard.windows, pods)))
        except RunFileError:
            continue  # gaitpi target propose names it
    runs = sorted((run for run in runs if run[1]), key=lambda run: run[0])[-LOOK_BACK:]
    together = [point for _, points in runs for point in points]
    found = fit(together)
    line = None if isinstance(found, str) else found
    return Found(line, found if isinstance(found, str) else "", len(runs), len(together))


def points(run_id: str, windows: Sequence[Window], pods: Sequence[PodRow]) -> list[Point]:
    """The half-minutes of a run whose speed the pod knew all along, and was steady."""
    readings = sorted((pod.time_s, pod.speed_ms) for pod in pods)
    times = [time_s for time_s, _ in readings]
    found = []
    for window in windows:
        end_s = window.begin_s + window.length_s
        inside = readings[bisect_left(times, window.begin_s) : bisect_left(times, end_s)]
        edges = [window.begin_s, *(time_s for time_s, _ in inside), end_s]
        gap_s = max(b - a for a, b in itertools.pairwise(edges))
        speeds = [speed for _, speed in inside]
        known = len(speeds) >= READINGS_MIN and gap_s <= GAP_MAX_S
        if not known or not all(SPEED_MIN_MS <= speed <= SPEED_MAX_MS for speed in speeds):
            continue
        if max(speeds) - min(speeds) <= SPAN_MAX_MS:
            found.append(Point(run_id, fmean(speeds), window.cadence_spm))
    return found


def accept(found: Found, wall_s: float) -> Accepted:
    """The line as a record. Raises GaitpiError where it is not known."""
    if found.fit is None:
        raise GaitpiError(
            f"Your line is not known yet: {found.missing}.",
            "Run easily and quickly with a foot pod, without a target.",
        )
    line = found.fit
    return Accepted(
        wall_s=wall_s,
        metric="line",
        value=line.slope,
        how="accept",
        own=line.own_spm,
        spread=line.slope_sd,
        steady_s=WINDOW_S * line.windows,
        runs=line.runs,
        at_ms=line.at_ms,
        low_ms=line.low_ms,
        high_ms=line.high_ms,
    )


def off(wall_s: float) -> Accepted:
    """The record that ends it: the target is fixed again."""
    return Accepted(wall_s=wall_s, metric="line", value=0.0, how="set", off=True)
