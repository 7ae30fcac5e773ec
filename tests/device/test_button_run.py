"""The button in the daemon: answered, recorded, and the same cues in the replay."""

import io
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin

from gaitpi.coach.types import Cue
from gaitpi.config import Config, apply
from gaitpi.cues.button import Button
from gaitpi.cues.outputs import Outputs, TerminalOutput, open_outputs
from gaitpi.cues.vocabulary import Pattern
from gaitpi.device.daemon import Daemon, Ended
from gaitpi.device.replay import open_recording, replay
from gaitpi.device.status import StatusFile, read
from gaitpi.device.virtual import recorder_in
from gaitpi.hostclock import SystemClock, VirtualClock
from gaitpi.imu.reader import open_reader
from gaitpi.imu.virtual.mpu6050 import VirtualMpu6050
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.runs.reader import RunReader, list_runs

PHASES = (Phase("stand", 5.0), Phase("run", 300.0, cadence_spm=160.0))
CONFIG = apply(
    Config(), ["coach.target_spm=175", "coach.warmup_s=0", "coach.hold_s=4", "cues.pwm=software"]
)


class Heard(TerminalOutput):
    """Names of the sounds, with the time they began."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(io.StringIO())
        self._clock = clock
        self.sounds: list[tuple[float, str]] = []

    def announce(self, sound: Pattern, time_s: float) -> None:
        self.sounds.append((round(self._clock.monotonic(), 2), sound.name))


class Bench:
    """A daemon in virtual time with a button on a mock pin."""

    def __init__(self, tmp_path: Path) -> None:
        self.clock = VirtualClock()
        self.factory = MockFactory()
        self.transport = VirtualTransport([VirtualMpu6050(SimulatedRunner(PHASES), self.clock)])
        self.heard = Heard(self.clock)
        self.said: list[str] = []
        self.directory = tmp_path / "runs"

    def hold(self, at_s: float, held_s: float) -> dict[float, Callable[[], None]]:
        pin: Any = self.factory.pin(27)
        return {at_s: pin.drive_low, at_s + held_s: pin.drive_high}

    def taps(self, at_s: float, n: int) -> dict[float, Callable[[], None]]:
        out: dict[float, Callable[[], None]] = {}
        for k in range(n):
            out |= self.hold(at_s + 0.3 * k, 0.1)
        return out

    def run(self, at: dict[float, Callable[[], None]], until_s: float = 200.0) -> Ended:
        due = sorted(at)

        def until() -> bool:
            while due and self.clock.monotonic() >= due[0]:
                at[due.pop(0)]()
            return self.clock.monotonic() >= until_s

        daemon = Daemon(
            CONFIG,
            open_reader(self.transport, self.clock, CONFIG.imu),
            self.clock,
            Outputs([self.heard]),
            recorder_in(self.directory, synchronous=True),
            realtime=False,
            said=self.said.append,
            button=Button(27, self.factory, self.clock),
        )
        return daemon.run(until)

    def paths(self) -> list[Path]:
        return sorted(entry.path for entry in list_runs(self.directory))


def events(path: Path) -> list[tuple[str, float, dict[str, Any]]]:
    with RunReader(path) as run:
        found = [(e.kind, e.time_s, json.loads(e.detail)) for e in run.events()]
    return [event for event in found if "gesture" in event[2]]


def replayed(path: Path) -> list[Cue]:
    return [item for item in replay(open_recording(path), CONFIG) if isinstance(item, Cue)]


def recorded(path: Path) -> list[tuple[float, str, float]]:
    with RunReader(path) as run:
        return [(c.time_s, c.cue, c.value) for c in run.cues()]


def test_mark_and_pain_are_answered_and_kept_at_the_time_of_the_press(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    ended = bench.run(bench.taps(20.0, 1) | bench.taps(30.0, 3) | bench.taps(40.0, 5))
    assert ended.path is not None
    kinds = [(kind, detail["gesture"]) for kind, _, detail in events(ended.path)]
    assert kinds == [("mark", "short"), ("pain", "triple"), ("button", "unclear")]
    times = [time_s for _, time_s, _ in events(ended.path)]
    assert times == pytest.approx([20.0, 30.0, 40.0], abs=0.2)
    answers = [(t, name) for t, name in bench.heard.sounds if name in ("mark", "pain", "no")]
    assert [name for _, name in answers] == ["mark", "pain", "no"]
    # within the pause that ends a gesture and the poll
    assert [t for t, _ in answers] == pytest.approx([20.6, 31.2, 41.8], abs=0.15)


def test_mute_silences_and_the_replay_knows(tmp_path: Path) -> None:
    plain = Bench(tmp_path / "plain")
    without = plain.run({})
    assert without.path is not None
    first = recorded(without.path)[0][0]
    bench = Bench(tmp_path / "muted")
    ended = bench.run(bench.taps(first - 3.0, 2) | bench.taps(150.0, 2), until_s=260.0)
    assert ended.path is not None
    assert [kind for kind, _, _ in events(ended.path)] == ["mute", "mute"]
    assert [n for _, n in bench.heard.sounds if "mute" in n] == ["mute", "unmute"]
    cues = recorded(ended.path)
    assert cues  # it speaks again after the second one
    assert all(time_s >= 160.0 for time_s, _, _ in cues)
    assert [(c.time_s, c.cue, c.value) for c in replayed(ended.path)] == cues


def test_pain_twice_rests_the_cues(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    ended = bench.run(bench.taps(10.0, 3) | bench.taps(15.0, 3) | bench.taps(18.0, 2))
    assert ended.path is not None
    assert not recorded(ended.path)
    assert not replayed(ended.path)
    names = [name for _, name in bench.heard.sounds if name != "record"]
    assert names[:4] == ["pain", "pain", "mute", "no"]


def test_stop_and_start_make_two_runs_each_replayed_alike(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    ended = bench.run(bench.hold(70.0, 2.0) | bench.taps(75.0, 1) | bench.hold(140.0, 2.0))
    names = [name for _, name in bench.heard.sounds]
    assert names == [
        *("record", "step-up"),
        *("hold", "stopped", "no", "reminder", "reminder", "reminder"),
        *("hold", "record", "step-up"),
    ]
    reminders = [t for t, name in bench.heard.sounds if name == "reminder"]
    assert reminders == pytest.approx([92.0, 112.0, 132.0], abs=0.3)
    first, second = bench.paths()
    assert ended.path == second
    for path, length_s in ((first, 72.0), (second, 58.0)):
        with RunReader(path) as run:
            assert run.finished
            assert run.seconds()[-1].time_s == pytest.approx(length_s, abs=1.5)
        assert recorded(path)
        assert [(c.time_s, c.cue, c.value) for c in replayed(path)] == recorded(path)
    assert "Stopped. Hold the button" in " ".join(bench.said)


def test_a_start_without_a_sensor_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.run(
        bench.hold(10.0, 2.0)
        | {13.0: lambda: bench.transport.unplug(0x68)}
        | bench.hold(20.0, 2.0),
        until_s=30.0,
    )
    assert [name for _, name in bench.heard.sounds] == ["record", "hold", "stopped", "hold", "no"]


def test_calibrate_is_refused_and_shutdown_ends_the_run(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    ended = bench.run(bench.hold(10.0, 6.0) | bench.hold(30.0, 12.0))
    assert ended.power_off
    assert bench.clock.monotonic() == pytest.approx(40.0, abs=0.2)
    names = [name for _, name in bench.heard.sounds]
    assert names == ["record", "hold", "hold-long", "no", "hold", "hold-long", "shutdown"]
    assert ended.path is not None
    with RunReader(ended.path) as run:
        assert run.finished
    assert [d["gesture"] for _, _, d in events(ended.path)] == ["calibrate", "power-off"]


def test_in_real_time_with_threads_and_pins(tmp_path: Path) -> None:
    clock = SystemClock()
    factory = MockFactory(pin_class=MockPWMPin)
    pin: Any = factory.pin(27)
    status = tmp_path / "status.json"
    states: list[str] = []
    start = time.monotonic()
    due = [
        (1.2, pin.drive_low),
        (2.9, pin.drive_high),  # stop
        (4.6, pin.drive_low),
        (6.3, pin.drive_high),  # start
    ]

    def until() -> bool:
        while due and time.monotonic() - start > due[0][0]:
            due.pop(0)[1]()
        if status.exists() and (found := read(status)) is not None:
            states.append(found.state)
        return time.monotonic() - start > 8.0

    source = SimulatedRunner((Phase("run", 60.0, cadence_spm=160.0),))
    daemon = Daemon(
        CONFIG,
        open_reader(VirtualTransport([VirtualMpu6050(source, clock)]), clock, CONFIG.imu),
        clock,
        open_outputs(CONFIG.cues, factory),
        recorder_in(tmp_path / "runs", synchronous=False),
        status=StatusFile(status),
        button=Button(27, factory, clock),
    )
    start = time.monotonic()
    ended = daemon.run(until)
    assert ended.problems == ()
    runs = list_runs(tmp_path / "runs")
    assert len(runs) == 2
    for entry in runs:
        with RunReader(entry.path) as run:
            assert run.finished
    seen = [state for k, state in enumerate(states) if k == 0 or states[k - 1] != state]
    assert seen == ["recording", "stopped by the button", "recording"]
    assert pin.function == "input"
    assert not [t for t in threading.enumerate() if t.name.startswith(("gaitpi-", "recorder"))]
    factory.reset()
