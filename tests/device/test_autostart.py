"""Runs that begin and end by themselves: with the seconds before, losing and doubling nothing."""

import json
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitpi.cli import main
from gaitpi.config import Config, RunsConfig, apply
from gaitpi.cues.button import Button
from gaitpi.cues.outputs import open_outputs
from gaitpi.device.autostart import PREROLL_S, Pause, RunningFor, Waiting
from gaitpi.device.daemon import Daemon
from gaitpi.device.pipeline import Pipeline
from gaitpi.device.replay import open_recording, replay
from gaitpi.device.status import StatusFile, read
from gaitpi.device.virtual import play, recorder_in
from gaitpi.errors import RunFileError
from gaitpi.gait import STEP_DTYPE, GaitEstimator, Trace
from gaitpi.gait.types import V_ACTIVITY, VALUES
from gaitpi.hostclock import SystemClock, VirtualClock
from gaitpi.imu.batch import Batch
from gaitpi.imu.chips.mpu6050.twin import VirtualMpu6050
from gaitpi.imu.reader import Reader, open_reader
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.source import RecordingSource, SignalSource
from gaitpi.imu.virtual.story import Phase
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.runs.header import RunHeader
from gaitpi.runs.reader import RunReader
from gaitpi.runs.recorder import Recorder
from gaitpi.runs.writer import RunWriter, run_path
from tests.device.bench import WALL_S, Bench, Heard, recorded, replayed
from tests.runs.sample import header

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


def test_a_run_begins_with_the_seconds_before_and_ends_after_the_last_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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
        assert [e.kind for e in run.events() if e.kind != "worn"][:1] == ["auto"]
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
    # beginning and end by itself are no faults
    assert main(["replay", str(path), "--json"]) == 0
    items = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [item["type"] for item in items if item.get("kind") == "auto"] == ["mark", "mark"]
    assert not [item for item in items if item["type"] == "fault"]


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


def _steps(cadence_spm: float, *, activity: int = 3, seconds: float = 14.0) -> Trace:
    """A trace of so fast steps, whose samples say ``activity``."""
    times = np.arange(0.0, seconds, 0.01)
    values = np.zeros((VALUES, len(times)))
    values[V_ACTIVITY] = activity
    contacts = np.arange(0.0, seconds - 1.0, 60.0 / cadence_spm)
    steps = np.zeros(len(contacts), STEP_DTYPE)
    steps["ic_s"], steps["known_s"], steps["activity"] = contacts, contacts + 0.5, 3
    return Trace(times, values, steps)


@pytest.mark.parametrize(
    ("trace", "began"),
    [
        (_steps(141.0), True),
        (_steps(139.0), False),
        (_steps(170.0, seconds=10.5), False),
        (_steps(170.0, activity=2), False),
    ],
)
def test_what_running_must_be_to_begin_a_run(trace: Trace, began: bool) -> None:
    assert RunningFor(10.0, 140.0).add(trace) == began


def test_a_pause_between_steps_begins_anew() -> None:
    trace = _steps(170.0, seconds=20.0)
    away = (trace.steps["ic_s"] > 8.0) & (trace.steps["ic_s"] < 9.5)
    walked = trace.steps.copy()
    walked["activity"][away] = 2
    for steps in (trace.steps[~away], walked):
        values = np.zeros((VALUES, len(trace)))
        values[V_ACTIVITY] = 3
        assert not RunningFor(10.0, 140.0).add(Trace(trace.time_s, values, steps))
    assert RunningFor(10.0, 140.0).add(trace)


def test_a_file_that_cannot_be_made_stops_nobody(tmp_path: Path) -> None:
    """In real time the recorder's thread finds out, and says so; the loop goes on."""
    folder = tmp_path / "runs"
    folder.write_text("a file where the folder should be")
    recorder, _ = recorder_in(folder, synchronous=False)(header())
    end = time.monotonic() + 10.0
    while recorder.problem is None and time.monotonic() < end:
        time.sleep(0.005)
    assert recorder.problem
    assert recorder.close(wait_s=0.1)
    with pytest.raises(RunFileError):
        recorder_in(folder, synchronous=True)(header())


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


def _short(path: Path) -> RecordingSource:
    """The first half minute of a recording."""
    whole = RecordingSource.from_npz(path)
    assert whole.rate_hz is not None
    n = min(len(whole), int(30 * whole.rate_hz))
    return RecordingSource.from_si(*whole.samples(0, n, whole.rate_hz), whole.rate_hz)


@pytest.mark.parametrize(
    ("folder", "code"),
    [("sisfall_waist", code) for code in ("D02", "D06", "D15", "D17", "D18", "D19", "F01")]
    + [(folder, "") for folder in QUIET[1:]],
)
def test_nor_through_the_registers_of_a_chip(
    folder: str, code: str, shared_data: Path, tmp_path: Path
) -> None:
    paths = sorted((shared_data / folder).glob("*.npz"))
    path = next(path for path in paths if code in path.name)
    heard = Heard(VirtualClock())
    source = _short(path)
    ended = play(source, CONFIG, tmp_path, [heard], recording=path.stem, auto=True)
    assert ended.path is None
    assert ended.problems == ()
    assert list(tmp_path.iterdir()) == []
    assert heard.sounds == []


def test_a_card_that_takes_a_second_for_a_new_file_costs_no_sample(tmp_path: Path) -> None:
    """Real clock, real threads, gpiozero's mock pins."""
    clock = SystemClock()
    factory = MockFactory(pin_class=MockPWMPin)
    config = apply(CONFIG, ["runs.start_s=5", "cues.pwm=software"])
    status = tmp_path / "status.json"

    def slow(header: RunHeader) -> tuple[Recorder, Path]:
        path = run_path(tmp_path / "runs", header.run_id)

        def create() -> RunWriter:
            time.sleep(1.0)
            return RunWriter(path, header)

        return Recorder.opening(header, create), path

    states: list[str] = []
    end = [time.monotonic() + 40.0]

    def until() -> bool:
        if status.exists() and (found := read(status)) is not None:
            if found.state not in states:
                states.append(found.state)
                assert found.recorder_problem == ""
            if found.run_id and len(end) == 1:
                end.append(time.monotonic() + 2.0)
        return time.monotonic() > end[-1]

    source = SimulatedRunner((Phase("run", 60.0, cadence_spm=170.0),))
    daemon = Daemon(
        config,
        open_reader(VirtualTransport([VirtualMpu6050(source, clock)]), clock, config.imu),
        clock,
        open_outputs(config.cues, factory),
        slow,
        status=StatusFile(status),
        button=Button(27, factory, clock),
        auto=True,
    )
    began = time.monotonic()
    ended = daemon.run(until)
    factory.reset()
    assert ended.problems == ()
    assert states == ["starting", "waiting for a run", "recording"]
    assert ended.path is not None
    with RunReader(ended.path) as run:
        blocks, steps = list(run.blocks()), run.steps()
        assert run.finished
        assert not [e for e in run.events() if e.kind in ("gap", "dropout")]
        anchor = run.header.anchor
        assert anchor.mono_s == pytest.approx(began, abs=2.0)
        assert anchor.wall_s - anchor.mono_s == pytest.approx(
            time.time() - time.monotonic(), abs=0.1
        )
    for before, after in pairwise(blocks):
        assert after.index == before.index + len(before.counts)
    assert sum(len(b.counts) for b in blocks) > 8.0 * 195  # more than its start and end
    again = [i for i in replay(open_recording(ended.path), config) if isinstance(i, np.void)]
    assert [float(step["ic_s"]) for step in again] == [step.ic_s for step in steps]
