"""A recording through the same estimator and coach as live: a run file or a CSV."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from gaitpi.coach.policy import Coach
from gaitpi.coach.types import Beats, Cue, Withheld
from gaitpi.config import Config
from gaitpi.device import csvfile
from gaitpi.device.correction import Correction
from gaitpi.device.pipeline import Pipeline, design_rate
from gaitpi.device.start import decode, decode_correction
from gaitpi.device.unpack import unpack
from gaitpi.errors import GaitpiError, InputFileError, RunFileError
from gaitpi.gait import GaitParams, Start
from gaitpi.hostclock import day_second
from gaitpi.imu.batch import Counts
from gaitpi.runs.kind import is_run as is_run
from gaitpi.runs.muted import mutes
from gaitpi.runs.reader import RawBlock, RunReader
from gaitpi.runs.rows import EventRow, HeartRow, PodRow, SecondRow

Floats = NDArray[np.float64]

BLOCK = 16_384
"""Samples a block: any cutting gives the same result, this one is quick."""

Item = np.void | Beats | Cue | Withheld | EventRow | SecondRow
"""One step (a record of ``STEP_DTYPE``), decision, event or second."""
THOUGHT_AGAIN: Final = ("gap", "metronome")
"""Kinds of recorded event that a replay comes to by itself."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What a replay needs: blocks of (time_s, acc, gyr), and how to read them.

    ``config`` is the one of the run where there is one; ``events`` those recorded with it;
    ``start`` what its estimator started from, ``correction`` what its accelerations were corrected
    by; ``readings`` of strap and pod in the order in which they were known.
    """

    rate_hz: float
    has_gyro: bool
    day_second: float | None
    config: Config | None
    blocks: Iterator[tuple[Floats, Floats, Floats]]
    events: list[EventRow]
    start: Start | None = None
    correction: Correction | None = None
    readings: tuple[HeartRow | PodRow, ...] = ()


def open_recording(path: Path, *, joined: int | None = None) -> Recording:
    """Open a run file or a CSV. Raises InputFileError when it is neither, or damaged.

    Some ``joined`` samples of a run are given at once; None = ``BLOCK``.
    """
    return _open_run(path, joined or BLOCK) if is_run(path) else _open_csv(path)


def _open_run(path: Path, joined: int) -> Recording:
    run = RunReader(path)
    header = run.header
    try:
        config = msgspec.json.decode(header.config, type=Config)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        config = None  # written by another version: the caller's own is used
    try:
        start = decode(header.calibration)
        correction = decode_correction(header.calibration)
    except RunFileError:
        run.close()
        raise
    try:
        _need_samples(run)
    except GaitpiError:
        run.close()
        raise
    anchor = header.anchor

    def blocks() -> Iterator[tuple[Floats, Floats, Floats]]:
        with run:
            for times, counts in _joined(run.blocks(unpack=unpack), joined):
                yield (times, *header.sensor.si(counts))

    # these come of the samples once more; the rest was only known live
    events = [e for e in run.events() if e.kind not in THOUGHT_AGAIN]
    rows: list[HeartRow | PodRow] = [*run.hearts(), *run.pods()]
    readings = tuple(sorted(rows, key=lambda row: row.known_s))
    return Recording(
        rate_hz=header.design_rate_hz,
        has_gyro=header.has_gyro,
        day_second=day_second(anchor.wall_s, anchor.utc_offset_s),
        config=config,
        blocks=blocks(),
        events=events,
        start=start,
        correction=correction,
        readings=readings,
    )


def _need_samples(run: RunReader) -> None:
    """Raise InputFileError where the samples of a run did not reach the card, and its rows did.

    Nothing would come of it: that is no other result.
    """
    ((blocks, seconds),) = run.summed(
        "SELECT (SELECT count(*) FROM block), (SELECT count(*) FROM second)", {}
    )
    if seconds and not blocks:
        raise InputFileError(
            f"{run.path.name} holds no raw samples, so it cannot be computed once more.",
            "What was made of them while it was worn is there: gaitpi show.",
        )


def _joined(blocks: Iterator[RawBlock], enough: int) -> Iterator[tuple[Floats, Counts]]:
    """Times and counts of raw blocks, some hundred of them at once.

    What was read before a damaged block is given before its error is raised.
    """
    times: list[Floats] = []
    counts: list[Counts] = []
    samples = 0

    def take() -> tuple[Floats, Counts]:
        joined = np.concatenate(times), np.concatenate(counts)
        times.clear()
        counts.clear()
        return joined

    try:
        for block in blocks:
            times.append(block.times())
            counts.append(block.counts)
            samples += len(block.counts)
            if samples >= enough:
                yield take()
                samples = 0
    except RunFileError:
        if times:
            yield take()
        raise
    if times:
        yield take()


def _open_csv(path: Path) -> Recording:
    samples = csvfile.read(path)
    gyr = np.zeros_like(samples.acc) if samples.gyr is None else samples.gyr

    def blocks() -> Iterator[tuple[Floats, Floats, Floats]]:
        for i in range(0, len(samples.time_s), BLOCK):
            cut = slice(i, i + BLOCK)
            yield samples.time_s[cut], samples.acc[cut], gyr[cut]

    return Recording(
        rate_hz=design_rate(samples.time_s),
        has_gyro=samples.gyr is not None,
        day_second=None,
        config=None,
        blocks=blocks(),
        events=[],
    )


@dataclass(frozen=True, slots=True)
class Gap:
    """Samples missing: ``time_s`` of the first one after, ``gap_s`` the time lost."""

    time_s: float
    gap_s: float


def pipeline_for(
    recording: Recording,
    config: Config,
    coach: type[Coach] = Coach,
    params: GaitParams | None = None,
) -> Pipeline:
    """Estimator and coach as they were when the recording began, with what muted them later.

    ``params`` None = those of every run.
    """
    pipeline = Pipeline(
        config,
        recording.rate_hz,
        has_gyro=recording.has_gyro,
        day_second=recording.day_second,
        start=recording.start,
        correction=recording.correction,
        coach=coach,
        params=params,
    )
    for from_s, until_s in mutes(recording.events):
        pipeline.mute(from_s, until_s)
    for row in recording.readings:
        pipeline.reading(row)
    return pipeline


def replay(recording: Recording, config: Config) -> Iterator[Item | Gap]:
    """Everything in the order in which it became known: steps, decisions, gaps, events, seconds.

    A step is one record of ``STEP_DTYPE``. Damage in the middle of a run raises RunFileError
    after what came before it was given.
    """
    pipeline = pipeline_for(recording, config)
    events = sorted(recording.events, key=lambda e: e.time_s)
    told = 0
    last = np.nan
    spacing = 1.0 / recording.rate_hz
    limit = max(pipeline.estimator.params.gap_s, 2.5 * spacing)
    for time_s, acc, gyr in recording.blocks:
        if len(time_s) == 0:
            continue
        out = pipeline.update(acc, gyr, time_s)
        steps = out.trace.steps
        waits = np.diff(time_s, prepend=last)
        items: list[tuple[float, int, Item | Gap]] = [
            (float(time_s[i]), 0, Gap(float(time_s[i]), float(waits[i] - spacing)))
            for i in np.flatnonzero(waits > limit)
        ]
        items += [(float(steps["known_s"][k]), 1, steps[k]) for k in range(len(steps))]
        items += [(b.time_s, 2, b) for b in out.beats]
        items += [(d.time_s, 2, d) for d in out.decisions]
        items += [(row.time_s + 1.0, 3, row) for row in out.seconds]
        while told < len(events) and events[told].time_s <= time_s[-1]:
            items.append((events[told].time_s, 4, events[told]))
            told += 1
        items.sort(key=lambda item: item[:2])
        yield from (item for _, _, item in items)
        last = float(time_s[-1])
    yield from pipeline.finish()
    yield from events[told:]
