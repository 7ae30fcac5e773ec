"""A folder of made-up runs: a season of them in seconds, for what reads many.

``python -m calibration.season FOLDER --runs 300`` writes run files with the real writer: all their
tables, but only some seconds of raw samples (which listing and reviewing never read). The runner is
invented: cadence, lean, contact and bounce wander, drift with fatigue and change a little from run
to run, with a walk break, a hill, a gap and cues. ``DISTINCT`` runs are made, the others are
copies under another name and date.
"""

import argparse
import math
import os
import random
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from calibration.madeup import RATE_HZ, SENSOR, WALL_S, pod, strap
from gaitpi.coach.types import Cue
from gaitpi.config import CoachConfig, Config
from gaitpi.imu.batch import Batch, ClockLine
from gaitpi.runs.header import RunHeader, header_crc, header_values, new_run_id
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import RUNNING, HeartRow, PodRow, SecondRow, StepRow
from gaitpi.runs.schema import HEADER_COLUMNS
from gaitpi.runs.writer import RunWriter, run_path

DISTINCT: Final = 24
TARGET_SPM: Final = 170.0
USUAL_LEAN_DEG: Final = 5.0
EVERY_S: Final = 1.2 * 86_400.0
LENGTHS_MIN: Final = (45, 30, 20, 60, 35, 90, 25, 40, 12, 50, 5, 75)
"""Lengths of runs, from the newest on and round again, minutes."""
WALKING: Final = 2


def make(folder: Path, runs: int, *, distinct: int = DISTINCT, outside: bool = False) -> list[Path]:
    """Write ``runs`` run files into ``folder``; their paths, newest first."""
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for k in range(runs):
        wall_s = WALL_S - k * EVERY_S
        if k < distinct:
            minutes = LENGTHS_MIN[k % len(LENGTHS_MIN)]
            paths.append(write(folder, wall_s, minutes * 60, seed=k, outside=outside))
        else:
            paths.append(_copy(paths[k % distinct], folder, wall_s))
        os.utime(paths[-1], (wall_s + 3600.0, wall_s + 3600.0))  # as if it was written then
    return paths


