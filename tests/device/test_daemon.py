"""The daemon on the virtual chip: trouble is told, nothing is lost, and real time works."""

import contextlib
import io
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin

from gaitpi.coach.rhythm import LEAD_S, glide
from gaitpi.coach.types import Cue
from gaitpi.config import Config, apply
from gaitpi.cues.outputs import Outputs, TerminalOutput, open_outputs
from gaitpi.cues.vocabulary import Pattern
from gaitpi.device.daemon import Daemon, Ended, Progress
from gaitpi.device.notify import Notifier
from gaitpi.device.replay import open_recording, replay
from gaitpi.device.status import StatusFile, read
from gaitpi.device.virtual import play, recorder_in
from gaitpi.errors import SensorError
from gaitpi.hostclock import SystemClock, VirtualClock
from gaitpi.imu.chips.mpu6050.twin import VirtualMpu6050
from gaitpi.imu.reader import open_reader
from gaitpi.imu.virtual.faulty import FaultScript, FaultySource, Trouble
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.review.explain import explain
from gaitpi.review.verdict import advice, judge, lines
from gaitpi.runs.reader import RunReader

LOW = (Phase("stand", 5.0), Phase("run", 150.0, cadence_spm=160.0))
CONFIG = apply(
    Config(), ["coach.target_spm=175", "coach.warmup_s=0", "coach.hold_s=4", "cues.pwm=software"]
)


class Bench:
    """A daemon in virtual time whose chip can be got at while it runs."""

    def __init__(self, tmp_path: Path, phases: tuple[Phase, ...] = LOW) -> None:
        self.clock = VirtualClock()
        self.chip = VirtualMpu6050(SimulatedRunner(phases), self.clock)
        self.transport = VirtualTransport([self.chip])
        self.said: list[str] = []
        self.told: list[Progress] = []
        self.duration_s = sum(p.duration_s for p in phases)
        self.directory = tmp_path / "runs"

    def run(self, at: dict[float, Callable[[], None]], config: Config = CONFIG) -> Ended:
        """Run to the end of the story; call each action once its time (s) has come."""
        due = sorted(at)

        def until() -> bool:
            while due and self.clock.monotonic() >= due[0]:
                at[due.pop(0)]()
            return self.clock.monotonic() >= self.duration_s

        daemon = Daemon(
            config,
            open_reader(self.transport, self.clock, config.imu),
            self.clock,
            Outputs([]),
            recorder_in(self.directory, synchronous=True),
            realtime=False,
            told=self.told.append,
            said=self.said.append,
        )
        return daemon.run(until)


def test_unplugged_and_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    ended = bench.run(
        {
            60.0: lambda: bench.transport.unplug(0x68),
            75.0: lambda: bench.transport.replug(0x68),
        }
    )
    assert ended.path is not None
    assert [s for s in bench.said if s.startswith("No samples from the sensor for 2 s")]
    assert sum("No samples" in s for s in bench.said) == 1  # said once
    assert "The sensor answers again." in bench.said
    assert len(ended.problems) == 1
    with RunReader(ended.path) as run:
        kinds = [e.kind for e in run.events()]
        assert kinds.count("sensor-lost") == kinds.count("sensor-back") == 1
        gaps = [b for b in run.blocks() if b.gap_s > 0]
        assert len(gaps) == 1
        assert gaps[0].gap_s == pytest.approx(15.0, abs=0.7)  # up to the reset after the return
        # silent from the loss on, and until 30 s of running have been seen again
        cues = [c.time_s for c in run.cues()]
        assert cues
        assert not [t for t in cues if 60.0 < t < 75.0 + 30.0]
        assert run.seconds()[-1].time_s > 150.0
    steps = [i for i in replay(open_recording(ended.path), CONFIG) if isinstance(i, np.void)]
    assert not [s for s in steps if s["ic_s"] < 60.0 and s["ic_s"] + s["step_s"] > 61.0]


def test_a_sensor_that_is_lost_to_the_end_is_no_good_run(tmp_path: Path) -> None:
    """The file ends with its last sample: that nothing came for a minute more must be told."""
    bench = Bench(tmp_path)
    ended = bench.run({95.0: lambda: bench.transport.unplug(0x68)})
    assert ended.path is not None
    with RunReader(ended.path) as run:
        verdict = judge(run)
    assert verdict.gap_s == pytest.approx(60.0, abs=0.5)
    assert verdict.quality == "poor"
    assert any("lost in 1 gap" in words for words in lines(verdict))
    assert advice(verdict).startswith("check the sensor's wires")


