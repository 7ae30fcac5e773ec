"""Runs for pages, written by the real writer: steps, seconds, cues and events, few raw samples."""

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from calibration.madeup import pod, strap
from gaitpi.coach.types import Cue
from gaitpi.config import CoachConfig, Config
from gaitpi.runs.rows import HeartRow, PodRow
from gaitpi.runs.writer import RunWriter
from tests.runs.sample import batches, counts, cue, header, second, step, withheld

TARGET = CoachConfig(target_spm=172.0, usual_lean_deg=5.0, usual_lean_from=2)
DAY_S = 86_400.0


def write(
    path: Path,
    *,
    seconds: Sequence[Mapping[str, Any]] = (),
    steps: Sequence[Mapping[str, Any]] = (),
    cues: Sequence[Cue] = (),
    events: Sequence[tuple[float, str, str]] = (),
    coach: CoachConfig = TARGET,
    finish: bool = True,
    kept_back: Sequence[float] = (),
    readings: Iterable[HeartRow | PodRow] = (),
    **header_args: Any,
) -> Path:
    """A run file with these tables."""
    writer = RunWriter(path, header(config=Config(coach=coach), **header_args))
    for batch in batches(counts(40)):
        writer.batch(batch)
    writer.seconds(seconds)
    writer.steps(steps)
    for one in cues:
        writer.cue(one, one.time_s)
    for time_s in kept_back:
        writer.withheld(withheld(time_s))
    for time_s, kind, text in events:
        writer.event(time_s, kind, text)
    for row in readings:
        writer.reading(row)
    if finish:
        writer.close({})
    else:
        writer.commit()
        writer.abandon()
    return path


def steps_of(seconds: Sequence[Mapping[str, Any]], *, contact_s: float = 0.25) -> list[Any]:
    """Steps of the running among ``seconds``, one after the other, left and right in turn."""
    made, at, side = list[Any](), 0.0, 1
    noise = random.Random(3)
    for row in seconds:
        if row["activity"] != 3:
            continue
        at = max(at, row["time_s"])
        while at < row["time_s"] + 1.0:
            length = 60.0 / row["cadence_spm"] * (1.0 + 0.01 * noise.gauss(0.0, 1.0))
            side = -side
            made.append(
                step(
                    at,
                    step_s=length,
                    to_s=at + contact_s,
                    contact_s=contact_s + 0.005 * noise.gauss(0.0, 1.0),
                    flight_s=length - contact_s,
                    cadence_spm=60.0 / length,
                    bounce_m=0.08 + 0.003 * noise.gauss(0.0, 1.0),
                    impact_ms2=15.0,
                    side=side,
                    lean_deg=row["lean_deg"],
                )
            )
            at += length
    return made


def seconds_of(
    minutes: float, cadence: float = 170.0, *, seed: int = 1, **other: float
) -> list[Any]:
    """Seconds of steady running; half a minute of standing first."""
    noise = random.Random(seed)
    rows = [second(float(k), activity=1, cadence_spm=math.nan) for k in range(30)]
    for k in range(30, 30 + int(60 * minutes)):
        spm = cadence + 2.0 * math.sin(k / 40.0) + noise.gauss(0.0, 0.8)
        lean = 6.0 + 0.5 * math.sin(k / 90.0) + noise.gauss(0.0, 0.3)
        values = {"cadence_spm": spm, "lean_deg": lean, "side_lean_deg": 0.0, "lean_from": 2}
        rows.append(second(float(k), **(values | {"grade": 0.0, "grade_sd": 0.02} | other)))
    return rows


def eventful(path: Path, minutes: float = 20.0, **header_args: Any) -> Path:
    """A run with everything in it: cues of every outcome, a gap, a hill, a loose belt, pain.

    And a strap and a pod whose links were lost twice, once for long.
    """
    rows = seconds_of(minutes)
    for row in rows:
        at = row["time_s"]
        if 300 <= at < 360:
            row["grade"] = 0.08
        elif 600 <= at < 640:
            row["belt"] = 2
        elif at == 700:
            row["gap_s"] = 6.0
        elif 800 <= at < 830:
            row |= {"activity": 2, "cadence_spm": 110.0}
    rows = [row for row in rows if not 694 <= row["time_s"] < 700]
    heard = [
        *(cue(250.0), cue(262.0, "back"), cue(420.0, "beat"), cue(790.0)),
        *(cue(500.0, "sink", "lean"), cue(640.0, "belt", "system")),
    ]
    events = [
        *((900.0, "pain", "felt it here"), (1000.0, "pain", "felt it here")),
        (450.0, "mark", "a mark"),
    ]
    return write(
        path,
        seconds=rows,
        steps=steps_of(rows),
        cues=sorted(heard, key=lambda one: one.time_s),
        events=events,
        kept_back=[310.0, 330.0],
        readings=outside_of(30.0 + 60.0 * minutes),
        **header_args,
    )


def outside_of(length_s: float) -> list[HeartRow | PodRow]:
    """What strap and pod send of a run that begins with half a minute of standing."""
    drops = [(400.0, 415.0), (700.0, 790.0)]

    def speed_ms(at_s: float) -> float:
        return 0.0 if at_s < 30.0 else 2.9 + 0.1 * math.sin(at_s / 60.0)

    def bpm(at_s: float) -> float:
        return 160.0 - 70.0 * math.exp(-at_s / 120.0) + 3.0 * math.sin(at_s / 45.0)

    return [*strap(length_s, bpm, drops), *pod(length_s, speed_ms, drops)]


def season(
    directory: Path, n: int, *, start: float = 164.0, end: float = 164.0, first: int = 0
) -> list[Path]:
    """``n`` runs of 8 minutes, two days apart, whose cadence goes from ``start`` to ``end``."""
    paths = []
    for k in range(n):
        cadence = start + (end - start) * k / max(1, n - 1)
        rows = seconds_of(8.0, cadence, seed=first + k)
        wall_s = 1_795_453_320.0 + (first + k) * 2 * DAY_S
        path = directory / f"run-{first + k:03d}.gaitpi"
        paths.append(write(path, seconds=rows, steps=steps_of(rows), wall_s=wall_s, boot="b" * 32))
    return paths
