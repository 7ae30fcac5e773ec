"""What lies in the folder of runs while a transcript of the documentation is made.

Names and dates are always the same, so that transcripts can be compared: every run a command
records is given the next name of the scene. The runs of ``weeks`` are those of an invented runner
(:mod:`gaitpi.device.rehearsal`): coach, cues, answers and run files are real; what a sensor would
add (contact, bounce, impact) is made up to go with his fatigue.
"""

import contextlib
import math
import os
import random
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from calibration.madeup import RATE_HZ, SENSOR, Drops, pod, strap
from gaitpi.coach.policy import Coach
from gaitpi.coach.types import Moment, StepTaken
from gaitpi.config import CoachConfig, Config
from gaitpi.device.rehearsal import rehearse
from gaitpi.device.trial import Scribe
from gaitpi.imu.virtual.answering import Answering, AnswerParams
from gaitpi.imu.virtual.story import Phase
from gaitpi.runs.header import RunHeader, header_crc, header_values, new_run_id
from gaitpi.runs.reader import RunReader
from gaitpi.runs.recorder import Recorder
from gaitpi.runs.rows import HeartRow, PodRow
from gaitpi.runs.schema import HEADER_COLUMNS, SUFFIX
from gaitpi.runs.writer import RunWriter, run_path

TODAY: Final = datetime(2026, 5, 12, 18, 2, tzinfo=UTC)
"""A Tuesday evening."""
BOOT: Final = "3fa2"
"""Beginning of the boot in the names of runs."""
EVERY: Final = timedelta(days=2, minutes=-7)


@dataclass(slots=True)
class Names:
    """Gives runs the names and dates of a scene; the next run begins at ``next_at``."""

    next_at: datetime = TODAY
    given: int = 0
    known: set[str] = field(default_factory=set)

    @property
    def today(self) -> datetime:
        """The scene's day."""
        return TODAY

    def settle(self, folder: Path) -> list[tuple[str, str]]:
        """Rename what was recorded since; (text, its new text) for what was printed of it."""
        found: list[tuple[str, str]] = []
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            if path.name in self.known:
                continue
            with RunReader(path) as run:
                old_id, old = run.run_id, run.started
            new = named(path, self.next_at, self.given)
            new_id = new.name.removesuffix(SUFFIX)
            self.known.add(new.name)
            found.append((old_id, new_id))
            # of what the minute of the start was said in
            found += [
                (f"{old:{form}}", f"{self.next_at:{form}}")
                for form in ("%a %d %b %H:%M", "%Y-%m-%d %H:%M", "%a %d %b %Y %H:%M")
            ]
            self.next_at += timedelta(hours=1)
            self.given += 1
        return found


def named(path: Path, at: datetime, number: int) -> Path:
    """Give a run file that time of its start, and the name that belongs to it and ``number``."""
    wall_s = at.timestamp()
    with RunReader(path) as run:
        old = run.header
    run_id = f"{new_run_id(wall_s, BOOT)[:-6]}{0x57AA15 + 0x2C0DE * number & 0xFFFFFF:06x}"
    anchor = old.anchor._replace(wall_s=wall_s, utc_offset_s=0.0)
    header = replace(old, run_id=run_id, boot_id=BOOT, anchor=anchor)
    values = header_values(header)
    columns = ", ".join(f"{name} = ?" for name in (*HEADER_COLUMNS, "crc32"))
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute(f"UPDATE run SET {columns}", (*values, header_crc(values)))
        moved = (wall_s - old.anchor.wall_s,)
        db.execute("UPDATE anchor SET wall_s = wall_s + ?, utc_offset_s = 0.0", moved)
    new = path.with_name(f"{run_id}{SUFFIX}")
    for file in sorted(path.parent.glob(f"{path.stem}.*")):  # what lies beside it goes with it
        file.rename(file.with_name(file.name.replace(path.stem, run_id)))
    ended_s = wall_s + 3600.0
    os.utime(new, (ended_s, ended_s))
    return new