def test_a_sensor_that_repeats_itself_is_said_to(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    stuck = FaultySource(SimulatedRunner(LOW), FaultScript((Trouble("frozen", at_s=20.0),)))
    bench.transport = VirtualTransport([VirtualMpu6050(stuck, bench.clock)])
    bench.duration_s = 30.0
    bench.run({})
    (said,) = [words for words in bench.said if words.startswith("No samples")]
    assert "(the sensor repeats the same values)" in said


@pytest.mark.parametrize("wall_s", [0.0, 1_795_453_320.0], ids=["never set", "set"])
def test_with_quiet_hours_and_a_clock_never_set_it_is_quiet(tmp_path: Path, wall_s: float) -> None:
    """Nobody knows whether it is night. The replay and ``why`` say the same."""
    bench = Bench(tmp_path)
    bench.clock = VirtualClock(wall_s=wall_s)
    bench.chip = VirtualMpu6050(SimulatedRunner(LOW), bench.clock)
    bench.transport = VirtualTransport([bench.chip])
    hour = (time.localtime(wall_s).tm_hour + 6) % 24
    config = apply(CONFIG, [f"coach.quiet_hours={hour:02d}:00-{hour:02d}:30"])
    ended = bench.run({}, config)
    assert ended.path is not None
    with RunReader(ended.path) as run:
        cues, rules = [c.cue for c in run.cues()], {w.rule for w in run.withheld()}
        told = explain(run, 100.0)
    assert bool(cues) == (wall_s > 0.0)
    assert ("quiet.hours" in rules) == (wall_s == 0.0)
    assert [i.cue for i in replay(open_recording(ended.path), config) if isinstance(i, Cue)] == cues
    assert ("time of day is not known" in str(told)) == (wall_s == 0.0)


def test_a_brown_out_gives_no_wrong_sample(tmp_path: Path) -> None:
    """Back at its defaults a chip sleeps, then measures at ±2 g: nothing of that gets through."""
    bench = Bench(tmp_path)
    ended = bench.run({float(t): bench.chip.power_cycle for t in (40, 71, 103)})
    assert ended.path is not None
    assert ended.problems == ()
    with RunReader(ended.path) as run:
        counts = np.concatenate([b.counts for b in run.blocks()])
        gaps = [b.gap_s for b in run.blocks() if b.gap_s > 0]
    size = np.linalg.norm(counts[:, :3], axis=1) / 2048
    assert size.max() < 5.0  # at ±2 g scale the same running would read eight times as much
    assert np.mean(size[:800]) == pytest.approx(1.0, abs=0.05)
    assert len(gaps) == 3
    assert max(gaps) < 1.0


def test_no_folder_for_runs_does_not_stop_the_coach(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.directory.write_text("a file stands where the folder should be")
    ended = bench.run({})
    assert ended.path is None
    assert ended.cues > 0
    assert len(ended.problems) == 1
    assert str(bench.directory) in ended.problems[0] or "run" in ended.problems[0]
    assert bench.directory.read_text().startswith("a file")


def test_progress_is_told_each_second(tmp_path: Path) -> None:
    bench = Bench(tmp_path, (Phase("stand", 4.0), Phase("run", 20.0)))
    ended = bench.run({})
    times = np.array([p.time_s for p in bench.told])
    assert (np.diff(times) > 0.5).all()
    assert len(times) >= 20
    last = bench.told[-1]
    assert last.activity == 3
    assert last.cadence_spm == pytest.approx(170.0, abs=4.0)
    assert last.steps <= ended.steps


def test_nothing_at_the_address_is_one_sentence() -> None:
    clock = VirtualClock()
    with pytest.raises(SensorError, match="0x68") as caught:
        open_reader(VirtualTransport([]), clock, Config().imu)
    assert "SDA" in str(caught.value)
    assert "3.3 V" in str(caught.value)


def test_wall_clock_steps_change_nothing_but_anchors(tmp_path: Path) -> None:
    results = []
    for jump in (0.0, 1e8, -1e8):
        bench = Bench(tmp_path / str(jump))
        ended = bench.run({50.0: lambda b=bench, j=jump: b.clock.step_wall(j)})  # type: ignore[misc]
        assert ended.path is not None
        with RunReader(ended.path) as run:
            anchors = len(run.anchors())
            raw = b"".join(b.counts.tobytes() + b.times().tobytes() for b in run.blocks())
            results.append((raw, repr(run.steps()), repr(run.cues())))
        assert anchors == (1 if jump == 0.0 else 2)
    assert results[0] == results[1] == results[2]


def test_real_time_with_pins_status_and_notify(tmp_path: Path) -> None:
    """Real clock, real threads, gpiozero on its own mock pins, a real notify socket."""
    address = str(tmp_path / "notify")
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.bind(address)
    server.setblocking(False)
    messages: list[str] = []

    def listen() -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                messages.append(server.recv(100).decode())

    factory = MockFactory(pin_class=MockPWMPin)
    outputs = open_outputs(CONFIG.cues, factory)
    status_path = tmp_path / "status.json"
    seen: list[str] = []
    told: list[Progress] = []
    ending: list[bool] = []
    clock = SystemClock()
    chip = VirtualMpu6050(SimulatedRunner((Phase("run", 180.0, cadence_spm=160.0),)), clock)
    daemon = Daemon(
        CONFIG,
        open_reader(VirtualTransport([chip]), clock, CONFIG.imu),
        clock,
        outputs,
        recorder_in(tmp_path / "runs", synchronous=False),
        status=StatusFile(status_path),
        notifier=Notifier(address),
        told=told.append,
    )
    # 30 s of running come before any cue, more where a busy machine lost samples; then 4 s
    end = time.monotonic() + 150.0

    def until() -> bool:
        nonlocal end
        listen()
        if told and told[-1].cues and not ending:
            ending.append(True)
            end = time.monotonic() + 4.0
        if status_path.exists():
            found = read(status_path)
            assert found is not None
            seen.append(f"{found.state} {found.sensor.chip if found.sensor else ''}")
        return time.monotonic() > end

    ended = daemon.run(until)
    listen()
    server.close()
    assert messages[0] == "READY=1"
    assert messages.count("WATCHDOG=1") >= 3
    assert messages[-1] == "STOPPING=1"
    assert "recording MPU-6050" in seen
    assert not status_path.exists()
    assert ended.path is not None
    with RunReader(ended.path) as run:
        assert run.finished
        assert not run.virtual
        live = run.steps()
        played = [(c.cue, c.played_s - c.first_s) for c in run.cues()]
        waits = [c.first_s - c.time_s for c in run.cues()]
        gliding = glide(run.cues()[0].from_s, 60 / 175, 2)
        assert sum(len(b.counts) for b in run.blocks()) > 4 * 200
    items = list(replay(open_recording(ended.path), CONFIG))
    assert [float(i["ic_s"]) for i in items if isinstance(i, np.void)] == [s.ic_s for s in live]
    assert [i.cue for i in items if isinstance(i, Cue)] == ["step-up"]
    assert len(live) >= 8
    assert [name for name, _late in played] == ["step-up"]
    # on the runner's next foot, or on one after it where a busy machine came too late for that
    assert all(LEAD_S <= wait < LEAD_S + 0.5 for wait in waits)
    assert all(-1e-6 <= late < 0.8 for _name, late in played)
    buzzer = factory.pin(CONFIG.cues.buzzer_pin)
    assert buzzer.state == 0
    # hello 3 and record 1 tones, then four ticks that glide to the target's step interval
    at = np.cumsum([state.timestamp for state in buzzer.states])  # each since the one before
    level = np.array([float(state.state) for state in buzzer.states])
    rises = at[1:][(level[1:] > 0) & (level[:-1] == 0)]
    # the last two are the sound of the end
    ticks = np.diff(rises[-6:-2])
    assert ticks == pytest.approx([*gliding, 60 / 175], abs=0.05)
    assert not [t for t in threading.enumerate() if t.name.startswith("gaitpi-")]
    factory.reset()


def test_the_same_story_twice_is_the_same_run(tmp_path: Path) -> None:
    files = []
    for name in ("a", "b"):
        ended = play(
            SimulatedRunner(LOW), CONFIG, tmp_path / name, [], recording="low", rate_error=0.03
        )
        assert ended.path is not None
        with RunReader(ended.path) as run:
            files.append((repr(run.steps()), repr(run.cues()), repr(run.seconds())))
            cadence = run.totals().cadence_spm
    assert files[0] == files[1]
    # the chip runs 3 % fast and the clock knows it
    assert cadence == pytest.approx(160.0, rel=0.01)


class Announced(TerminalOutput):
    """Names of the sounds and what they are dated."""

    def __init__(self) -> None:
        super().__init__(io.StringIO())
        self.sounds: list[tuple[str, float]] = []

    def announce(self, sound: Pattern, time_s: float) -> None:
        self.sounds.append((sound.name, time_s))


def test_before_the_first_sample_it_starts_and_its_sounds_are_dated_from_there(
    tmp_path: Path,
) -> None:
    """The host's clock counts from its boot: nobody wants to hear of that."""
    told, file = Announced(), StatusFile(tmp_path / "status.json")
    starting: list[str] = []

    def said(_text: str) -> None:
        if not starting:
            found = read(tmp_path / "status.json")
            starting.append("" if found is None else found.starting)

    runner = SimulatedRunner((Phase("stand", 1.5),))
    play(runner, CONFIG, tmp_path, [told], recording="x", realtime=True, status=file, said=said)
    assert starting[0]
    assert [name for name, _ in told.sounds][:2] == ["hello", "record"]
    assert all(0.0 <= time_s < 3.0 for _, time_s in told.sounds), told.sounds
    assert read(tmp_path / "status.json") is None
