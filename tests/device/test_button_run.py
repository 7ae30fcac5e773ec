"""The button in the daemon: answered, recorded, and the same cues in the replay."""

import json
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin

from gaitpi.cues.button import Button
from gaitpi.cues.outputs import open_outputs
from gaitpi.device.control import Command, Peer
from gaitpi.device.controls import TWICE, Order
from gaitpi.device.daemon import Daemon
from gaitpi.device.status import StatusFile, read
from gaitpi.device.virtual import recorder_in
from gaitpi.hostclock import SystemClock
from gaitpi.imu.chips.mpu6050.twin import VirtualMpu6050
from gaitpi.imu.reader import open_reader
from gaitpi.imu.virtual.runner import SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.runs.reader import RunReader, list_runs
from tests.device.bench import CONFIG, Bench, events, recorded, replayed


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
    told: list[str] = []

    def look() -> None:
        daemon = bench.daemon
        told.extend([daemon._now().resting, daemon._look(bench.clock.monotonic()).resting])

    presses = bench.taps(10.0, 3) | bench.taps(15.0, 3) | bench.taps(18.0, 2)
    ended = bench.run({9.0: look, **presses, 120.0: look})
    assert ended.path is not None
    assert told == ["", "", TWICE, TWICE]  # and it is told why
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


def test_a_mute_lasts_beyond_the_end_of_its_run(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.run(bench.taps(30.0, 2) | bench.hold(60.0, 2.0) | bench.hold(70.0, 2.0), until_s=250.0)
    first, second = bench.paths()
    assert recorded(first) == recorded(second) == []
    assert replayed(second) == []
    with RunReader(second) as run:
        ((kind, text, detail),) = [
            (e.kind, e.text, e.detail) for e in run.events() if e.kind == "mute"
        ]
    assert (kind, text) == ("mute", "still muted, for 29 min")
    # as long as it was said, from the press on
    ended_s = 30.0 + 0.3 + 1800.0 - 72.0
    assert json.loads(detail) == {"from_s": -1.0, "until_s": pytest.approx(ended_s, abs=1.0)}


def test_a_mute_that_lasts_beyond_its_run_is_shown_and_can_be_ended(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    left: list[float] = []
    command = Command(Order("unmute"), Peer(1, 2, 3))

    def look() -> None:
        left.append(bench.daemon._now().muted_s)

    def ask() -> None:
        assert bench.board.put(command, 0.0) == ""

    between = {68.0: look, 68.5: ask, 69.5: look}
    bench.run(bench.taps(30.0, 2) | bench.hold(60.0, 2.0) | between | bench.hold(70.0, 2.0))
    assert left == [pytest.approx(30.0 + 1800.0 - 68.0, abs=2.0), 0.0]
    assert command.outcome is not None
    assert command.outcome.said == "cues on again from the next run on"
    first, second = bench.paths()
    assert recorded(first) == []
    assert recorded(second)


def test_two_runs_are_no_way_round_the_minute_between_cues(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.run({}, until_s=100.0)
    (path,) = bench.paths()
    cue_s = recorded(path)[0][0]
    other = Bench(tmp_path / "other")
    other.run(other.hold(cue_s + 2.0, 2.0) | other.hold(cue_s + 5.0, 2.0))
    first, second = other.paths()
    assert [name for _, name, _ in recorded(first)] == ["step-up"]
    times = [t for t, name in other.heard.sounds if name == "step-up"]
    assert 60.0 <= times[1] - times[0] < 75.0
    assert [(c.time_s, c.cue, c.value) for c in replayed(second)] == recorded(second)


def test_a_mute_while_the_sensor_is_lost_counts_from_the_press(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    left: list[float] = []
    bench.run(
        {
            40.0: lambda: bench.transport.unplug(0x68),
            100.0: lambda: left.append(bench.daemon._now().muted_s),
            101.0: lambda: bench.transport.replug(0x68),
        }
        | bench.taps(90.0, 2)
    )
    ((_, _, detail),) = events(bench.paths()[0])
    assert detail["from_s"] == pytest.approx(40.0, abs=0.5)
    assert detail["until_s"] == pytest.approx(90.0 + 1800.0, abs=1.5)
    assert left == [pytest.approx(1800.0 - 9.0, abs=1.0)]


def test_a_start_without_a_sensor_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.run(
        bench.hold(10.0, 2.0)
        | {13.0: lambda: bench.transport.unplug(0x68)}
        | bench.hold(20.0, 2.0),
        until_s=30.0,
    )
    assert [name for _, name in bench.heard.sounds] == ["record", "hold", "stopped", "hold", "no"]


def test_a_runner_on_the_way_is_not_still_and_shutdown_ends_the_run(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    ended = bench.run(bench.hold(10.0, 6.0) | bench.hold(30.0, 12.0))
    assert ended.power_off
    assert bench.clock.monotonic() == pytest.approx(40.0, abs=0.2)
    names = [name for _, name in bench.heard.sounds]
    assert names == [
        *("record", "hold", "hold-long", "measuring", "measuring", "not-still"),
        *("hold", "hold-long", "shutdown"),
    ]
    assert ended.path is not None
    with RunReader(ended.path) as run:
        assert run.finished
        assert [e.text[:5] for e in run.events() if e.kind == "stand"] == ["moved"]
    assert [d["gesture"] for _, _, d in events(ended.path)] == ["calibrate", "power-off"]


def test_in_real_time_with_threads_and_pins(tmp_path: Path) -> None:
    clock = SystemClock()
    factory = MockFactory(pin_class=MockPWMPin)
    pin: Any = factory.pin(27)
    status = tmp_path / "status.json"
    states: list[str] = []
    coach: set[str] = set()
    # each so long after the one before was done: a machine that stands still shortens no press
    due: list[tuple[float, Callable[[], None]]] = [
        (1.2, pin.drive_low),
        (2.2, pin.drive_high),  # stop
        (1.7, pin.drive_low),
        (2.2, pin.drive_high),  # start
        (1.7, lambda: None),
    ]
    done_s = math.inf

    def until() -> bool:
        nonlocal done_s
        done_s = min(done_s, time.monotonic())
        if time.monotonic() - done_s > due[0][0]:
            due.pop(0)[1]()
            done_s = time.monotonic()
        if status.exists() and (found := read(status)) is not None:
            states.append(found.state)
            if found.state == "recording":
                coach.add(found.coach)
        return not due

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
    ended = daemon.run(until)
    assert ended.problems == ()
    runs = list_runs(tmp_path / "runs")
    assert len(runs) == 2
    for entry in runs:
        with RunReader(entry.path) as run:
            assert run.finished
    seen = [state for k, state in enumerate(states) if k == 0 or states[k - 1] != state]
    assert seen == ["starting", "recording", "stopped by the button", "recording"]
    assert not [said for said in coach if "stopped" in said]  # that was the run before
    assert pin.function == "input"
    assert not [t for t in threading.enumerate() if t.name.startswith("gaitpi-")]
    factory.reset()