def write(
    folder: Path,
    wall_s: float,
    length_s: int,
    *,
    seed: int = 0,
    finish: bool = True,
    outside: bool = False,
) -> Path:
    """Write a run file of that length, s; without its end unless ``finish``.

    ``outside``: with a strap and a foot pod, whose links were lost once.
    """
    rng = random.Random(seed)
    coach = CoachConfig(target_spm=TARGET_SPM, usual_lean_deg=USUAL_LEAN_DEG)
    header = RunHeader.new(
        mono_s=100.0,
        wall_s=wall_s,
        sensor=SENSOR,
        config=msgspec.json.encode(Config(coach=coach)).decode(),
        calibration=None,
        segment="pelvis",
        mount="",
        design_rate_hz=RATE_HZ,
        has_gyro=True,
        virtual=False,
        source="made up",
    )
    header = replace(header, run_id=new_run_id(wall_s, f"{seed:04x}"))
    path = run_path(folder, header.run_id)
    writer = RunWriter(path, header, monotonic=lambda: 0.0)
    counts = np.random.default_rng(seed).integers(-2000, 2000, (600, 6)).astype(np.int16)
    writer.batch(Batch(0, 0, ClockLine(0, 0.0, 1.0 / RATE_HZ), counts))
    seconds = [_second(t, length_s, rng) for t in range(length_s)]
    writer.seconds(seconds)
    writer.steps(_steps(seconds, rng))
    for number in range(length_s // 900):
        _cue(writer, 400.0 + 900.0 * number, answered=number % 3 != 2)
    if outside:
        drops = [(200.0, 260.0)]
        readings: list[HeartRow | PodRow] = list(strap(length_s, lambda _t: 150.0, drops))
        readings += pod(length_s, lambda _t: 2.9, drops)
        for row in readings:
            writer.reading(row)
    if finish:
        writer.close({})
    else:
        writer.commit()
        writer.abandon()
    return path


def _second(t: int, length_s: int, rng: random.Random) -> dict[str, Any]:
    """A second of it: still, walking, running with a walk break, a hill and a gap."""
    share = t / length_s
    activity = 1 if t < 20 else WALKING if t < 80 or 0.6 <= share < 0.63 else RUNNING
    row = dict.fromkeys(SecondRow._fields, math.nan) | {
        "time_s": float(t),
        "activity": activity,
        "samples": 208,
        "clipped": 0,
        "gap_s": 8.0 if 600 <= t < 601 else 0.0,
        "lean_from": 2,
        "belt": 1,
    }
    if activity != 1:
        hill = 0.4 <= share < 0.46
        row |= {
            "cadence_spm": 169.0 - 3.5 * share - 2.0 * hill + rng.gauss(0.0, 1.1)
            if activity == RUNNING
            else rng.gauss(112.0, 2.0),
            "cadence_sd_spm": 0.4,
            "lean_deg": 4.6 + 1.8 * share + rng.gauss(0.0, 0.5),
            "side_lean_deg": rng.gauss(0.4, 0.3),
            "lean_sd_deg": 0.5,
            "grade": 0.055 if hill else rng.gauss(0.0, 0.008),
            "grade_sd": 0.012,
            "yaw_dps": rng.gauss(0.0, 2.0),
            "belt_value": 0.1,
        }
    if 600 <= t < 608:
        row |= {"cadence_spm": math.nan, "lean_deg": math.nan}
    return row


def _steps(seconds: list[dict[str, Any]], rng: random.Random) -> list[dict[str, Any]]:
    """The steps of these seconds."""
    found: list[dict[str, Any]] = []
    ic_s, length_s = 0.0, float(len(seconds))
    while ic_s < length_s:
        second = seconds[int(ic_s)]
        cadence = second["cadence_spm"]
        if math.isnan(cadence):
            ic_s = float(int(ic_s) + 1)
            continue
        running = second["activity"] == RUNNING
        side = 1 if len(found) % 2 else -1
        step_s = 60.0 / cadence * (1.0 + rng.gauss(0.0, 0.012) + 0.004 * side)
        contact_s = 0.248 + 0.014 * ic_s / length_s + rng.gauss(0.0, 0.006)
        found.append(
            dict.fromkeys(StepRow._fields, math.nan)
            | {
                "ic_s": ic_s,
                "to_s": ic_s + contact_s,
                "contact_s": contact_s if running else math.nan,
                "flight_s": step_s - contact_s if running else math.nan,
                "step_s": step_s,
                "cadence_spm": 60.0 / step_s,
                "bounce_m": 0.082 + rng.gauss(0.0, 0.003) if running else 0.03,
                "impact_ms2": rng.gauss(22.0, 2.0),
                "side": side,
                "known_s": ic_s + 0.45,
                "activity": second["activity"],
                "lean_deg": second["lean_deg"],
                "side_lean_deg": second["side_lean_deg"],
            }
        )
        ic_s += step_s
    return found


def _cue(writer: RunWriter, at_s: float, *, answered: bool) -> None:
    band = (TARGET_SPM * 0.97, math.inf)
    words = "cadence 164.1 spm below 164.9 over 9 s, floor 60 s passed"
    beat_s = 60.0 / TARGET_SPM
    low = Cue(at_s, "step-up", "cadence", 164.1, band, "cadence.low", words, beat_s)
    writer.cue(low, at_s)
    if answered:
        words = "cadence 167.7 spm back above 167.4, 11 s after the cue"
        back = Cue(at_s + 11.0, "back", "cadence", 167.7, band, "cadence.returned", words)
        writer.cue(back, back.time_s)


def _copy(path: Path, folder: Path, wall_s: float) -> Path:
    """The same run under another name and date."""
    with RunReader(path) as run:
        old = run.header
    header = replace(
        old,
        run_id=new_run_id(wall_s, old.boot_id),
        anchor=old.anchor._replace(wall_s=wall_s),
    )
    new = run_path(folder, header.run_id)
    shutil.copyfile(path, new)
    values = header_values(header)
    columns = ", ".join(f"{name} = ?" for name in (*HEADER_COLUMNS, "crc32"))
    with closing(sqlite3.connect(new)) as db, db:
        db.execute(f"UPDATE run SET {columns}", (*values, header_crc(values)))
        db.execute("UPDATE anchor SET wall_s = ?", (wall_s,))
    return new


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--outside", action="store_true", help="with strap and foot pod")
    args = parser.parse_args()
    paths = make(args.folder, args.runs, outside=args.outside)
    size = sum(path.stat().st_size for path in paths)
    print(f"{len(paths)} runs, {size / 1e6:.0f} MB in {args.folder}")


if __name__ == "__main__":
    main()
