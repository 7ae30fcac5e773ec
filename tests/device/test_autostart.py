"""Runs that begin and end by themselves: with the seconds before, losing and doubling nothing."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi.config import Config, RunsConfig, apply
from gaitpi.device.autostart import PREROLL_S, Pause, RunningFor, Waiting
from gaitpi.device.pipeline import Pipeline
from gaitpi.gait import GaitEstimator
from gaitpi.hostclock import VirtualClock
from gaitpi.imu.batch import Batch
from gaitpi.imu.reader import Reader, open_reader
from gaitpi.imu.virtual.mpu6050 import VirtualMpu6050
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.source import RecordingSource, SignalSource
from gaitpi.imu.virtual.story import Phase
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.runs.reader import RunReader
from tests.device.bench import WALL_S, Bench, recorded, replayed

CONFIG = apply(
    Config(),
    ["coach.target_spm=175", "coach.warmup_s=0", "coach.hold_s=4", "runs.stop_s=60"],
)
STAND, WALK = Phase("stand", 20.0), Phase("walk", 60.0, cadence_spm=112.0, speed_mps=1.4)
RUN = Phase("run", 120.0, cadence_spm=160.0)
REST = Phase("stand", 80.0)
RATE_HZ = 208.0


def bench(tmp_path: Path, *phases: Phase, config: Config = CONFIG) -> Bench:
    return Bench(tmp_path, SimulatedRunner(phases, RunnerParams(seed=3)), config=config, auto=True)


def test_a_run_begins_with_the_seconds_before_and_ends_after_the_last_step(tmp_path: Path) -> None:
    b = bench(tmp_path, STAND, WALK, RUN, REST)
    ended = b.run({}, until_s=285.0)
    (path,) = b.paths()
    assert ended.path == path
    with RunReader(path) as run:
        blocks = list(run.blocks())
        seconds = run.seconds()
        assert run.finished
        begins = run.header.anchor.mono_s
        assert run.header.anchor.wall_s - WALL_S == pytest.approx(begins, abs=0.1)
        assert [e.kind for e in run.events()][:1] == ["auto"]
        assert not [e for e in run.events() if e.kind in ("gap", "dropout")]
    # running from 80 s on is believed at 90 s: from then the 30 s before are in the file
    ran = next(row.time_s for row in seconds if row.activity == 3)
    assert begins + ran == pytest.approx(80.0, abs=6.0)
    assert PREROLL_S - 12.0 < ran < PREROLL_S
    # a minute after the last running step, which is at 200 s
    assert begins + seconds[-1].time_s == pytest.approx(260.0, abs=4.0)
    # every sample once, in a row
    for before, after in pairwise(blocks):
        assert after.index == before.index + len(before.counts)
    n = sum(len(block.counts) for block in blocks)
    span = blocks[-1].times()[-1] - blocks[0].times()[0]
    assert n - 1 == pytest.approx(span / blocks[0].line.period_s, rel=1e-3)
    assert recorded(path)
    assert [(c.time_s, c.cue, c.value) for c in replayed(path)] == recorded(path)
    names = [name for _, name in b.heard.sounds]
    assert names[0] == "record"
    assert names[-2:] == ["stopped", "reminder"]


def test_a_walk_break_splits_nothing_and_a_long_rest_makes_two(tmp_path: Path) -> None:
    short = Phase("walk", 45.0, cadence_spm=112.0, speed_mps=1.4)
    b = bench(tmp_path / "one", STAND, RUN, short, RUN, REST)
    b.run({}, until_s=380.0)
    assert len(b.paths()) == 1
    b = bench(tmp_path / "two", STAND, RUN, REST, RUN, REST)
    b.run({}, until_s=415.0)
    first, second = b.paths()
    for path in (first, second):
        assert [(c.time_s, c.cue, c.value) for c in replayed(path)] == recorded(path)
    with RunReader(first) as one, RunReader(second) as two:
        end = one.header.anchor.mono_s + one.seconds()[-1].time_s
        assert two.header.anchor.mono_s > end  # what is of the one is not of the other


def test_nobody_runs_and_no_file_is_made(tmp_path: Path) -> None:
    b = bench(tmp_path, STAND, WALK, WALK, STAND)
    ended = b.run({}, until_s=160.0)
    assert ended.path is None
    assert b.paths() == []
    assert b.heard.sounds == []


def test_the_button_begins_at_once_and_what_it_ends_stays_ended(tmp_path: Path) -> None:
    b = bench(tmp_path, STAND, RUN, RUN, REST)
    b.run(b.hold(10.0, 2.0) | b.hold(70.0, 2.0), until_s=150.0)
    (path,) = b.paths()  # he ran on after the button, and no new run began
    with RunReader(path) as run:
        # begun standing, by the button: with what was before it
        assert run.header.anchor.mono_s == pytest.approx(0.0, abs=0.5)
        assert run.seconds()[-1].time_s == pytest.approx(72.0, abs=1.0)


def _through(source: SignalSource, poll_s: float = 0.05) -> tuple[Reader, Iterator[Batch]]:
    clock = VirtualClock()
    twin = VirtualMpu6050(source, clock)
    config = Config().imu
    reader = open_reader(VirtualTransport([twin]), clock, config)
    reader.start()

    def batches() -> Iterator[Batch]:
        while not twin.ended:
            clock.sleep(poll_s)
            yield from (batch for batch in reader.poll() if len(batch.counts))

    return reader, batches()


QUIET = ("sisfall_waist", "ipol_lowback_walk", "broad", "repoimu_tstick", "mpu6050_static")
RUNNING = ("D03", "D04", "F05")


@pytest.mark.parametrize("folder", QUIET)
def test_what_is_not_running_begins_no_run(folder: str, shared_data: Path) -> None:
    """Each kind of activity at least once, through the estimator; a car and falls among them."""
    paths = sorted((shared_data / folder).glob("*.npz"))
    if folder == "sisfall_waist":
        codes = {path.name.split("_")[1]: path for path in paths}
        paths = [path for code, path in codes.items() if code not in RUNNING]
    assert paths
    for path in paths:
        source = RecordingSource.from_npz(path)
        assert source.rate_hz is not None
        n = int(source.duration_s * source.rate_hz)
        acc, gyr = source.samples(0, n, source.rate_hz)
        trace = GaitEstimator(source.rate_hz).update(acc, gyr, np.arange(n) / source.rate_hz)
        assert not RunningFor(10.0, 140.0).add(trace), path.name


def test_jogging_does(shared_data: Path) -> None:
    for path in sorted((shared_data / "sisfall_waist").glob("*D03*.npz"))[:3]:
        source = RecordingSource.from_npz(path)
        assert source.rate_hz is not None
        n = int(source.duration_s * source.rate_hz)
        acc, gyr = source.samples(0, n, source.rate_hz)
        trace = GaitEstimator(source.rate_hz).update(acc, gyr, np.arange(n) / source.rate_hz)
        assert RunningFor(10.0, 140.0).add(trace), path.name


@settings(max_examples=5, deadline=None)
@given(st.sampled_from([0.02, 0.05, 0.11, 0.2]))
def test_what_is_kept_is_the_last_half_minute_whole(poll_s: float) -> None:
    reader, batches = _through(SimulatedRunner((STAND, WALK, RUN)), poll_s)
    waiting = Waiting(RunsConfig(), RATE_HZ, has_gyro=True)
    last = None
    for batch in batches:
        last = batch
        if waiting.add(batch, *reader.info.si(batch.counts)):
            break
    assert last is not None
    kept = waiting.take()
    assert waiting.take() == []
    assert kept[-1] is last
    length = kept[-1].times()[-1] - kept[0].times()[0]
    assert PREROLL_S - 0.5 <= length <= PREROLL_S + poll_s + 0.1
    for before, after in pairwise(kept):
        assert after.index == before.index + len(before.counts)


def test_the_pause_counts_samples_since_running() -> None:
    pause, found = Pause(), []
    for activities in ([1, 2, 2], [2, 3, 1, 1], [1]):
        pause.add(np.array(activities, np.uint8))
        found.append((pause.ran, pause.samples))
    assert found == [(False, 3), (True, 2), (True, 3)]


def test_a_run_of_kept_samples_is_that_of_the_same_samples_one_by_one(tmp_path: Path) -> None:
    """The burst at the beginning changes no step and no cue."""
    b = bench(tmp_path, STAND, WALK, RUN, REST)
    b.run({}, until_s=240.0)
    (path,) = b.paths()
    with RunReader(path) as run:
        blocks = [(x.times(), *run.header.sensor.si(x.counts)) for x in run.blocks()]
        steps = run.steps()
        rate = run.header.design_rate_hz
    from gaitpi.device.replay import open_recording

    recording = open_recording(path)
    pipeline = Pipeline(
        CONFIG,
        rate,
        has_gyro=True,
        day_second=recording.day_second,
        start=recording.start,
    )
    found = []
    for times, acc, gyr in blocks:
        for k in range(0, len(times), 7):
            part = slice(k, k + 7)
            found += pipeline.update(acc[part], gyr[part], times[part]).trace.steps["ic_s"].tolist()
    assert found == [step.ic_s for step in steps]