def nothing(_folder: Path) -> Names:
    """No run yet."""
    return Names()


@dataclass(frozen=True, slots=True)
class Outing:
    """A run: minutes of running, cadence and what it falls to when he tires, spm.

    ``contact_s`` of his steps before he tires; ``home_s`` the walk home. ``speed_ms`` of his
    running by a foot pod, with a strap beside it and ``drops``, in which the links of both were
    lost; NaN where he wore neither.
    """

    @property
    def begins_s(self) -> float:
        """Run time at which he begins to run."""
        return 90.0

    @property
    def ends_s(self) -> float:
        """Run time at which he stops running."""
        return self.begins_s + 60.0 * self.minutes

    def speed(self, at_s: float) -> float:
        """His speed, m/s."""
        if at_s < 15.0:
            return 0.0
        if not self.begins_s <= at_s < self.ends_s:
            return 1.4
        tired = max(0.0, (at_s - self.begins_s) / 60.0 - TIRES_MIN * self.minutes)
        return self.speed_ms * (1.0 - 0.001 * tired) + 0.03 * math.sin(at_s / 50.0)

    def steps(self, at_s: float) -> float:
        """What a pod counts of his steps, steps/min."""
        if not self.begins_s <= at_s < self.ends_s:
            return 112.0 if at_s < self.begins_s else 108.0
        fresh_s = 60.0 * TIRES_MIN * self.minutes
        share = max(0.0, at_s - self.begins_s - fresh_s) / (60.0 * self.minutes - fresh_s)
        return self.spm + (self.tired_spm - 2.0 - self.spm) * share

    def heart(self, at_s: float) -> float:
        """His heart rate, beats/min: it follows his effort, and drifts."""
        effort = 1.0 - math.exp(-max(0.0, at_s - self.begins_s) / 90.0)
        rest = math.exp(-max(0.0, at_s - self.ends_s) / 60.0)
        drift = 0.35 * max(0.0, min(at_s, self.ends_s) - self.begins_s) / 60.0
        return 88.0 + (58.0 * effort + drift) * rest + 1.5 * math.sin(at_s / 37.0)

    minutes: float
    spm: float
    tired_spm: float
    contact_s: float
    home_s: float = 30.0
    speed_ms: float = math.nan
    drops: Drops = ()


WITH_POD: Final = (
    Outing(40.0, 171.0, 168.0, 0.244, 120.0, 2.95, ((1010.0, 1075.0), (1820.0, 1835.0))),
    Outing(30.0, 170.4, 168.9, 0.246, 30.0, 2.92),
    Outing(35.0, 170.0, 168.8, 0.247, 30.0, 2.90),
    Outing(25.0, 175.4, 174.0, 0.236, 30.0, 3.60),
    Outing(30.0, 170.2, 168.9, 0.248, 30.0, 2.96),
)
"""The same with a strap and a foot pod; one was a fast run."""
OUTINGS: Final = (
    Outing(40.0, 172.0, 166.0, 0.244, 260.0),
    Outing(30.0, 166.3, 164.9, 0.246),
    Outing(35.0, 166.0, 164.8, 0.247),
    Outing(25.0, 166.4, 165.0, 0.245),
    Outing(30.0, 166.2, 164.9, 0.248),
)
"""The newest first."""


