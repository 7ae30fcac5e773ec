"""Makes run files for tests, with the real writer."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from calibration.madeup import RATE_HZ as RATE_HZ
from calibration.madeup import SENSOR as SENSOR
from calibration.madeup import WALL_S as WALL_S
from gaitpi.coach.types import Cue, Withheld
from gaitpi.config import CoachConfig, Config
from gaitpi.imu.batch import Batch, ClockLine, Counts
from gaitpi.runs.header import RunHeader
from gaitpi.runs.rows import HeartRow, PodRow, SecondRow, StepRow
from gaitpi.runs.writer import RunWriter

NOW_S = WALL_S + 30 * 86_400.0


def header(
    *,
    config: Config | None = None,
    virtual: bool = False,
    mono_s: float = 100.0,
    wall_s: float = WALL_S,
    calibration: str | None = None,
    boot: str | None = None,
    run_id: str | None = None,
) -> RunHeader:
    made = RunHeader.new(
        mono_s=mono_s,
        wall_s=wall_s,
        sensor=SENSOR,
        config=msgspec.json.encode(config or Config()).decode(),
        calibration=calibration,
        segment="pelvis",
        mount="",
        design_rate_hz=RATE_HZ,
        has_gyro=True,
        virtual=virtual,
        source="test",
        recording="steady" if virtual else "",
    )
    made = replace(made, anchor=made.anchor._replace(utc_offset_s=3600.0))
    made = made if run_id is None else replace(made, run_id=run_id)
    return made if boot is None else replace(made, boot_id=boot)


def counts(n: int, seed: int = 0) -> Counts:
    """Full-range noise: the hardest case for differences that wrap round."""
    return np.random.default_rng(seed).integers(-32768, 32768, (n, 6)).astype(np.int16)


def batches(
    samples: Counts, *, size: int = 10, start: int = 0, time_s: float = 0.0, period_s: float = 0.0
) -> list[Batch]:
    """``samples`` on one clock line, cut into batches of ``size``."""
    line = ClockLine(start, time_s, period_s or 1 / RATE_HZ)
    cuts = range(0, len(samples), size)
    return [Batch(k, start + i, line, samples[i : i + size]) for k, i in enumerate(cuts)]


def step(ic_s: float, **other: float) -> dict[str, Any]:
    row = {
        **dict.fromkeys(StepRow._fields, math.nan),
        "ic_s": ic_s,
        "step_s": 0.35,
        "known_s": ic_s + 0.4,
        "side": 1,
        "activity": 3,
    }
    return row | other


def second(time_s: float, **other: float) -> dict[str, Any]:
    row = dict.fromkeys(SecondRow._fields, math.nan) | {
        "time_s": time_s,
        "activity": 3,
        "cadence_spm": 170.0,
        "samples": 208,
        "clipped": 0,
        "gap_s": 0.0,
        "lean_from": 0,
        "belt": 1,
        "target_spm": math.nan,
    }
    return row | other


def heart(time_s: float, **other: Any) -> HeartRow:
    return HeartRow(time_s, time_s + 0.05, 148, 1.0, 52_000.0, "[0.4053, 0.4072]")._replace(**other)


def pod(time_s: float, **other: Any) -> PodRow:
    return PodRow(time_s, time_s + 0.05, 2.8125, 170, 1.01, 812.3, 1)._replace(**other)


def cue(time_s: float, name: str = "step-up", metric: Any = "cadence") -> Cue:
    return Cue(time_s, name, metric, 164.9, (166.8, math.inf), "cadence.low", "low 8 s", 0.349)


def withheld(time_s: float) -> Withheld:
    return Withheld(
        time_s, "step-up", "cadence", 160.0, (166.8, math.inf), "quiet.warmup", "warm-up"
    )


def write_run(
    path: Path,
    *,
    seconds: Iterable[Mapping[str, Any]] = (),
    cues: Iterable[Cue] = (),
    samples: Counts | None = None,
    coach: CoachConfig | None = None,
    readings: Iterable[HeartRow | PodRow] = (),
    finish: bool = True,
    events: Iterable[tuple[float, str, str]] = (),
    **header_args: Any,
) -> RunHeader:
    """A run file with the given tables; unfinished when ``finish`` is False."""
    head = header(config=Config(coach=coach or CoachConfig()), **header_args)
    writer = RunWriter(path, head)
    for batch in batches(counts(300) if samples is None else samples):
        writer.batch(batch)
    writer.seconds(seconds)
    writer.steps(step(s["time_s"]) for s in seconds)
    for one in cues:
        writer.cue(one, one.time_s)
    for reading in readings:
        writer.reading(reading)
    writer.withheld(withheld(3.0))
    writer.event(2.0, "mark", "button")
    for time_s, kind, text in events:
        writer.event(time_s, kind, text)
    if finish:
        writer.close({"cues": 0})
    else:
        writer.commit()
        writer.abandon()
    return head