class Author(Scribe):
    """Writes what a sensor would have given of the steps of an outing."""

    def __init__(self, coach: Coach, recorder: Recorder, outing: Outing, seed: int) -> None:
        super().__init__(coach, recorder)
        self._outing = outing
        self._noise = random.Random(seed)
        self._side = 1

    def step_row(self, step: StepTaken) -> dict[str, Any]:
        """A step, with contact, flight, bounce and impact."""
        row = super().step_row(step)
        self._side = -self._side
        row["side"] = self._side
        if step.running and math.isfinite(step.step_s):
            tired = max(0.0, step.ic_s / 60.0 - TIRES_MIN * self._outing.minutes)
            contact_s = self._outing.contact_s + 0.0014 * tired + self._noise.gauss(0.0, 0.006)
            row |= {
                "to_s": step.ic_s + contact_s,
                "contact_s": contact_s,
                "flight_s": step.step_s - contact_s,
                "bounce_m": 0.080 + 3e-4 * tired + self._noise.gauss(0.0, 0.003),
                "impact_ms2": self._noise.gauss(21.0, 2.0),
            }
        return row

    def second_row(self, second: int, moments: list[Moment]) -> dict[str, Any]:
        """A second, with where lean is measured from and how sure everything is."""
        row = super().second_row(second, moments)
        sure = {"cadence_sd_spm": 0.4, "lean_sd_deg": 0.5, "lean_from": 2, "belt_value": 0.1}
        sure["side_lean_deg"] = self._noise.gauss(0.5, 0.4)
        sure |= {"grade": moments[-1].grade, "grade_sd": moments[-1].grade_sd, "yaw_dps": 0.0}
        return row | sure


TIRES_MIN: Final = 0.6
"""Share of an outing after which he tires."""


def written(folder: Path, outing: Outing, at: datetime, seed: int) -> Path:
    """The run file of an outing."""
    coach = CoachConfig(target_spm=170.0, usual_lean_deg=6.0, usual_lean_from=2)
    header = RunHeader.new(
        mono_s=0.0,
        wall_s=at.timestamp(),
        sensor=SENSOR,
        config=msgspec.json.encode(Config(coach=coach)).decode(),
        calibration=None,
        segment="pelvis",
        mount="",
        design_rate_hz=RATE_HZ,
        has_gyro=True,
        virtual=False,
        source="an invented runner",
    )
    path = run_path(folder, header.run_id)
    recorder = Recorder(RunWriter(path, header), synchronous=True)
    author = Author(Coach(coach), recorder, outing, seed)
    fresh_s = 60.0 * TIRES_MIN * outing.minutes
    phases = (
        Phase("stand", 15.0),
        Phase("walk", 75.0, cadence_spm=112.0, lean_deg=2.0),
        Phase("run", fresh_s, cadence_spm=outing.spm, lean_deg=6.0),
        Phase(
            "run",
            60.0 * outing.minutes - fresh_s,
            cadence_spm=outing.spm,
            cadence_end_spm=outing.tired_spm - 2.0,
            lean_deg=6.0,
            lean_end_deg=8.0,
        ),
        Phase("walk", outing.home_s, cadence_spm=108.0, lean_deg=2.0),
    )
    answering = Answering(AnswerParams(seed=seed))
    rehearse(author, phases, answering, seed=seed, decided=author.decided)
    author.finish()
    if math.isfinite(outing.speed_ms):
        length_s = outing.ends_s + outing.home_s
        count = pod(length_s, outing.speed, outing.drops, spm=outing.steps, first_m=1204.3e3)
        readings: list[HeartRow | PodRow] = [*strap(length_s, outing.heart, outing.drops), *count]
        for row in readings:
            recorder.reading(row)
    problem = recorder.close({})
    assert problem is None, problem
    return path


def some_weeks(folder: Path, outings: Sequence[Outing] = OUTINGS) -> Names:
    """Runs of two weeks; the newest one began today."""
    folder.mkdir(parents=True)
    names = Names(given=100)
    for k, outing in enumerate(outings):
        at = TODAY - k * EVERY
        names.known.add(named(written(folder, outing, at, k), at, k).name)
    names.next_at = TODAY + timedelta(hours=1)
    return names


def with_pod(folder: Path) -> Names:
    """The same weeks with a strap and a foot pod."""
    return some_weeks(folder, WITH_POD)


SCENES: Final[dict[str, Callable[[Path], Names]]] = {
    "empty": nothing,
    "weeks": some_weeks,
    "pod": with_pod,
}
